#include "encoder/checkpoint/tensor_pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <variant>

#include "base/status.h"

namespace gannet::encoder {
namespace {

// Bounds of memory. A state dictionary makes some 15 values and 200 bytes for each tensor.
constexpr size_t kMostValues = size_t{1} << 20;
constexpr size_t kMostBytes = size_t{1} << 26;
constexpr size_t kMostExtents = 8;
constexpr size_t kMostKey = 64;  // Letters of a storage's key.

struct Value;
using Ref = Value*;  // Into the machine's values, which live as long as it.

struct None {};
struct Mark {};
struct Global {
  std::string name;  // "module.name"
};
struct List {  // Lists and tuples.
  std::vector<Ref> items;
};
struct Dict {
  std::vector<std::pair<Ref, Ref>> items;
};
struct Storage {
  DType dtype;
  std::string key;
  size_t elements;
};

struct Value {
  std::variant<None, Mark, bool, int64_t, double, std::string, Global, List, Dict, Storage,
               PickledTensor>
      is;

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&is);
  }
};

constexpr std::array<std::pair<std::string_view, DType>, 10> kStorages = {
    {{"torch.FloatStorage", DType::kF32},
     {"torch.HalfStorage", DType::kF16},
     {"torch.BFloat16Storage", DType::kBF16},
     {"torch.DoubleStorage", DType::kF64},
     {"torch.LongStorage", DType::kI64},
     {"torch.IntStorage", DType::kI32},
     {"torch.ShortStorage", DType::kI16},
     {"torch.CharStorage", DType::kI8},
     {"torch.ByteStorage", DType::kU8},
     {"torch.BoolStorage", DType::kBool}}};

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";

bool IsKnown(std::string_view global) {
  return global == kOrderedDict || global == kRebuildTensor || global == kRebuildParameter ||
         std::ranges::find(kStorages, global, &std::pair<std::string_view, DType>::first) !=
             kStorages.end();
}

// The stack machine of Python's pickles, protocols 2 to 5, without what makes objects.
class Machine {
 public:
  explicit Machine(std::string_view pickle) : pickle_(pickle) {}

  // Runs to the end; the result is what the pickle stands for.
  absl::StatusOr<Ref> Run();

 private:
  template <typename... Args>
  absl::Status Corrupt(fmt::format_string<Args...> format, Args&&... args) const {
    return absl::DataLossError(
        fmt::format("pickle, byte {}: {}", at_, fmt::format(format, std::forward<Args>(args)...)));
  }

