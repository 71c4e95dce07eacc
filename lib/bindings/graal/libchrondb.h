/* SPDX-License-Identifier: MIT
 *
 * libchrondb.h: the C interface of ChronDB's GraalVM library, answered by chrondb.
 *
 * It is for programs and bindings made for that library: they run unmodified with the libchrondb.so beside this header
 * (CHRONDB_LIB_PATH, CHRONDB_LIB_DIR). New programs take chrondb.h, which can do all that chrondb can.
 *
 * CONVENTIONS
 *
 * Thread.   An isolate thread (graal_isolate.h). Calls may come from any thread of the process.
 *
 * Handle.   What chrondb_open returned, in the same isolate.
 *
 * Branch.   NULL or "" is the default branch. A put to a branch that is not there makes it, empty but for the document;
 *           all other functions find nothing there.
 *
 * Id.       A key: UTF-8, "table:name" or without a colon.
 *
 * Strings.  In and out they are UTF-8 with a NUL at the end. A string that a function returns is to be given to
 *           chrondb_free_string. Who never frees any, as Python's ctypes does where it copies them at once, leaks
 *           nothing without bound: while 32 MiB are out in an isolate of that kind, a string goes when the same thread
 *           has got 16 more of them. From the first one that is freed on, the isolate's strings are the client's until
 *           they are freed, or the isolate is torn down.
 *
 * Objects.  Documents are JSON objects with a member "id", which put sets to the id; where a document that came another
 *           way (the chrondb command, a merge) has none, those who read it see one all the same. What plain git has
 *           committed that is not JSON at all fails to be read, listed too; the error tells its id.
 *
 * Errors.   A function that fails returns NULL or -1, and chrondb_last_error tells why, with context. Nothing that is
 *           given, NULL, a wrong handle, a thread of no isolate, what is not UTF-8 or JSON, does any harm.
 */
#ifndef LIBCHRONDB_H
#define LIBCHRONDB_H

#include "graal_isolate.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Open the database at `data_path`; make it, and the directories above it, if there is nothing yet. `index_path` is
 * where the derived index goes; NULL or "": into the database. A handle >= 0, or -1. Paths that are open already, by
 * whatever spelling, share one database; each handle is closed on its own. */
int chrondb_open(graal_isolatethread_t *thread, const char *data_path, const char *index_path);

/* 0, or -1: there is no such handle. Calls that other threads are in with it end well. */
int chrondb_close(graal_isolatethread_t *thread, int handle);

/* Store a JSON object, durable when it returns: the document as it is stored, with its "id"; or NULL. */
char *chrondb_put(graal_isolatethread_t *thread, int handle, const char *id, const char *json_doc, const char *branch);

/* The document; NULL: there is none (then chrondb_last_error gives NULL), or it failed. */
char *chrondb_get(graal_isolatethread_t *thread, int handle, const char *id, const char *branch);

/* 0: deleted. 1: it was not there. -1: failed. */
int chrondb_delete(graal_isolatethread_t *thread, int handle, const char *id, const char *branch);

/* An array of the documents whose ids start with `prefix`, or that are in `table` ("": that are in none), in the order
 * of their ids' bytes. */
char *chrondb_list_by_prefix(graal_isolatethread_t *thread, int handle, const char *prefix, const char *branch);
char *chrondb_list_by_table(graal_isolatethread_t *thread, int handle, const char *table, const char *branch);

/* An array of what the document was, newest first: objects with "commit-id", "commit-time" (RFC 3339),
 * "commit-message", "committer-name", "committer-email", "document". Deletions are not among them. Empty, if it never
 * was. */
char *chrondb_history(graal_isolatethread_t *thread, int handle, const char *id, const char *branch);

/* A query in JSON, as chrondb-query(7) tells: {"clauses":[...],"sort":[...],"limit":N,"offset":N}, at most 100 results
 * unless it says otherwise. {"results":[documents],"total":N,"limit":N,"offset":N}; the total is exact. A "branch" in
 * the query counts where the argument is NULL. */
char *chrondb_query(graal_isolatethread_t *thread, int handle, const char *query_json, const char *branch);

/* Give back a string. What is NULL, or none of ours, or was given back before, is left alone. */
void chrondb_free_string(graal_isolatethread_t *thread, char *string);

/* Why the calling thread's last call in this isolate failed, never empty; NULL: it did not. */
char *chrondb_last_error(graal_isolatethread_t *thread);

#if defined(__cplusplus)
}
#endif
#endif
