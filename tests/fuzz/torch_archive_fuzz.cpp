// Both forms of PyTorch archives. An input is a file as it stands; or, behind a 'Z', the pickle of one in the zip form, and behind an 'L'
// what follows the description of the machine in the older form, so that mutations need not rebuild the frame.
#include <numeric>
#include <string>

#include "archive/by_hand.h"
#include "archive/torch_archive.h"
#include "fuzz/fuzz.h"

namespace infig::fuzz {
namespace {

std::string in_zip_form(std::string_view pickle) {
  std::string bytes(64, '\0');
  std::iota(bytes.begin(), bytes.end(), '\1');
  return zip_by_hand({{"x/data.pkl", std::string(pickle)}, {"x/data/0", bytes}, {"x/data/1", bytes.substr(8)}, {"x/data/2", ""}});
}

std::string in_older_form(std::string_view rest) {
  const std::string whole = torch_legacy("}", {}, 1);
  const std::string after = op::proto + "}." + op::proto + op::list({}) + ".";
  return whole.substr(0, whole.size() - after.size()) + std::string(rest);
}

}  // namespace
}  // namespace infig::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  const std::string_view input = fuzz::text_of(data, size);
  std::string file(input);
  if (input.starts_with('Z')) file = fuzz::in_zip_form(input.substr(1));
  if (input.starts_with('L')) file = fuzz::in_older_form(input.substr(1));
  fuzz::attempt("FILE", [&file] {
    const TorchArchive archive = parse_torch_archive(fuzz::bytes_of(file), "FILE");
    for (const auto& [name, view] : archive.tensors) fuzz::check_view(view);
    size_t copied = 0;
    for (const auto& copy : archive.copies) copied += copy.size();
    fuzz::require(copied <= 2 * file.size(), "copies are at most twice as large as the file");
  });
  return 0;
}
