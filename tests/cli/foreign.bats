#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Plain git beside chrondb: commits made in a clone and pushed are seen for what they are, and the next write makes the
# tables canonical and leaves alone what is no document.

load helper

# A clone with a work tree, as a person would make it.
clone() {
    export GIT_AUTHOR_NAME=Git GIT_AUTHOR_EMAIL=git@example.org
    export GIT_COMMITTER_NAME=Git GIT_COMMITTER_EMAIL=git@example.org
    git clone -q .chrondb clone 2>/dev/null
    git -C clone checkout -q -B main
    tick
}

# Commits that git makes are a minute apart, from 08:01 on.
tick() {
    minute=$((${minute:-0} + 1))
    GIT_AUTHOR_DATE="$((1795248000 + 60 * minute)) +0100"
    export GIT_AUTHOR_DATE GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
}

# Commit all that is in the work tree.
commit() {
    git -C clone add -A
    git -C clone commit -q --allow-empty -m "${1:-changed by git}"
}

push() {
    git -C clone push -q origin HEAD:main
}

put_many() { # TABLE COUNT
    local i
    for ((i = 1; i <= $2; i++)); do
        printf '{"op":"put","key":"%s:%d","value":%d}\n' "$1" "$i" "$i"
    done | "$CHRONDB" batch >/dev/null
}

files_of() {
    git -C "$1" ls-tree -r --format='%(objectmode) %(path)' main
}

# The documents lie where a new database that has them too puts them.
canonical() {
    "$CHRONDB" list | jq -c '{op: "put", key, value}' | "$CHRONDB" --db fresh batch >/dev/null
    same files "$(files_of fresh)" "$(files_of .chrondb)"
}

sound() {
    git -C .chrondb fsck --strict --no-dangling --no-progress
}

@test "edited, new, deleted and moved documents" {
    given put user:1 '{"name": "Alice"}'
    given put user:2 '"two"'
    given put user:3 '"three"'
    clone
    printf '{"name": "Bob"}\n' >clone/user/1.json
    printf '4\n' >clone/user/4.json
    mkdir -p clone/_ clone/%61
    printf '"untabled"' >clone/_/config.json
    printf '"table a"' >clone/%61/x%2Fy.json
    rm clone/user/2.json
    mv clone/user/3.json clone/user/5.json
    commit
    push
    try list
    prints '{"key":"a:x/y","value":"table a"}
{"key":"config","value":"untabled"}
{"key":"user:1","value":{"name":"Bob"}}
{"key":"user:4","value":4}
{"key":"user:5","value":"three"}'
    try get user:1
    prints '{"name": "Bob"}'
    try get user:2
    [ "$status" -eq 1 ]
    try history user:3 --format raw --no-value
    same 'versions of user:3' 2 "${#lines[@]}"
    try log --limit 1
    same author 'Git <git@example.org>' "$(member author)"
    same message 'changed by git' "$(member message)"
    same changes '["a:x/y create","config create","user:1 update","user:2 delete","user:3 delete","user:4 create","user:5 create"]' \
        "$(jq -c '[.changes[] | .key + " " + .op]' <<<"$output")"
    try diff main~1 now -- user:1
    same patch '{"name":"Bob"}' "$(jq -c .patch <<<"$output")"
    given put user:1 '{"name": "Carol"}'
    try history user:1 --format raw
    prints '{"name":"Carol"}
{"name":"Bob"}
{"name":"Alice"}'
    canonical
    sound
}

@test "an empty commit" {
    given put k 1
    clone
    commit nothing
    push
    try log --limit 1
    same changes '[]' "$(jq -c .changes <<<"$output")"
    try get k
    prints 1
    given put k 2
    try history k --no-value --format raw
    same versions 2 "${#lines[@]}"
}

