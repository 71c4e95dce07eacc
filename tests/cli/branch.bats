#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb branch, and config branch: names of lines of history.

load helper

git_db() {
    git -C .chrondb "$@"
}

# Two commits on main; $first and $second.
fill() {
    given init
    now 2026-11-21T10:00:01Z
    given put k:1 1
    first=$(git_db rev-parse main)
    now 2026-11-21T10:00:02Z
    given put k:1 2
    second=$(git_db rev-parse main)
    now 2026-11-21T10:00:09Z
}

names() {
    "$CHRONDB" branch --format raw | paste -sd' '
}

# Nothing that somebody at work leaves; who is at work in the background may come to its end.
tidy() {
    local left
    for _ in $(seq 100); do
        left=$(find .chrondb -name '*.lock' -not -path '*/chrondb/*' -o -name '*.tmp')
        [ -n "$left" ] || break
        sleep 0.1
    done
    same 'left over' '' "$left" && git_db fsck --strict --no-dangling
}

@test "list: in the order of names, with the default one" {
    fill
    git_db branch zeta main~1
    git_db branch alpha main
    git_db branch team/blue main
    try branch
    prints '{"branch":"alpha","commit":"'$second'","time":"2026-11-21T10:00:02.000000000Z","default":false}
{"branch":"main","commit":"'$second'","time":"2026-11-21T10:00:02.000000000Z","default":true}
{"branch":"team/blue","commit":"'$second'","time":"2026-11-21T10:00:02.000000000Z","default":false}
{"branch":"zeta","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","default":false}'
    local loose=$output
    git_db pack-refs --all --prune
    try branch
    prints "$loose"
    try branch --format raw
    prints $'alpha\nmain\nteam/blue\nzeta'
    try branch --format text
    same heading 'BRANCH     COMMIT' "$(head -1 <<<"$output" | cut -c1-17)"
}

