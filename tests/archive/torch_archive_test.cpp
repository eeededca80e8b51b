#include "archive/torch_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "archive/archives.h"
#include "core/error.h"
#include "core/files.h"
#include "core/random.h"

namespace infig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string archive_error(const std::string& bytes) {
  try {
    parse_torch_archive(as_bytes(bytes), "in.pth");
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

const std::string kFour("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16);  // 1, 2, 3, 4 as F32

std::string one_tensor(int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& stride, int64_t count = 4) {
  return op::dict({{op::str("x"), op::tensor(op::storage("FloatStorage", "0", count), offset, shape, stride)}});
}

TEST(TorchArchive, ReadsWhatTorchSaveWrites) {
  const SafetensorsFile expected(kGolden / "torch_expected.safetensors");
  for (const char* name : {"torch_zip.pth", "torch_legacy.pth", "torch_protocol4.pth"}) {
    SCOPED_TRACE(name);
    const std::string bytes = read_file(kGolden / name);
    const TorchArchive archive = parse_torch_archive(as_bytes(bytes), name);
    expect_same_tensors(archive.tensors, expected.tensors());
    EXPECT_EQ(archive.tensors.at("tied.a").data.data(), archive.tensors.at("tied.b").data.data());
    EXPECT_EQ(archive.copies.size(), 4U);  // transposed, slice, step, permuted
    EXPECT_TRUE(archive.left_out.empty());
  }
  EXPECT_TRUE(is_torch_zip(as_bytes(read_file(kGolden / "torch_zip.pth"))));
  EXPECT_TRUE(is_torch_legacy(as_bytes(read_file(kGolden / "torch_legacy.pth"))));
}

TEST(TorchArchive, UnwrapsTrainingCheckpoints) {
  const SafetensorsFile expected(kGolden / "checkpoint_expected.safetensors");
  for (const char* name : {"checkpoint_zip.pt", "checkpoint_legacy.pt"}) {
    SCOPED_TRACE(name);
    const std::string bytes = read_file(kGolden / name);
    const TorchArchive archive = parse_torch_archive(as_bytes(bytes), name);
    expect_same_tensors(archive.tensors, expected.tensors());
    EXPECT_THAT(archive.left_out, ElementsAre("epoch", "optimizer", "best", "args"));
  }
}

// What torch.save writes of {"epoch": 3, KEY: {"w": [1, 2, 3, 4]}, "best_acc1": tensor, "args": Namespace, ...}.
std::string checkpoint_with(const std::vector<std::string>& keys, const std::string& more = "") {
  const auto weights = [](int64_t first) {
    return op::dict({{op::str("w"), op::tensor(op::storage("FloatStorage", "0", 4), first, {1}, {1})}});
  };
  std::string dict = "}(" + op::str("epoch") + "K\x03";
  for (size_t i = 0; i < keys.size(); ++i) dict += op::str(keys[i]) + weights(static_cast<int64_t>(i));
  dict += op::str("best_acc1") + op::tensor(op::storage("FloatStorage", "0", 4), 3, {}, {});
  dict += op::str("args") + op::global("argparse", "Namespace") + ")\x81}b" + more + "u";
  return torch_zip(dict, {{"0", kFour}});
}

TEST(TorchArchive, WrappersBesideAnythingElse) {
  for (const char* key : {"state_dict", "model_state_dict", "model_state", "model", "module", "net", "ema"}) {
    const std::string bytes = checkpoint_with({key});
    const TorchArchive archive = parse_torch_archive(as_bytes(bytes), "in.pth");
    ASSERT_EQ(archive.tensors.size(), 1U) << key;
    EXPECT_TRUE(archive.tensors.contains("w")) << key;
    EXPECT_EQ(archive.entry, key);
    EXPECT_THAT(archive.left_out, ElementsAre("epoch", "best_acc1", "args (argparse.Namespace)"));
    EXPECT_TRUE(archive.others.empty());
  }
}

TEST(TorchArchive, OfSeveralReadingsAllAreNamed) {
  const std::string bytes = checkpoint_with({"ema", "model"});
  const auto first = [](const TorchArchive& archive) {
    float value = 0;
    std::memcpy(&value, archive.tensors.at("w").data.data(), 4);
    return value;
  };
  const TorchArchive usual = parse_torch_archive(as_bytes(bytes), "in.pth");
  EXPECT_EQ(usual.entry, "model");
  EXPECT_THAT(usual.others, ElementsAre("ema"));
  EXPECT_EQ(first(usual), 2.0F);
  const TorchArchive asked = parse_torch_archive(as_bytes(bytes), "in.pth", "ema");
  EXPECT_EQ(asked.entry, "ema");
  EXPECT_EQ(first(asked), 1.0F);
  EXPECT_THAT(archive_error(bytes), "");
  try {
    parse_torch_archive(as_bytes(bytes), "in.pth", "teacher");
    ADD_FAILURE() << "an entry that is not there was accepted";
  } catch (const CheckpointError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no entry 'teacher'"));
  }
  // One inside the other, and one that holds itself.
  const std::string inner = op::dict({{op::str("w"), op::tensor(op::storage("FloatStorage", "0", 4), 0, {1}, {1})}});
  const std::string nested = torch_zip(op::dict({{op::str("model"), op::dict({{op::str("state_dict"), inner}})}}), {{"0", kFour}});
  EXPECT_EQ(parse_torch_archive(as_bytes(nested), "in.pth").entry, "model.state_dict");
  EXPECT_NE(archive_error(torch_zip("}q\x01(" + op::str("model") + "h\x01u", {})), "");
}

TEST(TorchArchive, ObjectsThatShouldBeWeightsAreRefused) {
  const std::string module = op::global("torch.nn.modules.container", "Sequential") + ")\x81}b";
  EXPECT_THAT(archive_error(torch_zip(op::dict({{op::str("epoch"), "K\x01"}, {op::str("model"), module}}), {})),
              HasSubstr("'torch.nn.modules.container.Sequential'"));
  EXPECT_THAT(archive_error(torch_zip(module, {})), HasSubstr("'torch.nn.modules.container.Sequential'"));
  const std::string sparse = op::global("torch._utils", "_rebuild_sparse_tensor") + op::tuple({}) + "R";
  EXPECT_THAT(archive_error(torch_zip(op::dict({{op::str("w"), sparse}}), {})),
              HasSubstr("tensor 'w': is made by 'torch._utils._rebuild_sparse_tensor'"));
}

// uint16, uint32 and uint64 lie in plain bytes: _rebuild_tensor_v3 names their type.
TEST(TorchArchive, UnsignedTypes) {
  const auto made = [](const char* type, int64_t offset, int64_t count) {
    return op::global("torch._utils", "_rebuild_tensor_v3") +
           op::tuple(
               {op::tuple({op::str("storage"), op::global("torch.storage", "UntypedStorage"), op::str("0"), op::str("cpu"), op::num(16)}) +
                    "Q",
                op::num(offset), op::numbers({count}), op::numbers({1}), "\x89", "}", op::global("torch", type)}) +
           "R";
  };
  const std::string bytes =
      torch_zip(op::dict({{op::str("a"), made("uint16", 2, 6)}, {op::str("b"), made("uint64", 1, 1)}}), {{"0", kFour}});
  const TorchArchive archive = parse_torch_archive(as_bytes(bytes), "in.pth");
  EXPECT_EQ(archive.tensors.at("a").dtype, DType::kU16);
  EXPECT_EQ(std::memcmp(archive.tensors.at("a").data.data(), kFour.data() + 4, 12), 0);
  EXPECT_EQ(archive.tensors.at("b").dtype, DType::kU64);
  EXPECT_EQ(std::memcmp(archive.tensors.at("b").data.data(), kFour.data() + 8, 8), 0);
  EXPECT_THAT(archive_error(torch_zip(op::dict({{op::str("a"), made("uint64", 0, 3)}}), {{"0", kFour}})), HasSubstr("reaches outside"));
  EXPECT_THAT(archive_error(torch_zip(op::dict({{op::str("a"), made("complex32", 0, 1)}}), {{"0", kFour}})),
              HasSubstr("'torch.complex32'"));
}

TEST(TorchArchive, NamesNestedTensorsWithDots) {
  const std::string bytes = read_file(kGolden / "nested.pt");
  const TorchArchive archive = parse_torch_archive(as_bytes(bytes), "nested.pt");
  std::vector<std::string> names;
  for (const auto& [name, view] : archive.tensors) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("encoder.deep.0", "encoder.w", "heads.0", "heads.1.0"));
  EXPECT_THAT(archive.left_out, ElementsAre("step", "heads.1.1", "names"));
  float value = 0;
  std::memcpy(&value, archive.tensors.at("heads.1.0").data.data(), 4);
  EXPECT_EQ(value, 5.0F);
}

TEST(TorchArchive, RefusesWhatIsNoStateDict) {
  const auto error_of = [](const char* name) { return archive_error(read_file(kGolden / name)); };
  EXPECT_THAT(error_of("module.pt"), HasSubstr("'torch.nn.modules.container.Sequential'"));
  EXPECT_THAT(error_of("single.pt"), HasSubstr("single tensor"));
  EXPECT_THAT(error_of("expanded.pt"), HasSubstr("'x': shape [1000] has 1000 elements of a storage of 1"));
  EXPECT_THAT(error_of("complex.pt"), HasSubstr("'torch.ComplexFloatStorage'"));
  EXPECT_THAT(archive_error("no archive at all"), HasSubstr("no PyTorch archive"));
  EXPECT_THAT(archive_error(torch_zip("K\x05", {})), HasSubstr("holds a int"));
  EXPECT_THAT(archive_error(torch_zip(op::tuple({op::str("module"), "N"}) + "Q", {})), HasSubstr("whole module"));
}

TEST(TorchArchive, BothFormsByHand) {
  const std::string object = one_tensor(1, {3}, {1});
  for (const std::string& bytes : {torch_zip(object, {{"0", kFour}}), torch_legacy(object, {{"0", kFour}}, 4)}) {
    const TorchArchive archive = parse_torch_archive(as_bytes(bytes), "in.pth");
    ASSERT_EQ(archive.tensors.size(), 1U);
    const TensorView& view = archive.tensors.at("x");
    EXPECT_EQ(view.shape, (std::vector<int64_t>{3}));
    EXPECT_EQ(std::memcmp(view.data.data(), kFour.data() + 4, 12), 0);
  }
}

// PyTorch 0.x: a storage that is a part of another, and tensors without hooks.
TEST(TorchArchive, ViewsOfOldFiles) {
  const std::string part = op::storage("FloatStorage", "0", 4, op::tuple({op::str("v"), op::num(1), op::num(2)}));
  const std::string tensor =
      op::global("torch._utils", "_rebuild_tensor") + op::tuple({part, op::num(1), op::numbers({1}), op::numbers({1})}) + "R";
  const std::string bytes = torch_legacy(op::dict({{op::str("x"), tensor}}), {{"0", kFour}}, 4);
  const TorchArchive archive = parse_torch_archive(as_bytes(bytes), "in.pth");
  EXPECT_EQ(std::memcmp(archive.tensors.at("x").data.data(), kFour.data() + 8, 4), 0);
  const std::string beyond = op::storage("FloatStorage", "0", 4, op::tuple({op::str("v"), op::num(3), op::num(2)}));
  EXPECT_THAT(archive_error(torch_legacy(op::dict({{op::str("x"), op::tensor(beyond, 0, {1}, {1})}}), {{"0", kFour}}, 4)),
              HasSubstr("elements 3 to 5 in a storage of 4"));
}

TEST(TorchArchive, ChecksShapesAgainstStorages) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  struct Case {
    std::string object, named;
  };
  const std::vector<Case> cases = {
      {one_tensor(0, {5}, {1}), "reaches outside of its storage of 4"},
      {one_tensor(1, {4}, {1}), "reaches outside"},
      {one_tensor(4, {1}, {1}), "reaches outside"},
      {one_tensor(0, {2, 2}, {3, 1}), "reaches outside"},
      {one_tensor(0, {kHuge, kHuge}, {1, 1}), "reaches outside"},
      {one_tensor(0, {kHuge}, {kHuge}), "reaches outside"},
      {one_tensor(INT64_MAX, {INT64_MAX}, {INT64_MAX}), "reaches outside"},
      {one_tensor(0, {1'000'000'000'000'000'000}, {0}), "was expanded"},
      {one_tensor(-1, {1}, {1}), "offset is -1"},
      {one_tensor(0, {-1}, {1}), "shape is -1"},
      {one_tensor(0, {2}, {-1}), "stride is -1"},
      {one_tensor(0, {2}, {1, 1}), "shape has 1 numbers, stride 2"},
      {one_tensor(0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)), "at most 64"},
      {one_tensor(0, {1}, {1}, 5), "holds 4 elements, expected 5"},
      {one_tensor(0, {1}, {1}, INT64_MAX), "holds 4 elements"},
      {one_tensor(0, {1}, {1}, -4), "storage size is -4"},
  };
  for (const auto& [object, named] : cases) {
    const std::string zip = archive_error(torch_zip(object, {{"0", kFour}}));
    EXPECT_THAT(zip, HasSubstr(named));
    EXPECT_THAT(zip, HasSubstr("in.pth"));
    EXPECT_FALSE(archive_error(torch_legacy(object, {{"0", kFour}}, 4)).empty()) << named;
  }
  EXPECT_EQ(archive_error(torch_zip(one_tensor(2, {0, 7}, {7, 1}), {{"0", kFour}})), "");
  EXPECT_EQ(archive_error(torch_zip(one_tensor(3, {}, {}), {{"0", kFour}})), "");
}

