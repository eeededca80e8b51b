// Raw data in the layout of a published data set, made up: as many posts, texts as long and pictures as large as the real ones. For
// measuring `prepare` at full size where the real data are not at hand. The same seed gives the same bytes.
//   make_raw_data mvsa-multiple --out DIR [--seed N] [--pool N]               MVSA/: 19,600 rows, of which the rules leave 17,024
//   make_raw_data tumemo        --out DIR [--seed N] [--pool N] [--posts N]   195,265 posts, or the first N of each class in proportion
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/random.h"
#include "data/deal.h"
#include "data/mvsa.h"
#include "data/tumemo.h"
#include "image/encode.h"

namespace {

namespace fs = std::filesystem;
using infig::RandomStream;

struct Options {
  std::string kind;
  fs::path out;
  uint64_t seed = 1;
  int64_t pool = 300;  // different pictures; each file is made unique by a JPEG comment
  int64_t posts = infig::kTumemoPosts;
};

// How long texts are: the number of words is median * exp(spread * normal), cut at `most`.
struct TextShape {
  double median;
  double spread;
  int64_t most;
};
constexpr TextShape kTweets{12.0, 0.35, 27};
constexpr TextShape kTumblr{14.0, 0.96, 303};

std::vector<std::string> make_words(uint64_t seed) {
  constexpr int64_t kWords = 20000;
  constexpr std::array<const char*, 20> kSyllables{"ba", "ko", "li",  "mer", "tan", "su",  "der", "fi", "gra", "no",
                                                   "pe", "ri", "sto", "ul",  "va",  "wen", "yo",  "za", "chi", "el"};
  RandomStream stream(seed, "words");
  std::vector<std::string> words;
  for (int64_t i = 0; i < kWords; ++i) {
    std::string word;
    for (int64_t n = stream.between(1, 3); n >= 0; --n) word += stream.pick(kSyllables);
    words.push_back(word);
  }
  return words;
}

std::string make_text(const std::vector<std::string>& words, const TextShape& shape, RandomStream& stream) {
  const auto drawn = static_cast<int64_t>(std::lround(shape.median * std::exp(shape.spread * stream.normal())));
  const int64_t count = std::clamp<int64_t>(drawn, 1, shape.most);
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    if (stream.chance(0.08)) text += '#';
    // Few words are frequent and most are rare, as in any language.
    const double place = std::pow(stream.uniform(), 3.0);
    text += words[static_cast<size_t>(place * static_cast<double>(words.size()))];
    if (stream.chance(0.1)) text += stream.chance(0.5) ? "," : " \xE2\x80\xA6";
  }
  if (stream.chance(0.2)) text += fmt::format(" http://t.co/{:x}", stream.next_u32());
  return text + "\n";
}

// Blobs of colour over a gradient, with some grain, so that the JPEG is about as large as a photograph's.
std::string make_picture(uint64_t seed, uint64_t index, int64_t widest) {
  RandomStream stream(seed, "picture", index);
  const int64_t width = stream.chance(0.8) ? widest : stream.between(widest / 4, widest);
  const auto height = static_cast<int64_t>(static_cast<double>(width) * stream.uniform(0.55, 1.5));
  infig::Image image = infig::make_image(width, height, 0, 0, 0);
  struct Blob {
    double x, y, size;
    std::array<double, 3> colour;
  };
  std::vector<Blob> blobs(24);
  for (auto& blob : blobs) {
    blob = {stream.uniform(), stream.uniform(), stream.uniform(0.02, 0.2), {}};
    for (auto& channel : blob.colour) channel = stream.uniform(-120, 120);
  }
  const double grain = stream.uniform(2, 14);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / static_cast<double>(width);
      const double v = static_cast<double>(y) / static_cast<double>(height);
      std::array<double, 3> colour{90 + 80 * u, 110 + 60 * v, 130 - 40 * u};
      for (const auto& blob : blobs) {
        if (std::hypot(u - blob.x, v - blob.y) > blob.size) continue;
        for (size_t c = 0; c < 3; ++c) colour.at(c) += blob.colour.at(c);
      }
      const double noise = grain * (static_cast<double>(stream.next_u32() >> 8U) / 8388608.0 - 1.0);
      for (size_t c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<uint8_t>(std::clamp(colour.at(c) + noise, 0.0, 255.0));
    }
  }
  return infig::encode_jpeg(image, 80);
}

std::vector<std::string> make_pool(const Options& options, int64_t widest, int64_t threads) {
  std::vector<std::string> pool(static_cast<size_t>(options.pool));
  infig::parallel_for(options.pool, threads,
                      [&](int64_t i) { pool[static_cast<size_t>(i)] = make_picture(options.seed, static_cast<uint64_t>(i), widest); });
  return pool;
}

void write(const fs::path& file, std::string_view bytes) {
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) throw infig::ResourceError(fmt::format("{}: cannot be written", file.string()));
}

// The picture with a comment behind the two bytes that begin every JPEG: other bytes, the same pixels.
std::string with_comment(const std::string& jpeg, const std::string& comment) {
  const size_t length = comment.size() + 2;
  std::string out = jpeg.substr(0, 2) + "\xFF\xFE";
  out += static_cast<char>(length >> 8U);
  out += static_cast<char>(length & 0xFFU);
  return out + comment + jpeg.substr(2);
}

