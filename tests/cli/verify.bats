#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# chrondb verify: what each kind of damage is told as, and which document it touches. tests/crash/verify.py damages at
# random, and looks at sound databases.

load helper

database() {
    given put user:1 '{"a":1}'
    given put user:2 '{"a":2}'
    given put order:1 '[1]'
    given put user:1 '{"a":11}'
}

write_object() {
    python3 "$BATS_TEST_DIRNAME/write_objects.py" .chrondb "$@"
}

id() { # REVISION
    git -C .chrondb rev-parse "$1"
}

loose() { # REVISION
    local oid
    oid=$(id "$1")
    printf '.chrondb/objects/%s/%s' "${oid:0:2}" "${oid:2}"
}

# Change a byte, counted from the end if negative.
flip() { # FILE OFFSET
    chmod u+w "$1"
    python3 -c 'import sys
path, at = sys.argv[1], int(sys.argv[2])
data = bytearray(open(path, "rb").read())
data[at] ^= 0x55
open(path, "wb").write(data)' "$1" "$2"
}

# The branch becomes a commit of that tree on its head; more lines of the message may follow.
commit_tree() { # TREE [SECONDS [MESSAGE]]
    printf 'tree %s\nparent %s\nauthor A <a> %s +0000\ncommitter A <a> %s +0000\n\n%s\n' "$1" "$(id main)" \
        "${2:-1795255210}" "${2:-1795255210}" "${3:-by hand}" | write_object commit >id
    cat id >.chrondb/refs/heads/main
}

# The same with one directory more, or another.
commit_table() { # NAME TREE
    # shellcheck disable=SC2046
    commit_tree "$(write_object tree $({
        git -C .chrondb ls-tree main | grep -v "	$1\$" | sed 's/^0\?\([0-9]*\) [a-z]* \([0-9a-f]*\)\t\(.*\)/\1 \3 \2/'
        echo "40000 $1 $2"
    } | LC_ALL=C sort -k2))"
}

# Findings, one a line: kind, severity, ref, path, key.
found() {
    jq -c '[.kind, .severity, .ref, .path, .key]' <<<"$output"
}

# Exit status and findings, in any order.
finds() { # STATUS FINDING...
    same 'exit status' "$1" "$status" && same findings "$(printf '%s\n' "${@:2}" | LC_ALL=C sort)" "$(found | LC_ALL=C sort)"
}

# Quick and full find the same.
verify_finds() {
    try verify -q
    finds "$@" || return 1
    try verify -q --full
    finds "$@"
}

main='"refs/heads/main"'

@test "a sound database: nothing on standard output, a summary on standard error" {
    database
    try verify
    same status 0 "$status"
    same output '' "$output"
    same summary 'chrondb: verified: nothing found in 1 ref, 4 commits, 3 documents, 16 objects' "$stderr"
    try verify -q
    prints ''
    try verify --full --format json
    same output '[]' "$output"
    given gc
    try verify -q --full
    prints ''
}

@test "an empty one, and none" {
    try verify
    fails_like 6 "chrondb: no database at '*"
    given init
    try verify -q
    prints ''
    try verify -q -b nowhere
    prints '' # there is no branch at all yet
    given put user:1 1
    try verify -b nowhere
    fails 2 "chrondb: there is no branch 'nowhere'"
}

@test "the record, the summary and the exit status of damage" {
    database
    flip "$(loose main:user/1.json)" -3
    try verify
    same status 7 "$status"
    same record "{\"kind\":\"damaged_object\",\"severity\":\"error\",\"ref\":\"refs/heads/main\",\"commit\":\"$(id main)\",\"path\":\"user/1.json\",\"key\":\"user:1\",\"object\":\"$(id main:user/1.json)\"}" \
        "$(jq -c 'del(.message)' <<<"$output")"
    [[ $stderr == "chrondb: "*"/.chrondb: 1 error in 1 ref, 4 commits, 3 documents, 16 objects" ]]
    try verify --format json
    same status 7 "$status"
    same records 1 "$(jq length <<<"$output")"
    same error damaged "$(jq -r .error.code <<<"$stderr")"
    try verify --format text
    [[ $output == *user:1* ]]
}

