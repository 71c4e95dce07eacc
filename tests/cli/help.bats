#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The table of commands, usages, and what helps who mistyped.

load helper

@test "without a command: exit 2, and what to do" {
    try
    fails 2 'chrondb: no command given (chrondb help lists them)'
}

@test "help lists every command with its summary" {
    try help
    [ "$status" -eq 0 ]
    while IFS=$'\t' read -r name summary; do
        [[ $output == *"    $name "*"$summary"* ]] || { echo "missing: $name"; return 1; }
    done < <("$CHRONDB" --list-commands)
}

@test "-h and --help print the overview and the global options on standard output" {
    for option in -h --help; do
        try $option
        [ "$status" -eq 0 ]
        [ -z "$stderr" ]
        [[ $output == "usage: chrondb "*"--lock-timeout SECONDS"* ]]
    done
}

@test "the table of commands is the contract's" {
    same commands 'init put get patch delete list count tables exists search batch at history log diff blame restore watch branch tag merge clone remote fetch pull push import export checkout backup restore-backup info config verify gc reindex help' \
        "$("$CHRONDB" --list-commands | cut -f1 | paste -sd' ')"
}

# The names of the long options in a usage.
usage_options() {
    grep -oE '^ {4}(-., )?--[a-z-]+|^ {4}-.( |$)' | grep -oE -- '--[a-z-]+|-[A-Za-z]' | sed -n '/^--/p; /^-[A-Za-z]$/p' | sort -u
}

@test "-h, --help, --list-options and the table agree, for every command" {
    local name summary short long listed
    while IFS=$'\t' read -r name summary; do
        short=$("$CHRONDB" "$name" -h)
        long=$("$CHRONDB" "$name" --help)
        same "first line of $name -h" "usage: chrondb $name [OPTIONS]" "$(head -n1 <<<"$short" | grep -oE '^usage: chrondb [a-z-]+ \[OPTIONS\]')"
        [[ $short == *$'\n'"$summary"$'\n'* ]] || { echo "$name -h lacks its summary"; return 1; }
        [[ $long == "${short%%$'\n\n'\`chrondb -h*}"* ]] || { echo "$name --help does not start like -h"; return 1; }
        listed=$("$CHRONDB" "$name" --list-options | cut -f1 | sed 's/=.*//' | sort -u)
        same "options of $name" "$(usage_options <<<"$long" | grep -vxE -- '-[bdfqrvmnp]')" "$listed"
        # An option's description is never empty.
        run ! grep -qvP '^\S+\t\S' <("$CHRONDB" "$name" --list-options)
    done < <("$CHRONDB" --list-commands)
}

@test "help COMMAND is COMMAND --help" {
    for name in put list restore help; do
        same "$name" "$("$CHRONDB" "$name" --help)" "$("$CHRONDB" help "$name")"
    done
    try help restore
    [[ $output == 'usage: chrondb restore [OPTIONS] KEY --at WHEN
   or: chrondb restore [OPTIONS] --table TABLE --at WHEN
   or: chrondb restore [OPTIONS] --all --at WHEN'* ]]
}

@test "help for a command that is not" {
    try help putt
    fails 2 "chrondb: no such command 'putt'; did you mean 'put'?"
    try help quux
    fails 2 "chrondb: no such command 'quux' (chrondb help lists them)"
}

@test "--version" {
    try --version
    [[ $output =~ ^chrondb\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    [ "$status" -eq 0 ]
}

@test "a mistyped command: the nearest one" {
    try gett x
    fails 2 "chrondb: no such command 'gett'; did you mean 'get'?"
    try hitsory x
    fails 2 "chrondb: no such command 'hitsory'; did you mean 'history'?"
    try hist x
    fails 2 "chrondb: no such command 'hist'; did you mean 'history'?"
    try zzzzzz x
    fails 2 "chrondb: no such command 'zzzzzz' (chrondb help lists them)"
    [ ! -e .chrondb ]
}

@test "an unknown command runs chrondb-NAME, which finds our options in its environment" {
    mkdir bin sub
    printf '#!/bin/sh\necho "$CHRONDB_DIR $CHRONDB_BRANCH $(basename "$PWD") $*"\nexit 5\n' >bin/chrondb-greet
    chmod +x bin/chrondb-greet
    PATH=$PWD/bin:$PATH try -C sub --db data -b dev greet --loud you
    [ "$status" -eq 5 ]
    [ "$output" = 'data dev sub --loud you' ]
}

@test "a path is not a command's name" {
    mkdir chrondb-x
    printf '#!/bin/sh\necho ran\n' >chrondb-x/y
    chmod +x chrondb-x/y
    PATH=$PWD:$PATH try x/y
    fails 2 "chrondb: no such command 'x/y' (chrondb help lists them)"
}

@test "arguments too few and too many: how it is called" {
    try get
    fails 2 'chrondb: get needs an argument: chrondb get KEY'
    try at now
    fails 2 'chrondb: at needs one more argument: chrondb at WHEN KEY'
    try tables x
    fails 2 'chrondb: tables takes no arguments: chrondb tables [OPTIONS]'
    try count a b
    fails 2 'chrondb: count takes fewer arguments: chrondb count [PREFIX | --table TABLE]'
}
