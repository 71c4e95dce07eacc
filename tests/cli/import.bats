#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# import: many lines, whole commits, and what happens to bad ones.

load helper

# lines FIRST LAST: documents n:FIRST .. n:LAST
lines() {
    seq "$1" "$2" | sed 's/.*/{"key":"n:&","value":{"n":&}}/'
}

commits() {
    git "--git-dir=${1:-.chrondb}" rev-list --count main
}

sound() {
    git "--git-dir=${1:-.chrondb}" fsck --strict --no-dangling --no-progress
}

# Members of the record on standard output, without the head.
record() {
    jq -c 'del(.head)' <<<"$output"
}

# Wait until a command succeeds.
until_true() {
    local i
    for ((i = 0; i < 200; i++)); do
        "$@" && return 0
        sleep 0.05
    done
    return 1
}

@test "all lines are one commit" {
    try import <<'END'
{"key":"user:1","value":{"name": "Alice", "credit": 10.50}}
{"value":"a lone one","key":"config"}
{"op":"put","key":"user:2","value":[ ]}
END
    prints "{\"lines\":3,\"commits\":1,\"puts\":3,\"deletes\":0,\"skipped\":0,\"head\":\"$(head_of)\"}"
    same commits 1 "$(commits)"
    try get user:1
    prints '{"name": "Alice", "credit": 10.50}'
    try get user:2
    prints '[ ]'
    try log
    same message 'put 3' "$(member message)"
    same time 2026-11-21T10:00:00.000000000Z "$(member time)"
    sound
    try import --one-commit <<<'{"key":"x","value":1}' -m 'by hand' --author 'Bob <bob@example.org>' --meta a=1 --meta b=2
    same status 0 "$status"
    try log --limit 1
    same facts '["by hand","Bob <bob@example.org>",{"a":"1","b":"2"}]' "$(jq -c '[.message, .author, .meta]' <<<"$output")"
}

@test "the same tree as by batch, whatever the way" {
    lines 1 3000 >plain
    jq -c '{key: "odd \(.key)/ä:\u0001", value: .key}' plain | cat plain - >in
    jq -c '. + {op: "put"}' in | "$CHRONDB" --db batch batch >/dev/null
    "$CHRONDB" --db one import in >/dev/null
    shuf --random-source=in in | "$CHRONDB" --db each import --commit-each >/dev/null
    "$CHRONDB" --db every import --commit-every 700 in >/dev/null
    for db in one each every; do
        same "tree of $db" "$(git -C batch rev-parse 'main^{tree}')" "$(git -C $db rev-parse 'main^{tree}')"
        sound $db
    done
    same commits '1 6000 9' "$(commits one) $(commits each) $(commits every)"
}

@test "a commit for each line, with its time" {
    try import --commit-each <<'END'
{"key":"a","value":1,"time":"2020-01-01T00:00:00Z","author":"Ann <ann@x>","message":"first"}
{"key":"b","value":1,"time":"2020-01-01","meta":{"n":"1"}}
{"key":"a","value":2,"time":"2020-06-01T12:00+02:00","meta":["n=2","n=3"]}
{"key":"a","op":"delete","time":"@1600000000"}
{"key":"gone","op":"delete","time":"2020-12-31"}
{"key":"b","value":1,"time":"2020-12-31"}
{"op":"none","message":"only said","time":"2021"}
{"key":"c","value":null}
END
    same record '{"lines":8,"commits":6,"puts":4,"deletes":1,"skipped":0}' "$(record)"
    same times '2020-01-01T00:00:00.000000000Z first
2020-01-01T00:00:00.000000001Z put b
2020-06-01T10:00:00.000000000Z put a
2020-09-13T12:26:40.000000000Z delete a
2021-01-01T00:00:00.000000000Z only said
2026-11-21T10:00:00.000000000Z put c' "$("$CHRONDB" log --reverse | jq -r '.time + " " + .message')"
    same author 'Ann <ann@x>' "$("$CHRONDB" log --reverse | head -n1 | jq -r .author)"
    same metas '[{"n":"1"},{"n":"3"}]' "$("$CHRONDB" log --reverse | jq -sc '[.[].meta | select(.)]')"
    try list --at 2020-03
    prints $'{"key":"a","value":1}\n{"key":"b","value":1}'
    sound
}

