#include "archive/torch_pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "archive/pickle.h"
#include "core/error.h"

namespace infig {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxWrappers = 4;     // one inside the other: {"model": {"state_dict": {...}}}
constexpr size_t kMaxDimensions = 64;  // PyTorch's own limit
constexpr size_t kMaxVisits = size_t{1} << 21;
constexpr size_t kMaxNameBytes = size_t{1} << 26;
// Under what training scripts keep the weights: the first of them that holds tensors is read. Averages of the weights come last.
constexpr std::array<std::string_view, 13> kWrappers = {"state_dict", "model_state_dict", "model_state",   "model", "module",
                                                        "net",        "network",          "weights",       "ema",   "ema_state_dict",
                                                        "model_ema",  "ema_model",        "state_dict_ema"};

enum Global : size_t { kRebuildTensor2, kRebuildTensor, kRebuildParameter, kRebuildTensor3, kFirstType, kFirstStorage = kFirstType + 3 };

// Types that have no storage of their own: their tensors lie in plain bytes and name the type.
constexpr std::array<DType, 3> kNamedTypes = {DType::kU16, DType::kU32, DType::kU64};
constexpr std::array<std::string_view, 18> kGlobals = {"torch._utils._rebuild_tensor_v2",
                                                       "torch._utils._rebuild_tensor",
                                                       "torch._utils._rebuild_parameter",
                                                       "torch._utils._rebuild_tensor_v3",
                                                       "torch.uint16",
                                                       "torch.uint32",
                                                       "torch.uint64",
                                                       "torch.FloatStorage",
                                                       "torch.DoubleStorage",
                                                       "torch.HalfStorage",
                                                       "torch.BFloat16Storage",
                                                       "torch.LongStorage",
                                                       "torch.IntStorage",
                                                       "torch.ShortStorage",
                                                       "torch.CharStorage",
                                                       "torch.ByteStorage",
                                                       "torch.BoolStorage",
                                                       "torch.storage.UntypedStorage"};
constexpr std::array<DType, 11> kStorageTypes = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kI64, DType::kI32,
                                                 DType::kI16, DType::kI8,  DType::kU8,  DType::kBool, DType::kU8};
static_assert(kGlobals.size() == kFirstStorage + kStorageTypes.size());

class TorchPickleReader {
 public:
  TorchPickleReader(std::span<const std::byte> bytes, const std::string& where, const std::string& entry)
      : where_(where), entry_(entry), pickle_(read_pickle(bytes, where, kGlobals)) {}

  TorchStateDict read() {
    result_.size = pickle_.size;
    collect_storages();
    const PickleValue& root = value(pickle_.root);
    if (root.kind == PickleKind::kCall) {
      fail("", "the file holds a single tensor, expected a dict of named tensors; save {\"name\": tensor}");
    }
    if (root.kind == PickleKind::kForeign) refuse_object("the file holds", root);
    if (root.kind != PickleKind::kDict && root.kind != PickleKind::kList && root.kind != PickleKind::kTuple) {
      fail("", fmt::format("the file holds a {}, expected a dict of named tensors", pickle_kind_name(root.kind)));
    }
    uint32_t weights = pickle_.root;
    for (size_t depth = 0; depth < kMaxWrappers && unwrap(weights); ++depth) {
    }
    walk(weights, "", 0);
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw CheckpointError(name.empty() ? fmt::format("{}: {}", where_, what)
                                       : fmt::format("{}: tensor '{}': {}", where_, printable(name), what));
  }
  const PickleValue& value(uint32_t index) const { return pickle_.values[index]; }
  const std::string& class_of(const PickleValue& object) const { return pickle_.foreign[static_cast<size_t>(object.integer)]; }
  [[noreturn]] void refuse_object(const std::string& what, const PickleValue& object) const {
    fail("", fmt::format("{} an object of the class '{}', expected a dict of named tensors; nothing is ever called, so load it where you "
                         "trust it and save its state_dict()",
                         what, class_of(object)));
  }

  void collect_storages() {
    std::map<std::string_view, size_t> known;
    for (const PickleValue& candidate : pickle_.values) {
      if (candidate.kind != PickleKind::kPersistent) continue;
      const TorchTensor place = storage(candidate, "");
      const auto [found, added] = known.emplace(place.key, result_.storages.size());
      if (added) {
        const uint64_t count = natural(storage_id(candidate, "")[4], "", "storage size");
        result_.storages.push_back({.dtype = place.dtype, .key = place.key, .count = count});
      }
      TorchStorage& first = result_.storages[found->second];
      first.mixed |= dtype_size(first.dtype) != dtype_size(place.dtype);
    }
  }