@test "create: at the head, at any WHEN, seen from another branch; it is durable and git sees it" {
    fill
    try branch dev
    prints '{"branch":"dev","commit":"'$second'","time":"2026-11-21T10:00:02.000000000Z","default":false,"status":"created"}'
    same git "$second" "$(git_db rev-parse dev)"
    for start in main~1 'k:1@{1}' 2026-11-21T10:00:01.5Z "$first" '8 seconds ago' ref:main~; do
        given branch "at/${start//[^a-z0-9]/_}" "$start"
        same "at $start" "$first" "$(git_db rev-parse "at/${start//[^a-z0-9]/_}")"
    done
    given -b dev put k:2 2
    given branch -b dev more
    same 'from dev' "$(git_db rev-parse dev)" "$(git_db rev-parse more)"
    run ! git_db rev-parse --verify -q more@{0} # no reflog
    tidy
}

@test "create again: unchanged at the same commit, exit 3 at another, and the error tells where" {
    fill
    given branch dev
    try branch dev
    same status unchanged "$(member status)"
    try branch dev main~1
    fails 3 "chrondb: cannot create branch 'dev': it exists already, at another commit"
    try branch main main~1 --format json
    same status 3 "$status"
    same error '["exists","'$second'"]' "$(jq -c '[.error.code,.error.current]' <<<"$stderr")"
    same git "$second" "$(git_db rev-parse dev)"
    tidy
}

@test "what is written on a branch stays there" {
    fill
    given branch dev
    given -b dev put k:1 3
    try get k:1
    prints 2
    CHRONDB_BRANCH=dev try get k:1
    prints 3
    try -b dev get k:1 --at now
    prints 3
    try at dev k:1
    prints 3
    try -b nowhere put k:1 4
    fails 2 "chrondb: there is no branch 'nowhere'"
}

@test "delete: told with its commit, packed or not, and it comes back" {
    fill
    for packed in no yes; do
        given branch team/dev main~1
        given branch team/other
        [ $packed = no ] || git_db pack-refs --all
        try branch -d team/dev
        prints '{"branch":"team/dev","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","default":false,"status":"deleted"}'
        same names 'main team/other' "$(names)"
        same git $'refs/heads/main\nrefs/heads/team/other' "$(git_db for-each-ref --format='%(refname)')"
        try branch team/dev "$first"
        same status created "$(member status)"
        given branch --delete team/dev
        given branch --delete team/other
    done
    [ ! -e .chrondb/refs/heads/team ]
    try branch -d team/dev
    fails 1 "chrondb: there is no branch 'team/dev'"
    try branch -d 'no such ~ name'
    fails 1 "chrondb: there is no branch 'no such ~ name'"
    tidy
}

@test "delete: not the default branch" {
    fill
    given branch dev
    try branch -d main
    fails 3 "chrondb: cannot delete branch 'main': it is the default branch: choose another with 'chrondb config branch NAME' before"
    git_db symbolic-ref refs/heads/alias refs/heads/main
    git_db symbolic-ref HEAD refs/heads/alias
    try branch -d alias
    same status 3 "$status"
    try branch -d main
    same status 3 "$status"
    given config branch dev
    given branch -d main
    same names 'dev' "$(names)"
    try branch -d alias
    same status deleted "$(member status)"
    [ ! -e .chrondb/refs/heads/alias ]
    tidy
}

@test "packed-refs keeps every other byte, tags with what they peel to too" {
    fill
    given branch dev
    given branch dev2
    git_db -c user.name=A -c user.email=a@b tag -am annotated dev-tag main
    git_db pack-refs --all
    grep -v ' refs/heads/dev$' .chrondb/packed-refs >expected
    chmod 640 .chrondb/packed-refs
    given branch -d dev
    cmp expected .chrondb/packed-refs
    same mode 640 "$(stat -c %a .chrondb/packed-refs)"
    same peeled "$second" "$(git_db rev-parse 'dev-tag^{}')"
    # One that was packed and then moved.
    given -b dev2 put k:2 2
    given branch -d dev2
    same names main "$(names)"
    tidy
}

@test "rename: also the default one, packed or not; HEAD follows" {
    fill
    given branch dev main~1
    try branch -m dev feature/x
    prints '{"branch":"feature/x","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","default":false,"former":"dev","status":"renamed"}'
    same HEAD refs/heads/main "$(git_db symbolic-ref HEAD)"
    git_db pack-refs --all
    try branch --move main trunk
    same record '["trunk",true,"main","renamed"]' "$(jq -c '[.branch,.default,.former,.status]' <<<"$output")"
    same HEAD refs/heads/trunk "$(git_db symbolic-ref HEAD)"
    same names 'feature/x trunk' "$(names)"
    try get k:1
    prints 2
    given put k:1 3
    same info trunk "$("$CHRONDB" info | jq -r .branch)"
    try branch -m trunk trunk
    same status unchanged "$(member status)"
    try branch -m trunk feature/x
    fails 3 "chrondb: cannot rename branch 'trunk': 'feature/x' exists already"
    try branch -m nope x
    fails 1 "chrondb: there is no branch 'nope'"
    try branch -m trunk 'a b'
    fails_like 2 "chrondb: 'a b' is no name for a branch: *"
    git_db symbolic-ref refs/heads/alias refs/heads/trunk
    try branch -m alias other
    fails 3 "chrondb: cannot rename branch 'alias': it is a symbolic ref; change it with 'git symbolic-ref'"
    tidy
}

@test "names: as git has them" {
    fill
    local name
    for name in 'a b' 'a..b' 'a~1' 'a^' 'a:b' 'a?' 'a*' 'a[b' 'a\b' 'a@{b' '@' 'HEAD' '.a' 'a/.b' 'a.lock' 'a.lock/b' 'a/' \
        'a//b' 'a.' '' '/a' '-a' $'a\tb' $'a\x7fb' $'a\xff'; do
        try branch -- "$name"
        same "status of $name" 2 "$status"
        try tag -- "$name"
        same "status of tag $name" 2 "$status"
        try branch -m -- main "$name"
        same "status of renaming to $name" 2 "$status"
        case $name in
        '' | @ | HEAD | $'a\xff') ;; # git says it elsewhere, or not at all
        *) run ! git_db check-ref-format --branch "$name" ;;
        esac
    done
    for name in ä a.b a@b @a 'a{b' x/y/z refs/x 'a!"$%&()' abcd now; do
        given branch -- "$name"
        git_db rev-parse --verify -q "refs/heads/$name"
    done
    given branch refs/heads/full
    git_db rev-parse --verify -q refs/heads/full
    try branch "$(printf '%0250d' 0)"
    same status 0 "$status"
    for name in "$(printf '%0251d' 0)" "$(printf 'x/%.0s' {1..600})x"; do
        try branch "$name"
        fails_like 2 "chrondb: '*' is no name for a branch: it is too long"
    done
    same 'what git counts' "$(git_db for-each-ref refs/heads | wc -l)" "$(names | wc -w)"
    tidy
}

