#include "distributed/ranks.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <thread>

#include "core/error.h"

namespace infig {
namespace {

using Clock = std::chrono::steady_clock;

// MPI counts items in int; larger messages are refused.
constexpr int64_t kMostAtOnce = std::numeric_limits<int>::max() / 2;

void check_mpi(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw ResourceError(fmt::format("MPI: {} failed: {}", what, std::string(text.data(), static_cast<size_t>(length))));
}

int as_count(int64_t count) {
  if (count > kMostAtOnce) throw ResourceError(fmt::format("MPI: {} items in one message; a smaller batch is needed", count));
  return static_cast<int>(count);
}

MPI_Datatype type_of(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kFloat) return MPI_FLOAT;
  if (tensor.scalar_type() == at::kDouble) return MPI_DOUBLE;
  throw ShapeError(fmt::format("ranks: a sum is of float or double, found {}", c10::toString(tensor.scalar_type())));
}

std::vector<int> starts_of(const std::vector<int>& counts) {
  std::vector<int> starts(counts.size(), 0);
  for (size_t r = 1; r < counts.size(); ++r) starts[r] = starts[r - 1] + counts[r - 1];
  return starts;
}

}  // namespace

struct Ranks::Mpi {
  MPI_Comm all = MPI_COMM_NULL;   // for operations that are waited for
  MPI_Comm sums = MPI_COMM_NULL;  // for sums in the background
  std::vector<MPI_Request> running;
  std::vector<pid_t> processes_here;

  // Yields the core while waiting: with one compute thread per rank, the loader's workers may have no other.
  void wait(MPI_Request& request, const Ranks& ranks) const {
    const auto start = Clock::now();
    auto looked = start;
    int done = 0;
    for (int64_t turn = 0;; ++turn) {
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
      if (turn < 200) continue;
      if (turn < 2000) {
        std::this_thread::yield();
        continue;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      const auto now = Clock::now();
      if (now - looked < std::chrono::milliseconds(250)) continue;
      looked = now;
      ranks.look_for_the_gone(std::chrono::duration<double>(now - start).count());
    }
  }
};

Ranks::~Ranks() = default;

Ranks& Ranks::alone() {
  static Ranks one;
  return one;
}

Ranks& Ranks::of_the_launcher() {
  static Ranks all;
  return all;
}

Ranks& Ranks::started() { return of_the_launcher().mpi_ ? of_the_launcher() : alone(); }

Ranks& Ranks::world() {
  Ranks& all = of_the_launcher();
  if (all.mpi_) return all;
  // Reading another process's memory is forbidden in many containers, and OpenMPI would complain at every message.
  ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  int provided = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  all.mpi_ = std::make_unique<Mpi>();
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &all.mpi_->all), "MPI_Comm_dup");
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &all.mpi_->sums), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(all.mpi_->all, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(all.mpi_->sums, MPI_ERRORS_RETURN);
  int rank = 0, size = 1;
  MPI_Comm_rank(all.mpi_->all, &rank);
  MPI_Comm_size(all.mpi_->all, &size);
  all.rank_ = rank;
  all.size_ = size;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::vector<std::string> hosts = all.gather(std::string(host.data()));
  const auto process = static_cast<int64_t>(::getpid());
  const std::vector<int64_t> processes = all.gather(std::span(&process, 1));
  all.size_on_host_ = 0;
  for (size_t r = 0; r < hosts.size(); ++r) {
    if (hosts[r] != host.data()) continue;
    ++all.size_on_host_;
    if (static_cast<int64_t>(r) != all.rank_) all.mpi_->processes_here.push_back(static_cast<pid_t>(processes[r]));
  }
  return all;
}

int Ranks::threads() const {
  const int64_t cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int64_t bound = ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : cores;
  return static_cast<int>(std::max<int64_t>(1, bound < cores ? bound : cores / size_on_host_));
}

Ranks::Part Ranks::part(int64_t count, int64_t rank) const { return {.begin = count * rank / size_, .end = count * (rank + 1) / size_}; }

void Ranks::look_for_the_gone(double seconds) const {
  for (const pid_t process : mpi_->processes_here) {
    if (::kill(process, 0) == 0 || errno != ESRCH) continue;
    throw ResourceError(
        fmt::format("another rank on this machine (process {}) is gone; the run ends here. The last checkpoint is kept: continue with "
                    "--resume latest, with any number of ranks",
                    process));
  }
  const int number = stop_ != nullptr ? stop_->load() : 0;
  if (number == 0 || seconds < 1) return;
  throw Interrupted(
      fmt::format("stopped while it waited {:.0f} s for the other ranks; the last checkpoint is kept: continue with --resume latest",
                  seconds),
      128 + number);
}

void Ranks::barrier() {
  if (!several()) return;
  MPI_Request request{};
  check_mpi(MPI_Ibarrier(mpi_->all, &request), "MPI_Ibarrier");
  mpi_->wait(request, *this);
}

std::vector<int64_t> Ranks::gather(std::span<const int64_t> mine) {
  std::vector<int64_t> all(mine.begin(), mine.end());
  if (!several()) return all;
  all.resize(mine.size() * static_cast<size_t>(size_));
  const int count = as_count(static_cast<int64_t>(mine.size()));
  MPI_Request request{};
  check_mpi(MPI_Iallgather(mine.data(), count, MPI_INT64_T, all.data(), count, MPI_INT64_T, mpi_->all, &request), "MPI_Iallgather");
  mpi_->wait(request, *this);
  return all;
}

