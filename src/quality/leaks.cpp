#include "quality/leaks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <ostream>
#include <unordered_map>

#include "core/files.h"
#include "data/rows.h"

namespace infig {
namespace {

const Post& post_at(const DataSet& data, int64_t row) { return data.posts[static_cast<size_t>(row)]; }

bool reads_before(const DataSet& data, int64_t a, int64_t b) {
  return std::pair(post_at(data, a).split, a) < std::pair(post_at(data, b).split, b);
}

// The first row of every split and label that each content has: all that is needed to find a post's best twin.
std::vector<std::vector<int64_t>> first_rows(const DataSet& data, const Contents& contents) {
  std::vector<std::vector<int64_t>> all(contents.rows.size());
  for (size_t content = 0; content < contents.rows.size(); ++content) {
    for (const int64_t row : contents.rows[content]) {
      auto& firsts = all[content];
      const Post& post = post_at(data, row);
      const bool known = std::any_of(firsts.begin(), firsts.end(), [&](int64_t first) {
        return post_at(data, first).split == post.split && post_at(data, first).label_id == post.label_id;
      });
      if (!known) firsts.push_back(row);
    }
  }
  return all;
}

// Makes `best` the better twin of `row` in `split`: the first rows of a content against what was found so far.
void improve_twin(const DataSet& data, int64_t row, Split split, const std::vector<int64_t>& firsts, double similarity,
                  std::optional<Leak>& best) {
  for (const int64_t other : firsts) {
    if (post_at(data, other).split != split || !reads_before(data, other, row)) continue;
    const auto rank = [&](int64_t candidate, double likeness) {
      return std::tuple(labels_differ(post_at(data, candidate), post_at(data, row)), -likeness, candidate);
    };
    if (!best || rank(other, similarity) < rank(best->other, best->similarity))
      best = Leak{.row = row, .other = other, .similarity = similarity};
  }
}

constexpr Split kSplits[] = {Split::kTrain, Split::kDev, Split::kTest};

// Calls improve(row, split, best) for every post with a content and every split up to its own, and keeps what it finds.
template <typename Improve>
std::vector<Leak> collect(const DataSet& data, const Contents& contents, LeakKind kind, const Improve& improve) {
  std::vector<int64_t> order(data.posts.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return reads_before(data, a, b); });
  std::vector<Leak> leaks;
  for (const int64_t row : order) {
    if (contents.content_of[static_cast<size_t>(row)] < 0) continue;
    for (const Split split : kSplits) {
      if (split > post_at(data, row).split) break;
      std::optional<Leak> best;
      improve(row, split, best);
      if (!best) continue;
      best->kind = kind;
      leaks.push_back(*best);
    }
  }
  return leaks;
}

}  // namespace

const char* leak_kind_name(LeakKind kind) {
  switch (kind) {
    case LeakKind::kText:
      return "text";
    case LeakKind::kNormalisedText:
      return "normalised_text";
    case LeakKind::kNearText:
      return "near_text";
    case LeakKind::kPicture:
      return "picture";
    case LeakKind::kNearPicture:
      return "near_picture";
  }
  return "unknown kind";
}

Contents group_contents(const DataSet& data, std::span<const std::string> keys) {
  Contents contents;
  contents.content_of.assign(data.posts.size(), -1);
  std::unordered_map<std::string_view, int64_t> known;
  for (const Split split : kSplits) {
    for (const int64_t row : data.rows_of(split)) {
      const std::string& key = keys[static_cast<size_t>(row)];
      if (key.empty()) continue;
      const auto [place, fresh] = known.try_emplace(key, static_cast<int64_t>(contents.rows.size()));
      if (fresh) contents.rows.emplace_back();
      contents.rows[static_cast<size_t>(place->second)].push_back(row);
      contents.content_of[static_cast<size_t>(row)] = place->second;
    }
  }
  return contents;
}

std::vector<Leak> equal_leaks(const DataSet& data, const Contents& contents, LeakKind kind) {
  const auto firsts = first_rows(data, contents);
  return collect(data, contents, kind, [&](int64_t row, Split split, std::optional<Leak>& best) {
    const int64_t content = contents.content_of[static_cast<size_t>(row)];
    improve_twin(data, row, split, firsts[static_cast<size_t>(content)], 1.0, best);
  });
}

NearLeaks::NearLeaks(const DataSet& data, const Contents& contents)
    : data_(data), contents_(contents), firsts_(first_rows(data, contents)), best_(data.posts.size()) {}

void NearLeaks::add(std::span<const Match> matches) {
  for (const Match& match : matches) {
    improve(match.first, match.second, match.similarity);
    improve(match.second, match.first, match.similarity);
  }
}

// The order of the calls decides nothing: of two twins one is the better, whichever comes first.
void NearLeaks::improve(int64_t content, int64_t by, double similarity) {
  for (const int64_t row : contents_.rows[static_cast<size_t>(content)]) {
    for (const Split split : kSplits) {
      if (split > post_at(data_, row).split) break;
      improve_twin(data_, row, split, firsts_[static_cast<size_t>(by)], similarity,
                   best_[static_cast<size_t>(row)].at(static_cast<size_t>(split)));
    }
  }
}

std::vector<Leak> NearLeaks::leaks(LeakKind kind) const {
  return collect(data_, contents_, kind, [&](int64_t row, Split split, std::optional<Leak>& best) {
    best = best_[static_cast<size_t>(row)].at(static_cast<size_t>(split));
  });
}

std::vector<Leak> near_leaks(const DataSet& data, const Contents& contents, std::span<const Match> matches, LeakKind kind) {
  NearLeaks near(data, contents);
  near.add(matches);
  return near.leaks(kind);
}

bool labels_differ(const Post& a, const Post& b) { return a.label_id >= 0 && b.label_id >= 0 && a.label_id != b.label_id; }

std::vector<LeakCount> count_leaks(const DataSet& data, std::span<const Leak> leaks) {
  // Inside a split last; the latest split against the earliest first.
  const auto place = [](LeakKind kind, Split split, Split other) {
    return std::tuple(split == other, kind, -static_cast<int>(split), other);
  };
  std::map<std::tuple<bool, LeakKind, int, Split>, LeakCount> counts;
  for (const Leak& leak : leaks) {
    const Post& post = post_at(data, leak.row);
    const Post& other = post_at(data, leak.other);
    LeakCount& count = counts[place(leak.kind, post.split, other.split)];
    count.kind = leak.kind;
    count.split = post.split;
    count.other = other.split;
    ++count.posts;
    count.other_label += labels_differ(post, other) ? 1 : 0;
  }
  std::vector<LeakCount> list;
  for (const auto& [key, count] : counts) list.push_back(count);
  return list;
}

void write_leaks(const DataSet& data, std::span<const Leak> leaks, const std::filesystem::path& path) {
  AtomicFile file(path);
  file.stream() << "kind,split,id,label,other_split,other_id,other_label,similarity\n";
  for (const Leak& leak : leaks) {
    const Post& post = post_at(data, leak.row);
    const Post& other = post_at(data, leak.other);
    file.stream() << fmt::format("{},{},{},{},{},{},{},{:.4f}\n", leak_kind_name(leak.kind), split_name(post.split), csv_cell(post.id),
                                 csv_cell(post.label), split_name(other.split), csv_cell(other.id), csv_cell(other.label), leak.similarity);
  }
  file.commit();
}

}  // namespace infig
