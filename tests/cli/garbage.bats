#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files of a database that hold garbage: refs, HEAD, packs, the format, the journal. Told clearly or passed over, never a
# crash, never an endless loop. (hostile.bats has objects that git can store.)

load helper

# Every command that reads ends in time with one of these statuses, and says why if it fails.
survives() { # STATUS...
    local command
    for command in 'list' 'count' 'tables' 'get t:1' 'exists t:1' 'history t:1 --patch' 'log' 'info' 'diff 2000 now' \
        'get t:1 --at 2026-11-21T09:00'; do
        # shellcheck disable=SC2086
        run --separate-stderr timeout 20 "$CHRONDB" $command
        if [[ " $* " != *" $status "* ]] || { [ "$status" -gt 1 ] && [ -z "$stderr" ]; }; then
            printf 'chrondb %s: exit %d\n%s\n' "$command" "$status" "$stderr"
            return 1
        fi
    done
}

prepare() {
    given put t:1 '{"n":1}'
    now 2026-11-21T12:00:00Z
}

# Where all is sound again writes go on.
writes() {
    run --separate-stderr timeout 20 "$CHRONDB" put t:w '"w"'
    same 'status of a write' 0 "$status"
    try get t:w
    prints '"w"'
}

# The command tells of damage, and nothing else.
tells_damage() {
    run --separate-stderr timeout 20 "$CHRONDB" "$@"
    fails_like 7 'chrondb: *'
}

# The journal would mend objects; without it there is nothing to mend them with.
forget_journal() {
    rm -f .chrondb/chrondb/journal .chrondb/chrondb/state
    chmod -R u+w .chrondb/objects
}

garbage_refs() { # HEAD ID: what the file of a branch may hold that is no ref, as formats of printf
    printf '%s\n' 'garbage\n' '' '\0\0\0\0' "${1:0:39}\n" "${1}0\n" "$1 garbage\n" "$1$1" 'ref: \n' \
        'ref: ../../etc/passwd\n' 'ref: refs/heads/main\n' 'ref: refs/heads/a..b\n' "$(printf '%05000d' 7)"
}

@test "refs that are garbage" {
    # The journal knows where the branch was: reads go on, and the next write puts the file right.
    local bytes n=0
    while IFS= read -r bytes; do
        n=$((n + 1))
        given put k "$n"
        printf -- "$bytes" >.chrondb/refs/heads/main
        try get k
        prints "$n"
        given put other "$n"
        try list --keys
        prints $'{"key":"k"}\n{"key":"other"}'
        same commits "$((2 * n))" "$(git -C .chrondb rev-list --count main)"
    done < <(garbage_refs "$(printf '%040d' 7)")
    [ "$n" -gt 10 ]
    git -C .chrondb fsck --strict
}

@test "refs that are garbage, and no journal" {
    prepare
    forget_journal
    local head bytes n=0
    head=$(head_of)
    while IFS= read -r bytes; do
        n=$((n + 1))
        printf -- "$bytes" >.chrondb/refs/heads/main
        tells_damage list
        [[ $stderr == *refs/heads/main* ]]
        tells_damage log
        tells_damage put t:2 2
        same 'the ref' "$(printf -- "$bytes" | od -c)" "$(od -c <.chrondb/refs/heads/main)"
        forget_journal
    done < <(garbage_refs "$head")
    [ "$n" -gt 10 ]
    printf '%040d\n' 7 >.chrondb/refs/heads/main # the id of nothing
    tells_damage list
    tells_damage put t:2 2
    printf '%s\n' "$head" >.chrondb/refs/heads/main
    writes
}

@test "another branch that is garbage is nobody's business but its own" {
    prepare
    echo garbage >.chrondb/refs/heads/other
    survives 0 1
    writes
    tells_damage -b other list
    tells_damage -b other put t:2 2
    tells_damage get t:1 --at other
    # Where our own records are gone nobody knows that it never was of any use.
    : >.chrondb/refs/heads/other
    forget_journal
    writes
    tells_damage -b other list
}

