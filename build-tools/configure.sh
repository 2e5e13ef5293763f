#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Configures a build folder with CMake; quiet when it works, one line when it does not.
# Usage: configure.sh FOLDER [cmake argument...]
set -u

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
folder=$1
shift

for tool in cmake ninja "${CXX:-c++}"; do
    command -v "$tool" >/dev/null || {
        echo "ipseclab: '$tool' not found: install the packages of group [build] in packages.txt" >&2
        exit 1
    }
done

mkdir -p -- "$folder" || exit 1
# A clone that was moved or copied carries a cache that names its former place.
if [ -f "$folder/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
    rm -rf -- "$folder/CMakeCache.txt" "$folder/CMakeFiles"
fi

if ! cmake -S "$root" -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1; then
    # The text of the first error, without its frame: up to the first line that is not indented.
    text=$(awk '/^CMake Error/ { found = 1; next }
                found && /^  / { sub(/^ +/, ""); line = line " " $0; next }
                found && NF { exit }
                END { print substr(line, 2) }' "$folder/configure.log")
    echo "ipseclab: cannot configure: ${text:-CMake failed} (all of it: $folder/configure.log)" >&2
    exit 1
fi
grep '^-- ns-3 ' "$folder/configure.log" || true