@test "a and a/b: exit 3, whichever was first, packed or not" {
    fill
    given branch a/b
    for packed in no yes; do
        [ $packed = no ] || git_db pack-refs --all
        try branch a
        fails 3 "chrondb: cannot create branch 'a': 'a/b' is in the way: git can have a ref 'a' or 'a/b', not both"
        try branch a/b/c
        fails 3 "chrondb: cannot create branch 'a/b/c': 'a/b' is in the way: git can have a ref 'a' or 'a/b', not both"
        try branch a/b/c/d
        same status 3 "$status"
        try branch -m main a/b/c
        fails_like 3 "chrondb: cannot rename branch 'main': 'a/b' is in the way: *"
        try branch -d a
        fails 1 "chrondb: there is no branch 'a'"
        try branch -d a/b/c
        fails 1 "chrondb: there is no branch 'a/b/c'"
        given branch ab # is not
        given branch -d ab
    done
    given branch -d a/b
    mkdir -p .chrondb/refs/heads/a/b/c # as git leaves them
    given branch a
    given tag a/b # tags have names of their own
    tidy
}

@test "usage" {
    fill
    try branch -d
    fails 2 'chrondb: these are not the arguments of chrondb branch -d NAME'
    try branch -d a b
    same status 2 "$status"
    try branch -m main
    fails 2 'chrondb: these are not the arguments of chrondb branch -m OLD NEW'
    try branch -d -m a
    same status 2 "$status"
    try branch a b c
    fails 2 'chrondb: branch takes fewer arguments: chrondb branch [NAME [START]]'
    try branch dev nowhen
    fails_like 2 "chrondb: cannot create branch 'dev': cannot tell when 'nowhen' is: *"
    try branch dev -b nope
    fails 2 "chrondb: cannot create branch 'dev': there is no branch 'nope'"
    try branch dev 2000
    fails 2 "chrondb: cannot create branch 'dev': there is no commit at that time for a branch to name"
}

@test "no database, an empty one, one with HEAD elsewhere" {
    try branch
    fails 6 "chrondb: no database at '.chrondb'"
    try branch x
    same status 6 "$status"
    [ ! -e .chrondb ]
    given init
    try branch
    prints ''
    try branch dev
    fails 2 "chrondb: cannot create branch 'dev': there is no commit yet for a branch to name"
    given -b dev put k:1 1 # the first branch may be any
    same names dev "$(names)"
    try branch
    same default false "$(member default)"
    given branch main -b dev
    git_db update-ref --no-deref HEAD "$(git_db rev-parse dev)"
    try branch
    same default $'false\nfalse' "$(jq .default <<<"$output")"
    try config branch
    fails 7 "chrondb: '$PWD/.chrondb/HEAD' names no branch; 'chrondb config set branch NAME' corrects it"
    try config list
    same value '' "$(jq -r 'select(.name == "branch").value' <<<"$output")"
    given branch -d dev
    given config branch main
    try get k:1
    prints 1
}

