// Selects the posts that a report shows, and renders them.
#pragma once

#include <cstdint>
#include <vector>

#include "evaluation/reports.h"
#include "evaluation/shown_posts.h"
#include "pages/html.h"

namespace infig {

// Returns the rows of at most `count` misclassified posts, the most confident first; ties stay in the order of the split.
std::vector<int64_t> most_confident_wrong(const std::vector<Prediction>& predictions, int64_t count);

// Returns the rows of at most `count` correctly classified posts: the same number from each class as far as possible, and within a class
// evenly spread from the most to the least confident. Ordered like most_confident_wrong().
std::vector<int64_t> spread_of_right(const std::vector<Prediction>& predictions, int64_t classes, int64_t count);

// Returns a <div> with each post's picture, text, truth, prediction and probabilities. A missing picture or text is shown as missing.
std::string gallery_html(const std::vector<ShownPost>& posts, const std::vector<std::string>& labels);

// The sections "Wrong" and "Right", unless the options set their number of posts to 0.
std::vector<PageSection> gallery_sections(const ShownPosts& posts, const std::vector<std::string>& labels, const ReportOptions& options);

// The sentences at the top of these sections.
std::string wrong_lead(const ShownPosts& posts);
std::string right_lead(const ShownPosts& posts);

}  // namespace infig
