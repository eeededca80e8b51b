// Compiler vector types (GCC, Clang) and dispatch to instruction sets at run time. Private to the kernels of this folder.
#pragma once

#include <cstdint>
#include <type_traits>

// Inlines a kernel body into the copy for each instruction set, so that it is compiled for that set.
#define INFIG_INLINE __attribute__((always_inline)) inline

namespace infig {

inline constexpr int kVectorBytes = 64;
template <typename T>
inline constexpr int64_t kLaneCount = kVectorBytes / static_cast<int64_t>(sizeof(T));

template <typename T>
struct VectorTypes;
template <>
struct VectorTypes<float> {
  typedef float Value __attribute__((vector_size(kVectorBytes)));
  typedef int32_t Index __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorTypes<double> {
  typedef double Value __attribute__((vector_size(kVectorBytes)));
  typedef int64_t Index __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Vector = typename VectorTypes<T>::Value;
template <typename T>
using IndexVector = typename VectorTypes<T>::Index;

}  // namespace infig

// INFIG_DISPATCH(name, body, (parameters), (arguments)) defines template <typename T> void name(parameters), which calls the always-inlined
// template `body`, compiled for the best instruction set of this CPU. Parameters may use T.
// NOLINTBEGIN(bugprone-macro-parentheses): parameters and arguments come with their own parentheses.
#if defined(__x86_64__)
#define INFIG_DISPATCH(name, body, parameters, arguments)                                                 \
  namespace {                                                                                             \
  template <typename T>                                                                                   \
  __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"))) void name##_avx512 parameters {       \
    body arguments;                                                                                       \
  }                                                                                                       \
  template <typename T>                                                                                   \
  __attribute__((target("avx2,fma"))) void name##_avx2 parameters {                                       \
    body arguments;                                                                                       \
  }                                                                                                       \
  }                                                                                                       \
  template <typename T>                                                                                   \
  void name parameters {                                                                                  \
    static const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && \
                               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");  \
    static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");             \
    if (avx512) return name##_avx512<T> arguments;                                                        \
    if (avx2) return name##_avx2<T> arguments;                                                            \
    body arguments;                                                                                       \
  }
#else
#define INFIG_DISPATCH(name, body, parameters, arguments) \
  template <typename T>                                   \
  void name parameters {                                  \
    body arguments;                                       \
  }
#endif
// NOLINTEND(bugprone-macro-parentheses)
