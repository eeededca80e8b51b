// A loop over [0, count) on several threads. Items are handed out one by one, so uneven work balances itself; results go to
// their own slot, so the outcome never depends on the thread count. The first exception is rethrown after all threads ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace infig {

template <typename Function>
void parallel_for(int64_t count, int64_t threads, Function&& function) {
  std::atomic<int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      try {
        function(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(failure_mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  };
  std::vector<std::jthread> workers;
  for (int64_t t = 1; t < std::min(threads, count); ++t) workers.emplace_back(work);
  work();
  workers.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace infig
