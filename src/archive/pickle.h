// Pickles as plain data. Nothing is ever called: None, bool, int, float, str, tuple, list, dict, collections.OrderedDict and defaultdict
// become values, the globals that the caller names and what would be called with them stay descriptions, and objects of other classes
// (argparse.Namespace, a NumPy scalar, a set), which checkpoints hold beside their weights, stay names of a class. Globals that only an
// attack asks for (os, subprocess, eval, ...) and the instructions of old protocols are refused by name. (Opcodes: the documentation of
// Python's pickletools; protocols 2 to 5.) Reading is in pickle.cpp, words for messages in pickle_words.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace infig {

enum class PickleKind {
  kNone,
  kBool,
  kInt,
  kBigInt,
  kFloat,
  kString,
  kTuple,
  kList,
  kDict,
  kGlobal,      // one of the caller's globals
  kCall,        // what a global would make of a tuple of arguments
  kPersistent,  // what the writer keeps outside of the pickle
  kForeign,     // another class, or an object of it; nothing but the name of the class is kept
};

const char* pickle_kind_name(PickleKind kind);  // as Python calls it

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t integer = 0;          // kBool, kInt; kGlobal: its place in the caller's list; kForeign: its name's place in Pickle::foreign
  double real = 0;              // kFloat
  std::string_view text;        // kString; kBigInt: two's complement, lowest byte first. Points into the pickle's bytes
  std::vector<uint32_t> items;  // kTuple, kList; kDict: key, value, key, value, ...; kCall: global, arguments; kPersistent: the id
};

struct Pickle {
  std::vector<PickleValue> values;   // items of a value are places in this list; they may form circles
  std::vector<std::string> foreign;  // "argparse.Namespace", ... : each once
  uint32_t root = 0;
  size_t size = 0;  // bytes up to and with the end of the pickle
};

// Reads one pickle from the front of `bytes`. `globals`: "module.name" of those that the caller understands. At most 2^20 values are
// made, so memory stays within 64 times the pickle and 256 MB. Throws CheckpointError with `where`, the byte and what was refused.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& where, std::span<const std::string_view> globals);

// Text of unknown origin for a message: cut at 100 bytes, everything but printable ASCII escaped.
std::string printable(std::string_view text);

}  // namespace infig
