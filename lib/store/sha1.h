/* SPDX-License-Identifier: MIT
 * SHA-1 of mbedtls, the library that libgit2 has it from, by the names of its version 3: in version 2 functions with
 * these names have no result, and are deprecated. */
#ifndef CDB_STORE_SHA1_H
#define CDB_STORE_SHA1_H

#include <mbedtls/sha1.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define mbedtls_sha1        mbedtls_sha1_ret
#define mbedtls_sha1_starts mbedtls_sha1_starts_ret
#define mbedtls_sha1_update mbedtls_sha1_update_ret
#define mbedtls_sha1_finish mbedtls_sha1_finish_ret
#endif

#endif
