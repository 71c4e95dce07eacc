#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The manual pages: complete, of one mind with the program, and their examples run.

load helper

source_dir=$BATS_TEST_DIRNAME/../..
man=$source_dir/man
build_dir=${CHRONDB_BUILD_DIR-}
examples="python3 $BATS_TEST_DIRNAME/man_examples.py"

commands() {
    "$CHRONDB" --list-commands | cut -f1
}

# A part of a page's source on standard input, as plain text.
rendered() {
    { printf '.Dd November 21, 2026\n.Dt X 1\n.Os\n.Sh SYNOPSIS\n' && cat; } | mandoc -mdoc -T utf8 -O width=500 |
        sed 's/.\x08//g; 1,/^SYNOPSIS$/d; $d' | sed 's/^ *//; /^$/d'
}

section() { # NAME PAGE
    sed -n "/^\.Sh $1\$/,/^\.Sh /p" "$2" | sed '1d; $d'
}

needs_mandoc() {
    command -v mandoc >/dev/null || skip 'mandoc is not installed'
}

# The options that a page describes, as it spells them.
page_options() {
    sed -n 's/^\.It Fl /.Fl /p' "$1" | sed 'a .Pp' | rendered
}

# Those of a usage on standard input.
usage_options() {
    sed -n 's/^    \(-.*\)/\1/p' | sed 's/  .*//'
}

@test "every command has a page, and every page a command" {
    same pages "$( (echo chrondb.1 && commands | sed 's/.*/chrondb-&.1/') | sort)" "$(cd "$man" && printf '%s\n' *.1 | sort)"
}

@test "pages are called what they are, and say what the program says of its commands" {
    local page name summary
    for page in "$man"/*.[0-9]; do
        name=$(basename "$page")
        same title "$(tr '[:lower:]' '[:upper:]' <<<"${name%.*} ${name##*.}")" "$(sed -n 's/^\.Dt //p' "$page")"
        same name "${name%.*}" "$(section NAME "$page" | sed -n 's/^\.Nm //p')"
    done
    while IFS=$'\t' read -r name summary; do
        same "summary of $name" "$summary" "$(sed -n 's/^\.Nd //p' "$man/chrondb-$name.1")"
        grep -qxF ".It Xr chrondb-$name 1" "$man/chrondb.1" || { echo "chrondb.1 lacks $name"; return 1; }
        same "what chrondb.1 says of $name" "$summary" "$(grep -xFA1 ".It Xr chrondb-$name 1" "$man/chrondb.1" | tail -n1)"
    done < <("$CHRONDB" --list-commands)
}

@test "the synopsis of a page is the usage" {
    needs_mandoc
    local name
    for name in $(commands); do
        same "synopsis of $name" "$("$CHRONDB" "$name" -h | sed -n 's/^usage: //p; s/^   or: //p')" \
            "$(section SYNOPSIS "$man/chrondb-$name.1" | rendered)"
    done
    same 'synopsis of chrondb' "$("$CHRONDB" -h | sed -n 's/^usage: //p')" \
        "$(section SYNOPSIS "$man/chrondb.1" | rendered)"
}

@test "a page describes the options of its command, and no other" {
    needs_mandoc
    local name global
    same 'options of chrondb' "$("$CHRONDB" -h | usage_options)" "$(page_options "$man/chrondb.1")"
    global=$("$CHRONDB" --list-options | cut -f1)
    for name in $(commands); do
        same "options of $name" "$("$CHRONDB" "$name" -h | usage_options)" "$(page_options "$man/chrondb-$name.1")"
        same "--list-options of $name" \
            "$("$CHRONDB" "$name" --list-options | cut -f1 | grep -vxF -- "$global" | sed "s/=.*//" | uniq || :)" \
            "$(page_options "$man/chrondb-$name.1" | grep -oE -- '--[a-z-]+' || :)"
    done
}

@test "the codes of errors are in chrondb-output(5), and no other" {
    local page=$man/chrondb-output.5 code
    grep -rPzoh 'c(db|li)_error(_set)?\((&?[a-z>-]+, *)?CHRONDB_[A-Z]+,\s*"\K[a-z_]+' "$source_dir/lib" "$source_dir/cmd" | tr '\0' '\n' >found
    grep -hoP '^ +return "\K[a-z_]+(?=";)' "$source_dir/lib/util/error.c" "$source_dir/cmd/cli/errors.c" >>found
    grep -hoP 'set\(.*CHRONDB_E[A-Z]+, "\K[a-z_]+' "$source_dir/lib/util/error.c" "$source_dir/cmd/cli/errors.c" >>found
    # This pattern would not see all of them if the functions were called otherwise.
    for code in not_found usage invalid_key invalid_time conflict invalid_json busy no_database damaged io_error no_space; do
        grep -qx "$code" found || { echo "not found in the source: $code"; return 1; }
    done
    same codes "$(sort -u found)" "$(section FAILURES "$page" | sed -n 's/^\.It Li \([a-z_]*\)$/\1/p' | grep -vxE 'message|key|path|current' |
        grep -vx code | sort -u)"
}

