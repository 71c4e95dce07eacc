#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# merge: by key, and inside of documents by field.

load helper

# A branch from the head of main (or $2).
branch() {
    git --git-dir=.chrondb update-ref "refs/heads/$1" "${2:-main}"
}

# put BRANCH KEY VALUE
put() {
    given -b "$1" put "$2" "$3"
}

value() { # BRANCH KEY
    "$CHRONDB" -b "$1" get "$2"
}

# The members of the one record that was printed: "merged 1 0 2" (puts, deletes, conflicts).
outcome() {
    jq -r '"\(.status) \(.puts) \(.deletes) \(.conflicts)"' <<<"$output"
}

commit_of() {
    git --git-dir=.chrondb rev-parse "$1"
}

parents() {
    git --git-dir=.chrondb rev-list --parents -1 "${1:-main}" | wc -w
}

# main and topic, which parted behind u:1 and u:2.
fork() {
    put main u:1 '{"name": "Ann", "age": 30, "home": {"city": "Rome", "zip": "1"}, "tags": ["a"]}'
    put main u:2 '{"n":1}'
    branch topic
}

@test "what each side changed is there afterwards, field by field" {
    fork
    put topic u:1 '{"name": "Ann", "age": 31, "home": {"city": "Rome", "zip": "2"}, "tags": ["a"]}'
    put topic u:3 3
    given -b topic delete u:2
    put main u:1 '{"name": "Anna", "age": 30, "home": {"city": "Oslo", "zip": "1"}, "tags": ["a"]}'
    put main x 1
    now 2026-11-21T11:00:00Z
    try merge topic
    same 'exit status' 0 "$status"
    same outcome 'merged 2 1 0' "$(outcome)"
    same members 'commit time status puts deletes conflicts' "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")"
    same commit "$(commit_of main)" "$(jq -r .commit <<<"$output")"
    same time '2026-11-21T11:00:00.000000000Z' "$(jq -r .time <<<"$output")"
    same document '{"name": "Anna", "age": 31, "home": {"city": "Oslo", "zip": "2"}, "tags": ["a"]}' "$(value main u:1)"
    same keys 'u:1 u:3 x' "$("$CHRONDB" list --keys --format raw | paste -sd' ')"
    same parents "$(commit_of main~1) $(commit_of topic)" "$(git --git-dir=.chrondb log -1 --format=%P main)"
    same message 'merge topic' "$(git --git-dir=.chrondb log -1 --format=%s main)"
    git --git-dir=.chrondb fsck --strict
}

@test "the branch goes forward where its past stays as it was, and only there" {
    fork
    put topic u:2 2
    try merge topic
    same outcome 'fast-forward 1 0 0' "$(outcome)"
    same head "$(commit_of topic)" "$(commit_of main)"
    try merge topic
    prints '{"commit":null,"time":null,"status":"unchanged","puts":0,"deletes":0,"conflicts":0}'
    # A merge on the other side has our head as its second parent: what we had is not its past.
    put main a 1
    put topic b 1
    given -b topic merge main
    before=$(commit_of main)
    try merge topic
    same outcome 'merged 1 0 0' "$(outcome)"
    same 'first parent' "$before" "$(commit_of main^1)"
    # Both have all there is: no commit, however often.
    for _ in 1 2; do
        try -b topic merge main
        same outcome 'unchanged 0 0 0' "$(outcome)"
        try merge topic
        same outcome 'unchanged 0 0 0' "$(outcome)"
    done
    same trees "$(commit_of 'main^{tree}')" "$(commit_of 'topic^{tree}')"
}

@test "--no-ff makes a commit" {
    fork
    put topic u:2 2
    try merge topic --no-ff -m 'all of topic' --meta ticket=7 --author 'Ann <ann@example.org>'
    same outcome 'merged 1 0 0' "$(outcome)"
    same parents 3 "$(parents)"
    same tree "$(commit_of 'topic^{tree}')" "$(commit_of 'main^{tree}')"
    same log '{"author":"Ann <ann@example.org>","message":"all of topic","meta":{"ticket":"7"}}' \
        "$("$CHRONDB" log --limit 1 | jq -c '{author,message,meta}')"
}

