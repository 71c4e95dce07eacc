#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb blame: who wrote each field.

load helper

ann='Ann <ann@example.org>'
ben='Ben <ben@example.org>'

fields() { # "PATH VALUE AUTHOR" of each
    jq -r '"\(.path) \(.value | tojson) \(.author[:3])"' <<<"$output"
}

@test "each field has the commit that last changed it" {
    given put user:1 '{"name":"Alice","age":30,"address":{"city":"Paris"}}' --author "$ann"
    first=$(head_of)
    now 2026-11-21T10:00:01Z
    given patch user:1 '{"age":31,"address":{"street":"Rue Cler"}}' --author "$ben"
    second=$(head_of)
    try blame user:1
    prints '{"path":"/name","value":"Alice","commit":"'$first'","time":"2026-11-21T10:00:00.000000000Z","author":"'"$ann"'"}
{"path":"/age","value":31,"commit":"'$second'","time":"2026-11-21T10:00:01.000000000Z","author":"'"$ben"'"}
{"path":"/address/city","value":"Paris","commit":"'$first'","time":"2026-11-21T10:00:00.000000000Z","author":"'"$ann"'"}
{"path":"/address/street","value":"Rue Cler","commit":"'$second'","time":"2026-11-21T10:00:01.000000000Z","author":"'"$ben"'"}'
    try blame user:1 --at "$first" --format raw
    prints "$first"$'\n'"$first"$'\n'"$first"
    try blame user:1 --format text
    same header 'PATH             VALUE       COMMIT        TIME                            AUTHOR' "${lines[0]}"
    try blame user:1 --format json
    same count 4 "$(jq length <<<"$output")"
}

@test "what a merge took from a side is the side's" {
    given put k '{"a":1,"b":1,"c":1}' --author "$ann"
    given branch side
    given patch k b:=2 -b side --author "$ben"
    given patch k c:=2 --author "$ann"
    given merge side --author 'Cat <cat@example.org>'
    try blame k
    same fields $'/a 1 Ann\n/b 2 Ben\n/c 2 Ann' "$(fields)"
    try blame k -b side
    same fields $'/a 1 Ann\n/b 2 Ben\n/c 1 Ann' "$(fields)"
    # Neither side's.
    given patch k a:=2 -b side --author "$ben"
    given patch k a:=3 --author "$ann"
    given merge side --resolve <(echo '{"key":"k","value":{"a":4,"b":2,"c":2}}') --author 'Cat <cat@example.org>'
    try blame k
    same fields $'/a 4 Cat\n/b 2 Ben\n/c 2 Ann' "$(fields)"
}

@test "a document that is not there" {
    given put k 1
    given delete k
    try blame k
    fails 1 "chrondb: cannot blame 'k': not found"
    try blame k --at main~1
    same path '' "$(member path)"
    try blame l
    fails 1 "chrondb: cannot blame 'l': not found"
    try blame
    fails_like 2 'chrondb: blame needs an argument: *'
    rm -r .chrondb
    try blame k
    fails_like 6 'chrondb: no database at *'
    [ ! -e .chrondb ]
}

@test "files that git committed and that are no JSON" {
    given put t:1 '{"a":1}'
    commit_text() {
        local blob tree root
        blob=$(git -C .chrondb hash-object -w --stdin)
        tree=$(printf '100644 blob %s\t1.json\n' "$blob" | git -C .chrondb mktree)
        root=$(printf '040000 tree %s\tt\n' "$tree" | git -C .chrondb mktree)
        git -C .chrondb update-ref refs/heads/main \
            "$(git -C .chrondb -c user.name="$1" -c user.email=g@example.org commit-tree -p main -m x "$root")"
    }
    commit_text Gus <<<'no json'
    try blame t:1
    same exit 0 "$status"
    same record '["",null,"Gus","invalid_json"]' "$(jq -c '[.path, .value, .author[:3], .error.code]' <<<"$output")"
    commit_text Hal <<<'{"a":1}'
    try blame t:1
    same fields '/a 1 Hal' "$(fields)"
}

@test "names that are no names" {
    given put k '{"a/b":{"~":1},"\u0000x":2,"\u001b[31m":3,"\ud800":4}'
    try blame k --format raw
    same exit 0 "$status"
    try blame k
    same paths '["/a~1b/~0","/\u0000x","/\u001b[31m"]' "$(jq -sc '[.[:3][].path]' <<<"$output")"
    try blame k --format text
    run ! has_controls <<<"$output"
}
