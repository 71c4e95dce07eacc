/* SPDX-License-Identifier: MIT */
#include "util/options.h"

#include <stdbool.h>
#include <string.h>

#include "util/error.h"

#define SIZE_LIMIT ((size_t)64 << 10) /* no struct will ever be larger: it was not set */

static size_t size_of(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof(size));
    return size;
}

static bool is_size(size_t size)
{
    return size >= sizeof(size) && size <= SIZE_LIMIT;
}

static int no_size(size_t size, const char *what)
{
    return cdb_error(CHRONDB_EUSAGE, "usage", "%s: size is %zu; set it to sizeof the struct", what, size);
}

int cdb_options_read(void *out, size_t known, const void *given, const char *what)
{
    memset(out, 0, known);
    memcpy(out, &known, sizeof(known));
    if (given == NULL)
        return 0;
    size_t size = size_of(given);
    if (!is_size(size))
        return no_size(size, what);
    const char *bytes = given;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return cdb_error(CHRONDB_EUSAGE, "usage", "%s: set is what this version of the library (%s) does not know",
                             what, CHRONDB_VERSION);
    memcpy(out, given, size < known ? size : known);
    memcpy(out, &known, sizeof(known));
    return 0;
}

int cdb_report_check(const void *out, const char *what)
{
    size_t size = size_of(out);
    return is_size(size) ? 0 : no_size(size, what);
}

void cdb_report_write(void *out, const void *report, size_t known)
{
    size_t size = size_of(out);
    if (!is_size(size))
        return;
    memset(out, 0, size);
    memcpy(out, report, size < known ? size : known);
    memcpy(out, &size, sizeof(size));
}
