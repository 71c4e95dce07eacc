/* Work that yields to everybody, and keeps nobody waiting: a thread of the lowest priority that holds a lock gets no
 * processor while others are busy, and neither does who waits for that lock then. So the work has a thread of its own
 * with that priority, and what others wait for is done by the thread that asked for the work, with its priority (which
 * could not be raised again). Where threads have no priorities of their own, the work just does not yield. */
#ifndef CDB_UTIL_BACKGROUND_H
#define CDB_UTIL_BACKGROUND_H

/* Run `work` at the lowest priority; returns what it returns, with its error as the caller's. Where no thread can be
 * had, it is run all the same. */
int cdb_background(int (*work)(void *context), void *context);

/* From `work`: run this at the priority of who asked for the work; from elsewhere: call it. */
int cdb_urgent(int (*work)(void *context), void *context);

#endif
