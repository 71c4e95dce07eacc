#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# search: what it prints, in every format, and what it says when something is wrong. What it finds is the business of
# tests/unit/test_search_model.c and packages.bats.

load helper

fill() {
    "$CHRONDB" "$@" batch >/dev/null <<'END'
{"op":"put","key":"user:1","value":{"name":"Alice Smith","age":30,"city":"Paris","tags":["admin","runner"],"active":true}}
{"op":"put","key":"user:2","value":{"name":"Bob Smith","age":25,"city":"London","tags":["runner"],"active":false}}
{"op":"put","key":"user:3","value":{"name":"Carol Jones","age":41,"city":"Paris","tags":[],"note":null}}
{"op":"put","key":"page:1","value":{"title":"Running in Paris","text":"Alice runs, Bob is running, Carol ran."}}
{"op":"put","key":"plain","value":"just a text about Paris"}
END
}

keys() {
    "$CHRONDB" search --keys --format raw "$@" | paste -sd' '
}

# ---- what it finds ----

@test "words, fields, phrases, ranges, wildcards, and keys" {
    fill
    same word 'user:2 page:1' "$(keys bob --sort _key:desc)"
    same 'all its forms' 'page:1' "$(keys run)"
    same 'another word' 'user:1 user:2' "$(keys runners --sort _key)"
    same field 'user:1' "$(keys name:alice)"
    same phrase 'user:1' "$(keys '"alice smith"')"
    same 'no phrase' '' "$(keys '"smith alice"')"
    same slop 'page:1' "$(keys '"alice bob"~1')"
    same range 'user:1 user:2' "$(keys 'age:[25 TO 30]')"
    same 'open range' 'user:3' "$(keys 'age:>30')"
    same wildcard 'user:1 user:2' "$(keys 'name:sm?th')"
    same fuzzy 'user:1 user:2' "$(keys 'smiht~1')"
    same literal 'user:1' "$(keys active:true)"
    same null 'user:3' "$(keys note:null)"
    same presence 'user:1 user:2' "$(keys _exists_:active)"
    same key 'user:2' "$(keys 'key:user\:2')"
    same keys 'user:1 user:2 user:3' "$(keys 'key:user:*')"
    same everything 'page:1 plain user:1 user:2 user:3' "$(keys '*:*')"
    same and 'user:1' "$(keys 'city:paris AND tags:runner')"
    same not 'page:1 plain user:2' "$(keys 'NOT city:paris')"
    same exact 'user:1' "$(keys 'name:="Alice Smith"')"
    same 'a part is not exact' '' "$(keys 'name:=Alice')"
    same 'document that is a string' 'plain' "$(keys 'text about' --table '')"
}

@test "a word in all fields, the best first, equal ones by key" {
    fill
    given put user:4 '{"name":"Paris Paris"}'
    given put user:5 '{"name":"Paris Paris"}'
    same best 'user:4 user:5' "$(keys paris --limit 2)"
    "$CHRONDB" search paris --limit 100 --no-value >found
    jq -es 'map(.score) | . == (sort | reverse) and length == 6 and all(. > 0)' found
    same members '["key","score"]' "$(head -n1 found | jq -c keys_unsorted)"
}

@test "operators: which words must match" {
    fill
    same or 'page:1 user:1 user:2' "$(keys 'alice bob' --sort _key)"
    same and 'page:1' "$(keys 'alice bob' --default-op and)"
    same or 'page:1 user:1 user:2' "$(keys 'alice bob' --default-op or --sort _key)"
    same 'no words, no say' 'page:1' "$(keys '(& "") alice -(! "…") & bob' --default-op and)"
    same 'but the rest has' 'page:1 user:1' "$(keys '+& alice xyzzy' --sort _key)"
    same 'nothing has a say' '' "$(keys 'NOT (& "!")')"
    try search x --default-op xor
    fails_like 2 "chrondb: *'xor'*"
}

