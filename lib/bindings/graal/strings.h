/* The strings that clients were given. Some give every one back, some none at all; neither may leak without bound, or
 * do harm by giving back twice, or what was never theirs.
 *
 * A client that has given back any is one that does: its strings are kept until they are, or until its isolate ends. Of
 * other clients' strings, while STRINGS_LIMIT bytes are out, each thread keeps the last STRINGS_KEPT that it was given:
 * they copy a string before they ask for many more. Safe for threads. */
#ifndef GRAAL_STRINGS_H
#define GRAAL_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

#define STRINGS_LIMIT ((size_t)32 << 20)
#define STRINGS_KEPT  16

struct string;

/* Those of one isolate. All zeros is none. */
struct string_pool {
    struct string *newest;
    bool gives_back;
};

/* A copy of the text, NUL-terminated, the client's; NULL without memory. */
char *strings_give(struct string_pool *pool, const char *text, size_t len);
/* What is none, or is no more, is left alone. */
void strings_take_back(const char *text);
/* Around a fork: nobody else is in the midst of it. */
void strings_lock(void);
void strings_unlock(void);
/* The end of all of a pool's strings. */
void strings_release(struct string_pool *pool);

#endif
