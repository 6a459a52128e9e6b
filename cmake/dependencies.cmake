# SPDX-License-Identifier: Apache-2.0
# Everything outside this repository, all of it from Debian 12 packages (scripts/packages).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
foreach(package grpc++ protobuf spdlog yaml-cpp prometheus-cpp-core cpp-httplib libcurl zlib)
  pkg_check_modules(${package} REQUIRED IMPORTED_TARGET ${package})
endforeach()
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
if(KGS_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
  find_program(GRPC_PYTHON_PLUGIN grpc_python_plugin REQUIRED)
  # Debian's own interpreter, since the Python packages of the tests are Debian's.
  find_program(DEBIAN_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
endif()
