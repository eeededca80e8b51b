// The models that this program tries: infig's own, the networks of Table 2, and one that knows nothing of them.
#pragma once

#include <string>
#include <vector>

#include "model/models.h"

namespace infig::test {

const ModelList& tried_models();

// What makes the model of that name small, frozen and unaugmented, beside what every run of these tests has.
std::vector<std::string> small_keys(const std::string& name);

}  // namespace infig::test
