// How jemalloc, which infig is linked with, keeps memory. A training step asks for tensors of sizes that follow the batch's longest text,
// so with glibc's malloc the heap grows into fragments (2 % an epoch); jemalloc by its defaults gives memory back and faults it in again.
// One arena that keeps what it has, and never cuts up a range 2^8 times as large as what is asked for, does neither: a third less memory,
// the same from the first epoch to the last, and a step 7 % faster (docs/performance.md).
extern "C" {
extern const char* malloc_conf;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): jemalloc looks for this name
const char* malloc_conf = "oversize_threshold:0,narenas:1,dirty_decay_ms:-1,muzzy_decay_ms:-1,lg_extent_max_active_fit:8";
}
