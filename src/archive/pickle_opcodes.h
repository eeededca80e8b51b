// Instructions of pickles, protocols 2 to 5, by their names in Python's pickletools.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

namespace infig::pickle_opcodes {

enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kEmptyDict = '}',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

// The rest of pickle's instructions, so that a refusal can say which one it met.
inline constexpr std::array<std::pair<uint8_t, const char*>, 21> kRefused = {
    {{'0', "POP"},    {'1', "POP_MARK"},     {'2', "DUP"},
     {'F', "FLOAT"},  {'I', "INT"},          {'L', "LONG"},
     {'P', "PERSID"}, {'S', "STRING"},       {'V', "UNICODE"},
     {'d', "DICT"},   {'g', "GET"},          {'i', "INST"},
     {'l', "LIST"},   {'o', "OBJ"},          {'p', "PUT"},
     {0x82, "EXT1"},  {0x83, "EXT2"},        {0x84, "EXT4"},
     {0x8b, "LONG4"}, {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"}}};

}  // namespace infig::pickle_opcodes
