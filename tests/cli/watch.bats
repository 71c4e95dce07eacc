#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb watch: changes as they happen.

load helper

git_db() {
    git -C .chrondb -c user.name=A -c user.email=a@b "$@"
}

# Start a watch in the background; it tells what comes behind the first commit. Output in out and err.
start() {
    given put start 0
    base=$(head_of)
    "$CHRONDB" watch --since "$base" "$@" >out 2>err 3>&- &
    watcher=$!
}

# Wait until there is so much in a file.
lines_in() { # COUNT FILE
    local i
    for ((i = 0; i < 400; i++)); do
        [ "$(wc -l <"$2")" -lt "$1" ] || return 0
        sleep 0.05
    done
    echo "only $(wc -l <"$2") lines in $2:"
    cat "$2" err
    return 1
}

# Wait for the end of the watch.
ends() { # STATUS
    local i result=0
    for ((i = 0; i < 400; i++)); do
        kill -0 "$watcher" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL "$watcher" 2>/dev/null && echo 'it does not end' && return 1
    wait "$watcher" || result=$?
    same 'exit status' "$1" "$result"
}

keys() {
    jq -r .key "${1:-out}"
}

@test "changes are told as they happen" {
    start
    given put user:1 '{"name": "Alice"}'
    first=$(head_of)
    lines_in 1 out
    given delete user:1
    second=$(head_of)
    lines_in 2 out
    given put start 1
    lines_in 3 out
    same changes '{"key":"user:1","op":"create","commit":"'$first'","time":"2026-11-21T10:00:00.000000001Z","value":{"name":"Alice"}}
{"key":"user:1","op":"delete","commit":"'$second'","time":"2026-11-21T10:00:00.000000002Z","value":null}
{"key":"start","op":"update","commit":"'$(head_of)'","time":"2026-11-21T10:00:00.000000003Z","value":1}' "$(cat out)"
    kill -TERM "$watcher"
    ends 143
    same 'standard error' '' "$(cat err)"
}

@test "a prefix, a table, a branch" {
    start -b side user: --limit 2
    given put user:1 1
    given branch side "$base"
    given put -b side order:1 1
    given put -b side user:2 1
    given put -b side user:3 1
    given put -b side user:4 1
    ends 0
    same keys $'user:2\nuser:3' "$(keys)"
    same warning "chrondb: warning: there is no branch 'side': it is waited for" "$(cat err)"
    try watch --since "$base" --once -b side --table order
    same key order:1 "$(member key)"
    try watch --since "$base" --once -b side --table ''
    same status 1 "$status"
}

@test "once: what came since, or the next commit" {
    given put k 1
    given put k 2
    given put l 1
    try watch --since main~2 --once --format raw
    prints $'k\nl'
    try watch --since main --once
    fails 1 ''
    try watch nothing: --since main~2 --once
    fails 1 ''
    # The next: however long it takes to be there, it tells one of the commits, whole.
    "$CHRONDB" watch --once >out 3>&- &
    watcher=$!
    for ((i = 0; i < 400; i++)); do
        kill -0 "$watcher" 2>/dev/null || break
        printf '{"op":"put","key":"%s","value":'$i'}\n' a b c | "$CHRONDB" batch >/dev/null
    done
    ends 0
    same keys $'a\nb\nc' "$(keys)"
    same commits 1 "$(jq -r .commit out | sort -u | wc -l)"
}

@test "limit" {
    given put k 1
    given put k 2
    try watch --since 2020 --limit 1
    same value 1 "$(member value)"
    try watch --since 2020 --limit 0
    prints ''
}

@test "exec: a command for each change, with the record on its standard input" {
    given put k '{ "a": 1 }'
    given put l 2
    try watch --since 2020 --once --exec 'cat; echo --'
    prints '{"key":"k","op":"create","commit":"'$(git_db rev-parse main~1)'","time":"2026-11-21T10:00:00.000000000Z","value":{"a":1}}
--
{"key":"l","op":"create","commit":"'$(head_of)'","time":"2026-11-21T10:00:00.000000001Z","value":2}
--'
    # It need not read it; and chrondb in it means the same database.
    mkdir elsewhere
    try watch --since 2020 --once --exec "cd elsewhere && '$CHRONDB' count --format raw"
    prints $'2\n2'
    try watch --since 2020 --once --exec cat --format raw
    prints $'k\nl'
    try watch --since 2020 --once --exec cat --format json
    same keys $'k\nl' "$(jq -r .key <<<"$output")"
}

