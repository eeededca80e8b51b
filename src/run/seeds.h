// Runs that lie together: FOLDER/seed-1, FOLDER/seed-2, ... as train --seeds and the experiments write them. Free of torch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace infig {

// 7 of a folder called seed-7; nothing for another name.
std::optional<uint64_t> seed_of_folder(const std::filesystem::path& folder);

// FOLDER/seed-S, by number. Empty where there is none.
std::vector<std::filesystem::path> seed_runs(const std::filesystem::path& folder);

// What somebody who gave `folder` as a run should know of the runs inside it, with one of them to give as `flag` instead; empty where it
// holds none.
std::string runs_inside(const std::filesystem::path& folder, const std::string& flag);

}  // namespace infig
