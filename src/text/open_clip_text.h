// What open_clip and OpenAI's CLIP do to a text before they cut it: ftfy's repairs, HTML's entities twice, white space, lower case.
#pragma once

#include <memory>

#include "text/json_normalizers.h"

namespace infig {

// Of ftfy 6.3 (fix_text with its defaults) those repairs that are one rule a character: entities with a semicolon (also in capitals; not in
// and behind a line with "<"), C1 controls as Windows-1252, ligatures, full-width forms, curly quotes, line ends, terminal colours, control
// characters, NFC; again until nothing changes. Its guess that a text was decoded wrongly ("cafÃ©") is none of these and is left out. Then
// html.unescape of Python twice, strip, white space to one space, str.lower. A character that several became has their place.
std::unique_ptr<JsonNormalizer> make_open_clip_normalizer();

}  // namespace infig
