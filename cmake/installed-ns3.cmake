# SPDX-License-Identifier: BSD-3-Clause
# Finds an installed ns-3. Sets ns3_targets, ns3_standard and ns3_definitions.

# An ns-3 that was built with MPI exports targets that name MPI::MPI_CXX.
find_package(MPI QUIET COMPONENTS CXX)
# No version here: the package's version file accepts only equality.
find_package(ns3 QUIET)
if(NOT ns3_FOUND)
  message(FATAL_ERROR "ns-3 not found: install libns3-dev, or point CMAKE_PREFIX_PATH to an ns-3 of 3.37 or later")
endif()

# The headers of 3.37..3.40 do not compile as C++20; later ones need what is newest in them.
set(ns3_standard 23)
set(ns3_exports_definitions ON)
if(ns3_VERSION MATCHES "^3\\.([0-9]+)")
  if(CMAKE_MATCH_1 LESS 37)
    message(FATAL_ERROR "ns-3 ${ns3_VERSION} is not supported: 3.37 or later is needed")
  elseif(CMAKE_MATCH_1 LESS 41)
    set(ns3_standard 17)
  elseif(CMAKE_MATCH_1 LESS 46)
    set(ns3_standard 20)
  endif()
  if(CMAKE_MATCH_1 LESS 43)
    set(ns3_exports_definitions OFF)
  endif()
endif()

set(ns3_targets)
foreach(module ${ns3_modules})
  if(TARGET ns3::lib${module}) # up to 3.42
    list(APPEND ns3_targets ns3::lib${module})
  elseif(TARGET ns3::${module})
    list(APPEND ns3_targets ns3::${module})
  else()
    message(FATAL_ERROR "ns-3 ${ns3_VERSION} was installed without its module '${module}'")
  endif()
endforeach()

# What includes ns-3 headers must agree with the library about NS3_LOG_ENABLE, on which sizes of
# classes depend, but old packages do not say how they were built: run a program that finds out.
set(ns3_definitions)
if(NOT ns3_exports_definitions)
  try_run(
    IPSECLAB_NS3_LOGGING_ABSENT IPSECLAB_NS3_PROBE_COMPILES
    ${CMAKE_BINARY_DIR}/logging-probe ${CMAKE_CURRENT_LIST_DIR}/logging-probe.cc
    LINK_LIBRARIES ${ns3_targets}
    CXX_STANDARD ${ns3_standard}
    COMPILE_OUTPUT_VARIABLE probe_output)
  if(NOT IPSECLAB_NS3_PROBE_COMPILES)
    file(WRITE ${CMAKE_BINARY_DIR}/logging-probe.log "${probe_output}")
    # So that the next configuration tries again.
    unset(IPSECLAB_NS3_PROBE_COMPILES CACHE)
    message(FATAL_ERROR "a program against ns-3 ${ns3_VERSION} does not compile or link: see ${CMAKE_BINARY_DIR}/logging-probe.log")
  endif()
  if(IPSECLAB_NS3_LOGGING_ABSENT EQUAL 0)
    list(APPEND ns3_definitions NS3_LOG_ENABLE)
  endif()
endif()
message(STATUS "ns-3 ${ns3_VERSION}: C++${ns3_standard} ${ns3_definitions}")