@test "lines of one commit" {
    try import <<'END'
{"key":"a","value":1,"commit":"x","time":"2020-01-01","message":"one"}
{"key":"b","value":1,"commit":"x","time":"2020-01-02","message":"two"}
{"key":"a","value":2,"commit":"y","time":"2020-01-03"}
{"key":"c","value":1}
{"key":"d","value":1}
END
    same record '{"lines":5,"commits":3,"puts":5,"deletes":0,"skipped":0}' "$(record)"
    same log '2020-01-02 two|2020-01-03 put a|2026-11-21 put 2' "$("$CHRONDB" log --reverse | jq -r '.time[:10] + " " + .message' | paste -sd'|')"
    try --db each import --commit-each <<'END'
{"key":"a","value":1,"commit":"x"}
{"key":"b","value":1,"commit":"x"}
{"key":"c","value":1}
{"key":"d","value":1}
END
    same record '{"lines":4,"commits":3,"puts":4,"deletes":0,"skipped":0}' "$(record)"
    try --db one import --one-commit <<'END'
{"key":"a","value":1,"commit":"x"}
{"key":"a","value":2,"commit":"y"}
END
    same record '{"lines":2,"commits":1,"puts":2,"deletes":0,"skipped":0}' "$(record)"
    try --db one get a
    prints 2
}

@test "a commit for every N lines" {
    lines 1 25 >in
    try import --commit-every 10 in
    same record '{"lines":25,"commits":3,"puts":25,"deletes":0,"skipped":0}' "$(record)"
    same changes '10 10 5' "$("$CHRONDB" log --reverse | jq '.changes | length' | paste -sd' ')"
}

@test "usage" {
    try import --one-commit --commit-each
    fails 2 'chrondb: --one-commit, --commit-every and --commit-each exclude each other'
    try import --commit-every 0
    fails 2 'chrondb: --commit-every wants at least one line'
    try import --commit-every x
    fails 2 "chrondb: --commit-every wants a number, not 'x'"
    try import nowhere
    fails 8 "chrondb: cannot open 'nowhere': No such file or directory"
    try import a b
    fails_like 2 'chrondb: import takes fewer arguments*'
    [ ! -e .chrondb ]
    try import .
    fails_like 8 "chrondb: cannot read '.': Is a directory*"
    try import --author nobody <<<'{"key":"a","value":1}'
    fails 2 "chrondb: malformed author 'nobody': expected 'NAME <MAIL>'"
    try -b other import <<<'{"key":"a","value":1}'
    same status 0 "$status"
    same branch 1 "$(git --git-dir=.chrondb rev-list --count other)"
}

@test "nothing to do" {
    try import </dev/null
    prints '{"lines":0,"commits":0,"puts":0,"deletes":0,"skipped":0,"head":null}'
    given put a 1
    try import --commit-each <<<'{"key":"a","value":1}'
    prints "{\"lines\":1,\"commits\":0,\"puts\":0,\"deletes\":0,\"skipped\":0,\"head\":\"$(head_of)\"}"
    same commits 1 "$(commits)"
    try import --format raw </dev/null
    prints "$(head_of)"
}

@test "line ends, empty lines, a byte order mark" {
    printf '\xef\xbb\xbf{"key":"a","value":1}\r\n\r\n  \n\n{"key":"b","value":{"x": [1,\t2]}}\r\n\n{"key":"c","value":3}' >in
    try import in
    same record '{"lines":3,"commits":1,"puts":3,"deletes":0,"skipped":0}' "$(record)"
    try get b
    prints $'{"x": [1,\t2]}'
    try import - <in
    same record '{"lines":3,"commits":0,"puts":0,"deletes":0,"skipped":0}' "$(record)"
    # A mark is one at the start of a file only.
    printf '{"key":"a","value":1}\n\xef\xbb\xbf{"key":"b","value":2}\n' >in
    try import in
    fails_like 4 'chrondb: cannot import line 2: not valid JSON at column 1*'
}

@test "text: the document byte for byte" {
    try import <<'END'
{"key":"a","value":{"a":1},"text":"{\"a\":\n\t1\r\n}\n"}
{"key":"b","text":" \"\\u0007\u007f\" "}
END
    same status 0 "$status"
    printf '{"a":\n\t1\r\n}\n' >expected
    "$CHRONDB" get a --format raw | cmp expected
    same b ' "\u0007'$'\x7f''" ' "$(git -C .chrondb show main:_/b.json)"
    try import <<<'{"key":"a","text":"{"}'
    fails_like 4 'chrondb: cannot import line 1: "text" is no document: not valid JSON at *; nothing was imported'
}

