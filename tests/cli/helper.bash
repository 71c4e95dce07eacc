# SPDX-License-Identifier: MIT
# Every test runs in an empty directory, without anybody's configuration, at a fixed time.
#
#   CHRONDB_BIN=build/chrondb bats tests/cli
#
# The binary must be built with CHRONDB_TEST_HOOKS (for CHRONDB_TEST_NOW).
#
# When a test fails, the line of the test is told, not those of the functions it called: bats looks at every command to
# know them, which takes a third of the time. CHRONDB_TEST_TRACE=1: all of them.

bats_require_minimum_version 1.5.0

setup() {
    local name trace=${CHRONDB_TEST_TRACE-}
    : "${CHRONDB_BIN:?the chrondb to test}"
    CHRONDB=$(realpath "$CHRONDB_BIN")
    for name in $(compgen -e | grep -E '^(CHRONDB_|GIT_)' | grep -vxE 'CHRONDB_(BIN|TEST_BIN_DIR|SANITIZE)'); do
        unset "$name"
    done
    unset NO_COLOR PAGER LESS
    export HOME=$BATS_TEST_TMPDIR/home GIT_CONFIG_NOSYSTEM=1 TZ=UTC LC_ALL=C.UTF-8 TERM=xterm
    export CHRONDB_TEST_NOW=2026-11-21T10:00:00Z
    mkdir "$HOME" "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return 1
    if [ -z "$trace" ]; then
        set +T
        declare -ft "$BATS_TEST_NAME"
    fi
}

# Prepare something: it must succeed, and says nothing.
given() {
    "$CHRONDB" "$@" >/dev/null
}

# Set the clock.
now() {
    export CHRONDB_TEST_NOW=$1
}

# Run chrondb; $status, $output and $stderr tell what came of it.
try() {
    run --separate-stderr "$CHRONDB" "$@"
}

# The same on a terminal, without a pager; carriage returns taken away.
try_terminal() {
    local command
    command=$(printf '%q ' "$CHRONDB" "$@")
    run env PAGER= script -qefc "$command" /dev/null </dev/null
    output=${output//$'\r'/}
}

same() { # WHAT EXPECTED ACTUAL
    if [ "$2" != "$3" ]; then
        printf '%s differs\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
        return 1
    fi
}

# status OUTPUT: success, with that on standard output and nothing on standard error.
prints() {
    same 'standard error' '' "$stderr" && same 'exit status' 0 "$status" && same 'standard output' "$1" "$output"
}

# fails STATUS MESSAGE: nothing on standard output, that one line on standard error.
fails() {
    same 'standard error' "$2" "$stderr" && same 'exit status' "$1" "$status" && same 'standard output' '' "$output"
}

# fails_like STATUS PATTERN: the same, with a pattern of [[ == ]].
fails_like() {
    same 'exit status' "$1" "$status" && same 'standard output' '' "$output" || return 1
    # shellcheck disable=SC2053
    if [[ $stderr != $2 ]] || [[ $stderr == *$'\n'* ]]; then
        printf 'standard error is not like it should be\n  pattern: %s\n  actual:  %s\n' "$2" "$stderr"
        return 1
    fi
}

# A member of the JSON on standard output.
member() {
    jq -r ".$1" <<<"$output"
}

# On standard input: are there control characters, other than line ends and tabs?
has_controls() {
    LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]'
}

head_of() {
    git -C "${1:-.chrondb}" rev-parse HEAD
}
