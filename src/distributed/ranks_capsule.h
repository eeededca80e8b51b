// Wraps a Ranks pointer so that an autograd function can save it for its backward pass. Private to this folder.
#pragma once

#include <ATen/core/ivalue.h>

#include "distributed/ranks.h"

namespace infig {

struct RanksCapsule : torch::CustomClassHolder {
  explicit RanksCapsule(Ranks& of) : ranks(&of) {}
  Ranks* ranks;  // must outlive every graph
};

inline c10::IValue capsule_of(Ranks& ranks) { return c10::IValue::make_capsule(c10::make_intrusive<RanksCapsule>(ranks)); }
inline Ranks& ranks_of(const c10::IValue& capsule) { return *static_cast<const RanksCapsule&>(*capsule.toCapsule()).ranks; }

}  // namespace infig
