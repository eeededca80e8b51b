// What the kinds of `infig prepare` share: flags, and how a result is shown. A kind is one add_...() in a cmd_prepare file.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/reading_flags.h"
#include "prepare/prepare.h"

namespace infig {

// Flags of every kind of data set; each subcommand binds those that it knows.
struct PrepareFlags {
  std::string raw;
  std::string splits;
  std::string out;
  std::string images;
  std::vector<std::string> labels;
  bool strip_labels = false;
  ReadingFlags reading;
  bool unescape = false;
  std::string text_decode = text_decode_name(TextDecode::kUtf8Ignore);
  std::string name;
  std::string bad_image;
  std::string text = "raw";
  std::string group_by;
  ResplitOptions split;
  bool copy_images = false;
  bool link_images = false;
  bool overwrite = false;
  bool pack = false;
  PackSettings pack_settings;
  uint64_t seed = 1;
  int64_t threads = 0;
  int64_t max_pixels = 100'000'000;
};
using PrepareFlagsPtr = std::shared_ptr<PrepareFlags>;

// --out, --overwrite
void add_prepare_out(CLI::App& command, const PrepareFlagsPtr& flags);

// What the help of one kind says of the flags that several kinds have. A flag whose text is null is left out.
struct PrepareKind {
  const char* name;
  const char* description;
  const char* raw_names = "--raw";
  const char* raw = nullptr;     // raw files; never null
  bool raw_required = true;      // false where --splits may stand in for them
  const char* splits = nullptr;  // folder with a published split
  const char* images = nullptr;  // folder of the pictures
  const char* labels = nullptr;  // label names
  bool tables = false;           // --columns, --members, --quote
  bool text_decode = false;      // --text-decode
  const char* clean = nullptr;   // --text; says what cleaning does
  const char* footer = nullptr;
};

// Makes the subcommand with the flags that `kind` names and those of every kind: output, pictures, split, name, seed, threads. Its callback
// prints what `run` returns. Flags of its own are added to what is returned.
using PrepareRun = std::function<PrepareReport(const PrepareFlags&)>;
CLI::App* add_prepare_kind(CLI::App& prepare, const PrepareKind& kind, const PrepareFlagsPtr& flags, PrepareRun run);

// The kinds of cmd_prepare_published.cpp.
void add_published_kinds(CLI::App& prepare);

// Options as the flags say; installs the signal handlers. Throws ConfigError for flags that contradict each other.
PrepareOptions prepare_options(const PrepareFlags& flags);

// The data set as it now lies on the disk; the report with it.
void print_prepared(const std::string& out);
void print_prepared(const PrepareReport& report, const std::string& out);

}  // namespace infig
