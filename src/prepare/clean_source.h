// A source whose texts are cleaned as a reference code cleans them.
#pragma once

#include <memory>
#include <string>

#include "data/clean_text.h"
#include "prepare/source.h"

namespace infig {

// The posts of `source` with every text through clean_text(). `word` is the user's choice ("raw", "clean"); both are recorded in the
// rules.
std::unique_ptr<PostSource> clean_texts(std::unique_ptr<PostSource> source, TextCleaning cleaning, const std::string& word);

}  // namespace infig
