// Captions of pictures, from a file beside the data set: a line a post, "id<TAB>caption".
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/post.h"

namespace infig {

// Calls take(id, caption, line) for each line that is not blank, in constant memory. UTF-8, LF or CRLF; what stands behind a further tab
// belongs to the caption. Throws DataError naming file and line: for a file that cannot be read, a line without a tab, without an id or
// without a caption, one that is not UTF-8 or over 16 MiB.
void for_each_caption(const std::filesystem::path& file,
                      const std::function<void(const std::string& id, std::string&& caption, int64_t line)>& take);

// Sets Post::caption of the posts that the file names. `called`: what messages call the posts ("data/hfm"). Returns how many have one.
// Throws DataError as above, and for an id that no post has or that is there twice.
int64_t add_captions(std::vector<Post>& posts, const std::string& called, const std::filesystem::path& file);

}  // namespace infig
