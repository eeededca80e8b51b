// Where a data set is built before it is moved to its final place: `out`.unfinished, resumed after the process was killed.
//
//   OUT.unfinished/  progress.json  data/ (what becomes OUT)  raw/ (an unpacked archive)  scratch/  old/ (what OUT held, while the two
//   change places)
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace infig {

class WorkFolder {
 public:
  // Makes the folder for `out` (absolute), or takes up the one that an equal `request` left there. That of another request is emptied,
  // with a line in the log that names what differs. Throws DataError where another process works there or the folder is not of this
  // program, ResourceError. Unless leave() or place() was called, the folder is deleted in the end.
  WorkFolder(const std::filesystem::path& out, const nlohmann::ordered_json& request);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  std::filesystem::path path() const { return path_; }
  std::filesystem::path data() const { return path_ / "data"; }
  std::filesystem::path raw() const { return path_ / "raw"; }
  std::filesystem::path scratch() const { return path_ / "scratch"; }

  // What save() noted last; an empty object at the start of new work.
  const nlohmann::ordered_json& progress() const { return progress_; }
  // Notes how far the work is: on the disk when it returns, whole or not at all.
  void save(const nlohmann::ordered_json& progress);

  // Empties data/ and forgets all that was noted but "unpacked".
  void start_anew();

  // Whether the data set is already in its final place and only cleaning up remains.
  bool placed() const;
  // Moves data/ to its place (replacing a folder there as a whole) and deletes the work folder. Killed in between, the next call for an
  // equal request goes on with it. Throws ResourceError; a folder that was at that place is then there again.
  void place();

  // Keeps the folder for a later call.
  void leave() { left_ = true; }

 private:
  void lock();
  void clear();
  void flush() const;
  void remove();

  std::filesystem::path out_, path_;
  nlohmann::ordered_json request_, progress_ = nlohmann::ordered_json::object();
  int descriptor_ = -1;  // holds the lock
  bool left_ = false, gone_ = false;
};

// Whether the work folder of `out` belongs to an equal request that only had to be tidied up: then `out` may exist.
bool was_placed(const std::filesystem::path& out, const nlohmann::ordered_json& request);

}  // namespace infig