@test "config branch: the branch without -b" {
    fill
    given branch dev
    given -b dev put k:1 dev:=1
    try config branch
    prints main
    try config branch dev
    prints '{"name":"branch","value":"dev","status":"created"}'
    same git refs/heads/dev "$(git_db symbolic-ref HEAD)"
    try get k:1
    prints '{"dev":1}'
    try get k:1 -b main
    prints 2
    try config set branch dev
    same status unchanged "$(member status)"
    try config list
    same listed '["dev","main",true]' "$(jq -c 'select(.name == "branch") | [.value,.default,.set]' <<<"$output")"
    try config unset branch
    prints '{"name":"branch","value":"main","status":"deleted"}'
    try config set branch nope
    fails 2 "chrondb: cannot set 'branch': there is no branch 'nope'; 'chrondb branch nope' creates it"
    try config set branch 'a b'
    fails 2 "chrondb: cannot set 'branch' to 'a b': it must be the name of a branch"
    same git refs/heads/main "$(git_db symbolic-ref HEAD)"
    given branch -m main trunk
    try config unset branch
    fails 2 "chrondb: cannot unset 'branch': there is no branch 'main'; 'chrondb branch main' creates it"
    tidy
    mkdir new
    cd new
    given init
    given config branch trunk # nothing is there yet
    given put k:1 1
    same names trunk "$(names)"
}

@test "hostile refs: listed where it can be, and the others work" {
    fill
    git_db branch good
    mkdir -p .chrondb/refs/heads/x
    printf '%040d\n' 1 >.chrondb/refs/heads/missing
    printf 'garbage\n' >.chrondb/refs/heads/garbage
    printf 'ref: refs/heads/loop\n' >.chrondb/refs/heads/loop
    printf 'ref: refs/heads/nowhere\n' >.chrondb/refs/heads/dangling
    git_db rev-parse main:k/1.json >.chrondb/refs/heads/blob
    printf '%s\n' "$second" >$'.chrondb/refs/heads/odd\xff\xc2\x9b'
    try branch
    same status 0 "$status"
    jq -es 'map(select(.branch == "good" or .branch == "main")) | length == 2' <<<"$output"
    same blob null "$(jq -c 'select(.branch == "blob").commit' <<<"$output")"
    same missing '["0000000000000000000000000000000000000001",null]' "$(jq -c 'select(.branch == "missing") | [.commit,.time]' <<<"$output")"
    [[ $stderr == *"warning: branch 'garbage' cannot be read: "*"warning: branch 'missing' cannot be read: "* ]]
    iconv -f utf-8 <<<"$output" >/dev/null
    run ! has_controls <<<"$output"
    try branch dangling
    same status 3 "$status"
    for name in missing dangling blob garbage loop $'odd\xff\xc2\x9b'; do
        try branch -d "$name"
        same "deleting $name" 0 "$status"
        [ ! -e ".chrondb/refs/heads/$name" ] && [ ! -L ".chrondb/refs/heads/$name" ]
    done
    given put k:1 3
    given branch later
}

@test "nothing can be synced any more: what failed has changed nothing" {
    local when args
    fill
    given branch packed
    given put k:2 2
    git_db for-each-ref >expected
    while read -r when args; do
        git_db pack-refs --all
        # shellcheck disable=SC2086
        run strace -qq -o trace -e "inject=fsync:error=EIO:when=$when+" "$CHRONDB" branch $args
        same "branch $args, at $when" 8 "$status"
        git_db for-each-ref | diff expected -
        same HEAD refs/heads/main "$(git_db symbolic-ref HEAD)"
    done <<<'1 -m main trunk
2 -m main trunk
3 -m main trunk
4 -m main trunk
2 -m packed other
1 -d packed
2 -d packed'
    run strace -qq -o trace -e "inject=fsync:error=EIO:when=2+" "$CHRONDB" config branch packed
    same 'config branch' 8 "$status"
    same HEAD refs/heads/main "$(git_db symbolic-ref HEAD)"
    tidy
}