@test "refs in a ring, and a directory in a ref's place" {
    prepare
    printf 'ref: refs/heads/b\n' >.chrondb/refs/heads/a
    printf 'ref: refs/heads/a\n' >.chrondb/refs/heads/b
    tells_damage -b a list
    tells_damage -b a put k 1
    mkdir -p .chrondb/refs/heads/dir/ectory
    try -b dir list
    fails_like 2 "chrondb: there is no branch 'dir'"
    survives 0 1
    writes
}

@test "a HEAD that is garbage" {
    prepare
    local bytes
    cp .chrondb/refs/heads/main id
    for bytes in 'garbage\n' '' '\0' 'ref: nowhere\n' 'ref: refs/../x\n' 'ref:\n'; do
        printf -- "$bytes" >.chrondb/HEAD
        for command in list 'put t:2 2' init; do
            # shellcheck disable=SC2086
            run --separate-stderr timeout 20 "$CHRONDB" $command
            [ "$status" -eq 7 ] || [ "$status" -eq 6 ] || { [ "$command" = init ] && [ "$status" -eq 0 ]; }
            [ "$status" -eq 0 ] || [[ $stderr == 'chrondb: '* ]]
        done
    done
    cp id .chrondb/HEAD
    try list
    fails_like 2 'chrondb: HEAD names a commit, not a branch: *'
    try -b main list
    prints '{"key":"t:1","value":{"n":1}}'
    printf 'ref: refs/heads/main\n' >.chrondb/HEAD
    writes
}

@test "a packed-refs that is garbage" {
    prepare
    local head
    head=$(head_of)
    # The loose ref counts, and lines that are none are nobody's.
    printf '\0\xff garbage\n%s\n^\n refs/heads/main\n%s' "$head" "$head refs/heads/mai" >.chrondb/packed-refs
    survives 0 1
    writes
    read -r head <.chrondb/refs/heads/main
    rm -r .chrondb/refs/heads/main .chrondb/chrondb/state .chrondb/chrondb/journal
    printf '%040d refs/heads/other\nzzzz%s refs/heads/main\n' 7 "${head:4}" >|.chrondb/packed-refs
    tells_damage list
    tells_damage put t:2 2
    printf '# pack-refs with: peeled fully-peeled sorted\n%s refs/heads/main' "$head" >|.chrondb/packed-refs
    try get t:w
    prints '"w"'
    writes
}

@test "a loose object without content, or with garbage" {
    prepare
    given put t:2 22
    forget_journal
    local blob file
    blob=$(git -C .chrondb rev-parse main:t/2.json)
    file=.chrondb/objects/${blob:0:2}/${blob:2}
    : >"$file"
    tells_damage get t:2
    [[ $stderr == *"'t:2'"*"$blob"* ]]
    try get t:1
    prints '{"n":1}'
    mkdir -p "${file%/*}"
    printf 'garbage' >"$file"
    tells_damage get t:2
    survives 0 1 7
    # Put again, it is there again.
    given put t:2 '"other"'
    given put t:2 22
    try get t:2
    prints 22
    git -C .chrondb fsck --strict --no-dangling
}

@test "a loose object of other content than its name says" {
    prepare
    given put t:2 22
    given put t:3 33
    forget_journal
    local two three file
    two=$(git -C .chrondb rev-parse main:t/2.json)
    three=$(git -C .chrondb rev-parse main:t/3.json)
    file=.chrondb/objects/${three:0:2}/${three:2}
    # A header that promises more than there is, and such as are none.
    for content in 'b"blob 67108864\0x"' 'b"blob 99999999999999999999\0x"' 'b"blob -1\0x"' \
        'b"blob 2"' 'b"33"' 'b"tree 2\00033"'; do
        python3 -c "import sys, zlib; sys.stdout.buffer.write(zlib.compress($content))" >|"$file"
        tells_damage get t:3
        survives 0 1 7
    done
    cp -f ".chrondb/objects/${two:0:2}/${two:2}" "$file"
    survives 0 1 7
    try get t:2
    prints 22
}

@test "a loose object that is longer than its header says" {
    prepare
    given put t:3 33
    forget_journal
    local three
    three=$(git -C .chrondb rev-parse main:t/3.json)
    for size in 10 100 300000000; do
        python3 -c "import sys, zlib; sys.stdout.buffer.write(zlib.compress(b'blob 2\0' + bytes($size)))" \
            >|".chrondb/objects/${three:0:2}/${three:2}"
        tells_damage get t:3
        tells_damage list t:3
    done
}