@test "a document that is none is told by its key" {
    given put user:1 1
    given put user:3 3
    clone
    printf 'not JSON' >clone/user/2.json
    commit
    push
    try get user:2
    prints 'not JSON'
    try list
    same values '["user:1",1]
["user:2",null]
["user:3",3]' "$(jq -c '[.key, .value]' <<<"$output")"
    [[ $stderr == "chrondb: warning: cannot show 'user:2': not valid JSON at line 1, column 1: "* ]]
    try list --keys --format raw
    prints 'user:1
user:2
user:3'
    try count --format raw
    prints 3
    try patch user:2 a=1
    fails_like 4 "chrondb: cannot patch 'user:2': *not valid JSON*"
    try get user:3
    prints 3
    try put user:2 2
    same status updated "$(member status)"
    try list
    prints '{"key":"user:1","value":1}
{"key":"user:2","value":2}
{"key":"user:3","value":3}'
    try history user:2 --no-value --format raw
    same versions 2 "${#lines[@]}"
}

@test "paths that are no keys: not listed, not counted, kept" {
    given put user:1 1
    clone
    mkdir -p clone/user/attachments clone/docs.d/a/b/c/d clone/A clone/%75ser
    printf 'readme' >clone/README.md
    printf 'notes' >clone/user/notes.txt
    printf '1' >clone/user/attachments/1.json
    printf '1' >clone/user/a%2Eb.json
    printf '1' >clone/user/.hidden.json
    printf '1' >clone/A/x.json
    printf '1' >clone/%75ser/x.json
    printf '1' >clone/docs.d/a/b/c/d/e.json
    commit
    push
    try list --keys --format raw
    prints user:1
    try count --format raw
    prints 1
    try tables
    prints '{"table":"user","count":1}'
    try log --limit 1
    same changes '[]' "$(jq -c .changes <<<"$output")"
    before=$(git -C .chrondb ls-tree -r main | grep -v user/1.json)
    given put user:1 2
    given put user:2 2
    given delete user:1
    same 'foreign paths' "$before" "$(git -C .chrondb ls-tree -r main | grep -v 'user/[12].json')"
    try list --keys --format raw
    prints user:2
    sound
}

@test "modes, links, submodules" {
    given put user:1 1
    given put user:2 2
    clone
    chmod +x clone/user/1.json
    ln -s 1.json clone/user/3.json
    git -C clone add user
    git -C clone update-index --add --cacheinfo "160000,$(git -C clone rev-parse HEAD),user/4.json"
    git -C clone commit -q -m modes
    push
    try list --keys --format raw
    prints 'user:1
user:2'
    try get user:1
    prints 1
    try get user:3
    [ "$status" -eq 1 ]
    try get user:4
    [ "$status" -eq 1 ]
    given put user:5 5
    same modes '100644 user/1.json
100644 user/2.json
120000 user/3.json
160000 user/4.json
100644 user/5.json' "$(git -C .chrondb ls-tree -r --format='%(objectmode) %(path)' main)"
    # A document may take the place of what was none.
    given put user:3 3
    given put user:4 4
    try list --keys --format raw
    prints 'user:1
user:2
user:3
user:4
user:5'
    canonical
    sound
}

@test "a flat table of 200 files" {
    given put other:1 1
    clone
    mkdir clone/user
    for ((i = 1; i <= 200; i++)); do
        printf '%d' "$i" >"clone/user/$i.json"
    done
    commit
    push
    try count --format raw
    prints 201
    try get user:137
    prints 137
    try list user:19 --keys --format raw
    prints 'user:19
user:190
user:191
user:192
user:193
user:194
user:195
user:196
user:197
user:198
user:199'
    given put other:2 2
    same 'files beside the fan-out' '' "$(git -C .chrondb ls-tree --name-only main user/ | grep json || :)"
    canonical
    try history user:137 --no-value --format raw
    same versions 1 "${#lines[@]}"
    sound
}

@test "a file beside the fan-out: new, and a second one of a document" {
    put_many user 100
    clone
    [ -f clone/user/3/1.json ]
    printf '"beside"' >clone/user/1.json # the deeper one counts
    printf '"new"' >clone/user/new.json
    commit
    push
    try get user:1
    prints 1
    try get user:new
    prints '"new"'
    try count --format raw
    prints 101
    given put user:100 '"changed"'
    canonical
    try get user:1
    prints 1
    try count --format raw
    prints 101
    sound
}

