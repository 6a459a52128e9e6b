# SPDX-License-Identifier: Apache-2.0
# One library and one test binary a folder, each with its links spelled out.

# kgs_library(NAME SOURCES a.cc ... [DEPS target ...]): a static library kgs_NAME.
function(kgs_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(kgs_${name} STATIC ${ARG_SOURCES})
    target_include_directories(kgs_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(kgs_${name} PUBLIC ${ARG_DEPS})
  else()
    add_library(kgs_${name} INTERFACE)
    target_include_directories(kgs_${name} INTERFACE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(kgs_${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# kgs_test(NAME SOURCES a_test.cc ... [DEPS target ...]): the unit tests beside a folder's code. Their
# servers and clients are on loopback, whatever proxy the machine is set to.
function(kgs_test name)
  if(NOT KGS_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_include_directories(${name}_test PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name}_test PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name}_test
    TEST_PREFIX "${name}."
    DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS unit TIMEOUT 60 ENVIRONMENT "no_proxy=*")
endfunction()
