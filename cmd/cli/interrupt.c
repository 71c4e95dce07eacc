/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { SIGNALS = 2 };
static const int signals[SIGNALS] = {SIGINT, SIGTERM};

/* A signal handler gets no context; so these are global. */
static volatile sig_atomic_t came;
static volatile sig_atomic_t wake_end = -1;

static struct sigaction before[SIGNALS];
static int wake[2] = {-1, -1};
static bool caught;

/* The signal may arrive in any thread, and just before a read begins; so it is not EINTR that ends the waiting, but a
 * byte in a pipe. Only async-signal-safe calls. */
static void note(int signal_number)
{
    int saved = errno;
    came = signal_number;
    for (int i = 0; i < SIGNALS; i++)
        signal(signals[i], SIG_DFL);
    ssize_t written = write((int)wake_end, "", 1);
    (void)written;
    errno = saved;
}

int cli_interrupt_catch(struct cli_error *error)
{
    struct sigaction action = {.sa_handler = note};
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return cli_error_errno(error, NULL, "cannot make a pipe");
    wake_end = wake[1];
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
    caught = true;
    return 0;
}

void cli_interrupt_release(void)
{
    if (!caught)
        return;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
    close(wake[0]);
    close(wake[1]);
    wake[0] = -1;
    caught = false;
}

int cli_interrupt_end(struct cli_error *error, int result, const char *message)
{
    if (result == CHRONDB_EBUSY && cli_interrupted()) {
        cli_error_set(error, CHRONDB_EBUSY, "interrupted", "%s", message);
        result = CLI_INTERRUPTED;
    }
    cli_interrupt_release();
    return result;
}

bool cli_interrupted(void)
{
    return came != 0;
}

bool cli_interrupt_wait(int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
    while (came == 0 && poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return came != 0;
}

int cli_interrupt_fd(void)
{
    return wake[0];
}

void cli_interrupt_die(void)
{
    if (came == 0)
        return;
    signal((int)came, SIG_DFL);
    raise((int)came);
}
