#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the Debian packages of the named groups of packages.txt that are missing, and does nothing at
# all when none is. Usage: ensure-packages.sh GROUP...
set -u

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

fail()
{
    echo "ipseclab: $*" >&2
    exit 1
}

# The names that stand under [group].
packages_of()
{
    awk -v group="[$1]" '/^\[/ { wanted = ($0 == group); next } wanted && NF && !/^#/ { print $1 }' "$root/packages.txt"
}

wanted=
for group in "$@"; do
    names=$(packages_of "$group")
    [ -n "$names" ] || fail "packages.txt has no group [$group]"
    wanted="$wanted $names"
done

command -v dpkg-query >/dev/null || fail "this is not Debian: install by hand what packages.txt lists"

# shellcheck disable=SC2086 # a list of words
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p')
missing=
for name in $wanted; do
    echo "$installed" | grep -qxF -- "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

echo "ipseclab: installing Debian packages:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "no root and no sudo: as root, run apt-get install$missing"
    as_root=sudo
fi
# Old lists name versions that the mirror has no longer; apt-get update ends with 0 even offline.
$as_root apt-get update -q || fail "apt-get update failed: is there a network, and may you use sudo?"
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing ||
    fail "packages could not be installed, for the reason that apt gives above (no network? no such package?): apt-get install$missing"