  // The tuple ("storage", type, key, location, elements[, None or (view's key, first, elements)]).
  const std::vector<uint32_t>& storage_id(const PickleValue& persistent, const std::string& name) const {
    const PickleValue& id = value(persistent.items[0]);
    const bool named = id.kind == PickleKind::kTuple && !id.items.empty() && value(id.items[0]).kind == PickleKind::kString;
    if (named && value(id.items[0]).text == "module") {
      fail(name, "the file holds a whole module with its code; load it where you trust it and save its state_dict()");
    }
    const bool storage = named && value(id.items[0]).text == "storage" && (id.items.size() == 5 || id.items.size() == 6) &&
                         value(id.items[1]).kind == PickleKind::kGlobal && value(id.items[2]).kind == PickleKind::kString;
    if (!storage && named && id.items.size() > 1 && value(id.items[1]).kind == PickleKind::kForeign) {
      fail(name, fmt::format("its storage is a '{}', whose numbers are not read; convert it to floats or whole numbers and save it again",
                             class_of(value(id.items[1]))));
    }
    if (!storage) fail(name, "a persistent id that is not a storage (expected \"storage\", type, key, location, count)");
    return id.items;
  }

  TorchTensor storage(const PickleValue& persistent, const std::string& name) const {
    const std::vector<uint32_t>& id = storage_id(persistent, name);
    TorchTensor place;
    const int64_t type = value(id[1]).integer - static_cast<int64_t>(kFirstStorage);
    if (type < 0) fail(name, "a storage of unknown type");
    place.dtype = kStorageTypes[static_cast<size_t>(type)];
    place.key = value(id[2]).text;
    place.count = natural(id[4], name, "storage size");
    if (id.size() == 6 && value(id[5]).kind != PickleKind::kNone) {
      const PickleValue& view = value(id[5]);
      if (view.kind != PickleKind::kTuple || view.items.size() != 3) fail(name, "a view of a storage that is not a tuple of three");
      place.first = natural(view.items[1], name, "view offset");
      const uint64_t elements = natural(view.items[2], name, "view size");
      if (place.first > place.count || elements > place.count - place.first) {
        fail(name, fmt::format("a view of elements {} to {} in a storage of {}", place.first, place.first + elements, place.count));
      }
      place.count = elements;
    }
    return place;
  }

  uint64_t natural(uint32_t index, const std::string& name, const char* what) const {
    const PickleValue& number = value(index);
    if (number.kind != PickleKind::kInt) fail(name, fmt::format("{} is a {}, expected an int", what, pickle_kind_name(number.kind)));
    if (number.integer < 0) fail(name, fmt::format("{} is {}, expected 0 or more", what, number.integer));
    return static_cast<uint64_t>(number.integer);
  }

  std::vector<int64_t> naturals(uint32_t index, const std::string& name, const char* what) const {
    const PickleValue& tuple = value(index);
    if (tuple.kind != PickleKind::kTuple && tuple.kind != PickleKind::kList) {
      fail(name, fmt::format("{} is a {}, expected a tuple", what, pickle_kind_name(tuple.kind)));
    }
    if (tuple.items.size() > kMaxDimensions) {
      fail(name, fmt::format("{} has {} numbers, expected at most {}", what, tuple.items.size(), kMaxDimensions));
    }
    std::vector<int64_t> numbers;
    for (const uint32_t item : tuple.items) numbers.push_back(static_cast<int64_t>(natural(item, name, what)));
    return numbers;
  }

  TorchTensor tensor(const PickleValue& call, const std::string& name) const {
    const auto kind = static_cast<size_t>(value(call.items[0]).integer);
    const std::vector<uint32_t>& arguments = value(call.items[1]).items;
    if (kind == kRebuildParameter) {
      // A parameter wraps a tensor, never another parameter.
      if (arguments.size() != 3 || value(arguments[0]).kind != PickleKind::kCall || !is_tensor(value(arguments[0]))) {
        fail(name, "a parameter that is not made of a tensor");
      }
      return tensor(value(arguments[0]), name);
    }
    if (!is_tensor(call)) fail(name, fmt::format("a call of {}, expected a tensor", kGlobals[kind]));
    const auto [least, most] = kind == kRebuildTensor    ? std::pair<size_t, size_t>{4, 4}
                               : kind == kRebuildTensor2 ? std::pair<size_t, size_t>{6, 7}
                                                         : std::pair<size_t, size_t>{7, 8};
    if (arguments.size() < least || arguments.size() > most) {
      fail(name, fmt::format("made of {} arguments, expected {}", arguments.size(), least));
    }
    if (value(arguments[0]).kind != PickleKind::kPersistent) fail(name, "its first argument is not a storage");
    TorchTensor made = storage(value(arguments[0]), name);
    made.offset = natural(arguments[1], name, "offset");
    made.shape = naturals(arguments[2], name, "shape");
    made.stride = naturals(arguments[3], name, "stride");
    if (made.shape.size() != made.stride.size()) {
      fail(name, fmt::format("shape has {} numbers, stride {}", made.shape.size(), made.stride.size()));
    }
    if (kind == kRebuildTensor3) give_type(made, value(arguments[6]), name);
    return made;
  }