@test "limits, and everything behind them" {
    fill
    for i in $(seq 10 40); do echo "{\"op\":\"put\",\"key\":\"many:$i\",\"value\":{\"n\":$i}}"; done | "$CHRONDB" batch >/dev/null
    same 'by default' 10 "$("$CHRONDB" search '*:*' | wc -l)"
    same limit 3 "$("$CHRONDB" search '*:*' --limit 3 | wc -l)"
    same limit 3 "$("$CHRONDB" search '*:*' -n 3 | wc -l)"
    same all 36 "$("$CHRONDB" search '*:*' --limit 1000000 | wc -l)"
    same offset 'user:2 user:3' "$(keys '*:*' --offset 34)"
    same 'behind all' '' "$(keys '*:*' --offset 36)"
    same 'offset and limit' 'many:12 many:13' "$(keys '*:*' --table many --offset 2 --limit 2)"
    try search '*:*' --limit 0
    prints ''
    try search '*:*' --limit 0 --total
    prints '{"total":36}'
    try search '*:*' --limit 0 --format json
    prints '{"hits":[]}'
    try search '*:*' --limit ten
    fails_like 2 "chrondb: *'ten'*"
}

@test "an order by fields" {
    fill
    same age 'user:2 user:1 user:3 page:1 plain' "$(keys '*:*' --sort age)"
    same 'age, descending' 'user:3 user:1 user:2 page:1 plain' "$(keys '*:*' --sort age:desc)"
    same 'two fields' 'user:2 user:3 user:1 page:1 plain' "$(keys '*:*' --sort city,age:desc)"
    same array 'user:1 user:2 page:1 plain user:3' "$(keys '*:*' --sort tags)"
    same 'array, descending' 'user:1 user:2 page:1 plain user:3' "$(keys '*:*' --sort tags:desc)"
    same key 'user:3 user:2 user:1' "$(keys 'key:user:*' --sort _key:desc)"
    for sort in '' , 'age,' ',age' ':desc' 'age:down' 'a:b' 'age:asc:'; do
        try search '*:*' --sort "$sort"
        fails_like 2 "chrondb: cannot sort by '$sort': *"
    done
    same 'a name with a colon' 'page:1 plain user:1 user:2 user:3' "$(keys '*:*' --sort a:b:desc)"
    same 'no score' 'null null null' "$("$CHRONDB" search 'key:user*' --sort age | jq .score | paste -sd' ')"
    same 'a score' 'number' "$("$CHRONDB" search 'key:user*' --sort age,_score --limit 1 | jq -r '.score | type')"
}

@test "pages fit together, whatever is written between them" {
    fill
    "$CHRONDB" search 'paris OR key:*' --format json --limit 2 --total >page
    cp page pages
    while next=$(jq -er .next page); do
        given put "user:0$(wc -l <pages)" '{"name":"Paris, Paris, Paris"}'
        "$CHRONDB" search 'paris OR key:*' --format json --limit 2 --total --after "$next" >page
        cat page >>pages
    done
    same hits '[2,2,1]' "$(jq -sc 'map(.hits | length)' pages)"
    same totals '[5,5,5]' "$(jq -sc 'map(.total)' pages)"
    same keys '["page:1","plain","user:1","user:2","user:3"]' "$(jq -sc 'map(.hits[].key) | sort' pages)"
    # A cursor of something else.
    next=$(head -n1 pages | jq -r .next)
    for wrong in "search paris" "search paris~ --sort age" 'search paris --table user' ; do
        # shellcheck disable=SC2086
        try $wrong --after "$next"
        fails_like 2 'chrondb: *cursor*'
    done
    try search 'paris OR key:*' --after nonsense
    fails_like 2 'chrondb: *cursor*'
    try search 'paris OR key:*' --after nonsense --format json
    same code '"invalid_cursor"' "$(jq .error.code <<<"$stderr")"
}

@test "counts and facets" {
    fill
    try search paris --count
    prints '{"total":4}'
    try search paris --count --format raw
    prints 4
    try search paris --count --format text
    prints 'total 4'
    try search nothing --count
    prints '{"total":0}'
    try search '*:*' --count --facet city --facet tags
    prints '{"total":5,"facets":{"city":{"distinct":2,"values":[{"value":"Paris","count":2},{"value":"London","count":1}]},"tags":{"distinct":2,"values":[{"value":"runner","count":2},{"value":"admin","count":1}]}}}'
    try search '*:*' --count --facet city --facet-limit 1
    prints '{"total":5,"facets":{"city":{"distinct":2,"values":[{"value":"Paris","count":2}]}}}'
    try search '*:*' --keys --limit 1 --facet active --total
    prints '{"key":"page:1"}
{"total":5,"facets":{"active":{"distinct":2,"values":[{"value":false,"count":1},{"value":true,"count":1}]}},"next":"'"$("$CHRONDB" search '*:*' --limit 1 --format json | jq -r .next)"'"}'
    try search '*:*' --count --facet city --format text
    prints 'total 5
city (2 different)
         2  "Paris"
         1  "London"'
}

