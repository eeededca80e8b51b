# libinfig.so, whose only symbols are those of include/infig/infig.h, and what `cmake --install` puts in place:
#   bin/infig  include/infig/infig.h  lib/libinfig.so*  lib/cmake/infig/infigConfig.cmake
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(infig_library)
  if(NOT TARGET infig)
    return()
  endif()
  add_library(infig_shared SHARED $<TARGET_OBJECTS:infig_predict>)
  set(symbols ${CMAKE_SOURCE_DIR}/cmake/libinfig.symbols)
  target_link_libraries(infig_shared PRIVATE infig_flags infig_model)
  target_link_options(infig_shared PRIVATE -Wl,--version-script=${symbols} -Wl,--exclude-libs,ALL -Wl,-z,defs)
  set_target_properties(infig_shared PROPERTIES OUTPUT_NAME infig VERSION ${PROJECT_VERSION} LINKER_LANGUAGE CXX LINK_DEPENDS ${symbols}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  # Installed, both look into their own prefix first, then where the libtorch lies that they were linked with. RPATH, not RUNPATH: it holds
  # for the libraries of libraries too, which `make package` puts beside libinfig.so.
  foreach(target IN ITEMS infig infig_shared)
    target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH_USE_LINK_PATH TRUE)
  endforeach()
  set(arrow "")
  if(infig_arrow)
    set(arrow ";${INFIG_ARROW_DIR}")
  endif()
  set_target_properties(infig PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${INFIG_TORCH_LIBDIR}${arrow}")
  set_target_properties(infig_shared PROPERTIES INSTALL_RPATH "$ORIGIN;${INFIG_TORCH_LIBDIR}${arrow}")

  install(TARGETS infig RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS infig_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${CMAKE_SOURCE_DIR}/include/infig/infig.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/infig)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/infig)
  configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/infigConfig.cmake.in ${CMAKE_BINARY_DIR}/infigConfig.cmake
    INSTALL_DESTINATION ${folder} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/infigConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/infigConfig.cmake ${CMAKE_BINARY_DIR}/infigConfigVersion.cmake DESTINATION ${folder})
endfunction()
