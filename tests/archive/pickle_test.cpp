#include "archive/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "archive/archives.h"
#include "core/error.h"

namespace infig {
namespace {

using testing::HasSubstr;

constexpr std::array<std::string_view, 1> kKnown = {"torch.FloatStorage"};

Pickle read(const std::string& bytes) { return read_pickle(as_bytes(bytes), "in.pt", kKnown); }

std::string pickle_error(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(Pickle, ReadsPlainValues) {
  // pickle.dumps({"a": [1, 300, 70000, -5, 2**40], "b": (None, True, False, 1.5), "c": 2**100}, 2), taken apart by hand below.
  const std::string bytes =
      op::proto +
      op::dict({{op::str("a"),
                 op::list({"K\x01", "M" + little(300, 2), "J" + little(70000, 4), "J" + little(0xfffffffb, 4), op::num(int64_t{1} << 40)})},
                {op::str("b"), op::tuple({"N", "\x88", "\x89", std::string("G\x3f\xf8\0\0\0\0\0\0", 9)})},
                {op::str("c"), std::string("\x8a\x0d", 2) + std::string(12, '\0') + "\x10"}}) +
      ".";
  const std::string copy = bytes + "trailing";
  const Pickle pickle = read(copy);
  EXPECT_EQ(pickle.size, bytes.size());
  const PickleValue& root = pickle.values[pickle.root];
  ASSERT_EQ(root.kind, PickleKind::kDict);
  ASSERT_EQ(root.items.size(), 6U);
  EXPECT_EQ(pickle.values[root.items[0]].text, "a");
  std::vector<int64_t> integers;
  for (const uint32_t item : pickle.values[root.items[1]].items) integers.push_back(pickle.values[item].integer);
  EXPECT_EQ(integers, (std::vector<int64_t>{1, 300, 70000, -5, int64_t{1} << 40}));
  const auto& tuple = pickle.values[root.items[3]].items;
  ASSERT_EQ(tuple.size(), 4U);
  EXPECT_EQ(pickle.values[tuple[0]].kind, PickleKind::kNone);
  EXPECT_EQ(pickle.values[tuple[1]].integer, 1);
  EXPECT_EQ(pickle.values[tuple[2]].integer, 0);
  EXPECT_EQ(pickle.values[tuple[3]].real, 1.5);
  EXPECT_EQ(pickle.values[root.items[5]].kind, PickleKind::kBigInt);
  EXPECT_EQ(pickle.values[root.items[5]].text.size(), 13U);
}

TEST(Pickle, OrderedDictsAreDicts) {
  const std::string empty = op::global("collections", "OrderedDict") + ")R";
  const std::string filled = empty + "(" + op::str("k") + "K\x07u}(" + op::str("_metadata") + "Nub.";
  const Pickle made = read(filled);
  EXPECT_EQ(made.values[made.root].kind, PickleKind::kDict);
  EXPECT_EQ(made.values[made.root].items.size(), 2U);
  const std::string pairs = op::global("collections", "OrderedDict") + op::list({op::list({op::str("k"), "K\x07"})}) + "\x85R.";
  const Pickle old = read(pairs);  // as Python 2 writes it
  EXPECT_EQ(old.values[old.root].items.size(), 2U);
}

TEST(Pickle, MemoAndNewerProtocols) {
  // Protocol 4: frame, short strings, MEMOIZE, STACK_GLOBAL.
  const std::string bytes = std::string("\x80\x04\x95", 3) + little(9, 8) + "](" + std::string("\x8c\x05torch\x94", 8) +
                            std::string(
                                "\x8c\x0c"
                                "FloatStorage\x94",
                                15) +
                            std::string(
                                "\x93h\x00"
                                "e.",
                                5);
  const Pickle pickle = read(bytes);
  ASSERT_EQ(pickle.values[pickle.root].items.size(), 2U);
  EXPECT_EQ(pickle.values[pickle.values[pickle.root].items[0]].kind, PickleKind::kGlobal);
  EXPECT_EQ(pickle.values[pickle.values[pickle.root].items[1]].text, "torch");
}

// What scripts save beside weights: pickle.dumps({"args": argparse.Namespace(lr=1), "s": {1}, "b": b"x", "f": numpy.float64(...)}) by hand.
TEST(Pickle, ObjectsOfOtherClassesStayNames) {
  const std::string object = op::global("argparse", "Namespace") + ")\x81}(" + op::str("lr") + "K\x01ub";
  const std::string scalar = op::global("numpy.core.multiarray", "scalar") +
                             op::tuple({op::global("numpy", "dtype") + op::tuple({op::str("f8")}) + "R", "C\x01x"}) + "R";
  const std::string set = "\x8f(K\x01K\x02\x90", frozen = "(K\x01\x91";
  const std::string bytes = op::dict({{op::str("args"), object},
                                      {op::str("best"), scalar},
                                      {op::str("set"), set},
                                      {op::str("frozen"), frozen},
                                      {op::str("log"), op::global("collections", "defaultdict") +
                                                           op::tuple({op::global("builtins", "list")}) + "R(" + op::str("k") + "K\x07u"}}) +
                            ".";
  const Pickle pickle = read(bytes);
  const auto& items = pickle.values[pickle.root].items;
  ASSERT_EQ(items.size(), 10U);
  const auto name_of = [&](size_t entry) {
    const PickleValue& value = pickle.values[items[entry * 2 + 1]];
    return value.kind == PickleKind::kForeign ? pickle.foreign[static_cast<size_t>(value.integer)] : std::string();
  };
  EXPECT_EQ(name_of(0), "argparse.Namespace");
  EXPECT_EQ(name_of(1), "numpy.core.multiarray.scalar");
  EXPECT_EQ(name_of(2), "set");
  EXPECT_EQ(name_of(3), "frozenset");
  EXPECT_EQ(pickle.values[items[9]].kind, PickleKind::kDict);
  EXPECT_EQ(pickle.values[items[9]].items.size(), 2U);
}

TEST(Pickle, RefusesByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {op::global("posix", "system") + op::tuple({op::str("true")}) + "R.", "'posix.system'"},
      {op::global("builtins", "eval") + ".", "'builtins.eval'"},
      {op::global("__builtin__", "exec") + ".", "'__builtin__.exec'"},
      {std::string("\x8c\x02os\x8c\x06system\x93.", 14), "'os.system'"},
      {op::global("subprocess", "\x1b[31m") + ".", "subprocess.\\x1b[31m"},
      {"(ios\nsystem\n.", "INST"},
      {"(o.", "OBJ"},
      {op::str("x") + ")\x81.", "made of a str"},
      {op::global("torch", "FloatStorage") + ")\x81.", "made of a global"},
      {"I1\n.", "instruction INT"},
      {"S'x'\n.", "STRING"},
      {"Px\n.", "PERSID"},
      {"](N\x90.", "ADDITEMS on a list"},
      {"\x82\x01.", "EXT1"},
      {"N0.", "POP"},
      {"N2.", "DUP"},
      {op::str("f") + ")R.", "REDUCE on a str"},
      {"]}b.", "BUILD on a list"},
      {op::global("collections", "OrderedDict") + op::str("x") + "\x85R.", "OrderedDict of something other"},
  };
  for (const auto& [bytes, named] : cases) {
    const std::string message = pickle_error(bytes);
    EXPECT_THAT(message, HasSubstr("in.pt")) << named;
    EXPECT_THAT(message, HasSubstr("refused")) << named;
    EXPECT_THAT(message, HasSubstr(named));
  }
}

TEST(Pickle, RefusesDamage) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "1 bytes are wanted"},
      {"N", "1 bytes are wanted"},
      {".", "empty stack"},
      {"NN.", "more than one value"},
      {"(N.", "more than one value"},
      {"(.", "empty stack"},
      {"(t", "1 bytes are wanted"},
      {"t.", "without a mark"},
      {"N\x86.", "empty stack"},
      {"X" + little(0xffffffff, 4) + "x.", "4294967295 bytes are wanted"},
      {"\x8d" + little(~uint64_t{0}, 8) + "x.", "18446744073709551615 bytes are wanted"},
      {"\x8a\xff.", "255 bytes"},
      {"cx", "end of its name"},
      {"h\x05.", "before it is written"},
      {"j" + little(0xffffffff, 4) + ".", "before it is written"},
      {"Nr" + little(0xffffffff, 4) + ".", "memo place"},
      {"}(Nu.", "key without a value"},
      {"NNa.", "APPEND on a None"},
      {"\xff.", "0xff"},
      {"\x80\x09N.", "protocol 9"},
      {op::global("torch", "FloatStorage") + "NR.", "not a tuple"},
      {"NN\x93.", "not a string"},
      {op::global("collections", "OrderedDict") + op::list({"N"}) + "\x85R.", "other than pairs"},
  };
  for (const auto& [bytes, named] : cases) EXPECT_THAT(pickle_error(bytes), HasSubstr(named)) << testing::PrintToString(bytes);
}

