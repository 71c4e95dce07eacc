#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Functions that cannot be used safely are not used at all.
set -eu
cd "$(dirname "$0")/.."

banned='strcpy|stpcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|gets|atoi|atol|atoll|atof|alloca|tmpnam|mktemp'
# A call, not part of a longer name; comments may speak of them.
if find lib cmd -name '*.[ch]' ! -path 'lib/bindings/*' -exec grep -HnE "(^|[^[:alnum:]_])($banned)[[:space:]]*\(" {} + |
    grep -vE '^[^:]*:[0-9]*:[[:space:]]*(/?\*|//)'; then
    echo "banned: the calls above"
    exit 1
fi
