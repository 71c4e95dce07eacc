#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# chrondb-index(5) is complete: read_index.py, which knows the page alone, finds in the files what git has, and nothing
# that the page does not speak of.

load helper

read_index() { # REF WHAT
    python3 "$BATS_TEST_DIRNAME/read_index.py" .chrondb/chrondb/index "$1" "$2"
}

# The catalog of a branch says what git says of it.
agrees() { # BRANCH
    local ref=refs/heads/$1
    same commits "$(git -C .chrondb rev-list --first-parent --reverse "$ref")" "$(read_index "$ref" commits | jq -r '.[0]')"
    same times "$("$CHRONDB" log -b "$1" --reverse | jq -r .time)" \
        "$(read_index "$ref" commits | jq -r '(.[1] | todate | rtrimstr("Z")) + "." + ("00000000\(.[2])" | .[-9:]) + "Z"')"
    same keys "$("$CHRONDB" list -b "$1" --keys --format raw)" \
        "$(read_index "$ref" versions | jq -r 'select(.[1][0][1] != null) | .[0]')"
    same tables "$("$CHRONDB" tables -b "$1" | jq -c '[.table, .count]' | LC_ALL=C sort)" \
        "$(read_index "$ref" tables | jq -c '[(.[0] | if . == "" then null else . end), .[1]]' | LC_ALL=C sort)"
}

# The versions of all keys are those of git log; only in histories without merges.
has_history() { # BRANCH
    local key
    read_index "refs/heads/$1" versions >versions
    same keys "$(jq -r '.[0]' versions)" "$(jq -r '.[0]' versions | LC_ALL=C sort -u)"
    jq -r '.[0]' versions | sed -n '1~7p' | while IFS= read -r key; do
        same "history of $key" "$("$CHRONDB" history -b "$1" --no-value "$key" | jq -r .commit)" \
            "$(jq -r --arg key "$key" 'select(.[0] == $key) | .[1][][0]' versions)"
    done
}

puts() { # FROM TO: one commit each
    seq "$1" "$2" | while read -r n; do
        printf '{"key":"t%d:%d","value":%d}\n' $((n % 3)) $((n * 7 % 90)) "$n"
        [ $((n % 9)) != 0 ] || printf '{"key":"t%d:%d","op":"delete"}\n' $((n % 3)) $((n * 7 % 90))
        [ $((n % 20)) != 0 ] || printf '{"key":"no table %d","value":1}\n' "$n"
    done | "$CHRONDB" import --commit-each >/dev/null 2>&1
}

@test "a tail" {
    local n
    for n in 1 2 3; do
        given put "user:$n" "$n"
    done
    given delete user:2
    given put -m 'an umlaut' 'äöü' 1
    agrees main
    has_history main
    same files '["main-GENERATION.tail"] ["main.manifest"]' \
        "$(read_index refs/heads/main files | sed 's/-[0-9a-f]*\./-GENERATION./' | paste -sd' ')"
    same 'other files' '' \
        "$(comm -23 <(ls .chrondb/chrondb/index) <(read_index refs/heads/main files | jq -r '.[0]') | grep -v '^lock$')"
}

@test "a segment and a tail" {
    puts 1 400
    given reindex
    agrees main
    has_history main
    given put 'user:a' 1
    given delete 'user:a'
    agrees main
}

@test "branches that share a segment, cut" {
    puts 1 300
    given reindex
    git -C .chrondb update-ref refs/heads/feature/x main~100
    given put -b feature/x new:1 1
    given list -b feature/x
    given reindex
    agrees feature/x
    agrees main
    git -C .chrondb update-ref refs/heads/main main~50
    given list
    given put user:1 1
    given gc
    agrees main
    has_history main
}