TEST(TorchArchive, RefusesHostileObjects) {
  const std::string storage = op::storage("FloatStorage", "0", 4);
  const auto named = [](const std::string& value) { return op::dict({{op::str("x"), value}}); };
  std::string deep = "N", dag = "]q\x01";
  for (int i = 0; i < 100; ++i) deep = op::list({deep});
  for (int i = 1; i < 60; ++i) {  // lists that hold the one before twice: 2^60 entries
    const std::string before(1, static_cast<char>(i)), next(1, static_cast<char>(i + 1));
    dag.append("](h").append(before).append("h").append(before).append("eq").append(next);
  }
  dag = op::tuple({dag});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {named(op::global("os", "system") + op::tuple({op::str("true")}) + "R"), "'os.system'"},
      {named(op::global("torch", "FloatStorage") + op::tuple({}) + "R"), "a call of torch.FloatStorage"},
      {named(op::global("torch._utils", "_rebuild_tensor_v2") + op::tuple({storage}) + "R"), "made of 1 arguments"},
      {named(op::global("torch._utils", "_rebuild_tensor_v2") + op::tuple({"N", "N", "N", "N", "N", "N"}) + "R"), "not a storage"},
      {named(op::global("torch._utils", "_rebuild_parameter") + op::tuple({storage, "\x88", "N"}) + "R"), "not made of a tensor"},
      {named(op::tuple({op::str("storage"), "N", "N"}) + "Q"), "not a storage"},
      {named(op::str("id") + "Q"), "not a storage"},
      {op::dict({{"N", op::tensor(storage, 0, {1}, {1})}}), "key is a None"},
      {op::dict({{op::str("a\xff"), op::tensor(storage, 0, {1}, {1})}}), "a\\xff' is not UTF-8"},
      {op::dict({{op::str("x"), op::tensor(storage, 0, {1}, {1})}, {op::str("x"), op::tensor(storage, 0, {1}, {1})}}), "occurs twice"},
      {op::dict({{op::str("a"), named(op::tensor(storage, 0, {1}, {1}))}, {op::str("a.x"), op::tensor(storage, 0, {1}, {1})}}),
       "occurs twice"},
      {deep, "nested deeper than 64"},
      {dag, "names of more than 67108864 bytes"},
      {"}q\x01(" + op::str("self") + "h\x01u", "nested deeper"},
      {named(op::tensor(op::storage("FloatStorage", "elsewhere", 4), 0, {1}, {1})), "'elsewhere' is not in the file"},
      {named(op::tensor(op::storage("FloatStorage", "../0", 4), 0, {1}, {1})), "is not in the file"},
  };
  for (const auto& [object, part] : cases) EXPECT_THAT(archive_error(torch_zip(object, {{"0", kFour}})), HasSubstr(part));
}

