#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# remote, fetch, pull, push, clone: databases on other machines, through the git program.

load helper

# hub.git, a bare repository, and two databases that know it: a and b.
machines() {
    git init -q --bare -b main hub.git
    given --db a put x:1 '{"n":1}'
    given --db a remote add origin hub.git
    given --db a push
    given clone hub.git b
}

head_at() { # DATABASE [REF]
    git --git-dir="$1" rev-parse --verify -q "${2:-main}"
}

root_of() {
    git --git-dir="$1" rev-parse 'main^{tree}'
}

# What the records of fetch and push say, without ids.
refs() {
    jq -r '"\(.ref) \(.type) \(.status)"' <<<"$output"
}

without_git() {
    run --separate-stderr env PATH=/nonexistent "$CHRONDB" "$@"
}

status_of() {
    jq -r .status <<<"$output"
}

@test "remotes are added, listed, renamed, moved and removed" {
    given init
    try remote
    prints ''
    mkdir hub
    try remote add origin hub
    prints "{\"name\":\"origin\",\"url\":\"$PWD/hub\",\"status\":\"created\"}"
    try remote add origin hub
    prints "{\"name\":\"origin\",\"url\":\"$PWD/hub\",\"status\":\"unchanged\"}"
    try remote add origin elsewhere
    fails 3 "chrondb: there is a remote 'origin' already: $PWD/hub"
    try remote add far alice@example.org:shop.git
    prints '{"name":"far","url":"alice@example.org:shop.git","status":"created"}'
    try remote set-url far https://example.org/shop
    prints '{"name":"far","url":"https://example.org/shop","status":"updated"}'
    try remote rename far away
    prints '{"name":"away","url":"https://example.org/shop","status":"renamed"}'
    git --git-dir=.chrondb config remote.away.pushurl ssh://example.org/shop
    try remote
    prints "{\"name\":\"away\",\"url\":\"https://example.org/shop\",\"push_url\":\"ssh://example.org/shop\"}
{\"name\":\"origin\",\"url\":\"$PWD/hub\"}"
    same 'as git sees them' "away origin" "$(git --git-dir=.chrondb remote | paste -sd' ')"
    try remote remove away --format raw
    prints away
    try remote remove away
    fails 1 "chrondb: there is no remote 'away'"
    try remote rename origin 'a b'
    fails 2 "chrondb: 'a b' is no name that git allows"
    try remote add -- -c x
    fails 2 "chrondb: '-c' is no name of a remote"
    try remote add x -- --upload-pack=touch
    fails 2 "chrondb: '--upload-pack=touch' is no URL"
    try remote frobnicate x
    fails 2 "chrondb: 'frobnicate' is not one of add, remove, rename, set-url"
    try remote add x
    fails 2 "chrondb: these are not the arguments of chrondb remote add NAME URL"
    try fetch nowhere
    fails 2 "chrondb: there is no remote 'nowhere' ('chrondb remote add NAME URL' makes one)"
}

@test "who pushes and pulls by turns comes to the same documents, and to rest" {
    machines
    given --db b put x:2 2
    try --db b push
    same record "{\"ref\":\"main\",\"type\":\"branch\",\"old\":\"$(head_at a)\",\"new\":\"$(head_at b)\",\"status\":\"updated\"}" "$output"
    given --db a put x:1 '{"n":1,"m":1}'
    given --db b put x:1 '{"n":2}'
    given --db b push
    try --db a push
    same 'exit status' 3 "$status"
    same error "chrondb: cannot push 'main' to 'origin': it has what is not here yet: run 'chrondb pull', then push again" "$stderr"
    same 'record' 'main branch rejected' "$(refs)"
    try --db a --format json push
    same code behind "$(jq -r .error.code <<<"$stderr")"
    before=$("$CHRONDB" --db a list --at "$(date -u +%FT%TZ -d "$CHRONDB_TEST_NOW")")
    now 2026-11-21T11:00:00Z
    try --db a pull
    same status merged "$(status_of)"
    same message 'merge origin/main' "$(git --git-dir=a log -1 --format=%s)"
    same merged '{"n":2,"m":1}' "$("$CHRONDB" --db a get x:1)"
    same 'the past' "$before" "$("$CHRONDB" --db a list --at 2026-11-21T10:00:00Z)"
    try --db a push
    same pushed 'main branch updated' "$(refs)"
    same tracked "$(head_at a)" "$(head_at a refs/remotes/origin/main)"
    try --db b pull
    same status merged "$(status_of)"
    # Both have all: nobody has anything to push, or a commit to make.
    heads="$(head_at a) $(head_at b) $(head_at hub.git)"
    for _ in 1 2; do
        for database in a b; do
            try --db "$database" pull
            same "pull of $database" unchanged "$(status_of)"
            try --db "$database" push
            same "push of $database" 'main branch unchanged' "$(refs)"
        done
    done
    same heads "$heads" "$(head_at a) $(head_at b) $(head_at hub.git)"
    same 'root trees' "$(root_of a) $(root_of a)" "$(root_of b) $(root_of hub.git)"
    same history '{"n":2,"m":1} {"n":2} {"n":1,"m":1} {"n":1}' \
        "$("$CHRONDB" --db b history x:1 --format json | jq -c '.[].value' | paste -sd' ')"
    for database in a b hub.git; do git --git-dir="$database" fsck --strict --no-dangling; done
}

@test "fetch tells what moved, and moves no branch; what it got is a WHEN" {
    machines
    given --db b put x:2 2
    given --db b branch side
    given --db b tag v1
    given --db b push --all --tags
    head=$(head_at a)
    try --db a fetch
    same moved 'origin/main branch updated
origin/side branch created
v1 tag created' "$(refs)"
    same head "$head" "$(head_at a)"
    same diff x:2 "$("$CHRONDB" --db a diff main origin/main --format raw)"
    same at 2 "$("$CHRONDB" --db a at origin/main x:2)"
    same search x:2 "$("$CHRONDB" --db a search '*' --at origin/side --keys --format raw | grep x:2)"
    same branches 'origin/main origin/side' "$("$CHRONDB" --db a branch -r --format raw | paste -sd' ')"
    try --db a fetch
    prints ''
    given --db b branch -d side
    git --git-dir=hub.git branch -q -D side
    try --db a fetch --prune
    same moved 'origin/side branch deleted' "$(refs)"
    # A branch of that name comes first.
    given --db a branch origin/main
    same at '' "$("$CHRONDB" --db a exists x:2 --at origin/main)"
    try --db a merge ref:refs/remotes/origin/main
    same status fast-forward "$(status_of)"
}

@test "conflicts of a pull are told as those of a merge, and decided as those" {
    machines
    given --db b put x:1 '{"n":2}'
    given --db b push
    given --db a put x:1 '{"n":3}'
    head=$(head_at a)
    try --db a pull
    same 'exit status' 3 "$status"
    same conflict '{"key":"x:1","path":"/n","base":1,"ours":3,"theirs":2}' "$output"
    [[ $stderr == "chrondb: cannot merge 'origin/main': 1 conflict; nothing was written"* ]]
    same head "$head" "$(head_at a)"
    try --db a pull --strategy theirs --dry-run
    same status merged "$(status_of)"
    same head "$head" "$(head_at a)"
    run --separate-stderr "$CHRONDB" --db a pull --resolve - <<<'{"key":"x:1","value":{"n":4}}'
    same status merged "$(status_of)"
    same value '{"n":4}' "$("$CHRONDB" --db a get x:1)"
    try --db a pull origin nothing
    fails 2 "chrondb: 'origin' has no branch 'nothing' ('chrondb push origin nothing' makes it)"
}

@test "who fetches and pulls at the same time gets it all" {
    machines
    given --db b branch side
    given --db b -b side put y 1
    given --db b push --all
    for i in 1 2 3; do
        given --db b put x:1 "$i"
        given --db b push
        for n in 1 2 3 4 5 6 7 8; do
            { case $n in 1 | 2) "$CHRONDB" --db a fetch ;; *) "$CHRONDB" --db a pull ;; esac; echo $? >"status.$n"; } >>out 2>&1 &
        done
        wait
        same 'exit statuses' '0 0 0 0 0 0 0 0' "$(cat status.? | paste -sd' ')$(grep -m3 '^chrondb' out || :)"
        same head "$(head_at b)" "$(head_at a)"
    done
    # What stands in the way for good is told at once.
    git --git-dir=hub.git branch -D side
    git --git-dir=hub.git branch side/by main
    SECONDS=0
    try --db a fetch
    fails_like 8 "chrondb: cannot fetch from 'origin': *'refs/remotes/origin/side' exists*"
    [ "$SECONDS" -lt 15 ] || { echo "it waited $SECONDS s"; return 1; }
    given --db a fetch --prune
}

