#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# chrondb-format(5) is complete: read_format.py, which knows the page alone, finds in a repository what chrondb finds, and
# chrondb reads what git wrote by the page. (The page's own commands run in manpages.bats.)

load helper

page=$BATS_TEST_DIRNAME/../../man/chrondb-format.5

read_format() {
    python3 "$BATS_TEST_DIRNAME/read_format.py" "$@"
}

# What chrondb lists, each value as the text it was put as.
listed() { # [OPTION...]
    "$CHRONDB" list --keys --format raw "$@" | while IFS= read -r key; do
        printf '%s\0' "$key"
        "$CHRONDB" get "$key" "$@" | sha1sum
    done | tr '\0' ' '
}

read_by_the_page() { # [COMMIT]
    read_format .chrondb documents "$@" |
        python3 -c '
import hashlib, json, sys
for line in sys.stdin:
    record = json.loads(line)
    text = record["value"] if record["value"].endswith("\n") else record["value"] + "\n"
    print(record["key"], hashlib.sha1(text.encode()).hexdigest() + "  -")'
}

agrees() {
    same documents "$(listed)" "$(read_by_the_page)"
    same log "$("$CHRONDB" log | jq -c '[.commit, .time]')" "$(read_format .chrondb log | jq -c '[.commit, .time]')"
}

canonical() {
    same layout "$(read_format .chrondb layout)" \
        "$(git -C .chrondb -c core.quotePath=false ls-tree -r --format='%(objectmode) %(path)' HEAD | LC_ALL=C sort)"
}

@test "the keys of the page's table, and their paths" {
    local key path
    given init
    sed -n '/^\.It Em key Ta Em path$/,/^\.El$/p' "$page" | sed -n 's/\\&//g; s/^\.It \([^E].*\) Ta \(.*\)/\1\t\2/p' >table
    [ "$(wc -l <table)" -ge 9 ]
    while IFS=$'\t' read -r key path; do
        given put "$key" '"x"'
        same "path of $key" 'x' "$(git -C .chrondb cat-file blob "main:$path" | jq -r .)"
        same "path of $key" "$path" "$(read_format .chrondb path "$key")"
    done <table
    same files "$(cut -f2 table | LC_ALL=C sort)" "$(git -C .chrondb ls-tree -r --name-only main | LC_ALL=C sort)"
}

@test "the page's examples of the fan-out" {
    put() { # FROM TO FORM
        seq "$1" "$2" | sed "s/.*/{\"op\":\"put\",\"key\":\"$3\",\"value\":1}/" | "$CHRONDB" batch >/dev/null
    }
    place() {
        git -C .chrondb ls-tree -r --name-only main | grep -E '(^|/)user/(./)*1\.json$'
    }
    put 1 64 'user:&'
    same place user/1.json "$(place)"
    put 65 66 'user:&'
    same place user/3/1.json "$(place)"
    put 67 2000 'user:&'
    same place user/3/5/1.json "$(place)"
    put 1 63 't&:x'
    same place user/3/5/1.json "$(place)"
    put 64 64 't&:x'
    same place 1/user/3/5/1.json "$(place)"
    canonical
    for i in $(seq 67 2000); do
        echo "{\"op\":\"delete\",\"key\":\"user:$i\"}"
    done | "$CHRONDB" batch >/dev/null
    same place 1/user/3/1.json "$(place)"
    given delete user:66 user:65 t64:x
    same place user/1.json "$(place)"
    canonical
}

@test "keys and documents of every kind" {
    local key
    for key in config a _ _:x a:1 F:1 0:0 g:1 user:1 user:1:2 user:: 'user:a/b c' user:% user:%25 user:. user:.. \
        .git:config ..:x %:% '50%:~' é:ü 日本:語 😀:😀 $'user:\x01\t' user:a.json .json 'user: ' ' ' con:nul A:1; do
        given put "$key" "{\"key\" :  \"$RANDOM\"}"
    done
    printf '1.10' | "$CHRONDB" put "$(printf 't%.0s' {1..255}):$(printf 'i%.0s' {1..250})" >/dev/null
    printf '[ 1,\n2 ]\n' | "$CHRONDB" put lines >/dev/null
    given delete user:1:2
    agrees
    canonical
}

@test "a history of batches" {
    local i
    RANDOM=5
    for ((i = 0; i < 25; i++)); do
        now "2026-11-21T1$((RANDOM % 10)):00:00.5Z" # forwards and backwards
        for ((k = 0; k < 30; k++)); do
            if ((RANDOM % 3 == 0)); then
                printf '{"op":"delete","key":"t%d:%d","if_exists":true}\n' $((RANDOM % 4)) $((RANDOM % 60))
            else
                printf '{"op":"put","key":"t%d:%d","value":%d}\n' $((RANDOM % 4)) $((RANDOM % 60)) $((RANDOM % 9))
            fi
        done | "$CHRONDB" batch --meta "n=$i %" --meta "a b=c=d"$'\n' >/dev/null 2>&1
    done
    agrees
    canonical
    same meta "$("$CHRONDB" log | jq -c '.meta | to_entries | map(.key + "=" + .value)')" \
        "$(read_format .chrondb log | jq -c .meta)"
    # Every eighth state, by its commit; and the commits of some moments.
    read_format .chrondb log | jq -r '.commit + " " + .time' | sed -n '0~8p' | while read -r id time; do
        same "documents of $id" "$(listed --at "$id")" "$(read_by_the_page "$id")"
        same "commit at $time" "$id" "$(read_format .chrondb at "$time")"
    done
    for time in 2026-11-21T09:59:59.000000000Z 2026-11-21T15:00:00.500000000Z 2026-11-22T00:00:00.000000000Z; do
        expected=$("$CHRONDB" log --until "$time" --limit 1 --format raw)
        same "commit at $time" "${expected:-none}" "$(read_format .chrondb at "$time")"
    done
}

