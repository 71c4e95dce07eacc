/* SPDX-License-Identifier: MIT
 *
 * A libgit2 without a network. A command of ours lives for a millisecond, and git_libgit2_init() alone takes ten of
 * them when TLS is linked in: it parses all of the system's certificates. We never speak to a server (clone, fetch and
 * push go through the git program), so these definitions take the place of libgit2.a's own. The linker meets them
 * first and never pulls the archive members with TLS, SSH, HTTP and sockets, nor the libraries behind them.
 *
 * The names are internal to libgit2 and differ between its versions and configurations: cmake/libgit2.cmake tries
 * whether they fit, and uses the shared libgit2, without this file, if they do not.
 */
#include <git2.h>
#include <git2/sys/stream.h>
#include <git2/sys/transport.h>
#include <stdbool.h>

/* What an internal header of libgit2 declares, we declare here. */
extern bool git_http__expect_continue;
int git_mbedtls_stream_global_init(void);
int git_mbedtls_stream_new(git_stream **out, const char *host, const char *port);
int git_mbedtls_stream_wrap(git_stream **out, git_stream *in, const char *host);
int git_mbedtls__set_cert_location(const char *file, const char *path);
int git_transport_ssh_global_init(void);

bool git_http__expect_continue = false;

/* git_libgit2_init() calls these two; they succeed by doing nothing. */
int git_mbedtls_stream_global_init(void)
{
    return 0;
}

int git_transport_ssh_global_init(void)
{
    return 0;
}

static int no_network(void)
{
    git_error_set_str(GIT_ERROR_NET, "this libgit2 was linked without a network");
    return -1;
}

int git_mbedtls_stream_new(git_stream **out, const char *host, const char *port)
{
    (void)out;
    (void)host;
    (void)port;
    return no_network();
}

int git_mbedtls_stream_wrap(git_stream **out, git_stream *in, const char *host)
{
    (void)out;
    (void)in;
    (void)host;
    return no_network();
}

int git_mbedtls__set_cert_location(const char *file, const char *path)
{
    (void)file;
    (void)path;
    return no_network();
}

int git_transport_ssh_with_paths(git_transport **out, git_remote *owner, void *payload)
{
    (void)out;
    (void)owner;
    (void)payload;
    return no_network();
}

int git_smart_subtransport_http(git_smart_subtransport **out, git_transport *owner, void *param)
{
    (void)out;
    (void)owner;
    (void)param;
    return no_network();
}

int git_smart_subtransport_git(git_smart_subtransport **out, git_transport *owner, void *param)
{
    (void)out;
    (void)owner;
    (void)param;
    return no_network();
}

int git_smart_subtransport_ssh(git_smart_subtransport **out, git_transport *owner, void *param)
{
    (void)out;
    (void)owner;
    (void)param;
    return no_network();
}
