#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# put: what goes in, and what is answered.

load helper

@test "put answers with key, commit, time and status" {
    try put user:1 '{"name":"Alice"}'
    prints "{\"key\":\"user:1\",\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T10:00:00.000000000Z\",\"status\":\"created\"}"
    now 2026-11-21T10:00:01.5Z
    try put user:1 '{"name":"Bob"}'
    prints "{\"key\":\"user:1\",\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T10:00:01.500000000Z\",\"status\":\"updated\"}"
}

@test "the same again: unchanged, no commit, the old commit and time" {
    given put k '{"a":1}'
    first=$(head_of)
    now 2026-11-22T00:00:00Z
    try put k '{"a":1}'
    prints "{\"key\":\"k\",\"commit\":\"$first\",\"time\":\"2026-11-21T10:00:00.000000000Z\",\"status\":\"unchanged\"}"
    same head "$first" "$(head_of)"
}

@test "bytes in are bytes out" {
    printf '{ "b" : 1.10,\n\t"a": "\\u00e9\xc3\xa9" }\n' >doc.json
    for how in @doc.json -; do
        given put k "$how" <doc.json
        "$CHRONDB" get k | cmp - doc.json
    done
    given put k <doc.json
    "$CHRONDB" get k | cmp - doc.json
    given put big 123456789012345678901234567890.10
    try get big
    prints 123456789012345678901234567890.10
}

@test "a value from a pipe, when none is given" {
    echo '[1,2]' | "$CHRONDB" put k >/dev/null
    try get k
    prints '[1,2]'
}

@test "on a terminal a value must be given" {
    try_terminal put k
    [ "$status" -eq 2 ]
    same output "chrondb: cannot put 'k': there is no value: give JSON, NAME=TEXT fields, @FILE, or - for standard input" "$output"
}

@test "fields" {
    given put user:1 name=Alice age:=30 tags:='["a", "b"]' 'motto=a "b" = c' empty= n:=null
    try get user:1
    prints '{"name":"Alice","age":30,"tags":["a", "b"],"motto":"a \"b\" = c","empty":"","n":null}'
    given put one x=1
    try get one
    prints '{"x":"1"}'
}

@test "dots in the names of fields nest, and meet in one parent" {
    given put k address.city=Paris a.b.c:=1 address.zip=75001 a.d:=2 z=
    try get k
    prints '{"address":{"city":"Paris","zip":"75001"},"a":{"b":{"c":1},"d":2},"z":""}'
}

@test "fields that make no sense" {
    try put k a=1 a=2
    fails 2 "chrondb: cannot put 'k': field 'a' is given twice"
    try put k a=1 a.b=2
    fails 2 "chrondb: cannot put 'k': field 'a' is given twice"
    try put k a.b=1 a=2
    fails 2 "chrondb: cannot put 'k': field 'a' is given twice"
    try put k a..b=1
    fails 2 "chrondb: cannot put 'k': field 'a..b' has an empty name beside a dot"
    try put k a=1 b
    fails 2 "chrondb: cannot put 'k': 'b' is not a field (NAME=TEXT or NAME:=JSON)"
    try put k a=1 7x=2
    fails 2 "chrondb: cannot put 'k': '7x=2' is not a field (NAME=TEXT or NAME:=JSON)"
    try put k $'a=\xff'
    fails 2 "chrondb: cannot put 'k': field 'a' is not valid UTF-8"
    try put k a:='{'
    fails_like 4 "chrondb: cannot put 'k': field 'a': not valid JSON at line 1, column 2: *"
    [ ! -e .chrondb ]
}

@test "neither JSON nor a field: exit 4, and what it should have been" {
    try put user:1 Alice
    fails_like 4 "chrondb: cannot put 'user:1': not valid JSON at line 1, column 1: *; text wants quotes: '\"...\"', a field NAME=TEXT or NAME:=JSON"
    try put user:1 '{"a":1,}'
    fails_like 4 "chrondb: cannot put 'user:1': not valid JSON at line 1, column 8: *"
    [ ! -e .chrondb ]
}

@test "a bad document as a JSON error: code, key, line and column" {
    try --format json put user:1 $'{"a":1,\n "b" 2}'
    [ "$status" -eq 4 ]
    [ -z "$output" ]
    same error '["invalid_json","user:1",2,6]' "$(jq -c '.error|[.code,.key,.line,.column]' <<<"$stderr")"
}

@test "files that are not there, not files, empty, or too large" {
    try put k @nowhere
    fails 8 "chrondb: cannot put 'k': cannot open 'nowhere': No such file or directory"
    try put k @.
    fails 8 "chrondb: cannot put 'k': cannot read '.': Is a directory"
    try put k @/dev/null
    fails 4 "chrondb: cannot put 'k': there is nothing in '/dev/null'"
    try put k - </dev/null
    fails 4 "chrondb: cannot put 'k': there is nothing on standard input"
    truncate -s 68719476736 huge
    try put k @huge
    fails 4 "chrondb: cannot put 'k': 'huge' is larger than a document may be (64 MiB)"
    try put k - < <(head -c 67108865 /dev/zero)
    fails 4 "chrondb: cannot put 'k': standard input is larger than a document may be (64 MiB)"
    [ ! -e .chrondb ]
}