@test "trees that are not canonical" {
    local i
    seq 200 | sed 's/.*/{"op":"put","key":"user:&","value":&}/' | "$CHRONDB" batch >/dev/null
    # Documents anywhere: on their way, beside it, twice; and what is none.
    export GIT_INDEX_FILE=$PWD/index
    git -C .chrondb read-tree main
    blob=$(echo '"pushed"' | git -C .chrondb hash-object -w --stdin)
    for path in user/1.json user/3/5/1.json user/7/1.json user/new.json 1/user/2.json 1/2/user/3.json 2/user/4.json \
        user/a/b/c/x.json _/x.json _/a%3Ab.json 'a b/1.json' user/%31.json README user/notes.txt x.json/y.json; do
        echo "100644 $blob	$path"
    done | git -C .chrondb update-index --add --index-info
    echo "120000 $blob	user/link.json" | git -C .chrondb update-index --add --index-info
    echo "100755 $blob	user/run.json" | git -C .chrondb update-index --add --index-info
    tree=$(git -C .chrondb write-tree)
    unset GIT_INDEX_FILE
    commit=$(git -C .chrondb -c user.name=me -c user.email=me@example.org commit-tree -p main -m foreign "$tree")
    git -C .chrondb update-ref refs/heads/main "$commit"
    agrees
    try get user:1
    prints '"pushed"'
    given put other:1 1
    agrees
    same documents "$(read_format .chrondb layout)" "$(git -C .chrondb ls-tree -r --format='%(objectmode) %(path)' main |
        grep -vxE '[0-9]+ (user/7/1\.json|2/user/4\.json|user/a/b/c/x\.json|_/a%3Ab\.json|a b/1\.json|user/%31\.json|README|user/notes\.txt|x\.json/y\.json|user/link\.json)' | LC_ALL=C sort)"
}

@test "written by the page, for any key" {
    local key
    given init
    for key in user:1 'user:a/b c' config a:1 é:ü .x:.y '%:%'; do
        path=$(read_format .chrondb path "$key")
        blob=$(printf '{"written":"by git"}' | git -C .chrondb hash-object -w --stdin)
        export GIT_INDEX_FILE=$PWD/index
        rm -f index
        ! old=$(git -C .chrondb rev-parse --verify -q main) || git -C .chrondb read-tree "$old"
        git -C .chrondb update-index --add --cacheinfo "100644,$blob,$path"
        tree=$(git -C .chrondb write-tree)
        unset GIT_INDEX_FILE
        commit=$(printf 'put\n\nChrondb-Time: 2026-11-21T09:00:00.000000000Z\nChrondb-Meta: key=%s\n' "${key//%/%25}" |
            GIT_AUTHOR_DATE='@1795251600 +0000' GIT_COMMITTER_DATE='@1795251600 +0000' \
                git -C .chrondb -c user.name=me -c user.email=me@example.org commit-tree ${old:+-p "$old"} "$tree")
        git -C .chrondb update-ref refs/heads/main "$commit" "$old"
        try get "$key"
        prints '{"written":"by git"}'
        try log --limit 1
        same meta "$key" "$(jq -r .meta.key <<<"$output")"
        same message put "$(member message)"
        same change "[{\"key\":\"$key\",\"op\":\"create\"}]" "$(jq -c .changes <<<"$output")"
    done
    agrees
    given put user:1 2
    agrees
    canonical
    git -C .chrondb fsck --strict --no-dangling --no-progress
}

@test "a newer format, and none" {
    given put k 1
    printf '2\n' >.chrondb/chrondb/format
    try get k
    same 'exit status' 6 "$status"
    try put k 2
    same 'exit status' 6 "$status"
    same 'head' 1 "$(git -C .chrondb rev-list --count main)"
    printf 'x' >.chrondb/chrondb/format
    try get k
    same 'exit status' 7 "$status"
}

@test "the lock of chrondb-format(5) keeps a writer out, and no reader" {
    given put k 1
    python3 - <<'PYTHON' &
import fcntl, os, struct, time
lock = open(".chrondb/chrondb/lock", "r+")
F_OFD_SETLK = 37
fcntl.fcntl(lock, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
open("held", "w").close()
while not os.path.exists("enough"):
    time.sleep(0.01)
PYTHON
    while [ ! -e held ]; do sleep 0.01; done
    try put k 2 --lock-timeout 0.1
    same 'exit status' 5 "$status"
    try get k
    prints 1
    touch enough
    try put k 2
    same status updated "$(member status)"
    wait
}