@test "a branch is pushed by its name, and a rejection tells the remote's words" {
    machines
    given --db a branch topic
    given --db a -b topic put y 1
    try --db a -b topic push
    same pushed 'topic branch created' "$(refs)"
    try --db b -b main pull origin topic
    same status fast-forward "$(status_of)"
    git --git-dir=a update-ref refs/heads/refs/heads/topic main
    given --db a -b topic put y 2
    try --db a push origin topic
    same 'beside one that has its full name' 'topic branch updated' "$(refs)"
    try --db a push origin nowhere
    fails 2 "chrondb: there is no branch 'nowhere' to push"
    printf '#!/bin/sh\necho "only on Mondays" >&2\nexit 1\n' >hub.git/hooks/pre-receive
    chmod +x hub.git/hooks/pre-receive
    given --db a put z 1
    try --db a push
    same 'exit status' 3 "$status"
    same error "chrondb: cannot push 'main' to 'origin': pre-receive hook declined; only on Mondays" "$stderr"
}

@test "people with plain git edit the same documents" {
    machines
    git config --global user.name Gil
    git config --global user.email gil@example.org
    git clone -q hub.git work
    cd work
    printf '{"n":1,"by":"hand"}\n' >x/1.json
    mkdir notes
    echo '"hello"' >notes/1.json
    git add . && git commit -qm 'by hand' && git push -q
    cd ..
    given --db a patch x:1 n:=5
    try --db a pull
    same status merged "$(status_of)"
    same 'field by field' '{"n":5,"by":"hand"}' "$("$CHRONDB" --db a get x:1)"
    same found notes:1 "$("$CHRONDB" --db a search hello --keys --format raw)"
    given --db a push
    git -C work pull -q
    same 'in the work tree' '{"n":5,"by":"hand"}' "$(cat work/x/1.json)"
}

