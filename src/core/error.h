// The error family. Every message says what, where (file, row, key), expected against found, and what to do.
// `apps` turns them into exit codes: 2 for what the user typed or wrote in a config, 1 for work that failed.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace infig {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, int exit_code = 1) : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

// An unknown key, a value out of its range, flags that contradict each other. Exit code 2.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(message, 2) {}
};

// A data set, table, text or picture that is not what it must be.
class DataError : public Error {
 public:
  using Error::Error;
};

// A tensor whose shape or dtype is not the documented one.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// A checkpoint or archive that is absent, broken or of another model.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

// A resource of the machine is missing: a full disk, a folder without write permission, too little memory.
class ResourceError : public Error {
 public:
  using Error::Error;
};

// Work stopped on request after saving: exit code 130 (SIGINT) or 143 (SIGTERM).
class Interrupted : public Error {
 public:
  using Error::Error;
};

// What the system says of an errno: "No such file or directory".
inline std::string system_words(int code) { return std::generic_category().message(code); }

}  // namespace infig
