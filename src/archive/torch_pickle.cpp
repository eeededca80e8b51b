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
constexpr size_t kMaxDimensions = 64;  // PyTorch's own limit
constexpr size_t kMaxVisits = size_t{1} << 21;
constexpr size_t kMaxNameBytes = size_t{1} << 26;
constexpr std::array<const char*, 3> kWrappers = {"state_dict", "model_state_dict", "model"};

enum Global : size_t { kRebuildTensor2, kRebuildTensor, kRebuildParameter, kFirstStorage };

constexpr std::array<std::string_view, 13> kGlobals = {"torch._utils._rebuild_tensor_v2",
                                                       "torch._utils._rebuild_tensor",
                                                       "torch._utils._rebuild_parameter",
                                                       "torch.FloatStorage",
                                                       "torch.DoubleStorage",
                                                       "torch.HalfStorage",
                                                       "torch.BFloat16Storage",
                                                       "torch.LongStorage",
                                                       "torch.IntStorage",
                                                       "torch.ShortStorage",
                                                       "torch.CharStorage",
                                                       "torch.ByteStorage",
                                                       "torch.BoolStorage"};
constexpr std::array<DType, 10> kStorageTypes = {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kI64,
                                                 DType::kI32, DType::kI16, DType::kI8,  DType::kU8,   DType::kBool};
static_assert(kGlobals.size() == kFirstStorage + kStorageTypes.size());

class TorchPickleReader {
 public:
  TorchPickleReader(std::span<const std::byte> bytes, const std::string& where)
      : where_(where), pickle_(read_pickle(bytes, where, kGlobals)) {}

  TorchStateDict read() {
    result_.size = pickle_.size;
    collect_storages();
    const PickleValue& root = value(pickle_.root);
    if (root.kind == PickleKind::kCall) {
      fail("", "the file holds a single tensor, expected a dict of named tensors; save {\"name\": tensor}");
    }
    if (root.kind != PickleKind::kDict && root.kind != PickleKind::kList && root.kind != PickleKind::kTuple) {
      fail("", fmt::format("the file holds a {}, expected a dict of named tensors", pickle_kind_name(root.kind)));
    }
    if (!unwrap(root)) walk(pickle_.root, "", 0);
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw CheckpointError(name.empty() ? fmt::format("{}: {}", where_, what)
                                       : fmt::format("{}: tensor '{}': {}", where_, printable(name), what));
  }
  const PickleValue& value(uint32_t index) const { return pickle_.values[index]; }

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
      if (arguments.size() != 3 || value(arguments[0]).kind != PickleKind::kCall ||
          static_cast<size_t>(value(value(arguments[0]).items[0]).integer) > kRebuildTensor) {
        fail(name, "a parameter that is not made of a tensor");
      }
      return tensor(value(arguments[0]), name);
    }
    if (kind > kRebuildTensor) fail(name, fmt::format("a call of {}, expected a tensor", kGlobals[kind]));
    const size_t least = kind == kRebuildTensor2 ? 6 : 4;
    if (arguments.size() < least || arguments.size() > least + (kind == kRebuildTensor2 ? 1 : 0)) {
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
    return made;
  }

  // A training checkpoint: its weights are one entry, the rest is not weights.
  bool unwrap(const PickleValue& root) {
    if (root.kind != PickleKind::kDict) return false;
    const uint32_t* inner = nullptr;
    size_t best = kWrappers.size();
    for (size_t i = 0; i < root.items.size(); i += 2) {
      if (value(root.items[i + 1]).kind == PickleKind::kCall) return false;
      const PickleValue& key = value(root.items[i]);
      if (key.kind != PickleKind::kString || value(root.items[i + 1]).kind != PickleKind::kDict) continue;
      for (size_t wrapper = 0; wrapper < best; ++wrapper) {
        if (key.text != kWrappers[wrapper]) continue;
        inner = &root.items[i + 1];
        best = wrapper;
      }
    }
    if (inner == nullptr) return false;
    walk(*inner, "", 0);
    for (size_t i = 0; i < root.items.size(); i += 2) {
      if (&root.items[i + 1] != inner) result_.left_out.push_back(key_name(root.items[i], ""));
    }
    return true;
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
      result_.left_out.push_back(prefix);
    }
    return any;
  }

  const std::string& where_;
  Pickle pickle_;
  TorchStateDict result_;
  size_t visits_ = 0, name_bytes_ = 0, dimensions_ = 0;
};

}  // namespace

TorchStateDict read_torch_pickle(std::span<const std::byte> bytes, const std::string& where) {
  return TorchPickleReader(bytes, where).read();
}

}  // namespace infig
