#include "prepare/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "core/file_span.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "data/data_set.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace infig {
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
namespace {

// Lengths that were noted: posts.jsonl, dropped.csv, notes.csv.
int64_t noted_bytes(const Json& progress, size_t file) {
  return progress.contains("next") ? progress.at("bytes").at(file).get<int64_t>() : 0;
}

Tallies noted_tallies(const Json& progress, size_t labels) {
  return progress.contains("next") ? Tallies(progress.at("tallies"), labels) : Tallies(labels);
}

std::string place_of(const PictureRef& picture) {
  return picture.member.empty() ? FileSpan(picture.file, picture.offset, picture.length).string()
                                : fmt::format("{} in {}", picture.member, picture.file.string());
}

std::string csv_line(const std::string& id, const std::string& reason) { return fmt::format("{},{}\n", csv_cell(id), csv_cell(reason)); }

std::string note_text(const RawNote& note) { return note.detail.empty() ? note.kind : fmt::format("{}: {}", note.kind, note.detail); }

}  // namespace

void stop_if_asked(const std::atomic<int>* stop) {
  if (stop == nullptr || *stop == 0) return;
  throw Interrupted(fmt::format("stopped by signal {}", stop->load()), 128 + *stop);
}

Pipeline::Pipeline(const PostSource& source, const PrepareOptions& options, WorkFolder& work)
    : source_(source),
      options_(options),
      work_(work),
      fresh_(!work.progress().contains("next")),
      tallies_(noted_tallies(work.progress(), source.facts().labels.size())),
      pictures_(work.data(), options),
      posts_(work.data() / "posts.jsonl", noted_bytes(work.progress(), 0)),
      dropped_(work.data() / "dropped.csv", noted_bytes(work.progress(), 1)),
      notes_(work.data() / "notes.csv", noted_bytes(work.progress(), 2)) {
  const Json& progress = work.progress();
  next_ = fresh_ ? 0 : progress.at("next").get<int64_t>();
  if (options.pack && fresh_) pack_.emplace(work.data() / kPackFile, *options.pack);
  if (options.pack && !fresh_) {
    const PackWriter::Place place{.bytes = progress.at("pack").at(0), .pictures = progress.at("pack").at(1)};
    if (progress.value("packed", false)) return;  // its index is written: only what comes after it was missing
    pack_.emplace(work.data() / kPackFile, *options.pack, place);
  }
  if (fresh_) begin();
}

void Pipeline::begin() {
  dropped_.append("id,reason\n");
  source_.each_dropped([this](const std::string& id, const std::string& reason) { drop(id, reason); });
}

void Pipeline::run() {
  using Clock = std::chrono::steady_clock;
  const int64_t count = source_.size();
  if (!fresh_ && next_ > 0 && next_ < count) log_info("going on with post {} of {}", next_ + 1, count);
  ProgressBar bar("prepare", count, "posts");
  bar.update(next_);
  auto saved = Clock::now();
  const int64_t whole_block = options_.block > 0 ? options_.block : std::max<int64_t>(64, 16 * options_.threads);
  std::vector<Item> items;
  while (next_ < count) {
    const int64_t block = std::min(whole_block, count - next_);
    items.assign(static_cast<size_t>(block), {});
    parallel_for(block, options_.threads, [&](int64_t i) {
      if (!stopped()) work_on(next_ + i, items[static_cast<size_t>(i)]);
    });
    if (stopped()) {
      if (next_ > 0) save();
      stop_if_asked(options_.stop);
    }
    for (auto& item : items) write(item);
    next_ += block;
    bar.update(next_);
    if (next_ == count || std::chrono::duration<double>(Clock::now() - saved).count() >= options_.save_seconds) {
      save();
      saved = Clock::now();
    }
  }
  bar.finish();
}

// Everything of one post that needs no other post. A fault waits until the posts before it are written: which one is reported
// does not depend on the threads.
void Pipeline::work_on(int64_t i, Item& item) const {
  try {
    item.post = source_.read(i);
    if (!item.post.drop.empty()) return;
    check(item.post);
    if (source_.facts().pictures_absent.empty()) item.picture = pictures_.bring(item.post);
  } catch (...) {
    item.failure = std::current_exception();
  }
}

