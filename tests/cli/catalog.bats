#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The index is derived: wherever it is, whatever becomes of it, the answers are the same.

load helper

fill() {
    local i
    for i in 1 2 3 4 5 6; do
        now "2026-11-2${i}T10:00:00Z"
        given put "user:$i" "{\"n\":$i}"
        given put config "$i"
    done
    given delete user:3
}

# Everything that can be asked.
answers() {
    "$CHRONDB" list && "$CHRONDB" list --reverse --limit 2 --after user:4 && "$CHRONDB" list --table '' &&
        "$CHRONDB" count user: && "$CHRONDB" tables && "$CHRONDB" history config && "$CHRONDB" history user:3 &&
        "$CHRONDB" log && "$CHRONDB" log --since 2026-11-23 --until 2026-11-25 --reverse &&
        "$CHRONDB" at 2026-11-23T10:00 config && "$CHRONDB" list --at 2026-11-24T00:00 &&
        "$CHRONDB" at 'config@{2}' config && "$CHRONDB" count --at main~4 && "$CHRONDB" exists user:1 &&
        "$CHRONDB" info | jq -c '[.head,.time,.documents,.tables,.commits]'
}

expect_answers() { # WHEN
    local found
    found=$(answers)
    same "answers $1" "$expected" "$found"
}

covered() {
    "$CHRONDB" info | jq -r .index_commits
}

setup_answers() {
    export CHRONDB_TEST_FOREGROUND_MAINTENANCE=1 # nothing changes behind our back
    fill
    expected=$(CHRONDB_TEST_NO_CATALOG=1 answers)
    expect_answers 'with it'
    same covered 13 "$(covered)"
}

@test "removed: the same answers, and it comes back" {
    setup_answers
    rm -rf .chrondb/chrondb/index
    expect_answers 'without it'
    given reindex
    expect_answers 'built anew'
    same covered 13 "$(covered)"
}

