// What the fuzz targets share. A target reads any bytes as one of the formats; errors of the project's own family are answers, everything
// else is a finding: another exception, a sanitizer's report, an allocation over the limit, a timeout, a promise of the header that breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "archive/safetensors.h"
#include "core/error.h"

namespace infig::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }
inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// A promise of the code under test. What is thrown here is caught by nobody, so that libFuzzer reports it.
inline void require(bool holds, const char* promise) {
  if (!holds) throw std::logic_error(std::string("broken promise: ") + promise);
}

// Runs what may fail with an Error that names `where`.
template <typename Function>
void attempt(std::string_view where, Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    require(std::string_view(error.what()).find(where) != std::string_view::npos, "an error names its source");
  }
}

inline bool lies_within(std::span<const std::byte> inner, std::span<const std::byte> outer) {
  return inner.empty() || (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size());
}

// Reads every byte, and finds as many as shape and dtype say.
inline void check_view(const TensorView& view) {
  auto size = static_cast<uint64_t>(dtype_size(view.dtype));
  for (const int64_t side : view.shape) {
    require(side >= 0, "a shape holds sizes");
    size *= static_cast<uint64_t>(side);
  }
  require(view.data.size() == size, "a view is as large as its shape and dtype say");
  unsigned sum = 0;
  for (const std::byte byte : view.data) sum += std::to_integer<unsigned>(byte);
  volatile unsigned kept = sum;
  (void)kept;
}

}  // namespace infig::fuzz
