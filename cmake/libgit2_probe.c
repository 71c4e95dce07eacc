/* SPDX-License-Identifier: MIT
 *
 * What cmake/libgit2.cmake links to learn whether libgit2.a fits lib/store/git2_no_transports.c. */
#include <git2.h>
#include <libdeflate.h>
#include <stddef.h>

int probe(void);

int probe(void)
{
    git_repository *repo = NULL;
    libdeflate_free_compressor(libdeflate_alloc_compressor(1));
    git_libgit2_init();
    git_repository_open_bare(&repo, ".");
    git_repository_free(repo);
    return git_libgit2_shutdown();
}

#ifndef PROBE_SHARED
int main(void)
{
    return probe();
}
#endif
