#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A changelog's worth of dated versions, written with their dates: every answer about the past is checked by a filter
# over the list of versions.

load helper

# versions.ndjson: 300 versions of ten packages in order of time, {"n","time","package","version"}. Times are days apart,
# or equal; every 25th line drops a package. No randomness but a small generator of its own.
versions() {
    awk 'BEGIN {
        seed = 4711; day = 0
        for (n = 1; n <= 300; n++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            r = int(seed / 65536)
            if (r % 4 != 0) day += 1 + r % 9
            package = "pkg" (int(r / 16) % 10)
            count[package]++
            seconds = 1262304000 + day * 86400 + (day % 3) * 3600
            if (n % 25 == 0 && alive[package]) { version = "null"; alive[package] = 0 }
            else { version = sprintf("\"%d.%d-%d\"", count[package] / 7, count[package] % 7, n); alive[package] = 1 }
            printf "{\"n\":%d,\"seconds\":%d,\"package\":\"%s\",\"version\":%s}\n", n, seconds, package, version
        }
    }' | jq -c '.time = (.seconds | todate)' >versions.ndjson
    [ "$(wc -l <versions.ndjson)" -eq 300 ]
    # Without equal times, deletions and many times the rest would prove little.
    jq -es 'group_by(.time) | length > 100 and length < 290' versions.ndjson
    jq -es 'map(select(.version == null)) | length > 3' versions.ndjson
}

# A line for each version: its time, and the arguments of its write.
write_each() {
    jq -r '"\(.time) \(.package) \(.version)"' versions.ndjson | while read -r time package version; do
        if [ "$version" = null ]; then
            "$CHRONDB" delete "package:$package" --time "$time"
        else
            "$CHRONDB" put "package:$package" "{\"version\":\"$version\"}" --time "$time"
        fi || return 1
    done >results.ndjson
}

# One batch for all versions of one time.
write_batches() {
    local time lines
    jq -sr 'group_by(.time)[] | .[0].time + "\t" + (map({key: "package:\(.package)"} +
        if .version then {op: "put", value: {version}} else {op: "delete"} end | tojson) | join("\t"))' versions.ndjson |
        while IFS=$'\t' read -r time lines; do
            tr '\t' '\n' <<<"$lines" | "$CHRONDB" batch --time "$time" || return 1
        done >results.ndjson
}

# In jq: what `list --at TIME` has to say, an array; of all versions.
state_at='def state_at($time): [.[] | select(.time <= $time)] | group_by(.package) | map(last) | sort_by(.package) |
    map(select(.version) | {key: "package:\(.package)", value: {version}});'

# The end of a second: with equal times, the commits of one are nanoseconds apart.
end_of() {
    printf '%s.999Z' "${1%Z}"
}

check_list_at() {
    local time expected
    # Every ninth time, before and after all of them, and a second before one: the state of the one before.
    jq -sr "$state_at"' . as $all |
        ([map(.time) | unique | to_entries[] | select(.key % 9 == 0).value] | map([., sub("Z"; ".999Z")])) +
        ["2009-12-31T23:59:59Z", "2026-01-01T00:00:00Z", (.[150].seconds - 1 | todate) | [., .]] | .[] |
        . as [$time, $last] | [$last] + ($all | state_at($time) | map(tojson)) | join("\t")' versions.ndjson >states
    [ "$(wc -l <states)" -gt 15 ]
    while IFS=$'\t' read -r time expected; do
        same "list --at $time" "${expected//$'\t'/$'\n'}" "$("$CHRONDB" list --at "$time")"
    done <states
}

check_at() {
    local time package expected
    jq -sr "$state_at"' . as $all | range(5; 296; 13) | $all[.] | .time as $time | ("package:" + .package) as $key |
        [($time | sub("Z"; ".999Z")), $key, ($all | state_at($time)[] | select(.key == $key).value | tojson)] |
        join("\t")' versions.ndjson >states
    [ "$(wc -l <states)" -eq 23 ]
    while IFS=$'\t' read -r time package expected; do
        same "$package at $time" "$expected" "$("$CHRONDB" at "$time" "$package" 2>/dev/null || [ $? -eq 1 ])"
    done <states
}