  // The next bytes of the pickle.
  absl::StatusOr<std::string_view> Take(uint64_t count);
  absl::StatusOr<std::string_view> TakeLine();
  template <typename Integer>
  absl::StatusOr<Integer> TakeNumber() {
    GANNET_ASSIGN_OR_RETURN(const std::string_view bytes, Take(sizeof(Integer)));
    Integer value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  absl::Status Push(Value value);
  absl::StatusOr<Ref> Pop();
  // What lies above the last mark, which goes, too.
  absl::StatusOr<std::vector<Ref>> PopToMark();

  absl::Status Step(uint8_t opcode);
  absl::Status Literal(uint8_t opcode);
  absl::Status Memo(uint8_t opcode);
  absl::Status Container(uint8_t opcode);
  absl::Status Tuple(size_t count);
  absl::Status Extend(std::vector<Ref> items);
  absl::Status SetItems(const std::vector<Ref>& items);
  absl::Status PushGlobal(std::string name);
  absl::Status Reduce();
  absl::Status RebuildTensor(const std::vector<Ref>& arguments);
  absl::Status PersistentStorage();
  absl::StatusOr<std::vector<size_t>> Sizes(Ref list) const;

  const std::string_view pickle_;
  size_t at_ = 0;
  std::deque<Value> values_;
  std::vector<Ref> stack_;
  std::unordered_map<uint64_t, Ref> memo_;
};

absl::StatusOr<std::string_view> Machine::Take(uint64_t count) {
  if (count > pickle_.size() - at_) return Corrupt("{} bytes reach beyond its end", count);
  const std::string_view bytes = pickle_.substr(at_, count);
  at_ += count;
  return bytes;
}

absl::StatusOr<std::string_view> Machine::TakeLine() {
  const size_t end = pickle_.find('\n', at_);
  if (end == std::string_view::npos) return Corrupt("a name without end");
  const std::string_view line = pickle_.substr(at_, end - at_);
  at_ = end + 1;
  return line;
}

absl::Status Machine::Push(Value value) {
  if (values_.size() == kMostValues) return Corrupt("more than {} values", kMostValues);
  values_.push_back(std::move(value));
  stack_.push_back(&values_.back());
  return absl::OkStatus();
}

absl::StatusOr<Ref> Machine::Pop() {
  if (stack_.empty() || stack_.back()->As<Mark>() != nullptr) return Corrupt("nothing to take");
  const Ref top = stack_.back();
  stack_.pop_back();
  return top;
}

absl::StatusOr<std::vector<Ref>> Machine::PopToMark() {
  size_t begin = stack_.size();
  while (begin > 0 && stack_[begin - 1]->As<Mark>() == nullptr) --begin;
  if (begin == 0) return Corrupt("no mark");
  std::vector<Ref> items(stack_.begin() + static_cast<ptrdiff_t>(begin), stack_.end());
  stack_.resize(begin - 1);
  return items;
}

absl::StatusOr<Ref> Machine::Run() {
  while (true) {
    GANNET_ASSIGN_OR_RETURN(const auto opcode, TakeNumber<uint8_t>());
    if (opcode == '.') return Pop();
    GANNET_RETURN_IF_ERROR(Step(opcode));
  }
}

absl::Status Machine::Step(uint8_t opcode) {
  switch (opcode) {
    case 0x80:  // PROTO
      return Take(1).status();
    case 0x95:  // FRAME
      return Take(8).status();
    case '(':
      return Push({Mark()});
    case 'c': {  // GLOBAL
      GANNET_ASSIGN_OR_RETURN(const std::string_view module, TakeLine());
      GANNET_ASSIGN_OR_RETURN(const std::string_view name, TakeLine());
      return PushGlobal(fmt::format("{}.{}", module, name));
    }
    case 0x93: {  // STACK_GLOBAL
      GANNET_ASSIGN_OR_RETURN(const Ref name, Pop());
      GANNET_ASSIGN_OR_RETURN(const Ref module, Pop());
      if (name->As<std::string>() == nullptr || module->As<std::string>() == nullptr) {
        return Corrupt("a global that is not named");
      }
      return PushGlobal(fmt::format("{}.{}", *module->As<std::string>(), *name->As<std::string>()));
    }
    case 'R':
      return Reduce();
    case 'Q':  // BINPERSID
      return PersistentStorage();
    case 'b':  // BUILD: attributes of a dictionary, its _metadata, are of no use here.
      return Pop().status();
    case 'q':
    case 'r':
    case 0x94:
    case 'h':
    case 'j':
      return Memo(opcode);
    case '}':
    case ']':
    case ')':
    case 't':
    case 0x85:
    case 0x86:
    case 0x87:
    case 'a':
    case 'e':
    case 's':
    case 'u':
      return Container(opcode);
    default:
      return Literal(opcode);
  }
}

absl::Status Machine::Literal(uint8_t opcode) {
  switch (opcode) {
    case 'N':
      return Push({None()});
    case 0x88:
      return Push({true});
    case 0x89:
      return Push({false});
    case 'K': {  // BININT1
      GANNET_ASSIGN_OR_RETURN(const auto number, TakeNumber<uint8_t>());
      return Push({int64_t{number}});
    }
    case 'M': {  // BININT2
      GANNET_ASSIGN_OR_RETURN(const auto number, TakeNumber<uint16_t>());
      return Push({int64_t{number}});
    }
    case 'J': {  // BININT
      GANNET_ASSIGN_OR_RETURN(const auto number, TakeNumber<int32_t>());
      return Push({int64_t{number}});
    }
    case 0x8a: {  // LONG1: little-endian two's complement of any length.
      GANNET_ASSIGN_OR_RETURN(const auto size, TakeNumber<uint8_t>());
      GANNET_ASSIGN_OR_RETURN(const std::string_view bytes, Take(size));
      if (size > sizeof(int64_t)) return Corrupt("a number of {} bytes", size);
      const bool negative = size > 0 && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0;
      uint64_t number = negative ? ~uint64_t{0} : 0;
      std::memcpy(&number, bytes.data(), bytes.size());
      return Push({static_cast<int64_t>(number)});
    }
    case 'G': {  // BINFLOAT, whose bytes nobody needs.
      GANNET_RETURN_IF_ERROR(Take(sizeof(double)).status());
      return Push({0.0});
    }
    case 'X': {  // BINUNICODE
      GANNET_ASSIGN_OR_RETURN(const auto size, TakeNumber<uint32_t>());
      GANNET_ASSIGN_OR_RETURN(const std::string_view text, Take(size));
      return Push({std::string(text)});
    }
    case 0x8c: {  // SHORT_BINUNICODE
      GANNET_ASSIGN_OR_RETURN(const auto size, TakeNumber<uint8_t>());
      GANNET_ASSIGN_OR_RETURN(const std::string_view text, Take(size));
      return Push({std::string(text)});
    }
    default:
      return Corrupt("opcode 0x{:02x} is not one that tensors need", opcode);
  }
}

absl::Status Machine::Memo(uint8_t opcode) {
  if (memo_.size() == kMostValues) return Corrupt("more than {} values remembered", kMostValues);
  if (opcode == 0x94) {  // MEMOIZE
    if (stack_.empty()) return Corrupt("nothing to remember");
    memo_[memo_.size()] = stack_.back();
    return absl::OkStatus();
  }
  uint64_t index = 0;
  if (opcode == 'q' || opcode == 'h') {
    GANNET_ASSIGN_OR_RETURN(index, TakeNumber<uint8_t>());
  } else {
    GANNET_ASSIGN_OR_RETURN(index, TakeNumber<uint32_t>());
  }
  if (opcode == 'q' || opcode == 'r') {
    if (stack_.empty()) return Corrupt("nothing to remember");
    memo_[index] = stack_.back();
    return absl::OkStatus();
  }
  const auto found = memo_.find(index);
  if (found == memo_.end()) return Corrupt("nothing is remembered as {}", index);
  if (stack_.size() == kMostValues) return Corrupt("more than {} values", kMostValues);
  stack_.push_back(found->second);
  return absl::OkStatus();
}

absl::Status Machine::Container(uint8_t opcode) {
  switch (opcode) {
    case '}':
      return Push({Dict()});
    case ']':
    case ')':
      return Push({List()});
    case 't': {
      GANNET_ASSIGN_OR_RETURN(std::vector<Ref> items, PopToMark());
      return Push({List{std::move(items)}});
    }
    case 'a': {
      GANNET_ASSIGN_OR_RETURN(const Ref item, Pop());
      return Extend({item});
    }
    case 'e': {
      GANNET_ASSIGN_OR_RETURN(std::vector<Ref> items, PopToMark());
      return Extend(std::move(items));
    }
    case 's': {
      GANNET_ASSIGN_OR_RETURN(const Ref value, Pop());
      GANNET_ASSIGN_OR_RETURN(const Ref key, Pop());
      return SetItems({key, value});
    }
    case 'u': {
      GANNET_ASSIGN_OR_RETURN(const std::vector<Ref> items, PopToMark());
      return SetItems(items);
    }
    default:  // TUPLE1 ... TUPLE3
      return Tuple(opcode - 0x84u);
  }
}

absl::Status Machine::Tuple(size_t count) {
  List tuple{std::vector<Ref>(count)};
  for (size_t i = count; i-- > 0;) {
    GANNET_ASSIGN_OR_RETURN(tuple.items[i], Pop());
  }
  return Push({std::move(tuple)});
}

absl::Status Machine::Extend(std::vector<Ref> items) {
  List* const list = stack_.empty() ? nullptr : std::get_if<List>(&stack_.back()->is);
  if (list == nullptr) return Corrupt("no list to append to");
  list->items.insert(list->items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status Machine::SetItems(const std::vector<Ref>& items) {
  Dict* const dict = stack_.empty() ? nullptr : std::get_if<Dict>(&stack_.back()->is);
  if (dict == nullptr) return Corrupt("no dictionary to put items into");
  if (items.size() % 2 != 0) return Corrupt("a key without a value");
  for (size_t i = 0; i < items.size(); i += 2) dict->items.emplace_back(items[i], items[i + 1]);
  return absl::OkStatus();
}

absl::Status Machine::PushGlobal(std::string name) {
  if (!IsKnown(name)) {
    return absl::InvalidArgumentError(
        fmt::format("pickle, byte {}: names {}, which is no part of a tensor: refused", at_, name));
  }
  return Push({Global{std::move(name)}});
}

// Calls a function of the few that there are.
absl::Status Machine::Reduce() {
  GANNET_ASSIGN_OR_RETURN(const Ref arguments, Pop());
  GANNET_ASSIGN_OR_RETURN(const Ref function, Pop());
  const auto* list = arguments->As<List>();
  const auto* global = function->As<Global>();
  if (list == nullptr || global == nullptr) return Corrupt("a call of what is no function");
  if (global->name == kOrderedDict) {
    if (!list->items.empty()) return Corrupt("a dictionary made of arguments");
    return Push({Dict()});
  }
  if (global->name == kRebuildTensor) return RebuildTensor(list->items);
  if (global->name == kRebuildParameter && !list->items.empty() &&
      list->items[0]->As<PickledTensor>() != nullptr) {
    stack_.push_back(list->items[0]);
    return absl::OkStatus();
  }
  return Corrupt("a call of {} with {} arguments", global->name, list->items.size());
}

absl::StatusOr<std::vector<size_t>> Machine::Sizes(Ref list) const {
  const auto* items = list->As<List>();
  if (items == nullptr) return Corrupt("a shape or stride that is no tuple");
  if (items->items.size() > kMostExtents) {
    return Corrupt("{} extents, expected at most {}", items->items.size(), kMostExtents);
  }
  std::vector<size_t> sizes;
  for (const Ref item : items->items) {
    const auto* number = item->As<int64_t>();
    if (number == nullptr || *number < 0) return Corrupt("an extent or stride that is no size");
    sizes.push_back(static_cast<size_t>(*number));
  }
  return sizes;
}

// (storage, offset, shape, strides, requires_grad, backward_hooks[, metadata])
absl::Status Machine::RebuildTensor(const std::vector<Ref>& arguments) {
  if (arguments.size() < 4) return Corrupt("a tensor of {} arguments", arguments.size());
  const auto* storage = arguments[0]->As<Storage>();
  const auto* offset = arguments[1]->As<int64_t>();
  if (storage == nullptr) return Corrupt("a tensor without storage");
  if (offset == nullptr || *offset < 0) return Corrupt("a tensor without offset");
  PickledTensor tensor{.dtype = storage->dtype,
                       .storage = storage->key,
                       .storage_elements = storage->elements,
                       .offset = static_cast<size_t>(*offset)};
  GANNET_ASSIGN_OR_RETURN(tensor.shape, Sizes(arguments[2]));
  GANNET_ASSIGN_OR_RETURN(tensor.strides, Sizes(arguments[3]));
  if (tensor.shape.size() != tensor.strides.size()) {
    return Corrupt("{} extents with {} strides", tensor.shape.size(), tensor.strides.size());
  }
  return Push({std::move(tensor)});
}

// ('storage', type, key, location, elements)
absl::Status Machine::PersistentStorage() {
  GANNET_ASSIGN_OR_RETURN(const Ref id, Pop());
  const auto* list = id->As<List>();
  if (list == nullptr || list->items.size() != 5) return Corrupt("a storage that is no 5-tuple");
  const auto* type = list->items[1]->As<Global>();
  const auto* key = list->items[2]->As<std::string>();
  const auto* elements = list->items[4]->As<int64_t>();
  const auto* kind = list->items[0]->As<std::string>();
  if (kind == nullptr || *kind != "storage" || type == nullptr || key == nullptr ||
      elements == nullptr || *elements < 0 || key->size() > kMostKey) {
    return Corrupt("a storage without type, key or size");
  }
  const auto dtype =
      std::ranges::find(kStorages, type->name, &std::pair<std::string_view, DType>::first);
  if (dtype == kStorages.end()) return Corrupt("{} is no type of storage", type->name);
  return Push({Storage{dtype->second, *key, static_cast<size_t>(*elements)}});
}

// The value of the last item of that key.
const Dict* Inner(const Dict& dict, std::string_view key) {
  const Dict* inner = nullptr;
  for (const auto& [name, value] : dict.items) {
    const auto* text = name->As<std::string>();
    if (text != nullptr && *text == key) inner = value->As<Dict>();
  }
  return inner;
}

}  // namespace

absl::StatusOr<std::map<std::string, PickledTensor, std::less<>>> ReadTensorPickle(
    std::string_view pickle) {
  if (pickle.size() > kMostBytes) {
    return absl::InvalidArgumentError(
        fmt::format("pickle: {} bytes, expected at most {}", pickle.size(), kMostBytes));
  }
  Machine machine(pickle);
  GANNET_ASSIGN_OR_RETURN(const Ref result, machine.Run());
  const auto* dict = result->As<Dict>();
  if (dict == nullptr) {
    return absl::InvalidArgumentError("pickle: not a dictionary of tensors");
  }
  if (const Dict* inner = Inner(*dict, "state_dict"); inner != nullptr) dict = inner;
  std::map<std::string, PickledTensor, std::less<>> tensors;
  for (const auto& [name, value] : dict->items) {
    const auto* text = name->As<std::string>();
    const auto* tensor = value->As<PickledTensor>();
    if (text == nullptr || tensor == nullptr) continue;
    if (!tensors.emplace(*text, *tensor).second) {
      return absl::DataLossError(fmt::format("pickle: tensor {} is there twice", *text));
    }
  }
  return tensors;
}

}  // namespace gannet::encoder
