#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# backup and restore-backup: a database in one file, and back.

load helper

# Two branches, a tag of each kind, a setting, all of them different.
fill() {
    given put user:1 '{"name": "Ann"}'
    given put user:2 '{"name": "Bob"}'
    given branch side main~1
    given -b side put user:3 3
    given tag v1
    git --git-dir=.chrondb -c user.name=T -c user.email=t@t tag -a -m two v2 side
    given config set search.language german
}

# Everything that a database is: refs and what they are about, HEAD, our settings, all that was ever said.
identity() {
    git --git-dir="$1" show-ref --head --dereference
    cat "$1/HEAD"
    "$CHRONDB" --db "$1" config list --format raw
    "$CHRONDB" --db "$1" export --history
    git --git-dir="$1" rev-list --objects --all | sort
}

same_database() {
    same database "$(identity "$1")" "$(identity "$2")" && git --git-dir="$2" fsck --strict --no-dangling
}

nothing_but() { # NAMES...
    same 'what is there' "$(printf '%s\n' "$@" | sort)" "$(ls -A | sort)"
}

@test "a backup restored is the same database" {
    fill
    try backup file
    same 'exit status' 0 "$status"
    same members 'file bytes objects commits branches tags incremental' "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")"
    same numbers "[\"file\",$(stat -c %s file),3,2,2,false]" "$(jq -c '[.file,.bytes,.commits,.branches,.tags,.incremental]' <<<"$output")"
    try restore-backup file copy
    same 'exit status' 0 "$status"
    same members 'path status bytes objects commits branches tags incremental' "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")"
    same path "$PWD/copy" "$(member path)"
    same status created "$(member status)"
    same_database .chrondb copy
    given --db copy put user:4 4
    try --db copy search bob --keys
    prints '{"key":"user:2"}'
    nothing_but .chrondb copy file
}

@test "through a pipe, into an empty directory, into the working directory, into .chrondb" {
    fill
    mkdir empty here new
    "$CHRONDB" backup - | "$CHRONDB" restore-backup - empty >/dev/null
    same_database .chrondb empty
    "$CHRONDB" backup - >file
    (cd here && "$CHRONDB" restore-backup ../file . >/dev/null)
    same_database .chrondb here
    (cd new && "$CHRONDB" restore-backup ../file >/dev/null && [ -d .chrondb ])
    CHRONDB_DIR=$PWD/a/b given restore-backup file
    same_database .chrondb a/b
}

@test "git clones it, fetches from it, verifies it" {
    fill
    given backup file
    git init -q --bare elsewhere
    git -C elsewhere bundle verify -q "$PWD/file"
    git -C elsewhere fetch -q "$PWD/file" 'refs/*:refs/*'
    same refs "$(git -C .chrondb for-each-ref)" "$(git -C elsewhere for-each-ref refs/heads refs/tags)"
    given config set branch side
    given backup file
    git clone -q file clone
    same branch side "$(git -C clone symbolic-ref --short HEAD)"
    git -C clone fsck --strict
}

@test "bundles that git made, also one with a part only" {
    fill
    git -C .chrondb bundle create -q "$PWD/all" --all
    git -C .chrondb bundle create -q "$PWD/head" main~1 main
    given put user:1 '{"name": "Anna"}'
    git -C .chrondb bundle create -q "$PWD/thin" main~1..main
    try restore-backup all copy
    same 'exit status' 0 "$status"
    same refs "$(git -C .chrondb show-ref -d | sed "s/$(git -C .chrondb rev-parse main)/$(git -C .chrondb rev-parse main~1)/")" "$(git -C copy show-ref -d)"
    try restore-backup thin copy
    same 'exit status' 0 "$status"
    same head "$(git -C .chrondb rev-parse main)" "$(git -C copy rev-parse main)"
    git -C copy fsck --strict --no-dangling
    git -C .chrondb bundle create -q "$PWD/detached" HEAD
    try restore-backup detached other
    fails 7 "chrondb: 'detached' holds no branch (git bundle create FILE --all puts all in)"
    git -C .chrondb -c core.abbrev=40 bundle create -q --version=3 "$PWD/third" --all
    given restore-backup third third-copy
    same_refs=$(git -C third-copy show-ref)
    same refs "$(git -C .chrondb show-ref)" "$same_refs"
}

@test "incremental ones, one on the other, give the same database" {
    fill
    given backup full
    given put user:1 '{"name": "Anna"}'
    given branch -d side
    given branch topic
    given -b topic put user:9 9
    given tag -d v1
    given tag --force v3
    given config unset search.language
    given config set branch topic
    try backup one --since full
    same 'exit status' 0 "$status"
    same numbers '[2,2,2,true]' "$(jq -c '[.commits,.branches,.tags,.incremental]' <<<"$output")"
    given tag --force v3 main~1
    given put user:5 5
    given backup two --since one
    given backup none --since two
    given restore-backup full copy
    git -C copy bundle verify -q "$PWD/one"
    try restore-backup one copy
    same status updated "$(member status)"
    try restore-backup one copy
    same status unchanged "$(member status)"
    given restore-backup two copy
    same_database .chrondb copy
    try restore-backup none copy
    same status unchanged "$(member status)"
    [ ! -e copy/chrondb/import ]
}

