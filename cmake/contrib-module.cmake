# SPDX-License-Identifier: BSD-3-Clause
# The module "ipsec" inside an ns-3 tree; ns-3 brings compiler flags, standard and test runner.

if(missing)
  message(STATUS "ipsec: ${missing} not found, module skipped")
  return()
endif()

# For the sources and tests: everything is included from this folder, "model/..." and "helpers/...".
include_directories(${CMAKE_CURRENT_SOURCE_DIR})

set(ipsec_libraries OpenSSL::Crypto)
foreach(module ${ns3_modules})
  list(APPEND ipsec_libraries ${lib${module}})
endforeach()

build_lib(
  LIBNAME ipsec
  SOURCE_FILES ${model_sources} ${module_sources} ${helper_sources} ${scenario_sources}
  HEADER_FILES ${module_headers} ${helper_headers}
  LIBRARIES_TO_LINK ${ipsec_libraries}
  TEST_SOURCES ${ns3_tests}
)

# For users of the module: its public headers include the model's. The target was called libipsec
# up to 3.42 and ipsec since.
foreach(target ipsec libipsec)
  if(TARGET ${target})
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>)
  endif()
endforeach()
