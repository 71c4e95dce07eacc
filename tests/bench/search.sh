#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/bench/search.sh [SECTION...]: searching many documents, beside SQLite's FTS5 on the same machine in the same
# minutes. Sections: load queries past versions puts; all of them by default, which takes a quarter of an hour.
# Build first: cmake --preset release && cmake --build build. What the environment can change, besides common.sh:
#   BENCH_CORPUS        a directory with the program synthetic, which prints documents
#   BENCH_DOCUMENTS     how many (1000000); the targets are those for a million
#   BENCH_NDJSON        a file that it printed before
#   BENCH_BULK_RUNS     how often what takes many seconds is measured (3)
#   BENCH_PUTS          how many documents are put one by one (10000)
set -eu
cd "$(dirname "$0")/../.."

sections=${*:-load queries past versions puts}
runs=21
. tests/bench/common.sh
bulk=${BENCH_BULK_RUNS:-3}
count=${BENCH_DOCUMENTS:-1000000}
puts=${BENCH_PUTS:-10000}
ndjson=${BENCH_NDJSON:-$dir/documents.ndjson}
if [ ! -s "$ndjson" ]; then
    program=${BENCH_CORPUS:-.}/synthetic
    [ -x "$program" ] || { echo "bench: there are no documents: BENCH_CORPUS names the directory of the program synthetic" >&2; exit 1; }
    "$program" "$count" >"$ndjson"
fi
count=$(wc -l <"$ndjson")
echo "$count documents, $(($(stat -c %s "$ndjson") / 1000000)) MB of NDJSON"

# bytes PATH...
bytes() {
    du -cb "$@" | awk 'END { print $1 }'
}

# Wait for what is done in the background.
settle() {
    last=
    while now=$(bytes "$1/chrondb/index") && [ "$now" != "$last" ]; do
        last=$now
        sleep 2
    done
}

# verdict VALUE LIMIT
verdict() {
    awk -v value="$1" -v limit="$2" 'BEGIN { printf "%.2f (target <= %s%s)", value, limit, value <= limit ? "" : ": MISSED" }'
}

# over A B: A / B
over() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'
}

# ---- load ----

# What the sqlite3 program does with the same file, in the quickest way that was found: a table of the documents, and an
# index of their text, stemmed as ours is. The text is in the documents already: the index keeps none (content='').
# What FTS5 does by itself is to keep it.
cat >"$dir/load.sql" <<END
PRAGMA journal_mode = wal;
PRAGMA synchronous = full;
PRAGMA temp_store = memory;
CREATE TABLE docs (id INTEGER PRIMARY KEY, key TEXT UNIQUE, value TEXT);
CREATE VIRTUAL TABLE text USING fts5(name, city, bio, content='', tokenize='porter unicode61');
CREATE TEMP TABLE line (json TEXT);
.mode ascii
.separator "\037" "\n"
BEGIN;
.import '$ndjson' line
INSERT INTO docs (key, value) SELECT json ->> '$.key', json -> '$.value' FROM line;
INSERT INTO text (rowid, name, city, bio) SELECT id, value ->> '$.name', value ->> '$.city', value ->> '$.bio' FROM docs;
COMMIT;
PRAGMA wal_checkpoint(truncate);
END
sed "s/ content='',//" "$dir/load.sql" >"$dir/load-text.sql"

# What the first round leaves is searched below.
db=$dir/search0 sqlite=$dir/search0.sqlite
if wants load; then
    printf '\nimport of %s documents in one commit with their index; target: not slower than sqlite3, <= 600 MB\n' "$count"
    set -- 'chrondb import' "$chrondb" --db "$dir/search%n" import --one-commit --quiet "$ndjson"
    [ -z "$have_sqlite" ] || set -- "$@" :: 'sqlite3 table + FTS5' sh -c "exec sqlite3 '$dir/search%n.sqlite' <'$dir/load.sql'" \
        :: 'sqlite3 table + FTS5 with its text' sh -c "exec sqlite3 '$dir/text%n.sqlite' <'$dir/load-text.sql'"
    "$measure" -n "$bulk" -w 0 "$@" >"$dir/times"
    show 'chrondb import|sqlite3 table + FTS5|1.0' <"$dir/times"
    awk -F '\t' -v count="$count" '{ printf "  %-38s %8.0f a second\n", $1, count / $2 * 1000 }' "$dir/times"
    for round in $(seq 1 $((bulk - 1))); do
        rm -rf "$dir/search$round" "$dir/search$round".sqlite* "$dir/text$round".sqlite*
    done
else
    "$chrondb" --db "$db" import --one-commit --quiet "$ndjson" >/dev/null
    [ -z "$have_sqlite" ] || sqlite3 "$sqlite" <"$dir/load.sql" >/dev/null
