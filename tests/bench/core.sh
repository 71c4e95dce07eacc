#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/bench/core.sh [SECTION...]: what a command costs as a whole process, beside git and sqlite3 on the same
# machine in the same minutes (A B A B). Sections: read write memory past growth verify parallel; all of them by default.
# Build first: cmake --preset release && cmake --build build. What the environment can change: common.sh.
set -eu
cd "$(dirname "$0")/../.."

sections=${*:-read write memory past growth verify parallel}
runs=51
. tests/bench/common.sh

# documents FIRST LAST TABLE: operations of `chrondb batch`, documents of about 370 bytes. TABLE may hold %d.
documents() {
    awk -v first="$1" -v last="$2" -v table="$3" 'BEGIN {
        text = "made for a walk through the old town, where the streets are narrow and the evenings long; "
        text = text text "nobody remembers who drew the map, and nobody needs it any more"
        for (i = first; i <= last; i++) {
            t = table
            sub(/%d/, i, t)
            printf "{\"op\":\"put\",\"key\":\"%s:%d\",\"value\":{\"name\":\"Name %d\",\"age\":%d,\"city\":\"Lisbon\",\"balance\":%d.50,\"bio\":\"%s %d\"}}\n",
                t, i, i, i % 90, i, text, i
        }
    }'
}

db=$dir/db
"$chrondb" --db "$db" init >/dev/null
documents 1 1000 user | "$chrondb" --db "$db" batch >/dev/null
key=user:500
value='{"name":"Name 500","age":50,"city":"Lisbon","round":%n}'

# The peers hold the same documents.
git=$dir/git sqlite=$dir/sqlite.db
if [ -n "$have_git" ]; then
    git clone -q --bare "$db" "$git"
    path=$(git -C "$git" ls-tree -r --name-only main | grep '/500\.json$')
fi
if [ -n "$have_sqlite" ]; then
    {
        echo 'PRAGMA journal_mode = wal;'
        echo 'CREATE TABLE docs (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;'
        echo 'CREATE TABLE history (id INTEGER PRIMARY KEY, key TEXT, time TEXT, value TEXT);'
        echo 'CREATE INDEX history_key ON history (key, id);'
        echo 'BEGIN;'
        documents 1 1000 user | sed -E "s/^.*\"key\":\"([^\"]*)\",\"value\":(.*)\}\$/INSERT INTO docs VALUES ('\1', '\2'); INSERT INTO history (key, time, value) VALUES ('\1', datetime('now'), '\2');/"
        echo 'COMMIT;'
    } | sqlite3 "$sqlite" >/dev/null
fi

if wants read; then
    printf '\nget, 1,000 documents\n'
    set -- 'empty process' true :: 'chrondb get' "$chrondb" --db "$db" get $key
    [ -z "$have_git" ] || set -- "$@" :: 'git cat-file -p' git -C "$git" cat-file -p "main:$path"
    [ -z "$have_sqlite" ] || set -- "$@" :: 'sqlite3 select' sqlite3 "$sqlite" "SELECT value FROM docs WHERE key = '$key'"
    "$measure" -n "$runs" "$@" | show 'chrondb get|git cat-file -p|0.6|chrondb get|sqlite3 select|0.7'
fi

if wants write; then
    cat >"$dir/plumbing" <<'END'
set -eu
cd "$1"
export GIT_INDEX_FILE=$1/bench.index
blob=$(printf '%s' "$3" | git hash-object -w --stdin)
parent=$(git rev-parse refs/heads/main)
git read-tree "$parent"
git update-index --add --cacheinfo "100644,$blob,$2"
tree=$(git write-tree)
commit=$(git commit-tree "$tree" -p "$parent" -m "put $2")
git update-ref refs/heads/main "$commit" "$parent"
END
    printf '\nput, 1,000 documents; chrondb and sqlite3 (WAL, synchronous=full, current and history) are durable, git is not\n'
    set -- 'chrondb put' "$chrondb" --db "$db" put $key "$value"
    [ -z "$have_sqlite" ] || set -- "$@" :: 'sqlite3 insert' sqlite3 "$sqlite" "PRAGMA synchronous = full; BEGIN IMMEDIATE;
        INSERT INTO history (key, time, value) VALUES ('$key', datetime('now'), '$value');
        INSERT OR REPLACE INTO docs VALUES ('$key', '$value'); COMMIT"
    [ -z "$have_git" ] || set -- "$@" :: 'git plumbing' sh "$dir/plumbing" "$git" "${path:-}" "$value"
    "$measure" -n "$runs" "$@" | show 'chrondb put|sqlite3 insert|0.5|chrondb put|git plumbing|0.15'
fi

