// TensorBoard's event files: RUN/tensorboard/events.out.tfevents.*. A record is a length (uint64, little-endian), the masked CRC-32C of its
// bytes, the message, and the message's masked CRC-32C; the messages are tensorflow.Event in protobuf's wire format.
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
  // A new file in `folder`, named by time, host and process as TensorBoard does. With from_step >= 0 (a resumed run) its first event tells
  // readers to forget what earlier files say of later steps. Throws ResourceError.
  EventFile(const GuardedFolder& folder, int64_t from_step);

  // A scalar for every finite number of a line of metrics.jsonl but `step`, which places it: eval_NAME under eval/NAME, the others under
  // train/NAME, as the Trainer of transformers names them (the epoch of an evaluation, which a training's line has too, is left out).
  // Flushed at once. Throws ResourceError.
  void write(const nlohmann::json& line);

 private:
  void append(const std::string& event);
  std::filesystem::path path_;
  std::optional<DescriptorStream> out_;
};

}  // namespace infig