@test "a bad line: its number; whole commits before it stay" {
    { lines 1 16; echo '{"key":"n:17","value":}'; lines 18 20; } >in
    try import --commit-each in
    fails_like 4 'chrondb: cannot import line 17: not valid JSON at column 23: *; 16 lines were imported before it; correct it and run the same import again'
    same commits 16 "$(commits)"
    sed -i '17s/:}/:{"n":17}}/' in
    try import --commit-each in
    same record '{"lines":4,"resumed":16,"commits":4,"puts":4,"deletes":0,"skipped":0}' "$(record)"
    same commits 20 "$(commits)"
    # Done is done: the same again is another import.
    try import --commit-each in
    same record '{"lines":20,"commits":0,"puts":0,"deletes":0,"skipped":0}' "$(record)"
    sound
}

@test "a bad line with a commit for every N lines, and with one commit" {
    { lines 1 16; echo '{"key":"n:17"}'; lines 18 20; } >in
    try import --commit-every 5 in
    fails 4 'chrondb: cannot import line 17: not a line to import: "value" is missing; 15 lines were imported before it; correct it and run the same import again'
    same commits 3 "$(commits)"
    for mode in '' --one-commit; do
        try --db one$mode import $mode in
        fails 4 'chrondb: cannot import line 17: not a line to import: "value" is missing; nothing was imported'
        same documents 0 "$("$CHRONDB" --db one$mode count --format raw)"
    done
    sed -i '17s/.*/{"key":"n:17","value":{"n":17}}/' in
    try import --commit-every 5 in
    same record '{"lines":5,"resumed":15,"commits":1,"puts":5,"deletes":0,"skipped":0}' "$(record)"
}

@test "what may be wrong with a line" {
    local line
    while IFS='|' read -r line message; do
        try --db db import --commit-each <<<$'{"key":"ok","value":1}\n'"$line"
        fails_like 4 "chrondb: cannot import line 2: $message; 1 line was imported before it; correct it and run the same import again" || { echo "$line"; return 1; }
        rm -r db
    done <<'END'
[]|not a line to import: it must be a JSON object
{"key":1,"value":1}|not a line to import: "key" must be a string
{"value":1}|not a line to import: "key" is missing
{"key":"a","value":1,"valeu":2}|not a line to import: unknown member 'valeu'
{"key":"a:","value":1}|malformed key 'a:': the id behind ':' is empty
{"key":"a","value":1,"op":"patch"}|not a line to import: "op" must be*
{"key":"a","value":1,"op":"delete"}|*"value"*
{"key":"a","op":"none"}|*"key"*
{"key":"a","value":1,"time":"2 days ago"}|*'2 days ago'*
{"key":"a","value":1,"time":"never"}|*'never'*
{"key":"a","value":1,"author":"x"}|*
{"key":"a","value":1,"meta":{"a":1}}|*"meta"*
{"key":"a","value":1} 2|not valid JSON at column *
{"key":"a","value":01}|not valid JSON at column *
END
    try --format json import <<<$'\n\n{"key":"a","value":}'
    same status 4 "$status"
    same error '["invalid_json",3,20]' "$(jq -c '.error | [.code, .line, .column]' <<<"$stderr")"
    try --format json import <<<'{"key":"a:","value":1}'
    same error '["invalid_key",1]' "$(jq -c '.error | [.code, .line]' <<<"$stderr")"
}

@test "--skip-invalid: told, and counted" {
    { lines 1 5; seq 12 | sed 's/.*/bad &/'; printf '{"key":"esc\x1b","value":1}\n'; lines 6 8; } >in
    try import --skip-invalid --commit-each in
    same status 0 "$status"
    same record '{"lines":8,"commits":8,"puts":8,"deletes":0,"skipped":13}' "$(record)"
    same 'lines of stderr' 11 "$(wc -l <<<"$stderr")"
    [[ $stderr == 'chrondb: warning: cannot import line 6: not valid JSON at column 1: '* ]]
    same last 'chrondb: warning: 13 lines were skipped, of which the first 10 are told' "${stderr##*$'\n'}"
    try --db quiet import --skip-invalid --one-commit --quiet in
    same record '{"lines":8,"commits":1,"puts":8,"deletes":0,"skipped":13}' "$(record)"
    same stderr '' "$stderr"
    same tree "$(git -C quiet rev-parse 'main^{tree}')" "$(git -C .chrondb rev-parse 'main^{tree}')"
    # Resuming counts as it did the first time.
    mkfifo pipe
    env --default-signal=INT "$CHRONDB" --db resumed import --skip-invalid -q --commit-each <pipe >out 2>&1 &
    local pid=$! status=0
    exec 4>pipe
    head -n 12 in >&4
    sleep 0.3
    kill -INT $pid
    wait $pid || status=$?
    exec 4>&-
    try --db resumed import --skip-invalid -q --commit-each in
    same record '{"lines":3,"resumed":5,"commits":3,"puts":3,"deletes":0,"skipped":13}' "$(record)"
}

