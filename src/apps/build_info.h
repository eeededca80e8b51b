// Where the binary comes from.
#pragma once

namespace infig {

const char* build_commit();  // `git describe` of the checkout when the build was configured; "unknown" outside one

}  // namespace infig
