#include "archive/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "archive/archives.h"
#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename Function>
std::string config_error(Function&& function) {
  try {
    function();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Import, FilesBecomeSafetensors) {
  const TemporaryFolder folder;
  const SafetensorsFile expected(kGolden / "torch_expected.safetensors");
  for (const char* name : {"torch_zip.pth", "torch_legacy.pth", "torch_expected.safetensors", "sharded_bin"}) {
    SCOPED_TRACE(name);
    const ImportReport report = import_weights(kGolden / name, folder / name, {});
    EXPECT_EQ(report.tensors, expected.tensors().size());
    EXPECT_TRUE(report.copied.empty());
    const SafetensorsFile written(folder / name / "model.safetensors");
    expect_same_tensors(written.tensors(), expected.tensors());
    EXPECT_TRUE(written.metadata().empty());
    // One content, one file, whatever it came in: and the one that the Python package writes.
    EXPECT_EQ(read_file(folder / name / "model.safetensors"), read_file(kGolden / "torch_expected.safetensors"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / name), fs::directory_iterator()), 1);
  }
  import_weights(kGolden / "sharded_safetensors", folder / "metadata", {});
  EXPECT_EQ(SafetensorsFile(folder / "metadata" / "model.safetensors").metadata().at("format"), "pt");
  EXPECT_THAT(import_weights(kGolden / "checkpoint_zip.pt", folder / "checkpoint", {}).left_out, testing::Contains("optimizer"));
}

TEST(Import, CompanionFilesComeAlong) {
  const TemporaryFolder folder;
  const fs::path source = folder / "source";
  fs::create_directories(source / "1_Pooling");
  fs::create_directories(source / "onnx");
  fs::copy_file(kGolden / "torch_zip.pth", source / "pytorch_model.bin");
  for (const char* name : {"config.json", "vocab.txt", "merges.txt", "1_Pooling/config.json", "onnx/config.json", "README.md", "LICENSE"}) {
    write_file_atomic(source / name, name);
  }
  const ImportReport report = import_weights(source, folder / "out/", {});
  EXPECT_THAT(report.copied, ElementsAre("1_Pooling/config.json", "LICENSE", "config.json", "merges.txt", "vocab.txt"));
  EXPECT_EQ(read_file(folder / "out/1_Pooling/config.json"), "1_Pooling/config.json");
  EXPECT_FALSE(fs::exists(folder / "out/README.md"));
  EXPECT_FALSE(fs::exists(folder / "out/onnx"));
  import_weights(source / "pytorch_model.bin", folder / "alone", {});  // a file is the tensors alone
  EXPECT_FALSE(fs::exists(folder / "alone/config.json"));
}

TEST(Import, RefusesToOverwrite) {
  const TemporaryFolder folder;
  const fs::path source = folder / "source", out = folder / "out";
  fs::create_directories(source);
  fs::copy_file(kGolden / "one_metadata.safetensors", source / "model.safetensors");
  write_file_atomic(source / "vocab.txt", "old");
  import_weights(source, out, {});
  const auto run = [&](const fs::path& target, bool overwrite) {
    return config_error([&] { import_weights(source, target, {.to_float32 = false, .overwrite = overwrite}); });
  };
  EXPECT_THAT(run(out, false), HasSubstr("--force"));
  fs::remove(source / "vocab.txt");
  EXPECT_EQ(run(out, true), "");
  EXPECT_FALSE(fs::exists(out / "vocab.txt"));  // nothing of the old one stays
  write_file_atomic(out / "thesis.tex", "mine");
  EXPECT_THAT(run(out, true), HasSubstr("thesis.tex"));
  EXPECT_TRUE(fs::exists(out / "thesis.tex"));
  EXPECT_THAT(run(source, true), HasSubstr("come from this folder"));
  EXPECT_THAT(run(source / "model.safetensors", true), HasSubstr("is not a folder"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);  // nothing half-made beside them
}

// What half precision means, by its definition: (-1)^s 2^(e-15) (1 + f / 1024), subnormal without the 1.
float half_by_definition(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const float sign = (half & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction != 0 ? std::numeric_limits<float>::quiet_NaN() : sign * std::numeric_limits<float>::infinity();
  return sign * std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction + 1024), std::max(exponent, 1) - 25);
}

TEST(Import, EveryHalfBecomesItsFloat) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  const TensorView view{.dtype = DType::kF16, .shape = {65536}, .data = std::as_bytes(std::span(halves))};
  const std::vector<std::byte> bytes = to_float32(view);
  ASSERT_EQ(bytes.size(), 65536U * 4);
  for (size_t i = 0; i < halves.size(); ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + 4 * i, 4);
    const float expected = half_by_definition(halves[i]);
    ASSERT_TRUE(std::isnan(expected) ? std::isnan(value) : value == expected && std::signbit(value) == std::signbit(expected)) << i;
  }
}

TEST(Import, FloatsBecomeFp32AndTheRestStays) {
  const TemporaryFolder folder;
  const ImportReport report = import_weights(kGolden / "torch_zip.pth", folder / "out", {.to_float32 = true, .overwrite = false});
  EXPECT_EQ(report.converted, 5);  // F16 twice, BF16, F64 twice
  const SafetensorsFile written(folder / "out/model.safetensors");
  const auto floats = [&](const std::string& name) {
    const TensorView& view = written.tensors().at(name);
    EXPECT_EQ(view.dtype, DType::kF32);
    std::vector<float> values(view.data.size() / 4);
    std::memcpy(values.data(), view.data.data(), view.data.size());
    return values;
  };
  EXPECT_EQ(floats("g.f16"), (std::vector<float>{1.5F, -0.25F, 65504.0F}));
  EXPECT_EQ(floats("h.bf16"), (std::vector<float>{1.0F, -2.0F}));
  EXPECT_EQ(floats("j.f64"), (std::vector<float>{3.14159274F}));
  EXPECT_EQ(written.tensors().at("f.i64").dtype, DType::kI64);
  EXPECT_EQ(written.tensors().at("a.bool").dtype, DType::kBool);
  EXPECT_THROW(to_float32({.dtype = DType::kI64, .shape = {}, .data = {}}), ShapeError);
}

}  // namespace
}  // namespace infig
