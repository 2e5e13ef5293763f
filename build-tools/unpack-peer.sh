#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Unpacks the Debian package of an IKE daemon that is not to be installed beside strongSwan's below
# build/peers, and installs what it needs. Usage: unpack-peer.sh libreswan | openiked
set -eu

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
case "${1:-}" in
libreswan)
    needed="libnss3 libnss3-tools libunbound8 libldns3 libcurl3-nss libevent-core-2.1-7
        libevent-pthreads-2.1-7 libaudit1 libcap-ng0 libldap-2.5-0 libselinux1"
    ;;
openiked)
    needed="libevent-2.1-7"
    ;;
*)
    echo "usage: unpack-peer.sh libreswan | openiked" >&2
    exit 2
    ;;
esac
folder=${IPSECLAB_BUILD:-$root/build}/peers/$1
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $needed
(cd "$scratch" && apt-get download -q "$1")
rm -rf -- "$folder"
mkdir -p -- "$folder"
dpkg -x "$scratch/$1"_*.deb "$folder"
echo "$1 is in $folder"
