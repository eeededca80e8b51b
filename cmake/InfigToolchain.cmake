# Language, warnings, sanitizers, ccache, linker: everything that is true of every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(THREADS_PREFER_PTHREAD_FLAG ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Release carries no debug information: objects are a seventh of the size, and ccache shares them between clones.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

# Every folder goes into libinfig.so as well as into the program. One way of compiling for both, so that all share the precompiled header;
# no function is ever replaced from outside, so that calls within a source may still be inlined.
add_compile_options(-fPIC $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)

add_library(infig_flags INTERFACE)
target_compile_options(infig_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
target_compile_definitions(infig_flags INTERFACE INFIG_VERSION="${PROJECT_VERSION}")
target_include_directories(infig_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)

if(INFIG_SANITIZE OR INFIG_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(INFIG_SANITIZED)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 takes variables of its own library for uninitialised once the sanitizers' checks stand between.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
if(INFIG_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "INFIG_FUZZ needs clang, whose libFuzzer it uses (this is ${CMAKE_CXX_COMPILER_ID}): cmake --preset asan")
  endif()
  # Without its folder's name, ccache shares an object of the debug build between clones too.
  add_compile_options(-fsanitize=fuzzer-no-link,float-cast-overflow -fdebug-prefix-map=${CMAKE_SOURCE_DIR}=.)
endif()

# libtorch carries and exports std::filesystem of an older standard library, whose folder iterators crash beside ours (fs::remove_all with
# libtorch 2.11): the symbols come from the library that is named first.
add_link_options(-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state)

find_program(INFIG_CCACHE ccache)
if(INFIG_CCACHE)
  # Precompiled headers of g++ are cached only with these settings, so they travel with the build.
  set(infig_ccache_folder "")
  if("$ENV{HOME}" STREQUAL "" AND "$ENV{CCACHE_DIR}" STREQUAL "")
    set(infig_ccache_folder CCACHE_DIR=${CMAKE_BINARY_DIR}/ccache)  # without a home ccache would refuse to start
  endif()
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env ${infig_ccache_folder}
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${INFIG_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

find_program(INFIG_MOLD mold)
if(INFIG_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
