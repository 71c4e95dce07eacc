#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# checkout: documents as plain files, byte for byte.

load helper

# Every file below a directory, sorted.
files() { # DIR
    (cd "$1" && find . -type f -printf '%P\n' | LC_ALL=C sort)
}

@test "files by table and id, byte for byte" {
    printf '{"a": 1,\r\n "b": [1.50] }\n' | "$CHRONDB" put user:1 >/dev/null
    given put user:2 ' {"x":  1.0} '
    given put config 5
    given put motd '"\u0007"'
    try checkout out
    prints "{\"files\":4,\"bytes\":$(find out -type f -printf '%s\n' | awk '{ n += $1 } END { print n }'),\"commit\":\"$(head_of)\"}"
    same files $'_/config.json\n_/motd.json\nuser/1.json\nuser/2.json' "$(files out)"
    printf '{"a": 1,\r\n "b": [1.50] }\n' | cmp - out/user/1.json
    printf ' {"x":  1.0} ' | cmp - out/user/2.json
    printf 5 | cmp - out/_/config.json
}

@test "names are those of the repository, without the fan-out" {
    local id
    for id in 'user:a/b c' 'order:2026:7' '_:x' 'a:1' 'A:2' 'F' 'x:..' 'x:.hidden' 'x:a.b' 'münchen:ö' 'x:-' $'x:\x01' 'x:%41' 'q\:"'; do
        printf '%s' "$id" | jq -Rsc '{op: "put", key: ., value: .}'
    done >ops
    seq 100 | jq -c '{op: "put", key: "many:\(.)", value: .}' >>ops
    "$CHRONDB" batch <ops >/dev/null
    given checkout out
    # The paths in git, without the directories of the fan-out.
    same files "$(git -C .chrondb -c core.quotePath=false ls-tree -r --name-only main | sed -E 's,/([0-9a-f]/)+,/,' | LC_ALL=C sort)" "$(files out)"
    same content '"user:a/b c"' "$(cat 'out/user/a%2Fb%20c.json')"
    same content 57 "$(cat out/many/57.json)"
    # The longest names there are.
    local long
    long=$(printf 'x%.0s' {1..250})
    given put "$long:$long" 1
    try checkout long "$long:"
    same status 0 "$status"
    [ -f "long/$long/$long.json" ]
    long=$(printf '/%.0s' {1..83})
    given put "x:$long" 1
    given checkout longer "x:$long"
    same files 1 "$(files longer | wc -l)"
}

@test "a prefix, and a moment" {
    given put user:1 1
    given put user:10 10
    given put city:1 1
    now 2026-11-21T11:00:00Z
    given delete user:10
    try checkout out user:1
    same files 'user/1.json' "$(files out)"
    try checkout before user:1 --at 2026-11-21T10:30
    same files $'user/1.json\nuser/10.json' "$(files before)"
    same commit "$("$CHRONDB" log --until 2026-11-21T10:30 --limit 1 --format raw)" "$(member commit)"
    try checkout none nothing:
    prints "{\"files\":0,\"bytes\":0,\"commit\":\"$(head_of)\"}"
    [ -d none ]
    try checkout early --at 2000
    prints '{"files":0,"bytes":0,"commit":null}'
}

@test "only into an absent or an empty directory" {
    given put user:1 1
    mkdir empty full
    touch full/.hidden file
    try checkout empty
    same status 0 "$status"
    try checkout a/b/c/
    same status 0 "$status"
    same files user/1.json "$(files a/b/c)"
    try checkout full
    fails 2 "chrondb: cannot check out into 'full': it is not empty"
    try checkout file
    fails 2 "chrondb: cannot check out into 'file': it is not a directory"
    try checkout ''
    fails 2 "chrondb: the directory's name is empty"
    try checkout file/below
    fails 2 "chrondb: cannot check out into 'file/below': it is not a directory"
    try checkout
    fails_like 2 'chrondb: checkout needs an argument: *'
    # What cannot be answered makes no directory.
    try checkout new --at nonsense
    [ "$status" -eq 2 ]
    [ ! -e new ]
    try --db nowhere checkout new
    [ "$status" -eq 6 ]
    [ ! -e new ]
    # A link to an empty directory is one.
    mkdir target
    ln -s target link
    try checkout link
    same status 0 "$status"
    same files user/1.json "$(files target)"
}

@test "files of git's that are no documents, and links" {
    given put user:1 1
    local tree
    printf '\377\000' >binary
    blob=$(git -C .chrondb hash-object -w --stdin <binary)
    link=$(printf '/etc' | git -C .chrondb hash-object -w --stdin)
    inner=$(printf '100644 blob %s\t2.json\n120000 blob %s\t3.json\n' "$blob" "$link" | git -C .chrondb mktree)
    tree=$(printf '040000 tree %s\tuser\n120000 blob %s\tetc\n' "$inner" "$link" | git -C .chrondb mktree)
    git -C .chrondb -c user.name=x -c user.email=x@x update-ref refs/heads/main \
        "$(git -C .chrondb -c user.name=x -c user.email=x@x commit-tree -p main -m x "$tree")"
    try checkout out
    same status 0 "$status"
    cmp binary out/user/2.json
    same links '' "$(find out -type l)"
}

@test "keys that the file system does not tell apart" {
    # A file system that ignores case is not at hand everywhere; a name that came between is the same.
    command -v mkfs.ext4 >/dev/null && [ "$(id -u)" -eq 0 ] || skip 'no mkfs.ext4, or not root'
    truncate -s 16M disk
    mkfs.ext4 -q -O casefold -E encoding=utf8 disk 2>/dev/null || skip 'mkfs.ext4 knows no casefold'
    mkdir mount
    mount -o loop disk mount 2>/dev/null || skip 'cannot mount'
    mkdir mount/out
    chattr +F mount/out 2>/dev/null || { umount mount; skip 'no casefold'; }
    given put user:a 1
    given put user:A 2
    try checkout mount/out
    umount mount
    fails 8 "chrondb: cannot make the file 'mount/out/user/a.json', which this file system takes for another one: File exists; 1 file is in 'mount/out'"
}

@test "a full disk: the file is named, and what is there is told" {
    [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip 'may not mount'
    seq 50 | jq -c '{op: "put", key: "n:\(.)", value: ("x" * 4000)}' | "$CHRONDB" batch >/dev/null
    mkdir small
    run --separate-stderr unshare -m sh -c 'mount -t tmpfs -o size=64k tmpfs small && "$1" checkout small/out' sh "$CHRONDB"
    fails_like 8 "chrondb: cannot write 'small/out/n/*.json': No space left on device; * files are in 'small/out'"
}

@test "interrupted: what is there is told, and the signal ends it" {
    seq 20000 | sed 's/.*/{"op":"put","key":"n:&","value":&}/' | "$CHRONDB" batch >/dev/null
    "$CHRONDB" checkout out >stdout 2>stderr &
    local pid=$!
    while [ ! -e out/n/1000.json ]; do kill -0 $pid; done # not the first one: the message counts
    kill -TERM $pid
    wait $pid || status=$?
    same status 143 "$status"
    same stdout '' "$(cat stdout)"
    same stderr "chrondb: interrupted; $(files out | wc -l) files are in 'out'" "$(cat stderr)"
}

@test "formats" {
    given put user:1 1
    try checkout a --format raw
    prints "$(head_of)"
    try checkout b --format text
    prints "files   1
bytes   1
commit  $(head_of | cut -c1-12)"
}
