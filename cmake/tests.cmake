# SPDX-License-Identifier: BSD-3-Clause
# Tests and benchmarks, built when their libraries are installed. `make test` fails when a program
# that it wants to run has not been built.

foreach(kind vectors unit property fuzz fuzz-replay ns3-runner bench-model bench-scale count-sas bench-chain bench-ike-sas)
  string(REPLACE "-" "_" variable ${kind})
  ipseclab_sources(${variable}_sources tests ${kind})
endforeach()

add_library(ipseclab-test-vectors STATIC ${vectors_sources})
target_compile_definitions(
  ipseclab-test-vectors PRIVATE IPSECLAB_TEST_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors")
target_link_libraries(ipseclab-test-vectors PUBLIC ipseclab-model)

# ipseclab_program(<name> <library>... SOURCES <source>...)
function(ipseclab_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE -Wall -Wextra)
  target_link_libraries(${name} PRIVATE ipseclab-test-vectors ${arg_UNPARSED_ARGUMENTS})
endfunction()

# For tests that run for seconds and compile for minutes, nearly half of which would be optimisation.
set(not_optimised $<$<CONFIG:Release>:-O0>)

# ---- hostile bytes ----
foreach(source ${fuzz_sources})
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "-fuzz$" "" topic ${name})
  if(IPSECLAB_FUZZ) # runs the corpus before anything else
    ipseclab_program(${name} ipseclab-model SOURCES ${source})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    ipseclab_program(${name}-replay ipseclab-model SOURCES ${source} ${fuzz_replay_sources})
    add_test(NAME ${name}-replay
             COMMAND ${name}-replay ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${topic})
  endif()
endforeach()

# ---- the model in the hand ----
find_package(GTest QUIET)
if(GTest_FOUND)
  include(GoogleTest)
  foreach(kind unit property)
    ipseclab_program(${kind}-tests ipseclab-model GTest::gtest_main SOURCES ${${kind}_sources})
    gtest_discover_tests(${kind}-tests DISCOVERY_MODE PRE_TEST)
  endforeach()
  target_compile_options(unit-tests PRIVATE ${not_optimised})
  if(sanitizers) # elsewhere files show that they include what they use
    target_precompile_headers(
      unit-tests PRIVATE <gtest/gtest.h> <algorithm> <map> <numeric> <random> <set> <string>
      <model/esp/data-plane.h> <model/ike/ike-endpoint.h>)
  endif()
else()
  message(STATUS "GoogleTest not found: unit and property tests are not built")
endif()
add_test(NAME model-purity COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/build-tools/check_model_purity.py)

if(NOT with_ns3)
  return()
endif()

# ---- on ns-3 ----
ipseclab_program(ns3-tests ipseclab-ns3 SOURCES ${ns3_tests} ${ns3_runner_sources})
target_compile_options(ns3-tests PRIVATE ${not_optimised})
add_test(NAME ns3-ipsec COMMAND ns3-tests)

find_package(benchmark QUIET)
if(benchmark_FOUND)
  ipseclab_program(bench-model ipseclab-model benchmark::benchmark SOURCES ${bench_model_sources})
  ipseclab_program(bench-scale ipseclab-model benchmark::benchmark SOURCES ${bench_scale_sources})
  ipseclab_program(count-sas ipseclab-model benchmark::benchmark SOURCES ${count_sas_sources})
  ipseclab_program(bench-chain ipseclab-ns3 benchmark::benchmark SOURCES ${bench_chain_sources})
  ipseclab_program(bench-ike-sas ipseclab-ns3 SOURCES ${bench_ike_sas_sources})
else()
  message(STATUS "Google Benchmark not found: benchmarks are not built")
endif()
