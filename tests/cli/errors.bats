#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every exit status, in words and as JSON.

load helper

error_code() {
    jq -r .error.code <<<"$stderr"
}

teardown() {
    [ -z "$holder" ] || kill "$holder" 2>/dev/null || true
}

hold_lock() {
    local program=${CHRONDB_TEST_BIN_DIR:-$BATS_FILE_TMPDIR}/hold_lock
    [ -x "$program" ] || "${CC:-cc}" -D_GNU_SOURCE -o "$program" "$BATS_TEST_DIRNAME/hold_lock.c"
    "$program" .chrondb/chrondb/lock "$BATS_TEST_TMPDIR/locked" 3>&- &
    holder=$!
    while [ ! -e "$BATS_TEST_TMPDIR/locked" ]; do
        kill -0 "$holder"
        sleep 0.01
    done
}

@test "1: the answer is no" {
    given put k 1
    try get other
    fails 1 "chrondb: cannot get 'other': not found"
    try --format ndjson get other
    fails 1 "{\"error\":{\"code\":\"not_found\",\"message\":\"cannot get 'other': not found\",\"key\":\"other\"}}"
    try --format text get other
    fails 1 "chrondb: cannot get 'other': not found"
}

@test "2: usage" {
    try --format json list --nonsense
    [ "$status" -eq 2 ]
    same code usage "$(error_code)"
}

@test "3: a conflict" {
    given put k 1
    try --format json put k 2 --if-absent
    [ "$status" -eq 3 ]
    same code conflict "$(error_code)"
    same current "$(head_of)" "$(jq -r .error.current <<<"$stderr")"
}

@test "4: not a document" {
    try --format json put k '{'
    [ "$status" -eq 4 ]
    same code invalid_json "$(error_code)"
}

@test "5: busy" {
    given put k 1
    hold_lock
    try put k 2 --lock-timeout 0
    fails_like 5 'chrondb: *'
    try --format json put k 2 --lock-timeout 0.05
    [ "$status" -eq 5 ]
    same code busy "$(error_code)"
    # Readers do not mind.
    try get k
    prints 1
    kill "$holder"
    wait "$holder" || true
    try put k 2 --lock-timeout 5
    [ "$status" -eq 0 ]
}

@test "6: no database, or something else" {
    try --format json get k
    [ "$status" -eq 6 ]
    same code no_database "$(error_code)"
    same path "$PWD/.chrondb" "$(realpath -m "$(jq -r .error.path <<<"$stderr")")"
    mkdir other
    touch other/file
    try --format json --db other put k 1
    [ "$status" -eq 6 ]
    same code not_a_database "$(error_code)"
}

@test "7: damaged data, and which object" {
    given put k 1
    # A commit of another tool's, whose document is not there.
    local blob tree commit
    blob=1234567890123456789012345678901234567890
    tree=$(printf '100644 blob %s\tbad.json\n' $blob | git -C .chrondb mktree --missing)
    tree=$(printf '040000 tree %s\t_\n' "$tree" | git -C .chrondb mktree)
    commit=$(git -C .chrondb -c user.name=x -c user.email=x@y commit-tree -p HEAD -m bad "$tree")
    git -C .chrondb update-ref refs/heads/main "$commit"
    try get bad
    fails_like 7 "chrondb: cannot get 'bad': *$blob*"
    try --format json get bad
    [ "$status" -eq 7 ]
    same key bad "$(jq -r .error.key <<<"$stderr")"
}

@test "a stored file that is no JSON is told, and ends nothing" {
    given put k 1
    local blob tree commit
    blob=$(echo 'not json' | git -C .chrondb hash-object -w --stdin)
    tree=$(printf '100644 blob %s\tbad.json\n' "$blob" | git -C .chrondb mktree)
    tree=$(printf '040000 tree %s\t_\n' "$tree" | git -C .chrondb mktree)
    commit=$(git -C .chrondb -c user.name=x -c user.email=x@y commit-tree -p HEAD -m bad "$tree")
    git -C .chrondb update-ref refs/heads/main "$commit"
    try list
    same 'exit status' 0 "$status"
    same value null "$(jq -c .value <<<"$output")"
    same error invalid_json "$(jq -r .error.code <<<"$output")"
    [[ $stderr == "chrondb: warning: cannot show 'bad': not valid JSON"* ]]
}

@test "8: the system fails" {
    given put k 1
    run --separate-stderr sh -c '"$@" >/dev/full' sh "$CHRONDB" --format json get k
    [ "$status" -eq 8 ]
    same code no_space "$(error_code)"
    try --format json put k @/nowhere/file
    [ "$status" -eq 8 ]
    same error '["io_error","k","/nowhere/file"]' "$(jq -c '.error|[.code,.key,.path]' <<<"$stderr")"
}

@test "8: no permission" {
    [ "$(id -u)" -ne 0 ] || skip 'root may do everything'
    mkdir closed
    chmod 555 closed
    try -C closed --format json put k 1
    [ "$status" -eq 8 ]
    same code permission_denied "$(error_code)"
}

@test "what was done on the side is told with -v only" {
    for db in one two; do
        given --db $db put k 1
        CHRONDB_TEST_FAULT=journal-synced run "$CHRONDB" --db $db put k 2
        [ "$status" -eq 137 ]
    done
    try --db one get k
    prints 2
    try -v --db two get k
    same note 'chrondb: note: finished the last write of a process that died' "$stderr"
    same document 2 "$output"
}

@test "errors are one line, whatever the data" {
    try put $'a\nb\x1b' '{'
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    run ! grep -qP '\x1b' <<<"$stderr"
}
