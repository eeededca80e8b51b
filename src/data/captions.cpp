#include "data/captions.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "data/line_reader.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace infig {

void for_each_caption(const std::filesystem::path& file,
                      const std::function<void(const std::string& id, std::string&& caption, int64_t line)>& take) {
  LineReader lines(file);
  for (std::string line; lines.next(line);) {
    const auto refuse = [&](const std::string& why) {
      throw DataError(fmt::format("{}: {}; expected a post's id, a tab and its caption", line_place(file, lines.number()), why));
    };
    if (lines.too_long()) refuse(fmt::format("has over {} MiB", kMaxRowBytes >> 20));
    std::string_view content = line;
    while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.remove_suffix(1);
    if (strip_ascii_space(content).empty()) continue;
    if (const size_t bad = find_invalid_utf8(content); bad != std::string_view::npos) refuse(fmt::format("is not UTF-8 (byte {})", bad));
    const size_t tab = content.find('\t');
    if (tab == std::string_view::npos) refuse("has no tab");
    const std::string_view id = strip_ascii_space(content.substr(0, tab)), caption = strip_ascii_space(content.substr(tab + 1));
    if (id.empty()) refuse("has no id before the tab");
    if (caption.empty()) refuse("has no caption behind the tab");
    take(std::string(id), std::string(caption), lines.number());
  }
}

int64_t add_captions(std::vector<Post>& posts, const std::string& called, const std::filesystem::path& file) {
  std::unordered_map<std::string_view, std::pair<Post*, int64_t>> by_id;  // and the line of its caption; 0: none yet
  for (Post& post : posts) by_id.emplace(post.id, std::pair(&post, int64_t{0}));
  int64_t count = 0;
  for_each_caption(file, [&](const std::string& id, std::string&& caption, int64_t line) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) {
      throw DataError(fmt::format("{}: id \"{}\" is no post of {}, which has {}; give the captions of this data set, and of no other",
                                  line_place(file, line), id, called, posts.size()));
    }
    auto& [post, before] = found->second;
    if (before != 0)
      throw DataError(fmt::format("{}: id \"{}\" is already in line {}; a post has one caption", line_place(file, line), id, before));
    before = line;
    post->caption = std::move(caption);
    ++count;
  });
  return count;
}

}  // namespace infig
