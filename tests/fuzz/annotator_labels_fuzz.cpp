// The label files of MVSA-Multiple and of TumEmo.
#include <set>

#include "data/data_set.h"
#include "data/mvsa.h"
#include "data/tumemo.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const auto text = fuzz::text_of(data, size);
  fuzz::attempt("FILE", [text] {
    std::set<std::string> ids;
    for (const auto& row : parse_mvsa_multiple_labels(text, "FILE")) {
      fuzz::require(id_fault(row.id).empty(), "an id is a file's name");
      fuzz::require(ids.insert(row.id).second, "an id occurs once");
      const auto of_text = majority_label(row.text_labels);
      const auto of_image = majority_label(row.image_labels);
      if (of_text && of_image) (void)joint_label(*of_text, *of_image);
    }
  });
  fuzz::attempt("FILE", [text] {
    std::set<uint32_t> ids;
    const auto rows = parse_tumemo_labels(text, "FILE");
    fuzz::require(!rows.empty(), "there is a row");
    for (const auto& row : rows) {
      fuzz::require(ids.insert(row.id).second, "an id occurs once");
      fuzz::require(row.label_id >= 0 && row.label_id < 7, "a label is one of seven");
    }
    (void)tumemo_range_faults(rows);
  });
  return 0;
}
