#include "quality/shortcuts.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "core/progress.h"
#include "linear/sparse_regression.h"
#include "linear/tfidf.h"
#include "quality/text_facts.h"
#include "text/normal_form.h"

namespace infig {
namespace {

using Trait = std::function<std::string(int64_t row)>;

class Judge {
 public:
  explicit Judge(const DataSet& data) : data_(data), classes_(data.labels.size()), train_(data.rows_of(Split::kTrain)) {
    for (const Split split : {Split::kDev, Split::kTest}) {
      std::vector<int64_t> rows = data.rows_of(split);
      std::erase_if(rows, [&](int64_t row) { return data.posts[static_cast<size_t>(row)].label_id < 0; });
      if (!rows.empty()) scored_[split] = std::move(rows);
    }
    std::vector<int64_t> counts(classes_);
    for (const int64_t row : train_) ++counts[label_of(row)];
    if (!train_.empty()) majority_ = largest(counts);
  }

  bool can_score() const { return !train_.empty() && !scored_.empty(); }
  const std::vector<int64_t>& train() const { return train_; }
  size_t classes() const { return classes_; }
  size_t majority() const { return majority_; }
  const std::string& text(int64_t row) const { return data_.posts[static_cast<size_t>(row)].text; }
  size_t label_of(int64_t row) const { return static_cast<size_t>(data_.posts[static_cast<size_t>(row)].label_id); }
  const std::string& label_name(size_t label) const { return data_.labels[label]; }
  const std::map<Split, std::vector<int64_t>>& scored() const { return scored_; }

  static size_t largest(const std::vector<int64_t>& counts) {
    return static_cast<size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }

  // What train says for every value of the trait.
  std::map<std::string, size_t> answers(const Trait& trait) const {
    std::map<std::string, std::vector<int64_t>> counts;
    for (const int64_t row : train_) {
      auto& own = counts[trait(row)];
      own.resize(classes_);
      ++own[label_of(row)];
    }
    std::map<std::string, size_t> answers;
    for (const auto& [value, own] : counts) answers[value] = largest(own);
    return answers;
  }

  // `predict` gives the label of a row.
  void score(Shortcut& shortcut, const std::function<size_t(int64_t row)>& predict) const {
    for (const auto& [split, rows] : scored_) {
      std::vector<std::vector<int64_t>> confusion(classes_, std::vector<int64_t>(classes_));
      int64_t right = 0;
      for (const int64_t row : rows) {
        const size_t said = predict(row);
        ++confusion[label_of(row)][said];
        right += said == label_of(row) ? 1 : 0;
      }
      const auto count = static_cast<int64_t>(rows.size());
      const ClassificationScores scores = score_confusion(std::move(confusion));
      const Interval interval = wilson_interval(right, count);
      shortcut.splits[split] = {.posts = count,
                                .accuracy = scores.accuracy,
                                .accuracy_low = interval.low,
                                .accuracy_high = interval.high,
                                .f1_macro = scores.f1_macro,
                                .f1_weighted = scores.f1_weighted};
    }
  }

  Shortcut by_trait(const std::string& name, const Trait& trait) const {
    const auto answers_of = answers(trait);
    Shortcut shortcut{.name = name, .detail = "", .splits = {}};
    const bool alike =
        std::all_of(answers_of.begin(), answers_of.end(), [&](const auto& one) { return one.second == answers_of.begin()->second; });
    if (alike) {
      shortcut.detail = "always " + label_name(answers_of.begin()->second);  // the trait does not help
    } else if (answers_of.size() == 2) {
      for (const auto& [value, label] : answers_of)
        shortcut.detail += fmt::format("{}{}: {}", shortcut.detail.empty() ? "" : ", ", value, label_name(label));
    } else {
      shortcut.detail = fmt::format("{} values", answers_of.size());
    }
    score(shortcut, [&](int64_t row) {
      const auto found = answers_of.find(trait(row));
      return found == answers_of.end() ? majority_ : found->second;
    });
    return shortcut;
  }

