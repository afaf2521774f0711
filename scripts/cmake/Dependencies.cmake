# Everything Gannet links against, from Debian packages. Nothing is downloaded at configure time.

# gannet_package(NAME DEBIAN_PACKAGE [find_package arguments...])
# find_package that, on failure, says which Debian package brings the missing dependency.
macro(gannet_package name debian_package)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR
      "Gannet needs ${name}. On Debian: apt-get install ${debian_package}\n"
      "(./scripts/install-packages installs everything at once)")
  endif()
endmacro()

# gannet_library(TARGET HEADER LIBRARY DEBIAN_PACKAGE)
# For packages whose CMake files drag in dependencies that we do not use (OpenCL, gflags) or that have none.
function(gannet_library target header library debian_package)
  find_path(${target}_INCLUDE_DIR ${header})
  find_library(${target}_LIBRARY ${library})
  if(NOT ${target}_INCLUDE_DIR OR NOT ${target}_LIBRARY)
    message(FATAL_ERROR
      "Gannet needs ${library} (${header}). On Debian: apt-get install ${debian_package}\n"
      "(./scripts/install-packages installs everything at once)")
  endif()
  add_library(gannet::${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(gannet::${target} PROPERTIES
    IMPORTED_LOCATION ${${target}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${${target}_INCLUDE_DIR})
endfunction()

gannet_package(Threads g++)
gannet_package(OpenMP g++)
gannet_package(OpenSSL libssl-dev)
gannet_package(absl libabsl-dev CONFIG)
gannet_package(fmt libfmt-dev CONFIG)
gannet_package(spdlog libspdlog-dev CONFIG)
gannet_package(nlohmann_json nlohmann-json3-dev CONFIG)
gannet_package(ICU libicu-dev COMPONENTS uc i18n)
gannet_package(hwy libhwy-dev CONFIG)
gannet_package(BLAS libopenblas-dev)
gannet_package(faiss libfaiss-dev CONFIG)
gannet_package(CURL libcurl4-openssl-dev)
gannet_package(Protobuf libprotobuf-dev)
gannet_package(gRPC "libgrpc++-dev protobuf-compiler-grpc" CONFIG)
gannet_package(CLI11 libcli11-dev CONFIG)
gannet_library(dnnl dnnl.hpp dnnl libdnnl-dev)
gannet_library(rocksdb rocksdb/db.h rocksdb librocksdb-dev)
gannet_library(tree_sitter tree_sitter/api.h tree-sitter libtree-sitter-dev)
gannet_library(xxhash xxhash.h xxhash libxxhash-dev)
gannet_library(zlib zlib.h z zlib1g-dev)
gannet_library(lzma lzma.h lzma liblzma-dev)
gannet_library(zstd zstd.h zstd libzstd-dev)
gannet_library(snappy snappy.h snappy libsnappy-dev)
if(GANNET_TESTS)
  gannet_package(GTest "libgtest-dev libgmock-dev")
endif()
if(GANNET_BENCH)
  gannet_package(benchmark libbenchmark-dev CONFIG)
endif()