fi
settle "$db"
index=$(bytes "$db/chrondb/index") repository=$(bytes "$db") text=$(bytes "$ndjson")
if wants load; then
    printf '  NDJSON %d MB, repository and index %d MB, of these the index %d MB\n' $((text / 1000000)) \
        $((repository / 1000000)) $((index / 1000000))
    printf '  index / NDJSON %s\n' "$(verdict "$(over "$index" "$text")" 0.6)"
    if [ -n "$have_sqlite" ]; then
        theirs=$(bytes "$sqlite")
        printf '  sqlite3 %d MB; repository and index / sqlite3 %s\n' $((theirs / 1000000)) \
            "$(verdict "$(over "$repository" "$theirs")" 1.0)"
        printf '  sqlite3 with the text in FTS5 too %d MB\n' $(($(bytes "$dir/text0.sqlite") / 1000000))
        rm -f "$dir"/text0.sqlite*
    fi
fi

# ---- which words ----

# "WORD<TAB>SHARE", the most frequent first: what share of the documents has the word, by a scan of the first ones.
python3 - "$ndjson" >"$dir/words" <<'END'
import collections, json, re, sys
found, lines = collections.Counter(), 0
for line in open(sys.argv[1], encoding="utf-8"):
    lines += 1
    if lines > 200000:
        break
    value = json.loads(line)["value"]
    found.update(set(re.findall(r"[a-z]+", " ".join((value["name"], value["city"], value["bio"])).lower())))
for word, documents in found.most_common():
    if len(word) > 3:
        print(word, round(documents / min(lines, 200000), 6), sep="\t")
END

# word N: the N-th most frequent; rare SHARE: one that about that share of the documents has
word() {
    sed -n "${1}s/	.*//p" "$dir/words"
}
rare() {
    awk -v share="$1" '{ d = $2 > share ? $2 / share : share / $2; if (best == "" || d < least) { best = $1; least = d } } END { print best }' "$dir/words"
}
a=$(word 1) b=$(word 2) c=$(word 3) d=$(word 4)
few=$(rare 0.0028)
prefix=$(printf %.5s "$a")
ten=$(for i in 1 2 3 4 5 6 7 8 9 10; do word $i; done | paste -sd' ')
ten_or=$(echo "$ten" | sed 's/ / OR /g')

# name|arguments of search|MATCH of FTS5|what follows|target in ms|so many times as fast as FTS5
cat >"$dir/set" <<END
a rare word|$few|$few||3|1
a common word|$a|$a||5|50
two common words, AND|$a AND $b|$a AND $b||15|50
two common words, OR|$a OR $b|$a OR $b||15|50
phrase of two common words|"$a $b"|"$a $b"||15|1
prefix|$prefix*|$prefix *||8|50
a rare and a common word|$few AND $a|$few AND $a||15|1
(a OR b) AND c NOT d|($a OR $b) AND $c AND NOT $d|($a OR $b) AND $c NOT $d||15|1
ten words, OR|$ten_or|$ten_or||15|50
range AND a common word|age:[25 TO 35] AND $a|$a|AND value ->> '\$.age' BETWEEN 25 AND 35|15|1
--count of a common word|$a|$a|count|8|1
--sort age:desc, a common word|$a|$a|sort|15|1
END

# One line of the set, as two command lines on standard output: a word a line, "::" between them.
options() {
    case $1 in
    count) echo --count ;;
    sort) printf '%s\n' --sort age:desc ;;
    esac
}

# sql MATCH EXTRA
sql() {
    match=$(printf %s "$1" | sed "s/'/''/g")
    case $2 in
    count) echo "SELECT count(*) FROM text WHERE text MATCH '$match'" ;;
    sort) echo "SELECT key, value FROM text JOIN docs ON id = text.rowid WHERE text MATCH '$match' ORDER BY value ->> '\$.age' DESC, key LIMIT 10" ;;
    *) echo "SELECT key, rank, value FROM text JOIN docs ON id = text.rowid WHERE text MATCH '$match' $2 ORDER BY rank LIMIT 10" ;;
    esac
}

# hits DB QUERY [OPTION...]
hits() {
    base=$1
    shift
    "$chrondb" --db "$base" search --count "$@" | tr -dc 0-9
}

if wants queries; then
    printf '\ntop 10 of %s documents; a: %s, b: %s, c: %s, d: %s, rare: %s\n' "$count" "$a" "$b" "$c" "$d" "$few"
    printf '  %-31s %9s  %9s %9s  %-16s %9s  %s\n' '' hits chrondb '90 %' '' sqlite3 ''
    while IFS='|' read -r label query match extra target faster; do
        set -- chrondb "$chrondb" --db "$db" search "$query" $(options "$extra")
        [ -z "$have_sqlite" ] || set -- "$@" :: sqlite3 sqlite3 "$sqlite" "$(sql "$match" "$extra")"
        "$measure" -n "$runs" -w 2 "$@" >"$dir/times" </dev/null
        found=$(hits "$db" "$query")
        awk -F '\t' -v label="$label" -v found="$found" -v target="$target" -v faster="$faster" '
            { median[$1] = $2; high[$1] = $4; rss[$1] = $5 }
            END {
                ours = median["chrondb"]
                printf "  %-31s %9d  %6.2f ms %6.2f ms  (<= %2d ms%-7s", label, found, ours, high["chrondb"], target, (ours <= target) ? ")" : ") MISSED"
                if ("sqlite3" in median)
                    printf "  %8.2f ms  %6.1f times as fast%s", median["sqlite3"], median["sqlite3"] / ours, (median["sqlite3"] / ours >= faster) ? "" : " (target >= " faster ": MISSED)"
                printf "  %.0f MB\n", rss["chrondb"] / 1024
            }' "$dir/times"
    done <"$dir/set"
