// A source whose texts are cleaned as a reference code cleans them, or are rid of HTML escapes.
#pragma once

#include <memory>
#include <string>

#include "prepare/source.h"
#include "text/clean_text.h"

namespace infig {

// The posts of `source` with every text through clean_text(). `word` is the user's choice ("raw", "clean"); both are recorded in the
// rules.
std::unique_ptr<PostSource> clean_texts(std::unique_ptr<PostSource> source, TextCleaning cleaning, const std::string& word);

// The posts of `source` with every text through html_unescape() (text/html_text.h); one that changes by it is noted.
std::unique_ptr<PostSource> unescape_texts(std::unique_ptr<PostSource> source);

}  // namespace infig
