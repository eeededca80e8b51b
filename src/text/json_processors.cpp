#include "text/json_processors.h"

#include <fmt/format.h>

#include <limits>

namespace infig {
namespace {

constexpr int64_t kLargestId = std::numeric_limits<int32_t>::max() - 1;
constexpr size_t kMostAround = 64;  // special tokens around a text

int32_t id_of(const JsonPart& part, const char* key) {
  const nlohmann::json& pair = part.at(key).json();
  const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_number_unsigned() &&
                    pair[1].get<uint64_t>() <= static_cast<uint64_t>(kLargestId);
  if (!good) part.refuse_value(key, "a token and its id");
  return pair[1].get<int32_t>();
}

void add_special(const JsonPart& piece, const JsonPart& tokens, std::vector<int32_t>& ids, std::vector<int32_t>& special) {
  piece.allow({"id", "type_id"});
  if (piece.integer("type_id", 0, kLargestId) != 0) piece.refuse_value("type_id", "0: models get no other token types here");
  const std::string name = piece.text("id");
  if (!tokens.has(name.c_str())) tokens.refuse_value(name.c_str(), "the ids of a token that the template names");
  const size_t before = ids.size();
  for (const nlohmann::json& id : tokens.at(name.c_str()).at("ids").json()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > static_cast<uint64_t>(kLargestId))
      tokens.at(name.c_str()).refuse_value("ids", "whole numbers");
    ids.push_back(id.get<int32_t>());
  }
  if (ids.size() == before + 1) special.push_back(ids.back());
  if (ids.size() > kMostAround) piece.refuse(fmt::format("puts more than {} special tokens around a text", kMostAround));
}

ProcessStep template_step(const JsonPart& part) {
  part.allow({"type", "single", "pair", "special_tokens"});
  ProcessStep step;
  bool seen = false;
  for (const JsonPart& piece : part.items("single")) {
    piece.allow({"Sequence", "SpecialToken"});
    if (piece.has("SpecialToken")) {
      add_special(piece.at("SpecialToken"), part.at("special_tokens"), seen ? step.after : step.before, step.special);
      continue;
    }
    const JsonPart sequence = piece.at("Sequence");
    sequence.allow({"id", "type_id"});
    if (seen || sequence.text("id") != "A") sequence.refuse_value("id", "\"A\", and that once: a text is given alone");
    if (sequence.integer("type_id", 0, kLargestId) != 0) sequence.refuse_value("type_id", "0: models get no other token types here");
    seen = true;
  }
  if (!seen) part.refuse_value("single", "the text itself (\"A\") among its parts");
  return step;
}

void add_steps(const JsonPart& part, std::vector<ProcessStep>& steps) {
  const std::string type = part.type();
  if (type == "Sequence") {
    part.allow({"type", "processors"});
    for (const JsonPart& one : part.items("processors")) add_steps(one, steps);
    return;
  }
  if (type == "TemplateProcessing") {
    steps.push_back(template_step(part));
    return;
  }
  if (type == "ByteLevel") {
    part.allow({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    if (part.flag("trim_offsets")) steps.push_back({.trims = true, .add_prefix_space = part.flag("add_prefix_space")});
    return;
  }
  if (type == "RobertaProcessing") {
    part.allow({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    if (part.flag("trim_offsets")) steps.push_back({.trims = true, .add_prefix_space = part.flag("add_prefix_space")});
  } else if (type == "BertProcessing") {
    part.allow({"type", "sep", "cls"});
  } else {
    part.refuse_value("type", "one of TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
  }
  const int32_t cls = id_of(part, "cls"), sep = id_of(part, "sep");
  steps.push_back({.before = {cls}, .after = {sep}, .special = {cls, sep}});
}

}  // namespace

std::vector<ProcessStep> make_process_steps(const JsonPart& part) {
  std::vector<ProcessStep> steps;
  add_steps(part, steps);
  return steps;
}

}  // namespace infig