@test "more than 64 tables in the root, and one that stands twice" {
    local i
    for ((i = 1; i <= 70; i++)); do
        printf '{"op":"put","key":"t%d:x","value":%d}\n' "$i" "$i"
    done | "$CHRONDB" batch >/dev/null
    clone
    [ ! -e clone/t1 ]
    mkdir clone/t1 clone/new
    printf '"beside"' >clone/t1/x.json
    printf '"only here"' >clone/t1/y.json
    printf '"new"' >clone/new/z.json
    commit
    push
    try get t1:x
    prints 1
    try get t1:y
    prints '"only here"'
    try get new:z
    prints '"new"'
    try tables
    same tables 71 "${#lines[@]}"
    given put t2:y 2
    canonical
    try get t1:y
    prints '"only here"'
    sound
}

@test "a table that another tool emptied is gone" {
    put_many user 100
    given put other:1 1
    clone
    rm -r clone/user
    commit
    push
    try list
    prints '{"key":"other:1","value":1}'
    given put other:2 2
    canonical
    try history user:7 --no-value
    same ops delete "$(jq -r .op <<<"${lines[0]}")"
}

@test "a repository that git alone filled is adopted" {
    source_of_git() {
        export GIT_AUTHOR_NAME=Git GIT_AUTHOR_EMAIL=git@example.org
        export GIT_COMMITTER_NAME=Git GIT_COMMITTER_EMAIL=git@example.org
        tick
        git init -q -b main source
        mkdir source/user
        printf '1' >source/user/1.json
        printf 'text' >source/README
        git -C source add -A
        git -C source commit -q -m first
        git clone -q --bare source adopted.git
    }
    source_of_git
    try --db adopted.git list
    same 'exit status' 6 "$status"
    given init adopted.git --adopt
    try --db adopted.git list
    prints '{"key":"user:1","value":1}'
    given --db adopted.git put user:2 2
    try --db adopted.git list --keys --format raw
    prints 'user:1
user:2'
    same 'kept file' text "$(git -C adopted.git cat-file blob main:README)"
    git -C adopted.git fsck --strict --no-dangling --no-progress
}

# ---- merges ----

value_in() { # COMMIT PATHSPEC
    git -C .chrondb rev-parse -q --verify "$1:$2" || echo none
}

# What `git log --full-history` lists, but for merges that took over the value of a parent.
git_history() { # PATHSPEC
    local id parents parent value
    git -C .chrondb log --full-history --format='%H %P' main -- "$1" |
        while read -r id parents; do
            value=$(value_in "$id" "$1")
            if [[ $parents == *' '* ]]; then
                for parent in $parents; do
                    [ "$(value_in "$parent" "$1")" != "$value" ] || continue 2
                done
            fi
            echo "$id"
        done
}

history_is_gits() { # KEY PATHSPEC
    same "history of $1" "$(git_history "$2")" "$("$CHRONDB" history "$1" --no-value --format raw)"
}

@test "history across a merge: both sides are followed" {
    now 2026-11-21T08:00:00Z
    given put user:1 1
    given put user:2 1
    given put user:3 1
    clone
    git -C clone checkout -q -b side
    tick
    printf 2 >clone/user/1.json
    commit 'side changes 1'
    tick
    printf 2 >clone/user/3.json
    commit 'side changes 3'
    git -C clone checkout -q main
    tick
    printf 2 >clone/user/2.json
    commit 'main changes 2'
    tick
    printf 2 >clone/user/3.json
    commit 'main changes 3 to the same'
    tick
    git -C clone merge -q --no-ff -m merged side
    push
    history_is_gits user:1 user/1.json
    history_is_gits user:2 user/2.json
    history_is_gits user:3 user/3.json
    try log --format raw
    same 'commits of the branch' "$(git -C .chrondb log --first-parent --format=%H)" "$output"
    try log --limit 1
    same 'changes against the first parent' '["user:1"]' "$(jq -c '[.changes[].key]' <<<"$output")"
    now 2026-11-22T00:00:00Z
    given put user:1 3
    history_is_gits user:1 user/1.json
    sound
}

