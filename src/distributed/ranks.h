// The processes that work on one batch together: `mpirun -n K infig ...` or Slurm's srun, over MPI. Without a launcher there is one rank
// and nothing is ever sent. Everything here is collective: every rank calls the same functions in the same order, on its main thread.
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
  // All processes that a launcher started with this one. The first call initialises MPI. Throws ResourceError where MPI cannot be had.
  static Ranks& world();
  // world() where it was called before, else alone(): for messages and exit codes.
  static Ranks& started();
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  int64_t size_on_host() const { return size_on_host_; }  // ranks on this machine, this one included
  bool first() const { return rank_ == 0; }               // the one that writes
  bool several() const { return size_ > 1; }
  int threads() const;  // compute threads for each: the cores that the launcher bound it to, or else its share of the machine's

  // Items begin .. end - 1 of `count` fall to `rank`: parts in rank order, which differ by one item at most.
  struct Part {
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
  };
  Part part(int64_t count, int64_t rank) const;
  Part part(int64_t count) const { return part(count, rank_); }

  void barrier();
  std::string broadcast(const std::string& bytes);             // the first rank's, on every rank
  std::vector<std::string> gather(const std::string& bytes);   // every rank's, in rank order, on every rank
  std::vector<int64_t> gather(std::span<const int64_t> mine);  // [K x n]: every rank gives n numbers
  void sum(std::span<double> values);                          // over the ranks, in place

  // Rows of every rank, one rank's below the other's: [n_r, ...] -> [sum n_r, ...]; rows[r] = n_r, alike on every rank. CPU tensors of any
  // type; no gradient (see gather.h).
  at::Tensor gather_rows(const at::Tensor& mine, const std::vector<int64_t>& rows);
  // The transpose of that: [sum n_r, ...] float or double on every rank -> the sum over ranks of this rank's rows.
  at::Tensor sum_rows(const at::Tensor& all, const std::vector<int64_t>& rows);

  // A sum that runs while this rank computes. Do not touch `values` until finish_sums(); progress() advances pending sums.
  void start_sum(float* values, int64_t count);
  void progress();
  void finish_sums();

  // The run stops once this is not 0. A rank that waits for another one then stops waiting: see `Interrupted` below.
  void watch(const std::atomic<int>* stop) { stop_ = stop; }
  // Ends every rank of the job with this exit code. Does not return where there are several.
  void abort(int exit_code);
  // Tells the launcher that this rank has finished normally. Nothing may be sent afterwards.
  void finish();

  // Every wait throws ResourceError once a rank on this machine is gone, and Interrupted where the run is to stop and the others no longer
  // answer.

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
