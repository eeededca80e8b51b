// The small files of a run folder, and where its checkpoints lie.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "reference/temporary_folder.h"
#include "run/calibration.h"
#include "run/checkpoints.h"
#include "run/description.h"
#include "run/run_lock.h"
#include "run/seeds.h"
#include "run/trainer_state.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RunFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* step : {"step-000002", "step-000010"}) fs::create_directories(run() / "checkpoints" / step);
    std::ofstream(run() / "checkpoints/step-000002/model.safetensors") << "weights";
    fs::create_directory(folder_ / "outside");
    std::ofstream(folder_ / "outside/model.safetensors") << "weights";
  }
  fs::path run() const { return folder_ / "run"; }
  GuardedFolder checkpoints() const { return GuardedFolder(run() / "checkpoints"); }
  void link(const std::string& name, const fs::path& to) const {
    fs::remove(run() / name);
    fs::create_symlink(to, run() / name);
  }
  template <typename Error, typename Work>
  static std::string thrown(Work&& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
  reference::TemporaryFolder folder_{"run-files"};
};

TEST_F(RunFiles, NamesOfSteps) {
  EXPECT_EQ(checkpoint_name(500), "step-000500");
  EXPECT_EQ(checkpoint_name(12345678), "step-12345678");
  for (const char* good : {"step-000500", "step-1", "step-9223372036854775807"}) EXPECT_TRUE(is_checkpoint_name(good)) << good;
  for (const char* bad : {"", "step-", "step--1", "step-+1", "step-1 ", "step-1/", "step-9223372036854775808", "step-000500.broken",
                          "Step-1", "../step-1", "average"})
    EXPECT_FALSE(is_checkpoint_name(bad)) << bad;
  fs::create_directory(run() / "checkpoints/step-99999999999999999999999");  // no number of a step
  std::ofstream(run() / "checkpoints/step-5") << "no folder";
  EXPECT_THAT(checkpoint_names(checkpoints()), ElementsAre("step-000010", "step-000002"));
}

TEST_F(RunFiles, BestIsTheStepThatItsLinkNames) {
  EXPECT_THAT(thrown<CheckpointError>([&] { find_checkpoint(run()); }), HasSubstr("holds no checkpoints/best"));
  EXPECT_THAT(thrown<CheckpointError>([&] { find_checkpoint(run()); }), HasSubstr("none of its checkpoints is whole"));
  std::ofstream(run() / "checkpoints/step-000002/config.json") << "{}";
  EXPECT_THAT(
      thrown<CheckpointError>([&] { find_checkpoint(run()); }),
      HasSubstr("stopped before its first evaluation: continue it with train --resume latest, or use what it has learnt so far: --run " +
                (run() / "checkpoints/step-000002").string()));
  std::ofstream(run() / "metrics.jsonl") << "{\"step\":2,\"loss\":1}\n{\"step\":2,\"eval_loss\":1}\n";
  EXPECT_THAT(thrown<CheckpointError>([&] { find_checkpoint(run()); }), HasSubstr("the link was deleted"));
  fs::remove(run() / "metrics.jsonl");
  link("checkpoints/best", "step-000010");  // whose weights are gone
  EXPECT_THAT(
      thrown<CheckpointError>([&] { find_checkpoint(run()); }),
      HasSubstr("checkpoints/best is step-000010, which lacks model.safetensors; put the file back, or use another checkpoint of the "
                "run: --run " +
                (run() / "checkpoints/step-000002").string()));
  link("checkpoints/best", "step-000002");
  EXPECT_EQ(find_checkpoint(run()), run() / "checkpoints/step-000002");
  EXPECT_EQ(find_checkpoint(run() / "checkpoints/best"), run() / "checkpoints/best");  // as it was typed
  for (const char* target : {"../../outside", "/tmp", "step-000002/", "./step-000002", "average", "step-000002/../../../outside"}) {
    link("checkpoints/best", target);
    EXPECT_THAT(thrown<CheckpointError>([&] { find_checkpoint(run()); }), HasSubstr(std::string("checkpoints/best: leads to ") + target));
  }
  link("checkpoints/step-000003", "../../outside");
  link("checkpoints/best", "step-000003");
  EXPECT_THAT(thrown<CheckpointError>([&] { find_checkpoint(run()); }), HasSubstr("which is itself a link"));
  EXPECT_THAT(thrown<ResourceError>([&] { checkpoint_names(checkpoints()); }), HasSubstr("step-000003: is a symbolic link"));
  fs::remove(run() / "checkpoints/best");
  fs::rename(run() / "checkpoints/step-000002", run() / "checkpoints/best");  // an archive without links
  EXPECT_EQ(find_checkpoint(run()), run() / "checkpoints/best");
}

