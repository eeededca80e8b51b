// TensorBoard's event files: RUN/tensorboard/events.out.tfevents.*. A record consists of a length (uint64, little-endian), the masked
// CRC-32C of these 8 bytes, the message, and the message's masked CRC-32C (uint32 each). Messages are tensorflow.Event in protobuf's wire
// format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/guarded_folder.h"

namespace infig {

// CRC-32C (Castagnoli, RFC 3720 B.4): polynomial 0x1EDC6F41 reflected, initial value and final xor 0xFFFFFFFF.
uint32_t crc32c(std::string_view bytes);

class EventFile {
 public:
  // Creates a new file in `folder`, named by time, host and process like TensorBoard's. With from_step >= 0 (a resumed run), its first
  // event tells readers to discard what earlier files hold for later steps. Throws ResourceError.
  EventFile(const GuardedFolder& folder, int64_t from_step);

  // Writes a scalar for every finite number of a line of metrics.jsonl, at the line's `step`, and flushes. eval_NAME becomes eval/NAME,
  // others train/NAME, as in transformers' Trainer; an evaluation's epoch is left out, since the training line has it too. Throws
  // ResourceError.
  void write(const nlohmann::json& line);

 private:
  void append(const std::string& event);
  std::filesystem::path path_;
  std::optional<DescriptorStream> out_;
};

}  // namespace infig
