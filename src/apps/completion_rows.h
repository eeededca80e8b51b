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

// What bash and zsh end with alike: the end of _infig_verb (what stands without a flag, whether key=value is taken), then _infig_value and
// _infig_key, which say what a flag and a key take.
std::string shared_rows(const std::vector<TableVerb>& table);

std::string flags_of(const TableVerb& verb);  // "--config --data"
std::string children_list(const TableVerb& verb);

}  // namespace infig
