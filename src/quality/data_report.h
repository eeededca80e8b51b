// data-report.html: what verify_data found, as one page that needs no network.
// Sections are in data_sections.cpp and data_pairs.cpp, the page in data_report.cpp, the JSON in data_report_json.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "pages/html.h"
#include "quality/verify.h"

namespace infig {

struct DataReportOptions {
  int64_t pairs = 12;         // pairs of posts shown for each kind of repetition; 0..1000
  int64_t listed = 40;        // bad files, odd texts and faults listed of each kind; 0..10000
  int64_t thumbnail = 280;    // longer side of a picture, pixels; 16..2048
  int64_t jpeg_quality = 78;  // 1..100
  int64_t max_pixels = 100'000'000;
  int64_t threads = 1;    // pictures decoded at once; >= 1; changes no byte
  void validate() const;  // throws ConfigError
};

// The whole document. Equal data give equal bytes: no time, no host, no path but those of pictures as the data set names them.
std::string render_data_report(const VerifyReport& report, const DataReportOptions& options);

// The findings for other programs, beside the page: verdict, misses, posts by split and label, pictures by what became of them, odd texts
// and labels, leaks by kind. Equal data give equal bytes.
std::string data_report_json(const VerifyReport& report);

// The sections, one function each; data_report.cpp lists them in order.
PageSection classes_of_splits_section(const VerifyReport& report);
PageSection lengths_section(const VerifyReport& report);
PageSection texts_section(const VerifyReport& report, const DataReportOptions& options);
PageSection pictures_section(const VerifyReport& report, const DataReportOptions& options);
PageSection leaks_section(const VerifyReport& report);
PageSection shortcuts_section(const VerifyReport& report);
// Pairs side by side, with pictures and texts: those across splits first, of these the pairs whose labels differ.
PageSection pairs_section(const VerifyReport& report, const DataReportOptions& options);

// "equal text", "near picture", ...: a kind in words.
std::string leak_kind_words(LeakKind kind);

}  // namespace infig
