/* How long a public function waits for a lock: what lock_timeout_ms means. */
#ifndef CDB_DB_WAIT_H
#define CDB_DB_WAIT_H

#define CDB_LOCK_WAIT_MS 30000

/* 0: the default; < 0: not at all. */
static inline int cdb_lock_wait(int lock_timeout_ms)
{
    return lock_timeout_ms == 0 ? CDB_LOCK_WAIT_MS : lock_timeout_ms < 0 ? 0 : lock_timeout_ms;
}

#endif
