# SPDX-License-Identifier: MIT
#
# What the benchmarks share; sourced in the root of the source tree, with $sections and $runs set. Gives $chrondb,
# $measure, $dir (a directory that is removed at the end), and prints what machine it is.
# BENCH_BUILD: the build to measure, BENCH_DIR: the disk, BENCH_RUNS: the patience.

build=${BENCH_BUILD:-$PWD/build}
chrondb=$build/chrondb
measure=$build/tests/bin/measure
for program in "$chrondb" "$measure"; do
    [ -x "$program" ] || { echo "bench: $program is not built: cmake --preset release && cmake --build build" >&2; exit 1; }
done
grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$build/CMakeCache.txt" || { echo "bench: $build is no Release build" >&2; exit 1; }

runs=${BENCH_RUNS:-$runs}
unset CHRONDB_DIR CHRONDB_BRANCH CHRONDB_INDEX GIT_DIR
dir=$(mktemp -d "${BENCH_DIR:-/var/tmp}/chrondb-bench.XXXXXX")
# What works in the background may still be at it.
trap 'rm -rf "$dir" 2>/dev/null || { sleep 2; rm -rf "$dir"; }' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@example.org \
    GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@example.org

have_git=$(command -v git || true)
have_sqlite=$(command -v sqlite3 || true)
have_git=${have_git:+yes} have_sqlite=${have_sqlite:+yes}

wants() {
    case " $sections " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

# show [LABEL|PEER|LIMIT|...]: the lines of measure as a table. LIMIT is the target for the ratio of the medians: at most
# so much; with an x in front (x8) so many times as fast at least.
show() {
    awk -F '\t' -v pairs="$*" '
        function time(t) { return t < 10000 ? sprintf("%.2f ms", t) : sprintf("%.1f s ", t / 1000) }
        { label[NR] = $1; median[$1] = $2; low[$1] = $3; high[$1] = $4; rss[$1] = $5 }
        END {
            printf "  %-38s %11s  %24s  %9s\n", "", "median", "10 .. 90 %", "resident"
            for (i = 1; i <= NR; i++) {
                l = label[i]
                printf "  %-38s %11s  %10s .. %10s  %6.1f MB\n", l, time(median[l]), time(low[l]), time(high[l]), rss[l] / 1024
            }
            n = split(pairs, p, "|")
            for (i = 1; i + 2 <= n; i += 3) {
                if (!(p[i] in median) || !(p[i + 1] in median)) continue
                limit = p[i + 2]
                if (sub(/^x/, "", limit)) {
                    ratio = median[p[i + 1]] / median[p[i]]
                    printf "  %-62s %6.2f times as fast (target >= %s%s)\n", p[i] " beside " p[i + 1], ratio, limit, (ratio >= limit + 0 ? "" : ": MISSED")
                } else {
                    ratio = median[p[i]] / median[p[i + 1]]
                    printf "  %-62s %6.2f  (target <= %s%s)\n", p[i] " / " p[i + 1], ratio, limit, ratio <= limit ? "" : ": MISSED"
                }
            }
        }'
}

# filesystem PATH: its type
filesystem() {
    df -T "$1" | awk 'NR == 2 { print $2 }'
}

echo "chrondb $("$chrondb" --version | awk '{ print $NF }'), $(date -u +%Y-%m-%d)"
echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) processors, Linux $(uname -r), $(filesystem "$dir")"
if [ -n "$have_git" ]; then git --version; else echo "git: not installed, its rows are missing"; fi
if [ -n "$have_sqlite" ]; then echo "sqlite3 $(sqlite3 --version | cut -d' ' -f1)"; else echo "sqlite3: not installed, its rows are missing"; fi
echo "$runs runs each, in turn; whole processes; warm page cache"
