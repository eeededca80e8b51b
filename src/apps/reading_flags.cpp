#include "apps/reading_flags.h"

namespace infig {

TableReading ReadingFlags::reading(const std::string& format) const {
  return {.format = format, .columns = parse_columns(columns), .members = parse_members(members), .quoting = parse_quoting(quote)};
}

void add_reading_flags(CLI::App& verb, ReadingFlags& flags) {
  verb.add_option(
          "--columns", flags.columns,
          "Of a table: which columns or keys are which fields, as text=tweet,image=img,label=class (fields: id, text, image, label, "
          "split); without it they are known by these and a few other names, in any case")
      ->delimiter(',');
  verb.add_option(
          "--members", flags.members,
          "Of tars: which members of a post are which fields, by their extensions, as image=input.jpg,label=output.cls (fields: image, "
          "text, label, json)")
      ->delimiter(',');
  verb.add_option("--quote", flags.quote,
                  "Quotes round cells of CSV and TSV: none (they are characters like any other), csv, or auto (as all rows fit the header)")
      ->check(CLI::IsMember({"auto", "none", "csv"}))
      ->capture_default_str();
}

}  // namespace infig
