// over 400 lines because the instructions of one machine are in one place.
#include "archive/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <utility>

#include "archive/pickle_classes.h"
#include "archive/pickle_opcodes.h"
#include "core/error.h"

namespace infig {
namespace {

using namespace pickle_opcodes;

constexpr size_t kMaxValues = size_t{1} << 20;
constexpr size_t kMaxOperations = size_t{1} << 24;
constexpr std::string_view kOrderedDict = "collections.OrderedDict", kDefaultDict = "collections.defaultdict";
constexpr size_t kMaxForeign = 4096;  // names of other classes

class PickleReader {
 public:
  PickleReader(std::span<const std::byte> bytes, const std::string& where, std::span<const std::string_view> globals)
      : bytes_(bytes), where_(where), globals_(globals) {}

  Pickle read() {
    size_t operations = 0;
    while (step(static_cast<uint8_t>(number(1)))) {
      if (++operations > kMaxOperations) fail("the pickle has more instructions than any state dict");
    }
    pickle_.root = pop();
    if (!stack_.empty() || !marks_.empty()) fail("the pickle ends with more than one value");
    pickle_.size = position_;
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw CheckpointError(fmt::format("{}: byte {} of the pickle: {}; the file is damaged or no state dict", where_, start_, what));
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw CheckpointError(
        fmt::format("{}: byte {} of the pickle: {} is refused: only tensors, ordered dicts and plain values are read, and nothing is ever "
                    "called; load the file where you trust it and save its state_dict() alone",
                    where_, start_, what));
  }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - position_) fail(fmt::format("{} bytes are wanted, {} are left", count, bytes_.size() - position_));
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + position_, count);
    position_ += count;
    return text;
  }
  uint64_t number(size_t width) {
    uint64_t value = 0;
    const std::string_view text = take(width);
    for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<uint8_t>(text[i]);
    return value;
  }
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, bytes_.size() - position_);
    const size_t length = rest.find('\n');
    if (length == std::string_view::npos) fail("a global without the end of its name");
    position_ += length + 1;
    return rest.substr(0, length);
  }

  void push(uint32_t value) { stack_.push_back(value); }
  PickleValue& make(PickleKind kind) {
    if (pickle_.values.size() >= kMaxValues) fail(fmt::format("more than {} values", kMaxValues));
    push(static_cast<uint32_t>(pickle_.values.size()));
    return pickle_.values.emplace_back(PickleValue{.kind = kind, .integer = 0, .real = 0, .text = {}, .items = {}});
  }
  uint32_t pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("a value is taken from an empty stack");
    const uint32_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::vector<uint32_t> pop_items() {
    if (marks_.empty()) fail("items without a mark");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<uint32_t> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  PickleValue& value(uint32_t index) { return pickle_.values[index]; }
  PickleValue& target(PickleKind kind, const char* action) {
    const uint32_t top = pop();
    push(top);
    if (value(top).kind != kind) refuse(fmt::format("{} on a {}", action, pickle_kind_name(value(top).kind)));
    return value(top);
  }

  void tuple(size_t count) {
    std::vector<uint32_t> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    make(PickleKind::kTuple).items = std::move(items);
  }
  void put(uint64_t place) {
    if (place >= kMaxValues) fail(fmt::format("memo place {} is beyond {}", place, kMaxValues));
    const uint32_t top = pop();
    push(top);
    if (place >= memo_.size()) memo_.resize(place + 1, kUnset);
    memo_[place] = top;
    memoized_ = std::max<size_t>(memoized_, place + 1);
  }
  void get(uint64_t place) {
    if (place >= memo_.size() || memo_[place] == kUnset) fail(fmt::format("memo place {} is read before it is written", place));
    push(memo_[place]);
  }
  void extend(PickleKind kind, const char* action, std::vector<uint32_t> items) {
    if (kind == PickleKind::kDict && items.size() % 2 != 0) fail("a dict gets a key without a value");
    if (on_foreign()) return;
    std::vector<uint32_t>& all = target(kind, action).items;
    all.insert(all.end(), items.begin(), items.end());
  }

  void global(std::string_view module, std::string_view name) {
    const std::string full = fmt::format("{}.{}", module, name);
    const auto found = std::find(globals_.begin(), globals_.end(), full);
    if (found != globals_.end()) {
      make(PickleKind::kGlobal).integer = found - globals_.begin();
    } else if (full == kOrderedDict || full == kDefaultDict) {
      make(PickleKind::kGlobal).integer = full == kOrderedDict ? kIsOrderedDict : kIsDefaultDict;
    } else {
      if (is_hostile_global(module, name)) refuse(fmt::format("the global '{}'", printable(full)));
      foreign(full);
    }
  }
  void foreign(const std::string& name) {
    const auto [known, added] = foreign_.emplace(name, pickle_.foreign.size());
    if (added) {
      if (pickle_.foreign.size() >= kMaxForeign) fail(fmt::format("more than {} classes", kMaxForeign));
      pickle_.foreign.push_back(printable(name));
    }
    make(PickleKind::kForeign).integer = static_cast<int64_t>(known->second);
  }
  // An object of the class, of which nothing is kept.
  void instance(uint32_t of) {
    if (value(of).kind != PickleKind::kForeign) refuse(fmt::format("an object made of a {}", pickle_kind_name(value(of).kind)));
    const int64_t place = value(of).integer;
    make(PickleKind::kForeign).integer = place;
  }
  bool on_foreign() {
    const uint32_t top = pop();
    push(top);
    return value(top).kind == PickleKind::kForeign;
  }
  void stack_global() {
    const uint32_t name = pop(), module = pop();
    if (value(name).kind != PickleKind::kString || value(module).kind != PickleKind::kString) fail("a global whose name is not a string");
    global(value(module).text, value(name).text);
  }

  // An ordered dict is made empty and filled by SETITEMS, or (Python 2) called with a list of pairs.
  void ordered_dict(const std::vector<uint32_t>& arguments) {
    std::vector<uint32_t> items;
    if (arguments.size() > 1) fail("OrderedDict with more than one argument");
    if (!arguments.empty()) {
      if (value(arguments[0]).kind != PickleKind::kList) refuse("OrderedDict of something other than a list");
      for (const uint32_t pair : value(arguments[0]).items) {
        const PickleValue& both = value(pair);
        if ((both.kind != PickleKind::kList && both.kind != PickleKind::kTuple) || both.items.size() != 2) {
          fail("OrderedDict of a list that holds something other than pairs");
        }
        items.insert(items.end(), both.items.begin(), both.items.end());
        if (++copied_pairs_ > kMaxValues) fail(fmt::format("more than {} pairs", kMaxValues));
      }
    }
    make(PickleKind::kDict).items = std::move(items);
  }
  void reduce() {
    const uint32_t arguments = pop(), callable = pop();
    if (value(callable).kind == PickleKind::kForeign) return instance(callable);
    if (value(callable).kind != PickleKind::kGlobal) refuse(fmt::format("REDUCE on a {}", pickle_kind_name(value(callable).kind)));
    if (value(arguments).kind != PickleKind::kTuple) fail("arguments that are not a tuple");
    if (value(callable).integer == kIsDefaultDict) {  // what makes its missing values is no value of it
      make(PickleKind::kDict);
      return;
    }
    if (value(callable).integer == kIsOrderedDict) return ordered_dict(value(arguments).items);
    make(PickleKind::kCall).items = {callable, arguments};
  }
  // state_dict() hangs the modules' versions on its ordered dict as an attribute; nothing of it is a weight.
  void build() {
    pop();
    if (!on_foreign()) target(PickleKind::kDict, "BUILD");
  }

  bool step(uint8_t opcode);
  bool object(uint8_t opcode);
  bool scalar(uint8_t opcode);
  bool container(uint8_t opcode);
  bool memo(uint8_t opcode);

  static constexpr uint32_t kUnset = ~uint32_t{0};
  static constexpr int64_t kIsOrderedDict = -1, kIsDefaultDict = -2;  // PickleValue::integer of these two globals
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::span<const std::string_view> globals_;
  size_t position_ = 0;
  size_t start_ = 0;  // of the instruction at hand
  Pickle pickle_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::vector<uint32_t> memo_;
  std::map<std::string, size_t> foreign_;  // where each name is in Pickle::foreign
  size_t copied_pairs_ = 0;                // one list may be named by many ordered dicts
  size_t memoized_ = 0;                    // where MEMOIZE puts the next one
};

