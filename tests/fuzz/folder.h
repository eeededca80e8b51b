// A folder of files out of one input: each line "%% NAME" begins the file of that name, for the names that the target knows; what stands
// before the first such line is the first name's file.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/fuzz.h"
#include "reference/temporary_folder.h"

namespace infig::fuzz {

class Folder {
 public:
  // Names may lie in folders ("1_Pooling/config.json"), which are there from the beginning.
  Folder(std::initializer_list<const char*> names) : folder_("fuzz"), names_(names.begin(), names.end()) {
    for (const std::string& name : names_) std::filesystem::create_directories((folder_ / name).parent_path());
  }

  // Replaces what the folder holds.
  const std::filesystem::path& fill(std::string_view input) {
    std::map<std::string, std::string> files = split(input);
    for (const std::string& name : names_) {
      const auto found = files.find(name);
      if (found != files.end()) {
        std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc) << found->second;
      } else if (written_.contains(name)) {
        std::filesystem::remove(folder_ / name);
      }
    }
    written_ = std::move(files);
    return folder_.path();
  }

 private:
  std::map<std::string, std::string> split(std::string_view input) const {
    std::map<std::string, std::string> files;
    std::string* file = &files[names_.front()];
    for (bool first = true; !input.empty(); first = false) {
      const size_t end = std::min(input.find('\n'), input.size());
      const std::string_view line = input.substr(0, end);
      const std::string name(line.substr(std::min<size_t>(line.size(), 3)));
      if (line.starts_with("%% ") && std::find(names_.begin(), names_.end(), name) != names_.end()) {
        if (!file->empty()) file->pop_back();  // the end of the line before is the mark's
        if (first) files.clear();
        file = &files[name];
      } else {
        file->append(input.substr(0, end + 1));
      }
      input.remove_prefix(std::min(end + 1, input.size()));
    }
    return files;
  }

  reference::TemporaryFolder folder_;
  std::vector<std::string> names_;
  std::map<std::string, std::string> written_;
};

}  // namespace infig::fuzz
