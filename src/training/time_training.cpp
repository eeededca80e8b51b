#include "training/time_training.h"

#include <fmt/format.h>

#include <chrono>

#include "core/error.h"
#include "core/words.h"
#include "training/run_inputs.h"
#include "training/session.h"

namespace infig {

BenchResult time_training(const RunConfig& config, const DataSet& whole, const BenchPlan& plan, StageTimer& timer, Ranks& ranks) {
  const int64_t warmup = plan.warmup, steps = plan.steps;
  std::vector<std::vector<std::string>>* ids = plan.batches;
  const DataSet data = posts_of_run(whole, config);
  check_trainable(config, data, ranks);
  Session session(config, data, {.cache = plan.cache}, ranks);
  int64_t done = 0, posts = 0;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  for (int64_t epoch = 0; done < warmup + steps; ++epoch) {
    const auto batches = session.epoch_batches(epoch);
    for (size_t n = 0; ids != nullptr && n < batches.size(); ++n) {
      auto& named = ids->emplace_back();
      for (const int64_t row : batches[n]) named.push_back(data.posts[static_cast<size_t>(row)].id);
    }
    auto stream = session.loader().stream(session.own_rows(batches), epoch, &timer);
    for (const auto& rows : batches) {
      if (done == warmup + steps) break;
      session.step(*stream.next(), rows, done % session.total_steps(), &timer);
      posts += static_cast<int64_t>(rows.size());
      if (plan.stop != nullptr && plan.stop->load() != 0)
        throw Interrupted(fmt::format("stopped after {} by request; nothing was measured", counted(done + 1, "step")),
                          128 + plan.stop->load());
      if (++done == warmup) {
        timer.clear();
        posts = 0;
        start = std::chrono::steady_clock::now();
      }
    }
  }
  return {.posts = posts,
          .batch_size = session.batch_size(),
          .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace infig
