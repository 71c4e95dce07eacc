#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# export, and that an import of it gives the same.

load helper

# All that must be the same in two databases.
facts() { # DB
    git "--git-dir=$1" log --first-parent --format='%T %ct' main
    "$CHRONDB" --db "$1" log | jq -c 'del(.commit)'
    "$CHRONDB" --db "$1" export --history | jq -c 'del(.commit)'
    "$CHRONDB" --db "$1" export
}

# Into an empty database and back.
round_trip() { # DB [COPY]
    local copy=${2:-copy}
    now 2030-01-01T00:00:00Z # behind all of them
    "$CHRONDB" --db "$1" export --history >history.ndjson
    "$CHRONDB" --db "$copy" import history.ndjson >/dev/null
    same facts "$(facts "$1")" "$(facts "$copy")"
    git "--git-dir=$copy" fsck --strict --no-dangling --no-progress
    # And it stays so.
    "$CHRONDB" --db "$copy" export --history | jq -c 'del(.commit)' >again
    jq -c 'del(.commit)' history.ndjson | diff - again
}

@test "documents in the order of their keys, byte for byte" {
    given put user:2 '{"b":  1.50, "a": "\u00e9\/"}'
    given put user:10 1e400
    given put config '"x"'
    printf '{\n  "n": 1\n}\n' | "$CHRONDB" put user:1 >/dev/null
    given put space ' [1]'
    try export
    prints '{"key":"config","value":"x"}
{"key":"space","value":[1],"text":" [1]"}
{"key":"user:1","value":{"n":1},"text":"{\n  \"n\": 1\n}\n"}
{"key":"user:10","value":1e400}
{"key":"user:2","value":{"b":  1.50, "a": "\u00e9\/"}}'
    local all=$output
    try export user:1
    prints '{"key":"user:1","value":{"n":1},"text":"{\n  \"n\": 1\n}\n"}
{"key":"user:10","value":1e400}'
    try export --format json config
    prints $'[\n{"key":"config","value":"x"}\n]'
    try export --format raw user:
    prints $'{"n":1}\n1e400\n{"b":1.50,"a":"\\u00e9\\/"}'
    try export --format text config
    prints $'KEY     VALUE\nconfig  "x"'
    try export nothing:
    prints ''
    # Into another database: the same tree.
    "$CHRONDB" --db copy import <<<"$all" >/dev/null
    same tree "$(git -C .chrondb rev-parse 'main^{tree}')" "$(git -C copy rev-parse 'main^{tree}')"
}

@test "a past state, and none" {
    given put a 1
    now 2026-11-21T11:00:00Z
    given put a 2
    given delete a
    try export --at 2026-11-21T10:30
    prints '{"key":"a","value":1}'
    try export --at 'a@{1}'
    prints '{"key":"a","value":2}'
    try export
    prints ''
    try export --format json
    prints '[]'
    try export --at 2000
    prints ''
    try --db nowhere export
    fails 6 "chrondb: no database at 'nowhere'"
    given --db empty init
    try --db empty export --history
    prints ''
}

@test "history: every change of every commit, the oldest first" {
    given put a 1 --author 'Ann <ann@x>'
    now 2026-11-21T11:00:00.25Z
    "$CHRONDB" batch -m two --meta k=v >/dev/null <<'END'
{"op":"put","key":"b:1","value":[1, 2]}
{"op":"delete","key":"a"}
END
    author=$("$CHRONDB" log --limit 1 | jq -r .author)
    try export --history
    prints '{"key":"a","op":"put","value":1,"time":"2026-11-21T10:00:00.000000000Z","author":"Ann <ann@x>","message":"put a","commit":"'"$(git -C .chrondb rev-parse main~1)"'"}
{"key":"a","op":"delete","time":"2026-11-21T11:00:00.250000000Z","author":"'"$author"'","message":"two","meta":{"k":"v"},"commit":"'"$(head_of)"'"}
{"key":"b:1","op":"put","value":[1, 2],"time":"2026-11-21T11:00:00.250000000Z","author":"'"$author"'","message":"two","meta":{"k":"v"},"commit":"'"$(head_of)"'"}'
    try export --history b
    same keys b:1 "$(jq -r .key <<<"$output")"
    try export --history --at 2026-11-21T10:30
    same keys a "$(jq -r .key <<<"$output")"
    try export --history --format raw
    prints $'1\n\n[1,2]'
}