if wants past || wants memory; then
    # 700 versions of one document in 800 commits.
    past=$dir/past
    cp -a "$db" "$past"
    for i in $(seq 700); do
        "$chrondb" --db "$past" put log:1 "{\"version\":$i}" >/dev/null
        [ $((i % 7)) != 0 ] || "$chrondb" --db "$past" put "log:other" "{\"version\":$i}" >/dev/null
        [ "$i" != 350 ] || moment=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
    done
    [ -z "$have_git" ] || git clone -q --bare "$past" "$dir/past.git"
fi

if wants past; then
    printf '\nthe past: 700 versions of a document, 800 commits\n'
    set -- 'chrondb at' "$chrondb" --db "$past" at "$moment" log:1 \
        :: 'chrondb history --no-value' "$chrondb" --db "$past" history log:1 --no-value
    [ -z "$have_git" ] || set -- "$@" :: 'git rev-list --before' git -C "$dir/past.git" rev-list -1 "--before=$moment" main \
        :: 'git log -- PATH' git -C "$dir/past.git" log --format=%H main -- log/1.json
    "$measure" -n "$runs" "$@" |
        show 'chrondb at|git rev-list --before|0.1|chrondb history --no-value|git log -- PATH|0.1'
    echo '  (the targets were set for 10,000 commits)'
fi

if wants memory; then
    printf '\nresident memory, target <= 10 MB each\n'
    "$measure" -n 9 get "$chrondb" --db "$past" get $key \
        :: put "$chrondb" --db "$past" put $key "$value" \
        :: at "$chrondb" --db "$past" at "$moment" log:1 \
        :: history "$chrondb" --db "$past" history log:1 | show
fi

if wants growth || wants verify; then
    documents 1 100000 user | "$chrondb" --db "$dir/many" batch >/dev/null
fi

if wants growth; then
    printf '\ngrowth: what the number of documents adds, target <= 1.3 (loading takes a moment)\n'
    documents 1 100000 't%d' | "$chrondb" --db "$dir/tables" batch >/dev/null
    sleep 3 # what is done in the background after a load
    "$measure" -n "$runs" 'put, 1,000' "$chrondb" --db "$db" put $key "$value" \
        :: 'put, 100,000 in one table' "$chrondb" --db "$dir/many" put $key "$value" \
        :: 'put, 100,000 tables' "$chrondb" --db "$dir/tables" put t500:500 "$value" |
        show 'put, 100,000 in one table|put, 1,000|1.3|put, 100,000 tables|put, 1,000|1.3'
    "$measure" -n "$runs" 'get, 1,000' "$chrondb" --db "$db" get $key \
        :: 'get, 100,000 in one table' "$chrondb" --db "$dir/many" get $key \
        :: 'get, 100,000 tables' "$chrondb" --db "$dir/tables" get t500:500 |
        show 'get, 100,000 in one table|get, 1,000|1.3|get, 100,000 tables|get, 1,000|1.3'
fi

if wants verify; then
    printf '\nverify, 100,000 documents; --full recomputes the index too\n'
    set -- 'chrondb verify' "$chrondb" --db "$dir/many" verify :: 'chrondb verify --full' "$chrondb" --db "$dir/many" verify --full
    [ -z "$have_git" ] || set -- "$@" :: 'git fsck --strict' git -C "$dir/many" fsck --strict --no-progress
    "$measure" -n 5 "$@" 2>/dev/null | show 'chrondb verify|git fsck --strict|2'
fi

if wants parallel; then
    writers=16 each=10
    printf '\n%s parallel writers, target >= 0.8 of the rate of one\n' $writers
    # writer NAME PUTS
    writer() {
        for i in $(seq "$2"); do
            "$chrondb" --db "$dir/parallel" put "w$1:$i" "{\"round\":$round,\"i\":$i}" >/dev/null ||
                echo failed >>"$dir/failures"
        done
    }
    "$chrondb" --db "$dir/parallel" init >/dev/null
    for round in 1 2 3; do
        start=$(date +%s.%N)
        writer 0 $((writers * each))
        middle=$(date +%s.%N)
        for w in $(seq $writers); do
            writer "$w" $each &
        done
        wait
        echo "$start $middle $(date +%s.%N)"
    done >"$dir/rounds"
    failures=0
    [ ! -f "$dir/failures" ] || failures=$(wc -l <"$dir/failures")
    awk -v n=$((writers * each)) -v failures="$failures" '
        { alone += $2 - $1; together += $3 - $2 }
        END {
            one = NR * n / alone; many = NR * n / together
            printf "  one: %.0f puts a second; together: %.0f; ratio %.2f%s; failures %d (target 0)\n",
                one, many, many / one, (many / one >= 0.8) ? "" : " MISSED", failures
        }' "$dir/rounds"
fi
