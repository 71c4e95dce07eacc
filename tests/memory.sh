#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/memory.sh COMMAND...: run it with its temporary files in memory, if there is room for them. Thousands of
# writes that each wait for a disk take most of the time of the tests, and that a disk is told to keep them is tested
# by tests/crash/power.py. CHRONDB_TEST_DISK=1: on the disk all the same.
free=$(df -kP /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ -z "${CHRONDB_TEST_DISK:-}" ] && [ "${free:-0}" -gt 2000000 ] && [ -w /dev/shm ]; then
    TMPDIR=/dev/shm
    export TMPDIR
fi
exec "$@"
