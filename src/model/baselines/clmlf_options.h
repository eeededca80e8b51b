// Keys of CLMLF (clmlf.h): those of its text encoder and picture backbone are INFIG's, the rest its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/infig_options.h"
#include "model/model.h"

namespace infig {

struct ClmlfNetOptions {
  double dropout = 0.1;          // before the classifier's hidden layer
  double temperature = 0.07;     // tau of both contrastive losses, > 0
  double data_weight = 1;        // of L_data; 0: off
  double label_weight = 1;       // of L_label; 0: off
  std::string back_translation;  // JSON: a list of {"id", "text_translation"}; empty: the text without some of its words
  double word_dropout = 0.1;     // share of the words that such a text loses
  int64_t frozen_epochs = 20;    // epochs at the start in which the text encoder is not trained
  bool strict = false;           // as released: clmlf.h
};

class ClmlfOptions : public ModelOptions {
 public:
  ClmlfOptions();
  // Text encoder, backbone, image layers and fusion layers; of the rest of INFIG nothing is used.
  InfigOptions towers;
  ClmlfNetOptions net;

  int64_t hidden_size() const { return towers.hidden_size(); }
  bool second_text_is_made() const { return net.data_weight > 0 && net.back_translation.empty(); }
  std::vector<std::string> marks() const;  // what stood in for something: "view=surrogate"

  std::unique_ptr<ModelOptions> clone() const override { return std::make_unique<ClmlfOptions>(*this); }
  void bind(ConfigBinder& binder) override;  // sections text, image, clmlf, loss
  std::vector<GivenWay> give_way(const std::function<bool(const std::string& key)>& typed) override { return towers.give_way(typed); }
  void resolve(bool random_init) override;
  void adopt(const nlohmann::json& config, const std::string& where) override;
  void finish() override;
  bool wants_tokens() const override { return true; }
  std::unique_ptr<Tokenizer> make_tokenizer(const DataSet& data) const override { return towers.make_tokenizer(data); }
  void adopt_tokenizer(const Tokenizer& tokenizer, bool random_init) override { towers.adopt_tokenizer(tokenizer, random_init); }
  void prepare_tokenizer(Tokenizer& tokenizer) const override { towers.prepare_tokenizer(tokenizer); }
  std::shared_ptr<Model> make_model(int64_t num_labels) const override;
  ClassificationLossOptions classification(const std::vector<int64_t>& posts_of_class) const override;
  bool batch_statistics() const override { return net.strict || towers.image.batch_norm_train; }
  std::vector<std::string> pretrained_parameters() const override;
  std::vector<std::pair<std::string, std::filesystem::path>> pretrained_files() const override { return towers.pretrained_files(); }
};

}  // namespace infig
