#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# After a write: the journal goes into a pack, and nobody waits for it.

load helper

packs() {
    "$CHRONDB" info | sed 's/.*"packs":\([0-9]*\).*/\1/' # jq takes longer to start, and this is asked often
}

# The ROUND-th batch of 200 documents; says what chrondb says.
write_some() { # ROUND
    seq 1 200 | sed "s/.*/{\"op\":\"put\",\"key\":\"n:$1-&\",\"value\":{\"n\":&,\"text\":\"some words\"}}/" | "$CHRONDB" batch
}

@test "in the foreground, for tests: done when the command ends" {
    export CHRONDB_TEST_FOREGROUND_MAINTENANCE=1
    local round=0
    given init
    until [ "$(packs)" -gt 0 ]; do
        ((++round < 80))
        write_some $round >/dev/null
    done
    same documents $((round * 200)) "$("$CHRONDB" count --format raw)"
    git -C .chrondb fsck --strict
}

@test "in the background: it happens, and holds nothing of ours" {
    local round=0 i answer
    given init
    until [ "$(packs)" -gt 0 ]; do
        ((++round < 80))
        # The substitution ends when the last one who holds its pipe ends.
        answer=$(write_some $round)
        same created 200 "$(jq .created <<<"$answer")"
    done
    for ((i = 0; i < 100; i++)); do # let it end before its directory goes
        pgrep -f "^$CHRONDB batch" >/dev/null || break
        sleep 0.05
    done
    same documents $((round * 200)) "$("$CHRONDB" count --format raw)"
    git -C .chrondb fsck --strict
}

@test "packs stay few, loose objects too, and readers beside it never fail" {
    export CHRONDB_TEST_FOREGROUND_MAINTENANCE=1
    local round most=0 now reader
    given put n:0-1 1
    (
        while [ ! -e stop ]; do
            "$CHRONDB" get n:0-1 >/dev/null && "$CHRONDB" history n:0-1 --limit 1 >/dev/null || touch failed
        done
    ) &
    reader=$!
    for ((round = 1; round <= 60; round++)); do
        write_some $round >/dev/null
        now=$(packs)
        most=$((now > most ? now : most))
    done
    touch stop
    wait $reader
    [ ! -e failed ]
    printf 'most packs: %s\n' "$most"
    ((most > 0 && most <= 8))
    (($("$CHRONDB" info | jq .loose_objects) <= 5000))
    same documents 12001 "$("$CHRONDB" count --format raw)"
    git -C .chrondb fsck --strict --full
}

@test "refs are packed when there are many, and tags keep what they name" {
    export CHRONDB_TEST_FOREGROUND_MAINTENANCE=1
    local round=0 head loose=300
    given put n:0-1 1
    head=$(git -C .chrondb rev-parse main)
    seq -f "create refs/tags/t%03g $head" 1 300 | git -C .chrondb update-ref --stdin
    until [ "$loose" -eq 0 ]; do
        ((++round < 80))
        write_some $round >/dev/null
        loose=$(find .chrondb/refs/tags -type f | wc -l)
    done
    same tags 300 "$(git -C .chrondb for-each-ref refs/tags | grep -c "$head")"
    same value 1 "$("$CHRONDB" at t300 n:0-1)"
    git -C .chrondb fsck --strict
}