// The link is gone; what the newest checkpoint records of the best one decides what helps.
TEST_F(RunFiles, WithoutALinkTheAdviceIsWhatResumingWouldDo) {
  const auto said = [&] { return thrown<CheckpointError>([&] { find_checkpoint(run()); }); };
  std::ofstream(run() / "checkpoints/step-000002/config.json") << "{}";
  std::ofstream(run() / "metrics.jsonl") << "{\"step\":2,\"eval_loss\":1}\n";
  const std::string two = "--run " + (run() / "checkpoints/step-000002").string();
  const auto record = [&](int64_t best_step, bool finished) {
    TrainerState state;
    state.best_step = best_step;
    state.finished = finished;
    std::ofstream(run() / "checkpoints/step-000010/trainer_state.json") << state.to_json();
  };
  record(2, true);
  EXPECT_THAT(said(), HasSubstr("the link was deleted; train --resume latest sets it again, or use the checkpoint that it named: " + two));
  record(10, true);
  EXPECT_THAT(said(), HasSubstr("step-000010, is gone or damaged: put it back, or use another checkpoint of the run: " + two));
  record(10, false);
  EXPECT_THAT(said(), HasSubstr("put it back, continue the run without it (train --resume latest), or use another checkpoint"));
  EXPECT_THAT(thrown<CheckpointError>([&] { find_checkpoint(run(), "--init-from"); }), HasSubstr("--init-from " + two.substr(6)));
}

