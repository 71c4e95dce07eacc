#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/bench/scale.sh [SECTION...]: many documents and many commits, beside git on the same machine in the same
# minutes. Sections: changelogs table million growth past puts; all of them by default, which takes half an hour.
# The bulk imports leave the index of words out (--no-index): tests/bench/search.sh measures them with it.
# Build first: cmake --preset release && cmake --build build. What the environment can change, besides common.sh:
#   BENCH_CORPUS        a directory with the programs debian-changelogs and synthetic, which print documents
#   BENCH_BULK_RUNS     how often what takes seconds is measured (3)
#   BENCH_REPACK=no     leave out `git repack` of a million documents, which takes minutes
#   BENCH_COMMITS       how many commits "many" are (1000000)
set -eu
cd "$(dirname "$0")/../.."

sections=${*:-changelogs table million growth past puts}
runs=31
. tests/bench/common.sh
bulk=${BENCH_BULK_RUNS:-3}
many=${BENCH_COMMITS:-1000000}
corpus=${BENCH_CORPUS:-}

# corpus NAME [ARGUMENT...] FILE: what that program prints, into a file; 1 if it is not there
corpus() {
    program=$corpus/$1
    shift
    if [ -z "$corpus" ] || [ ! -x "$program" ]; then
        printf '\n%s is not there (BENCH_CORPUS): left out\n' "${program##*/}"
        return 1
    fi
    for file in "$@"; do :; done
    [ $# -eq 1 ] && set -- || set -- "$1"
    [ -s "$file" ] || "$program" "$@" >"$file"
}

# repositories NAME: empty ones for as many runs as there will be
repositories() {
    [ -n "$have_git" ] || return 0
    for round in $(seq 0 "$bulk"); do
        git init -q --bare -b main "$dir/$1$round"
    done
}

# rate LINES: what the medians of measure on standard input mean
rate() {
    awk -F '\t' -v lines="$1" '{ printf "  %-38s %8.0f a second\n", $1, lines / $2 * 1000 }'
}

# beside LINES FILE LAYOUT: import of a file with a commit for each line, beside fast-import of the same
beside() {
    set -- "$1" "$2" "$3" "$dir/beside-$3"
    repositories "beside-$3-git"
    [ -z "$have_git" ] || python3 tests/bench/fast_import.py "$3" <"$2" >"$4.stream"
    fast='git --git-dir="$0" fast-import --quiet <"$1"'
    set -- "$@" 'chrondb import --commit-each' "$chrondb" --db "$4-%n" import --commit-each --no-index "$2"
    [ -z "$have_git" ] || set -- "$@" :: 'git fast-import' sh -c "$fast" "$4-git%n" "$4.stream"
    lines=$1
    stem=$4
    shift 4
    "$measure" -n "$bulk" -w 1 "$@" >"$stem.times"
    show 'chrondb import --commit-each|git fast-import|x8' <"$stem.times"
    rate "$lines" <"$stem.times"
}

# size PATH...: megabytes
size() {
    du -cm "$@" | awk 'END { print $1 }'
}

# Wait for what is done in the background after a load.
settle() {
    sleep 3
}

if wants changelogs && corpus debian-changelogs "$dir/changelogs.ndjson"; then
    lines=$(wc -l <"$dir/changelogs.ndjson")
    printf '\nchangelogs of Debian: %s commits, dated\n' "$lines"
    beside "$lines" "$dir/changelogs.ndjson" plain
    rm -rf "$dir"/beside-*
fi

if wants table; then
    printf '\n20,000 documents into one table, a commit each; git with a fan-out of 256\n'
    awk 'BEGIN {
        text = "made for a walk through the old town, where the streets are narrow and the evenings long; "
        text = text text "nobody remembers who drew the map, and nobody needs it any more"
        for (i = 1; i <= 20000; i++)
            printf "{\"key\":\"user:%d\",\"value\":{\"name\":\"Name %d\",\"age\":%d,\"city\":\"Lisbon\",\"balance\":%d.50,\"bio\":\"%s %d\"}}\n",
                i, i, i % 90, i, text, i
    }' >"$dir/table.ndjson"
    beside 20000 "$dir/table.ndjson" fan
    rm -rf "$dir"/beside-* "$dir/table.ndjson"
fi

if { wants million || wants growth; } && corpus synthetic 1000000 "$dir/million.ndjson"; then
    have_million=yes
fi

