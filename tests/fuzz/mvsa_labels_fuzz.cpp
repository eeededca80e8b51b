// The label file of MVSA-Single.
#include <set>

#include "data/data_set.h"
#include "data/mvsa.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  fuzz::attempt("FILE", [text = fuzz::text_of(data, size)] {
    std::set<std::string> ids;
    const auto rows = parse_mvsa_single_labels(text, "FILE");
    for (const MvsaLabelRow& row : rows) {
      fuzz::require(id_fault(row.id).empty(), "an id is a file's name");
      fuzz::require(ids.insert(row.id).second, "an id occurs once");
      (void)joint_label(row.text_label, row.image_label);
    }
    fuzz::require(!rows.empty(), "there is a row");
  });
  return 0;
}
