// Names of classes as words: what stands in for captions and attributes of pictures.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "text/word_vocabulary.h"

namespace infig {

// The lines of a file, the name of class 0 first: UTF-8, blanks round a name taken off. Throws DataError naming file and line for one that
// is blank (but at the end) or not UTF-8, and for a file without a name.
std::vector<std::string> read_names_of_classes(const std::filesystem::path& file);

// The words of a name up to its first comma, in lower case, without punctuation: "Siamese cat, Siamese" -> siamese, cat.
std::vector<std::string> words_of_class(const std::string& name);
int64_t widest_class(const std::vector<std::string>& names);  // words of the longest name, 1 at least

// [K, width] int64: ids of each name's words, 0 behind them.
at::Tensor class_word_table(const std::vector<std::string>& names, int64_t width, const WordVocabulary& vocabulary);

// scores [B, K] float, table [K, w] int64. The words of the `top` highest classes, the highest first, of equal ones the first: [B, length]
// int64, without gaps, cut or filled with 0.
at::Tensor caption_of_classes(const at::Tensor& scores, const at::Tensor& table, int64_t top, int64_t length);
// The last word of each of the `count` highest classes: [B, count] int64; 0 where there are fewer classes.
at::Tensor attributes_of_classes(const at::Tensor& scores, const at::Tensor& table, int64_t count);

}  // namespace infig
