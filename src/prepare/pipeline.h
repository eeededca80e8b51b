// Posts of a source -> posts.jsonl, dropped.csv, notes.csv and the pictures, block by block, in the folder of unfinished work.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "data/pack.h"
#include "prepare/growing_file.h"
#include "prepare/picture_step.h"
#include "prepare/prepare.h"
#include "prepare/source.h"
#include "prepare/tallies.h"
#include "prepare/work_folder.h"

namespace infig {

class Pipeline {
 public:
  // Starts, or resumes at work.progress(). Throws DataError if the files do not match the record.
  Pipeline(const PostSource& source, const PrepareOptions& options, WorkFolder& work);

  // Processes all remaining posts. A block is processed by options.threads threads and then written by one, in order, so that the bytes
  // do not depend on the threads. Throws Interrupted once options.stop is set, after recording the progress.
  void run();

  // Ends the files: the pack gets its index, notes.csv goes where it is empty.
  void finish();

  const Tallies& tallies() const { return tallies_; }

 private:
  struct Item {
    RawPost post;
    PictureOutcome picture;
    std::exception_ptr failure;
  };
  bool stopped() const { return options_.stop != nullptr && *options_.stop != 0; }
  void begin();
  void work_on(int64_t i, Item& item) const;
  void check(const RawPost& post) const;
  void write(Item& item);
  void drop(const std::string& id, const std::string& reason);
  void note(const std::string& id, const RawNote& note);
  void save();

  const PostSource& source_;
  const PrepareOptions& options_;
  WorkFolder& work_;
  bool fresh_;
  int64_t next_ = 0;
  Tallies tallies_;
  PictureStep pictures_;
  GrowingFile posts_, dropped_, notes_;
  std::optional<PackWriter> pack_;
};

// Throws Interrupted, with the signal's exit code, once `stop` holds a signal's number.
void stop_if_asked(const std::atomic<int>* stop);

}  // namespace infig