// Bytes that ask for much: nothing grows beyond what the header promises, and nothing recurses.
TEST(Pickle, StaysSmall) {
  EXPECT_THAT(pickle_error(std::string(3'000'000, 'N') + "."), HasSubstr("more than 1048576 values"));
  EXPECT_THAT(pickle_error(std::string(2'000'000, '(') + "."), HasSubstr("empty stack"));
  std::string nested = "N";
  for (int i = 0; i < 500'000; ++i) nested += "\x85";
  EXPECT_EQ(pickle_error(nested + "."), "");
  std::string recalls = "](Nq" + std::string(1, '\0');
  for (int i = 0; i < 17'000'000; ++i) recalls.append("h\0", 2);
  EXPECT_THAT(pickle_error(recalls + "e."), HasSubstr("more instructions"));
  // One list of pairs, named by ordered dict after ordered dict.
  std::string calls = "](](";
  for (int i = 0; i < 1000; ++i) calls += "NN\x86";
  calls += "eq\x01";
  for (int i = 0; i < 2000; ++i) calls += op::global("collections", "OrderedDict") + "h\x01\x85R";
  EXPECT_THAT(pickle_error(calls + "e."), HasSubstr("more than 1048576 pairs"));
}

TEST(Pickle, PrintsWhatItDoesNotTrust) {
  EXPECT_EQ(printable("a b~"), "a b~");
  EXPECT_EQ(printable("\x1b[0m\n\xc3\xa9"), "\\x1b[0m\\x0a\\xc3\\xa9");
  EXPECT_EQ(printable(std::string(200, 'x')), std::string(100, 'x') + "...");
}

}  // namespace
}  // namespace infig
