#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Objects and refs that no git would write, as somebody may push them: ignored where that is possible, told where not;
# never a crash, never an endless loop.

load helper

write_object() {
    python3 "$BATS_TEST_DIRNAME/write_objects.py" .chrondb "$@"
}

# The branch becomes a commit of that tree on its head.
commit_tree() { # TREE
    local head
    head=$(git -C .chrondb rev-parse --verify -q main || :)
    printf 'tree %s\n%sauthor A <a> 1795255200 +0000\ncommitter A <a> 1795255200 +0000\n\nhostile\n' "$1" \
        "${head:+parent $head
}" | write_object commit >id
    cat id >.chrondb/refs/heads/main
}

# The root tree gets one directory more, or instead.
commit_table() { # TABLE TREE
    # shellcheck disable=SC2046
    commit_tree "$(write_object tree $(git -C .chrondb ls-tree main |
        grep -v "	$1\$" | sed 's/^0\?\([0-9]*\) [a-z]* \([0-9a-f]*\)\t\(.*\)/\1 \3 \2/') 40000 "$1" "$2")"
}

# Every command ends, and in no other way than it says.
calm() {
    local command
    while read -r command; do
        # shellcheck disable=SC2086
        run timeout 30 "$CHRONDB" $command </dev/null
        if [ "$status" -gt 8 ]; then
            printf '%s: exit status %d\n%s\n' "$command" "$status" "$output"
            return 1
        fi
    done <<'COMMANDS'
get user:1
get user:1 user:2 --records
exists user:1
list
list --keys
list user: --reverse
count
tables
history user:1
history user:1 --patch
log
info
diff main~1
blame user:1
watch --since 2020 --once
at 2026-11-21T12:00:00Z user:1
at yesterday user:1
at user:1@{1} user:1
list --at main~1
put user:1 {"calm":1}
patch user:1 {"calm":2}
put other:new 1
delete user:1
restore --all --at main~1
list
COMMANDS
}

setup_database() {
    given put user:1 '{"a":1}'
    given put user:2 2
    given put other:1 3
    blob=$(git -C .chrondb rev-parse main:user/2.json)
    table=$(git -C .chrondb rev-parse main:user)
}

@test "strange modes" {
    setup_database
    commit_table user "$(write_object tree 100644 1.json "$blob" 100600 2.json "$blob" 0 3.json "$blob" \
        40755 4 "$table" 140000 5.json "$blob" 177777 6.json "$blob" 0100644 7.json "$blob" 010644 8.json "$blob")"
    try list user: --keys --format raw
    prints 'user:1
user:2
user:7'
    given put user:9 9
    try list user: --keys --format raw
    prints 'user:1
user:2
user:7
user:9'
    calm
}

@test "modes that are none" {
    setup_database
    for mode in 8 10064x -100644 99999999999999999999 '' '100644 '; do
        commit_table user "$(write_object tree "$mode" 1.json "$blob")"
        try get user:1
        if [ "$mode" != '100644 ' ]; then
            same "exit status with mode '$mode'" 7 "$status"
            [[ $stderr == *"tree $(git -C .chrondb rev-parse main:user)"* ]]
        fi
        try get other:1
        prints 3
        try put user:1 1
        [ "$status" -eq 7 ] || [ "$mode" = '100644 ' ]
        given put other:1 3 --message same
    done
}

@test "names that git forbids, and such as it does not know" {
    setup_database
    commit_tree "$(write_object tree 40000 . "$table" 40000 .. "$table" 40000 .git "$table" 40000 .GIT "$table" \
        40000 'a/b' "$table" 40000 '\xff' "$table" 40000 '%00' "$table" 40000 '%3A' "$table" 40000 'git~1' "$table" \
        40000 user "$table")"
    try list --keys --format raw
    prints 'user:1
user:2'
    commit_table user "$(write_object tree 100644 ..json "$blob" 100644 .json "$blob" 100644 'a/b.json' "$blob" \
        100644 '\xff.json' "$blob" 100644 '\xc0\x80.json' "$blob" 100644 '\xed\xa0\x80.json' "$blob" 100644 '%00.json' "$blob" \
        100644 "$(printf 'n%.0s' {1..300}).json" "$blob" 100644 ok.json "$blob")"
    try list --keys --format raw
    prints 'user:ok'
    given put user:3 3
    try count user: --format raw
    prints 2
    # What is no key's is where it was.
    same names 8 "$(git -C .chrondb ls-tree main:user | grep -vcE '	(3|ok)\.json$')"
    calm
}

@test "a name that is empty, and trees that are cut" {
    setup_database
    commit_table user "$(write_object tree 100644 '' "$blob")"
    try list
    same 'exit status' 7 "$status"
    for content in '100644 1.json' '100644 1.json\0abc' '100644' '1' '\0' '100644 1.json\0aaaaaaaaaaaaaaaaaaaa100644'; do
        commit_table user "$(printf "$content" | write_object raw tree)"
        try get user:1
        same "exit status of '$content'" 7 "$status"
        try list other: --format raw
        prints 3
    done
    calm
}

