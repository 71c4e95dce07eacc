#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Searching the packages of a distribution: every answer is checked by looking at every word of every document
# (packages.py). Some hundred made-up ones; CHRONDB_TEST_PACKAGES names a program that prints others, or a file of such
# lines: {"key":"pkg:NAME","value":{"name","version","installed_size","maintainer":{"name","email"},"description",...}}.

load helper

export PYTHONDONTWRITEBYTECODE=1
packages=${CHRONDB_TEST_PACKAGES-}

# packages.ndjson, and expected/
fill() {
    if [ -z "$packages" ]; then
        python3 "$BATS_TEST_DIRNAME/packages.py" sample >packages.ndjson
    elif [ -x "$packages" ]; then
        "$packages" >packages.ndjson
    else
        cp "$packages" packages.ndjson
    fi
    mkdir expected
    python3 "$BATS_TEST_DIRNAME/packages.py" expect packages.ndjson expected
}

# Run every search of expected/, with these options too.
check() {
    local args stem number arguments searched=0
    for args in expected/*.args; do
        stem=${args%.args}
        number=${stem#expected/}
        mapfile -t arguments <"$args"
        if [ -e "$stem.json" ]; then
            "$CHRONDB" search "${arguments[@]}" "$@" >found
            diff "$stem.json" found || { echo "search ${arguments[*]}"; return 1; }
        elif [ -e "$stem.ordered" ]; then
            "$CHRONDB" search "${arguments[@]}" "$@" --keys --format raw >found
            diff "$stem.ordered" found || { echo "search ${arguments[*]}"; return 1; }
        else
            "$CHRONDB" search "${arguments[@]}" "$@" --keys --format raw | LC_ALL=C sort >found
            diff "$stem.keys" found || { echo "search ${arguments[*]}"; return 1; }
        fi
        searched=$((searched + 1))
    done
    [ "$searched" -ge 30 ]
}

@test "packages: every search finds what it must" {
    fill
    # They prove little if they find nothing.
    [ "$(find expected -name '*.keys' -size 0 | wc -l)" -le 2 ]
    [ "$(find expected -name '*.ordered' -size 0 | wc -l)" -eq 0 ]
    given import packages.ndjson
    check
}

@test "packages: and at the moment before they changed" {
    fill
    given import packages.ndjson
    # Half of them become something else, some go.
    awk 'NR % 2' packages.ndjson | sed 's/"value": {.*/"value":{"description":"web server","section":"httpd","size":1}}/' >later.ndjson
    awk 'NR % 10 == 0' packages.ndjson | sed 's/"value": .*/"op":"delete"}/' >>later.ndjson
    given import later.ndjson
    check --at main~1
    given gc
    check --at main~1
    # And the present, as `list` has it.
    "$CHRONDB" list >packages.ndjson
    rm expected/*
    python3 "$BATS_TEST_DIRNAME/packages.py" expect packages.ndjson expected
    check
}
