#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# patch (RFC 7396) and delete.

load helper

@test "patch changes what it names and leaves the rest its text" {
    given put k '{ "a": 1.0,  "b": {"c": 2, "d": 3} }'
    try patch k '{"b":{"c":null,"e":4}}'
    same status updated "$(member status)"
    try get k
    [[ $output == '{ "a": 1.0,  "b": {'* ]]
    same document '{"d":3,"e":4}' "$(jq -c .b <<<"$output")"
}

@test "patch with fields; := null removes" {
    given put user:1 name=Alice age:=30 address.city=Paris address.zip=75001
    given patch user:1 age:=null address.city=Lyon
    try get user:1
    prints '{"name":"Alice","address":{"city":"Lyon","zip":"75001"}}'
}

@test "patch from a file and from standard input" {
    given put k '{"a":1}'
    echo '{"b":2}' >patch.json
    given patch k @patch.json
    echo '{"c":3}' | "$CHRONDB" patch k >/dev/null
    try get k
    same document '{"a":1,"b":2,"c":3}' "$(jq -c . <<<"$output")"
}

@test "a patch that changes nothing: unchanged" {
    given put k '{"a":1}'
    try patch k '{"a":1,"b":null}'
    same status unchanged "$(member status)"
}

@test "a missing document cannot be patched" {
    given put other 1
    try patch k '{"a":1}'
    fails 1 "chrondb: cannot patch 'k': not found"
    try patch k '{"a":1}' --if-exists
    fails_like 3 "chrondb: cannot patch 'k': *"
}

@test "a patch that is not JSON" {
    given put k '{}'
    try patch k '{"a":}'
    fails_like 4 "chrondb: cannot patch 'k': not valid JSON at line 1, column 6: *"
}

@test "delete: a record for each key, one commit" {
    given put a 1
    given put b 2
    try delete a b
    same output "{\"key\":\"a\",\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T10:00:00.000000002Z\",\"status\":\"deleted\"}
{\"key\":\"b\",\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T10:00:00.000000002Z\",\"status\":\"deleted\"}" "$output"
    try get a
    fails 1 "chrondb: cannot get 'a': not found"
    same commits 3 "$(git -C .chrondb rev-list --count HEAD)"
}

@test "delete of a missing key deletes nothing" {
    given put a 1
    try delete a b
    fails 1 "chrondb: cannot delete 'b': not found"
    try delete a a
    fails 1 "chrondb: cannot delete 'a': not found: it has just been deleted, before this"
    try get a
    prints 1
}

@test "delete --if-exists does not mind" {
    given put a 1
    try delete b a --if-exists
    same output "{\"key\":\"b\",\"commit\":null,\"time\":null,\"status\":\"unchanged\"}
{\"key\":\"a\",\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T10:00:00.000000001Z\",\"status\":\"deleted\"}" "$output"
    [ "$status" -eq 0 ]
}

@test "delete --if-match" {
    given put a 1
    first=$(head_of)
    given put a 2
    try delete a --if-match "$first"
    fails_like 3 "chrondb: cannot delete 'a': *"
    try delete a --if-match "$(head_of)"
    [ "$status" -eq 0 ]
}
