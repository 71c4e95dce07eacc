/* SPDX-License-Identifier: MIT
 *
 * What differs between languages, beside their stemmers. */
#ifndef CDB_TEXT_LANGUAGE_H
#define CDB_TEXT_LANGUAGE_H

#include <stdbool.h>

struct cdb_language {
    bool stems;
    bool elides;   /* an apostrophe parts words: l'avion, İstanbul'da */
    bool turkish;  /* I is the capital of dotless i */
    bool romanian; /* the stemmer wants letters with cedillas for those with commas */
};

/* False if there is no such language. */
bool cdb_language_find(struct cdb_language *out, const char *name);
/* All names, NULL at the end: static. */
const char *const *cdb_language_names(void);

#endif
