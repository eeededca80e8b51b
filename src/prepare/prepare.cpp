#include "prepare/prepare.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/words.h"
#include "image/decode.h"
#include "prepare/clean_source.h"
#include "prepare/pipeline.h"
#include "prepare/work_folder.h"

namespace infig {
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
namespace {

constexpr int kFormat = 1;  // version of the folder of unfinished work

void check_options(const PrepareJob& job, const PrepareOptions& options) {
  if (options.threads < 1) throw ConfigError(fmt::format("threads: {}, expected 1 or more", options.threads));
  if (options.block < 0) throw ConfigError(fmt::format("block: {}, expected 0 or more", options.block));
  if (options.clean_text && job.clean_text == TextCleaning::kNone)
    throw ConfigError(fmt::format("text: {} has no reference code that cleans texts; leave out --text clean", job.kind));
  options.split.validate();
  const bool archive = !job.raw.empty() && !job.raw_is_file && is_archive(job.raw);
  if (archive && options.images.empty() && !options.pack && options.pictures == PictureTransfer::kSymlink)
    throw ConfigError(fmt::format(
        "link-images: the pictures are in the archive {}, to which no link can point; unpack it, or leave the flag out", job.raw.string()));
}

// Options recorded in dataset.json: nothing that depends on this machine.
Json recorded_options(const PrepareJob& job, const PrepareOptions& options) {
  Json record = job.options;
  if (options.unescape) record["unescape"] = true;
  if (job.clean_text != TextCleaning::kNone) record["text"] = options.clean_text ? "clean" : "raw";
  if (const ResplitOptions& split = options.split; split.any()) {
    record["split"] = {{"draw", split.draw}, {"group_by_text", split.group_by_text}, {"folds", split.folds}, {"fold", split.fold}};
    if (!split.manifest.empty()) record["split"] = {{"manifest", split.manifest.filename().string()}};
  }
  if (options.pack) {
    record["pack"] = {{"side", options.pack->side}, {"quality", options.pack->quality}};
  } else {
    record["pictures"] = picture_transfer_name(options.pictures);
  }
  if (options.bad_pictures || options.pack) {
    record["bad_image"] = bad_pictures_name(options.bad_pictures.value_or(BadPictures::kMissing));
    record["max_pixels"] = options.max_pixels;
  }
  return record;
}

// What makes two requests equal, but for the content of the inputs (source_mark) and for what may differ: threads.
Json make_request(const PrepareJob& job, const PrepareOptions& options) {
  Json request{{"format", kFormat}, {"version", INFIG_VERSION}, {"kind", job.kind}};
  request["raw"] = job.raw.empty() ? "" : fs::absolute(job.raw).lexically_normal().string();
  if (fs::is_regular_file(job.raw)) {
    request["raw_size"] = fs::file_size(job.raw);
    request["raw_time"] = fs::last_write_time(job.raw).time_since_epoch().count();
  }
  request["paths"] = job.paths;
  if (!options.split.manifest.empty()) request["manifest"] = fs::absolute(options.split.manifest).lexically_normal().string();
  request["images"] = options.images.empty() ? "" : fs::absolute(options.images).lexically_normal().string();
  request["name"] = options.name;
  request["options"] = recorded_options(job, options);
  request["unpack"] = {options.unpack.member_bytes, options.unpack.total_bytes, options.unpack.ratio};
  return request;
}

Json inputs_json(const std::vector<InputFile>& inputs) {
  Json list = Json::array();
  for (const auto& input : inputs) list.push_back({{"file", input.name}, {"bytes", input.bytes}, {"sha256", input.sha256}});
  return list;
}

// Changes where the inputs or their rules do.
std::string source_mark(const PostSource& source) {
  const SourceFacts& facts = source.facts();
  Json mark{{"name", facts.name}, {"labels", facts.labels}, {"rules", facts.rules}, {"inputs", inputs_json(facts.inputs)}};
  mark["absent"] = facts.pictures_absent;
  mark["size"] = source.size();
  return sha256_hex(mark.dump());
}

// The folder that the source reads: `raw` itself, or what the archive was unpacked to.
fs::path raw_folder(const PrepareJob& job, const PrepareOptions& options, WorkFolder& work) {
  if (job.raw.empty() || job.raw_is_file || !fs::is_regular_file(job.raw)) return job.raw;
  if (work.progress().contains("unpacked")) return work.raw();
  const UnpackReport done = unpack_archive(job.raw, work.raw(), job.wants, options.unpack, options.stop);
  for (const auto& member : done.skipped) log_warning("{}: member \"{}\" is skipped: {}", job.raw.string(), member.name, member.reason);
  if (const int64_t more = done.skipped_count - static_cast<int64_t>(done.skipped.size()); more > 0)
    log_warning("{}: {} more members are skipped; they are counted in dataset.json", job.raw.string(), more);
  if (done.files == 0) {
    throw DataError(
        fmt::format("{}: holds no file that infig prepare {} reads{}", job.raw.string(), job.kind,
                    done.skipped.empty() ? "" : fmt::format("; skipped: {} ({})", done.skipped[0].name, done.skipped[0].reason)));
  }
  Json unpacked{{"file", job.raw.filename().string()}, {"sha256", sha256_file(job.raw)}, {"files", done.files}, {"bytes", done.bytes}};
  unpacked["skipped_count"] = done.skipped_count;
  unpacked["skipped"] = Json::array();
  for (const auto& member : done.skipped) unpacked["skipped"].push_back({{"member", member.name}, {"reason", member.reason}});
  Json progress = work.progress();
  progress["unpacked"] = std::move(unpacked);
  work.save(progress);
  return work.raw();
}

void write_description(const PrepareJob& job, const PrepareOptions& options, const PostSource& source, const Tallies& tallies,
                       const WorkFolder& work) {
  const SourceFacts& facts = source.facts();
  const PrepareReport report = tallies.report(facts.counts);
  Json description;
  description["name"] = options.name.empty() ? facts.name : options.name;
  description["labels"] = facts.labels;
  description["counts"] = tallies.counts(facts.labels);
  description["sha256"] = sha256_file(work.data() / "posts.jsonl");
  Json rules = facts.rules;
  rules["counts"] = Json::array();
  for (const auto& [rule, left] : report.counts) rules["counts"].push_back({{"rule", rule}, {"posts", left}});
  rules["dropped"] = report.dropped_count;
  rules["noted"] = Json::object();
  for (const auto& [kind, count] : report.noted) rules["noted"][kind] = count;
  if (!facts.pictures_absent.empty()) rules["pictures_absent"] = facts.pictures_absent;
  description["rules"] = std::move(rules);
  description["options"] = recorded_options(job, options);
  description["inputs"] = inputs_json(facts.inputs);
  if (work.progress().contains("unpacked")) description["archive"] = work.progress()["unpacked"];
  if (!facts.said.empty()) description["reading"] = facts.said;
  if (!facts.warnings.empty()) description["warnings"] = facts.warnings;
  if (tallies.pictures_named() > 0) {
    description["pictures"] = {{"named", tallies.pictures_named()}, {"there", tallies.pictures_there()}};
    for (const auto& [status, count] : tallies.pictures()) description["pictures"][status] = count;
  }
  if (tallies.pictures_read() > 0) {
    description["pictures"]["read"] = tallies.pictures_read();
    description["pictures"]["sha256_chain"] = tallies.picture_chain();
  }
  write_file_atomic(work.data() / "dataset.json", description.dump(2) + '\n');
}

PrepareReport placed_report(const WorkFolder& work) {
  std::vector<RuleCount> rules;
  for (const auto& pair : work.progress().at("rules")) rules.push_back({pair.at(0).get<std::string>(), pair.at(1).get<int64_t>()});
  return Tallies(work.progress().at("tallies"), 0).report(rules);
}

// What is left of an earlier call is used where it still belongs to these inputs.
void take_up(const PostSource& source, WorkFolder& work) {
  const std::string mark = source_mark(source);
  if (work.progress().contains("next") && work.progress().value("source", "") != mark) {
    log_warning("{}: the inputs changed since; starting over", work.path().string());
    work.start_anew();
  }
  Json progress = work.progress();
  progress["source"] = mark;
  progress["rules"] = Json::array();
  for (const auto& rule : source.facts().counts) progress["rules"].push_back({rule.rule, rule.left});
  work.save(progress);
}

// The job's source, with its texts cleaned and its split exchanged as the options say.
std::unique_ptr<PostSource> open_source(const PrepareJob& job, const PrepareOptions& options, const WorkFolder& work, const fs::path& raw) {
  std::unique_ptr<PostSource> source = job.open(raw, work.scratch());
  if (options.unescape) source = unescape_texts(std::move(source));
  if (job.clean_text != TextCleaning::kNone) {
    source = clean_texts(std::move(source), options.clean_text ? job.clean_text : job.raw_text, options.clean_text ? "clean" : "raw");
  }
  if (!options.split.any()) return source;
  ResplitOptions split = options.split;
  split.seed = options.seed;
  split.threads = options.threads;
  split.stop = options.stop;
  return resplit(std::move(source), split);
}

// How a message begins, and what to do without any picture.
std::string called(const PrepareJob& job) { return job.raw.empty() ? job.kind : job.raw.string(); }
std::string without_pictures(const PrepareJob& job) {
  return fmt::format("{}--bad-image missing prepares the texts alone",
                     job.kind == "webdataset" ? "" : "--images DIR names the folder of the pictures, ");
}

// Only who says so gets a data set without any of the pictures that its raw files name.
bool texts_alone(const PrepareOptions& options) { return options.bad_pictures == BadPictures::kMissing; }

void require_pictures(const Tallies& tallies, const PrepareJob& job, const PrepareOptions& options) {
  if (tallies.pictures_named() == 0 || tallies.pictures_there() > 0 || texts_alone(options)) return;
  std::string how;
  for (const auto& [status, count] : tallies.pictures()) how += fmt::format("{}{} {}", how.empty() ? "" : ", ", count, spoken(status));
  throw DataError(
      fmt::format("{}: {} pictures are named, and not one of them is there or can be used ({}); the first was looked for at {}; {}",
                  called(job), tallies.pictures_named(), how, tallies.first_missing(), without_pictures(job)));
}

// Pictures that were linked by their first bytes alone: those that no decoder knows are there, and of no use.
void warn_of_formats(const Tallies& tallies, const PrepareJob& job, const PrepareOptions& options) {
  const auto found = tallies.pictures().find(image_status_name(ImageStatus::kUnknownFormat));
  if (options.pack || options.bad_pictures || found == tallies.pictures().end()) return;
  log_warning(
      "{}: {} of the {} pictures that are named begin like no known format; they are linked, listed in notes.csv, and of no use until they "
      "are converted (--bad-image skip leaves their posts out)",
      called(job), found->second, tallies.pictures_named());
}

PrepareReport prepare_in(WorkFolder& work, const PrepareJob& job, const PrepareOptions& options) {
  if (work.placed()) {
    const PrepareReport report = placed_report(work);
    work.place();
    return report;
  }
  const fs::path raw = raw_folder(job, options, work);
  const std::unique_ptr<PostSource> source = open_source(job, options, work, raw);
  stop_if_asked(options.stop);
  for (const auto& warning : source->facts().warnings) log_warning("{}: {}", called(job), warning);
  if (const std::string& absent = source->facts().pictures_absent; !absent.empty()) {
    if (!texts_alone(options)) throw DataError(fmt::format("{}: {}; {}", called(job), absent, without_pictures(job)));
    log_warning("{}: every post stays without its picture", absent);
  }
  take_up(*source, work);
  std::optional<Pipeline> pipeline;
  try {
    pipeline.emplace(*source, options, work);
  } catch (const DataError& error) {  // a machine that lost power may have noted more than its disk kept
    if (!work.progress().contains("next")) throw;
    log_warning("{}; starting over", error.what());
    work.start_anew();
    take_up(*source, work);
    pipeline.emplace(*source, options, work);
  }
  pipeline->run();
  require_pictures(pipeline->tallies(), job, options);
  warn_of_formats(pipeline->tallies(), job, options);
  pipeline->finish();
  const Tallies& tallies = pipeline->tallies();
  PrepareReport report = tallies.report(source->facts().counts);
  if (tallies.kept() == 0) {
    throw DataError(fmt::format("{}: no post is left{}", called(job), report.dropped.empty() ? "" : ": " + report.dropped.front().reason));
  }
  source->write_files(work.data());
  write_description(job, options, *source, tallies, work);
  work.place();
  return report;
}

// Keeps finished work, if any, and adds that to the message.
template <typename E>
[[noreturn]] void keep_for_later(const E& error, WorkFolder& work) {
  const bool begun = work.progress().contains("next") || work.progress().contains("unpacked") || fs::exists(work.raw());
  if (!begun) throw E(fmt::format("{}; nothing was written", error.what()), error.exit_code());
  work.leave();
  throw E(fmt::format("{}; the same command resumes from there (what was done is kept in {})", error.what(), work.path().string()),
          error.exit_code());
}

}  // namespace

const char* bad_pictures_name(BadPictures policy) {
  switch (policy) {
    case BadPictures::kMissing:
      return "missing";
    case BadPictures::kSkip:
      return "skip";
    case BadPictures::kError:
      return "error";
  }
  return "";
}

BadPictures parse_bad_pictures(const std::string& word) {
  for (const BadPictures policy : {BadPictures::kMissing, BadPictures::kSkip, BadPictures::kError}) {
    if (word == bad_pictures_name(policy)) return policy;
  }
  throw ConfigError(fmt::format("bad-image: \"{}\", expected missing, skip or error", word));
}

PrepareReport prepare_data_set(const PrepareJob& job, const fs::path& out, const PrepareOptions& options) {
  check_options(job, options);
  const Json request = make_request(job, options);
  const fs::path named = fs::absolute(out).lexically_normal();
  const fs::path whole = named.has_filename() ? named : named.parent_path();
  WorkFolder work(!out.empty() && was_placed(whole, request) ? whole : check_target(out, options.overwrite), request);
  try {
    return prepare_in(work, job, options);
  } catch (const Interrupted& error) {
    keep_for_later(error, work);
  } catch (const ResourceError& error) {
    keep_for_later(error, work);
  }
}

}  // namespace infig