if wants million && [ -n "${have_million:-}" ]; then
    printf '\n1,000,000 documents in one commit, targets >= 60,000 a second, <= 600 MB resident\n'
    "$measure" -n "$bulk" -w 0 'chrondb import --one-commit' \
        "$chrondb" --db "$dir/million%n" import --one-commit --no-index "$dir/million.ndjson" >"$dir/times"
    show <"$dir/times"
    rate 1000000 <"$dir/times"
    settle
    ndjson=$(size "$dir/million.ndjson") ours=$(size "$dir/million0/objects")
    printf '  repository %s MB, NDJSON %s MB: %s of it (target <= 0.8, or <= 1.1 of a repack)\n' "$ours" "$ndjson" \
        "$(awk "BEGIN { printf \"%.2f\", $ours / $ndjson }")"
    if [ -n "$have_git" ] && [ "${BENCH_REPACK:-yes}" != no ]; then
        cp -a "$dir/million0" "$dir/repacked"
        git --git-dir="$dir/repacked" config --unset extensions.preciousObjects
        git --git-dir="$dir/repacked" repack -q -a -d -f --depth=10 --window=10
        packed=$(size "$dir/repacked/objects")
        printf '  after git repack -adf --depth=10 --window=10: %s MB; ours is %s of it\n' "$packed" \
            "$(awk "BEGIN { printf \"%.2f\", $ours / $packed }")"
        rm -rf "$dir/repacked"
    fi
    for round in $(seq 1 "$bulk"); do
        rm -rf "$dir/million$round"
    done
fi

# grown COMMAND: measured in databases of all sizes; %d in an argument is the directory of the database
grown() {
    command=$1
    shift
    pairs='' line=''
    for count in 1000 10000 100000 1000000; do
        label="$command, $count"
        line="$line ${line:+::} '$label' '$chrondb' --db '$dir/grown$count' $*"
        [ $count = 1000 ] || pairs="$pairs$label|$command, 1000|1.3|"
    done
    eval "\"\$measure\" -n \"\$runs\" $line" | show "$pairs"
}

if wants growth && [ -n "${have_million:-}" ]; then
    printf '\ngrowth: the same document in databases of 1,000 to 1,000,000 others\n'
    for count in 1000 10000 100000 1000000; do
        if [ $count = 1000000 ] && [ -d "$dir/million0" ]; then
            mv "$dir/million0" "$dir/grown$count"
        else
            head -n $count "$dir/million.ndjson" | "$chrondb" --db "$dir/grown$count" import --quiet >/dev/null
        fi
        for version in 1 2 3 4 5; do
            "$chrondb" --db "$dir/grown$count" put user:0000500 "{\"version\":$version}" >/dev/null
            [ $version != 3 ] || sleep 0.01
        done
    done
    settle
    grown put put user:0000500 "'{\"round\":%n}'"
    grown get get user:0000700
    grown list list user: --limit 10 --after user:0000300
    grown history history user:0000500 --limit 5
    grown at at "'user:0000500@{4}'" user:0000700
    rm -rf "$dir"/grown*
fi
rm -rf "$dir"/million*

# versions NAME KEY PATH MOMENT [GIT_DIR]: history and at of a key, beside git if it may take that long
versions() {
    set -- "$1" "$2" "$3" "$4" "${5:-}" "history, $1" "$chrondb" --db "$dir/past-$1" history "$2" \
        :: "history --no-value, $1" "$chrondb" --db "$dir/past-$1" history "$2" --no-value \
        :: "at, $1" "$chrondb" --db "$dir/past-$1" at "$4" "$2"
    name=$1 path=$3 moment=$4 git=$5
    shift 5
    "$measure" -n "$runs" "$@"
    [ -n "$git" ] && [ -n "$have_git" ] || return 0
    "$measure" -n "$peer_runs" -w 1 "git log -- PATH, $name" git --git-dir="$git" log --format=%H main -- "$path" \
        :: "git rev-list --before, $name" git --git-dir="$git" rev-list -1 "--before=$moment" main
}