@test "into an empty database, and from a tag, a commit, --into a branch" {
    fork
    put topic u:2 2
    git --git-dir=.chrondb tag v1 topic
    put topic u:2 3
    try merge v1 --into main
    same outcome 'fast-forward 1 0 0' "$(outcome)"
    same value 2 "$(value main u:2)"
    try --branch main merge "$(commit_of topic)"
    same value 3 "$(value main u:2)"
    put main k 1
    try merge main --into topic
    same outcome 'fast-forward 1 0 0' "$(outcome)"
    same value 1 "$(value topic k)"
    git --git-dir=.chrondb symbolic-ref HEAD refs/heads/new
    try merge topic
    same outcome 'fast-forward 3 0 0' "$(outcome)"
    same value 1 "$(value new k)"
}

@test "conflicts are records, and nothing is written" {
    fork
    put topic u:1 '{"name": "Ann", "age": 31, "home": {"city": "Paris"}, "tags": ["a", "b"], "x/~": null}'
    given -b topic delete u:2
    put topic new 1
    put main u:1 '{"name": "Ann", "age": 32, "home": {"city": "Oslo", "zip": "1"}, "tags": ["c"], "x/~": 0}'
    put main u:2 '{"n":2}'
    put main new 2
    before=$(commit_of main)
    try merge topic
    same 'exit status' 3 "$status"
    same records '{"key":"new","path":"","base":null,"ours":2,"theirs":1}
{"key":"u:1","path":"/age","base":30,"ours":32,"theirs":31}
{"key":"u:1","path":"/home/city","base":"Rome","ours":"Oslo","theirs":"Paris"}
{"key":"u:1","path":"/tags","base":["a"],"ours":["c"],"theirs":["a","b"]}
{"key":"u:1","path":"/x~1~0","base":null,"ours":0,"theirs":null}
{"key":"u:2","path":"","base":{"n":1},"ours":{"n":2},"theirs":null,"deleted":"theirs"}' "$output"
    same message "chrondb: cannot merge 'topic': 6 conflicts; nothing was written (decide with --resolve FILE, or by --strategy ours, theirs or newest)" "$stderr"
    same head "$before" "$(commit_of main)"
    try merge topic --format json
    same 'exit status' 3 "$status"
    same number 6 "$(jq length <<<"$output")"
    same code merge_conflict "$(jq -r .error.code <<<"$stderr")"
    try merge topic --dry-run
    same 'exit status' 3 "$status"
    # The other way round there are the same ones.
    try -b topic merge main --dry-run
    same places 'new ,u:1 /age,u:1 /home/city,u:1 /tags,u:1 /x~1~0,u:2 ' \
        "$(jq -r '"\(.key) \(.path)"' <<<"$output" | sort | paste -sd,)"
}

@test "strategies settle what is in conflict, and nothing else" {
    fork
    put topic u:1 '{"name": "A", "age": 31, "home": {"city": "Rome", "zip": "1"}, "tags": ["a"]}'
    put topic u:2 2
    now 2026-11-21T10:01:00Z
    put main u:1 '{"name": "Ann", "age": 32, "home": {"city": "Rome", "zip": "3"}, "tags": ["a"]}'
    given delete u:2
    now 2026-11-21T10:02:00Z
    put topic u:2 3
    branch one
    branch two
    branch three
    try merge topic --into one --strategy ours
    same outcome 'merged 1 0 2' "$(outcome)"
    same document '{"name": "A", "age": 32, "home": {"city": "Rome", "zip": "3"}, "tags": ["a"]}' "$(value one u:1)"
    try merge topic --into two --strategy theirs
    same outcome 'merged 2 0 2' "$(outcome)"
    same document '{"name": "A", "age": 31, "home": {"city": "Rome", "zip": "3"}, "tags": ["a"]}' "$(value two u:1)"
    same value 3 "$(value two u:2)"
    # u:1 was last changed on main, u:2 on topic.
    try merge topic --into three --strategy=newest
    same outcome 'merged 2 0 2' "$(outcome)"
    same document '{"name": "A", "age": 32, "home": {"city": "Rome", "zip": "3"}, "tags": ["a"]}' "$(value three u:1)"
    same value 3 "$(value three u:2)"
    try -b topic merge main --strategy newest
    same 'the same documents on both sides' "$(value three u:1 | jq -c .)" "$(value topic u:1 | jq -c .)"
    same value 3 "$(value topic u:2)"
    try merge topic --strategy oldest
    fails 2 "chrondb: no such strategy 'oldest' (--strategy=fail|ours|theirs|newest)"
}