bool PickleReader::scalar(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      make(PickleKind::kNone);
      return true;
    case kNewTrue:
      make(PickleKind::kBool).integer = 1;
      return true;
    case kNewFalse:
      make(PickleKind::kBool);
      return true;
    case kBinInt:
      make(PickleKind::kInt).integer = static_cast<int32_t>(static_cast<uint32_t>(number(4)));
      return true;
    case kBinInt1:
      make(PickleKind::kInt).integer = static_cast<int64_t>(number(1));
      return true;
    case kBinInt2:
      make(PickleKind::kInt).integer = static_cast<int64_t>(number(2));
      return true;
    case kLong1: {
      const std::string_view digits = take(number(1));
      PickleValue& made = make(digits.size() > 8 ? PickleKind::kBigInt : PickleKind::kInt);
      made.text = digits;
      uint64_t bits = !digits.empty() && static_cast<uint8_t>(digits.back()) >= 0x80 ? ~uint64_t{0} : 0;
      for (size_t i = std::min<size_t>(digits.size(), 8); i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(digits[i]);
      made.integer = static_cast<int64_t>(bits);
      return true;
    }
    case kBinFloat: {
      uint64_t bits = 0;
      for (const char byte : take(8)) bits = bits << 8 | static_cast<uint8_t>(byte);
      make(PickleKind::kFloat).real = std::bit_cast<double>(bits);
      return true;
    }
    case kShortBinString:
    case kShortBinUnicode:
      make(PickleKind::kString).text = take(number(1));
      return true;
    case kBinString:
    case kBinUnicode:
      make(PickleKind::kString).text = take(number(4));
      return true;
    case kBinUnicode8:
      make(PickleKind::kString).text = take(number(8));
      return true;
    default:
      return false;
  }
}

