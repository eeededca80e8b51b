#include "archive/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "reference/temporary_folder.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Tensors = std::map<std::string, TensorView>;

const fs::path kGolden = fs::path(INFIG_SOURCE_DIR) / "tests/golden/archive";

class TemporaryFile {
 public:
  operator const fs::path&() const { return path_; }

 private:
  reference::TemporaryFolder folder_{"archive"};
  fs::path path_ = folder_ / "a.safetensors";
};

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string archive(const std::string& header, const std::string& data, uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes + header + data;
}
std::string archive(const std::string& header, const std::string& data) { return archive(header, data, header.size()); }

// What reading says; empty where it succeeds.
std::string read_error(const std::string& bytes) {
  std::map<std::string, std::string> metadata;
  try {
    parse_safetensors(bytes_of(bytes), "in.safetensors", &metadata);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

template <typename T>
std::vector<T> values(const TensorView& view) {
  std::vector<T> result(view.data.size() / sizeof(T));
  if (!result.empty()) std::memcpy(result.data(), view.data.data(), view.data.size());
  return result;
}

TEST(Safetensors, ReadsWhatThePythonPackageWrote) {
  const SafetensorsFile file(kGolden / "every_dtype.safetensors");
  const Tensors& tensors = file.tensors();
  ASSERT_EQ(tensors.size(), 13U);
  EXPECT_TRUE(file.metadata().empty());
  EXPECT_EQ(file.path(), kGolden / "every_dtype.safetensors");
  const auto expect = [&](const std::string& name, DType dtype, const std::vector<int64_t>& shape) {
    ASSERT_TRUE(tensors.contains(name)) << name;
    EXPECT_EQ(tensors.at(name).dtype, dtype) << name;
    EXPECT_EQ(tensors.at(name).shape, shape) << name;
  };
  expect("a.bool", DType::kBool, {3});
  expect("b.u8", DType::kU8, {1, 2});
  expect("c.i8", DType::kI8, {2});
  expect("d.i16", DType::kI16, {3});
  expect("e.i32", DType::kI32, {2});
  expect("f.i64", DType::kI64, {2});
  expect("g.f16", DType::kF16, {3});
  expect("h.bf16", DType::kBF16, {2});
  expect("i.f32", DType::kF32, {2, 3});
  expect("j.f64", DType::kF64, {});
  expect("k.empty", DType::kF32, {0, 3});
  expect("k.f32", DType::kF32, {1});
  expect("quote\"\\é\n", DType::kI64, {1});
  EXPECT_EQ(values<uint8_t>(tensors.at("a.bool")), (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_EQ(values<uint8_t>(tensors.at("b.u8")), (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(values<int8_t>(tensors.at("c.i8")), (std::vector<int8_t>{-128, 127}));
  EXPECT_EQ(values<int16_t>(tensors.at("d.i16")), (std::vector<int16_t>{-32768, 32767, 5}));
  EXPECT_EQ(values<int32_t>(tensors.at("e.i32")), (std::vector<int32_t>{INT32_MIN, INT32_MAX}));
  EXPECT_EQ(values<int64_t>(tensors.at("f.i64")), (std::vector<int64_t>{INT64_MIN, INT64_MAX}));
  EXPECT_EQ(values<uint16_t>(tensors.at("g.f16")), (std::vector<uint16_t>{0x3e00, 0xb400, 0x7bff}));
  EXPECT_EQ(values<uint16_t>(tensors.at("h.bf16")), (std::vector<uint16_t>{0x3f80, 0xc000}));
  EXPECT_EQ(values<float>(tensors.at("i.f32")), (std::vector<float>{0, .25F, .5F, .75F, 1, 1.25F}));
  EXPECT_EQ(values<double>(tensors.at("j.f64")), (std::vector<double>{3.141592653589793}));
  EXPECT_EQ(values<int64_t>(tensors.at("quote\"\\é\n")), (std::vector<int64_t>{7}));
}

TEST(Safetensors, WritesTheBytesOfThePythonPackage) {
  const TemporaryFile copy;
  for (const char* name : {"every_dtype.safetensors", "one_metadata.safetensors"}) {
    const SafetensorsFile file(kGolden / name);
    write_safetensors(copy, file.tensors(), file.metadata());
    EXPECT_EQ(read_file(copy), read_file(kGolden / name)) << name;
  }
  EXPECT_EQ(SafetensorsFile(kGolden / "one_metadata.safetensors").metadata().at("format"), "pt");
}

TEST(Safetensors, EqualContentIsEqualBytes) {
  const TemporaryFile path;
  const std::vector<float> numbers = {1, 2, 3};
  const std::string mask("\1\0\1", 3);
  const Tensors tensors = {{"z", {.dtype = DType::kF32, .shape = {3}, .data = std::as_bytes(std::span(numbers))}},
                           {"a", {.dtype = DType::kBool, .shape = {3, 1}, .data = bytes_of(mask)}},
                           {"none", {.dtype = DType::kI64, .shape = {2, 0}, .data = {}}}};
  const std::map<std::string, std::string> metadata = {{"z", "last"}, {"a", "fir\"st\x01"}};
  write_safetensors(path, tensors, metadata);
  const std::string bytes = read_file(path);
  const std::string header =
      R"({"__metadata__":{"a":"fir\"st\u0001","z":"last"},"none":{"dtype":"I64","shape":[2,0],"data_offsets":[0,0]},)"
      R"("z":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"a":{"dtype":"BOOL","shape":[3,1],"data_offsets":[12,15]}})";
  const size_t padded = (header.size() + 7) / 8 * 8;
  EXPECT_EQ(bytes, archive(header + std::string(padded - header.size(), ' '), read_file(path).substr(bytes.size() - 15)));
  EXPECT_EQ(bytes.substr(bytes.size() - 3), mask);
  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata(), metadata);
  EXPECT_EQ(values<float>(file.tensors().at("z")), numbers);
  write_safetensors(path, {}, {});
  EXPECT_EQ(read_file(path), archive("{}      ", ""));
  EXPECT_TRUE(SafetensorsFile(path).tensors().empty());
}

TEST(Safetensors, ViewsLiveThroughMoves) {
  SafetensorsFile first(kGolden / "one_metadata.safetensors");
  const TensorView view = first.tensors().at("w");
  SafetensorsFile second(std::move(first));
  SafetensorsFile third(kGolden / "every_dtype.safetensors");
  third = std::move(second);
  EXPECT_EQ(values<float>(view), (std::vector<float>{1, 2}));
  EXPECT_EQ(third.tensors().at("w").data.data(), view.data.data());
}

TEST(Safetensors, NamesDTypes) {
  EXPECT_EQ(dtype_size(DType::kBF16), 2);
  EXPECT_EQ(dtype_size(DType::kI64), 8);
  EXPECT_STREQ(dtype_name(DType::kBF16), "BF16");
  EXPECT_STREQ(dtype_name(DType::kBool), "BOOL");
}

TEST(Safetensors, RefusesToWriteWhatIsInconsistent) {
  const TemporaryFile path;
  const std::string data(8, 'x');
  const auto write = [&](const std::string& name, std::vector<int64_t> shape) {
    write_safetensors(path, {{name, {.dtype = DType::kF32, .shape = std::move(shape), .data = bytes_of(data)}}}, {});
  };
  EXPECT_NO_THROW(write("x", {2}));
  EXPECT_THROW(write("x", {3}), ShapeError);
  EXPECT_THROW(write("x", {-2}), ShapeError);
  EXPECT_THROW(write("x", {int64_t{1} << 62, 4}), ShapeError);
  EXPECT_THROW(write("__metadata__", {2}), ShapeError);
  EXPECT_THROW(write("bad \xff", {2}), ShapeError);
  EXPECT_THROW(write_safetensors("/proc/absent/x.safetensors", {}, {}), ResourceError);
  EXPECT_EQ(SafetensorsFile(path).tensors().size(), 1U);  // the refused ones left the good file alone
}

struct Malformed {
  const char* what;
  std::string bytes;
  std::vector<std::string> named;  // what the message must hold
};

std::string one(const std::string& fields) { return "{\"x\":{" + fields + "}}"; }

std::vector<Malformed> malformed_headers() {
  const std::string good = R"("dtype":"U8","shape":[2],"data_offsets":[0,2])";
  return {
      {"empty", "", {"0 bytes"}},
      {"cut in the length", std::string(7, '\0'), {"7 bytes"}},
      {"length beyond the file", archive(one(good), "ab", 5000), {"5000", "cut off"}},
      {"length over the limit", archive(one(good), "ab", 100'000'001), {"100000001"}},
      {"length of 2^64 - 1", archive(one(good), "ab", ~uint64_t{0}), {"18446744073709551615"}},
      {"no header", archive("", ""), {"JSON"}},
      {"not JSON", archive("not json", ""), {"JSON"}},
      {"cut JSON", archive(R"({"x":{"dtype":"U8",)", ""), {"JSON"}},
      {"behind the JSON", archive(one(good) + "x", "ab"), {"JSON"}},
      {"not UTF-8", archive("{\"\xff\":{" + good + "}}", "ab"), {"JSON"}},
      {"a list", archive("[]", ""), {"object"}},
      {"a number", archive("3", ""), {"object"}},
      {"nested deeply", archive(std::string(100'000, '['), ""), {"object"}},
      {"tensor is a number", archive(R"({"x":3})", ""), {"'x'", "object"}},
      {"tensor is null", archive(R"({"x":null})", ""), {"'x'"}},
      {"tensor is a list", archive(R"({"x":[]})", ""), {"'x'"}},
      {"no dtype", archive(one(R"("shape":[2],"data_offsets":[0,2])"), "ab"), {"'x'", "dtype"}},
      {"no shape", archive(one(R"("dtype":"U8","data_offsets":[0,2])"), "ab"), {"'x'", "shape"}},
      {"no offsets", archive(one(R"("dtype":"U8","shape":[2])"), "ab"), {"'x'", "data_offsets"}},
      {"unknown key", archive(one(good + R"(,"extra":1)"), "ab"), {"'x'", "extra"}},
      {"unknown dtype", archive(one(R"("dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2])"), "ab"), {"'x'", "F8_E4M3", "BF16"}},
      {"dtype is a number", archive(one(R"("dtype":1,"shape":[2],"data_offsets":[0,2])"), "ab"), {"'x'", "dtype"}},
      {"shape is a string", archive(one(R"("dtype":"U8","shape":"2","data_offsets":[0,2])"), "ab"), {"'x'", "shape"}},
      {"negative size", archive(one(R"("dtype":"U8","shape":[-2],"data_offsets":[0,2])"), "ab"), {"'x'", "-2"}},
      {"fractional size", archive(one(R"("dtype":"U8","shape":[2.0],"data_offsets":[0,2])"), "ab"), {"'x'", "2.0"}},
      {"size over 2^63", archive(one(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,2])"), "ab"), {"'x'", "too large"}},
      {"nested shape", archive(one(R"("dtype":"U8","shape":[[2]],"data_offsets":[0,2])"), "ab"), {"'x'", "shape"}},
      {"one offset", archive(one(R"("dtype":"U8","shape":[2],"data_offsets":[0])"), "ab"), {"'x'", "data_offsets"}},
      {"three offsets", archive(one(R"("dtype":"U8","shape":[2],"data_offsets":[0,1,2])"), "ab"), {"'x'", "data_offsets"}},
      {"negative offset", archive(one(R"("dtype":"U8","shape":[2],"data_offsets":[-1,1])"), "ab"), {"'x'", "data_offsets"}},
      {"name twice", archive("{\"x\":{" + good + "},\"x\":{" + good + "}}", "ab"), {"'x'", "twice"}},
      {"key twice", archive(one(good + R"(,"dtype":"U8")"), "ab"), {"'x'", "dtype", "twice"}},
      {"metadata null twice", archive(R"({"__metadata__":null,"__metadata__":{}})", ""), {"__metadata__", "twice"}},
      {"metadata twice", archive(R"({"__metadata__":{},"__metadata__":{}})", ""), {"__metadata__", "twice"}},
      {"metadata key twice", archive(R"({"__metadata__":{"k":"1","k":"2"}})", ""), {"__metadata__", "'k'", "twice"}},
      {"metadata is a string", archive(R"({"__metadata__":"x"})", ""), {"__metadata__"}},
      {"metadata holds a number", archive(R"({"__metadata__":{"k":1}})", ""), {"__metadata__", "'k'"}},
      {"metadata nests", archive(R"({"__metadata__":{"k":{}}})", ""), {"__metadata__", "'k'"}},
  };
}

std::vector<Malformed> malformed_spans() {
  const auto two = [](const std::string& a, const std::string& b) {
    return "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" + a +
           "},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" + b + "}}";
  };
  return {
      {"cut data", archive(two("[0,2]", "[2,4]"), "abc"), {"'b'", "outside"}},
      {"span outside", archive(two("[0,2]", "[100,102]"), "abcd"), {"'b'", "outside"}},
      {"span at the end of 64 bits", archive(two("[0,2]", "[18446744073709551613,18446744073709551615]"), "abcd"), {"'b'", "outside"}},
      {"overlap", archive(two("[0,2]", "[1,3]"), "abc"), {"'b'", "overlap"}},
      {"same span", archive(two("[0,2]", "[0,2]"), "ab"), {"'b'", "overlap"}},
      {"hole", archive(two("[0,2]", "[3,5]"), "abcde"), {"'b'", "hole"}},
      {"hole in front", archive(two("[1,3]", "[3,5]"), "abcde"), {"'a'", "hole"}},
      {"bytes behind", archive(two("[0,2]", "[2,4]"), "abcde"), {"1 bytes"}},
      {"backwards", archive(two("[2,0]", "[2,4]"), "abcd"), {"'a'", "backwards"}},
      {"bytes without tensors", archive("{}", "abc"), {"3 bytes"}},
      {"shape too small", archive(one(R"("dtype":"U8","shape":[1],"data_offsets":[0,2])"), "ab"), {"'x'", "shape [1]"}},
      {"element too large", archive(one(R"("dtype":"F64","shape":[2],"data_offsets":[0,2])"), "ab"), {"'x'", "16 bytes"}},
      {"product overflows",
       archive(one(R"("dtype":"U8","shape":[1000000000000000000,1000000000000000000],"data_offsets":[0,2])"), "ab"),
       {"'x'", "2^64"}},
      {"product wraps to the right size",
       archive(one(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])"), ""),
       {"2^64"}},
      {"element wraps", archive(one(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0])"), ""), {"2^64"}},
  };
}

TEST(Safetensors, RefusesMalformedInput) {
  std::vector<Malformed> all = malformed_headers();
  for (Malformed& one_more : malformed_spans()) all.push_back(std::move(one_more));
  for (const Malformed& input : all) {
    const std::string message = read_error(input.bytes);
    EXPECT_THAT(message, HasSubstr("in.safetensors")) << input.what;
    for (const std::string& part : input.named) EXPECT_THAT(message, HasSubstr(part)) << input.what;
  }
}

TEST(Safetensors, AcceptsTheEdgesOfTheFormat) {
  EXPECT_EQ(read_error(archive("{}", "")), "");
  EXPECT_EQ(read_error(archive("  {} \n ", "")), "");
  EXPECT_EQ(read_error(archive(one(R"("data_offsets":[0,1],"shape":[],"dtype":"BOOL")") + "   ", "a")), "");
  EXPECT_EQ(read_error(archive(one(R"("dtype":"F64","shape":[0,9223372036854775807],"data_offsets":[0,0])"), "")), "");
  const std::string bytes = archive(R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "a");
  EXPECT_EQ(parse_safetensors(bytes_of(bytes), "here", nullptr).count(""), 1U);
}

TEST(Safetensors, NullIsNoMetadata) {
  const std::string bytes = archive(R"({"__metadata__":null,"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "\x07");
  std::map<std::string, std::string> metadata = {{"old", "one"}};
  EXPECT_EQ(parse_safetensors(bytes_of(bytes), "here", &metadata).at("x").data.size(), 1U);
  EXPECT_TRUE(metadata.empty());
}

// In the order of safetensors 0.8: U64 I64 F64 F32 U32 I32 BF16 F16 U16 I16 I8 U8 BOOL.
TEST(Safetensors, UnsignedTypesAreReadAndWritten) {
  const reference::TemporaryFolder folder;
  const std::string bytes(8, '\x01');
  std::map<std::string, TensorView> tensors;
  const std::vector<std::pair<std::string, DType>> types = {{"a", DType::kU16}, {"b", DType::kI64}, {"c", DType::kU32}, {"d", DType::kF32},
                                                            {"e", DType::kU64}, {"f", DType::kI16}, {"g", DType::kF16}};
  for (const auto& [name, type] : types) {
    tensors[name] = {.dtype = type, .shape = {1}, .data = bytes_of(bytes).subspan(0, static_cast<size_t>(dtype_size(type)))};
  }
  write_safetensors(folder / "all.safetensors", tensors, {});
  const std::string written = read_file(folder / "all.safetensors");
  size_t last = 0;
  for (const char* name : {"\"e\"", "\"b\"", "\"d\"", "\"c\"", "\"g\"", "\"a\"", "\"f\""}) {
    const size_t at = written.find(name);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(at, last) << name;
    last = at;
  }
  const SafetensorsFile back(folder / "all.safetensors");
  EXPECT_STREQ(dtype_name(back.tensors().at("a").dtype), "U16");
  EXPECT_EQ(back.tensors().at("e").data.size(), 8U);
}

TEST(Safetensors, NamesFilesThatCannotBeOpened) {
  const TemporaryFile path;
  const auto error_of = [](const fs::path& file) -> std::string {
    try {
      SafetensorsFile opened(file);
    } catch (const CheckpointError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(error_of("absent.safetensors"), HasSubstr("absent.safetensors"));
  EXPECT_THAT(error_of(fs::temp_directory_path()), HasSubstr("not a regular file"));
  write_file_atomic(path, "");
  EXPECT_THAT(error_of(path), HasSubstr("0 bytes"));
  const std::string good = read_file(kGolden / "every_dtype.safetensors");
  for (size_t length = 0; length < good.size(); length += 7) {
    write_file_atomic(path, good.substr(0, length));
    EXPECT_THAT(error_of(path), HasSubstr(fs::path(path).string())) << length;
  }
}

// Random damage either still reads or is refused by CheckpointError; the sanitizers watch the rest.
TEST(Safetensors, SurvivesRandomDamage) {
  const std::string good = read_file(kGolden / "every_dtype.safetensors");
  RandomStream random(3, "archive-damage");
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (uint64_t i = random.below(4) + 1; i > 0; --i) bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    refused += read_error(bytes).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace infig
