#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Objects wherever git may have them: packs with deltas of any kind, of both versions of the index, alternates.

load helper

fill() {
    local i
    for ((i = 1; i <= 40; i++)); do
        echo "{\"op\":\"put\",\"key\":\"user:$((i % 4))\",\"value\":{\"n\":$i,\"text\":\"the same words in every version\"}}" |
            "$CHRONDB" batch >/dev/null
    done
}

# All that is read, in one text.
everything() {
    "$CHRONDB" list && "$CHRONDB" history user:1 && "$CHRONDB" log && "$CHRONDB" list --at main~20 && "$CHRONDB" count
}

# Into packs, by git, in that way.
pack() {
    git -C .chrondb "$@"
    git -C .chrondb prune-packed -q
    rm -rf .chrondb/chrondb/index
    same loose 0 "$(find .chrondb/objects -path '*/??/*' -type f | wc -l)"
}

@test "deep chains, REF_DELTAs, an old index" {
    fill
    local before
    before=$(everything)
    pack repack -a -q -f --depth=200 --window=50
    same 'deep chains' "$before" "$(everything)"
    git index-pack --index-version=1 -o old.idx .chrondb/objects/pack/*.pack >/dev/null
    mv -f old.idx "$(ls .chrondb/objects/pack/*.idx)"
    rm -f .chrondb/objects/pack/*.rev
    same 'version 1' "$before" "$(everything)"
    git -C .chrondb rev-list --objects --all | cut -d' ' -f1 |
        git -C .chrondb -c repack.useDeltaBaseOffset=false pack-objects -q --no-reuse-delta objects/pack/pack >name
    for file in .chrondb/objects/pack/pack-*; do
        [[ $file == *"$(cat name)"* ]] || rm -f "$file"
    done
    same 'REF_DELTAs' "$before" "$(everything)"
    given gc
    same 'after gc' "$before" "$(everything)"
    git -C .chrondb fsck --strict --full
}

@test "many packs, and an index over them" {
    local i
    for ((i = 0; i < 12; i++)); do
        given put "user:$i" "$i"
        git -C .chrondb repack -q
        git -C .chrondb prune-packed -q
    done
    same packs 12 "$(ls .chrondb/objects/pack/*.pack | wc -l)"
    try count
    prints '{"count":12}'
    git -C .chrondb multi-pack-index write
    try list --keys --reverse --limit 1
    prints '{"key":"user:9"}'
    given gc
    [ ! -e .chrondb/objects/pack/multi-pack-index ]
    try count
    prints '{"count":12}'
    git -C .chrondb fsck --strict --full
}

@test "alternates, of alternates, relative and absolute" {
    fill
    local before
    before=$(everything)
    mkdir one
    mv .chrondb/objects/?? one/
    mkdir -p one/pack one/info .chrondb/objects/info
    echo "$PWD/one" >.chrondb/objects/info/alternates
    same 'loose there' "$before" "$(everything)"
    mkdir -p two/pack
    mv one/?? two/
    printf '# a comment\n/does/not/exist\n../two\n' >one/info/alternates
    same 'loose further away' "$before" "$(everything)"
    echo ../one >two/info/alternates 2>/dev/null || { mkdir two/info; echo ../one >two/info/alternates; }
    pack repack -a -q
    mv .chrondb/objects/pack/* two/pack/
    find two -path '*/??/*' -type f ! -path '*/pack/*' -delete
    same 'packed there' "$before" "$(everything)"
    try get user:1 --at "$(git -C .chrondb rev-parse main | cut -c1-10)"
    same status 0 "$status"
    given put new:1 1
    try count
    prints '{"count":5}'
}

@test "an abbreviation that several packs could mean" {
    fill
    pack repack -a -q
    local id
    id=$(git -C .chrondb rev-parse main~3)
    try get user:1 --at "commit:${id:0:12}"
    same status 0 "$status"
    try get user:1 --at commit:0000000000
    same status 2 "$status"
}