@test "found or not, by the exit status" {
    fill
    try search nothing
    prints ''
    try search nothing --exit-code
    fails 1 ''
    try search nothing --exit-code --count
    same status 1 "$status"
    same output '{"total":0}' "$output"
    try search bob --exit-code --keys --table user
    prints '{"key":"user:2"}'
    try search bob --exit-code --count
    prints '{"total":2}'
}

# ---- time and branches ----

@test "the past, as list has it" {
    fill
    given put user:2 '{"name":"Robert"}'
    given delete user:1
    same now 'page:1' "$(keys 'bob OR alice')"
    same then 'page:1 user:1 user:2' "$(keys 'bob OR alice' --at main~2 --sort _key)"
    same 'in between' 'page:1 user:1' "$(keys 'bob OR alice' --at main~1 --sort _key)"
    same 'by time' 'page:1 user:1 user:2' "$(keys 'bob OR alice' --at user:2@{1} --sort _key)"
    same 'before all' '' "$(keys '*:*' --at 2000-01-01)"
    try search x --at nonsense
    fails_like 2 "chrondb: *'nonsense'*"
}

@test "branches" {
    fill
    git -C .chrondb branch other
    given put user:9 '{"name":"Only here"}' -b other
    same main '' "$(keys only)"
    same other 'user:9' "$(keys only -b other)"
    try search only -b none
    fails_like 2 "chrondb: *'none'*"
    same 'in the query' '{"key":"user:9"}' "$("$CHRONDB" search --keys --ast '{"clauses":[{"type":"match-all"}],"branch":"other","sort":[{"field":"_key","direction":"desc"}],"limit":1}')"
    try search --ast '{"clauses":[{"type":"match-all"}],"branch":"other"}' -b main
    fails_like 2 'chrondb: *branch*'
}

@test "a database without commits, and none" {
    try search x
    fails_like 6 'chrondb: *'
    given init
    try search x
    prints ''
    try search '*:*' --count
    prints '{"total":0}'
    try search '*:*' --format json
    prints '{"hits":[],"next":null}'
}

@test "what was written is found at once: by chrondb, by git, without an index" {
    fill
    given put user:7 '{"name":"Zoe"}'
    same put 'user:7' "$(keys zoe)"
    git clone -q .chrondb work
    mkdir -p work/user
    echo '{"name":"Zacharias"}' >work/user/8.json
    git -C work add . && git -C work -c user.name=a -c user.email=a@b commit -qm x && git -C work push -q 2>/dev/null
    same push 'user:8' "$(keys zacharias)"
    rm -rf .chrondb/chrondb/index
    same 'without an index' 'user:7 user:8' "$(keys 'za* OR zoe' --sort _key)"
    git -C .chrondb update-ref refs/heads/main main~2
    same 'moved back' '' "$(keys 'za* OR zoe')"
    same 'the rest' 5 "$("$CHRONDB" search '*:*' | wc -l)"
}

# ---- what it prints ----

@test "formats" {
    fill
    try search name:bob
    prints '{"key":"user:2","score":'"$(jq .score <<<"$output")"',"value":{"name":"Bob Smith","age":25,"city":"London","tags":["runner"],"active":false}}'
    try search name:bob --format json
    same hits '["hits","next"]' "$(jq -c keys_unsorted <<<"$output")"
    same hit '["user:2",25]' "$(jq -c '.hits[] | [.key, .value.age]' <<<"$output")"
    try search name:bob --format json --total --explain
    same members '["hits","total","plan","segments","caught_up","next"]' "$(jq -c keys_unsorted <<<"$output")"
    try search 'key:user\:2' --format raw
    prints '{"name":"Bob Smith","age":25,"city":"London","tags":["runner"],"active":false}'
    try search '*:*' --keys --table user --format text --total
    prints 'total 3

KEY
user:1
user:2
user:3'
    try search '*:*' --no-value --limit 1 --format json
    same hit '["key","score"]' "$(jq -c '.hits[0] | keys_unsorted' <<<"$output")"
}

