#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb config: settings, in the repository's git configuration.

load helper

config=.chrondb/config

git_config() {
    git -C .chrondb config "$@"
}

# Does the directory hold nothing that somebody at work leaves?
tidy() {
    [ ! -e .chrondb/config.lock ] && [ ! -e .chrondb/chrondb/config.tmp ]
}

@test "the defaults" {
    given init
    try config list
    prints '{"name":"branch","value":"main","default":"main","set":false,"description":"the branch that commands use"}
{"name":"search.language","value":"english","default":"english","set":false,"description":"the language that texts are in"}'
    try config get search.language
    prints english
    try config search.language
    prints english
    run ! grep -q chrondb $config
}

@test "set, get, unset, as a person types it" {
    given init
    cp $config before
    try config search.language german
    prints '{"name":"search.language","value":"german","status":"created"}'
    try config search.language
    prints german
    try config set search.language french
    prints '{"name":"search.language","value":"french","status":"updated"}'
    try config set search.language french
    prints '{"name":"search.language","value":"french","status":"unchanged"}'
    try config get search.language
    prints french
    try config list
    same set '["french","english",true]' "$(jq -c '[.value,.default,.set]' <<<"${lines[1]}")"
    try config unset search.language
    prints '{"name":"search.language","value":"english","status":"deleted"}'
    try config unset search.language
    prints '{"name":"search.language","value":"english","status":"unchanged"}'
    cmp before $config
    tidy
}

@test "formats" {
    given init
    given config search.language none
    try config search.language --format json
    prints '{"name":"search.language","value":"none"}'
    try config get search.language --format text
    prints 'name   search.language
value  none'
    try config get search.language --format raw
    prints none
    try config set search.language french --format raw
    prints french
    try config list --format raw
    prints $'branch\nsearch.language'
    try config list --format json
    same array '["main","french"]' "$(jq -c '[.[].value]' <<<"$output")"
    try config list --format text
    same columns 'NAME             VALUE   DEFAULT  SET    DESCRIPTION' "${lines[0]}"
}