@test "history across a merge that resolved a conflict, and one that dropped a side" {
    now 2026-11-21T08:00:00Z
    given put user:1 1
    given put user:2 1
    clone
    git -C clone checkout -q -b side
    tick
    printf 2 >clone/user/1.json
    printf 2 >clone/user/2.json
    commit side
    git -C clone checkout -q main
    tick
    printf 3 >clone/user/1.json
    commit main
    tick
    git -C clone merge -q side >/dev/null 2>&1 || :
    printf 4 >clone/user/1.json
    commit resolved
    tick
    git -C clone checkout -q -b other
    printf 5 >clone/user/1.json
    commit other
    git -C clone checkout -q main
    tick
    git -C clone merge -q --no-ff -s ours -m dropped other
    push
    try get user:1
    prints 4
    history_is_gits user:1 user/1.json
    history_is_gits user:2 user/2.json
    try history user:1
    same ops '"update"
"update"
"update"
"update"
"create"' "$(jq -c .op <<<"$output")"
}

@test "history across any merges" {
    now 2026-11-21T08:00:00Z
    given put user:1 0
    given put user:2 0
    given put user:3 0
    clone
    RANDOM=17
    git -C clone branch b1
    git -C clone branch b2
    for ((i = 0; i < 60; i++)); do
        tick
        branch=$((RANDOM % 3))
        git -C clone checkout -q "$([ $branch = 0 ] && echo main || echo "b$branch")"
        if ((RANDOM % 4 == 0)); then
            git -C clone merge -q --no-ff -X theirs -m merge "b$((RANDOM % 2 + 1))" >/dev/null || git -C clone merge --abort
        else
            printf '%d' $((RANDOM % 3)) >"clone/user/$((RANDOM % 3 + 1)).json"
            commit "commit $i"
        fi
    done
    git -C clone checkout -q main
    tick
    git -C clone merge -q --no-ff -X ours -m octopus b1 >/dev/null
    tick
    git -C clone merge -q --no-ff -X ours -m octopus b2 >/dev/null
    push
    for key in 1 2 3; do
        history_is_gits "user:$key" "user/$key.json"
    done
    try log --format raw
    same 'commits of the branch' "$(git -C .chrondb log --first-parent --format=%H)" "$output"
    # Every state of the branch, by its time, is the tree of that commit.
    "$CHRONDB" log --limit 20 | jq -r '.commit + " " + .time' |
        while read -r id time; do
            same "user:1 at $time" "$(git -C .chrondb cat-file blob "$id:user/1.json")" "$("$CHRONDB" at "$time" user:1)"
        done
}

@test "a merge of more heads than anybody has" {
    given put user:1 1
    clone
    parents=()
    for ((i = 0; i < 70; i++)); do
        parents+=(-p "$(git -C clone commit-tree -m "side $i" 'HEAD^{tree}' </dev/null)")
    done
    merge=$(git -C clone commit-tree -m octopus -p HEAD "${parents[@]}" 'HEAD^{tree}' </dev/null)
    git -C clone push -q origin "$merge:refs/heads/main"
    try get user:1
    prints 1
    given put user:2 2
    try list --keys --format raw
    prints 'user:1
user:2'
    try log --format raw
    same commits 3 "${#lines[@]}"
}

# ---- branches, tags, refs ----

@test "packed refs, tags and other branches" {
    given put k 1
    clone
    git -C clone tag -a -m annotated v1
    git -C clone branch side
    git -C clone push -q origin v1 side
    git -C .chrondb pack-refs --all
    given put k 2
    try at v1 k
    prints 1
    try get k -b side
    prints 1
    given put k 3 -b side
    try get k -b side
    prints 3
    try get k
    prints 2
    git -C .chrondb pack-refs --all
    given put k 4
    try get k
    prints 4
}

@test "after git gc, repack and prune everything is there" {
    put_many user 100
    given put user:1 '"changed"'
    git -C .chrondb gc -q --prune=now
    given put user:2 '"changed"'
    git -C .chrondb repack -q -a
    try get user:1
    prints '"changed"'
    try get user:2
    prints '"changed"'
    given put user:3 '"changed"'
    try history user:1 --format raw
    prints '"changed"
1'
    sound
}
