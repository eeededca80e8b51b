// What the scripts of bash and zsh have in common: the table as branches of `case`, and quoting.
#pragma once

#include <string>
#include <vector>

#include "apps/command_table.h"

namespace infig {

// 'text', for bash, zsh and fish alike where it holds no quote; one in it is written '\''.
std::string shell_quoted(const std::string& text);

// What a script knows a value as: "" (a switch), @other, @file, @folder, or its words parted by blanks.
std::string value_name(const TableValue& value);

// "prepare table"; empty for the program itself.
std::string joined_path(const TableVerb& verb);

// "'prepare table') REPLY='...' ;;" a line, of what `list` says of each verb; verbs with an empty list are left out.
std::string case_branches(const std::vector<TableVerb>& table, const std::string& variable, std::string (*list)(const TableVerb&));

// "'train --device') value='cpu cuda auto' ;;" a line.
std::string flag_branches(const std::vector<TableVerb>& table);
// "'data.bad_image') value='missing skip error' ;;" a line, of keys that have something to complete.
std::string key_branches();

std::string flags_of(const TableVerb& verb);  // "--config --data"
std::string children_list(const TableVerb& verb);
std::string places_of(const TableVerb& verb);      // "@file", of what stands without a flag; the last one holds for all that follow
std::string takes_keys_of(const TableVerb& verb);  // "yes" or empty

}  // namespace infig
