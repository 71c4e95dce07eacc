/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a segment of words, as they are and with all checksums put right: every question about it ends, within
 * its bytes, with an answer or with the word that it is damaged; and so does merging it. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "index/files.h"
#include "index/ft_merge.h"
#include "unit/support/words_ask.h"

static void hear(void *context, uint64_t value)
{
    *(uint64_t *)context += value;
}

static void hear_damaged(void *context)
{
    ++*(uint64_t *)context;
}

/* With itself, which may only work if it is empty; alone, and with half of it. */
static void merge(struct cdb_ft_segment *segment, int dir)
{
    uint32_t docs = cdb_ft_docs(segment);
    uint64_t *keep = malloc(((size_t)docs / 64 + 1) * sizeof(uint64_t));
    struct cdb_ft_source sources[2] = {{segment, NULL}, {segment, NULL}};
    struct cdb_ft_merged merged;
    char name[CDB_FILE_NAME_SIZE];

    if (keep == NULL)
        abort();
    memset(keep, 0x55, ((size_t)docs / 64 + 1) * sizeof(uint64_t));
    for (int way = 0; way < 3; way++) {
        int result;

        sources[0].keep = way == 1 ? keep : NULL;
        result = cdb_ft_merge(sources, way == 2 ? 2 : 1, dir, NULL, NULL, &merged, NULL);
        if (result == 0) {
            cdb_file_numbered(name, merged.number, CDB_FILE_TEXT);
            if (unlinkat(dir, name, 0) != 0)
                abort();
        } else if (result != CHRONDB_EDAMAGED) {
            abort();
        }
    }
    free(keep);
}

static void try(const unsigned char *data, size_t len, int dir)
{
    uint64_t heard = 0;
    const struct words_ear ear = {hear, hear, hear_damaged, &heard};
    struct cdb_ft_segment *segment;
    int result = cdb_ft_segment_view(&segment, data, len);

    if (result != 0 && result != CHRONDB_EDAMAGED)
        abort();
    if (result != 0)
        return;
    ask_all(&ear, segment);
    merge(segment, dir);
    cdb_ft_segment_close(segment);
}

static char scratch[] = "/tmp/chrondb-fuzz-XXXXXX";

static void remove_scratch(void)
{
    rmdir(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int dir = -1;
    unsigned char *copy = malloc(size > 0 ? size : 1);

    if (dir < 0 && (mkdtemp(scratch) == NULL || atexit(remove_scratch) != 0))
        abort();
    dir = dir < 0 ? open(scratch, O_RDONLY | O_DIRECTORY) : dir;
    if (dir < 0 || copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    try(copy, size, dir);
    repair_checksums(copy, size);
    try(copy, size, dir);
    free(copy);
    return 0;
}
