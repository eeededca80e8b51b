// Room on a disk, and sizes as people read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace infig {

// Bytes of the files below a folder; 0 where it is absent. Links are not followed.
int64_t bytes_below(const std::filesystem::path& folder);

// What the disk of a folder (or of the first one above it that exists) has left for this user; -1 where the system does not say.
int64_t free_bytes(const std::filesystem::path& folder);

// "1.7 GB", "310 MB", "12 kB", "5 B": decimal, as disks are sold and `df -H` prints.
std::string format_bytes(int64_t bytes);

}  // namespace infig
