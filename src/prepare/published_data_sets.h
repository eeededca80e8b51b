// prepare for published data sets: HFM, MVSA-Multiple and TumEmo.
#pragma once

#include <filesystem>

#include "prepare/hfm_source.h"
#include "prepare/mvsa_multiple_source.h"
#include "prepare/prepare.h"
#include "prepare/tumemo_source.h"

namespace infig {

// Each prepares what the source of the same name opens (its `raw` may be an archive), with texts raw or cleaned (options.clean_text):
// MVSA-Multiple as MultiSentiNet does, TumEmo as MGNNS does, where raw texts of TumEmo lose their URLs (docs/published-data.md); HFM's
// lose the cues that give the label away, and its name then is hfm-without-cues. options.seed, options.text_decode and options.images are
// the sources'. Throws as prepare_data_set and the sources do.
PrepareReport prepare_hfm(const HfmOptions& hfm, const std::filesystem::path& out, const PrepareOptions& options);
PrepareReport prepare_mvsa_multiple(const MvsaMultipleOptions& mvsa, const std::filesystem::path& out, const PrepareOptions& options);
PrepareReport prepare_tumemo(const TumemoOptions& tumemo, const std::filesystem::path& out, const PrepareOptions& options);

}  // namespace infig