 private:
  const DataSet& data_;
  size_t classes_;
  std::vector<int64_t> train_;
  std::map<Split, std::vector<int64_t>> scored_;
  size_t majority_ = 0;
};

std::vector<std::string> distinct_words(const std::string& text) {
  std::vector<std::string> words = terms_of_text(text);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

// The word whose rule is right most often on train.
std::string best_word(const Judge& judge, int64_t max_words) {
  std::unordered_map<std::string, std::vector<int64_t>> counts;
  std::vector<int64_t> all(judge.classes());
  for (const int64_t row : judge.train()) {
    ++all[judge.label_of(row)];
    for (const auto& word : distinct_words(judge.text(row))) {
      auto& own = counts[word];
      own.resize(judge.classes());
      ++own[judge.label_of(row)];
    }
  }
  std::vector<std::pair<int64_t, const std::string*>> frequent;
  for (const auto& [word, own] : counts) {
    int64_t posts = 0;
    for (const int64_t count : own) posts += count;
    frequent.emplace_back(-posts, &word);
  }
  std::sort(frequent.begin(), frequent.end(),
            [](const auto& a, const auto& b) { return std::pair(a.first, *a.second) < std::pair(b.first, *b.second); });
  frequent.resize(std::min(frequent.size(), static_cast<size_t>(max_words)));
  std::string best;
  int64_t most = -1;
  for (const auto& [posts, word] : frequent) {
    const auto& with = counts.at(*word);
    int64_t without = 0;
    for (size_t label = 0; label < all.size(); ++label) without = std::max(without, all[label] - with[label]);
    const int64_t right = *std::max_element(with.begin(), with.end()) + without;
    if (right > most || (right == most && *word < best)) {
      most = right;
      best = *word;
    }
  }
  return best;
}

Shortcut bag_of_words(const Judge& judge, const ShortcutOptions& options) {
  const auto texts_of = [&](const std::vector<int64_t>& rows) {
    std::vector<std::string> texts;
    texts.reserve(rows.size());
    for (const int64_t row : rows) texts.push_back(judge.text(row));
    return texts;
  };
  std::vector<int64_t> labels;
  for (const int64_t row : judge.train()) labels.push_back(static_cast<int64_t>(judge.label_of(row)));
  TfidfVectorizer vectorizer({.pairs = false, .max_terms = options.max_words});
  const std::vector<std::string> texts = texts_of(judge.train());
  vectorizer.fit(texts);
  Shortcut shortcut{.name = "bag of words", .detail = fmt::format("{} words", vectorizer.term_count()), .splits = {}};
  SparseRegression model;
  const auto classes = static_cast<int64_t>(judge.classes());
  if (vectorizer.term_count() > 0) model.fit(vectorizer.transform(texts), labels, classes, {.threads = options.threads});
  std::unordered_map<int64_t, size_t> said;
  for (const auto& [split, rows] : judge.scored()) {
    std::vector<double> probabilities;
    if (vectorizer.term_count() > 0) probabilities = model.predict_proba(vectorizer.transform(texts_of(rows)));
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto begin = probabilities.begin() + static_cast<std::ptrdiff_t>(i) * classes;
      said[rows[i]] = probabilities.empty() ? judge.majority() : static_cast<size_t>(std::max_element(begin, begin + classes) - begin);
    }
  }
  judge.score(shortcut, [&](int64_t row) { return said.at(row); });
  return shortcut;
}

bool starts_with_rt(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string::npos && (text.compare(begin, 3, "RT ") == 0 || text.compare(begin, 3, "rt ") == 0);
}

}  // namespace

std::vector<Shortcut> find_shortcuts(const DataSet& data, const std::vector<PictureFacts>& pictures, const ShortcutOptions& options) {
  const Judge judge(data);
  if (!judge.can_score()) return {};
  std::vector<Shortcut> shortcuts;
  const auto word_of = [](bool holds) { return std::string(holds ? "with" : "without"); };
  const auto has = [&](const char* sign) {
    return [&judge, &word_of, sign](int64_t row) { return word_of(judge.text(row).find(sign) != std::string::npos); };
  };
  const bool pictured = std::any_of(pictures.begin(), pictures.end(), [](const PictureFacts& facts) { return facts.usable; });
  ProgressBar bar("shortcuts", pictured ? 12 : 10, "rules");
  const auto add = [&](Shortcut shortcut) {
    shortcuts.push_back(std::move(shortcut));
    bar.update(static_cast<int64_t>(shortcuts.size()));
  };
  Shortcut majority{.name = "majority", .detail = judge.label_name(judge.majority()), .splits = {}};
  judge.score(majority, [&](int64_t) { return judge.majority(); });
  add(std::move(majority));
  add(judge.by_trait("has #", has("#")));
  add(judge.by_trait("has URL", [&](int64_t row) { return word_of(has_url(judge.text(row))); }));
  add(judge.by_trait("starts with RT", [&](int64_t row) { return word_of(starts_with_rt(judge.text(row))); }));
  for (const char* sign : {"@", "!", "?"}) add(judge.by_trait(std::string("has ") + sign, has(sign)));
  const std::string word = best_word(judge, options.max_words);
  add(judge.by_trait(fmt::format("best word \"{}\"", word), [&](int64_t row) {
    const auto words = terms_of_text(judge.text(row));
    return word_of(std::find(words.begin(), words.end(), word) != words.end());
  }));
  add(judge.by_trait("words", [&](int64_t row) { return std::to_string(count_words(judge.text(row))); }));
  if (pictured) {
    const auto picture = [&](int64_t row) -> const PictureFacts& { return pictures[static_cast<size_t>(row)]; };
    add(judge.by_trait("picture missing", [&](int64_t row) { return std::string(picture(row).usable ? "there" : "missing"); }));
    add(judge.by_trait("picture size", [&](int64_t row) { return fmt::format("{}x{}", picture(row).width, picture(row).height); }));
  }
  add(bag_of_words(judge, options));
  return shortcuts;
}

}  // namespace infig