@test "exec: a command that fails is told, and the watch goes on" {
    given put k 1
    given put l:1 2
    try watch --since 2020 --once --exec 'grep -q l:1'
    same status 1 "$status"
    same warning "chrondb: warning: the command for 'k' in commit $(git_db rev-parse main~1 | cut -c1-12) failed with status 1" "$stderr"
    try watch --since 2020 --limit 1 --exec 'kill -TERM $$'
    same status 1 "$status"
    [[ $stderr == *'was ended by signal 15' ]]
    try watch --since 2020 --limit 1 --exec no-such-command -q
    same status 1 "$status"
    [[ $stderr != *warning* ]]
    # It writes into a watch's own database, and the watch ends.
    try watch k --since 2020 --limit 2 --exec "'$CHRONDB' put k 5 >/dev/null"
    same status 0 "$status"
}

@test "a closed pipe ends it, also while nothing happens" {
    given put k 1
    "$CHRONDB" watch >fifo_out 2>err 3>&- &
    kill "$!"
    mkfifo pipe
    "$CHRONDB" watch >pipe 2>err 3>&- &
    watcher=$!
    exec 4<pipe
    sleep 0.2
    kill -0 "$watcher"
    exec 4<&-
    ends 141
    same 'standard error' '' "$(cat err)"
    # Between two records.
    run --separate-stderr bash -c "'$CHRONDB' watch --since 2020 --limit 5 | head -n1; echo \${PIPESTATUS[0]}" 
    same lines 2 "${#lines[@]}"
    same status 141 "${lines[1]}"
}

@test "an interrupt ends it" {
    start
    given put k 1
    lines_in 1 out
    kill -INT "$watcher" # a process in the background ignores it, and so does the watch
    given put k 2
    lines_in 2 out
    kill -TERM "$watcher"
    ends 143
}

@test "no database, and one that is removed" {
    try watch
    fails_like 6 'chrondb: no database at *'
    [ ! -e .chrondb ]
    start
    given put k 1
    lines_in 1 out
    rm -rf .chrondb
    ends 6
    same error "chrondb: the database at '$PWD/.chrondb' is gone" "$(cat err)"
    [ ! -e .chrondb ]
}

@test "what plain git does: pushes, force, packed refs, garbage collection" {
    start
    git clone -q .chrondb clone
    (
        cd clone
        git config user.name G
        git config user.email g@example.org
        mkdir user
        echo '{"by":"git"}' >user/9.json
        git add user
        git commit -qm one
        echo '{"by":"git again"}' >user/9.json
        git commit -qam two
        git push -q origin HEAD
    )
    lines_in 2 out
    same changes $'user:9 create\nuser:9 update' "$(jq -r '.key + " " + .op' out)"
    git_db pack-refs --all --prune
    git_db gc -q
    given gc
    given reindex
    given put k 1
    lines_in 3 out
    git_db update-ref refs/heads/main "$base"
    lines_in 5 out
    same changes $'k delete\nuser:9 delete' "$(tail -n2 out | jq -r '.key + " " + .op')"
    kill "$watcher"
    ends 143
}

@test "a quiet watch keeps no file that was removed" {
    removed() {
        cat "/proc/$watcher/maps" | grep -F "$PWD" | grep deleted || :
        ls -l "/proc/$watcher/fd" | grep -F "$PWD" | grep deleted || :
    }
    seq 700 | sed 's/.*/{"key":"t:&","value":&}/' | "$CHRONDB" import --commit-each >/dev/null
    given put t:1 2
    start --since 2020
    lines_in 702 out
    [ -d "/proc/$watcher/fd" ] || skip 'no /proc'
    given gc
    given put k 1
    given gc
    given reindex
    given put k 2
    lines_in 704 out
    for ((i = 0; i < 400; i++)); do
        [ -n "$(removed)" ] || break
        sleep 0.05
    done
    same removed '' "$(removed)"
    kill "$watcher"
    ends 143
}

@test "formats" {
    given put k '{"a":[1,2]}'
    given put l 1
    try watch --since 2020 --once --format json
    same keys '["k","l"]' "$(jq -c 'map(.key)' <<<"$output")"
    try watch --since 2020 --once --format text
    same header 'KEY  OP      COMMIT        TIME                            VALUE' "${lines[0]}"
    same rows 3 "${#lines[@]}"
    start --format text --limit 1
    lines_in 0 out
    given put m 1
    ends 0
    same row m "$(tail -n1 out | cut -d' ' -f1)"
}

@test "a full disk" {
    given put k 1
    run --separate-stderr bash -c "'$CHRONDB' watch --since 2020 >/dev/full"
    fails 8 'chrondb: cannot write to standard output: No space left on device'
}

@test "a commit of many changes" {
    start --format raw
    seq 3000 | sed 's/.*/{"key":"t:&","value":&}/' | "$CHRONDB" import >/dev/null
    lines_in 3000 out
    same keys "$(seq 3000 | sed 's/^/t:/' | LC_ALL=C sort | cksum)" "$(cksum <out)"
    kill "$watcher"
    ends 143
}