@test "the pages are installed" {
    [ -n "$build_dir" ] || skip 'no CHRONDB_BUILD_DIR'
    local page
    for page in "$man"/*.[0-9]; do
        grep -qF "/man/$(basename "$page")\"" "$build_dir/cmake_install.cmake" || { echo "not installed: $page"; return 1; }
    done
}

@test "the examples of all pages" {
    CHRONDB_BIN=$CHRONDB $examples check "$man"/*.[0-9]
}

@test "every page about a command has examples" {
    local page
    for page in "$man"/*.1 "$man/chrondb-output.5"; do
        section EXAMPLES "$page" | grep -q '^\$ chrondb' || { echo "no examples: $page"; return 1; }
    done
}

@test "the checker of examples finds what is wrong" {
    printf '.Sh EXAMPLES\n.Bd -literal\n$ chrondb put k 1 --format text | head -n1\nkey     k\n$ chrondb get k\n2\n$ chrondb get l\nchrondb: cannot get '"'l'"': not found\n.Ed\n' >page.1
    CHRONDB_BIN=$CHRONDB run $examples check page.1
    [ "$status" -eq 1 ]
    same output "page.1:5: chrondb get k
  page:    2
  program: 1
page.1:7: exit 1, and no 'echo \$?' tells it: chrondb get l" "$output"
    sed -i 's/^2$/1/; $d' page.1
    printf '$ echo $?\n1\n.Ed\n' >>page.1
    cp page.1 before
    CHRONDB_BIN=$CHRONDB $examples check page.1
    CHRONDB_BIN=$CHRONDB $examples update page.1
    cmp before page.1
}

@test "chrondb-format(5): the journal" {
    local first second
    given put user:1 '{"name":"Alice"}'
    first=$(head_of)
    now 2026-11-21T10:00:01.25Z
    given put user:2 '{"name":"Bob"}'
    second=$(head_of)
    run python3 "$BATS_TEST_DIRNAME/read_journal.py" "$man/chrondb-format.5" .chrondb/chrondb/journal
    [ "$status" -eq 0 ]
    same records "1 1795255200.000000000 refs/heads/main 0000000000000000000000000000000000000000 $first
2 1795255201.250000000 refs/heads/main $first $second" "$(cut -d' ' -f1-5 <<<"$output")"
    # Each record has all that is new with its commit.
    same objects "$(git -C .chrondb rev-list --objects "$first" | cut -c1-40 | sort)" "$(sed -n 1p <<<"$output" | cut -d' ' -f6 | tr , '\n' | sort)"
    same objects "$(git -C .chrondb rev-list --objects "$first..$second" | cut -c1-40 | sort)" "$(sed -n 2p <<<"$output" | cut -d' ' -f6 | tr , '\n' | sort)"
}

# A block of chrondb-format(5), and one run in the repository.
git_script() { # SECTION NUMBER
    $examples block "$1 WITH PLAIN GIT" "$2" "$man/chrondb-format.5"
}

git_commands() {
    git_script "$@" >script
    (cd .chrondb && sh -e ../script)
}

@test "chrondb-format(5): reading with plain git" {
    local i
    for i in 1 2 3 4; do
        now 2026-11-20T10:00:0$i.5Z
        given put user:1 "{\"n\":$i}"
    done
    same 'now and before' '{"n":4}{"n":1}' "$(git_commands READING 1)"
    same history "$("$CHRONDB" history user:1 --no-value --format raw)" \
        "$(git_commands READING 4 | sed -n 's/^commit //p')"
    same times "$("$CHRONDB" log | jq -r .time)" \
        "$(git_commands READING 4 | sed -n 's/^[0-9a-f]\{40\} [^ ]* \(.*Z\)$/\1/p')"
    now 2026-11-21T10:00:00Z
    seq 2 200 | sed 's/.*/{"op":"put","key":"user:&","value":{"n":&}}/' | "$CHRONDB" batch >/dev/null
    same documents 200 "$(git_commands READING 2 | grep -cxE 'user/([0-9a-f]/)+[0-9]+\.json \{"n":[0-9]+\}')"
    same path "$(git -C .chrondb ls-tree -r --name-only main | grep '/1\.json$')" "$(git_commands READING 3)"
    same commit "$("$CHRONDB" log --until 2026-11-21T07:44 --limit 1 --format raw)" "$(git_commands READING 5)"
}

@test "chrondb-format(5): writing with plain git" {
    given init
    git_commands WRITING 1
    try get user:1
    prints '{"name":"Alice"}'
    git -C .chrondb fsck --strict
    # Again, beside another document.
    given put user:2 '{"name":"Bob"}'
    git_script WRITING 1 | sed 's/Alice/Alicia/' >script
    (cd .chrondb && sh -e ../script)
    try list
    prints '{"key":"user:1","value":{"name":"Alicia"}}
{"key":"user:2","value":{"name":"Bob"}}'
}

@test "chrondb-format(5): writing with plain git where the table is divided" {
    seq 300 | sed 's/.*/{"op":"put","key":"user:&","value":&}/' | "$CHRONDB" batch >/dev/null
    {
        echo 'ref=refs/heads/main; old=$(git rev-parse "$ref")'
        echo 'blob=$(echo 10000 | git hash-object -w --stdin)'
        git_script WRITING 2
        echo 'commit=$(git -c user.name=me -c user.email=me@example.org commit-tree -p "$old" -m x "$root")'
        echo 'git update-ref "$ref" "$commit" "$old"'
    } >script
    (cd .chrondb && sh -e ../script)
    try get user:1
    prints 10000
    try count
    prints '{"count":300}'
    # The next write to the table leaves one of it.
    given put user:4 '"four"'
    same copies 1 "$(git -C .chrondb ls-tree -r --name-only main | grep -c '/1\.json$')"
}
