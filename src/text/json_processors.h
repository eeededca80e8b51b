// What tokenizer.json asks to be done with the tokens of a text: special tokens around it, white space out of their offsets.
#pragma once

#include <cstdint>
#include <vector>

#include "text/json_part.h"

namespace infig {

// One step, in the order of the file.
struct ProcessStep {
  bool trims = false;  // white space at a token's ends leaves its offsets; else the step puts ids around
  bool add_prefix_space = false;
  std::vector<int32_t> before = {}, after = {};
  std::vector<int32_t> special = {};  // of these, the tokens of one id each; several ids are a prompt of ordinary pieces
};

// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence. Throws CheckpointError, naming file and key, for another
// type, an unknown key, a template that is not one text once with special tokens around, token types other than 0.
std::vector<ProcessStep> make_process_steps(const JsonPart& part);

}  // namespace infig