TEST(TorchArchive, CopiesStayWithinTheFile) {
  // One storage of 1,000 numbers and 1,000 transposed views of it.
  const std::string object =
      op::dict({{op::str("first"), op::tensor(op::storage("FloatStorage", "0", 1024) + "q\x01", 0, {32, 32}, {1, 32})}});
  std::string many = "}(";
  for (int i = 0; i < 1000; ++i) {
    many += op::str("t" + std::to_string(i)) +
            op::tensor(i == 0 ? op::storage("FloatStorage", "0", 1024) + "q\x01" : "h\x01", 0, {32, 32}, {1, 32});
  }
  many += "u";
  EXPECT_EQ(archive_error(torch_zip(object, {{"0", std::string(4096, '\0')}})), "");
  EXPECT_THAT(archive_error(torch_zip(many, {{"0", std::string(4096, '\0')}})), HasSubstr("copies of more than 2 times the file"));
}

TEST(TorchArchive, RefusesBrokenZips) {
  const std::string object = one_tensor(0, {4}, {1});
  const ZipItem pickle{"x/data.pkl", op::proto + object + "."};
  const auto error_of = [](const std::vector<ZipItem>& items) { return archive_error(zip_by_hand(items)); };
  EXPECT_THAT(error_of({{"x/other", ""}}), HasSubstr("without data.pkl"));
  EXPECT_THAT(error_of({pickle, {"y/data.pkl", "N."}}), HasSubstr("more than one data.pkl"));
  EXPECT_THAT(error_of({pickle, pickle}), HasSubstr("'x/data.pkl' occurs twice"));
  EXPECT_THAT(error_of({pickle, {"x/constants.pkl", ")."}}), HasSubstr("TorchScript"));
  EXPECT_THAT(error_of({pickle, {"x/byteorder", "big"}}), HasSubstr("byte order 'big'"));
  EXPECT_THAT(error_of({pickle}), HasSubstr("storage '0' is not in the file"));
  EXPECT_THAT(error_of({pickle, {"x/data/0", kFour, 8}}), HasSubstr("'x/data/0' is compressed (method 8)"));
  EXPECT_THAT(error_of({pickle, {"x/data/0", kFour, 0, 1}}), HasSubstr("encrypted"));
  const std::string good = zip_by_hand({pickle, {"x/data/0", kFour}});
  EXPECT_EQ(archive_error(good), "");
  EXPECT_EQ(archive_error(good.substr(0, good.size() - 2) + little(7, 2) + "comment"), "");
  for (size_t length = 4; length < good.size(); ++length) EXPECT_NE(archive_error(good.substr(0, length)), "") << length;
  std::string many = good;
  many.replace(good.size() - 12, 2, little(60000, 2));
  EXPECT_THAT(archive_error(many), HasSubstr("60000 entries do not fit"));
  std::string elsewhere = good;
  elsewhere.replace(good.size() - 6, 4, little(0xfffffff0, 4));
  EXPECT_THAT(archive_error(elsewhere), HasSubstr("directory lies outside"));
}

