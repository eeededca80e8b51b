// Weights mapped into memory.
#pragma once

#include "core/mapped_file.h"

namespace infig {

// MappedFile whose faults are CheckpointErrors, as all of this folder's are.
MappedFile map_archive(const std::filesystem::path& path, const std::string& expected);

}  // namespace infig