@test "highlights, for programs" {
    fill
    given put odd '{"a.b":{"x\"y":["caf\u00e9 é \ud83e\udd80 run","nothing"]},"n":[1,2.50]}'
    try search 'run OR n:2.5' --table '' --highlight
    same marks '[{"path":["a.b","x\"y",0],"start":9,"end":12,"text":"run"},{"path":["n",1],"text":"2.50"}]' \
        "$(jq -c .highlights <<<"$output")"
    same getpath run "$(jq -r '. as $r | $r.highlights[0] as $h | $r.value | getpath($h.path)[$h.start:$h.end]' <<<"$output")"
    try search 'cafe' --highlight
    same escapes '[{"path":["a.b","x\"y",0],"start":0,"end":4,"text":"café"}]' "$(jq -c .highlights <<<"$output")"
    try search 'text:"alice runs" OR bob' --table page --highlight
    same phrase '["Alice","runs","Bob"]' "$(jq -c '[.highlights[].text]' <<<"$output")"
    try search 'key:user\:1' --highlight
    same nothing '[]' "$(jq -c .highlights <<<"$output")"
    try search bob --highlight --keys
    fails_like 2 'chrondb: *--highlight*'
    try search bob --highlight --count
    fails_like 2 'chrondb: *--highlight*'
    try search bob --highlight --no-value --table user
    same members '["key","score","highlights"]' "$(jq -c keys_unsorted <<<"$output")"
}