TEST(TorchArchive, RefusesBrokenLegacyFiles) {
  const std::string object = one_tensor(0, {4}, {1});
  const std::string good = torch_legacy(object, {{"0", kFour}}, 4);
  EXPECT_EQ(archive_error(good), "");
  for (size_t length = 0; length < good.size(); ++length) EXPECT_NE(archive_error(good.substr(0, length)), "") << length;
  EXPECT_THAT(archive_error(good + "x"), HasSubstr("1 bytes follow"));
  EXPECT_THAT(archive_error(torch_legacy(object, {{"0", kFour}}, 4, "\x89")), HasSubstr("big-endian"));
  EXPECT_THAT(archive_error(torch_legacy(object, {{"0", kFour}, {"1", kFour}}, 4)), HasSubstr("no tensor names storage '1'"));
  EXPECT_THAT(archive_error(torch_legacy(object, {}, 4)), HasSubstr("'0' is not in the file's list"));
  EXPECT_THAT(archive_error(torch_legacy(object, {{"0", kFour.substr(0, 8)}}, 4)), HasSubstr("holds 2 elements, expected 4"));
  const std::string mixed = op::dict({{op::str("a"), op::tensor(op::storage("FloatStorage", "0", 4), 0, {4}, {1})},
                                      {op::str("b"), op::tensor(op::storage("HalfStorage", "0", 8), 0, {8}, {1})}});
  EXPECT_THAT(archive_error(torch_legacy(mixed, {{"0", kFour}}, 4)), HasSubstr("different element sizes"));
  EXPECT_EQ(archive_error(torch_zip(mixed, {{"0", kFour}})), "");  // newer PyTorch saves such views
}

