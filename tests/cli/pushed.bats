#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Commits that plain git made in a clone, and pushed: visible or told, never fatal. The next write makes canonical what
# it touches, and keeps what is foreign.

load helper

# The clone is in ./clone; its commits are a minute apart, and later than those of the database.
clone() {
    git config --global user.name Gil
    git config --global user.email gil@example.org
    git config --global init.defaultBranch main
    git clone -q .chrondb clone 2>/dev/null
    git -C clone checkout -q main
    minute=0
}

commit() { # MESSAGE: all that was changed in the clone
    minute=$((minute + 1))
    git -C clone add -A
    GIT_AUTHOR_DATE="2026-11-21T10:$(printf %02d $minute):00Z" \
        GIT_COMMITTER_DATE="2026-11-21T10:$(printf %02d $minute):00Z" git -C clone commit -q --allow-empty -m "$1"
}

merge() { # BRANCH... OPTIONS
    minute=$((minute + 1))
    GIT_AUTHOR_DATE="2026-11-21T10:$(printf %02d $minute):00Z" \
        GIT_COMMITTER_DATE="2026-11-21T10:$(printf %02d $minute):00Z" git -C clone merge -q --no-ff -m merge "$@" >/dev/null
}

push() {
    git -C clone push -q origin HEAD:main 2>&1
    now 2026-11-21T12:00:00Z
}

root() { # [DATABASE]
    git -C "${1:-.chrondb}" rev-parse 'HEAD^{tree}'
}

# A fresh database that got the same documents in one batch has the same root tree.
canonical() {
    rm -rf fresh
    "$CHRONDB" list | jq -c '{op: "put", key: .key, value: .value}' | "$CHRONDB" --db fresh batch >/dev/null
    same 'root tree' "$(root fresh)" "$(root)"
}

# The commits of a key are those that git finds at its path.
# Git lists merges too that have the value of a parent.
versions() { # PATHSPEC
    local commit parent
    for commit in $(git -C .chrondb log --full-history --format=%H main -- "$1"); do
        for parent in $(git -C .chrondb rev-parse "$commit^@"); do
            git -C .chrondb diff --quiet "$parent" "$commit" -- "$1" && continue 2
        done
        echo "$commit"
    done
}

same_history() { # KEY PATHSPEC
    same "history of $1" "$(versions "$2")" \
        "$("$CHRONDB" history "$1" --no-value --format raw)"
}

sound() {
    git -C .chrondb fsck --strict --no-dangling
}

keys() {
    "$CHRONDB" list --keys --format raw "$@"
}

@test "edited, new, deleted and moved documents" {
    for i in 1 2 3; do given put "user:$i" "{\"n\":$i}"; done
    clone
    printf '{"n":10}' >clone/user/1.json
    printf '{"n":4}' >clone/user/4.json
    commit 'edit and add'
    git -C clone rm -q user/2.json
    mkdir clone/people
    git -C clone mv user/3.json people/drei.json
    commit 'delete and move'
    push
    try list
    prints '{"key":"people:drei","value":{"n":3}}
{"key":"user:1","value":{"n":10}}
{"key":"user:4","value":{"n":4}}'
    try log --limit 2
    same changes '[{"key":"people:drei","op":"create"},{"key":"user:2","op":"delete"},{"key":"user:3","op":"delete"}]
[{"key":"user:1","op":"update"},{"key":"user:4","op":"create"}]' "$(jq -c .changes <<<"$output")"
    try get user:1 --at 2026-11-21T10:00:30Z
    prints '{"n":1}'
    try get user:2
    [ "$status" -eq 1 ]
    same_history user:1 user/1.json
    same_history user:3 user/3.json
    same_history people:drei people/drei.json
    given put user:5 '{"n":5}'
    same_history user:1 user/1.json
    canonical
    sound
}