sound() {
    git -C .chrondb fsck --strict --no-dangling --no-progress
}

@test "a commit for each version" {
    local package
    versions
    write_each
    same results 300 "$(wc -l <results.ndjson)"
    sound
    # Order and times: the dates given, equal ones a nanosecond apart and in the order of writing.
    same 'times' "$(jq -r .time versions.ndjson)" "$("$CHRONDB" log --reverse | jq -r '.time | sub("\\.[0-9]*Z"; "Z")')"
    same 'strictly rising' '' "$("$CHRONDB" log --reverse | jq -r .time | LC_ALL=C sort -uc 2>&1)"
    same 'commits in order' "$(jq -r .commit results.ndjson)" "$("$CHRONDB" log --reverse --format raw)"
    for package in pkg0 pkg3 pkg7 pkg9; do
        same "history of $package" \
            "$(jq -c --arg p $package 'select(.package == $p) | if .version then {version} else null end' versions.ndjson)" \
            "$("$CHRONDB" history "package:$package" --reverse | jq -c .value)"
    done
    check_list_at
    check_at
    # Between two moments.
    local since=2011-06-01T00:00:00Z until=2012-01-01T00:00:00Z
    same 'log since and until' \
        "$(jq -r --arg a $since --arg b $until 'select(.time >= $a and .time <= $b) | .time' versions.ndjson)" \
        "$("$CHRONDB" log --reverse --since $since --until $until | jq -r '.time | sub("\\.[0-9]*Z"; "Z")')"
    [ "$("$CHRONDB" log --since $since --until $until | wc -l)" -gt 5 ]
    # Git dates the commits so too.
    same 'committer dates' "$(jq -r .seconds versions.ndjson)" "$(git -C .chrondb log --reverse --format=%ct main)"
}

@test "a batch for each time" {
    local package
    versions
    # In one batch, a later operation sees the earlier ones, and a key counts once: one commit a time.
    write_batches
    sound
    same 'times' "$(jq -r .time versions.ndjson | uniq)" \
        "$("$CHRONDB" log --reverse | jq -r '.time | sub("\\.000000000Z"; "Z")')"
    check_list_at
    check_at
    for package in pkg1 pkg5 pkg8; do
        same "history of $package" \
            "$(jq -sc --arg p $package '[.[] | select(.package == $p)] | group_by(.time)[] | last |
                if .version then {version} else null end' versions.ndjson)" \
            "$("$CHRONDB" history "package:$package" --reverse | jq -c .value)"
    done
    # The tree does not know the way: the last state, written alone, has the same.
    jq -sc "$state_at"' state_at("9999")[] | {op: "put", key, value}' versions.ndjson | "$CHRONDB" --db other batch
    same tree "$(git -C other rev-parse 'main^{tree}')" "$(git -C .chrondb rev-parse 'main^{tree}')"
}

@test "out of order is refused, and with --force does not change the past" {
    versions
    head -n 40 versions.ndjson >few && mv few versions.ndjson
    write_each
    local head time
    head=$(head_of)
    time=$(jq -sr '.[10].time' versions.ndjson)
    try put package:late 1 --time "$time"
    fails_like 2 "chrondb: *'$time'*"
    same head "$head" "$(head_of)"
    "$CHRONDB" list --at "$(end_of "$time")" >before
    given put package:late 1 --time "$time" --force
    same "list --at $time" "$(cat before)" "$("$CHRONDB" list --at "$(end_of "$time")")"
    same 'its time' "$(jq -sr 'last.time' versions.ndjson)" \
        "$("$CHRONDB" log --limit 1 | jq -r '.time | sub("\\.[0-9]*Z"; "Z")')"
    sound
}