@test "entries twice, out of order, files and directories of one name" {
    setup_database
    three=$(git -C .chrondb rev-parse main:other/1.json)
    commit_table user "$(write_object tree 100644 2.json "$blob" 100644 1.json "$blob" 100644 1.json "$three" \
        40000 1.json "$table" 40000 7 "$table" 100644 7 "$blob")"
    try list user: --format raw
    prints '3
2'
    try get user:1
    prints 3
    given put user:2 22
    try list user: --format raw
    prints '3
22'
    calm
}

@test "directories in directories, ten thousand deep" {
    setup_database
    commit_table user "$(write_object nested 10000 3 "$table")"
    try list user:
    prints ''
    calm
    commit_tree "$(write_object nested 10000 1 "$(git -C .chrondb rev-parse 'main^{tree}')")"
    try list
    prints ''
    commit_table user "$(write_object nested 10000 x "$table")"
    given put user:1 1
    try list --format raw
    prints 1
    calm
}

@test "one directory in more places than can be walked" {
    setup_database
    commit_table user "$(write_object bomb "$table")"
    try get user:1
    prints '{"a":1}'
    try list
    same 'exit status' 7 "$status"
    [[ $stderr == *'too many places'* ]]
    try list other: --format raw
    prints 3
    try diff main~1
    same 'exit status' 7 "$status"
    calm
    commit_tree "$(write_object bomb "$(git -C .chrondb rev-parse 'main^{tree}')")"
    try list
    same 'exit status' 7 "$status"
    calm
}

@test "commits that lack what commits have" {
    setup_database
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    head=$(head_of)
    for header in '' "parent $head" "parent $head
committer C <c> 1795255300 +0000" "parent $head
author A <a>" "parent $head
author A <a> 99999999999999999999 +0000
committer A <a> 99999999999999999999 +0000" "parent $head
author
committer" "parent $head
author > < 5
committer C <c> -99999999999999999999 -9999"; do
        printf 'tree %s\n%s\nmessage' "$tree" "${header:+$header
}" | write_object commit >.chrondb/refs/heads/main
        try get user:1
        prints '{"a":1}'
        try log --limit 1
        same "exit status of log with '$header'" 0 "$status"
        same message message "$(member message)"
        [ -z "$header" ] || calm
    done
}

@test "commits that are none" {
    setup_database
    head=$(head_of)
    for content in '' 'tree' "tree $blob" "tree x
parent $head" "parent $head" "tree $table
parent $blob
author A <a> 1 +0000
committer A <a> 2 +0000"; do
        printf '%s' "$content" | write_object commit >.chrondb/refs/heads/main
        calm
        for command in 'log' 'history user:1' 'put user:1 5'; do
            # shellcheck disable=SC2086
            try $command
            same "exit status of $command with '$content'" 7 "$status"
        done
        [[ $stderr == *"$(cat .chrondb/refs/heads/main)"* || $stderr == *"$blob"* ]]
    done
    printf '%s\n' "$head" >.chrondb/refs/heads/main
    try get user:1
    prints '{"a":1}'
}

@test "a branch that names no commit" {
    setup_database
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    for id in "$blob" "$tree" 1111111111111111111111111111111111111111; do
        printf '%s\n' "$id" >.chrondb/refs/heads/main
        try get user:1
        same "exit status with $id" 7 "$status"
        [[ $stderr == *"$id"* ]]
        try put user:1 5
        same "exit status of put with $id" 7 "$status"
        calm
    done
}

@test "tags of tags, and of what is no commit" {
    setup_database
    head=$(head_of)
    tag() { # OBJECT TYPE
        printf 'object %s\ntype %s\ntag x\ntagger T <t> 1 +0000\n\nm\n' "$1" "$2" | write_object tag
    }
    id=$head
    for ((i = 0; i < 5; i++)); do
        id=$(tag "$id" "$([ $i = 0 ] && echo commit || echo tag)")
    done
    mkdir -p .chrondb/refs/tags
    echo "$id" >.chrondb/refs/tags/deep
    try at deep user:1
    prints '{"a":1}'
    for ((i = 0; i < 10; i++)); do
        id=$(tag "$id" tag)
    done
    echo "$id" >.chrondb/refs/tags/deep
    try at deep user:1
    same 'exit status' 2 "$status"
    tag "$blob" blob >.chrondb/refs/tags/blob
    try at blob user:1
    fails_like 2 "chrondb: cannot tell when 'blob' is: *"
    tag 1111111111111111111111111111111111111111 commit >.chrondb/refs/tags/missing
    try at missing user:1
    same 'exit status' 7 "$status"
    printf 'object' | write_object tag >.chrondb/refs/tags/cut
    try at cut user:1
    same 'exit status' 2 "$status"
    printf 'ref: refs/tags/b\n' >.chrondb/refs/tags/a
    printf 'ref: refs/tags/a\n' >.chrondb/refs/tags/b
    try at a user:1
    same 'exit status' 7 "$status"
    calm
}

