# SPDX-License-Identifier: BSD-3-Clause
# Reads sources.json, the one list of what is compiled.

set(ipseclab_manifest_file ${CMAKE_CURRENT_LIST_DIR}/../sources.json)
file(READ ${ipseclab_manifest_file} ipseclab_manifest)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ipseclab_manifest_file})

# ipseclab_sources(<variable> <key>...): the list under these keys.
function(ipseclab_sources variable)
  string(JSON length LENGTH "${ipseclab_manifest}" ${ARGN})
  set(values)
  set(index 0)
  while(index LESS length)
    string(JSON value GET "${ipseclab_manifest}" ${ARGN} ${index})
    list(APPEND values ${value})
    math(EXPR index "${index} + 1")
  endwhile()
  set(${variable} ${values} PARENT_SCOPE)
endfunction()