@test "what is pushed into a database is found there by the next command" {
    given --db there put x:1 '"old words"'
    given clone there here
    given --db here put x:2 '"fresh words"'
    try --db here push
    same pushed 'main branch updated' "$(refs)"
    same found x:2 "$("$CHRONDB" --db there search fresh --keys --format raw)"
    same keys 'x:1 x:2' "$("$CHRONDB" --db there list --keys --format raw | paste -sd' ')"
    given --db there put x:3 3
    # Both write at once: pushes wait for the lock of a put, puts for that of a push.
    for i in 1 2 3 4 5 6; do given --db there put "t:$i" "$i"; done &
    for i in 1 2 3; do
        given --db here put "h:$i" "$i"
        given --db here pull
        "$CHRONDB" --db here push >/dev/null 2>&1 || :
    done
    wait
    given --db here pull
    given --db here push
    same documents "$("$CHRONDB" --db here list)" "$("$CHRONDB" --db there list)"
    same count 12 "$("$CHRONDB" --db there search '*' --count --format raw)"
    git --git-dir=there fsck --strict --no-dangling
}

@test "a clone has all branches, tags and history, or is not there" {
    machines
    given --db a branch side
    given --db a tag v1
    given --db a push --all --tags
    try clone "file://$PWD/hub.git" copy
    prints "{\"path\":\"$PWD/copy\",\"branch\":\"main\",\"commit\":\"$(head_at a)\"}"
    same branches 'main side' "$("$CHRONDB" --db copy branch --format raw | paste -sd' ')"
    same tags v1 "$("$CHRONDB" --db copy tag --format raw)"
    same remotes "file://$PWD/hub.git" "$("$CHRONDB" --db copy remote | jq -r .url)"
    try clone hub.git copy
    fails 6 "chrondb: there is something at 'copy' already; choose another directory"
    mkdir empty
    try clone hub.git empty/
    same 'exit status' 0 "$status"
    try -C . clone hub.git .
    same 'exit status' 6 "$status"
    try clone nowhere.git never
    fails_like 8 "chrondb: cannot clone 'nowhere.git': *does not exist*"
    try clone -- --upload-pack=x never
    fails 2 "chrondb: '--upload-pack=x' is no URL"
    try clone hub.git --format raw
    prints "$PWD/.chrondb"
    same 'nothing else' '' "$(find . -maxdepth 1 -name '.*.chrondb-new*' -o -name never)"
    # An empty one, and one whose HEAD is none of its branches.
    git init -q --bare -b trunk new.git
    given clone new.git new
    given --db new put a 1
    given --db new push
    same 'branch of an empty one' "$(head_at new trunk)" "$(head_at new.git trunk)"
    git --git-dir=new.git symbolic-ref HEAD refs/heads/gone
    try clone new.git newer
    same branch trunk "$(member branch)"
    git --git-dir=new.git update-ref --no-deref HEAD "$(head_at new trunk)"
    try clone new.git newest
    same branch trunk "$(member branch)"
}

