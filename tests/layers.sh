#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Includes point down only. A line here is: a directory, and what its files may include beside themselves.
set -eu
cd "$(dirname "$0")/.."

rules='lib/util:
lib/text:util
lib/doc:util
lib/store:doc util
lib/index:text doc util
lib/query:index text doc util
lib/db:store query index text doc util
lib/bindings/graal:doc util'
failed=0

# includes DIR: "FILE:INCLUDED" for each #include "..." in it, without the public header, which everybody may see
includes() {
    find "$1" -name '*.[ch]' -exec grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' {} + |
        sed -E 's/^([^:]*):[^"]*"([^"]*)".*/\1:\2/' | grep -v ':chrondb\.h$' || true
}

violation() {
    echo "layers: $1 must not include \"$2\" ($3)"
    failed=1
}

for dir in lib/*/ lib/bindings/graal/; do
    dir=${dir%/}
    module=${dir#lib/}
    [ "$module" != bindings ] || continue
    if ! echo "$rules" | grep -q "^$dir:"; then
        echo "layers: $dir has no rule in tests/layers.sh"
        failed=1
        continue
    fi
    allowed=$(echo "$rules" | sed -n "s|^$dir:||p")
    found=$(includes "$dir")
    for line in $found; do
        file=${line%%:*}
        header=${line#*:}
        case $header in
        */*) from=${header%/*} ;;
        *) from=$module ;; # beside the file
        esac
        case " $module $allowed " in
        *" $from "*) [ -f "lib/$header" ] || [ -f "$dir/$header" ] || violation "$file" "$header" "there is no such file" ;;
        *) violation "$file" "$header" "lib/$module may see: ${allowed:-nothing}" ;;
        esac
    done
done

# The program is a client of the public header, like any other.
found=$(includes cmd)
for line in $found; do
    file=${line%%:*}
    header=${line#*:}
    case $header in
    cli/*) [ -f "cmd/$header" ] || violation "$file" "$header" "there is no such file" ;;
    */*) violation "$file" "$header" "cmd sees chrondb.h and cmd" ;;
    *) [ -f "cmd/$header" ] || [ -f "$(dirname "$file")/$header" ] ||
        violation "$file" "$header" "cmd sees chrondb.h and cmd" ;;
    esac
done
if find cmd -name '*.[ch]' -exec grep -lE '#[[:space:]]*include[[:space:]]*<(git2|zlib|libdeflate)' {} + | grep .; then
    echo "layers: cmd uses the library only"
    failed=1
fi

# Git is the business of lib/store.
if find lib cmd -name '*.[ch]' ! -path 'lib/store/*' -exec grep -lE '#[[:space:]]*include[[:space:]]*[<"]git2' {} + |
    grep .; then
    echo "layers: only lib/store may include git2.h"
    failed=1
fi
exit $failed