@test "highlights, for people" {
    local on=$'\x1b[7m' off=$'\x1b[27m'
    fill
    try_terminal search 'name:bob OR age:25' --highlight
    [[ $output == *"${on}Bob$off Smith"* ]] || { cat -v <<<"$output"; return 1; }
    [[ $output == *"${on}25$off"* ]]
    [[ $output != *highlights* ]]
    # Taken away, it is what it would be without; so the marks are the only difference.
    local plain=${output//"$on"/}
    plain=${plain//"$off"/}
    try_terminal search 'name:bob OR age:25'
    same 'without marks' "$output" "$plain"
    try_terminal search name:bob --highlight --format text
    [[ $output == *"{\"name\":\"${on}Bob$off Smith\""* ]]
    # Without colours there is nothing to see them by.
    NO_COLOR=1 try_terminal search name:bob --highlight
    [[ $output != *$'\x1b'* ]] && [[ $output == *highlights* ]]
    # Colours in a pipe, if they are asked for.
    try search name:bob --highlight --color=always
    [[ $output == *"${on}Bob$off Smith"* ]]
    # Nothing of a document reaches a terminal as it is.
    given put evil '{"x":"\u001b[31mred\u007f\u009b31m word"}'
    try_terminal search word --highlight
    [[ $output == *"${on}word$off"* ]]
    ! sed 's/\x1b\[[0-9;]*m//g' <<<"$output" | has_controls
}

@test "explanations" {
    fill
    try search 'tags:runner AND name:smith' --explain --no-value
    same members '["key","score","explain"]' "$(head -n1 <<<"$output" | jq -c keys_unsorted)"
    # The parts of a score make it.
    jq -es '.[0] | .score as $s | (.explain[0].value - $s) | fabs < 1e-4' <<<"$output"
    jq -es '.[0].explain[0] | ([.parts[].value] | add) - .value | fabs < 1e-4' <<<"$output"
    jq -es 'last | .plan | length == 1 and (.[0].parts | length >= 2)' <<<"$output"
    try search 'tags:runner AND name:smith' --explain --format text
    [[ $output == plan$'\n'* ]] && [[ $output == *$'\nuser:1  '* ]]
    same 'standard error' '' "$stderr"
    try search 'tags:runner' --count --explain --format json
    same members '["total","plan","segments","caught_up"]' "$(jq -c keys_unsorted <<<"$output")"
}

@test "a document of other tools that is none" {
    fill
    local blob tree
    blob=$(printf 'no json: paris' | git -C .chrondb hash-object -w --stdin)
    git -C .chrondb read-tree --index-output=.chrondb/tmp.index main 2>/dev/null || true
    tree=$(GIT_INDEX_FILE=$PWD/index git -C .chrondb read-tree main &&
        GIT_INDEX_FILE=$PWD/index git -C .chrondb update-index --add --cacheinfo "100644,$blob,user/bad.json" &&
        GIT_INDEX_FILE=$PWD/index git -C .chrondb write-tree)
    git -C .chrondb update-ref refs/heads/main "$(git -C .chrondb -c user.name=a -c user.email=a@b commit-tree -p main -m x "$tree")"
    same keys "$("$CHRONDB" list --keys -q | wc -l)" "$("$CHRONDB" search '*:*' --keys | wc -l)"
    try search 'key:user\:bad'
    same status 0 "$status"
    same value null "$(jq -c .value <<<"$output")"
    [[ $stderr == *"cannot show 'user:bad'"* ]]
    same 'found by words' 4 "$("$CHRONDB" search paris --count | jq .total)"
}

# ---- what goes wrong ----

@test "a document of more fields than are indexed, in bounded memory" {
    seq 200000 | awk '{ printf "%s\"f%d\":\"w%d\"", (NR > 1 ? "," : "{"), $1, $1 } END { print "}" }' >many.json
    [ -n "$CHRONDB_SANITIZE" ] || ulimit -v 250000
    "$CHRONDB" put many:1 @many.json >/dev/null
    same 'in a field' many:1 "$(keys f77:w77)"
    same 'a word beyond' many:1 "$(keys w199999)"
    same 'a field beyond' '' "$(keys f199999:w199999)"
}

@test "a query that is malformed: why, and where" {
    fill
    try search 'name:(alice'
    same status 2 "$status"
    same lines 3 "$(wc -l <<<"$stderr")"
    same query 'name:(alice' "$(sed -n 2p <<<"$stderr")"
    same place '     ^' "$(sed -n 3p <<<"$stderr")"
    [[ $stderr == 'chrondb: '*'column 6'* ]]
    try search 'é AND AND x'
    same place '      ^' "$(sed -n 3p <<<"$stderr")"
    try search 'name:(alice' --format json
    same lines 1 "$(wc -l <<<"$stderr")"
    same code '["invalid_query",1,6]' "$(jq -c '.error | [.code, .line, .column]' <<<"$stderr")"
    try search ''
    same status 2 "$status"
    try search $'a\x1b(b'
    same status 2 "$status"
    ! has_controls <<<"$stderr"
    local long
    long=$(printf 'word %.0s' {1..200})
    try search "$long (x"
    same status 2 "$status"
    [ "$(sed -n 2p <<<"$stderr" | wc -c)" -lt 100 ]
}

@test "usage" {
    fill
    try search
    fails_like 2 'chrondb: search needs a query*'
    try search time travel
    fails_like 2 "chrondb: *quotes*'time travel'"
    try search x --ast '{}'
    fails_like 2 'chrondb: *not both*'
    same minus 'page:1 plain user:2' "$(keys -- '-city:paris')"
    try search -h
    same status 0 "$status"
}

@test "queries as JSON" {
    fill
    local ast='{"clauses":[{"type":"fts","field":"name","value":"smith"}],"sort":[{"field":"age","direction":"desc"}],"limit":1}'
    same argument '{"key":"user:1"}' "$("$CHRONDB" search --keys --ast "$ast")"
    echo "$ast" >query.json
    same file '{"key":"user:1"}' "$("$CHRONDB" search --keys --ast @query.json)"
    same stdin '{"key":"user:1"}' "$("$CHRONDB" search --keys --ast - <query.json)"
    same 'options count first' $'{"key":"user:2"}\n{"key":"user:1"}' "$("$CHRONDB" search --keys --ast "$ast" --limit 5 --sort age)"
    try search --ast '{"clauses":[{"type":"fts","field":"name"}]}'
    same status 2 "$status"
    same code '"invalid_query"' "$("$CHRONDB" search --format json --ast '{"clauses":[{"type":"no-such"}]}' 2>&1 | jq .error.code)"
    try search --ast '{"clauses":'
    same status 2 "$status"
    try search --ast @missing
    same status 8 "$status"
}