fi

# ratios LIMIT: two searches beside each other, for every query of the set; what differs is in $first and $second, as
# options
ratios() {
    while IFS='|' read -r label query match extra target faster; do
        # shellcheck disable=SC2086
        "$measure" -n "$runs" -w 2 first "$chrondb" search $first "$query" $(options "$extra") \
            :: second "$chrondb" search $second "$query" $(options "$extra") >"$dir/times" </dev/null
        awk -F '\t' -v label="$label" -v limit="$1" '
            { median[$1] = $2 }
            END { r = median["first"] / median["second"]
                printf "  %-31s %6.2f ms  %6.2f ms  %5.2f%s\n", label, median["first"], median["second"], r, r <= limit ? "" : " MISSED" }' "$dir/times"
    done <"$dir/set"
}

if wants past; then
    moment=$("$chrondb" --db "$db" log --limit 1 | sed 's/.*"commit":"\([0-9a-f]*\)".*/\1/')
    # Every hundredth document is written again, with another's text.
    awk 'NR % 100 == 1 { key = $0; sub(/,.*/, "", key) } NR % 100 == 51 { line = $0; sub(/^[^,]*,/, key ",", line); print line }' \
        "$ndjson" | "$chrondb" --db "$db" import --one-commit --quiet >/dev/null
    settle "$db"
    printf '\n--at the moment before %s documents changed, beside the present; target <= 1.5 for each\n' $((count / 100))
    first="--db $db --at $moment" second="--db $db"
    ratios 1.5
fi

if wants versions; then
    documents=$((count / 20))
    printf '\n20 versions of %s documents, beside one version of each; target <= 1.2 for each\n' "$documents"
    awk -v n="$documents" '{ sub(/user:[0-9]+/, sprintf("user:%07d", (NR - 1) % n)); print }' "$ndjson" >"$dir/versions.ndjson"
    "$chrondb" --db "$dir/versions" import --commit-every "$documents" --quiet "$dir/versions.ndjson" >/dev/null
    tail -n "$documents" "$dir/versions.ndjson" | "$chrondb" --db "$dir/once" import --one-commit --quiet >/dev/null
    rm "$dir/versions.ndjson"
    settle "$dir/versions"
    settle "$dir/once"
    first="--db $dir/versions" second="--db $dir/once"
    ratios 1.2
    rm -rf "$dir/versions" "$dir/once"
fi

if wants puts; then
    printf '\nputs into %s indexed documents, beside a durable insert of sqlite3 without any full text\n' "$count"
    value='{"name":"Name %n","age":%n,"city":"Lisbon","bio":"nobody remembers who drew the map, and nobody needs it any more"}'
    set -- 'chrondb put' "$chrondb" --db "$db" put 'user:%n' "$value"
    [ -z "$have_sqlite" ] || {
        sqlite3 "$dir/puts.sqlite" "PRAGMA journal_mode = wal; CREATE TABLE docs (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
            CREATE TABLE history (id INTEGER PRIMARY KEY, key TEXT, time TEXT, value TEXT); CREATE INDEX history_key ON history (key, id)" >/dev/null
        set -- "$@" :: 'sqlite3 insert' sqlite3 "$dir/puts.sqlite" "PRAGMA synchronous = full; BEGIN IMMEDIATE;
            INSERT INTO history (key, time, value) VALUES ('user:%n', datetime('now'), '$value');
            INSERT OR REPLACE INTO docs VALUES ('user:%n', '$value'); COMMIT"
    }
    "$measure" -n 301 "$@" | show 'chrondb put|sqlite3 insert|0.5'
    : >"$dir/times"
    each=$((puts / 10))
    for round in 0 1 2 3 4 5 6 7 8 9; do
        "$measure" -n "$each" -w 0 "puts $((round * each)) to $(((round + 1) * each))" \
            "$chrondb" --db "$db" put "put:$round-%n" "$value" >>"$dir/times"
    done
    show <"$dir/times"
    awk -F '\t' '
        { if (NR == 1) first = $2; last = $2; if ($6 > slow) slow = $6; if ($7 > longest) longest = $7 }
        END { printf "  medians: last / first %.2f (target <= 1.3%s); 99 %% within %.2f ms; the slowest %.1f ms (target <= 100%s)\n",
            last / first, last <= 1.3 * first ? "" : ": MISSED", slow, longest, longest <= 100 ? "" : ": MISSED" }' "$dir/times"
    settle "$db"
    printf '  files of the index: %s\n' "$(find "$db/chrondb/index" -type f | wc -l)"
    "$measure" -n "$runs" 'search right after a put' sh -c "'$chrondb' --db '$db' put user:1 '{\"round\":%n}' >/dev/null && '$chrondb' --db '$db' search '$few'" \
        :: 'put' sh -c "'$chrondb' --db '$db' put user:1 '{\"round\":%n}' >/dev/null && exec true" | show
fi
