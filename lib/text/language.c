/* SPDX-License-Identifier: MIT */
#include "text/language.h"

#include <libstemmer.h>
#include <pthread.h>
#include <string.h>

#define NAMES_MAX 128

/* libstemmer's own list lacks "none", and which languages there are is known only when the program runs. */
static const char *names[NAMES_MAX + 1];

static void collect(void)
{
    size_t n = 0;

    names[n++] = "none";
    for (const char **stemmer = sb_stemmer_list(); *stemmer != NULL && n < NAMES_MAX; stemmer++)
        names[n++] = *stemmer;
}

const char *const *cdb_language_names(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, collect);
    return names;
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

bool cdb_language_find(struct cdb_language *out, const char *name)
{
    static const char *const eliding[] = {"catalan", "french", "irish", "italian", "turkish", NULL};

    *out = (struct cdb_language){
        .stems = strcmp(name, "none") != 0,
        .elides = is_one_of(name, eliding),
        .turkish = strcmp(name, "turkish") == 0,
        .romanian = strcmp(name, "romanian") == 0,
    };
    return is_one_of(name, cdb_language_names());
}
