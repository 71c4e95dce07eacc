#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/setup.sh build|test: install what the build, or the build and the tests, need, if anything is missing.
# The one list of packages, by their Debian names.
set -eu

build='gcc libc6-dev make cmake pkg-config git libgit2-dev libdeflate-dev libmbedtls-dev zlib1g-dev
    libstemmer-dev libutf8proc-dev'
test='g++ libcmocka-dev bats jq python3 python3-pip python3-setuptools python3-wheel procps strace zsh fish clang-format
    clang-tidy cppcheck mandoc cargo rust-clippy librust-serde-json-dev'

case ${1-} in
build) wanted=$build ;;
test) wanted="$build $test" ;;
*)
    echo "usage: sh tests/setup.sh build|test" >&2
    exit 2
    ;;
esac

# Elsewhere than on Debian and its kin nobody can say which packages these are: CMake will tell what is missing.
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: no apt-get here; these are needed, by their Debian names: $wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    # pkg-config is a virtual package on newer systems: its command will do.
    if [ "$state" != installed ] && ! { [ "$package" = pkg-config ] && command -v pkg-config >/dev/null; }; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root='sudo env'
else
    echo "setup: packages are missing, and this user cannot install them. As root:" >&2
    echo "    apt-get install$missing" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
install() {
    # shellcheck disable=SC2086 # lists of words
    $as_root ${as_root:+DEBIAN_FRONTEND=noninteractive} apt-get install -y --no-install-recommends $missing </dev/null
}
echo "setup: installing$missing"
# The lists may be absent (a bare container), or too old to be any use.
if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    $as_root apt-get update </dev/null
    install
else
    install || { $as_root apt-get update </dev/null && install; }
fi