@test "--since a moment" {
    given put a 1
    given branch side
    now 2026-11-21T11:00:00Z
    given put a 2
    now 2026-11-21T12:00:00Z
    given put a 3
    given -b side put b 1
    given backup full
    try backup file --since 11:30
    same 'exit status' 2 "$status"
    try backup file --since 2026-11-21T11:30
    same commits 2 "$(member commits)"
    same prerequisites "$(git -C .chrondb rev-parse main~1 side~1)" "$(sed -n '/^-/s/^-\([^ ]*\).*/\1/p;/^$/q' file)"
    try backup file --since main~2
    same commits 3 "$(member commits)"
    try backup file --since 'a@{1}'
    same commits 2 "$(member commits)"
    try backup file --since 2020
    same incremental false "$(member incremental)"
    try backup file --since now
    same commits 0 "$(member commits)"
    git -C .chrondb bundle verify -q "$PWD/file"
}

@test "an incremental one that does not fit" {
    fill
    given backup full
    given put user:1 2
    given backup more --since full
    local base
    base=$(git -C .chrondb rev-parse main~1)
    try restore-backup - nowhere <more
    fails 3 "chrondb: the backup on standard input is an incremental backup: it stands on commit $base, which is not in 'nowhere'; restore the backups before it there first"
    try restore-backup more nowhere
    fails 3 "chrondb: 'more' is an incremental backup: it stands on commit $base, which is not in 'nowhere'; restore the backups before it there first"
    [ ! -e nowhere ]
    given --db other put x 1
    try restore-backup more other
    fails 3 "chrondb: 'more' is an incremental backup: it stands on commit $base, which is not in '$PWD/other'; restore the backups before it there first"
    given restore-backup full copy
    given --db copy put user:1 1
    local before
    before=$(identity copy)
    try restore-backup more copy
    fails 3 "chrondb: cannot apply 'more': branch 'main' is no longer what the backup goes on from; nothing was changed"
    same database "$before" "$(identity copy)"
    given --db other backup foreign
    try backup x --since foreign
    fails_like 2 "chrondb: 'foreign' has object * which is not in this database: it is no earlier backup of it"
    nothing_but .chrondb copy foreign full more other
}

@test "a full one where something is" {
    fill
    given backup file
    try restore-backup file .chrondb
    fails 3 "chrondb: there is a database at '.chrondb' already, and 'file' is a full backup: restore it to a directory that is absent or empty"
    mkdir foreign
    touch foreign/x
    try restore-backup file foreign
    fails 6 "chrondb: 'foreign' is not a database: it holds 'x'; choose another directory"
    try restore-backup file file
    same 'exit status' 6 "$status"
    same 'what is there' x "$(ls -A foreign)"
}

@test "what is no backup, or is altered" {
    fill
    given backup file
    printf 'something else, long enough' >text
    : >empty
    head -c 300 file >cut
    sed 's,refs/heads/side,refs/heads/sidf,' file >renamed
    { cat file; echo; } >longer
    printf '# v3 git bundle\n@object-format=sha256\n\n' >sha256
    local name
    for name in text empty cut renamed longer sha256; do
        try restore-backup "$name" copy
        fails_like 7 "chrondb: cannot read the backup '$name': *"
        [ ! -e copy ]
    done
    try backup x --since cut
    same 'exit status' 7 "$status"
    try restore-backup absent copy
    fails 8 "chrondb: cannot open 'absent': No such file or directory"
}

@test "an existing file is replaced, other things are not" {
    fill
    echo old >file
    chmod 600 file
    ln -s file link
    given backup link
    [ -L link ]
    same mode 600 "$(stat -c %a file)"
    git -C .chrondb bundle verify -q "$PWD/file"
    mkdir folder
    try backup folder
    fails 2 "chrondb: 'folder' is there, and is no file but a directory"
    try backup .chrondb/HEAD
    fails 2 "chrondb: '.chrondb/HEAD' is in the directory of the database itself: choose another place"
    try backup /dev/null
    fails 2 "chrondb: '/dev/null' is there, and is no file; '-' writes to the standard output"
    [ -c /dev/null ]
    try backup absent/file
    same 'exit status' 8 "$status"
    try_terminal backup -
    same 'exit status' 2 "$status"
}

@test "a damaged database gives no backup, and the old one stays" {
    fill
    given backup file
    cp file before
    local object
    object=$(git -C .chrondb rev-parse main:user/1.json)
    rm -rf .chrondb/chrondb/journal ".chrondb/objects/${object:0:2}/${object:2}"
    try backup file
    fails 7 "chrondb: object $object is missing"
    cmp file before
    run bash -o pipefail -c '"$1" backup - | "$1" restore-backup - copy' _ "$CHRONDB"
    same 'exit status' 7 "$status"
    nothing_but .chrondb before file
}

@test "after gc, from packs, with loose objects beside them" {
    fill
    given gc
    given put user:1 '{"name": "Anna"}'
    given backup file
    given restore-backup file copy
    same_database .chrondb copy
}

@test "an empty database" {
    given init
    given config set branch trunk
    try backup file
    same numbers '[0,0,0]' "$(jq -c '[.commits,.branches,.tags]' <<<"$output")"
    given restore-backup file copy
    same head 'ref: refs/heads/trunk' "$(cat copy/HEAD)"
    given --db copy put a 1
}

@test "a closed pipe" {
    fill
    run bash -o pipefail -c '"$1" backup - | true' _ "$CHRONDB"
    [ -z "$stderr" ]
    nothing_but .chrondb
}
