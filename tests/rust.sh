#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The crates of lib/bindings/rust: clippy, tests, documentation; offline, with the crates of Debian's packages and the
# library of the build.
set -eu
source=$(realpath "$(dirname "$0")/../lib/bindings/rust")
work=$CHRONDB_BUILD_DIR/rust

# Debian's cargo, whose crates these are, goes before another one.
[ ! -x /usr/bin/cargo ] || PATH=/usr/bin:$PATH
for tool in cargo cargo-clippy; do
    command -v $tool >/dev/null || { echo "rust: $tool is not installed"; exit 77; }
done
ls /usr/share/cargo/registry/serde_json-* >/dev/null 2>&1 || { echo "rust: librust-serde-json-dev is not installed"; exit 77; }

# Cargo writes beside the sources: here they are links.
mkdir -p "$work/workspace" "$work/tmp"
for name in .cargo Cargo.toml chrondb chrondb-sys; do
    ln -sfn "$source/$name" "$work/workspace/$name"
done
cd "$work/workspace"
trap 'rm -rf "$work/tmp"' EXIT
export CARGO_HOME="$work/home" CARGO_TARGET_DIR="$work/target" CHRONDB_LIB_DIR="$CHRONDB_BUILD_DIR" TMPDIR="$work/tmp"
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
unset CHRONDB_DIR CHRONDB_BRANCH CHRONDB_INDEX RUSTFLAGS RUSTDOCFLAGS RUSTC_WRAPPER

cargo clippy --offline --quiet -- -D warnings
cargo clippy --offline --quiet --all-targets --features serde_json -- -D warnings
# The documentation's examples are linked one by one: dynamically that is faster.
RUSTDOCFLAGS='-C prefer-dynamic' cargo test --offline --quiet --features serde_json
RUSTDOCFLAGS='-D warnings' cargo doc --offline --quiet --no-deps --features serde_json
