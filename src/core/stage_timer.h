// Where the time goes: seconds summed per named stage, from any thread. A null timer costs nothing.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace infig {

class StageTimer {
 public:
  void add(const std::string& stage, double seconds) {
    const std::lock_guard<std::mutex> lock(mutex_);
    seconds_[stage] += seconds;
  }
  std::map<std::string, double> seconds() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return seconds_;
  }
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    seconds_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, double> seconds_;
};

// Adds the time from its construction to its end to one stage.
class StageScope {
 public:
  StageScope(StageTimer* timer, const char* stage) : timer_(timer), stage_(stage), start_(std::chrono::steady_clock::now()) {}
  ~StageScope() {
    if (timer_ != nullptr) timer_->add(stage_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  }
  StageScope(const StageScope&) = delete;
  StageScope& operator=(const StageScope&) = delete;

 private:
  StageTimer* timer_;
  const char* stage_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace infig
