// A data set of forty drawn posts and a model that trains on it in a second: what the tests of training share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/files.h"
#include "image/encode.h"
#include "reference/temporary_folder.h"
#include "training/trainer.h"

namespace infig {

namespace fs = std::filesystem;

class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    data_.name = "toy";
    data_.folder = folder_;
    data_.labels = {"neg", "pos"};
    data_.sha256 = "abc";
    for (int i = 0; i < 40; ++i) {
      const bool positive = i % 2 == 0;
      const Image image = make_image(32, 32, positive ? 230 : 20, static_cast<uint8_t>(i * 5), 90);
      const fs::path path = folder_ / (std::to_string(i) + ".jpg");
      write_file_atomic(path, encode_jpeg(image, 90));
      data_.posts.push_back({.id = std::to_string(i),
                             .text = positive ? "a lovely day at the sea number " + std::to_string(i) : "the storm took it all",
                             .image = path,
                             .label = positive ? "pos" : "neg",
                             .label_id = positive ? 1 : 0,
                             .split = i < 28 ? Split::kTrain : Split::kDev});
    }
  }

  static std::vector<std::string> overrides(const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"device=cpu",
                                    "precision=fp32",
                                    "threads=1",
                                    "text.vocab_size=64",
                                    "text.hidden_size=16",
                                    "text.num_hidden_layers=3",
                                    "text.num_attention_heads=2",
                                    "text.intermediate_size=32",
                                    "text.position_buckets=8",
                                    "text.max_position_embeddings=64",
                                    "image.size=32",
                                    "image.resize=32",
                                    "image.augment=flip",
                                    "image.bottleneck=false",
                                    "image.stage_blocks=[1, 1, 1, 1]",
                                    "image.stage_widths=[4, 4, 8, 8]",
                                    "image.stem_width=4",
                                    "image.stem_pool=false",
                                    "image.finetune=true",
                                    "image.batch_norm_train=true",
                                    "image.num_hidden_layers=3",
                                    "image.num_attention_heads=2",
                                    "image.intermediate_size=32",
                                    "fusion.num_hidden_layers=1",
                                    "fusion.num_attention_heads=2",
                                    "fusion.intermediate_size=32",
                                    "optim.lr=1e-3",
                                    "train.epochs=3",
                                    "train.batch_size=6",
                                    "train.log_every=3",
                                    "gam.queue_size=10"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  TrainRequest request(const std::string& name, const std::vector<std::string>& more = {}) const {
    TrainRequest made;
    made.config = load_run_config("", overrides(more));
    made.run = folder_ / name;
    return made;
  }
  std::string weights(const std::string& run, const std::string& step) const {
    return sha256_file(folder_ / run / "checkpoints" / step / "model.safetensors");
  }
  std::string metrics(const std::string& run) const { return read_file(folder_ / run / "metrics.jsonl"); }

  reference::TemporaryFolder folder_{"train"};
  DataSet data_;
};

}  // namespace infig