@test "a document larger than any may be" {
    setup_database
    large=$(write_object blob $((65 << 20)))
    commit_table user "$(write_object tree 100644 1.json "$large" 100644 2.json "$blob")"
    try get user:1
    same 'exit status' 7 "$status"
    [[ $stderr == *"user:1"*"$large"* ]]
    try get user:2
    prints 2
    try list --keys --format raw
    prints 'other:1
user:1
user:2'
    try list
    same 'exit status' 7 "$status"
    git -C .chrondb repack -q -a
    try get user:1
    same 'exit status' 7 "$status"
    try patch user:1 a=1
    same 'exit status' 7 "$status"
    given put user:1 1
    try list --format raw
    prints '3
1
2'
    calm
}

@test "objects that are missing or damaged" {
    setup_database
    damaged=$(echo '{"will be":"damaged"}' | git -C .chrondb hash-object -w --stdin)
    missing=2222222222222222222222222222222222222222
    commit_table user "$(write_object tree 100644 1.json "$damaged" 100644 2.json "$missing" 100644 3.json "$blob" 100644 4.json "$table")"
    file=.chrondb/objects/${damaged:0:2}/${damaged:2}
    chmod u+w "$file"
    for content in '' 'x' "$(printf 'x%.0s' {1..100})"; do
        printf '%s' "$content" >"$file"
        try get user:1
        same 'exit status' 7 "$status"
        [[ $stderr == *"user:1"*"$damaged"* ]]
    done
    try get user:2
    same 'exit status' 7 "$status"
    [[ $stderr == *"user:2"*"$missing"* ]]
    try get user:3
    prints 2
    try get user:4
    same 'exit status' 7 "$status"
    [[ $stderr == *"a tree where a blob belongs"* ]]
    try list --keys --format raw
    prints 'other:1
user:1
user:2
user:3
user:4'
    calm
    try get other:1
    prints 3
}

@test "a table that is missing takes no other with it" {
    setup_database
    missing=2222222222222222222222222222222222222222
    commit_table gone "$missing"
    try get user:1
    prints '{"a":1}'
    try get gone:1
    same 'exit status' 7 "$status"
    [[ $stderr == *"$missing"* ]]
    try list user: --format raw
    prints '{"a":1}
2'
    try list
    same 'exit status' 7 "$status"
    try at main~1 user:1
    prints '{"a":1}'
    calm
}

@test "a parent that is missing: the present can be read" {
    setup_database
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    printf 'tree %s\nparent 1111111111111111111111111111111111111111\nauthor A <a> 1 +0000\ncommitter A <a> 1795255200 +0000\n\nm\n' \
        "$tree" | write_object commit >.chrondb/refs/heads/main
    try get user:1
    prints '{"a":1}'
    try list --format raw
    prints '3
{"a":1}
2'
    try at 2026-11-21T09:00:00Z user:1
    same 'exit status' 7 "$status"
    [[ $stderr == *1111111111111111111111111111111111111111* ]]
    calm
}

@test "control characters and other bytes in names and messages stay data" {
    setup_database
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    printf 'tree %s\nauthor A\x1b[31m\xff <a\x07> 1795255200 +0000\ncommitter C <c> 1795255200 +0000\n\nsub\x1bject\xc2\x9b\n\n\x00\xff\n' \
        "$tree" | write_object commit >.chrondb/refs/heads/main
    "$CHRONDB" log --limit 1 >out
    ! LC_ALL=C grep -q "$(printf '[\x01-\x08\x1b]')" out
    jq -e . out
    try_terminal log --limit 1
    ! LC_ALL=C grep -q $'\x07' <<<"$output"
    calm
}

@test "meta with bytes that are no text" {
    setup_database
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    printf 'tree %s\nauthor A <a> 1795255200 +0000\ncommitter C <c> 1795255200 +0000\n\nm\n\nChrondb-Time: 2026-11-21T10:00:00.000000000Z\nChrondb-Meta: a=x%%00b=forged\nChrondb-Meta: c=%%FF%%1B\nChrondb-Meta: d=\xff\nChrondb-Meta: last=1\n' \
        "$tree" | write_object commit >.chrondb/refs/heads/main
    try log --limit 1
    same 'exit status' 0 "$status"
    same names '["a","c","d","last"]' "$(jq -c '.meta | keys_unsorted' <<<"$output")"
    same last 1 "$(jq -r .meta.last <<<"$output")"
    calm
}
