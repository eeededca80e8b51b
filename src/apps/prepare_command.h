// What the kinds of `infig prepare` share: flags, and how a result is shown. A kind is one add_...() in a cmd_prepare file.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "prepare/prepare.h"

namespace infig {

// Flags of every kind of data set; each subcommand binds those that it knows.
struct PrepareFlags {
  std::string raw;
  std::string splits;
  std::string out;
  std::string images;
  std::vector<std::string> labels;
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

void add_prepare_out(CLI::App& command, const PrepareFlagsPtr& flags);  // --out, --overwrite
void add_prepare_pictures(CLI::App& command,
                          const PrepareFlagsPtr& flags);  // --images-..., --pack..., --bad-image, --name, --seed, --threads
void add_prepare_text_decode(CLI::App& command, const PrepareFlagsPtr& flags);
void add_prepare_text(CLI::App& command, const PrepareFlagsPtr& flags,
                      const std::string& clean);                          // --text; `clean` says what cleaning does
void add_prepare_split(CLI::App& command, const PrepareFlagsPtr& flags);  // --draw-split, --group-by, --folds, --fold, --split-manifest

// The kinds of cmd_prepare_published.cpp.
void add_published_kinds(CLI::App& prepare);

// Options as the flags say; installs the signal handlers. Throws ConfigError for flags that contradict each other.
PrepareOptions prepare_options(const PrepareFlags& flags);

// The data set as it now lies on the disk; the report with it.
void print_prepared(const std::string& out);
void print_prepared(const PrepareReport& report, const std::string& out);

}  // namespace infig
