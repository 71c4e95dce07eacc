#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# diff, log, history and restore from one branch or tag to another.

load helper

git_db() {
    git -C .chrondb -c user.name=A -c user.email=a@b "$@"
}

# main: k:1 = 1, 2; tag v1 at the second. The branch side leaves there: k:1 = 3, k:2 = 1; main goes on: k:1 = 4.
fill() {
    given put k:1 1
    first=$(head_of)
    now 2026-11-21T10:00:01Z
    given put k:1 2
    second=$(head_of)
    given tag v1
    given branch side
    now 2026-11-21T10:00:02Z
    given put k:1 3 -b side
    third=$(git_db rev-parse side)
    now 2026-11-21T10:00:03Z
    given put k:2 1 -b side
    fourth=$(git_db rev-parse side)
    now 2026-11-21T10:00:04Z
    given put k:1 4
    fifth=$(head_of)
}

# What the answers are must not depend on the index.
everywhere() {
    local way
    for way in '' 1; do
        [ -z "$way" ] || export CHRONDB_TEST_NO_CATALOG=1
        "$@" || return 1
    done
    unset CHRONDB_TEST_NO_CATALOG
}

@test "diff of branches and tags" {
    fill
    diffs() {
        try diff main side
        prints '{"key":"k:1","op":"update","old":4,"new":3,"patch":3}
{"key":"k:2","op":"create","old":null,"new":1,"patch":null}' || return 1
        try diff side main -- k:2
        prints '{"key":"k:2","op":"delete","old":1,"new":null,"patch":null}' || return 1
        try diff v1 side~1
        prints '{"key":"k:1","op":"update","old":2,"new":3,"patch":3}' || return 1
        try diff v1 # the default branch's head
        prints '{"key":"k:1","op":"update","old":2,"new":4,"patch":4}' || return 1
        try diff v1 -b side -- k:1
        prints '{"key":"k:1","op":"update","old":2,"new":3,"patch":3}' || return 1
        # A time is one of the branch that -b names, a name is what it is.
        try diff 2026-11-21T10:00:03Z main -b side --format raw
        prints $'k:1\nk:2'
    }
    everywhere diffs
}

@test "log of branches and tags" {
    fill
    logs() {
        try log -b side --format raw
        prints "$fourth"$'\n'"$third"$'\n'"$second"$'\n'"$first" || return 1
        try log --at v1 --format raw
        prints "$second"$'\n'"$first" || return 1
        try log --at side --limit 1 --format raw
        prints "$fourth" || return 1
        try log -b side --at main --format raw
        prints "$fifth"$'\n'"$second"$'\n'"$first" || return 1
        try log -b side --at 2026-11-21T10:00:02Z --reverse --format raw
        prints "$first"$'\n'"$second"$'\n'"$third" || return 1
        try log -b side --since v1 --until side~1 --format raw
        prints "$third"$'\n'"$second" || return 1
        try log --at side --since 2026-11-21T10:00:02Z --format raw
        prints "$fourth"$'\n'"$third" || return 1
        try log --at 2020
        prints ''
    }
    everywhere logs
}

@test "history on branches and tags" {
    fill
    given merge side --strategy theirs
    histories() {
        try history k:1 -b side --format raw
        prints $'3\n2\n1' || return 1
        try history k:1 --at v1 --format raw
        prints $'2\n1' || return 1
        try history k:1 --at side --since v1 --format raw
        prints $'3\n2' || return 1
        try history k:1 --at main~1 --format raw
        prints $'4\n2\n1' || return 1
        try history k:1 --format raw # the merge took the side's, 3
        prints $'4\n3\n2\n1' || return 1
        try history k:1 --at 'k:1@{0}' --format raw
        prints $'3\n2\n1' || return 1
        try history k:2 --at v1
        fails 1 "chrondb: cannot tell the history of 'k:2': not found, now or ever" || return 1
        try history k:2 --no-value --format raw
        prints "$fourth"
    }
    everywhere histories
}

@test "restore from branches and tags" {
    fill
    given restore k:1 --at side
    try get k:1
    prints 3
    given restore --all --at v1 -b side
    try list -b side
    prints '{"key":"k:1","value":2}'
    given restore --table k --at side~1
    try diff main side~1 --exit-code
    prints ''
    given restore --all --at v1
    same tree "$(git_db rev-parse v1^{tree})" "$(git_db rev-parse main^{tree})"
}
