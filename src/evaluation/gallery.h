// Posts of a report: which are shown, and how.
#pragma once

#include <cstdint>
#include <vector>

#include "evaluation/reports.h"
#include "evaluation/shown_posts.h"
#include "pages/html.h"

namespace infig {

// Rows of the wrongly classified posts, the most confident first; equal confidence stays in the order of the split. At most `count`.
std::vector<int64_t> most_confident_wrong(const std::vector<Prediction>& predictions, int64_t count);

// Rows of rightly classified posts: the same number of every class as far as there are so many, and within a class evenly spread from the
// most to the least confident. Ordered as most_confident_wrong. At most `count`.
std::vector<int64_t> spread_of_right(const std::vector<Prediction>& predictions, int64_t classes, int64_t count);

// <div>: picture, text, truth, prediction, probabilities of each. A missing picture or text is drawn as such.
std::string gallery_html(const std::vector<ShownPost>& posts, const std::vector<std::string>& labels);

// The sections "Wrong" and "Right"; one that the options leave out is not there.
std::vector<PageSection> gallery_sections(const ShownPosts& posts, const std::vector<std::string>& labels, const ReportOptions& options);

// The sentence above each of them.
std::string wrong_lead(const ShownPosts& posts);
std::string right_lead(const ShownPosts& posts);

}  // namespace infig
