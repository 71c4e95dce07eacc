#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/lint.sh: layout, two static analysers, and the manual pages. A tool that is missing is told; all that are
# there must be content. CHRONDB_LINT=deep: clang's path-sensitive analyser too, which takes minutes (its findings are as
# binding; run it before a release and after a change of much code).
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0
checked=0

# have TOOL: is it there?
have() {
    if command -v "$1" >/dev/null; then
        checked=$((checked + 1))
        return 0
    fi
    echo "lint: $1 is not installed; left out"
    return 1
}

# judge TOOL STATUS
judge() {
    if [ "$2" -ne 0 ]; then
        echo "lint: $1 is not content"
        failed=1
    fi
}

sources() {
    find lib cmd -name '*.c' ! -path 'lib/bindings/*' -o -path 'lib/bindings/graal/*.c' | sort
}

if have clang-format; then
    find lib cmd tests cmake -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
    judge clang-format $?
fi

if have cppcheck; then
    # knownConditionTrueFalse and the like are style: -Wextra and clang-tidy see to it.
    # Its own -j leaves a processor idle. ctuuninitvar does not see that what is set and read under one condition is set.
    sources | xargs -P "$(nproc)" -n 16 cppcheck -q --std=c11 --language=c --enable=warning,portability,performance \
        --inline-suppr --error-exitcode=1 -D_GNU_SOURCE -Ilib -Icmd --suppress=missingInclude \
        --suppress=missingIncludeSystem --suppress=ctuuninitvar 2>&1
    judge cppcheck $?
fi

if have clang-tidy; then
    # Its own flags: those that gcc was given are not all known to clang.
    checks=-clang-analyzer-*
    [ "${CHRONDB_LINT:-}" != deep ] || checks=
    sources | CHECKS=$checks xargs -P "$(nproc)" -n 16 sh -c \
        'clang-tidy --quiet --checks="$CHECKS" "$@" -- -std=c11 -D_GNU_SOURCE -Ilib -Icmd 2>/dev/null' sh
    judge clang-tidy $?
fi

# mandoc looks for the pages that ours refer to on this system. Ours are in man/; others may not be installed.
absent_pages() {
    while read -r line; do
        case $line in
        *'referenced manual not found: Xr '*)
            page=${line#*: Xr }
            name=${page%% *}
            section=${page#* }
            section=${section%% *}
            case $name in
            chrondb*) [ -f "man/$name.$section" ] || echo "$line" ;;
            esac
            ;;
        *) echo "$line" ;;
        esac
    done
}

if have mandoc; then
    # Findings go to standard output; standard error complains of this system's database of pages.
    ! find man -name '*.[1-8]' -exec mandoc -T lint -W style {} + 2>/dev/null | absent_pages | grep .
    judge mandoc $?
fi

if [ $checked = 0 ]; then
    exit 77
fi
exit $failed
