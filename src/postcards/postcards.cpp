#include "postcards/postcards.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/random.h"
#include "postcards/png.h"
#include "postcards/scenes.h"
#include "postcards/text.h"

namespace infig {
namespace {

void require_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  throw ConfigError(fmt::format("postcards: {} is {}; expected {} .. {}", key, value, low, high));
}

// Posts in each cell: the table's share rounded down, then one more for the cells with the largest remainders.
std::vector<int64_t> cell_counts(int64_t count) {
  const auto& table = postcard_table();
  std::vector<int64_t> counts, by_remainder(table.size());
  for (const PostcardCell& cell : table) counts.push_back(count * cell.fiftieths / 50);
  std::iota(by_remainder.begin(), by_remainder.end(), 0);
  std::stable_sort(by_remainder.begin(), by_remainder.end(), [&](int64_t a, int64_t b) {
    return count * table[static_cast<size_t>(a)].fiftieths % 50 > count * table[static_cast<size_t>(b)].fiftieths % 50;
  });
  const int64_t missing = count - std::accumulate(counts.begin(), counts.end(), int64_t{0});
  for (int64_t i = 0; i < missing; ++i) ++counts[static_cast<size_t>(by_remainder[static_cast<size_t>(i)])];
  return counts;
}

// Every tenth post of a label goes to dev and another tenth to test. The cells of a label follow each other in this walk, so that
// the splits have the table's shares as well.
std::vector<Postcard> cells_and_splits(int64_t count) {
  const std::vector<int64_t> counts = cell_counts(count);
  std::vector<Postcard> cards;
  cards.reserve(static_cast<size_t>(count));
  for (size_t label = 0; label < postcard_labels().size(); ++label) {
    int64_t walked = 0;
    for (size_t c = 0; c < counts.size(); ++c) {
      const PostcardCell& cell = postcard_table()[c];
      if (cell.label_id != static_cast<int64_t>(label)) continue;
      for (int64_t i = 0; i < counts[c]; ++i, ++walked) {
        Postcard card;
        card.text_kind = cell.text_kind;
        card.picture_kind = cell.picture_kind;
        card.label_id = cell.label_id;
        card.split = walked % 10 == 4 ? Split::kDev : walked % 10 == 9 ? Split::kTest : Split::kTrain;
        cards.push_back(std::move(card));
      }
    }
  }
  return cards;
}

std::string thing_phrase(const Postcard& card) {
  return postcards::thing_colours()[static_cast<size_t>(card.thing_colour)] + " " +
         postcards::thing_names()[static_cast<size_t>(card.thing)];
}

void write_text(Postcard& card, RandomStream& stream, std::set<std::string>& sentences) {
  constexpr int kAttempts = 64;
  const std::string thing = card.names_thing ? thing_phrase(card) : "";
  for (int attempt = 1;; ++attempt) {
    const postcards::PostcardText text = postcards::write_postcard_text(card.text_kind, thing, stream);
    const bool is_new = sentences.insert(text.sentence).second;
    if (!is_new && attempt < kAttempts) continue;
    card.text = text.post;
    return;
  }
}

// No flush to disk for each of thousands of small files: callers that need an atomic folder stage it.
void write_picture(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    throw ResourceError(fmt::format("{}: the picture of {} bytes cannot be written; is the disk full, or the folder write-protected?",
                                    path.string(), bytes.size()));
  }
}

int64_t thread_count(int64_t wanted) { return wanted > 0 ? wanted : std::max<int64_t>(std::thread::hardware_concurrency(), 1); }

}  // namespace

void PostcardsOptions::validate() const {
  require_range("count", count, 50, 100000);
  require_range("size", size, 32, 512);
  require_range("threads", threads, 0, 1024);
}

