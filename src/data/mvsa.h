// The labels of MVSA-Single and MVSA-Multiple as their authors publish them (docs/published-data.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/public_split.h"

namespace infig {

// The labels of MVSA in id order: positive, neutral, negative.
const std::vector<std::string>& mvsa_labels();
// Place of `label` in them; the count of labels for another word.
int64_t mvsa_label_id(const std::string& label);

// The two labels that the annotator gave to one pair.
struct MvsaLabelRow {
  std::string id;
  std::string text_label;
  std::string image_label;
  int64_t line = 0;  // 1-based line of labelResultAll.txt
};

// Parses labelResultAll.txt of MVSA-Single: rows "ID<TAB>text label,image label". CRLF, blank lines and spaces round tab and comma are
// taken; a header is known by its name ("ID"), not by its place. `where` names the file in messages. Throws DataError with the
// row for anything else: another number of cells, an unknown label word, an id that is not a file name or occurs twice; and for an empty
// file.
std::vector<MvsaLabelRow> parse_mvsa_single_labels(std::string_view bytes, const std::string& where);

// What three annotators gave to one pair of MVSA-Multiple.
struct MvsaMultipleRow {
  std::string id;
  std::array<std::string, 3> text_labels;
  std::array<std::string, 3> image_labels;
  int64_t line = 0;  // 1-based line of labelResultAll.txt
};

// Parses labelResultAll.txt of MVSA-Multiple: rows "ID<TAB>text,image<TAB>text,image<TAB>text,image", else as parse_mvsa_single_labels.
std::vector<MvsaMultipleRow> parse_mvsa_multiple_labels(std::string_view bytes, const std::string& where);

// The label that at least two of three annotators gave (docs/published-data.md); none where all three differ: the pair is then dropped.
std::optional<std::string> majority_label(const std::array<std::string, 3>& labels);

// Ids of MVSA-Multiple that are left out whatever their labels: the pictures of 3151, 3910 and 5995 cannot be read, and 15324 is in no
// public split.
const std::set<std::string>& mvsa_multiple_excluded();

// Posts that the rules leave of a full download of MVSA-Multiple.
inline constexpr int64_t kMvsaMultiplePosts = 17024;

// The label of a pair (docs/published-data.md): equal labels -> that label; one neutral -> the other; positive against negative -> none,
// the pair is dropped. Throws DataError for another word.
std::optional<std::string> joint_label(const std::string& text_label, const std::string& image_label);

}  // namespace infig
