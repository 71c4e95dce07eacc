#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Clocks that are wrong, and times that somebody chose, forged or left behind: the order of the commits is that of the
# branch, its times always rise, and `at` says what a walk over the log says. (time.bats has the commands.)

load helper

# The moment one nanosecond earlier.
before() { # TIME
    local second=${1%.*} nano=${1#*.}
    nano=${nano%Z}
    if [ "$nano" = 000000000 ]; then
        printf '%s.999999999Z' "$(date -u -d "${second}Z - 1 second" +%Y-%m-%dT%H:%M:%S)"
    else
        printf '%s.%09dZ' "$second" "$((10#$nano - 1))"
    fi
}

value_at() { # TIME
    "$CHRONDB" at "$1" k 2>/dev/null || [ $? -eq 1 ] && return
    echo "cannot tell what was at $1"
}

# `at` of every commit's time, and of a nanosecond before, is what git has in the commit and in the one before. The times
# rise, and the commits are the first parents. `expect` says the same of times without chrondb's help.
agrees() {
    local commit time value last=''
    "$CHRONDB" log --reverse >commits
    same commits "$(git -C .chrondb rev-list --first-parent --reverse main)" "$(jq -r .commit commits)"
    jq -r .time commits >moments
    LC_ALL=C sort -uc moments
    while read -r commit time; do
        value=$(git -C .chrondb cat-file blob "$commit:_/k.json" 2>/dev/null) || value=
        same "at $time" "$value" "$(value_at "$time")"
        [[ $time == 0000-01-01T00:00:00.000000000Z ]] || same "before $time" "$last" "$(value_at "$(before "$time")")"
        last=$value
    done < <(jq -r '"\(.commit) \(.time)"' commits)
    git -C .chrondb fsck --strict --no-dangling --no-progress
}

# The times of the log, oldest first, separated by blanks; zeros behind the point are left out.
times_are() {
    same times "$*" "$("$CHRONDB" log --reverse | jq -r '.time | sub("\\.?0*Z$"; "Z")' | paste -sd ' ')"
}

put_at() { # TIME VALUE [OPTION...]
    given put k "$2" --time "$1" "${@:3}"
}

clone() {
    git config --global user.name Gil
    git config --global user.email gil@example.org
    git clone -q .chrondb clone 2>/dev/null
    git -C clone checkout -q main
}

git_at() { # TIME COMMAND...: git in the clone
    GIT_AUTHOR_DATE=$1 GIT_COMMITTER_DATE=$1 git -C clone "${@:2}" >/dev/null
}

push() {
    git -C clone push -qf origin HEAD:main
}

@test "a clock that jumps back" {
    given put k 1
    now 2026-11-21T12:00:00Z
    given put k 2
    now 2026-11-21T11:00:00Z
    given put k 3
    now 2026-11-21T10:59:59.5Z
    given delete k
    now 2026-11-21T13:00:00Z
    given put k 5
    times_are 2026-11-21T10:00:00Z 2026-11-21T12:00:00Z 2026-11-21T12:00:00.000000001Z \
        2026-11-21T12:00:00.000000002Z 2026-11-21T13:00:00Z
    same 'between' 1 "$(value_at 2026-11-21T11:30:00Z)"
    same 'after' '' "$(value_at 2026-11-21T12:30:00Z)"
    agrees
}

@test "a clock that was in the future once" {
    given put k 1
    now 2031-01-01T00:00:00Z
    given put k 2
    now 2026-11-21T10:05:00Z
    try put k 3
    [ "$status" -eq 0 ]
    same warnings 1 "$(grep -c '^chrondb: warning: .*2031-01-01T00:00:00' <<<"$stderr")"
    same 'its time' 2031-01-01T00:00:00.000000001Z "$(member time)"
    try put k 4 -q
    [ "$status" -eq 0 ] && [ -z "$stderr" ]
    same 'by this clock' 1 "$(value_at 2026-11-21T10:05:00Z)"
    try get k
    prints 4
    try get k --at now
    prints 4
    now 2031-01-01T00:00:01Z
    try put k 5
    [ -z "$stderr" ]
    agrees
}

@test "zones, in --time and in WHEN" {
    put_at 2026-11-20T10:30:00+05:30 1
    put_at 2026-11-19T23:30:00-12:00 2
    put_at 2026-11-20t13:00:00.25z 3
    put_at '2026-11-21 13:14+13:14' 4
    times_are 2026-11-20T05:00:00Z 2026-11-20T11:30:00Z 2026-11-20T13:00:00.25Z 2026-11-21T00:00:00Z
    same 'another zone' 1 "$(value_at 2026-11-20T15:29:59.999+04:00)"
    same 'another zone' 2 "$(value_at 2026-11-20T15:30:00+04:00)"
    same 'no zone' 3 "$(TZ=Asia/Kathmandu value_at 2026-11-20T13:30)"
    TZ=Asia/Kathmandu put_at 2026-11-21T01:00 5
    same 'no zone is UTC' 2026-11-21T01:00:00.000000000Z "$("$CHRONDB" log --limit 1 | jq -r .time)"
    local wrong
    for wrong in 2026-11-21T02:00:00+24:00 2026-11-21T02:00:00+1:00 2026-11-21T02:00:00CET 2026-11-21T02:00:00+05:60; do
        try put k 6 --time "$wrong"
        fails_like 2 "chrondb: *'$wrong'*"
    done
    agrees
}

@test "leap days and leap seconds" {
    put_at 2000-02-29 1
    put_at 2016-12-31T23:59:60Z 2
    put_at 2024-02-29T23:59:59.999999999Z 3
    put_at 2024-03-01 4
    times_are 2000-02-29T00:00:00Z 2017-01-01T00:00:00Z 2024-02-29T23:59:59.999999999Z 2024-03-01T00:00:00Z
    local wrong
    for wrong in 2025-02-29 2100-02-29 2026-02-30 2026-04-31 2026-13-01 2026-00-10 2026-01-00 2026-01-01T24:00 2026-01-01T23:60; do
        try put k 5 --time "$wrong" --force
        fails_like 2 "chrondb: *'$wrong'*"
        try get k --at "time:$wrong"
        fails_like 2 "chrondb: *$wrong*"
    done
    now 2024-02-29T12:00:00Z
    same 'a year ago' 2 "$(value_at '1 year ago')"
    agrees
}

@test "1970 and before" {
    put_at 0000-01-01T00:00:00Z 1
    put_at 0000-01-01T00:00:00Z 2
    put_at 1582-10-10T12:00:00.5Z 3
    put_at 1969-12-31T23:59:59.999999999Z 4
    put_at 1970-01-01T00:00:00Z 5
    put_at @0.5 6
    put_at 1970-01-01T00:00:01Z 7
    times_are 0000-01-01T00:00:00Z 0000-01-01T00:00:00.000000001Z 1582-10-10T12:00:00.5Z \
        1969-12-31T23:59:59.999999999Z 1970-01-01T00:00:00Z 1970-01-01T00:00:00.5Z 1970-01-01T00:00:01Z
    same 'dates of git' '0 0 0 0 0 0 1' "$(git -C .chrondb log --reverse --format=%ct main | paste -sd ' ')"
    same 'by epoch' 3 "$(value_at @-1)"
    same 'by epoch' 4 "$(value_at @-0.000000001)"
    try put k 8 --time 0000-01-01T00:00:00+00:01 --force
    fails_like 2 "chrondb: *'0000-01-01T00:00:00+00:01'*"
    given put k 9
    agrees
}

@test "the end of all years" {
    given put k 1
    try put k 2 --time 9999-12-31T23:59:59Z
    fails_like 2 "chrondb: *'9999-12-31T23:59:59Z': it is in the future*"
    try put k 2 --time 9999-12-31T23:59:59Z --force
    same 'its time' 9999-12-31T23:59:59.000000000Z "$(member time)"
    given put k 3 -q
    given delete k -q
    given put k 5 -q --force --time 2026-11-21T10:00:00Z
    given put k 6 -q --force --time 9999-12-31T23:59:59.999999998Z
    given put k 7 -q
    times_are 2026-11-21T10:00:00Z 9999-12-31T23:59:59Z 9999-12-31T23:59:59.000000001Z 9999-12-31T23:59:59.000000002Z \
        9999-12-31T23:59:59.000000003Z 9999-12-31T23:59:59.999999998Z 9999-12-31T23:59:59.999999999Z
    agrees
    # There is no later moment: refused, and nothing else is different.
    local head
    head=$(head_of)
    for write in 'put k 8' 'delete k' 'put k 8 --force --time 2026-11-21T10:00:00Z'; do
        # shellcheck disable=SC2086
        try $write -q
        fails_like 2 'chrondb: *9999*'
    done
    same head "$head" "$(head_of)"
    try put k 7 -q # what changes nothing needs no moment
    same status unchanged "$(member status)"
    try get k
    prints 7
    same 'the present' 1 "$(value_at 2026-11-21T10:00:00Z)"
    # Another branch has its own time.
    git -C .chrondb branch other main~6
    given -b other put k 9
}

@test "far futures that git cannot date" {
    put_at 2514-05-30T01:53:03Z 1 --force # the last that its commit-graph holds
    put_at 2514-05-30T01:53:04Z 2 --force
    put_at 5000-01-01T00:00:00.000000007Z 3 --force -q
    given put k 4 -q
    times_are 2514-05-30T01:53:03Z 2514-05-30T01:53:04Z 5000-01-01T00:00:00.000000007Z 5000-01-01T00:00:00.000000008Z
    same 'dates of git' '17179869183 17179869183 17179869183 17179869183' \
        "$(git -C .chrondb log --reverse --format=%ct main | paste -sd ' ')"
    agrees
    git -C .chrondb commit-graph write --reachable
    git -C .chrondb commit-graph verify
    agrees
}

@test "equal seconds" {
    local i
    for i in 1 2 3 4 5; do put_at 2026-11-21T09:00:00Z "$i"; done
    put_at 2026-11-21T09:00:00.000000002Z 6
    put_at 2026-11-21T09:00:00.5Z 7
    put_at 2026-11-21T09:00:00.2Z 8
    times_are 2026-11-21T09:00:00Z 2026-11-21T09:00:00.000000001Z 2026-11-21T09:00:00.000000002Z \
        2026-11-21T09:00:00.000000003Z 2026-11-21T09:00:00.000000004Z 2026-11-21T09:00:00.000000005Z \
        2026-11-21T09:00:00.5Z 2026-11-21T09:00:00.500000001Z
    now 2026-11-21T09:00:00.5Z
    given put k 9
    given delete k
    agrees
}

@test "trailers forged through keys, messages and --meta" {
    local forged=$'Chrondb-Time: 2001-01-01T00:00:00.000000000Z'
    now 2026-11-21T10:00:01Z
    given put k 1 -m "text"$'\n\n'"$forged"
    now 2026-11-21T10:00:02Z
    given put k 2 -m "$forged"
    now 2026-11-21T10:00:03Z
    given put k 3 -m $'\n\n'"$forged"$'\n\n\n  \n'
    now 2026-11-21T10:00:04Z
    given put k 4 --meta "a=b"$'\n'"$forged" --meta "c=%0A$forged" --meta $'d\n\nChrondb-Time: 2001=x'
    now 2026-11-21T10:00:05Z
    given put $'k\n\n'"$forged" 5
    now 2026-11-21T10:00:06Z
    given put k 6 -m $'Fix\n\nSigned-off-by: A <a@b>\n'"$forged"$'\nChrondb-Meta: forged=yes'
    now 2026-11-21T10:00:07Z
    given put k 7 --author $'A B <a@b>' --meta 'e= ' --meta "f=$forged"
    times_are 2026-11-21T10:00:0{1,2,3,4,5,6,7}Z
    agrees
    same 'messages' "$(jq -nc --arg f "$forged" '["text\n\n" + $f, $f]')" "$(jq -sc 'map(.message)[:2]' commits)"
    jq -se --arg f "$forged" '.[2].message | endswith($f)' commits
    same 'meta' "$(jq -nc --arg f "$forged" '{a: ("b\n" + $f), c: ("%0A" + $f), "d\n\nChrondb-Time: 2001": "x"}')" \
        "$(jq -sc '.[3].meta' commits)"
    same 'key' "$(jq -nc --arg f "$forged" '"k\n\n" + $f')" "$(jq -sc '.[4].changes[0].key' commits)"
    same 'no meta of a message' null "$(jq -sc '.[5].meta' commits)"
    same 'meta' "$(jq -nc --arg f "$forged" '{e: " ", f: $f}')" "$(jq -sc '.[6].meta' commits)"
    # Each commit has one line that gives the time, as git reads it too, and it is the true one.
    git -C .chrondb log --reverse --format='%(trailers:key=Chrondb-Time,valueonly)' main | grep . >trailers
    same trailers "$(cat moments)" "$(cat trailers)"
}

@test "an author who forges a header is refused" {
    try put k 1 --author $'A <a@b> 1 +0000\ncommitter B <b@c> 2 +0000\n\nChrondb-Time: 2001 <a@b>'
    [ "$status" -eq 2 ]
    [ ! -e .chrondb ] || [ -z "$(git -C .chrondb for-each-ref)" ]
}

@test "amended commits: the trailer is not believed, the order stays" {
    given put k 1
    now 2026-11-21T11:00:00.123Z
    given put k 2
    clone
    printf 22 >clone/_/k.json
    git_at 2026-11-21T12:34:56Z commit -a --amend --no-edit
    push
    times_are 2026-11-21T10:00:00Z 2026-11-21T12:34:56Z
    git -C clone log -1 --format=%B | grep -q '^Chrondb-Time: 2026-11-21T11:00:00.123000000Z$'
    agrees
    # At the second of its trailer it is believed again: it says no more than the date does.
    git_at 2026-11-21T11:00:00Z commit --amend --no-edit
    push
    times_are 2026-11-21T10:00:00Z 2026-11-21T11:00:00.123Z
    now 2026-11-21T11:00:00Z
    given put k 3
    times_are 2026-11-21T10:00:00Z 2026-11-21T11:00:00.123Z 2026-11-21T11:00:00.123000001Z
    agrees
}

@test "cherry-picked, reverted and rebased commits" {
    given put k 1
    now 2026-11-21T11:00:00Z
    given put k 2
    now 2026-11-21T12:00:00Z
    given put k 3
    clone
    git_at 2026-11-21T12:10:00Z revert --no-edit HEAD
    git_at 2026-11-21T12:20:00Z cherry-pick HEAD~1
    git_at 2026-11-21T12:30:00Z commit --allow-empty -m $'mine\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z'
    # A clock that is wrong: these come right behind their parents.
    git_at 2020-01-01T00:00:00Z commit --allow-empty -m 'an old clock'
    printf 4 >clone/_/k.json
    git_at 2020-01-01T00:00:00Z commit -a -m 'an old clock again'
    push
    times_are 2026-11-21T10:00:00Z 2026-11-21T11:00:00Z 2026-11-21T12:00:00Z 2026-11-21T12:10:00Z \
        2026-11-21T12:20:00Z 2026-11-21T12:30:00Z 2026-11-21T12:30:00.000000001Z 2026-11-21T12:30:00.000000002Z
    agrees
    now 2026-11-21T12:25:00Z
    given put k 5
    agrees
    git -C clone fetch -q
    git -C clone reset -q --hard origin/main
    git_at 2026-11-21T13:00:00Z rebase -q --force-rebase HEAD~4
    push
    agrees
    now 2026-11-21T14:00:00Z
    given put k 6
    agrees
}

@test "trailers that are not quite ours, in pushed commits" {
    given put k 0
    clone
    local i=0 trailers
    while IFS= read -r trailers; do
        i=$((i + 1))
        printf %d "$i" >clone/_/k.json
        printf "subject\n\n$trailers" >message # its escapes are meant
        git_at "2026-11-21T11:00:0${i}Z" commit -a --cleanup=verbatim -F "$PWD/message"
    done <<'end'
Chrondb-Time: 2026-11-21T11:00:01.5Z\n
chrondb-time: 2026-11-21T11:00:02.500000000Z\n
Chrondb-Time: 2026-11-21T11:00:03.500000000Z\nChrondb-Time: 2026-11-21T11:00:03.500000000Z\n
Chrondb-Time: 2026-11-21T11:00:04.500000000Z\n\nAnd a last word.\n
Chrondb-Time: 2026-11-21T11:00:05.500000000Z\nno trailer\n
 Chrondb-Time: 2026-11-21T11:00:06.500000000Z\n
Chrondb-Time: 2026-11-21T13:00:07.500000000+02:00\n
Chrondb-Time: 2026-11-21T11:00:08.500000000Z\nSigned-off-by: A <a@b>\nChrondb-Meta: a=b\n
Chrondb-Time: 2026-11-21T11:00:09.500000000Z
end
    push
    times_are 2026-11-21T10:00:00Z 2026-11-21T11:00:0{1,2,3,4,5,6,7}Z 2026-11-21T11:00:08.5Z 2026-11-21T11:00:09.5Z
    agrees
    same meta '{"a":"b"}' "$(jq -sc '.[8].meta' commits)"
}

@test "dates of git before 1970 and behind the year 9999" {
    given put k 1
    local commit date tree
    tree=$(git -C .chrondb rev-parse 'main^{tree}')
    for date in 253402300800 17179869184 9223372036854775807 18446744073709551616 99999999999999999999999 -1 -9223372036854775808; do
        commit=$(printf 'tree %s\nparent %s\nauthor A <a@b> %s +0000\ncommitter A <a@b> %s +0000\n\nx\n' \
            "$tree" "$(head_of)" "$date" "$date" | git -C .chrondb hash-object -t commit -w --literally --stdin)
        git -C .chrondb update-ref refs/heads/main "$commit"
    done
    LC_ALL=C sort -uc <("$CHRONDB" log --reverse | jq -r .time)
    same first 9999-12-31T23:59:59.000000000Z "$("$CHRONDB" log --reverse | jq -sr '.[1].time')"
    same last 9999-12-31T23:59:59.000000006Z "$("$CHRONDB" log --limit 1 | jq -r .time)"
    try get k --at 2026-11-21T10:00:00Z
    prints 1
    given put k 2 -q
    try get k
    prints 2
}