const std::array<PostcardCell, 9>& postcard_table() {
  using enum TextKind;
  using enum PictureKind;
  static const std::array<PostcardCell, 9> kTable = {{{kPraise, kBright, 0, 8},
                                                      {kPraise, kPlain, 0, 5},
                                                      {kPraise, kGloomy, 2, 6},
                                                      {kReport, kBright, 0, 5},
                                                      {kReport, kPlain, 1, 12},
                                                      {kReport, kGloomy, 2, 3},
                                                      {kComplaint, kBright, 2, 6},
                                                      {kComplaint, kPlain, 2, 3},
                                                      {kComplaint, kGloomy, 2, 2}}};
  return kTable;
}

const std::vector<std::string>& postcard_labels() {
  static const std::vector<std::string> kLabels = {"positive", "neutral", "negative"};
  return kLabels;
}

std::vector<Postcard> plan_postcards(const PostcardsOptions& options) {
  options.validate();
  std::vector<Postcard> cards = cells_and_splits(options.count);
  RandomStream order(options.seed, "postcards.order");
  order.shuffle(std::span<Postcard>(cards));
  const size_t width = std::max<size_t>(fmt::format("{}", options.count).size(), 4);
  std::set<std::string> sentences;
  for (size_t i = 0; i < cards.size(); ++i) {
    Postcard& card = cards[i];
    card.number = static_cast<int64_t>(i) + 1;
    card.id = fmt::format("pc-{:0{}}", card.number, width);
    // Apart from the text's own stream: how many words a sentence took must not move the picture.
    RandomStream choice(options.seed, "postcards.choice", i);
    card.scene = choice.between(0, postcards::kScenesPerKind - 1);
    card.thing = choice.between(0, static_cast<int64_t>(postcards::thing_names().size()) - 1);
    card.thing_colour = choice.between(0, static_cast<int64_t>(postcards::thing_colours().size()) - 1);
    card.names_thing = choice.below(4) < 3;
    RandomStream words(options.seed, "postcards.text", i);
    write_text(card, words, sentences);
  }
  return cards;
}

std::string draw_postcard(const Postcard& card, const PostcardsOptions& options) {
  options.validate();
  RandomStream stream(options.seed, "postcards.picture", static_cast<uint64_t>(card.number));
  postcards::Canvas canvas(options.size);
  postcards::Painter painter{.canvas = canvas, .stream = stream};
  postcards::Weather weather;
  switch (card.picture_kind) {
    case PictureKind::kBright:
      weather = postcards::paint_bright(card.scene, painter);
      break;
    case PictureKind::kPlain:
      weather = postcards::paint_plain(card.scene, painter);
      break;
    case PictureKind::kGloomy:
      weather = postcards::paint_gloomy(card.scene, painter);
      break;
  }
  const postcards::Colour ink =
      card.picture_kind == PictureKind::kGloomy ? postcards::Colour{150, 152, 158} : postcards::Colour{44, 42, 48};
  postcards::paint_thing(card.thing, card.thing_colour, ink, painter);
  postcards::paint_weather(weather, painter);
  constexpr int kGrain = 4;
  return postcards::stored_png(canvas.finish(kGrain, stream), options.size, options.size);
}

DataSet write_postcards(const PostcardsOptions& options, const std::filesystem::path& folder) {
  const std::vector<Postcard> cards = plan_postcards(options);
  const std::filesystem::path images = folder / "images";
  make_folder(images);
  DataSet data{.name = "postcards", .folder = folder, .labels = postcard_labels(), .posts = {}, .sha256 = ""};
  for (const Postcard& card : cards) {
    data.posts.push_back(Post{.id = card.id,
                              .text = card.text,
                              .image = images / (card.id + ".png"),
                              .label = postcard_labels()[static_cast<size_t>(card.label_id)],
                              .label_id = card.label_id,
                              .split = card.split});
  }
  ProgressBar bar("drawing postcards", options.count, "pictures");
  std::mutex bar_mutex;
  int64_t drawn = 0;
  parallel_for(options.count, thread_count(options.threads), [&](int64_t i) {
    const auto row = static_cast<size_t>(i);
    write_picture(data.posts[row].image.file, draw_postcard(cards[row], options));
    const std::lock_guard<std::mutex> lock(bar_mutex);
    bar.update(++drawn);
  });
  bar.finish();
  return data;
}

}  // namespace infig
