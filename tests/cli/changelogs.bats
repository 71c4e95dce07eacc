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
    jq -r .time versions.ndjson | uniq | while read -r time; do
        jq -c --arg time "$time" 'select(.time == $time) | {key: "package:\(.package)"} +
            if .version then {op: "put", value: {version}} else {op: "delete"} end' versions.ndjson |
            "$CHRONDB" batch --time "$time" || return 1
    done >results.ndjson
}

# What `list --at TIME` has to say.
expected_at() { # TIME
    jq -sc --arg time "$1" '[.[] | select(.time <= $time)] | group_by(.package) | map(last) |
        sort_by(.package) | .[] | select(.version) | {key: "package:\(.package)", value: {version}}' versions.ndjson
}

# The end of a second: with equal times, the commits of one are nanoseconds apart.
end_of() {
    printf '%s.999Z' "${1%Z}"
}

check_list_at() {
    local time
    for time in $(jq -r .time versions.ndjson | uniq | awk 'NR % 9 == 1') 2009-12-31T23:59:59Z 2026-01-01T00:00:00Z; do
        same "list --at $time" "$(expected_at "$time")" "$("$CHRONDB" list --at "$(end_of "$time")")"
    done
    # A second before a time is the state of the one before.
    time=$(jq -sr '.[150].time' versions.ndjson)
    same "a second before $time" "$(expected_at "$(jq -sr '.[150].seconds - 1 | todate' versions.ndjson)")" \
        "$("$CHRONDB" list --at "$(jq -sr '.[150].seconds - 1 | todate' versions.ndjson)")"
}

check_at() {
    local time package
    for n in {5..295..13}; do
        time=$(jq -sr ".[$n].time" versions.ndjson)
        package=package:$(jq -sr ".[$n].package" versions.ndjson)
        same "$package at $time" \
            "$(expected_at "$time" | jq -c --arg key "$package" 'select(.key == $key) | .value')" \
            "$("$CHRONDB" at "$(end_of "$time")" "$package" 2>/dev/null || [ $? -eq 1 ])"
    done
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
    expected_at 9999 | jq -c '{op: "put", key, value}' | "$CHRONDB" --db other batch
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