@test "objects that are damaged, cut, empty or missing" {
    database
    rm .chrondb/chrondb/journal # it would stand in for them
    journal='["journal","error",null,"chrondb/journal",null]'
    flip "$(loose main:user/1.json)" 5
    chmod u+w "$(loose main:user/2.json)"
    truncate -s 10 "$(loose main:user/2.json)"
    rm -f "$(loose main:order)"
    verify_finds 7 "$journal" "[\"damaged_object\",\"error\",$main,\"user/1.json\",\"user:1\"]" \
        "[\"damaged_object\",\"error\",$main,\"user/2.json\",\"user:2\"]" \
        "[\"missing_object\",\"error\",$main,\"order\",null]"
}

@test "a commit that is missing, and one before it" {
    database
    rm .chrondb/chrondb/journal
    rm -f "$(loose main~2)"
    try verify -q
    finds 7 '["journal","error",null,"chrondb/journal",null]' "[\"missing_object\",\"error\",$main,null,null]"
    same 'where it is missed' "$(id main~1)" "$(jq -r 'select(.kind == "missing_object").commit' <<<"$output")"
}

@test "packs and their indexes" {
    database
    given gc
    local pack=.chrondb/objects/pack oid
    cp -a .chrondb saved
    flip "$(ls $pack/*.idx)" -5
    verify_finds 7 "[\"damaged_file\",\"error\",null,\"objects/pack/$(cd $pack && ls ./*.idx | cut -c3-)\",null]"
    rm -rf .chrondb && cp -a saved .chrondb
    oid=$(id main:order/1.json)
    flip "$(ls $pack/*.pack)" "$(git verify-pack -v $pack/*.idx | awk -v id="$oid" '$1 == id { print $5 + 4 }')"
    try verify -q --full
    same status 7 "$status"
    found | grep -qF "[\"damaged_object\",\"error\",$main,\"order/1.json\",\"order:1\"]"
    found | grep -qF '["damaged_file","error",null,"objects/pack/'
    rm -rf .chrondb && cp -a saved .chrondb
    chmod u+w $pack/*.pack
    truncate -s -30 $pack/*.pack
    try verify -q
    same status 7 "$status"
    found | grep -qF '["damaged_file","error",null,"objects/pack/'
    rm -rf .chrondb && cp -a saved .chrondb
    rm -f $pack/*.pack .chrondb/chrondb/journal
    try verify -q
    same status 7 "$status"
    found | grep -qF '["damaged_file","error",null,"objects/pack/'
    found | grep -qF "[\"missing_object\",\"error\",$main,null,null]"
}

@test "a copy that is damaged beside one that is good" {
    database
    git -C .chrondb repack -q
    flip "$(loose main:user/1.json)" 5
    verify_finds 7 "[\"damaged_object\",\"error\",$main,\"user/1.json\",\"user:1\"]"
    [[ $(jq -r .message <<<"$output") == objects/*': '*'; another copy of the object is good' ]]
    flip "$(loose main:user/1.json)" 5
    flip .chrondb/objects/"$(git -C .chrondb hash-object -w --stdin <<<1 | sed 's|^..|&/|')" 5
    verify_finds 7 "[\"damaged_file\",\"error\",null,\"objects/d0/0491fd7e5bb6fa28c517a0bb32b8b506539d4d\",null]"
}

@test "trees that no git writes" {
    database
    local one two
    one=$(id main:user/1.json) two=$(id main:user/2.json)
    commit_table user "$(write_object tree 100644 2.json "$two" 100644 1.json "$one")"
    verify_finds 7 "[\"malformed_tree\",\"error\",$main,\"user\",null]"
    commit_table user "$(write_object tree 100644 1.json "$one" 100644 1.json "$two")"
    try verify -q
    finds 7 "[\"malformed_tree\",\"error\",$main,\"user\",null]"
    commit_table user "$(write_object tree 100644 .git "$one" 100644 1.json "$two")"
    try verify -q
    finds 7 "[\"malformed_tree\",\"error\",$main,\"user\",null]" "[\"foreign_path\",\"note\",$main,\"user/.git\",null]"
    commit_table user "$(printf junk | write_object raw tree)"
    try verify -q
    finds 7 "[\"malformed_tree\",\"error\",$main,\"user\",null]"
    commit_table user "$(id main~1:user)"
    commit_table user "$one"
    try verify -q
    finds 7 "[\"wrong_object\",\"error\",$main,\"user\",null]"
}

@test "what git may commit: notes, and success" {
    database
    local one sub
    one=$(id main:user/1.json) sub=$(id main:user)
    commit_table user "$(write_object tree 100755 1.json "$one" 120000 2.json "$one" 160000 3.json "$(id main)" 100644 README.md "$one" 40000 more "$sub")"
    verify_finds 0 "[\"not_canonical\",\"note\",$main,\"user/1.json\",null]" \
        "[\"foreign_path\",\"note\",$main,\"user/2.json\",null]" "[\"foreign_path\",\"note\",$main,\"user/3.json\",null]" \
        "[\"foreign_path\",\"note\",$main,\"user/README.md\",null]" "[\"foreign_path\",\"note\",$main,\"user/more\",null]"
    try verify
    [[ $stderr == 'chrondb: verified: 5 notes in 1 ref, '* ]]
}

@test "directories that are not as the fan-out has them: a note of git's commits, an error of ours" {
    database
    local one
    one=$(id main:user/1.json)
    commit_table user "$(write_object tree 40000 3 "$(write_object tree 100644 1.json "$one")")"
    verify_finds 0 "[\"not_canonical\",\"note\",$main,\"user\",null]"
    commit_tree "$(id main^{tree})" 1795255220 $'put\n\nChrondb-Time: 2026-11-21T10:00:20.000000001Z'
    try verify -q
    finds 7 "[\"not_canonical\",\"error\",$main,\"user\",null]"
    given put user:5 5
    commit_table user "$(write_object tree 40000 4 "$(write_object tree 100644 1.json "$one")")"
    try verify -q
    found | grep -qF "[\"foreign_path\",\"note\",$main,\"user/4/1.json\",null]"
    # Foreign paths alone in such a directory: what chrondb writes beside it is as it must be.
    commit_table user "$(write_object tree 100644 1.json "$one" 40000 4 "$(write_object tree 100644 README.md "$one")")"
    given put user:6 6
    try verify -q
    same status 0 "$status"
    found | grep -qF "[\"foreign_path\",\"note\",$main,\"user/4/README.md\",null]"
}

@test "what is no document: an error in the present, a note in the past" {
    database
    local bad
    bad=$(printf '{"a":' | git -C .chrondb hash-object -w --stdin)
    commit_table user "$(write_object tree 100644 1.json "$bad")"
    verify_finds 7 "[\"invalid_document\",\"error\",$main,\"user/1.json\",\"user:1\"]"
    [[ $(jq -r .message <<<"$output") == 'not valid JSON at line 1, column 6'* ]]
    git -C .chrondb tag then main
    given put user:1 1
    try verify -q
    finds 0 '["invalid_document","note","refs/tags/then","user/1.json","user:1"]' ||
        finds 0 "[\"invalid_document\",\"note\",$main,\"user/1.json\",\"user:1\"]"
    given tag -d then
    try verify -q
    prints ''
    try verify -q --full
    finds 0 "[\"invalid_document\",\"note\",$main,\"user/1.json\",\"user:1\"]"
}

@test "times" {
    database
    commit_tree "$(id main^{tree})" 1795255000
    verify_finds 0 "[\"time\",\"note\",$main,null,null]"
    same commit "$(id main)" "$(jq -r .commit <<<"$output")"
    commit_tree "$(id main^{tree})" 1895255000
    try verify -q
    finds 0 "[\"time\",\"note\",$main,null,null]" "[\"time\",\"note\",$main,null,null]"
}

@test "refs, tags and HEAD" {
    database
    local refs=.chrondb/refs
    id main >$refs/heads/other
    echo rubbish >$refs/heads/bad
    id "main^{tree}" >$refs/heads/tree
    echo 0123456789012345678901234567890123456789 >$refs/heads/gone
    printf 'object %s\ntype tree\ntag t\ntagger A <a> 1 +0000\n\nt\n' "$(id "main^{tree}")" | write_object tag >$refs/tags/t
    printf 'object %s\ntype commit\ntag u\ntagger A <a> 1 +0000\n\nu\n' 0123456789012345678901234567890123456789 |
        write_object tag >$refs/tags/u
    verify_finds 7 '["ref","error","refs/heads/bad",null,null]' '["wrong_object","error","refs/heads/tree",null,null]' \
        '["missing_object","error","refs/heads/gone",null,null]' '["ref","note","refs/tags/t",null,null]' \
        '["missing_object","error","refs/tags/u",null,null]'
    try verify -q -b other
    prints ''
    rm $refs/heads/bad $refs/heads/tree $refs/heads/gone $refs/tags/u $refs/tags/t
    echo 'ref: refs/heads/nowhere' >.chrondb/HEAD
    try verify -q
    finds 0 '["ref","note","refs/heads/nowhere","HEAD",null]'
    echo 'junk' >.chrondb/HEAD
    try verify -q
    finds 7 '["ref","error",null,"HEAD",null]'
    echo 'ref: refs/heads/main' >.chrondb/HEAD
    echo junk >.chrondb/packed-refs
    try verify -q
    finds 7 '["ref","error",null,"packed-refs",null]'
}

@test "the configuration" {
    database
    git -C .chrondb config --unset extensions.preciousObjects
    git -C .chrondb config gc.auto 10
    verify_finds 7 '["config","error",null,"config",null]' '["config","note",null,"config",null]'
    echo '[core' >.chrondb/config
    try verify -q
    finds 7 '["config","error",null,"config",null]'
}

@test "the journal" {
    database
    flip .chrondb/chrondb/journal 200
    verify_finds 7 '["journal","error",null,"chrondb/journal",null]'
    given gc
    try verify -q
    prints ''
    given put user:3 3
    rm .chrondb/chrondb/journal
    try verify -q
    finds 7 '["journal","error",null,"chrondb/journal",null]'
}

@test "the files of the index" {
    database
    local index=.chrondb/chrondb/index file
    flip $index/main-*.tail 150
    verify_finds 7 "[\"index\",\"error\",null,\"chrondb/index/$(cd $index && echo main-*.tail)\",null]"
    given reindex
    try verify -q --full
    prints ''
    # shellcheck disable=SC2046
    for file in $(cd $index && echo main.manifest main.search *.segment *.text); do
        cp $index/"$file" kept
        flip $index/"$file" 100
        verify_finds 7 "[\"index\",\"error\",null,\"chrondb/index/$file\",null]"
        cp kept $index/"$file"
    done
    rm -f $index/*.segment
    try verify -q --full
    prints ''
    rm -rf $index
    try verify -q --full
    prints ''
}

@test "repositories that want to be endless" {
    given put user:1 1
    local blob deep
    blob=$(id main:user/1.json)
    deep=$(write_object nested 10000 deep "$(write_object tree 100644 f "$blob")")
    commit_table deep "$(write_object tree 40000 below "$deep")"
    run timeout 60 "$CHRONDB" verify -q
    same status 0 "$status"
    finds 0 "[\"foreign_path\",\"note\",$main,\"deep/below\",null]"
    commit_table bomb "$(write_object bomb "$(write_object tree 100644 1.json "$blob")")"
    run timeout 60 "$CHRONDB" verify -q
    same status 7 "$status"
    found | grep -qF '["malformed_tree","error"'
}

@test "progress, an interrupt, a closed pipe" {
    database
    try verify --progress
    same status 0 "$status"
    [[ $stderr == *verified:* ]]
    flip "$(loose main:user/1.json)" 5
    run bash -c "\"$CHRONDB\" verify -q >/dev/full"
    same status 8 "$status"
    run bash -c "set -o pipefail; \"$CHRONDB\" verify -q --format json | true"
    [[ $status == 141 || $status == 7 ]]
}
