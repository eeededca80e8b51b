// A row of HFM's text files, and of its attribute words.
#include "data/data_set.h"
#include "data/hfm.h"
#include "data/python_literal.h"
#include "data/utf8.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const auto line = fuzz::text_of(data, size);
  fuzz::attempt("FILE, line 1", [line] {
    for (const auto& value : parse_python_list(line, "FILE, line 1")) {
      const auto* text = std::get_if<std::string>(&value);
      fuzz::require(text == nullptr || find_invalid_utf8(*text) == std::string::npos, "a text is UTF-8");
    }
  });
  fuzz::attempt("FILE, line 1", [line] {
    const HfmRow row = parse_hfm_row(line, 1, "FILE, line 1");
    fuzz::require(id_fault(row.id).empty(), "an id is a file's name");
    fuzz::require(row.label_id == 0 || row.label_id == 1, "a label is 0 or 1");
    (void)hfm_filter_hits(row.text);
  });
  fuzz::attempt("FILE, line 1", [line] { (void)parse_hfm_attributes(line, "FILE, line 1"); });
  return 0;
}