  bool is_tensor(const PickleValue& call) const {
    const auto kind = static_cast<size_t>(value(call.items[0]).integer);
    return kind == kRebuildTensor2 || kind == kRebuildTensor || kind == kRebuildTensor3;
  }

  // The storage is of bytes, the tensor counts in elements of its own type.
  void give_type(TorchTensor& made, const PickleValue& type, const std::string& name) const {
    const int64_t place = type.kind == PickleKind::kGlobal ? type.integer - static_cast<int64_t>(kFirstType) : -1;
    if (place < 0 || place >= static_cast<int64_t>(kNamedTypes.size())) {
      fail(name, fmt::format("its type is {}, expected torch.uint16, torch.uint32 or torch.uint64; convert it and save it again",
                             type.kind == PickleKind::kForeign ? "'" + class_of(type) + "'" : pickle_kind_name(type.kind)));
    }
    made.dtype = kNamedTypes[static_cast<size_t>(place)];
    const auto element = static_cast<uint64_t>(dtype_size(made.dtype));
    if (made.first % element != 0) fail(name, "its view of the storage begins within an element");
    made.first /= element;
    made.count /= element;
  }

  // Whether anything below is a tensor. What was visited counts for all calls together.
  bool holds_tensors(uint32_t index, size_t depth) {
    if (++visits_ > kMaxVisits) fail("", fmt::format("more than {} entries, or dicts that hold themselves", kMaxVisits));
    if (depth > kMaxDepth) return false;
    const PickleValue& node = value(index);
    if (node.kind == PickleKind::kCall) return true;
    const bool dict = node.kind == PickleKind::kDict;
    if (!dict && node.kind != PickleKind::kList && node.kind != PickleKind::kTuple) return false;
    for (size_t i = dict ? 1 : 0; i < node.items.size(); i += dict ? 2 : 1) {
      if (holds_tensors(node.items[i], depth + 1)) return true;
    }
    return false;
  }

  // A training checkpoint: its weights are one entry, the rest is not weights. True where `weights` became that entry.
  bool unwrap(uint32_t& weights) {
    const PickleValue& root = value(weights);
    if (root.kind != PickleKind::kDict) return refuse_entry();
    struct Reading {
      size_t rank;
      size_t item;  // of its key
    };
    std::vector<Reading> readings;
    const PickleValue* object = nullptr;
    for (size_t i = 0; i < root.items.size(); i += 2) {
      const PickleValue &key = value(root.items[i]), &item = value(root.items[i + 1]);
      if (key.kind != PickleKind::kString) continue;
      const size_t rank = static_cast<size_t>(std::find(kWrappers.begin(), kWrappers.end(), key.text) - kWrappers.begin());
      if (entry_.empty() || taken_ ? rank == kWrappers.size() : key.text != entry_) continue;
      if (item.kind == PickleKind::kForeign) object = &item;
      if (item.kind == PickleKind::kDict && holds_tensors(root.items[i + 1], 1)) readings.push_back({rank, i});
    }
    if (readings.empty()) {
      if (object != nullptr && !holds_tensors(weights, 0)) refuse_object("its weights are", *object);
      return refuse_entry();
    }
    const auto best =
        std::min_element(readings.begin(), readings.end(), [](const Reading& a, const Reading& b) { return a.rank < b.rank; });
    const size_t chosen = best->item;
    for (size_t i = 0; i < root.items.size(); i += 2) {
      if (i != chosen) result_.left_out.push_back(described(root.items[i], root.items[i + 1]));
    }
    for (const Reading& one : readings) {
      if (one.item != chosen) result_.others.push_back(key_name(root.items[one.item], result_.entry));
    }
    result_.entry = key_name(root.items[chosen], result_.entry);
    weights = root.items[chosen + 1];
    taken_ = true;
    return true;
  }