TEST_F(RunFiles, FoldersOfRunsAreNamed) {
  const auto said = [&](const fs::path& folder) { return thrown<CheckpointError>([&] { find_checkpoint(folder); }); };
  for (const char* name : {"seeds/seed-10", "seeds/seed-2", "seeds/seed-x", "ablation/full/seed-1", "runs/a", "runs/b", "data"})
    fs::create_directories(folder_ / name);
  EXPECT_THAT(seed_runs(folder_ / "seeds"), ElementsAre(folder_ / "seeds/seed-2", folder_ / "seeds/seed-10"));
  EXPECT_EQ(seed_of_folder("x/seed-7/"), 7U);
  for (const char* bad : {"seed-", "seed-7a", "seed--1", "seeds-1", "seed-99999999999999999999"}) EXPECT_FALSE(seed_of_folder(bad)) << bad;
  EXPECT_THAT(said(folder_ / "seeds"),
              HasSubstr("holds 2 runs (seed-2, seed-10); give one of them, as --run " + (folder_ / "seeds/seed-2").string()));
  EXPECT_THAT(said(folder_ / "ablation"),
              HasSubstr("holds an experiment (full); give one of its runs, as --run " + (folder_ / "ablation/full/seed-1").string()));
  for (const char* name : {"runs/a", "runs/b"}) std::ofstream(folder_ / name / "config.yaml") << "seed: 1\n";
  EXPECT_THAT(said(folder_ / "runs"), HasSubstr("holds 2 runs (a, b); give one of them"));
  EXPECT_THAT(said(folder_ / "runs/a"), HasSubstr("stopped before its first evaluation"));
  std::ofstream(folder_ / "runs/a/metrics.jsonl") << "{\"eval_loss\":1}\n";
  EXPECT_THAT(said(folder_ / "runs/a"), HasSubstr("its checkpoints are gone"));
  fs::remove(folder_ / "runs/a/metrics.jsonl");
  {
    const int lock = ::open((folder_ / "runs/a/.lock").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
    EXPECT_THAT(said(folder_ / "runs/a"), HasSubstr("it is being trained now"));
    ::close(lock);
    EXPECT_FALSE(is_locked(folder_ / "runs/a"));
  }
  std::ofstream(folder_ / "data/posts.jsonl") << "";
  EXPECT_THAT(said(folder_ / "data"), HasSubstr("is a data set folder"));
}

TEST_F(RunFiles, NoneOfTheNamesIsALink) {
  check_no_links(GuardedFolder(run()));
  link("notes", folder_ / "outside");  // nothing of infig's
  check_no_links(GuardedFolder(run()));
  for (const char* name :
       {"cache", "eval", "tensorboard", ".lock", "config.yaml", "description.json", "train.log", "metrics.jsonl", "timings.jsonl",
        "bad-pictures.csv", "report.html", "model-card.md", "checkpoints/step-000004", "checkpoints/average"}) {
    link(name, folder_ / "outside");
    EXPECT_THAT(thrown<ResourceError>([&] { check_no_links(GuardedFolder(run())); }),
                HasSubstr(std::string(name) + ": is a symbolic link"));
    fs::remove(run() / name);
  }
  ASSERT_EQ(::mkfifo((run() / "config.yaml").c_str(), 0600), 0);
  EXPECT_THAT(thrown<ResourceError>([&] { check_no_links(GuardedFolder(run())); }), HasSubstr("config.yaml: is no regular file"));
  fs::remove(run() / "config.yaml");
  for (const char* name : {"checkpoints/latest", "checkpoints/best"}) {
    link(name, folder_ / "outside");
    EXPECT_THAT(thrown<CheckpointError>([&] { check_no_links(GuardedFolder(run())); }), HasSubstr(std::string(name) + ": leads to"));
    fs::remove(run() / name);
  }
  fs::rename(run() / "checkpoints", folder_ / "elsewhere");
  link("checkpoints", folder_ / "elsewhere");
  EXPECT_THAT(thrown<ResourceError>([&] { check_no_links(GuardedFolder(run())); }), HasSubstr("checkpoints: is a symbolic link"));
}

TEST_F(RunFiles, TrainerStateThereAndBack) {
  TrainerState state;
  state.global_step = 7;
  state.epoch = 1;
  state.batch_in_epoch = 2;
  state.planned_epochs = {2, 4};
  state.best_metric = 0.5;
  state.gain_metric = .25;
  state.best_f1_weighted = 0.25;
  state.gain_metric = 0.375;
  state.best_step = 6;
  state.loss_scaler = {.scale = 32768, .good_steps = 4};
  state.window = json::array({1, 2, 3, 0.5, 0.5, 0.5, 0.5, 0.5});
  state.log_history = json::array({{{"step", 6}, {"eval_accuracy", 0.5}, {"eval_loss", nullptr}}});
  const TrainerState back = TrainerState::from_json(json::parse(state.to_json().dump()), "x");
  EXPECT_EQ(back.to_json(), state.to_json());
  state.best_metric = std::nan("");
  EXPECT_TRUE(std::isnan(TrainerState::from_json(json::parse(state.to_json().dump()), "x").best_metric));
  // Of before there was train.min_delta: the best is what must be beaten.
  json before = back.to_json();
  before.erase("gain_metric");
  EXPECT_EQ(TrainerState::from_json(before, "x").gain_metric, 0.5);
  // Of before there was a null: no dev post was scored.
  json old = json::parse(TrainerState{}.to_json().dump());
  EXPECT_TRUE(old.at("best_metric").is_null());
  old["best_metric"] = old["best_f1_weighted"] = -1;
  old.erase("planned_epochs");
  EXPECT_TRUE(std::isnan(TrainerState::from_json(old, "x").best_metric));
  EXPECT_TRUE(TrainerState::from_json(old, "x").planned_epochs.empty());
}

TEST_F(RunFiles, TrainerStateNamesTheKey) {
  const json good = TrainerState{}.to_json();
  for (const auto& [key, values] :
       std::map<std::string, std::vector<json>>{{"global_step", {"7", -1, 1.5, nullptr, UINT64_MAX}},
                                                {"epoch", {-1, json::array()}},
                                                {"batch_in_epoch", {-1, INT64_MAX}},
                                                {"planned_epochs", {1, json::array({0}), json::array({2, 2}), json::array({"x"})}},
                                                {"best_metric", {"x", json::object()}},
                                                {"best_step", {-2, true}},
                                                {"skipped_steps", {-1, "x"}},
                                                {"loss_scale", {0, -1, "x"}},
                                                {"finished", {0, "yes"}},
                                                {"window", {1, json::array({"x"}), json::object()}},
                                                {"log_history",
                                                 {1, json::array({1}), json::array({json::object()}), json::array({{{"step", "x"}}}),
                                                  json::array({{{"step", 1}, {"eval_loss", "x"}}})}}}) {
    for (const json& value : values) {
      json bad = good;
      bad[key] = value;
      EXPECT_THAT(thrown<CheckpointError>([&] { TrainerState::from_json(bad, "where"); }), HasSubstr("where: key " + key + ": is "))
          << value;
    }
  }
  json absent = good;
  absent.erase("epoch");
  EXPECT_THAT(thrown<CheckpointError>([&] { TrainerState::from_json(absent, "where"); }), HasSubstr("where: key epoch: is absent"));
}

TEST_F(RunFiles, AnotherFormatIsSaid) {
  const fs::path step = run() / "checkpoints/step-000002";
  check_checkpoint_format(step);  // no such file: broken, which is said elsewhere
  json state = TrainerState{}.to_json();
  write_file_atomic(step / "trainer_state.json", state.dump());
  check_checkpoint_format(step);
  state["format"] = 2;
  state["infig_version"] = 7;  // no text
  write_file_atomic(step / "trainer_state.json", state.dump());
  EXPECT_THAT(thrown<CheckpointError>([&] { check_checkpoint_format(step); }), HasSubstr("written by infig ? in format 2"));
}

TEST_F(RunFiles, CalibrationBesideTheBest) {
  link("checkpoints/best", "step-000002");
  EXPECT_FALSE(read_calibration(run()).has_value());
  Calibration fitted;
  fitted.temperature = 1.5;
  write_calibration(run(), fitted);
  const fs::path file = run() / "checkpoints/step-000002/calibration.json";
  EXPECT_EQ(read_calibration(run())->temperature, 1.5);
  const json good = json::parse(read_file(file));
  for (const auto& [key, value] : std::map<std::string, json>{{"temperature", 0}, {"split", 1}, {"posts", "x"}, {"data_sha256", nullptr}}) {
    json bad = good;
    bad[key] = value;
    write_file_atomic(file, bad.dump());
    EXPECT_THAT(thrown<CheckpointError>([&] { read_calibration(run()); }), HasSubstr("calibration.json: key " + key + ": is "));
  }
  fs::remove(file);
  fs::create_symlink(folder_ / "outside/model.safetensors", file);
  EXPECT_THAT(thrown<ResourceError>([&] { write_calibration(run(), {}); }), HasSubstr("calibration.json: is a symbolic link"));
  EXPECT_EQ(read_file(folder_ / "outside/model.safetensors"), "weights");
}

TEST_F(RunFiles, Description) {
  const auto read = [&](const json& description) {
    write_file_atomic(run() / "description.json", description.dump());
    return read_run_description(run());
  };
  EXPECT_EQ(read(json::object()).data_sha256, "");
  EXPECT_TRUE(read(json::object()).weights.is_null());
  const json full = {{"data_sha256", "abc"}, {"weights_sha256", {{"text.model", {{"model.safetensors", "def"}}}}}};
  EXPECT_EQ(read(full).data_sha256, "abc");
  EXPECT_EQ(read(full).weights, full["weights_sha256"]);
  for (const json& bad : {json{{"data_sha256", 1}}, json{{"weights_sha256", "x"}}, json{{"weights_sha256", {{"text.model", 1}}}},
                          json{{"weights_sha256", {{"text.model", {{"f", 1}}}}}}, json::array()})
    EXPECT_THAT(thrown<CheckpointError>([&] { read(bad); }), HasSubstr("description.json")) << bad;
}

TEST(TrainerStateWords, BetweenTwoEpochs) {
  TrainerState state;
  EXPECT_EQ(epoch_words(state), "in epoch 1");
  state.epoch = 4;
  EXPECT_EQ(epoch_words(state), "after epoch 4");
  state.batch_in_epoch = 2;
  EXPECT_EQ(epoch_words(state), "in epoch 5");
}

}  // namespace
}  // namespace infig
