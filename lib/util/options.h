/* Structs of the public header that begin with their size: programs of other versions than ours have longer or shorter
 * ones. */
#ifndef CDB_UTIL_OPTIONS_H
#define CDB_UTIL_OPTIONS_H

#include <stddef.h>

/* Copy the options that a program gave (NULL: none, all zeros) into `out`, our struct of `known` bytes. What an older
 * program does not have is zero. CHRONDB_EUSAGE "usage" if the size cannot be one, or a newer program has set what we
 * do not know; `what` names the struct in the message. */
int cdb_options_read(void *out, size_t known, const void *given, const char *what);

/* May a report be written there? CHRONDB_EUSAGE "usage" if its size cannot be one. */
int cdb_report_check(const void *out, const char *what);
/* Copy our report of `known` bytes into the program's, as far as it goes; its size stays, what we do not know becomes
 * zero. Nothing is written where the size cannot be one. */
void cdb_report_write(void *out, const void *report, size_t known);

#endif
