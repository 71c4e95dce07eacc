/* Named fault points of the write path, for crash tests. Without CHRONDB_TEST_HOOKS they compile to nothing. With it,
 * $CHRONDB_TEST_FAULT="NAME" or "NAME:N" kills the process (SIGKILL) when the point is reached for the N-th time, and
 * "NAME@stop" stops it there (SIGSTOP) so that a test can look at the files. $CHRONDB_TEST_FAULT_LOG names a file that
 * gets a line for every point reached. */
#ifndef CDB_UTIL_FAULT_H
#define CDB_UTIL_FAULT_H

#ifdef CHRONDB_TEST_HOOKS
void cdb_fault_reached(const char *name);
#define CDB_FAULT(name) cdb_fault_reached(name)
#else
#define CDB_FAULT(name) ((void)0)
#endif

#endif
