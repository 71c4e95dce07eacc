/* Small things that arrays, names and clocks need everywhere. */
#ifndef CDB_UTIL_ARRAY_H
#define CDB_UTIL_ARRAY_H

#include <stddef.h>
#include <stdint.h>

/* Make room for one item more in an array that holds `count`: `list` points to the pointer, `room` is in items and
 * doubles. 0, or CHRONDB_ESYSTEM with the error set and the array as it was. */
int cdb_array_grow(void *list, size_t *room, size_t count, size_t item_size);

/* The order of bytes, a prefix first: <0, 0, >0. */
int cdb_bytes_compare(const char *a, size_t a_len, const char *b, size_t b_len);

/* FNV-1a (Fowler, Noll, Vo), 64 bits. For tables in memory, not against adversaries. */
uint64_t cdb_bytes_hash(const char *text, size_t len);

/* Milliseconds of a clock that never jumps. */
int64_t cdb_monotonic_ms(void);

#endif
