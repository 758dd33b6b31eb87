#!/bin/sh
# Installs Debian packages that tests use, where that is possible and they are missing:
#   debian.sh PROGRAM=PACKAGE …
missing=
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "tests that need these packages are skipped:$missing" >&2
    exit 0
fi
apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends $missing >/dev/null 2>&1 ||
    echo "could not be installed, tests that need them are skipped:$missing" >&2
exit 0