if wants past; then
    : >"$dir/past.times"
    if corpus debian-changelogs "$dir/changelogs.ndjson"; then
        "$chrondb" --db "$dir/past-changelogs" import --commit-each --quiet "$dir/changelogs.ndjson" >/dev/null
        key=$(sed 's/^{"key": *"\([^"]*\)".*/\1/' "$dir/changelogs.ndjson" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
        git=
        if [ -n "$have_git" ]; then
            git=$dir/past.git
            git init -q --bare -b main "$git"
            python3 tests/bench/fast_import.py plain <"$dir/changelogs.ndjson" | git --git-dir="$git" fast-import --quiet
        fi
        settle
        printf '\nthe past: %s, %s versions among %s commits\n' "$key" "$(grep -c "^{\"key\": *\"$key\"" "$dir/changelogs.ndjson")" \
            "$(wc -l <"$dir/changelogs.ndjson")"
        peer_runs=5
        versions changelogs "$key" "$(echo "$key" | tr : /).json" 2010-01-01 "$git" >>"$dir/past.times"
    fi
    printf '\nthe past: 673 versions among %s commits\n' "$many"
    awk -v many="$many" 'BEGIN {
        every = int(many / 673)
        for (i = 0; i < many; i++) {
            key = i % every == 0 && n < 673 ? "pkg:binutils" : "pkg:other" (i * 7919) % 20011
            n += key == "pkg:binutils"
            printf "{\"key\":\"%s\",\"value\":{\"version\":%d,\"urgency\":\"low\"},\"time\":\"@%.0f\"}\n", key, i, 631152000 + i * 1000000000 / many
        }
    }' >"$dir/many.ndjson"
    "$measure" -n 1 -w 0 "import --commit-each of $many" "$chrondb" --db "$dir/past-many" import --commit-each --no-index "$dir/many.ndjson" >"$dir/times"
    show <"$dir/times"
    rate "$many" <"$dir/times"
    settle
    rm "$dir/many.ndjson"
    path=
    [ -z "$have_git" ] || path=$(git --git-dir="$dir/past-many" ls-tree -r --name-only main | grep '/binutils\.json$')
    peer_runs=1
    versions many pkg:binutils "$path" 2010-01-01 "$dir/past-many" >>"$dir/past.times"
    pairs=''
    for name in changelogs many; do
        pairs="$pairs|history, $name|git log -- PATH, $name|0.1|history --no-value, $name|git log -- PATH, $name|0.1"
        pairs="$pairs|at, $name|git rev-list --before, $name|0.1"
    done
    show "${pairs#|}|history --no-value, many|history --no-value, changelogs|1.3|at, many|at, changelogs|1.3" <"$dir/past.times"
    rm -rf "$dir"/past*
fi

# count FILE...: how many a pattern found
count() {
    found=0
    [ ! -e "$1" ] || found=$#
}

# sample DB: loose objects and packs, again and again. Names are hashes: a sixteenth of the directories tells how many
# there are; listing them all, or a process for it, would hold up what is timed.
sample() {
    while :; do
        count "$1"/objects/?0/*
        loose=$found
        count "$1"/objects/pack/*.pack
        echo "$loose $found"
        sleep 0.3
    done
}

if wants puts; then
    printf '\n100,000 documents into one table, a commit each, then 20,000 single puts\n'
    awk 'BEGIN { for (i = 0; i < 100000; i++) printf "{\"key\":\"user:%d\",\"value\":{\"name\":\"Name %d\",\"age\":%d,\"city\":\"Lisbon\"}}\n", i, i, i % 90 }' >"$dir/puts.ndjson"
    "$chrondb" --db "$dir/puts" init >/dev/null
    sample "$dir/puts" >"$dir/samples" &
    sampler=$!
    "$measure" -n 1 -w 0 'import --commit-each of 100,000' "$chrondb" --db "$dir/puts" import --commit-each "$dir/puts.ndjson" | show
    "$measure" -n 20000 -w 0 put "$chrondb" --db "$dir/puts" put 'user:%n' '{"name":"Name %n","age":%n,"city":"Porto"}' >"$dir/times"
    settle
    kill $sampler
    wait $sampler 2>/dev/null || true
    show <"$dir/times"
    awk -F '\t' '{
        printf "  99%% of the puts within %.2f ms, %.2f times the median (target <= 3%s); the slowest %.1f ms (target <= 100%s)\n",
            $6, $6 / $2, $6 <= 3 * $2 ? "" : ": MISSED", $7, $7 <= 100 ? "" : ": MISSED" }' "$dir/times"
    awk '{ if (16 * $1 > loose) loose = 16 * $1; if ($2 > packs) packs = $2 }
        END { printf "  at most about %d loose objects (target <= 5,000%s), %d packs (target <= 20%s), in %d looks\n",
            loose, loose <= 5000 ? "" : ": MISSED", packs, packs <= 20 ? "" : ": MISSED", NR }' "$dir/samples"
    head -n 1000 "$dir/puts.ndjson" | "$chrondb" --db "$dir/small" import --quiet >/dev/null
    "$measure" -n "$runs" 'get, 1,000 documents' "$chrondb" --db "$dir/small" get user:500 \
        :: 'get, 100,000 and their history' "$chrondb" --db "$dir/puts" get user:500 \
        :: 'put, 1,000 documents' "$chrondb" --db "$dir/small" put user:500 '{"round":%n}' \
        :: 'put, 100,000 and their history' "$chrondb" --db "$dir/puts" put user:500 '{"round":%n}' |
        show 'get, 100,000 and their history|get, 1,000 documents|1.3|put, 100,000 and their history|put, 1,000 documents|1.3'
    if [ -n "$have_git" ]; then
        ours=$(size "$dir/puts/objects")
        git clone -q --mirror --no-local "$dir/puts" "$dir/cloned"
        git --git-dir="$dir/cloned" gc -q
        theirs=$(size "$dir/cloned/objects")
        printf '  repository %s MB; after git gc %s MB: ours is %s of it (target <= 1.3)\n' "$ours" "$theirs" \
            "$(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")"
    fi
fi
