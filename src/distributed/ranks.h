// The processes that train or score together: `mpirun -n K infig ...` or Slurm's srun, over MPI. Without a launcher there is one rank and
// nothing is sent. Communication is collective: every rank calls the same functions in the same order, on its main thread.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace infig {

class Ranks {
 public:
  // A single rank, regardless of the launcher.
  static Ranks& alone();
  // All processes that the launcher started together with this one. The first call initialises MPI. Throws ResourceError if that fails.
  static Ranks& world();
  // world() if it has been called, else alone(). For messages and exit codes.
  static Ranks& started();
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  int64_t size_on_host() const { return size_on_host_; }  // ranks on this machine, including this one
  bool first() const { return rank_ == 0; }               // the rank that writes files
  bool several() const { return size_ > 1; }
  int threads() const;  // compute threads per rank: the cores that the launcher bound it to, or its share of the machine's

  // The items begin .. end - 1 of `count` that belong to `rank`: contiguous parts in rank order, whose sizes differ by at most one.
  struct Part {
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
  };
  Part part(int64_t count, int64_t rank) const;
  Part part(int64_t count) const { return part(count, rank_); }

  void barrier();
  std::string broadcast(const std::string& bytes);             // returns the first rank's bytes on every rank
  std::vector<std::string> gather(const std::string& bytes);   // returns every rank's bytes, in rank order, on every rank
  std::vector<int64_t> gather(std::span<const int64_t> mine);  // n numbers from each of K ranks -> [K x n]
  void sum(std::span<double> values);                          // sums over the ranks, in place

  // Gathers rows in rank order: [n_r, ...] -> [sum n_r, ...]; rows[r] = n_r, the same on every rank. CPU tensors of any type; no gradient
  // (gather.h).
  at::Tensor gather_rows(const at::Tensor& mine, const std::vector<int64_t>& rows);
  // The transpose of gather_rows(): [sum n_r, ...] float or double on every rank -> the sum over the ranks of this rank's rows.
  at::Tensor sum_rows(const at::Tensor& all, const std::vector<int64_t>& rows);

  // Starts a sum over the ranks that runs in the background. Do not touch `values` until finish_sums(); progress() advances pending sums.
  void start_sum(float* values, int64_t count);
  void progress();
  void finish_sums();

  // Sets a flag that is nonzero once the run is to stop. A rank that waits for others then stops waiting and throws Interrupted.
  void watch(const std::atomic<int>* stop) { stop_ = stop; }
  // Terminates all ranks of the job with this exit code. Does not return under MPI.
  void abort(int exit_code);
  // Tells the launcher that this rank has finished normally. No communication is allowed afterwards.
  void finish();

  // Every function that waits throws ResourceError if another rank on this machine has died, and Interrupted if the run is to stop and the
  // other ranks have not answered for a second.

 private:
  Ranks() = default;
  static Ranks& of_the_launcher();
  struct Mpi;
  void look_for_the_gone(double seconds) const;

  int64_t rank_ = 0, size_ = 1, size_on_host_ = 1;
  std::unique_ptr<Mpi> mpi_;
  const std::atomic<int>* stop_ = nullptr;
};

}  // namespace infig