@test "round trip: single writes, batches, deletes, restores, odd keys and documents" {
    local i
    for i in 1 2 3 4 5; do
        now 2026-11-21T10:00:0$i.$((i * 1111))Z
        given put user:$i "{\"i\": $i}" -m "line one
line two $i" --author "Nö <$i@x>" --meta "k=$i"
    done
    printf '{\r\n\t"x": "\x7f\\u0000"\r\n}\r\n' | "$CHRONDB" put 'odd: /%\"ä' >/dev/null
    seq 300 | jq -c '{op: "put", key: "many:\(.)", value: .}' | "$CHRONDB" batch --meta a=1 --meta a=2 --meta 'b==x' >/dev/null
    given delete user:1 user:2 many:5
    given restore user:1 --at main~1
    given restore --all --at main~2
    given put _:x '" "'
    given put a:1 1 --time 2026-11-21T10:00:05Z
    # Many in the same nanosecond, as it seems.
    for i in 1 2 3; do given put clock $i; done
    round_trip .chrondb
    [ "$(wc -l <history.ndjson)" -gt 300 ]
}

@test "round trip: a long history" {
    awk 'BEGIN {
        seed = 815; seconds = 1262304000
        for (n = 1; n <= 3000; n++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            r = int(seed / 65536)
            seconds += (r % 3) * 4000
            key = "pkg:" (int(r / 8) % 150)
            if (r % 13 == 3) printf "{\"key\":\"%s\",\"op\":\"delete\",\"time\":\"@%d\"}\n", key, seconds
            else printf "{\"key\":\"%s\",\"value\":{\"version\":\"%d-%d\"},\"time\":\"@%d\",\"author\":\"A%d <a@x>\"}\n", key, n, r % 7, seconds, r % 3
        }
    }' | "$CHRONDB" import --commit-each >/dev/null
    round_trip .chrondb
}

@test "round trip: commits of plain git" {
    given put user:1 1
    given put user:2 2
    git clone -q .chrondb work
    cd work
    export GIT_AUTHOR_DATE='2026-11-21T12:00:00 +0200' GIT_COMMITTER_DATE='2026-11-21T12:00:00 +0200'
    git config user.name 'Some One'
    git config user.email some@one
    echo '{"from": "git"}' >user/3.json
    git add -A
    git commit -qm 'by hand

with a body'
    git rm -q user/1.json
    git commit -qm 'gone'
    git commit -q --allow-empty -m 'nothing'
    git commit -q --allow-empty --allow-empty-message -m ''
    git checkout -q -b side HEAD~2
    echo '4' >user/4.json
    git add -A
    git commit -qm side
    git checkout -q main
    git merge -q --no-ff -m merged side
    git -c user.name= -c user.email=x commit -q --allow-empty --author='<>' -m 'no name' 2>/dev/null || true
    git push -q origin main
    cd ..
    given put user:5 5
    round_trip .chrondb
}

@test "a file of git's that is no JSON: null, with an error; import refuses it" {
    given put user:1 1
    git clone -q .chrondb work
    printf 'no JSON\033[31m\377' >work/user/2.json
    (cd work && git add -A && git -c user.name=x -c user.email=x@x commit -qm x && git push -q origin main)
    try export
    same status 0 "$status"
    same line '{"key":"user:2","value":null,"error":{"code":"invalid_json","message":' "$(sed -n 2p <<<"$output" | grep -o '^.*"message":')"
    [[ $stderr == "chrondb: warning: cannot show 'user:2': not valid JSON"* ]]
    try export --history
    same error '["user:2","put",null,"invalid_json"]' "$(tail -n1 <<<"$output" | jq -c '[.key, .op, .value, .error.code]')"
    "$CHRONDB" export -q >lines
    try --db copy import lines
    fails_like 4 "chrondb: cannot import line 2: *'error'*; nothing was imported"
    try --db copy import --skip-invalid -q lines
    same record '[1,1]' "$(jq -c '[.puts, .skipped]' <<<"$output")"
}

@test "control characters never reach a terminal" {
    given put 'user:1' '"\u001b[31m'$'\xc2\x9b''\u0007"' -m $'\e[31m'
    printf '{"a":\n"\xc2\x9b"}' | "$CHRONDB" put user:2 >/dev/null
    for options in '' --history '--format ndjson' '--format json' '--format text' '--format raw'; do
        # shellcheck disable=SC2086
        try_terminal export $options --color=never
        same status 0 "$status"
        ! has_controls <<<"$output" || { echo "in: $options"; return 1; }
    done
}

@test "a closed pipe ends it quietly" {
    seq 50000 | sed 's/.*/{"op":"put","key":"n:&","value":"some text to fill the pipe, & times"}/' | "$CHRONDB" batch >/dev/null
    run --separate-stderr bash -c '"$1" export | head -n 1; exit ${PIPESTATUS[0]}' bash "$CHRONDB"
    same status 141 "$status"
    same output '{"key":"n:1","value":"some text to fill the pipe, 1 times"}' "$output"
    same stderr '' "$stderr"
}
