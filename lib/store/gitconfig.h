/* The text of a git configuration file: read piece by piece, and changed in one variable while all else keeps its
 * bytes. Nothing here touches a file.
 *
 * Syntax source: git-config(1), CONFIGURATION FILE, and what git itself accepts (config.c, git_parse_source): white
 * space is blank, tab, newline and carriage return; a carriage return before a newline is a part of it; the last line
 * needs no newline. Includes are variables like others; they are not followed. */
#ifndef CDB_STORE_GITCONFIG_H
#define CDB_STORE_GITCONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

enum cdb_gitconfig_kind { CDB_GITCONFIG_SECTION, CDB_GITCONFIG_VARIABLE };

/* A walk over the pieces of a text. The text must outlive it. Begin with _open, end with _release. */
struct cdb_gitconfig {
    const char *text;
    size_t len, at;
    size_t line; /* of `at`, from 1 */

    /* The last piece. `name` is how git calls it: "core.bare"; "chrondb.search" of a section [chrondb "search"]: the
     * section and the variable in lower case, the subsection as it stands. `value` may hold any byte; it is empty for a
     * variable without '='. The piece is text[start, end): a variable with the rest of its line (the newline too), but
     * without what stands before it; a section's header with the rest of its line if no variable follows there. */
    enum cdb_gitconfig_kind kind;
    size_t start, end;
    struct cdb_buf name, value;
    struct cdb_buf section; /* the one that the walk is in */
};

void cdb_gitconfig_open(struct cdb_gitconfig *walk, const char *text, size_t len);
void cdb_gitconfig_release(struct cdb_gitconfig *walk);

/* The next piece: 0; 1 at the end; CHRONDB_EDAMAGED "invalid_config" where git would complain of a bad line (`line`
 * tells which one); CHRONDB_ESYSTEM without memory. After anything but 0 the walk is over. */
int cdb_gitconfig_next(struct cdb_gitconfig *walk);

/* Is the last piece of that kind, with that name? */
bool cdb_gitconfig_is(const struct cdb_gitconfig *walk, enum cdb_gitconfig_kind kind, const char *name, size_t len);

/* The value of a variable, by git's name for it ("chrondb.search.language", spelled as `name` above); the last one
 * counts. It replaces the content of `value`. 0; 1 if there is none; or an error of _next. */
int cdb_gitconfig_get(const char *text, size_t len, const char *name, struct cdb_buf *value);

/* Append the text with the variable set to `value` (NULL: removed) exactly once. Where it stood several times the last
 * one stays. A new one goes behind the others of its section, or into a new section at the end; a section that loses
 * its last variable, and holds no comment, goes too. The name must be one of ours: letters, digits, '-' and dots.
 * `found` tells how often it stood there before. 0, or an error of _next (then `out` is not to be used). */
int cdb_gitconfig_edit(const char *text, size_t len, const char *name, const char *value, struct cdb_buf *out,
                       size_t *found);

#endif