@test "malformed keys" {
    for key in '' : a: :b $'a\xff'; do
        try put "$key" 1
        fails_like 2 "chrondb: *malformed key*"
    done
    try --format json put a: 1
    same code invalid_key "$(jq -r .error.code <<<"$stderr")"
}

@test "--if-absent, --if-exists, --if-match" {
    try put k 1 --if-exists
    fails_like 3 "chrondb: cannot put 'k': *"
    given put k 1 --if-absent
    first=$(head_of)
    try put k 2 --if-absent
    fails_like 3 "chrondb: cannot put 'k': *"
    try put k 2 --if-match "$first"
    [ "$status" -eq 0 ]
    try put k 3 --if-match "${first:0:8}"
    fails_like 3 "chrondb: cannot put 'k': *"
    try get k
    prints 2
}

@test "a conflict tells the current state" {
    given put k 1
    try --format json put k 2 --if-absent
    [ "$status" -eq 3 ]
    same error "[\"conflict\",\"k\",\"$(head_of)\"]" "$(jq -c '.error|[.code,.key,.current]' <<<"$stderr")"
    try --format json put other 2 --if-exists
    [ "$status" -eq 3 ]
    same error '["conflict","other",null]' "$(jq -c '.error|[.code,.key,.current]' <<<"$stderr")"
}

@test "message, author and meta go into the commit" {
    given put k 1 -m 'first of all' --author 'Ann <ann@example.org>' --meta ticket=42 --meta by=hand
    try log
    [ "$(member message)" = 'first of all' ]
    [ "$(member author)" = 'Ann <ann@example.org>' ]
    [ "$(jq -c .meta <<<"$output")" = '{"ticket":"42","by":"hand"}' ]
    [ "$(git -C .chrondb log -1 --format='%s|%an|%ae')" = 'first of all|Ann|ann@example.org' ]
}

@test "bad authors and metas" {
    try put k 1 --author nobody
    fails 2 "chrondb: malformed author 'nobody': expected 'NAME <MAIL>'"
    try put k 1 --author '<a@b>'
    fails 2 "chrondb: malformed author '<a@b>': the name before '<' is empty"
    try put k 1 --meta novalue
    fails 2 "chrondb: malformed meta 'novalue': expected NAME=VALUE in UTF-8"
}

@test "--time: not in the future, not before the last commit, unless forced" {
    given put k 1 --time 2020-01-01
    try put k 2 --time 2019-01-01
    fails_like 2 'chrondb: *'
    try put k 2 --time 2030-01-01
    fails_like 2 'chrondb: *'
    try put k 2 --time yesterday
    [ "$(member time)" = 2026-11-20T00:00:00.000000000Z ]
    try put k 3 --time 2030-01-01 --force
    [ "$(member time)" = 2030-01-01T00:00:00.000000000Z ]
}

@test "a clock behind the last commit: a warning, unless -q" {
    given put k 1 --time 2030-01-01 --force
    try put k 2
    [ "$status" -eq 0 ]
    [[ $stderr == 'chrondb: warning: '* ]]
    try -q put k 3
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
}

@test "a branch that is not there, and CHRONDB_BRANCH" {
    given put k 1
    try get k -b nowhere
    fails_like 2 'chrondb: *nowhere*'
    git -C .chrondb branch dev
    CHRONDB_BRANCH=dev given put k 2
    try get k
    prints 1
    try get k -b dev
    prints 2
    CHRONDB_BRANCH=dev try get k
    prints 2
}

@test "the database is built where a write finds none" {
    try put k 1
    [ "$status" -eq 0 ]
    [ -d .chrondb/objects ]
    git -C .chrondb fsck --strict
}

@test "who writes is who git says, wherever a configuration says it" {
    local n=0 case
    given init
    printf '[user]\n\tname = Inc Luded\n' >"$HOME/more"
    while IFS= read -r case; do
        printf '%b' "[user]\nname = First\nemail = first@example.org\n$case\n" >"$HOME/.gitconfig"
        given put k $((n += 1))
        same "$case" "$(git -C .chrondb var GIT_AUTHOR_IDENT | sed 's/ [0-9]* [+0-9]*$//'), $(git -C .chrondb var GIT_COMMITTER_IDENT | sed 's/ [0-9]* [+0-9]*$//')" \
            "$(git -C .chrondb log -1 --format='%an <%ae>, %cn <%ce>')"
    done <<'END'
# nothing else
[User]\nNAME = "Al  \\"the ace\\" # Ice"  # a comment
name = Con\\\ntinued ; a comment\n[core]\nname = Core
[author]\nname = Au Thor\n[committer]\nemail = com@example.org
[user "sub"]\nname = Subsection
[include]\npath = more
[include]\npath = none
[include]\npath = more\n[user]\nname = Last
END
    git -C .chrondb config user.name 'The Database'
    given put k 100
    same 'the repository' 'The Database <first@example.org>' "$(git -C .chrondb log -1 --format='%cn <%ce>')"
    git -C .chrondb config --unset user.name
    # Git would refuse to work at all.
    printf '[user]\nname = Lost\n[user\n' >"$HOME/.gitconfig"
    GIT_COMMITTER_NAME=Env given put k 101
    same 'a broken file' "Env <chrondb@$(hostname)>" "$(GIT_CONFIG_GLOBAL=/dev/null git -C .chrondb log -1 --format='%cn <%ce>')"
}
