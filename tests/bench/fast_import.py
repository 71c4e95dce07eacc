# SPDX-License-Identifier: MIT
"""Lines of `chrondb import` on standard input, a stream for git fast-import on standard output: a commit for each line,
the same documents at the same times.

    fast_import.py plain|fan      user/1.json, or user/7a/1.json by the SHA-1 of the id: a fan-out of 256
"""
import datetime
import hashlib
import json
import sys

fan = sys.argv[1] == "fan"
out = sys.stdout.buffer
parent = False
for line in sys.stdin.buffer:
    record = json.loads(line)
    # The document's very text: the last member of the line.
    mark = line.index(b'"value":') + len(b'"value":')
    value = line[mark:line.rindex(b"}")].strip()
    table, name = record["key"].split(":", 1)
    seconds = 1700000000
    if "time" in record:
        seconds = int(datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp())
    between = hashlib.sha1(name.encode()).hexdigest()[:2] + "/" if fan else ""
    message = ("put " + record["key"]).encode()
    out.write(b"commit refs/heads/main\ncommitter bench <bench@example.org> %d +0000\ndata %d\n%s\n" % (
        seconds, len(message), message))
    out.write(b"M 644 inline %s/%s%s.json\ndata %d\n%s\n" % (
        table.encode(), between.encode(), name.encode(), len(value), value))
