#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/bench/merge.sh [SECTION...]: branches and merges of a large database, as whole processes, beside git on the
# same repository. Sections: branch merge diff; all of them by default.
# BENCH_DOCUMENTS: how many (1,000,000). Build first: cmake --preset release && cmake --build build. What else the
# environment can change: common.sh.
set -eu
cd "$(dirname "$0")/../.."

sections=${*:-branch merge diff}
runs=21
. tests/bench/common.sh
documents=${BENCH_DOCUMENTS:-1000000}

db=$dir/db
printf '\nimporting %s documents\n' "$documents"
awk -v n="$documents" 'BEGIN {
    for (i = 1; i <= n; i++)
        printf "{\"key\":\"user:%d\",\"value\":{\"name\":\"Name %d\",\"age\":%d,\"city\":\"Lisbon\",\"balance\":%d.50}}\n", i, i, i % 90, i
}' | "$chrondb" --db "$db" import >/dev/null
"$chrondb" --db "$db" gc >/dev/null

index_bytes() {
    du -sb "$db/chrondb/index" | cut -f1
}

# limit LABEL MILLISECONDS: of the medians that show printed.
limits=
limit() {
    limits="$limits$1|$2|"
}

# judged: measure's lines as a table, and against the limits.
judged() {
    tee "$dir/lines" | show "$@"
    awk -F '\t' -v limits="$limits" '
        { median[$1] = $2 }
        END {
            n = split(limits, l, "|")
            for (i = 1; i + 1 <= n; i += 2)
                if (l[i] in median)
                    printf "  %-62s %6.2f ms (target <= %s ms%s)\n", l[i], median[l[i]], l[i + 1], median[l[i]] <= l[i + 1] ? "" : ": MISSED"
        }' "$dir/lines"
    limits=
}

# batch BRANCH FIRST COUNT WORD: change so many documents, spread over all of them.
batch() {
    awk -v first="$2" -v count="$3" -v n="$documents" -v word="$4" 'BEGIN {
        step = int(n / count)
        if (step < 1) step = 1
        for (i = 0; i < count; i++)
            printf "{\"op\":\"patch\",\"key\":\"user:%d\",\"value\":{\"%s\":\"x%d\"}}\n", (first + i * step) % n + 1, word, i
    }' | "$chrondb" --db "$db" -b "$1" batch >/dev/null
}

if wants branch; then
    printf '\nbranch, %s documents\n' "$documents"
    "$chrondb" --db "$db" search lisbon --limit 1 >/dev/null
    before=$(index_bytes)
    limit 'chrondb branch' 3
    set -- 'chrondb branch' "$chrondb" --db "$db" branch 'a%n'
    [ -z "$have_git" ] || set -- "$@" :: 'git branch' git --git-dir="$db" branch 'g%n' main
    "$measure" -n "$runs" "$@" | judged
    after=$(index_bytes)
    printf '  the index: %s bytes before, %s after %s branches (target: no copy%s)\n' "$before" "$after" "$runs" \
        "$([ "$((after - before))" -lt 1000000 ] || echo ': MISSED')"
    "$measure" -n "$runs" 'search on the new branch' "$chrondb" --db "$db" -b a1 search lisbon --limit 10 :: \
        'search on the old one' "$chrondb" --db "$db" search lisbon --limit 10 |
        show 'search on the new branch|search on the old one|1.5'
fi

# A merge changes its branch, so each run has one of its own, with its own change of one document.
if wants merge; then
    printf '\nmerge of 100 changed documents into %s\n' "$documents"
    "$chrondb" --db "$db" branch theirs >/dev/null
    batch theirs 0 100 theirs
    for i in $(seq 0 $((runs + 10))); do
        "$chrondb" --db "$db" branch "m$i" main >/dev/null
        "$chrondb" --db "$db" -b "m$i" put "own:$i" 1 >/dev/null
    done
    "$chrondb" --db "$db" -b m0 merge theirs --dry-run >/dev/null
    limit 'chrondb merge' 50
    limit 'chrondb merge --dry-run' 50
    set -- 'chrondb merge' "$chrondb" --db "$db" -b 'm%n' merge theirs :: \
        'chrondb merge --dry-run' "$chrondb" --db "$db" -b m0 merge theirs --dry-run
    [ -z "$have_git" ] || set -- "$@" :: 'git merge-tree' git --git-dir="$db" merge-tree --write-tree m0 theirs
    "$measure" -w 1 -n "$runs" "$@" | judged
fi

if wants diff; then
    printf '\ndiff of two commits, 10 of %s documents\n' "$documents"
    batch main 7 10 diff
    limit 'chrondb diff' 5
    set -- 'chrondb diff' "$chrondb" --db "$db" diff main~1 main
    [ -z "$have_git" ] || set -- "$@" :: 'git diff-tree' git --git-dir="$db" diff-tree -r main~1 main
    "$measure" -n "$runs" "$@" | judged
fi