@test "each file removed, emptied, cut or altered" {
    setup_answers
    given reindex
    given put late 1
    given delete late
    expected=$(CHRONDB_TEST_NO_CATALOG=1 answers)
    cp -r .chrondb/chrondb/index saved
    local file how size
    for file in saved/*; do
        size=$(stat -c %s "$file")
        for how in gone empty half middle end; do
            rm -rf .chrondb/chrondb/index
            cp -r saved .chrondb/chrondb/index
            local target=.chrondb/chrondb/index/${file#saved/}
            case $how in
            gone) rm "$target" ;;
            empty) : >"$target" ;;
            half) truncate -s $((size / 2)) "$target" ;;
            middle) printf '\252\252' | dd of="$target" bs=1 seek=$((size / 2)) conv=notrunc status=none ;;
            end) printf '\252\252' >>"$target" ;;
            esac
            expect_answers "with $file $how"
        done
    done
}

@test "damage is mended in the background" {
    setup_answers
    given reindex
    local file
    for file in .chrondb/chrondb/index/*.segment; do
        head -c "$(stat -c %s "$file")" /dev/zero | tr '\0' '\252' | dd of="$file" bs=1 seek=200 count=400 conv=notrunc status=none
    done
    local command
    for command in count 'history config' 'at 2026-11-23T10:00 config' list log; do
        # shellcheck disable=SC2086
        try $command
        [ "$status" -eq 0 ]
    done
    same covered 13 "$(covered)"
    expect_answers 'after that'
}

@test "an index of a newer format is none" {
    setup_answers
    given reindex
    printf '\377' | dd of=.chrondb/chrondb/index/main.manifest bs=1 seek=8 conv=notrunc status=none
    expect_answers 'beside it'
    given put more 1
    try count
    prints '{"count":7}'
}

@test "a link to a directory elsewhere" {
    mkdir elsewhere
    given init
    ln -s "$PWD/elsewhere" .chrondb/chrondb/index
    setup_answers
    [ -e elsewhere/main.manifest ]
    rm .chrondb/chrondb/index
    ln -s nowhere .chrondb/chrondb/index
    expect_answers 'with a link to nothing'
    given put more 1
    try count
    prints '{"count":7}'
}

@test "--index, CHRONDB_INDEX: elsewhere, for several databases" {
    export CHRONDB_INDEX=$PWD/made/indexes
    local name
    for name in one two; do
        mkdir $name
        given -C $name put k "\"$name\""
        given -C $name put k2 2
        same covered 2 "$("$CHRONDB" -C $name info | jq .index_commits)"
        [ ! -e $name/.chrondb/chrondb/index ]
    done
    same directories 2 "$(find made/indexes -mindepth 1 -maxdepth 1 -type d | wc -l)"
    given -C one put k3 3
    same 'keys of two' $'k\nk2' "$("$CHRONDB" -C two list --keys --format raw)"
    unset CHRONDB_INDEX
    same covered 3 "$("$CHRONDB" -C one --index ../made/indexes info | jq .index_commits)"
    same covered 0 "$("$CHRONDB" -C one info | jq .index_commits)"
    same 'keys of one' $'k\nk2\nk3' "$("$CHRONDB" -C one list --keys --format raw)"
}

@test "pushed and moved by git: caught up" {
    setup_answers
    local tree commit old i
    git -C .chrondb update-ref refs/heads/main main~3
    try count
    prints '{"count":6}'
    given gc
    same 'the files end there too' "$(git -C .chrondb rev-parse main)" \
        "$(python3 "$BATS_TEST_DIRNAME/read_index.py" .chrondb/chrondb/index refs/heads/main commits | tail -n1 | jq -r '.[0]')"
    tree=$(git -C .chrondb rev-parse 'main~2^{tree}')
    commit=$(git -C .chrondb -c user.name=G -c user.email=g@h commit-tree -p main -m foreign "$tree")
    git -C .chrondb update-ref refs/heads/main "$commit"
    expected=$(CHRONDB_TEST_NO_CATALOG=1 "$CHRONDB" list)
    same list "$expected" "$("$CHRONDB" list)"
    old=$("$CHRONDB" log | wc -l)
    for ((i = 0; i < 40; i++)); do
        commit=$(git -C .chrondb -c user.name=G -c user.email=g@h commit-tree -p "$commit" -m foreign "$tree")
    done
    git -C .chrondb update-ref refs/heads/main "$commit"
    same log $((old + 40)) "$("$CHRONDB" log | wc -l)"
    same covered $((old + 40)) "$(covered)" # so many are saved by who read them
}

@test "far behind: answered from the trees, caught up in the background" {
    given put k 1
    local tree commit
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    commit=$(git -C .chrondb rev-parse main)
    # shellcheck disable=SC2046
    {
        seq 700 | sed "s/.*/commit refs\/heads\/main\nmark :&\ncommitter G <g@h> 17953000&00 +0000\ndata 0\n/" | sed '0,/^data 0$/s//&\nfrom refs\/heads\/main^0/'
    } >stream
    git -C .chrondb fast-import --quiet <stream
    export CHRONDB_TEST_FOREGROUND_MAINTENANCE=1
    same commits 701 "$("$CHRONDB" log --limit 1000 | wc -l)"
    same covered 701 "$(covered)"
}

@test "where nothing can be written it is used, and not written" {
    setup_answers
    rm -rf .chrondb/chrondb/index
    local run=()
    if [ "$(id -u)" -eq 0 ]; then
        unshare -m true 2>/dev/null || skip 'root writes everywhere, and may not mount'
        run=(unshare -m sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"' "$PWD/.chrondb")
    else
        chmod -R a-w .chrondb
    fi
    same list "$("$CHRONDB" list --limit 3)" "$("${run[@]}" "$CHRONDB" list --limit 3)"
    same history 6 "$("${run[@]}" "$CHRONDB" history config | wc -l)"
    chmod -R u+w .chrondb
}
