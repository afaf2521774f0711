# Compiler choices shared by every target. Portable by default: no -march flag is ever set here;
# faster instruction sets are picked at run time by oneDNN and by Highway's dynamic dispatch.
add_library(gannet_flags INTERFACE)
target_compile_options(gannet_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  # GCC 12 reports overlaps inside std::string that are not there (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # Optimising as a release does, it takes an empty std::optional for one that is read (bug 80635).
  $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>
  # A result must not depend on which multiply-adds a compiler happens to contract.
  -ffp-contract=off
  $<$<BOOL:${GANNET_WERROR}>:-Werror>)
target_include_directories(gannet_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_features(gannet_flags INTERFACE cxx_std_20)

if(GANNET_SANITIZE)
  add_compile_options(-fsanitize=${GANNET_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GANNET_SANITIZE})
  if(GANNET_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

find_program(GANNET_CCACHE ccache)
if(GANNET_CCACHE)
  # Paths count relative to the tree, so that every clone and worktree shares what one has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
    CCACHE_NOHASHDIR=true ${GANNET_CCACHE})
endif()
find_program(GANNET_MOLD mold)
if(GANNET_MOLD AND NOT GANNET_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()