@test "--resolve completes the merge in one commit" {
    fork
    put topic u:1 1
    put main u:1 '{"name": "B"}'
    put topic u:2 1
    put main u:2 2
    put topic free 1
    before=$(commit_of main)
    printf '%s\n' '{"key":"u:1","value":{"decided":  1.10}}' >decisions
    try merge topic --resolve decisions
    same 'one is left' '{"key":"u:2","path":"","base":{"n":1},"ours":2,"theirs":1}' "$output"
    same 'exit status' 3 "$status"
    printf '%s\n' '' '{"key":"u:2","delete":true}' '{"key":"free","value":1.0}' >>decisions
    run --separate-stderr "$CHRONDB" merge topic --resolve - <decisions
    same outcome 'merged 2 1 2' "$(outcome)"
    same document '{"decided":  1.10}' "$(value main u:1)"
    same keys 'free u:1' "$("$CHRONDB" list --keys --format raw | paste -sd' ')"
    same 'one commit' "$before" "$(commit_of main^1)"
    try merge topic
    same outcome 'unchanged 0 0 0' "$(outcome)"
}

@test "decisions that decide nothing, and lines that are none" {
    fork
    put topic u:2 2
    put main u:1 1
    before=$(commit_of main)
    try merge topic --resolve <(echo '{"key":"u:2","value":3}')
    fails 2 "chrondb: cannot take the decision for 'u:2': the key is not in conflict, and the merge makes something else of it"
    try merge topic --resolve <(echo '{"key":"u:9","value":3}')
    fails 2 "chrondb: cannot take the decision for 'u:9': the key is not in conflict, and the merge makes something else of it"
    try merge topic --resolve <(printf '%s\n' '{"key":"u:2","value":2}' '{"key":"u:2","delete":true}')
    fails 2 "chrondb: cannot take the decision for 'u:2': the key has two"
    for line in '1' '{"key":"u:2"}' '{"value":2}' '{"key":"u:2","value":1,"delete":true}' '{"key":"u:2","delete":false}' \
        '{"key":2,"value":1}' '{"key":"u:2","value":1,"path":"/a"}' \
        '{"key":"u:2","value":1,"delete\u0000":true}'; do
        try merge topic --resolve <(printf '\n%s\n' "$line")
        same "status of $line" 4 "$status"
        [[ $stderr == 'chrondb: line 2: not a decision, '* ]]
    done
    try merge topic --resolve <(echo '{"key":"u:","value":1}')
    same 'exit status' 2 "$status"
    try merge topic --resolve <(echo '{')
    fails_like 4 'chrondb: line 1: not valid JSON at column 2: *'
    try merge topic --resolve nowhere
    same 'exit status' 8 "$status"
    same head "$before" "$(commit_of main)"
    # Harmless: it says what the merge makes of it.
    try merge topic --resolve <(printf '%s\n' '{"key":"u:2","value":2.0}' '{"key":"gone","delete":true}')
    same outcome 'merged 1 0 0' "$(outcome)"
}

@test "--dry-run tells what would come of it" {
    fork
    put topic u:2 2
    before=$(git --git-dir=.chrondb for-each-ref)
    try merge topic --dry-run
    prints '{"commit":null,"time":null,"status":"fast-forward","puts":1,"deletes":0,"conflicts":0}'
    put main u:1 1
    objects=$(git --git-dir=.chrondb count-objects)
    try merge topic --dry-run
    prints '{"commit":null,"time":null,"status":"merged","puts":1,"deletes":0,"conflicts":0}'
    same objects "$objects" "$(git --git-dir=.chrondb count-objects)"
    same topic "$(grep topic <<<"$before")" "$(git --git-dir=.chrondb for-each-ref refs/heads/topic)"
}