@test "a file that is no JSON: get prints it, lists go on" {
    given put doc:1 1
    clone
    printf 'not {JSON\n' >clone/doc/2.json
    : >clone/doc/3.json
    commit broken
    printf '[3]' >clone/doc/2.json
    commit mended
    printf '\xff\x1b' >clone/doc/2.json
    commit 'broken again'
    push
    "$CHRONDB" get doc:2 >out
    same bytes "$(printf '\xff\x1b\n' | od -c)" "$(od -c <out)"
    try list
    [ "$status" -eq 0 ]
    same lines 3 ${#lines[@]}
    same values '[1,null,null]' "$(jq -sc 'map(.value)' <<<"$output")"
    same members '["key","value","error"]' "$(jq -c keys_unsorted <<<"${lines[1]}")"
    same error '["code","message"] invalid_json' "$(jq -r '.error | "\(keys_unsorted) \(.code)"' <<<"${lines[1]}")"
    jq -e '.error.message | startswith("not valid JSON at line 1, column 1: ")' <<<"${lines[1]}"
    [[ $stderr == "chrondb: warning: cannot show 'doc:2': not valid JSON at line 1, column 1: "*$'\n'"chrondb: warning: cannot show 'doc:3': not valid JSON "* ]]
    try list -q
    [ "$status" -eq 0 ] && [ -z "$stderr" ] && [ "${#lines[@]}" -eq 3 ]
    try list --format json
    same records 3 "$(jq length <<<"$output")"
    "$CHRONDB" list --format raw -q >out
    same raw $'1\n\n\n.' "$(cat out && echo .)"
    try list --format text -q
    [[ $output == *'doc:2  -'*invalid_json* ]]
    try get doc:1 doc:2 --records
    [ "$status" -eq 0 ]
    same found '1 null' "$(jq -sr 'map(.value | tostring) | join(" ")' <<<"$output")"
    try history doc:2 --patch
    [ "$status" -eq 0 ]
    same values '[null,[3],null]' "$(jq -sc 'map(.value)' <<<"$output")"
    same errors '["invalid_json",null,"invalid_json"]' "$(jq -sc 'map(.error.code)' <<<"$output")"
    same 'last member' '"error"' "$(jq -c 'keys_unsorted | last' <<<"${lines[0]}")"
    try diff main~2 main~1
    prints_error_for old
    try diff main~1 main
    prints_error_for new
    # Other documents, and this one, can be written all the same.
    given put doc:1 11
    try patch doc:2 '{"a":1}'
    [ "$status" -ne 0 ] && [[ $stderr == *"'doc:2'"* ]]
    given put doc:2 2
    given delete doc:3
    try list
    prints '{"key":"doc:1","value":11}
{"key":"doc:2","value":2}'
    canonical
    sound
}

prints_error_for() { # old|new
    same 'exit status' 0 "$status"
    [ "$(jq -c ".$1" <<<"$output")" = null ]
    same members '["key","op","old","new","patch","error"]' "$(jq -c keys_unsorted <<<"$output")"
    same op update "$(member op)"
}

@test "paths that are no keys are kept, and seen by nobody" {
    given put user:1 1
    clone
    printf 'read me\n' >clone/README.md
    mkdir -p clone/user/notes/deep clone/%75ser clone/.hidden 'clone/a b'
    printf '1\n' >clone/user/notes/deep/x.json
    printf '2\n' >clone/user/a%2Eb.json
    printf '3\n' >clone/user/text.txt
    printf '4\n' >clone/%75ser/1.json
    printf '5\n' >clone/.hidden/1.json
    printf '6\n' >'clone/a b/1.json'
    printf '7\n' >clone/user.json
    mkdir clone/0
    printf '8\n' >clone/0/1.json
    commit 'foreign files'
    push
    same keys user:1 "$(keys)"
    try count
    prints '{"count":1}'
    try tables
    prints '{"table":"user","count":1}'
    try log --limit 1
    same changes '[]' "$(jq -c .changes <<<"$output")"
    local before after
    before=$(git -C .chrondb ls-tree -r main | grep -v 'user/1.json')
    given put user:1 11
    given put other:1 1
    seq 100 | jq -c '{op: "put", key: "user:\(.)", value: .}' | "$CHRONDB" batch >/dev/null
    seq 100 | jq -c '{op: "delete", key: "user:\(.)"}' | "$CHRONDB" batch >/dev/null
    given delete other:1
    after=$(git -C .chrondb ls-tree -r main)
    same 'foreign paths' "$before" "$after"
    sound
}

@test "executable files are documents, links and submodules are not" {
    for i in 1 2 3 4; do given put "t:$i" "$i"; done
    clone
    chmod +x clone/t/1.json
    ln -sf 1.json clone/t/2.json
    git -C clone add -A
    git -C clone update-index --cacheinfo "160000,$(head_of clone),t/3.json"
    rm clone/t/3.json
    mkdir clone/t/3.json
    git -C clone -c advice.addEmbeddedRepo=false commit -q -m modes
    push
    try list
    prints '{"key":"t:1","value":1}
{"key":"t:4","value":4}'
    try get t:2
    [ "$status" -eq 1 ]
    try get t:3
    [ "$status" -eq 1 ]
    # A write of another document of the table gives the executable one its mode, and leaves the others.
    given put t:4 44
    same modes '100644 120000 160000 100644 ' "$(git -C .chrondb ls-tree main t/ | cut -d' ' -f1 | tr '\n' ' ')"
    # A document takes their place.
    given put t:2 22
    given put t:3 33
    same keys 't:1 t:2 t:3 t:4 ' "$(keys | tr '\n' ' ')"
    canonical
    sound
}

@test "a table of 200 files in one directory" {
    given put other:1 true
    clone
    mkdir clone/big
    for i in {1..200}; do printf '{"i":%d}' "$i" >"clone/big/$i.json"; done
    commit flat
    push
    try count --table big
    prints '{"count":200}'
    try get big:150
    prints '{"i":150}'
    same 'order' "$(seq 200 | LC_ALL=C sort)" "$(keys --table big | sed s/big://)"
    same_history big:150 big/150.json
    given put big:201 '{"i":201}'
    try count
    prints '{"count":202}'
    [ "$(git -C .chrondb ls-tree main big/ | wc -l)" -eq 16 ]
    same 'versions, though the file has moved' 1 "$("$CHRONDB" history big:150 | wc -l)"
    canonical
    sound
}

@test "a flat table that nobody touches is made canonical by a write elsewhere" {
    given put other:1 true
    clone
    mkdir clone/big
    for i in {1..100}; do printf '%d' "$i" >"clone/big/$i.json"; done
    commit flat
    push
    given put other:2 true
    same documents 102 "$("$CHRONDB" count --format raw)"
    canonical
}

@test "a duplicate beside the fan-out: the deepest counts, and the next write removes the others" {
    seq 100 | jq -c '{op: "put", key: "t:\(.)", value: .}' | "$CHRONDB" batch >/dev/null
    clone
    local deep
    deep=$(git -C clone ls-files 't/*/7.json')
    printf '"shadowed"' >clone/t/7.json
    printf '"beside"' >clone/t/new.json
    mkdir -p "clone/${deep%/*}/0"
    printf '"nobody"' >"clone/t/$([ "${deep:2:1}" = 0 ] && echo 1 || echo 0)/7.json"
    commit duplicates
    push
    try get t:7
    prints 7
    try get t:new
    prints '"beside"'
    try count
    prints '{"count":101}'
    try log --limit 1
    same changes '[{"key":"t:new","op":"create"}]' "$(jq -c .changes <<<"$output")"
    given put t:7 '"written"'
    try get t:7
    prints '"written"'
    same copies 1 "$(git -C .chrondb ls-tree -r --name-only main | grep -c "^${deep//./\\.}\$")"
    [ -z "$(git -C .chrondb ls-tree main t/7.json)" ]
    given delete t:7
    try get t:7
    [ "$status" -eq 1 ]
}

@test "merges: history is what git log says" {
    for i in 1 2 3; do given put "t:$i" 0; done
    clone
    git -C clone checkout -q -b side
    printf '"side"' >clone/t/1.json
    printf '"side"' >clone/t/2.json
    printf '"for a while"' >clone/t/4.json
    commit side
    git -C clone rm -q t/4.json
    commit 'side 2'
    git -C clone checkout -q main
    printf '"main"' >clone/t/3.json
    commit main
    printf '"main 2"' >clone/t/3.json
    commit 'main 2'
    merge side
    printf '"after"' >clone/t/2.json
    commit after
    git -C clone checkout -q -b conflict main~1
    printf '"theirs"' >clone/t/2.json
    commit theirs
    git -C clone checkout -q main
    merge -s ours conflict
    git -C clone checkout -q -b evil HEAD~1
    printf '"evil"' >clone/t/1.json
    commit evil
    git -C clone checkout -q main
    merge --no-commit evil
    printf '"by the merge"' >clone/t/1.json
    commit 'evil merge'
    push
    for i in 1 2 3 4; do
        same_history "t:$i" "t/$i.json"
    done
    same 'made and deleted on one side' 'delete create' \
        "$("$CHRONDB" history t:4 --format ndjson | jq -r .op | paste -sd' ')"
    try at 't:2@{1}' t:2
    prints '"side"'
    try list
    prints '{"key":"t:1","value":"by the merge"}
{"key":"t:2","value":"after"}
{"key":"t:3","value":"main 2"}'
    same 'first parents' "$(git -C .chrondb rev-list --first-parent main)" "$("$CHRONDB" log --format raw)"
    given put t:4 4
    given reindex
    for i in 1 2 3 4; do
        same_history "t:$i" "t/$i.json"
    done
    canonical
    sound
}

@test "an octopus of many parents" {
    given put t:0 0
    clone
    local i branches=()
    for i in {1..20}; do
        git -C clone checkout -q -b "b$i" main
        printf '%d' "$i" >"clone/t/$i.json"
        commit "branch $i"
        branches+=("b$i")
    done
    git -C clone checkout -q main
    merge "${branches[@]}"
    push
    try count
    prints '{"count":21}'
    try log --limit 1
    same changes 20 "$(jq '.changes | length' <<<"$output")"
    for i in 0 1 20; do same_history "t:$i" "t/$i.json"; done
    try get t:9 --at main^9 # its ninth parent is the eighth branch
    [ "$status" -eq 1 ]
    try get t:8 --at main^9
    prints 8
    given put t:21 21
    canonical
    sound
}

@test "an empty commit" {
    given put k 1
    clone
    commit nothing
    push
    try log --limit 1
    same 'message and changes' 'nothing []' "$(jq -r '"\(.message) \(.changes)"' <<<"$output")"
    same_history k _/k.json
    try put k 1
    same status unchanged "$(member status)"
    given put k 2
    canonical
}

@test "deep directories" {
    given put t:1 1
    clone
    local path=t/d
    for i in {1..200}; do path=$path/$((i % 10)); done
    mkdir -p "clone/$path" "clone/t/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f"
    printf 1 >"clone/$path/x.json"
    printf 2 >clone/t/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/y.json
    commit deep
    push
    same keys t:1 "$(keys)"
    local before
    before=$(git -C .chrondb ls-tree -r --name-only main | grep -v t/1.json)
    given put t:2 2
    given delete t:1
    same keys t:2 "$(keys)"
    same 'foreign paths' "$before" "$(git -C .chrondb ls-tree -r --name-only main | grep -v t/2.json)"
    sound
}

@test "a document at a path of another case or coding is another one, or none" {
    given put user:é 1
    clone
    mkdir clone/User
    printf 2 >clone/User/é.json
    printf 3 >"clone/user/%C3%A9.json"
    printf 4 >"clone/user/$(printf '\xe9').json"
    commit names
    push
    try list
    prints '{"key":"User:é","value":2}
{"key":"user:é","value":1}'
    given put user:x 5
    same files 5 "$(git -C .chrondb ls-tree -r main | wc -l)"
}

@test "the branch was deleted and pushed anew" {
    given put a 1
    clone
    git -C clone checkout -q --orphan other
    git -C clone rm -rfq .
    mkdir clone/_
    printf 2 >clone/_/b.json
    commit 'another root'
    git -C clone push -qf origin HEAD:main 2>&1
    now 2026-11-21T12:00:00Z
    try list
    prints '{"key":"b","value":2}'
    given put c 3
    try log --format raw
    same commits 2 "${#lines[@]}"
    canonical
    sound
}
