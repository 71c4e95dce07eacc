#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's tour, typed in by a machine: every "    $ COMMAND" in it prints what stands below it. Only ids and times
# may differ. `sh tests/readme.sh --print` writes the tour with the output of now.
set -eu
chrondb=$(realpath "$CHRONDB_BIN")
readme=$(realpath "$(dirname "$0")/../README.md")

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/work"
ln -s "$chrondb" "$dir/bin/chrondb"
export PATH="$dir/bin:$PATH" HOME="$dir" GIT_CONFIG_NOSYSTEM=1 TZ=UTC LC_ALL=C.UTF-8
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org
unset CHRONDB_DIR CHRONDB_BRANCH CHRONDB_INDEX GIT_DIR
cd "$dir/work"

sed -n '/^## A five-minute tour/,/^## What it is good for/p' "$readme" >"$dir/tour"
[ "$(grep -c '^    \$ ' "$dir/tour")" -gt 10 ] || { echo "readme: the tour was not found"; exit 1; }

# One shell runs all commands, so that what one sets is there for the next: variables, and $?.
status=0
while IFS= read -r line; do
    case $line in
    '    $ '*)
        printf '%s\n' "$line"
        last=$status
        status=0
        eval "(exit $last); ${line#    $ }" >"$dir/output" 2>&1 </dev/null || status=$?
        sed 's/^/    /' "$dir/output"
        [ -z "$(tail -c 1 "$dir/output")" ] || echo # a prompt starts on a new line
        ;;
    '    '*) ;; # what it printed when the README was written
    *) printf '%s\n' "$line" ;;
    esac
done <"$dir/tour" >"$dir/actual"

if [ "${1-}" = --print ]; then
    cat "$dir/actual"
    exit 0
fi
# normal FILE: without what differs from run to run
normal() {
    sed -E 's/[0-9a-f]{40}/ID/g; s/^(    )[0-9a-f]{7} /\1ID /; s/20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' "$1"
}
normal "$dir/tour" >"$dir/expected.normal"
normal "$dir/actual" >"$dir/actual.normal"
diff -u "$dir/expected.normal" "$dir/actual.normal" || { echo "readme: - the README says, + the program does"; exit 1; }