@test "git's logs of refs go with them" {
    fill
    git_db config core.logAllRefUpdates always
    git_db branch a
    git_db branch b/c
    given branch -d a
    given branch -m b/c a/c
    git_db update-ref refs/heads/a/d main
    git_db branch b
    tidy
}

@test "killed at any point: the old refs or the new ones, and the next command clears up" {
    local point
    fill
    given branch keep
    for point in in-progress ref-locked retire-begun retire-prepared journal-synced rename-created retire-head-renamed \
        retire-unpacked retire-unlinked ref-renamed ref-temporary-removed state-written; do
        given branch old
        given config branch old
        [ "${#point}" -lt 14 ] || git_db pack-refs --all
        CHRONDB_TEST_FAULT=$point run -137 "$CHRONDB" branch -m old new
        try branch # a read is enough
        same "status after $point" 0 "$status"
        case $(names) in
        'keep main new') same HEAD refs/heads/new "$(git_db symbolic-ref HEAD)" ;;
        'keep main old') same HEAD refs/heads/old "$(git_db symbolic-ref HEAD)" && given branch -m old new ;;
        *) same "names after $point" either "$(names)" ;;
        esac
        tidy
        given config branch main
        [ "$point" = rename-created ] || [ "$point" = retire-head-renamed ] || CHRONDB_TEST_FAULT=$point run -137 "$CHRONDB" branch -d new
        try list
        [[ $(names) == 'keep main' ]] || given branch -d new
        same "names after $point" 'keep main' "$(names)"
        tidy
    done
}

@test "a power cut: what was acknowledged is so, in the order it was" {
    fill
    given branch gone
    given branch moved
    given branch again main~1
    given branch packed
    git_db pack-refs --all
    cp -a .chrondb/refs .chrondb/packed-refs .chrondb/HEAD .
    given branch -d gone
    given branch -m main trunk
    given put k:1 3
    given branch -d again
    given branch again
    given branch -d packed
    given branch fresh
    given tag t
    git_db for-each-ref >expected
    # Of the refs nothing has reached the disk.
    rm -r .chrondb/refs
    mv refs packed-refs .chrondb/
    rm -f .chrondb/chrondb/state
    CHRONDB_TEST_BOOT_ID=11111111-2222-3333-4444-555555555555 run "$CHRONDB" list
    same list '{"key":"k:1","value":3}' "$output"
    git_db for-each-ref | diff expected -
    same HEAD refs/heads/trunk "$(git_db symbolic-ref HEAD)"
    # HEAD too.
    given branch -m trunk main
    mv HEAD .chrondb/HEAD
    printf 'ref: refs/heads/trunk\n' >.chrondb/HEAD
    git_db update-ref refs/heads/trunk main
    rm -f .chrondb/chrondb/state
    CHRONDB_TEST_BOOT_ID=21111111-2222-3333-4444-555555555555 run "$CHRONDB" list
    same HEAD refs/heads/main "$(git_db symbolic-ref HEAD)"
    run ! git_db rev-parse -q --verify refs/heads/trunk
    # What git pushed and did not sync: a name without an id, in whose way git takes no push.
    : >.chrondb/refs/heads/empty
    head -c 41 /dev/zero >.chrondb/refs/tags/zeros
    CHRONDB_TEST_BOOT_ID=31111111-2222-3333-4444-555555555555 run "$CHRONDB" list
    same status 0 "$status"
    git_db push -q . main:refs/heads/pushed
    tidy
}

@test "after a checkpoint and a gc the journal brings nothing back" {
    fill
    given branch dev
    given gc
    given branch -d dev
    given gc
    git_db branch dev main~1 # somebody else's
    rm -f .chrondb/chrondb/state
    CHRONDB_TEST_BOOT_ID=31111111-2222-3333-4444-555555555555 run "$CHRONDB" branch --format raw
    same names $'dev\nmain' "$output"
    same dev "$first" "$(git_db rev-parse dev)"
    tidy
}

