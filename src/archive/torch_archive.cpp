#include "archive/torch_archive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "archive/pickle.h"
#include "archive/torch_pickle.h"
#include "archive/zip.h"
#include "core/error.h"

namespace infig {
namespace {

// 0x1950a86a20f9469cfc6c, the number that every file of the older form begins with.
constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kLegacyProtocol = 1001;
constexpr int64_t kMaxCopyFactor = 2;

using Bytes = std::span<const std::byte>;

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Storages of one archive by key, and how tensors come out of them.
class TensorBuilder {
 public:
  TensorBuilder(const std::string& where, size_t file_size) : where_(where), budget_(file_size * kMaxCopyFactor) {}

  void add_storage(std::string_view key, Bytes bytes) { storages_[key] = bytes; }

  TorchArchive build(const TorchStateDict& state) {
    for (const auto& [name, tensor] : state.tensors) result_.tensors.emplace(name, view_of(name, tensor));
    result_.left_out = state.left_out;
    result_.entry = state.entry;
    result_.others = state.others;
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw CheckpointError(fmt::format("{}: tensor '{}': {}; the file is damaged", where_, printable(name), what));
  }

  // The part of the storage that the tensor may look into.
  Bytes storage_of(const std::string& name, const TorchTensor& tensor) const {
    const auto found = storages_.find(tensor.key);
    if (found == storages_.end()) fail(name, fmt::format("its storage '{}' is not in the file", printable(tensor.key)));
    const auto element = static_cast<uint64_t>(dtype_size(tensor.dtype));
    const uint64_t whole = found->second.size() / element;
    if (tensor.first > whole || tensor.count > whole - tensor.first) {
      fail(name, fmt::format("its storage '{}' holds {} elements, expected {}", printable(tensor.key), whole, tensor.first + tensor.count));
    }
    return found->second.subspan(tensor.first * element, tensor.count * element);
  }

  // Elements in the shape, and the last one that it reaches to; both inside of the storage.
  uint64_t checked_size(const std::string& name, const TorchTensor& tensor) const {
    uint64_t elements = 1, last = tensor.offset;
    bool overflow = false;
    const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
    for (size_t i = 0; i < tensor.shape.size() && !empty; ++i) {
      uint64_t reach = 0;
      overflow |= __builtin_mul_overflow(elements, static_cast<uint64_t>(tensor.shape[i]), &elements);
      overflow |= __builtin_mul_overflow(static_cast<uint64_t>(tensor.shape[i] - 1), static_cast<uint64_t>(tensor.stride[i]), &reach);
      overflow |= __builtin_add_overflow(last, reach, &last);
    }
    if (empty) return 0;
    if (overflow || last >= tensor.count) {
      fail(name, fmt::format("shape [{}] with stride [{}] from element {} reaches outside of its storage of {}",
                             fmt::join(tensor.shape, ", "), fmt::join(tensor.stride, ", "), tensor.offset, tensor.count));
    }
    if (elements > tensor.count) {
      throw CheckpointError(
          fmt::format("{}: tensor '{}': shape [{}] has {} elements of a storage of {}: it was expanded; save it with .contiguous()", where_,
                      printable(name), fmt::join(tensor.shape, ", "), elements, tensor.count));
    }
    return elements;
  }

  static bool contiguous(const TorchTensor& tensor) {
    int64_t expected = 1;
    for (size_t i = tensor.shape.size(); i-- > 0;) {
      if (tensor.shape[i] != 1 && tensor.stride[i] != expected) return false;
      expected *= tensor.shape[i];
    }
    return true;
  }