// Random damage either still reads or is refused by CheckpointError; the sanitizers watch the rest, and that every view can be read.
TEST(TorchArchive, SurvivesRandomDamage) {
  RandomStream random(5, "torch-archive-damage");
  for (const char* name : {"torch_zip.pth", "torch_legacy.pth", "torch_protocol4.pth", "checkpoint_legacy.pt", "nested.pt"}) {
    const std::string good = read_file(kGolden / name);
    int refused = 0;
    unsigned int sum = 0;
    for (int round = 0; round < 2000; ++round) {
      std::string bytes = good;
      for (uint64_t i = random.below(6) + 1; i > 0; --i) {
        const uint64_t at = random.below(bytes.size()), action = random.below(8);
        if (action == 0) bytes.erase(at, random.below(16) + 1);
        if (action == 1) bytes.insert(at, bytes.substr(random.below(bytes.size()), random.below(16) + 1));
        if (action == 2)
          bytes.replace(at, std::min<size_t>(4, bytes.size() - at), little(random.next_u32(), std::min<size_t>(4, bytes.size() - at)));
        if (action > 2) bytes[at] = static_cast<char>(random.below(256));
      }
      try {
        const TorchArchive archive = parse_torch_archive(as_bytes(bytes), "in.pth");
        for (const auto& [key, view] : archive.tensors) {
          for (const std::byte byte : view.data) sum += std::to_integer<unsigned int>(byte);
        }
      } catch (const CheckpointError&) {
        ++refused;
      }
    }
    EXPECT_GT(refused, 200) << name << sum;
  }
}

}  // namespace
}  // namespace infig