@test "git's locks are waited for, and stay" {
    fill
    given branch dev
    exec 9<.chrondb/HEAD # somebody is at work there: we are
    for lock in refs/heads/dev packed-refs; do
        : >.chrondb/$lock.lock
        try branch -d dev --lock-timeout 0.1
        fails_like 5 "chrondb: cannot delete branch 'dev': '$lock.lock' is held*; try again"
        [ -e .chrondb/$lock.lock ]
        rm .chrondb/$lock.lock
    done
    : >.chrondb/HEAD.lock
    try branch -m main trunk --lock-timeout 0.1
    same status 5 "$status"
    (sleep 0.2 && rm .chrondb/HEAD.lock) &
    given branch -m main trunk
    wait
    exec 9<&-
    same names 'dev trunk' "$(names)"
    tidy
}

@test "where there are no hard links" {
    fill
    export CHRONDB_TEST_NO_LINKS=1
    given branch dev
    given branch -m main trunk
    git_db pack-refs --all
    given branch -d dev
    given tag t
    given tag -d t
    same names trunk "$(names)"
    tidy
}

@test "many at once, beside puts, git's pushes, and packing of refs" {
    fill
    local i jobs=()
    git clone -q .chrondb clone
    for i in $(seq 12); do
        {
            "$CHRONDB" branch "b/$i" && "$CHRONDB" -b "b/$i" put "n:$i" "$i" && "$CHRONDB" branch -m "b/$i" "c/$i" &&
                "$CHRONDB" tag "t$i" "c/$i" && { ((i % 3)) || "$CHRONDB" branch -d "c/$i"; }
        } >/dev/null 2>>errors &
        jobs+=($!)
        "$CHRONDB" put "k:$i" "$i" >/dev/null 2>>errors & jobs+=($!)
        ((i % 4)) || { git_db pack-refs --all 2>>ignored & jobs+=($!); }
        ((i % 4)) || { git -C clone push -q origin "HEAD:refs/heads/p/$i" 2>>errors & jobs+=($!); }
    done
    for i in "${jobs[@]}"; do
        wait "$i" || :
    done
    same errors '' "$(cat errors)"
    same branches 'c/1 c/10 c/11 c/2 c/4 c/5 c/7 c/8 main p/12 p/4 p/8' "$(names)"
    same tags 12 "$("$CHRONDB" tag --format raw | wc -l)"
    for i in 1 2 4 5 7 8; do
        same "n:$i" "$i" "$("$CHRONDB" -b "c/$i" get "n:$i")"
    done
    same n:3 3 "$("$CHRONDB" get n:3 --at t3)"
    same puts 12 "$("$CHRONDB" count k: --format raw)"
    tidy
}

@test "the index is shared: a new branch reads no more than its start" {
    # A leak sanitizer cannot work under it.
    command -v strace >/dev/null && strace -o /dev/null "$CHRONDB" --version >/dev/null 2>&1 || skip 'no strace'
    given init
    seq 3000 | sed 's/.*/{"key":"k:&","value":&}/' | "$CHRONDB" import --commit-every 100 >/dev/null 2>&1
    given gc
    given branch dev
    same count 3000 "$("$CHRONDB" -b dev count k: --format raw)"
    strace -f -o trace -e trace=pread64,read,mmap,openat "$CHRONDB" -b dev count k: >/dev/null
    strace -f -o trace.main -e trace=pread64,read,mmap,openat "$CHRONDB" count k: >/dev/null
    local more=$(($(wc -l <trace) - $(wc -l <trace.main)))
    ((more < 40))
    given -b dev put k:0 0
    same count 3001 "$("$CHRONDB" -b dev count k: --format raw)"
    same main 3000 "$("$CHRONDB" count k: --format raw)"
}