  TensorView view_of(const std::string& name, const TorchTensor& tensor) {
    const Bytes storage = storage_of(name, tensor);
    const uint64_t elements = checked_size(name, tensor);
    const auto element = static_cast<uint64_t>(dtype_size(tensor.dtype));
    TensorView view{.dtype = tensor.dtype, .shape = tensor.shape, .data = {}};
    if (elements == 0) return view;
    if (contiguous(tensor)) {
      view.data = storage.subspan(tensor.offset * element, elements * element);
      return view;
    }
    if (elements * element > budget_) {
      throw CheckpointError(
          fmt::format("{}: tensor '{}': tensors that are not contiguous need copies of more than {} times the file; save them with "
                      ".contiguous()",
                      where_, printable(name), kMaxCopyFactor));
    }
    budget_ -= elements * element;
    view.data = result_.copies.emplace_back(gather(tensor, storage, elements, element));
    return view;
  }

  static std::vector<std::byte> gather(const TorchTensor& tensor, Bytes storage, uint64_t elements, uint64_t element) {
    std::vector<std::byte> copy(elements * element);
    std::vector<int64_t> index(tensor.shape.size(), 0);
    uint64_t from = tensor.offset;
    for (uint64_t i = 0; i < elements; ++i) {
      std::memcpy(copy.data() + i * element, storage.data() + from * element, element);
      for (size_t axis = index.size(); axis-- > 0;) {
        from += static_cast<uint64_t>(tensor.stride[axis]);
        if (++index[axis] < tensor.shape[axis]) break;
        from -= static_cast<uint64_t>(tensor.stride[axis]) * static_cast<uint64_t>(tensor.shape[axis]);
        index[axis] = 0;
      }
    }
    return copy;
  }

  const std::string& where_;
  uint64_t budget_;  // bytes that copies may still take
  std::map<std::string_view, Bytes> storages_;
  TorchArchive result_;
};

TorchArchive parse_zip(Bytes bytes, const std::string& where, const std::string& entry) {
  constexpr std::string_view kPickle = "/data.pkl";
  const std::map<std::string, Bytes> entries = read_zip(bytes, where);
  std::string folder;
  for (const auto& [name, data] : entries) {
    if (!name.ends_with(kPickle) || name.find('/') != name.size() - kPickle.size()) continue;
    if (!folder.empty()) throw CheckpointError(fmt::format("{}: holds more than one data.pkl", where));
    folder = name.substr(0, name.size() - kPickle.size() + 1);
  }
  if (folder.empty()) throw CheckpointError(fmt::format("{}: a zip archive without data.pkl, so torch.save did not write it", where));
  if (entries.contains(folder + "constants.pkl")) {
    throw CheckpointError(
        fmt::format("{}: a TorchScript program, expected a state dict; load it in PyTorch and save its state_dict()", where));
  }
  const auto order = entries.find(folder + "byteorder");
  if (order != entries.end() && text_of(order->second) != "little") {
    throw CheckpointError(
        fmt::format("{}: byte order '{}', expected little; save it on a little-endian machine", where, printable(text_of(order->second))));
  }
  const TorchStateDict state = read_torch_pickle(entries.at(folder + "data.pkl"), where, entry);
  TensorBuilder builder(where, bytes.size());
  for (const TorchStorage& storage : state.storages) {
    const auto found = entries.find(fmt::format("{}data/{}", folder, storage.key));
    if (found != entries.end()) builder.add_storage(storage.key, found->second);
  }
  return builder.build(state);
}

// The pickles of an older file one after the other; each error names the file.
class LegacyReader {
 public:
  LegacyReader(Bytes bytes, const std::string& where, const std::string& entry) : bytes_(bytes), where_(where), entry_(entry) {}

  TorchArchive read() {
    const Pickle magic = next();
    if (root(magic).text != kMagic) fail("does not begin with the number of torch.save");
    const Pickle protocol = next();
    if (root(protocol).kind != PickleKind::kInt || root(protocol).integer != kLegacyProtocol) {
      fail(fmt::format("protocol {}, expected {}", root(protocol).integer, kLegacyProtocol));
    }
    check_system(next());
    const TorchStateDict state = read_torch_pickle(bytes_.subspan(position_), where_, entry_);
    position_ += state.size;
    const Pickle keys = next();
    TensorBuilder builder(where_, bytes_.size());
    read_storages(state, keys, builder);
    return builder.build(state);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw CheckpointError(fmt::format("{}: {}; the file is damaged", where_, what)); }