  // False, unless an entry was asked for by name and is not there.
  bool refuse_entry() const {
    if (entry_.empty() || taken_) return false;
    fail("", fmt::format("has no entry '{}' that holds tensors; infig weights inspect lists what is there", printable(entry_)));
  }

  // "args (argparse.Namespace)"
  std::string described(uint32_t key, uint32_t item) const {
    const std::string name = key_name(key, result_.entry);
    return value(item).kind == PickleKind::kForeign ? fmt::format("{} ({})", name, class_of(value(item))) : name;
  }

  std::string key_name(uint32_t index, const std::string& prefix) const {
    const PickleValue& key = value(index);
    std::string name;
    if (key.kind == PickleKind::kString) {
      name = key.text;
    } else if (key.kind == PickleKind::kInt) {
      name = fmt::format("{}", key.integer);
    } else {
      fail(prefix, fmt::format("a dict key is a {}, expected a str or an int", pickle_kind_name(key.kind)));
    }
    try {
      (void)nlohmann::json(name).dump();
    } catch (const nlohmann::json::exception&) {
      fail(prefix, fmt::format("the name '{}' is not UTF-8", printable(name)));
    }
    return prefix.empty() ? name : prefix + "." + name;
  }

  // Adds every tensor under `prefix`; false where there is none, and then the place is listed as left out.
  bool walk(uint32_t index, const std::string& prefix, size_t depth) {
    if (++visits_ > kMaxVisits) fail("", fmt::format("more than {} entries, or dicts that hold themselves", kMaxVisits));
    // One long key, or one tensor of many dimensions, may be named again and again.
    name_bytes_ += prefix.size();
    if (name_bytes_ > kMaxNameBytes) fail("", fmt::format("names of more than {} bytes together", kMaxNameBytes));
    if (depth > kMaxDepth) fail(prefix, fmt::format("nested deeper than {}", kMaxDepth));
    const PickleValue& node = value(index);
    if (node.kind == PickleKind::kCall) {
      TorchTensor made = tensor(node, prefix);
      dimensions_ += made.shape.size();
      if (dimensions_ > kMaxVisits) fail(prefix, fmt::format("more than {} dimensions of all tensors", kMaxVisits));
      if (!result_.tensors.emplace(prefix, std::move(made)).second) fail(prefix, "the name occurs twice");
      return true;
    }
    if (node.kind == PickleKind::kForeign && class_of(node).starts_with("torch.")) check_foreign(node, prefix);
    const size_t left_out = result_.left_out.size();
    bool any = false;
    if (node.kind == PickleKind::kDict) {
      for (size_t i = 0; i < node.items.size(); i += 2) any |= walk(node.items[i + 1], key_name(node.items[i], prefix), depth + 1);
    } else if (node.kind == PickleKind::kList || node.kind == PickleKind::kTuple) {
      for (size_t i = 0; i < node.items.size(); ++i) {
        any |= walk(node.items[i], prefix.empty() ? fmt::format("{}", i) : fmt::format("{}.{}", prefix, i), depth + 1);
      }
    }
    if (!any && depth > 0) {
      result_.left_out.resize(left_out);
      result_.left_out.push_back(node.kind == PickleKind::kForeign ? fmt::format("{} ({})", prefix, class_of(node)) : prefix);
    }
    return any;
  }

  // A tensor of a kind that is not read (sparse, quantized) must not pass for something without tensors, nor a module.
  void check_foreign(const PickleValue& node, const std::string& name) const {
    const std::string& kind = class_of(node);
    if (kind == "torch.Size" || kind == "torch.device" || kind.starts_with("torch.float") || kind.starts_with("torch.int")) return;
    fail(name,
         fmt::format("is made by '{}', which is not read; save plain tensors: a dense .contiguous() copy, the state_dict() of a module",
                     kind));
  }

  const std::string& where_;
  const std::string& entry_;  // asked for by name; empty: the first that there is
  bool taken_ = false;        // an entry was taken already
  Pickle pickle_;
  TorchStateDict result_;
  size_t visits_ = 0, name_bytes_ = 0, dimensions_ = 0;
};

}  // namespace

TorchStateDict read_torch_pickle(std::span<const std::byte> bytes, const std::string& where, const std::string& entry) {
  return TorchPickleReader(bytes, where, entry).read();
}

}  // namespace infig
