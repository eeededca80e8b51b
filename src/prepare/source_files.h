// Handling of raw files that sources of posts share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/public_split.h"
#include "prepare/source.h"

namespace infig {

// Where pictures named <id>.jpg lie.
struct PictureFolder {
  std::filesystem::path folder;                // empty: there is none
  std::string absent;                          // then why, for SourceFacts::pictures_absent
  PictureRef of(const std::string& id) const;  // named all the same where there is no folder
};
// `given` where the user names one, else the first of `usual` that exists.
PictureFolder find_pictures(const std::filesystem::path& given, const std::vector<std::filesystem::path>& usual);

// The public split files as inputs ("splits/train.json"), and as "split" in the rules.
std::vector<InputFile> hash_splits(const std::vector<PublicSplit>& splits);
nlohmann::ordered_json describe_splits(const std::vector<PublicSplit>& splits);

// Writes split.csv: id and split of every post in order. `row(i)` gives both.
void write_split_manifest(const std::filesystem::path& folder, int64_t count,
                          const std::function<std::pair<std::string, Split>(int64_t)>& row);

}  // namespace infig