@test "every language that search knows, and none" {
    given init
    try config set search.language klingon
    local name names=${stderr#*one of }
    [[ ", $names," == *', none,'* && ", $names," == *', english,'* && ", $names," == *', german,'* ]]
    for name in ${names//,/}; do
        given config set search.language "$name"
        same language "$name" "$("$CHRONDB" config search.language)"
    done
}

@test "a value that is not allowed: exit 2, what is, and nothing changes" {
    given init
    given config search.language german
    cp $config before
    for value in klingon '' German 'german ' 'de'; do
        try config set search.language "$value"
        fails_like 2 "chrondb: cannot set 'search.language' to '$value': it must be one of *english*, german, *"
    done
    try config search.language $'a\nb' --format json
    same status 2 "$status"
    same code invalid_value "$(jq -r .error.code <<<"$stderr")"
    cmp before $config
}

@test "an unknown name: exit 2, and the nearest, or all" {
    given init
    try config serach.language
    fails 2 "chrondb: no such setting 'serach.language'; did you mean 'search.language'?"
    try config set search.lang german
    fails 2 "chrondb: no such setting 'search.lang'; did you mean 'search.language'?"
    try config unset quux
    fails 2 "chrondb: no such setting 'quux'; there is branch, search.language"
    try config lst
    fails 2 "chrondb: no such setting 'lst'; did you mean 'list'?"
    try config get core.bare --format json
    same code unknown_setting "$(jq -r .error.code <<<"$stderr")"
    same status 2 "$status"
    try config core.bare false
    same status 2 "$status"
    same bare true "$(git_config core.bare)"
}

@test "arguments too few and too many" {
    given init
    try config
    fails 2 'chrondb: config needs an argument: chrondb config [get] NAME'
    try config get
    fails 2 'chrondb: config get needs an argument: chrondb config get NAME'
    try config get search.language x
    fails 2 'chrondb: config get takes fewer arguments: chrondb config get NAME'
    try config set search.language
    fails 2 'chrondb: config set needs one more argument: chrondb config set NAME VALUE'
    try config unset
    fails 2 'chrondb: config unset needs an argument: chrondb config unset NAME'
    try config list x
    fails 2 'chrondb: config list takes no arguments: chrondb config list'
    try config search.language german french
    fails 2 "chrondb: no such subcommand 'search.language': chrondb config get|set|unset|list"
    try config a b c d
    fails 2 'chrondb: config takes fewer arguments: chrondb config [get] NAME'
}

@test "no database: exit 6, and none is made" {
    for arguments in list 'get search.language' 'set search.language german' 'unset search.language'; do
        # shellcheck disable=SC2086
        try config $arguments
        fails 6 "chrondb: no database at '.chrondb'"
    done
    [ ! -e .chrondb ]
}

@test "plain git reads it, sets it and removes it" {
    given init
    given config search.language german
    same 'what git reads' german "$(git_config chrondb.search.language)"
    cp $config ours
    git_config --unset chrondb.search.language
    same default english "$("$CHRONDB" config search.language)"
    git_config chrondb.search.language german
    # Byte for byte what git writes.
    cmp ours $config
    git_config chrondb.search.language none
    same 'what we read' none "$("$CHRONDB" config search.language)"
    git_config --add chrondb.search.language french
    same 'the last one' french "$("$CHRONDB" config search.language)"
    given config search.language german
    same 'one of two is left' german "$(git_config --get-all chrondb.search.language)"
    same 'the rest' 'core.repositoryformatversion=1
core.filemode=true
core.bare=true
extensions.preciousobjects=true
gc.auto=0
chrondb.search.language=german' "$(git_config --file $PWD/$config --list)"
}

@test "we and git read the same, however it is written" {
    given init
    local text
    while IFS= read -r text; do
        printf "$text" >odd
        cp odd $config
        same "what we read in $text" "$(git config --file odd chrondb.search.language || echo english)" \
            "$("$CHRONDB" config search.language)"
        # Changing it changes nothing else.
        git config --file odd --list | grep -v '^chrondb.search.language' >before || :
        given config search.language french
        git config --file $config --list >after
        same "after a change of $text" "$(cat before; echo chrondb.search.language=french)" \
            "$(grep -v '^chrondb.search.language' after; grep '^chrondb.search.language' after)"
        given config unset search.language
        same "without it in $text" "$(cat before)" "$(git config --file $config --list)"
    done <<'END'
[chrondb "search"]\nlanguage=german
[CHRONDB "search"] LANGUAGE = german ; x\n[gc]\nauto = 0\n
[chrondb.search]\nlanguage = "ger"man # y\n
[chrondb.SEARCH]\n\tlanguage = none\n[x "y"]\nz\n
[chrondb "SEARCH"]\n\tlanguage = none\n
[chrondb "s\\earch"]\r\n\tlanguage = none\r\n[a]\r\n\tb = "c\\\\n;" ; d\r\n
[chrondb "search"]\nlanguage = ger\\\nman\nother = 1\n
# [chrondb "search"]\n; language = none\n[chrondb]\nlanguage = none\n
[chrondb "search"][other]language = none\n
\xef\xbb\xbf[chrondb "search"]\nlanguage = none\n
[chrondb "search"]\nlanguage = german\n[chrondb "search"]\nlanguage = none\n
END
}

@test "a user's, a system's or an included configuration does not count" {
    given init
    git config --global chrondb.search.language german
    printf '[chrondb "search"]\n\tlanguage = german\n' >.chrondb/more
    git_config include.path more
    export GIT_CONFIG_SYSTEM=$PWD/.chrondb/more GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=chrondb.search.language GIT_CONFIG_VALUE_0=german
    unset GIT_CONFIG_NOSYSTEM
    same git german "$(git_config chrondb.search.language)"
    try config list
    same chrondb '["english",false]' "$(jq -c '[.value,.set]' <<<"${lines[1]}")"
    # Includes in a circle are none of our business.
    printf '[include]\n\tpath = config\n' >>$config
    same circle english "$("$CHRONDB" config search.language)"
    given config search.language none
    same set none "$("$CHRONDB" config search.language)"
}

@test "somebody wrote what is not allowed: exit 7, and set or unset puts it right" {
    given init
    given put k 1
    for value in klingon '' $'a\tb\x1b'; do
        git_config chrondb.search.language "$value"
        try config get search.language
        fails_like 7 "chrondb: in '$PWD/.chrondb/config' chrondb.search.language is '*': it must be one of *english*; 'chrondb config set search.language VALUE' corrects it"
        [[ $stderr != *$'\x1b'* ]]
        try config list
        same status 0 "$status"
        same value "$value" "$(jq -r .value <<<"${lines[1]}")"
        [[ $stderr == "chrondb: warning: 'search.language' is set to '"* ]]
        try config list -q
        same warnings '' "$stderr"
        given config set search.language german
        same mended german "$("$CHRONDB" config search.language)"
        git_config chrondb.search.language "$value"
        given config unset search.language
        same mended english "$("$CHRONDB" config search.language)"
    done
    git_config chrondb.search.language klingon
    try config search.language --format json
    same code '["invalid_config","config"]' "$(jq -c '[.error.code,.error.path]' <<<"$stderr")"
    try get k
    prints 1
}

@test "no configuration of git: exit 7, the file and the line, and nothing is written" {
    given init
    given config search.language german
    printf '<<<<<<< HEAD\n' >>$config
    cp $config before
    for arguments in 'get search.language' 'set search.language none' 'unset search.language'; do
        # shellcheck disable=SC2086
        try config $arguments
        fails_like 7 "chrondb: *cannot read '$PWD/.chrondb/config': line 11 is not one of a git configuration file"
    done
    try config list --format json
    same status 7 "$status"
    same error '["invalid_config","config",11]' "$(jq -c '.error | [.code,.path,.line]' <<<"$stderr")"
    cmp before $config
    tidy
}

@test "hostile files" {
    given init
    given put k 1
    cp $config before
    { cat before && printf '[chrondb "search"]\n\tlanguage = ' && head -c 3000000 /dev/zero | tr '\0' 'x'; } >$config
    try config search.language
    fails_like 7 "chrondb: in '*/config' chrondb.search.language is 'xxx*"
    [ ${#stderr} -lt 2000 ]
    head -c 100000 "$CHRONDB" >$config
    try config set search.language none
    same status 7 "$status"
    printf '[chrondb "search"]\n\tlan\0guage = german\n' >$config
    try config search.language
    same status 7 "$status"
    truncate -s 1G $config
    try config search.language
    fails_like 7 "chrondb: 'config' is not a file of at most * bytes"
    rm $config
    mkdir $config
    try config search.language
    same status 7 "$status"
    try config set search.language none
    fails 8 "chrondb: cannot set 'search.language': 'config' is no regular file; change it with 'git config'"
    rmdir $config
    cp before elsewhere
    ln -s "$PWD/elsewhere" $config
    try config search.language none
    same status 8 "$status"
    [ -L $config ]
    cmp before elsewhere
    rm $config
    same default english "$("$CHRONDB" config search.language)"
    given config search.language none
    same set none "$("$CHRONDB" config search.language)"
    tidy
    try get k
    prints 1
}

@test "the mode of the file is kept" {
    given init
    chmod 640 $config
    given config search.language none
    same mode 640 "$(stat -c %a $config)"
}

@test "a lock of git's: waited for, then exit 5, and it stays" {
    given init
    : >.chrondb/config.lock
    exec 9<.chrondb/HEAD # somebody is at work there: we are
    try config search.language none --lock-timeout 0.1
    fails_like 5 "chrondb: cannot set 'search.language': 'config.lock' is held*; try again"
    [ -e .chrondb/config.lock ]
    (sleep 0.2 && rm .chrondb/config.lock) &
    try config search.language none
    prints '{"name":"search.language","value":"none","status":"created"}'
    wait
    exec 9<&-
    tidy
}

@test "a lock that a dead git left goes" {
    given init
    : >.chrondb/config.lock
    touch -d '1 hour ago' .chrondb/config.lock
    cd /
    try --db "$OLDPWD/.chrondb" config search.language none -v
    cd "$OLDPWD"
    same status 0 "$status"
    [[ $stderr == *"removed 'config.lock', left by a git command that died"* ]]
    tidy
}

@test "killed at any point: the old file or the new one, and the next command clears up" {
    local point expected
    given init
    given put k 1
    for point in in-progress config-temporary config-locked config-written config-renamed config-ended; do
        given config search.language german
        CHRONDB_TEST_FAULT=$point run -137 "$CHRONDB" config search.language none
        expected=german
        [[ $point != config-renamed && $point != config-ended ]] || expected=none
        same "language after $point" $expected "$(git_config chrondb.search.language)"
        # A read is enough.
        try get k
        prints 1
        tidy
        git_config x.y "$point"
        same "language later" $expected "$("$CHRONDB" config search.language)"
    done
}

@test "a disk that is full: exit 8, and the old file" {
    given init
    given config search.language german
    # Enough for the locks and the mark, not for the file.
    printf '#%*s\n' 200000 '' >>$config
    cp $config before
    try_limited() { run --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 100; exec "$@"' - "$CHRONDB" "$@"; }
    try_limited config search.language none
    fails_like 8 "chrondb: cannot set 'search.language': cannot write 'config.lock': *"
    cmp before $config
    tidy
    same language german "$("$CHRONDB" config search.language)"
}

@test "a read-only database: exit 8, the cause; it can be read" {
    given init
    given config search.language german
    local run=()
    if [ "$(id -u)" -eq 0 ]; then
        unshare -m true 2>/dev/null || skip 'root writes everywhere, and may not mount'
        run=(unshare -m sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"' "$PWD/.chrondb")
    else
        chmod -R a-w .chrondb
    fi
    run --separate-stderr "${run[@]}" "$CHRONDB" config search.language
    prints german
    run --separate-stderr "${run[@]}" "$CHRONDB" config search.language none
    chmod -R u+w .chrondb
    fails_like 8 "chrondb: cannot set 'search.language': *"
    same language german "$("$CHRONDB" config search.language)"
}

@test "twenty at once, beside puts: all succeed, and the file is whole" {
    given init
    git_config user.name Somebody
    local i language languages=(german french italian none) jobs=()
    for i in $(seq 20); do
        language=${languages[i % 4]}
        if ((i % 5 == 0)); then
            "$CHRONDB" config unset search.language >/dev/null 2>>errors & jobs+=($!)
        else
            "$CHRONDB" config set search.language "$language" >/dev/null 2>>errors & jobs+=($!)
        fi
        "$CHRONDB" put "k:$i" "$i" >/dev/null 2>>errors & jobs+=($!)
    done
    for i in "${jobs[@]}"; do
        wait "$i"
    done
    same errors '' "$(cat errors)"
    same documents 20 "$("$CHRONDB" count --format raw)"
    same 'what git reads' "$(git_config chrondb.search.language || echo english)" "$("$CHRONDB" config search.language)"
    same rest 'core.repositoryformatversion=1 core.filemode=true core.bare=true extensions.preciousobjects=true gc.auto=0 user.name=Somebody' \
        "$(git config --file $config --list | grep -v '^chrondb\.' | paste -sd' ')"
    tidy
}

@test "reading costs no more than a look at one file" {
    # A leak sanitizer cannot work under it.
    command -v strace >/dev/null && strace -o /dev/null "$CHRONDB" --version >/dev/null 2>&1 || skip 'no strace'
    given init
    strace -o trace -e trace=openat,open "$CHRONDB" config search.language >/dev/null
    same looks 1 "$(grep -c '"config"' trace)"
    run ! grep -qE 'gitconfig|config.lock' trace
}

@test "it is no part of the history" {
    given init
    given put k 1
    local before
    before=$(head_of)
    given config search.language none
    same head "$before" "$(head_of)"
    try put k 1
    same status unchanged "$(member status)"
}
