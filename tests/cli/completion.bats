#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The completions ask the program, so what matters is that they ask and understand.

load helper

completions=$BATS_TEST_DIRNAME/../../completions

fill() {
    "$CHRONDB" batch "$@" >/dev/null <<'END'
{"op":"put","key":"user:1","value":1}
{"op":"put","key":"user:2","value":1}
{"op":"put","key":"city:paris","value":1}
{"op":"put","key":"two words","value":1}
END
}

# What bash offers at the end of the line; words are split as readline splits them.
complete_bash() {
    COMP_WORDBREAKS=$' \t\n"'\''><=;|&(:@'
    COMP_LINE=$1
    COMP_POINT=${#1}
    mapfile -t COMP_WORDS < <(grep -oE '[:=@]+|[^][:space:]:=@[]+' <<<"$1")
    [[ $1 != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMP_WORDS[0]=$CHRONDB
    COMP_LINE=$CHRONDB${1#chrondb}
    COMPREPLY=()
    # shellcheck disable=SC1091
    source "$completions/chrondb.bash"
    _chrondb || true
    printf '%s\n' "${COMPREPLY[@]}"
}

@test "bash: commands" {
    same commands "$("$CHRONDB" --list-commands | cut -f1)" "$(complete_bash 'chrondb ')"
    same commands $'history\nhelp' "$(complete_bash 'chrondb h')"
    same commands $'history\nhelp' "$(complete_bash 'chrondb help h')"
}

@test "bash: options" {
    same options "$("$CHRONDB" log --list-options | cut -f1)" "$(complete_bash 'chrondb log -')"
    same options '--reverse' "$(complete_bash 'chrondb log --rev')"
    same formats $'ndjson\njson\ntext\nraw' "$(complete_bash 'chrondb list --format=')"
    same formats 'raw' "$(complete_bash 'chrondb list --format=r')"
    same formats 'raw' "$(complete_bash 'chrondb --format r')"
    same strategies 'theirs' "$(complete_bash 'chrondb merge main --strategy t')"
    same 'no message' '' "$(complete_bash 'chrondb delete -m ')"
    same 'nothing for what is unknown' '' "$(complete_bash 'chrondb nonesuch ' 2>&1)"
}

@test "bash: keys, with their colons" {
    fill
    same keys $'city:paris\ntwo\\ words\nuser:1\nuser:2' "$(complete_bash 'chrondb get ')"
    same keys $'user:1\nuser:2' "$(complete_bash 'chrondb get us')"
    same keys $'1\n2' "$(complete_bash 'chrondb get user:')"
    same keys '2' "$(complete_bash 'chrondb delete user:1 user:2')"
    same 'keys behind options' 'paris' "$(complete_bash 'chrondb at --color=auto --lock-timeout 3 now city:')"
    same keys 'paris' "$(complete_bash 'chrondb at now city:')"
}

@test "bash: tables, and the database that the line names" {
    fill --db there
    same tables $'city\nuser' "$(complete_bash 'chrondb --db there list --table ' | grep .)"
    same tables 'user' "$(complete_bash 'chrondb list --db there --table=u')"
    same keys 'user:1 user:2' "$(complete_bash 'chrondb -C there --db . get us' | paste -sd' ')"
    same nothing '' "$(complete_bash 'chrondb get us')"
    [ ! -e .chrondb ]
}

@test "bash: branches, tags, and moments that have a name" {
    fill
    given branch dev
    given branch team/blue
    given tag v1
    same branches $'dev\nmain\nteam/blue' "$(complete_bash 'chrondb -b ')"
    same branches 'dev' "$(complete_bash 'chrondb get --branch=d')"
    same branches 'dev' "$(complete_bash 'chrondb branch -d d')"
    same start $'dev\nmain\nteam/blue\nv1' "$(complete_bash 'chrondb branch new ')"
    same tags 'v1' "$(complete_bash 'chrondb tag -d ')"
    same moments 'v1' "$(complete_bash 'chrondb get user:1 --at v')"
    same moments $'main' "$(complete_bash 'chrondb at m')"
    same keys 'user:1 user:2' "$(complete_bash 'chrondb at v1 us' | paste -sd' ')"
    same moments 'v1' "$(complete_bash 'chrondb diff main v')"
    same 'no moments' 'user:1 user:2' "$(complete_bash 'chrondb diff main v1 -- us' | paste -sd' ')"
}

@test "bash: settings, and what is done with them" {
    given init
    same words $'get\nset\nunset\nlist\nbranch\nsearch.language' "$(complete_bash 'chrondb config ')"
    same name 'search.language' "$(complete_bash 'chrondb config get sea')"
}

@test "bash: searches" {
    fill
    same options $'--after=\n--ast=\n--at=' "$(complete_bash 'chrondb search --a' | sort)"
    same operators $'or\nand' "$(complete_bash 'chrondb search --default-op=')"
    same tables 'user' "$(complete_bash 'chrondb search x --table u')"
    same 'no keys for a cursor' '' "$(complete_bash 'chrondb search x --after us')"
    same 'nor for a query' '' "$(complete_bash 'chrondb search us')"
    same keys 'user:1 user:2' "$(complete_bash 'chrondb list --after us' | paste -sd' ')"
}

@test "bash: files and directories" {
    fill
    mkdir data
    touch data.json
    same directories 'data' "$(complete_bash 'chrondb init d')"
    same files $'data\ndata.json' "$(complete_bash 'chrondb put user:1 @d' | sort)"
}

@test "bash: remotes, and what was fetched from them" {
    fill
    given clone .chrondb copy
    cd copy
    export CHRONDB_DIR=$PWD
    same remotes origin "$(complete_bash 'chrondb fetch ')"
    same remotes origin "$(complete_bash 'chrondb push o')"
    same branches main "$(complete_bash 'chrondb pull origin ')"
    same verbs 'add remove rename set-url' "$(complete_bash 'chrondb remote ' | paste -sd' ')"
    same remotes origin "$(complete_bash 'chrondb remote remove ')"
    same moments origin/main "$(complete_bash 'chrondb diff main o')"
}

@test "fish" {
    command -v fish >/dev/null || skip 'no fish'
    fill
    mkdir bin
    ln -s "$CHRONDB" bin/chrondb
    PATH=$PWD/bin:$PATH
    complete_fish() {
        fish --no-config -c "source $completions/chrondb.fish; complete -C 'chrondb $1'"
    }
    same commands "$("$CHRONDB" --list-commands | sort)" "$(complete_fish '' | sort)"
    same keys $'user:1\nuser:2' "$(complete_fish 'get user:' | sort)"
    same option '--reverse' "$(complete_fish 'log --rev' | cut -f1)"
    same format 'raw' "$(complete_fish 'log --format r' | cut -f1)"
    same branch 'main' "$(complete_fish '-b ')"
    same tables 'user' "$(complete_fish 'list --table u')"
    same setting 'search.language' "$(complete_fish 'config get sea')"
    same tables '--table=user' "$(complete_fish 'list --table=u')"
    same verb set-url "$(complete_fish 'remote s')"
}

@test "zsh" {
    command -v zsh >/dev/null || skip 'no zsh'
    zsh -n "$completions/_chrondb"
    fill
    # zsh completes only on a terminal; so there is one.
    complete_zsh() {
        zsh -f "$BATS_TEST_DIRNAME/complete.zsh" "$completions" "$CHRONDB" "$1"
    }
    same keys $'user:1\nuser:2' "$(complete_zsh 'get us')"
    same command 'history' "$(complete_zsh 'hist')"
    same option '--reverse' "$(complete_zsh 'log --rev')"
    same format 'raw' "$(complete_zsh 'log --format r')"
    same tables 'user' "$(complete_zsh 'list --table u')"
    same setting 'search.language' "$(complete_zsh 'config sea')"
}
