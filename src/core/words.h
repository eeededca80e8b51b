// Numbers and their nouns in sentences.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace infig {

// "1,234"
std::string with_thousands(int64_t number);

// "1 post", "0 posts", "1,234 posts". `many` where an s at the end is not enough: counted(2, "class", "classes").
std::string counted(int64_t number, std::string_view one, std::string_view many = "");

// "1 post is", "2 posts are".
std::string counted_are(int64_t number, std::string_view one);

// A status as words: "unknown_format" -> "unknown format".
std::string spoken(std::string_view status);

}  // namespace infig
