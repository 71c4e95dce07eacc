#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# After a write: the journal goes into a pack, and nobody waits for it.

load helper

packs() {
    "$CHRONDB" info | jq .packs
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