std::vector<std::string> Ranks::gather(const std::string& bytes) {
  if (!several()) return {bytes};
  const auto mine = static_cast<int64_t>(bytes.size());
  std::vector<int> counts;
  int64_t total = 0;
  for (const int64_t size : gather(std::span(&mine, 1))) {
    counts.push_back(as_count(size));
    total += size;
  }
  as_count(total);
  const std::vector<int> starts = starts_of(counts);
  std::string all(static_cast<size_t>(total), '\0');
  MPI_Request request{};
  check_mpi(
      MPI_Iallgatherv(bytes.data(), as_count(mine), MPI_BYTE, all.data(), counts.data(), starts.data(), MPI_BYTE, mpi_->all, &request),
      "MPI_Iallgatherv");
  mpi_->wait(request, *this);
  std::vector<std::string> parts;
  for (size_t r = 0; r < counts.size(); ++r) parts.push_back(all.substr(static_cast<size_t>(starts[r]), static_cast<size_t>(counts[r])));
  return parts;
}

std::string Ranks::broadcast(const std::string& bytes) {
  if (!several()) return bytes;
  return gather(first() ? bytes : std::string()).front();
}

void Ranks::sum(std::span<double> values) {
  if (!several() || values.empty()) return;
  MPI_Request request{};
  check_mpi(
      MPI_Iallreduce(MPI_IN_PLACE, values.data(), as_count(static_cast<int64_t>(values.size())), MPI_DOUBLE, MPI_SUM, mpi_->all, &request),
      "MPI_Iallreduce");
  mpi_->wait(request, *this);
}

at::Tensor Ranks::gather_rows(const at::Tensor& mine, const std::vector<int64_t>& rows) {
  if (!several()) return mine;
  const at::Tensor own = mine.contiguous();
  std::vector<int64_t> shape = own.sizes().vec();
  int64_t row_bytes = static_cast<int64_t>(own.element_size()), total = 0;
  for (size_t d = 1; d < shape.size(); ++d) row_bytes *= shape[d];
  if (static_cast<int64_t>(rows.size()) != size_ || rows[static_cast<size_t>(rank_)] != shape[0])
    throw ShapeError(fmt::format("ranks: {} rows were announced, the tensor has {}", rows.at(static_cast<size_t>(rank_)), shape[0]));
  std::vector<int> counts;
  for (const int64_t n : rows) {
    counts.push_back(as_count(n * row_bytes));
    total += n;
  }
  as_count(total * row_bytes);
  shape[0] = total;
  at::Tensor all = at::empty(shape, own.options());
  const std::vector<int> starts = starts_of(counts);
  MPI_Request request{};
  check_mpi(MPI_Iallgatherv(own.const_data_ptr(), counts[static_cast<size_t>(rank_)], MPI_BYTE, all.mutable_data_ptr(), counts.data(),
                            starts.data(), MPI_BYTE, mpi_->all, &request),
            "MPI_Iallgatherv");
  mpi_->wait(request, *this);
  return all;
}

at::Tensor Ranks::sum_rows(const at::Tensor& all, const std::vector<int64_t>& rows) {
  if (!several()) return all;
  const at::Tensor given = all.contiguous();
  std::vector<int64_t> shape = given.sizes().vec();
  int64_t row = 1;
  for (size_t d = 1; d < shape.size(); ++d) row *= shape[d];
  std::vector<int> counts;
  for (const int64_t n : rows) counts.push_back(as_count(n * row));
  shape[0] = rows.at(static_cast<size_t>(rank_));
  at::Tensor mine = at::empty(shape, given.options());
  MPI_Request request{};
  check_mpi(
      MPI_Ireduce_scatter(given.const_data_ptr(), mine.mutable_data_ptr(), counts.data(), type_of(given), MPI_SUM, mpi_->all, &request),
      "MPI_Ireduce_scatter");
  mpi_->wait(request, *this);
  return mine;
}

void Ranks::start_sum(float* values, int64_t count) {
  if (!several() || count == 0) return;
  MPI_Request request{};
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, values, as_count(count), MPI_FLOAT, MPI_SUM, mpi_->sums, &request), "MPI_Iallreduce");
  mpi_->running.push_back(request);
}

void Ranks::progress() {
  if (!several() || mpi_->running.empty()) return;
  int done = 0;
  check_mpi(MPI_Testall(as_count(static_cast<int64_t>(mpi_->running.size())), mpi_->running.data(), &done, MPI_STATUSES_IGNORE),
            "MPI_Testall");
  if (done != 0) mpi_->running.clear();
}

void Ranks::finish_sums() {
  if (!several()) return;
  for (MPI_Request& request : mpi_->running) mpi_->wait(request, *this);
  mpi_->running.clear();
}

void Ranks::abort(int exit_code) {
  if (mpi_) MPI_Abort(MPI_COMM_WORLD, exit_code);
}

void Ranks::finish() {
  if (!mpi_) return;
  MPI_Comm_free(&mpi_->all);
  MPI_Comm_free(&mpi_->sums);
  MPI_Finalize();
  mpi_.reset();
}

}  // namespace infig