void Pipeline::check(const RawPost& post) const {
  const auto fail = [&](const std::string& why) {
    throw DataError(fmt::format("{}, post \"{}\": {}", source_.facts().name, post.id, why));
  };
  if (const std::string fault = id_fault(post.id); !fault.empty()) fail(fmt::format("field \"id\" {}", fault));
  const bool unlabelled = post.label_id == -1 && post.split == Split::kTest;
  if (!unlabelled && (post.label_id < 0 || post.label_id >= static_cast<int64_t>(source_.facts().labels.size()))) {
    fail(fmt::format("field \"label\" has number {}, expected 0 to {}", post.label_id, source_.facts().labels.size() - 1));
  }
  if (find_invalid_utf8(post.text) != std::string::npos) fail("field \"text\" is not UTF-8");
}

void Pipeline::write(Item& item) {
  if (item.failure) std::rethrow_exception(item.failure);
  RawPost& post = item.post;
  PictureOutcome& picture = item.picture;
  if (!picture.status.empty()) tallies_.picture(picture.status);
  if (!post.picture.none() && post.drop.empty()) tallies_.named_picture(picture.there(), place_of(post.picture));
  if (!picture.sha256.empty()) tallies_.add_picture_hash(picture.sha256);
  if (!post.drop.empty()) return drop(post.id, post.drop);
  if (!picture.drop.empty()) return drop(post.id, picture.drop);
  if (post.text.empty() && !picture.there()) {
    const std::string& absent = source_.facts().pictures_absent;
    const bool none = post.picture.none();
    return drop(post.id, none ? "neither text nor picture" : fmt::format("no text, and {}", absent.empty() ? picture.why_missing : absent));
  }
  for (const auto& one : post.notes) note(post.id, one);
  for (const auto& one : picture.notes) note(post.id, one);
  if (post.text.empty()) note(post.id, {"text absent"});
  if (!picture.jpeg.empty()) {
    const PackEntry entry = pack_->add(picture.jpeg, picture.width, picture.height);
    picture.image = FileSpan(kPackFile, entry.offset, entry.length).string();
  }
  Json row{{"id", post.id}};
  if (!post.text.empty()) row["text"] = post.text;
  if (!picture.image.empty()) row["image"] = picture.image;
  if (post.label_id >= 0) row["label"] = source_.facts().labels[static_cast<size_t>(post.label_id)];
  row["split"] = split_name(post.split);
  if (post.fields.is_object()) row.update(post.fields);
  posts_.append(row.dump() + '\n');
  tallies_.keep(post.split, post.label_id, !post.text.empty(), !picture.image.empty());
}

void Pipeline::drop(const std::string& id, const std::string& reason) {
  dropped_.append(csv_line(id, reason));
  tallies_.drop(id, reason);
}

void Pipeline::note(const std::string& id, const RawNote& note) {
  const std::string text = note_text(note);
  if (notes_.bytes() == 0) notes_.append("id,reason\n");  // without a note the file stays empty, and goes in the end
  notes_.append(csv_line(id, text));
  tallies_.note(id, note, text);
}

// Files first, then the record of their lengths, so that recorded data always exist.
void Pipeline::save() {
  posts_.sync();
  dropped_.sync();
  notes_.sync();
  if (pack_) pack_->sync();
  Json progress = work_.progress();
  progress["next"] = next_;
  progress["bytes"] = {posts_.bytes(), dropped_.bytes(), notes_.bytes()};
  if (pack_) progress["pack"] = {pack_->place().bytes, pack_->place().pictures};
  progress["tallies"] = tallies_.to_json();
  work_.save(progress);
}

void Pipeline::finish() {
  if (next_ == 0) save();  // a source without any post
  if (pack_) {
    pack_->finish(/*keep_index_file=*/true);
    pack_.reset();
    Json progress = work_.progress();
    progress["packed"] = true;
    work_.save(progress);
  }
  fs::remove(work_.data() / (std::string(kPackFile) + ".index"));
  if (tallies_.noted() == 0) fs::remove(work_.data() / "notes.csv");
}

}  // namespace infig
