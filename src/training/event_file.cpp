#include "training/event_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>
#include <system_error>

#include "core/error.h"

namespace infig {
namespace {

// Field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
namespace event_field {
constexpr uint32_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace summary_field {
constexpr uint32_t kValue = 1, kTag = 1, kSimpleValue = 2;
}
namespace session_field {
constexpr uint32_t kStatus = 1;
constexpr int32_t kStart = 1;
}  // namespace session_field

std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0x82F63B78U : value >> 1;
    table[i] = value;
  }
  return table;
}

// TFRecord masks checksums, because the checksum of data that contains checksums is weak.
uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8U;
}

template <typename T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string file_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("events.out.tfevents.{}.{}.{}", static_cast<int64_t>(now()), host.data(), ::getpid());
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = make_crc_table();
  uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF] ^ crc >> 8;
  return crc ^ 0xFFFFFFFFU;
}

EventFile::EventFile(const GuardedFolder& folder, int64_t from_step) {
  const std::string first = file_name();
  std::string name = first;
  int descriptor = folder.open(name, O_WRONLY | O_CREAT | O_EXCL);
  // The name is taken if two runs start within the same second, as in a test.
  for (int n = 1; descriptor < 0 && errno == EEXIST; ++n) {
    name = fmt::format("{}.{}", first, n);
    descriptor = folder.open(name, O_WRONLY | O_CREAT | O_EXCL);
  }
  path_ = folder.path() / name;
  if (descriptor < 0) {
    throw ResourceError(fmt::format("{}: cannot be created: {}; is the folder read-only?", path_.string(), system_words(errno)));
  }
  out_.emplace(descriptor);
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(event_field::kWallTime, now());
  writer.add_string(event_field::kFileVersion, "brain.Event:2");
  append(event);
  if (from_step < 0) return;
  std::string log, restart;
  protozero::pbf_writer(log).add_enum(session_field::kStatus, session_field::kStart);
  protozero::pbf_writer restarted(restart);
  restarted.add_double(event_field::kWallTime, now());
  restarted.add_int64(event_field::kStep, from_step + 1);
  restarted.add_message(event_field::kSessionLog, log);
  append(restart);
}

void EventFile::write(const nlohmann::json& line) {
  constexpr std::string_view kEval = "eval_";
  std::string summary;
  protozero::pbf_writer values(summary);
  const bool evaluation =
      std::any_of(line.items().begin(), line.items().end(), [&](const auto& item) { return item.key().starts_with(kEval); });
  for (const auto& [key, number] : line.items()) {
    // The training line of the same step has the same epoch.
    if (key == "step" || (evaluation && key == "epoch") || !number.is_number() || !std::isfinite(number.get<double>())) continue;
    std::string value;
    protozero::pbf_writer one(value);
    one.add_string(summary_field::kTag, key.starts_with(kEval) ? "eval/" + key.substr(kEval.size()) : "train/" + key);
    one.add_float(summary_field::kSimpleValue, number.get<float>());
    values.add_message(summary_field::kValue, value);
  }
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(event_field::kWallTime, now());
  writer.add_int64(event_field::kStep, line.at("step").get<int64_t>());
  writer.add_message(event_field::kSummary, summary);
  append(event);
}

void EventFile::append(const std::string& event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  *out_ << length << little_endian(masked_crc(length)) << event << little_endian(masked_crc(event)) << std::flush;
  if (!*out_) throw ResourceError(fmt::format("{}: writing failed; is the disk full?", path_.string()));
}

}  // namespace infig