@test "a clone that was killed leaves nothing that stays" {
    machines
    for point in create-aside create-began clone-made create-synced create-filled; do
        CHRONDB_TEST_FAULT=$point try clone hub.git copy
        [ "$status" -ne 0 ] || { echo "$point was not reached"; return 1; }
        [ ! -e copy ] || { echo "$point left a part of it"; return 1; }
    done
    given clone hub.git copy
    same 'left over' '' "$(find . -maxdepth 1 -name '.*.chrondb-new*')"
    same root "$(root_of a)" "$(root_of copy)"
}

@test "without git, and with what leads git astray" {
    machines
    without_git --db a fetch
    fails 8 "chrondb: cannot run 'git': it is not in PATH; only what goes to other machines needs it"
    without_git clone hub.git c
    fails 8 "chrondb: cannot run 'git': it is not in PATH; only what goes to other machines needs it"
    git init -q other
    GIT_DIR=$PWD/other/.git GIT_WORK_TREE=$PWD/other GIT_OBJECT_DIRECTORY=$PWD/other/objects GIT_INDEX_FILE=x try --db a fetch
    prints ''
    # Nor does the configuration of a mirror: the database's own branches are nobody else's.
    git --git-dir=a config remote.origin.fetch '+refs/*:refs/*'
    given --db a put own 1
    head=$(head_at a)
    given --db a fetch --prune
    same head "$head" "$(head_at a)"
    given --db a pull
    same head "$head" "$(head_at a)"
    git --git-dir=a config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'
    # A lock that a dead git left goes when it is old.
    touch -d '1 hour ago' a/config.lock a/refs/remotes/origin/main.lock
    given --db b put y 1
    given --db b push
    try --db a -v fetch
    same moved 'origin/main branch updated' "$(refs)"
    [[ $stderr == *"removed 'config.lock', left by a git command that died"* ]]
    # So does what it left of a pack; what somebody keeps stays.
    pack=$(basename a/objects/pack/pack-*.pack .pack)
    echo 'fetch-pack 123 on elsewhere' >"a/objects/pack/$pack.keep"
    echo 'mine' >a/objects/pack/mine.keep
    touch a/objects/pack/tmp_pack_young
    touch -d '1 hour ago' a/objects/pack/tmp_pack_old a/objects/pack/*.keep
    given --db a fetch
    same packs "mine.keep $pack.idx $pack.pack tmp_pack_young" "$(ls a/objects/pack | grep -v '\.rev$' | paste -sd' ')"
    # A young lock is waited for.
    touch a/refs/remotes/origin/main.lock
    try --db a --lock-timeout 0 fetch
    fails_like 5 "chrondb: 'refs/remotes/origin/main.lock' is held, a git command at work; try again"
    rm a/refs/remotes/origin/main.lock
    # What the other side says comes to no terminal raw.
    printf '#!/bin/sh\nprintf "\\033]0;owned\\007\\033[2J" >&2\nexit 1\n' >hub.git/hooks/pre-receive
    chmod +x hub.git/hooks/pre-receive
    given --db a put z 1
    given --db a pull
    try --db a --progress push
    same 'exit status' 3 "$status"
    [[ $stderr != *$'\e]'* ]]
    [[ $stderr != *$'\e[2J'* ]]
}
