#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# init and info.

load helper

@test "init creates, and leaves alone what exists" {
    try init
    prints "{\"path\":\"$PWD/.chrondb\",\"status\":\"created\"}"
    given put k 1
    try init
    prints "{\"path\":\"$PWD/.chrondb\",\"status\":\"exists\"}"
    try get k
    prints 1
}

@test "init DIR, --db DIR, CHRONDB_DIR" {
    try init one
    prints "{\"path\":\"$PWD/one\",\"status\":\"created\"}"
    try --db two init
    prints "{\"path\":\"$PWD/two\",\"status\":\"created\"}"
    CHRONDB_DIR=three try init
    prints "{\"path\":\"$PWD/three\",\"status\":\"created\"}"
    try --db two init one
    fails 2 'chrondb: give the directory either as an argument or with --db'
}

@test "init is for here, not for the database upwards" {
    given init
    mkdir sub
    try -C sub init
    prints "{\"path\":\"$PWD/sub/.chrondb\",\"status\":\"created\"}"
}

@test "init refuses what is something else" {
    mkdir full
    echo hello >full/file
    try init full
    fails_like 6 'chrondb: *full*'
    echo hello >file
    try init file
    fails_like 6 'chrondb: *file*'
    [ "$(ls full)" = file ]
}

@test "init --adopt" {
    git init -q --bare repo
    try init repo
    fails_like 6 'chrondb: *repo*'
    try init repo --adopt
    prints "{\"path\":\"$PWD/repo\",\"status\":\"adopted\"}"
    try init repo --adopt
    prints "{\"path\":\"$PWD/repo\",\"status\":\"exists\"}"
    try init new --adopt
    prints "{\"path\":\"$PWD/new\",\"status\":\"created\"}"
}

@test "info" {
    given init
    try info
    same members '["path","branch","head","time","documents","tables","commits","loose_objects","packs","bytes","journal_bytes","index_bytes","index_commits","index_segments","search_commits","search_documents","search_versions","search_segments","search_bytes","search_language","format"]' "$(jq -c keys_unsorted <<<"$output")"
    same empty '[null,null,0,0,0]' "$(jq -c '[.head,.time,.documents,.tables,.commits]' <<<"$output")"
    given put a:1 1
    given put b:1 1
    given put b:1 2
    try info
    same filled "[\"$PWD/.chrondb\",\"main\",\"$(head_of)\",\"2026-11-21T10:00:00.000000002Z\",2,2,3]" \
        "$(jq -c '[.path,.branch,.head,.time,.documents,.tables,.commits]' <<<"$output")"
    [ "$(member bytes)" -gt 0 ]
}