@test "large lines, and too large ones" {
    # A document of 20 MB; one that is larger than a document may be; a line that is larger than any may be.
    large_line() { # KEY SIZE
        printf '{"key":"%s","value":"' "$1"
        head -c "$2" /dev/zero | tr '\0' x
        printf '"}\n'
    }
    try import --skip-invalid < <(
        large_line large 20000000
        large_line huge 68000000
        large_line endless 480000000
        echo '{"key":"last","value":1}'
    )
    same record '{"lines":2,"commits":1,"puts":2,"deletes":0,"skipped":2}' "$(record)"
    same line2 'chrondb: warning: cannot import line 3: it is longer than 448 MiB' "$(sed -n 2p <<<"$stderr")"
    [[ $(sed -n 1p <<<"$stderr") == 'chrondb: warning: cannot import line 2: '*'large'* ]]
    same size 20000002 "$("$CHRONDB" get large --format raw | head -c -1 | wc -c)"
}

@test "time does not run backwards, nor into the future" {
    given put a 1
    try import <<<'{"key":"b","value":1,"time":"2020-01-01"}'
    fails_like 4 'chrondb: cannot import line 1: *2020-01-01*; nothing was imported'
    try import <<<'{"key":"b","value":1,"time":"2027-01-01"}'
    fails_like 4 'chrondb: cannot import line 1: *; nothing was imported'
    try import --force <<<'{"key":"b","value":1,"time":"2020-01-01"}'
    same status 0 "$status"
    same time 2026-11-21T10:00:00.000000001Z "$("$CHRONDB" log --limit 1 | jq -r .time)"
    try --db other import --commit-each <<'END'
{"key":"b","value":1,"time":"2020-01-02"}
{"key":"b","value":2,"time":"2020-01-01"}
END
    fails_like 4 'chrondb: cannot import line 2: *; 1 line was imported before it; *'
    # The same second is no step back.
    try --db third import --commit-each <<'END'
{"key":"b","value":1,"time":"2020-01-02T00:00:00.9Z"}
{"key":"b","value":2,"time":"2020-01-02T00:00:00.1Z"}
END
    same status 0 "$status"
}

@test "no lock is held while lines come in, and what others write stays" {
    given put a 1
    mkfifo slow
    "$CHRONDB" import --commit-each <slow >out &
    exec 4>slow
    lines 1 5 >&4
    try put b 2 --lock-timeout 0
    same status 0 "$status"
    lines 6 10 >&4
    try put n:3 '"mine"' --lock-timeout 0
    same status 0 "$status"
    exec 4>&-
    wait $!
    same puts 10 "$(jq .puts out)"
    same documents 12 "$("$CHRONDB" count --format raw)"
    sound
}

@test "interrupted: whole commits stay, and the same import goes on" {
    local signal pid status
    mkfifo pipe
    for signal in INT TERM; do
        status=0
        # A shell lets its background jobs ignore Ctrl-C; this one does not.
        env --default-signal=INT "$CHRONDB" --db $signal import --commit-each <pipe >out 2>err &
        pid=$!
        exec 4>pipe
        lines 1 1000 >&4
        sleep 0.5
        kill -$signal $pid
        wait $pid || status=$?
        exec 4>&-
        same status $((128 + $(kill -l $signal))) "$status"
        same stdout '' "$(cat out)"
        same stderr 'chrondb: interrupted; 1000 lines were imported before it; run the same import again to go on' "$(cat err)"
        same commits 1000 "$(commits $signal)"
        sound $signal
        lines 1 1500 >in
        try --db $signal import --commit-each in
        same record '{"lines":500,"resumed":1000,"commits":500,"puts":500,"deletes":0,"skipped":0}' "$(record)"
        same commits 1500 "$(commits $signal)"
    done
    # Whatever was cut: the same history as of one undisturbed import.
    given --db whole import --commit-each in
    same trees "$(git --git-dir=whole log --format=%T%n%s main)" "$(git --git-dir=INT log --format=%T%n%s main)"
}

