// The directory of a zip archive that lies in memory. Only stored entries: torch.save compresses nothing, and a span needs no copy.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace infig {

// Name -> bytes of every entry (folders left out). Reads the central directory, zip64 too; names occur once, and every entry lies inside
// the archive. Throws CheckpointError naming `where` and the entry, also for compressed, encrypted and multi-volume archives.
std::map<std::string, std::span<const std::byte>> read_zip(std::span<const std::byte> bytes, const std::string& where);

}  // namespace infig