// Writes ID.txt and ID.jpg of every post.
void write_posts(const std::vector<uint32_t>& ids, const fs::path& folder, const TextShape& shape, int64_t widest, const Options& options) {
  const int64_t threads = std::max<int64_t>(1, std::thread::hardware_concurrency());
  const auto words = make_words(options.seed);
  const auto pool = make_pool(options, widest, threads);
  infig::make_folder(folder);
  constexpr int64_t kBlock = 1000;
  infig::ProgressBar bar("posts", static_cast<int64_t>(ids.size()));
  for (int64_t begin = 0; begin < static_cast<int64_t>(ids.size()); begin += kBlock) {
    const int64_t count = std::min(kBlock, static_cast<int64_t>(ids.size()) - begin);
    infig::parallel_for(count, threads, [&](int64_t n) {
      const uint32_t id = ids[static_cast<size_t>(begin + n)];
      RandomStream stream(options.seed, "post", id);
      write(folder / fmt::format("{}.txt", id), make_text(words, shape, stream));
      write(folder / fmt::format("{}.jpg", id), with_comment(stream.pick(pool), fmt::format("post {}", id)));
    });
    bar.update(begin + count);
  }
  bar.finish();
}

// A row whose majority labels join to a label, or that the rules drop for one of their reasons.
std::string label_cells(bool kept, RandomStream& stream) {
  using Cells = std::array<std::pair<const char*, const char*>, 3>;
  const auto& words = infig::mvsa_labels();
  const auto word = [&] { return stream.pick(words).c_str(); };
  Cells cells;
  if (kept) {
    const std::string text = word();
    const std::string image = stream.chance(0.7) ? text : "neutral";
    cells = {{{text.c_str(), image.c_str()}, {text.c_str(), word()}, {word(), image.c_str()}}};
    return fmt::format("{},{}\t{},{}\t{},{}", cells[0].first, cells[0].second, cells[1].first, cells[1].second, cells[2].first,
                       cells[2].second);
  }
  switch (stream.below(3)) {
    case 0:
      return "positive,neutral\tneutral,neutral\tnegative,positive";
    case 1:
      return "positive,positive\tneutral,neutral\tneutral,negative";
    default:
      return "positive,negative\tpositive,negative\tneutral,negative";
  }
}

void make_mvsa_multiple(const Options& options) {
  constexpr size_t kRows = 19600;
  constexpr uint32_t kFirst = 2499;
  constexpr uint32_t kLast = 22891;
  RandomStream stream(options.seed, "labels");
  std::vector<uint32_t> ids;
  for (uint32_t id = kFirst; id <= kLast; ++id) {
    if (!infig::mvsa_multiple_excluded().contains(std::to_string(id))) ids.push_back(id);
  }
  stream.shuffle(std::span<uint32_t>(ids));
  ids.resize(kRows - infig::mvsa_multiple_excluded().size());
  std::vector<bool> kept(kLast + 1, false);
  for (int64_t i = 0; i < infig::kMvsaMultiplePosts; ++i) kept[ids[static_cast<size_t>(i)]] = true;
  for (const auto& id : infig::mvsa_multiple_excluded()) {
    ids.push_back(static_cast<uint32_t>(std::stoul(id)));
    kept[ids.back()] = id != "3151";  // the rules drop 3151 anyway, the other three only by name
  }
  std::sort(ids.begin(), ids.end());
  std::string rows = "ID\ttext,image\ttext,image\ttext,image\r\n";
  for (const uint32_t id : ids) rows += fmt::format("{}\t{}\r\n", id, label_cells(kept[id], stream));
  write_posts(ids, options.out / "MVSA" / "data", kTweets, 600, options);
  write(options.out / "MVSA" / "labelResultAll.txt", rows);
}

void make_tumemo(const Options& options) {
  std::vector<int64_t> totals(infig::tumemo_labels().size(), 0);
  for (int64_t id = 0; id < infig::kTumemoPosts; ++id) ++totals[static_cast<size_t>(infig::tumemo_class_of(id))];
  std::vector<int64_t> wanted = infig::apportion(options.posts, totals);
  std::string rows = "id label\n";
  std::vector<uint32_t> ids;
  for (int64_t id = 0; id < infig::kTumemoPosts; ++id) {
    const auto label = static_cast<size_t>(infig::tumemo_class_of(id));
    if (wanted[label]-- <= 0) continue;
    std::string word = infig::tumemo_labels()[label];
    word[0] = static_cast<char>(word[0] - 'a' + 'A');
    rows += fmt::format("{} {}\n", id, word);
    ids.push_back(static_cast<uint32_t>(id));
  }
  write_posts(ids, options.out / "data", kTumblr, 540, options);
  write(options.out / "all_data_id_and_label.txt", rows);
}

Options parse(int argc, char** argv) {
  Options options;
  if (argc < 2) throw infig::ConfigError("expected mvsa-multiple or tumemo");
  options.kind = argv[1];
  for (int i = 2; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (i + 1 == argc) throw infig::ConfigError(flag + ": expected a value");
    const std::string value = argv[i + 1];
    if (flag == "--out") {
      options.out = value;
    } else if (flag == "--seed") {
      options.seed = std::stoull(value);
    } else if (flag == "--pool") {
      options.pool = std::max(1LL, std::stoll(value));
    } else if (flag == "--posts" && options.kind == "tumemo") {
      options.posts = std::clamp<int64_t>(std::stoll(value), 1, infig::kTumemoPosts);
    } else {
      throw infig::ConfigError(flag + ": no such flag of " + options.kind);
    }
  }
  if (options.out.empty()) throw infig::ConfigError("--out names the folder to write to");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    if (options.kind == "mvsa-multiple") {
      make_mvsa_multiple(options);
    } else if (options.kind == "tumemo") {
      make_tumemo(options);
    } else {
      throw infig::ConfigError(options.kind + ": expected mvsa-multiple or tumemo");
    }
    return 0;
  } catch (const infig::Error& error) {
    std::fprintf(stderr, "make_raw_data: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_raw_data: %s\n", error.what());
    return 2;
  }
}
