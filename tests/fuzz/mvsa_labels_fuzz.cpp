// The label file of MVSA-Single, and the list of pairs and rows that its ten public folds are.
#include <set>

#include "data/data_set.h"
#include "data/fair_folds.h"
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
  fuzz::attempt("FILE", [text = fuzz::text_of(data, size)] {
    for (const FairPair& pair : parse_fair_pairs(text, "FILE"))
      fuzz::require(id_fault(pair.id).empty() && joint_label(pair.text_label, pair.image_label) == pair.label, "the rule holds");
  });
  fuzz::attempt("FILE", [text = fuzz::text_of(data, size)] {
    for (const int64_t row : parse_fair_rows(text, 100, "FILE")) fuzz::require(row >= 0 && row < 100, "a row is one of the pairs");
  });
  return 0;
}
