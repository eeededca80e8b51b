// Captions of posts: id<TAB>caption.
#include "data/captions.h"
#include "data/utf8.h"
#include "fuzz/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace infig;
  static fuzz::Folder folder{"captions.tsv"};
  const std::filesystem::path path = folder.fill(fuzz::text_of(data, size)) / "captions.tsv";
  int64_t before = 0;
  fuzz::attempt(path.string(), [&] {
    for_each_caption(path, [&before](const std::string& id, std::string&& caption, int64_t line) {
      fuzz::require(!id.empty() && !caption.empty() && line > before, "a caption has an id, and lines run on");
      fuzz::require(find_invalid_utf8(id) == std::string::npos && find_invalid_utf8(caption) == std::string::npos, "both are UTF-8");
      before = line;
    });
  });
  fuzz::attempt(path.string(), [&] {
    std::vector<Post> posts(2);
    posts[0].id = "1";
    posts[1].id = "b 2";
    const int64_t count = add_captions(posts, "posts", path);
    fuzz::require(count == (posts[0].caption.empty() ? 0 : 1) + (posts[1].caption.empty() ? 0 : 1), "captions are counted");
  });
  return 0;
}
