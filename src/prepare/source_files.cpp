#include "prepare/source_files.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "data/rows.h"

namespace infig {
namespace fs = std::filesystem;

PictureRef PictureFolder::of(const std::string& id) const { return {.file = folder / (id + ".jpg")}; }

PictureFolder find_pictures(const fs::path& given, const std::vector<fs::path>& usual) {
  if (!given.empty()) {
    if (fs::is_directory(given)) return {.folder = given, .absent = ""};
    return {.folder = "", .absent = fmt::format("the folder {} is absent", given.string())};
  }
  for (const auto& folder : usual) {
    if (fs::is_directory(folder)) return {.folder = folder, .absent = ""};
  }
  return {.folder = "", .absent = "no folder of pictures was given"};
}

std::vector<InputFile> hash_splits(const std::vector<PublicSplit>& splits) {
  std::vector<InputFile> inputs;
  for (const auto& split : splits) inputs.push_back(hash_input(split.file, "splits/" + split.file.filename().string()));
  return inputs;
}

nlohmann::ordered_json describe_splits(const std::vector<PublicSplit>& splits) {
  nlohmann::ordered_json described{{"kind", "published"}};
  for (const auto& split : splits) described[split_name(split.split)] = split.file.filename().string();
  return described;
}

void write_split_manifest(const fs::path& folder, int64_t count, const std::function<std::pair<std::string, Split>(int64_t)>& row) {
  AtomicFile file(folder / "split.csv");
  file.stream() << "id,split\n";
  for (int64_t i = 0; i < count; ++i) {
    const auto [id, split] = row(i);
    file.stream() << csv_cell(id) << ',' << split_name(split) << '\n';
  }
  file.commit();
}

}  // namespace infig