@test "the past says what it said, and history has the versions of both sides" {
    put main k '{"a":1,"b":1}'
    branch topic
    now 2026-11-21T10:01:00Z
    put topic k '{"a":2,"b":1}'
    put topic t 1
    now 2026-11-21T10:02:00Z
    put main k '{"a":1,"b":2}'
    now 2026-11-21T10:03:00Z
    given merge topic
    same 'as it was' '{"a":1,"b":2}' "$("$CHRONDB" at 2026-11-21T10:02:30Z k)"
    same 'as it was' '{"a":1,"b":1}' "$("$CHRONDB" at 2026-11-21T10:01:30Z k)"
    try at 2026-11-21T10:02:30Z t
    same 'not yet there' 1 "$status"
    same now '{"a":2,"b":2}' "$("$CHRONDB" get k)"
    same versions '{"a":2,"b":2},{"a":1,"b":2},{"a":2,"b":1},{"a":1,"b":1}' \
        "$("$CHRONDB" history k | jq -c .value | paste -sd,)"
    same 'where it came from' "$(commit_of topic)" "$("$CHRONDB" history t | jq -r .commit)"
    rm -r .chrondb/chrondb/index
    same versions '{"a":2,"b":2},{"a":1,"b":2},{"a":2,"b":1},{"a":1,"b":1}' \
        "$("$CHRONDB" history k | jq -c .value | paste -sd,)"
    same log 'k update,t create' "$("$CHRONDB" log --limit 1 | jq -r '.changes[] | "\(.key) \(.op)"' | paste -sd,)"
}

@test "histories that cross: what both sides decided stays decided" {
    put main k '{"a":0,"b":0}'
    branch topic
    put main k '{"a":1,"b":0}'
    put topic k '{"a":0,"b":1}'
    ours=$(commit_of main)
    given merge topic
    given -b topic merge "$ours"
    put main k '{"a":1,"b":2}'
    put topic k '{"a":2,"b":1}'
    try merge topic
    same outcome 'merged 1 0 0' "$(outcome)"
    same document '{"a":2,"b":2}' "$(value main k)"
    # What the two bases disagreed on, and each side decided for itself, is in conflict.
    branch one
    branch two
    put one c 1
    put two c 2
    first=$(commit_of one)
    given -b one merge two --strategy ours
    given -b two merge "$first" --strategy ours
    try -b one merge two
    same conflict '{"key":"c","path":"","base":null,"ours":1,"theirs":2}' "$output"
}

@test "fan-out makes no difference" {
    branch_lines() { for i in $(seq "$1" "$2"); do echo "{\"key\":\"fan:$i\",\"value\":$i}"; done; }
    branch_lines 1 50 | given import
    branch topic
    branch_lines 51 80 | given -b topic import
    put main fan:1 '"ours"'
    put topic fan:2 '"theirs"'
    try merge topic
    same outcome 'merged 31 0 0' "$(outcome)"
    same count 80 "$("$CHRONDB" count | jq .count)"
    same values '"ours" "theirs"' "$(value main fan:1) $(value main fan:2)"
    # And back: 60 are gone on one side.
    branch back
    for i in $(seq 21 80); do echo "{\"op\":\"delete\",\"key\":\"fan:$i\"}"; done | given -b back batch
    put main fan:3 '"ours"'
    try merge back
    same outcome 'merged 0 60 0' "$(outcome)"
    git clone -q .chrondb work
    same files 'fan/1.json fan/10.json' "$(cd work && git ls-files | head -2 | paste -sd' ')"
    same list "$("$CHRONDB" list)" "$("$CHRONDB" -b main --index elsewhere list)"
}