bool PickleReader::container(uint8_t opcode) {
  switch (opcode) {
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case kEmptyTuple:
      make(PickleKind::kTuple);
      return true;
    case kEmptyList:
      make(PickleKind::kList);
      return true;
    case kEmptyDict:
      make(PickleKind::kDict);
      return true;
    case kTuple1:
      tuple(1);
      return true;
    case kTuple2:
      tuple(2);
      return true;
    case kTuple3:
      tuple(3);
      return true;
    case kTuple: {
      std::vector<uint32_t> items = pop_items();
      make(PickleKind::kTuple).items = std::move(items);
      return true;
    }
    case kAppend:
      extend(PickleKind::kList, "APPEND", {pop()});
      return true;
    case kAppends:
      extend(PickleKind::kList, "APPENDS", pop_items());
      return true;
    case kSetItem: {
      const uint32_t item = pop(), key = pop();
      extend(PickleKind::kDict, "SETITEM", {key, item});
      return true;
    }
    case kSetItems:
      extend(PickleKind::kDict, "SETITEMS", pop_items());
      return true;
    default:
      return false;
  }
}

bool PickleReader::memo(uint8_t opcode) {
  switch (opcode) {
    case kBinGet:
      get(number(1));
      return true;
    case kLongBinGet:
      get(number(4));
      return true;
    case kBinPut:
      put(number(1));
      return true;
    case kLongBinPut:
      put(number(4));
      return true;
    case kMemoize:
      put(memoized_);
      return true;
    default:
      return false;
  }
}

// Objects of classes, and the kinds of values of which a checkpoint's weights have none.
bool PickleReader::object(uint8_t opcode) {
  switch (opcode) {
    case kNewObj: {
      pop();  // arguments
      instance(pop());
      return true;
    }
    case kNewObjEx: {
      pop();  // arguments by name
      pop();
      instance(pop());
      return true;
    }
    case kShortBinBytes:
      take(number(1));
      foreign("bytes");
      return true;
    case kBinBytes:
      take(number(4));
      foreign("bytes");
      return true;
    case kBinBytes8:
    case kByteArray8:
      take(number(8));
      foreign("bytes");
      return true;
    case kEmptySet:
      foreign("set");
      return true;
    case kAddItems:
      pop_items();
      if (!on_foreign()) target(PickleKind::kForeign, "ADDITEMS");
      return true;
    case kFrozenSet:
      pop_items();
      foreign("frozenset");
      return true;
    default:
      return false;
  }
}

// One instruction; false at the end of the pickle.
bool PickleReader::step(uint8_t opcode) {
  start_ = position_ - 1;
  if (scalar(opcode) || container(opcode) || memo(opcode) || object(opcode)) return true;
  switch (opcode) {
    case kProto: {
      const uint64_t version = number(1);
      if (version > 5) fail(fmt::format("protocol {}, expected at most 5", version));
      return true;
    }
    case kFrame:
      number(8);
      return true;
    case kGlobal: {
      const std::string_view module = line();
      global(module, line());
      return true;
    }
    case kStackGlobal:
      stack_global();
      return true;
    case kReduce:
      reduce();
      return true;
    case kBuild:
      build();
      return true;
    case kBinPersId: {
      const uint32_t id = pop();
      make(PickleKind::kPersistent).items = {id};
      return true;
    }
    case kStop:
      return false;
    default:
      break;
  }
  const auto* known = std::find_if(kRefused.begin(), kRefused.end(), [opcode](const auto& row) { return row.first == opcode; });
  if (known == kRefused.end()) fail(fmt::format("0x{:02x} is not an instruction of a pickle", opcode));
  refuse(fmt::format("the instruction {}", known->second));
}

}  // namespace

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& where, std::span<const std::string_view> globals) {
  return PickleReader(bytes, where, globals).read();
}

}  // namespace infig
