// Posts that occur more than once: across splits (leaks) and inside one, by text and by picture.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/post.h"
#include "quality/near.h"

namespace infig {

enum class LeakKind {
  kText,            // equal texts, byte for byte
  kNormalisedText,  // equal normal_form(); those of equal texts among them
  kNearText,        // near_texts() of normal forms; equal ones are not among them
  kPicture,         // equal files, byte for byte
  kNearPicture,     // near_pictures(); equal files are not among them
};
inline constexpr LeakKind kLeakKinds[] = {LeakKind::kText, LeakKind::kNormalisedText, LeakKind::kNearText, LeakKind::kPicture,
                                          LeakKind::kNearPicture};
const char* leak_kind_name(LeakKind kind);  // "text", "normalised_text", "near_text", "picture", "near_picture"

// Posts grouped by content. Contents, and the rows of each, are in reading order: train, dev, test, and file order within a split.
struct Contents {
  std::vector<std::vector<int64_t>> rows;  // of each content
  std::vector<int64_t> content_of;         // [posts] index into `rows`; -1: the post has none
};

// Groups rows by equal keys; an empty key is no content.
Contents group_contents(const DataSet& data, std::span<const std::string> keys);

// A repeated post. `other` precedes `row` in reading order. Of several earlier posts of one split it is one with the same
// label if there is one, of these the most similar, of these the first; so differing labels mean that no earlier twin of that
// split has the row's label.
struct Leak {
  LeakKind kind = LeakKind::kText;
  int64_t row = 0, other = 0;  // indices into DataSet::posts
  double similarity = 1;       // 1 for equal contents; shingle_similarity or the correlation of same_picture for near ones
  bool operator==(const Leak&) const = default;
};

// At most one for every post and every split that is its own or comes before it. Posts of equal contents are twins.
std::vector<Leak> equal_leaks(const DataSet& data, const Contents& contents, LeakKind kind);

// The same where contents match each other; posts of the same content do not count. Takes the matches one after the other, in any order,
// and holds what it has found for each post alone, not the matches. Data and contents must outlive it.
class NearLeaks {
 public:
  NearLeaks(const DataSet& data, const Contents& contents);
  void add(std::span<const Match> matches);
  std::vector<Leak> leaks(LeakKind kind) const;

 private:
  void improve(int64_t content, int64_t by, double similarity);
  const DataSet& data_;
  const Contents& contents_;
  std::vector<std::vector<int64_t>> firsts_;              // of each content: its first row of every split and label
  std::vector<std::array<std::optional<Leak>, 3>> best_;  // of each post, by split
};
std::vector<Leak> near_leaks(const DataSet& data, const Contents& contents, std::span<const Match> matches, LeakKind kind);

// Rows of `split` that have an (earlier) twin in `other`.
struct LeakCount {
  LeakKind kind = LeakKind::kText;
  Split split = Split::kTest, other = Split::kTrain;
  int64_t posts = 0;
  int64_t other_label = 0;  // of these: no twin there has the post's label
};
// Every kind and pair of splits that occurs in `leaks`; across splits first, then inside one.
std::vector<LeakCount> count_leaks(const DataSet& data, std::span<const Leak> leaks);

// Whether two posts say different things: both have a label, and not the same.
bool labels_differ(const Post& a, const Post& b);

// kind,split,id,label,other_split,other_id,other_label,similarity: one leak a row, by kind, then in reading order.
void write_leaks(const DataSet& data, std::span<const Leak> leaks, const std::filesystem::path& path);

}  // namespace infig