  Pickle next() {
    Pickle pickle = read_pickle(bytes_.subspan(position_), where_, {});
    position_ += pickle.size;
    return pickle;
  }
  static const PickleValue& root(const Pickle& pickle) { return pickle.values[pickle.root]; }

  void check_system(const Pickle& system) const {
    if (root(system).kind != PickleKind::kDict) fail("the description of the writing machine is not a dict");
    const std::vector<uint32_t>& items = root(system).items;
    for (size_t i = 0; i < items.size(); i += 2) {
      const PickleValue &key = system.values[items[i]], &value = system.values[items[i + 1]];
      if (key.kind != PickleKind::kString || key.text != "little_endian" || value.integer != 0) continue;
      throw CheckpointError(fmt::format("{}: written on a big-endian machine; save it on a little-endian one", where_));
    }
  }

  uint64_t number() {
    if (bytes_.size() - position_ < 8) fail("the size of a storage is cut off");
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes_[position_ + i]);
    position_ += 8;
    return value;
  }

  void read_storages(const TorchStateDict& state, const Pickle& keys, TensorBuilder& builder) {
    if (root(keys).kind != PickleKind::kList) fail("the list of storages is not a list");
    std::map<std::string_view, const TorchStorage*> storages;
    for (const TorchStorage& storage : state.storages) storages.emplace(storage.key, &storage);
    for (const uint32_t item : root(keys).items) {
      const std::string key = printable(keys.values[item].text);
      const auto found = storages.find(keys.values[item].text);
      if (keys.values[item].kind != PickleKind::kString || found == storages.end()) fail(fmt::format("no tensor names storage '{}'", key));
      const TorchStorage& storage = *found->second;
      storages.erase(found);
      if (storage.mixed) fail(fmt::format("tensors of different element sizes share storage '{}'", key));
      const uint64_t count = number();
      if (count != storage.count) fail(fmt::format("storage '{}' holds {} elements, expected {}", key, count, storage.count));
      uint64_t size = 0;
      if (__builtin_mul_overflow(count, static_cast<uint64_t>(dtype_size(storage.dtype)), &size) || size > bytes_.size() - position_) {
        fail(fmt::format("storage '{}' of {} elements is cut off: {} bytes are left", key, count, bytes_.size() - position_));
      }
      builder.add_storage(storage.key, bytes_.subspan(position_, size));
      position_ += size;
    }
    if (!storages.empty()) fail(fmt::format("storage '{}' is not in the file's list", printable(storages.begin()->first)));
    if (position_ != bytes_.size()) fail(fmt::format("{} bytes follow the last storage", bytes_.size() - position_));
  }

  Bytes bytes_;
  const std::string& where_;
  const std::string& entry_;
  size_t position_ = 0;
};

}  // namespace

bool is_torch_zip(Bytes bytes) { return text_of(bytes).starts_with(std::string_view("PK\x03\x04", 4)); }

bool is_torch_legacy(Bytes bytes) {
  const std::string_view text = text_of(bytes.first(std::min<size_t>(bytes.size(), 16)));
  return text.size() >= 14 && static_cast<uint8_t>(text[0]) == 0x80 && text.substr(4, 10) == kMagic;
}

TorchArchive parse_torch_archive(Bytes bytes, const std::string& where, const std::string& entry) {
  if (is_torch_zip(bytes)) return parse_zip(bytes, where, entry);
  if (is_torch_legacy(bytes)) return LegacyReader(bytes, where, entry).read();
  throw CheckpointError(fmt::format("{}: no PyTorch archive: expected a zip archive or the older form with its magic number", where));
}

}  // namespace infig