@test "packs that are cut short or overwritten" {
    seq 200 | jq -c '{op: "put", key: "t:\(.)", value: .}' | "$CHRONDB" batch >/dev/null
    now 2026-11-21T12:00:00Z
    git -C .chrondb repack -aq # with -d git refuses, as the configuration demands
    forget_journal
    find .chrondb/objects -path '*/objects/??/*' -delete
    local pack index size cut at
    pack=$(ls .chrondb/objects/pack/*.pack)
    index=${pack%.pack}.idx
    cp "$pack" whole.pack
    cp "$index" whole.idx
    size=$(stat -c %s "$pack")
    for cut in 0 1 11 12 40 $((size / 2)); do
        head -c "$cut" whole.pack >|"$pack"
        run --separate-stderr timeout 20 "$CHRONDB" list
        same "status, a pack of $cut bytes" 7 "$status"
        [[ $stderr == 'chrondb: '* ]]
        tells_damage put t:1 1000
    done
    cp whole.pack "$pack"
    size=$(stat -c %s whole.idx)
    for cut in 0 7 8 1000 $((size / 2)) $((size - 1)); do
        head -c "$cut" whole.idx >|"$index"
        run --separate-stderr timeout 20 "$CHRONDB" list
        same "status, an index of $cut bytes" 7 "$status"
        [[ $stderr == 'chrondb: '* ]]
    done
    cp whole.idx "$index"
    for at in 4 8 12 100 1000 1032 1100 3000 $((size - 60)); do
        printf '\xff\xff\xff\xff\xff\xff\xff\xff' | dd of="$pack" bs=1 seek="$at" conv=notrunc status=none
        survives 0 1 7
        cp whole.pack "$pack"
        printf '\xff\xff\xff\xff\xff\xff\xff\xff' | dd of="$index" bs=1 seek="$at" conv=notrunc status=none
        survives 0 1 7
        cp whole.idx "$index"
    done
    given put t:201 201
    try count
    prints '{"count":201}'
    git -C .chrondb fsck --strict --no-dangling
}

@test "formats that are not ours" {
    prepare
    local bytes head command
    head=$(head_of)
    for bytes in '2\n' '10\n' '4294967297\n' '18446744073709551617\n'; do
        printf -- "$bytes" >.chrondb/chrondb/format
        for command in list 'put t:2 2' init info; do
            # shellcheck disable=SC2086
            try $command
            fails_like 6 'chrondb: *format*'
            # shellcheck disable=SC2086
            try --format json $command
            same "code of $command" unsupported "$(jq -r .error.code <<<"$stderr")"
        done
    done
    for bytes in 'garbage\n' '\0' '1' '2' '1garbage\n' '-1\n' '0\n' '0x1\n' "$(printf '%0100d' 1)"; do
        printf -- "$bytes" >.chrondb/chrondb/format
        for command in list 'put t:2 2' init; do
            # shellcheck disable=SC2086
            try $command
            [ "$status" -eq 6 ] || [ "$status" -eq 7 ]
            [[ $stderr == 'chrondb: '* ]]
        done
    done
    same head "$head" "$(head_of)"
    printf '1\n' >.chrondb/chrondb/format
    writes
}

@test "a state and a journal that are garbage" {
    prepare
    local bytes
    for bytes in '' 'garbage' "$(printf '%05000d' 7)" 'CDBR\xff\xff\xff\xff\xff\xff\xff\xff'; do
        printf -- "$bytes" >.chrondb/chrondb/journal
        survives 0 1
        writes
        given delete t:w
        printf -- "$bytes" >.chrondb/chrondb/state
        survives 0 1
        writes
        given delete t:w
        head -c 5000000 /dev/urandom >|.chrondb/chrondb/journal
        head -c 5000 /dev/urandom >|.chrondb/chrondb/state
        survives 0 1
        writes
        given delete t:w
    done
    git -C .chrondb fsck --strict --no-dangling
}