@test "interrupted in one commit: nothing was imported" {
    mkfifo pipe
    env --default-signal=INT "$CHRONDB" import <pipe >out 2>err &
    local pid=$! status=0
    exec 4>pipe
    lines 1 100 >&4
    sleep 0.3
    kill -INT $pid
    wait $pid || status=$?
    exec 4>&-
    same status 130 "$status"
    same stderr 'chrondb: interrupted; nothing was imported' "$(cat err)"
    same documents 0 "$("$CHRONDB" count --format raw)"
}

@test "killed: the same import goes on" {
    lines 1 20000 >in
    local i
    export CHRONDB_TEST_WINDOW_MS=50
    for i in 1 2 3; do
        "$CHRONDB" import --commit-each in >/dev/null &
        sleep 0.$((i + 1))
        kill -KILL $! 2>/dev/null || true
        wait $! || true
    done
    try import --commit-each in
    same status 0 "$status"
    same commits 20000 "$(commits)"
    sound
    given --db whole import --commit-each in
    same tree "$(git -C whole rev-parse 'main^{tree}')" "$(git -C .chrondb rev-parse 'main^{tree}')"
}

@test "other lines than those of the import that ended too early" {
    { lines 1 10; echo bad; } >in
    try import --commit-each in
    same status 4 "$status"
    { lines 1 1; lines 102 120; } >other
    try import --commit-each other
    fails_like 3 'chrondb: an import of this kind was interrupted after 10 lines*--restart*'
    try import --commit-each <<<'{"key":"n:1","value":{"n":1}}'
    fails_like 3 'chrondb: an import of this kind was interrupted after 10 lines*--restart*'
    same documents 10 "$("$CHRONDB" count --format raw)"
    try import --commit-each --restart other
    same record '{"lines":20,"commits":19,"puts":19,"deletes":0,"skipped":0}' "$(record)"
    same documents 29 "$("$CHRONDB" count --format raw)"
    # With another first line it is another import.
    sed -i '20s/.*/bad/' other
    try import --commit-each other
    same status 4 "$status"
    lines 201 210 >third
    try import --commit-each third
    same record '{"lines":10,"commits":10,"puts":10,"deletes":0,"skipped":0}' "$(record)"
}

@test "progress" {
    mkfifo pipe
    for option in --progress --no-progress; do
        "$CHRONDB" import $option <pipe >/dev/null 2>err &
        exec 4>pipe
        lines 1 10 >&4
        sleep 0.7
        lines 11 20 >&4
        exec 4>&-
        wait $!
        same "$option" "$([ $option = --progress ] && echo 1 || echo 0)" "$(grep -c ' lines, .* (.*/s)' err || true)"
    done
}

@test "a history of dated versions, from any order of modes, answers alike" {
    awk 'BEGIN {
        seed = 4711; seconds = 1262304000
        for (n = 1; n <= 400; n++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            r = int(seed / 65536)
            seconds += (r % 5) * 40000
            key = "pkg:" (int(r / 16) % 12)
            if (r % 11 == 3) printf "{\"key\":\"%s\",\"op\":\"delete\",\"time\":\"@%d\"}\n", key, seconds
            else printf "{\"key\":\"%s\",\"value\":{\"version\":\"%d-%d\"},\"time\":\"@%d\"}\n", key, n, r % 7, seconds
        }
    }' >in
    given import --commit-each in
    # The same by single writes.
    jq -r '[.time, .key, (.value // null | tojson)] | @tsv' in | while IFS=$'\t' read -r time key value; do
        if [ "$value" = null ]; then
            "$CHRONDB" --db single delete "$key" --if-exists --time "$time" 
        else
            "$CHRONDB" --db single put "$key" "$value" --time "$time"
        fi || return 1
    done >/dev/null
    same trees "$(git --git-dir=single log --format='%T %ct %s' main)" "$(git --git-dir=.chrondb log --format='%T %ct %s' main)"
    same logs "$("$CHRONDB" --db single log | jq -c 'del(.commit)')" "$("$CHRONDB" log | jq -c 'del(.commit)')"
    same history "$("$CHRONDB" --db single history pkg:3 | jq -c 'del(.commit)')" "$("$CHRONDB" history pkg:3 | jq -c 'del(.commit)')"
    sound
}