# Files by other tools: commit BRANCH PATH CONTENT (none: removed)
foreign() {
    rm -rf work
    git clone -q -b "$1" .chrondb work
    if [ $# -gt 2 ]; then
        mkdir -p "work/$(dirname "$2")"
        printf '%s\n' "$3" >"work/$2"
    else
        rm "work/$2"
    fi
    git -C work add -A
    git -C work -c user.name=o -c user.email=o@example.org commit -qm "$2"
    git -C work push -q origin "$1"
}

@test "files that are no documents are merged as wholes" {
    fork
    foreign main README.md one
    branch side main
    foreign main docs.d/deep/a.txt a
    foreign main u/notes.txt ours
    foreign side README.md two
    foreign side docs.d/deep/b.txt b
    foreign side .hidden x
    foreign side u/7.json 7
    try merge side
    same outcome 'merged 1 0 0' "$(outcome)"
    same files '.hidden README.md docs.d/deep/a.txt docs.d/deep/b.txt u/1.json u/2.json u/7.json u/notes.txt' \
        "$(git --git-dir=.chrondb ls-tree -r --name-only main | paste -sd' ')"
    same README two "$(git --git-dir=.chrondb show main:README.md)"
    git --git-dir=.chrondb fsck --strict
    foreign side docs.d/deep/a.txt theirs
    foreign side README.md
    put main k 1
    try merge side
    same 'exit status' 3 "$status"
    same conflict '{"key":null,"path":"docs.d/deep/a.txt","base":null,"ours":null,"theirs":null}' "$output"
    try merge side --strategy theirs
    same 'exit status' 0 "$status"
    same a theirs "$(git --git-dir=.chrondb show main:docs.d/deep/a.txt)"
    same files '.hidden docs.d/deep/a.txt docs.d/deep/b.txt' \
        "$(git --git-dir=.chrondb ls-tree -r --name-only main | grep -v json | grep -v u/ | paste -sd' ')"
    try merge side
    same outcome 'unchanged 0 0 0' "$(outcome)"
}

@test "a file in a document's place that is not JSON is merged as a whole" {
    fork
    foreign topic u/2.json 'no json'
    put main u:1 1
    branch other
    try merge topic
    same outcome 'merged 1 0 0' "$(outcome)"
    put other u:2 2
    try -b other merge topic
    same 'exit status' 3 "$status"
    same place 'u:2 ' "$(jq -r '"\(.key) \(.path)"' <<<"$output")"
    try -b other merge topic --strategy ours
    same value 2 "$(value other u:2)"
}

@test "histories that have nothing in common" {
    put main a 1
    put main b '{"x":1}'
    CHRONDB_DIR=$PWD/second given put a 1.0
    CHRONDB_DIR=$PWD/second given put b '{"y":1}'
    CHRONDB_DIR=$PWD/second given put c 1
    git --git-dir=.chrondb fetch -q second main:refs/heads/second
    try merge second
    same outcome 'merged 2 0 0' "$(outcome)"
    same values '1 {"x":1,"y":1} 1' "$(value main a) $(value main b) $(value main c)"
}

@test "what cannot be merged" {
    fork
    try merge nowhere
    same 'exit status' 2 "$status"
    [[ $stderr == "chrondb: cannot merge 'nowhere': cannot tell when 'nowhere' is: "* ]]
    try merge topic --into nowhere
    fails 2 "chrondb: there is no branch 'nowhere'"
    try merge
    same 'exit status' 2 "$status"
    put topic u:1 1
    put main u:2 2
    try merge topic --time 2020-01-01
    same 'exit status' 2 "$status"
    try merge topic --author nobody
    same 'exit status' 2 "$status"
    try -C / --db "$PWD/none" merge topic
    same 'exit status' 6 "$status"
}

# Each time that it knows what is to be done, and has not begun to do it, somebody else writes.
@test "writers do not wait while a merge finds out what is to be done" {
    local merge state puts=0
    fork
    put topic t:1 1
    put main m:1 1
    CHRONDB_TEST_FAULT=merge-planned@stop "$CHRONDB" merge topic >merged &
    merge=$!
    for _ in $(seq 1000); do
        state=$(sed 's/^.*) \(.\).*$/\1/' "/proc/$merge/stat" 2>/dev/null) || break
        if [ "$state" = T ]; then
            puts=$((puts + 1))
            "$CHRONDB" --lock-timeout 0 put "w:$puts" "$puts" >/dev/null
            kill -CONT "$merge"
        fi
        [ "$state" != Z ] || break
        sleep 0.01
    done
    wait "$merge"
    same puts 4 "$puts"
    same outcome 'merged 1 0 0' "$(jq -r '"\(.status) \(.puts) \(.deletes) \(.conflicts)"' merged)"
    same keys 'm:1 t:1 u:1 u:2 w:1 w:2 w:3 w:4' "$("$CHRONDB" list --keys --format raw | paste -sd' ')"
    same 'first parent' 'put w:4' "$(git --git-dir=.chrondb log -1 --format=%s main~1)"
    git --git-dir=.chrondb fsck --strict
}
