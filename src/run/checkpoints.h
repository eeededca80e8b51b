// Where the checkpoints of a run folder lie: RUN/checkpoints/step-NNNNNN, and the links `latest` and `best` beside them. Free of torch.
// The folder may come from somebody else (docs/security.md): a link is read for the name of a step, and never followed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/guarded_folder.h"

namespace infig {

std::string checkpoint_name(int64_t step);  // "step-000500"
bool is_checkpoint_name(const std::string& name);

// step-NNNNNN, the newest first. Throws ResourceError for one that is a link.
std::vector<std::string> checkpoint_names(const GuardedFolder& checkpoints);

// The step's name that the link `name` (latest, best) leads to; nothing where there is no such link. Throws CheckpointError where it leads
// anywhere but to a plain step-NNNNNN beside it.
std::optional<std::string> linked_checkpoint(const GuardedFolder& checkpoints, const std::string& name);

// The checkpoint that evaluate and predict use: that of RUN/checkpoints/best. Also takes a checkpoint's folder itself.
// Throws CheckpointError saying what is there instead (other checkpoints, runs of several seeds, a data set), and what to give as `flag`.
std::filesystem::path find_checkpoint(const std::filesystem::path& run, const std::string& flag = "--run");

// Why evaluate and predict cannot use a checkpoint: config.json or model.safetensors is absent or cut off, or they do not belong together.
// Empty where they can. Headers are read, no weights.
std::string checkpoint_fault(const std::filesystem::path& checkpoint);

// What can be done where RUN/checkpoints/best is damaged, to be said behind what is wrong with it: "; put back what is damaged, or use
// another checkpoint of the run: --run RUN/checkpoints/step-000016".
std::string advice_for_broken_best(const std::filesystem::path& run);

// The same, as a folder to write to. `run` itself may be a link, nothing inside it.
GuardedFolder open_checkpoint(const std::filesystem::path& run);

// Throws ResourceError naming the first of infig's own names in a run folder that is a link: files that are written, and folders that are
// written or deleted in. So is a file's name that is a folder, a pipe or a device.
void check_no_links(const GuardedFolder& run);

}  // namespace infig
