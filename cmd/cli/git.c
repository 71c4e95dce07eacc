/* SPDX-License-Identifier: MIT */
#include "cli/git.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { LOOK_EVERY_MS = 100, OUT_MAX = 256 << 20, ERR_MAX = 16384, MESSAGE_MAX = 1000, NO_PROGRAM = 127 };
enum { PAUSE_MS = 100, WAIT_MS = 30000 };

/* What it fetched must be durable before a ref says so, and a hostile repository must not put objects into ours that
 * git's own check refuses. Nothing is collected, now or in the background: the database cares for itself. */
static const char *const settings[] = {
    "core.fsync=all",
    "core.fsyncMethod=fsync",
    "fetch.unpackLimit=1",
    "fetch.fsckObjects=true",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "gc.auto=0",
    "maintenance.auto=false",
    "init.defaultBranch=main",
};

enum { SETTINGS = sizeof settings / sizeof *settings };

/* Whoever runs us, perhaps a hook of git's, must not lead git to another repository. What configures git stays. */
static const char *const misleading[] = {
    "GIT_DIR=",
    "GIT_WORK_TREE=",
    "GIT_COMMON_DIR=",
    "GIT_OBJECT_DIRECTORY=",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES=",
    "GIT_INDEX_FILE=",
    "GIT_NAMESPACE=",
    "GIT_PREFIX=",
    "GIT_SHALLOW_FILE=",
    "GIT_QUARANTINE_PATH=",
    "GIT_GRAFT_FILE=",
    "GIT_REPLACE_REF_BASE=",
    "GIT_DEFAULT_HASH=",
    "GIT_DEFAULT_REF_FORMAT=",
    "GIT_TEMPLATE_DIR=",
    "GIT_CONFIG=",
    "GIT_IMPLICIT_WORK_TREE=",
    "GIT_INTERNAL_SUPER_PREFIX=",
    "LC_ALL=",
    "LANGUAGE=",
};

void cli_git_release(struct cli_git *git)
{
    cli_text_release(&git->out);
    cli_text_release(&git->err);
}

/* ---- starting -------------------------------------------------------------------------------------- */

static bool is_misleading(const char *variable)
{
    for (size_t i = 0; i < sizeof misleading / sizeof *misleading; i++)
        if (strncmp(variable, misleading[i], strlen(misleading[i])) == 0)
            return true;
    return false;
}

/* Its words are read, so they are those that it has untranslated. */
static char **make_environment(void)
{
    static char plain_words[] = "LC_ALL=C";
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    char **result = calloc(count + 2, sizeof *result);
    for (size_t i = 0; result != NULL && i < count; i++)
        if (!is_misleading(environ[i]))
            result[kept++] = environ[i];
    if (result != NULL)
        result[kept] = plain_words;
    return result;
}

struct child {
    pid_t pid;
    int out, err;
};

/* Behind the fork, in a process that may have had threads: only async-signal-safe calls. */
static void become_git(const char *const *argv, char **env, const int out[2], const int err[2], pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* git then removes its locks; nobody waits for it any more */
    if (getppid() == parent)
        execvpe("git", (char *const *)(uintptr_t)argv, env);
    int number = errno;
    ssize_t written = write(err[1], &number, sizeof number);
    (void)written;
    _exit(NO_PROGRAM);
}

static int start(struct cli *cli, const char *const *argv, struct child *child)
{
    int out[2], err[2];
    pid_t parent = getpid();
    char **env = make_environment();
    if (env == NULL)
        return cli_error_memory(&cli->error);
    if (pipe2(out, O_CLOEXEC) != 0) {
        free(env);
        return cli_error_errno(&cli->error, NULL, "cannot make a pipe");
    }
    int result = pipe2(err, O_CLOEXEC) == 0 ? 0 : cli_error_errno(&cli->error, NULL, "cannot make a pipe");
    if (result == 0) {
        child->pid = fork();
        if (child->pid == 0)
            become_git(argv, env, out, err, parent);
        close(err[1]);
        if (child->pid < 0) {
            result = cli_error_errno(&cli->error, NULL, "cannot start a process");
            close(err[0]);
        }
    }
    close(out[1]);
    if (result != 0)
        close(out[0]);
    child->out = out[0];
    child->err = err[0];
    free(env);
    return result;
}

/* ---- reading what it says -------------------------------------------------------------------------- */

struct reading {
    struct cli_git *git;
    struct cli_text line; /* of standard error, not at its end yet */
    bool shown;
};

/* What a remote says comes through git as it is: it is made safe for the terminal. */
static void show(const struct cli_text *line, char end)
{
    struct cli_text safe = {0};
    size_t size = line->size;
    while (size > 0 && line->data[size - 1] == ' ') /* git blanks out what stood there before */
        size--;
    cli_text_add_safe(&safe, cli_text_string(line), size);
    if (end == '\r')
        cli_text_adds(&safe, "\033[K");
    cli_text_addc(&safe, end);
    ssize_t written = safe.failed ? 0 : write(STDERR_FILENO, safe.data, safe.size);
    (void)written;
    cli_text_release(&safe);
}

static void take_line(struct reading *in, char end)
{
    struct cli_text *err = &in->git->err;
    if (in->shown)
        show(&in->line, end);
    if (end == '\n' && in->line.size > 0 && err->size + in->line.size < ERR_MAX) {
        cli_text_add(err, in->line.data, in->line.size);
        cli_text_addc(err, '\n');
    }
    cli_text_clear(&in->line);
}

static void take_error(struct reading *in, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n' || data[i] == '\r')
            take_line(in, data[i]);
        else if (in->line.size < ERR_MAX / 2)
            cli_text_addc(&in->line, data[i]);
    }
}

/* Take what is there; at its end the descriptor becomes -1. */
static void take(struct reading *in, int *fd, bool is_error)
{
    char data[4096];
    ssize_t n = read(*fd, data, sizeof data);
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        close(*fd);
        *fd = -1;
    } else if (is_error)
        take_error(in, data, (size_t)n);
    else if (in->git->out.size < OUT_MAX)
        cli_text_add(&in->git->out, data, (size_t)n);
}

/* Whoever inherited its standard error, as an ssh that stays for the next one does, may keep it open for long: when git
 * has ended, what is there is all. */
static void read_all(struct reading *in, struct child *child, int *status)
{
    bool ended = false, told = false;
    while (child->out >= 0 || child->err >= 0) {
        struct pollfd fds[] = {{.fd = child->out, .events = POLLIN}, {.fd = child->err, .events = POLLIN}};
        int ready = poll(fds, 2, ended ? 0 : LOOK_EVERY_MS);
        if (cli_interrupted() && !told) {
            kill(child->pid, SIGTERM);
            told = true;
        }
        if (ready > 0 && fds[0].revents != 0)
            take(in, &child->out, false);
        if (ready > 0 && fds[1].revents != 0)
            take(in, &child->err, true);
        if (ready == 0 && ended)
            break;
        if (ready <= 0 && !ended)
            ended = waitpid(child->pid, status, WNOHANG) == child->pid;
    }
    if (child->out >= 0)
        close(child->out);
    if (child->err >= 0)
        close(child->err);
    while (!ended && waitpid(child->pid, status, 0) < 0 && errno == EINTR)
        if (cli_interrupted() && !told) {
            kill(child->pid, SIGTERM);
            told = true;
        }
}

/* ---- running --------------------------------------------------------------------------------------- */

static bool is_shown(const struct cli *cli)
{
    return !cli->no_progress && (cli->progress || (!cli->quiet && isatty(STDERR_FILENO)));
}

const char *cli_git_progress(const struct cli *cli, const char *otherwise)
{
    return is_shown(cli) ? "--progress" : otherwise;
}

/* Where exec failed, standard error is its errno. */
static int check_started(struct cli *cli, const struct cli_git *git, const struct reading *in)
{
    int number;
    if (git->status != NO_PROGRAM || in->line.size != sizeof number || git->err.size > 0)
        return 0;
    memcpy(&number, in->line.data, sizeof number);
    errno = number;
    if (number == ENOENT || number == EACCES || number == ENOTDIR)
        return cli_error_set(&cli->error, CHRONDB_ESYSTEM, "no_git",
                             "cannot run 'git': it is not in PATH; only what goes to other machines needs it");
    return cli_error_errno(&cli->error, NULL, "cannot run 'git'");
}

static int finish(struct cli *cli, struct cli_git *git, struct reading *in, int status)
{
    git->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    int result = check_started(cli, git, in);
    if (in->line.size > 0)
        take_line(in, '\n');
    if (result == 0 && cli_interrupted()) {
        cli_error_set(&cli->error, CHRONDB_EBUSY, "interrupted", "interrupted");
        result = CLI_INTERRUPTED;
    }
    if (result == 0 && (in->line.failed || git->out.failed || git->err.failed))
        result = cli_error_memory(&cli->error);
    return result;
}

int cli_git_run(struct cli *cli, struct cli_git *git, const char *const *arguments)
{
    struct cli_text directory = {0};
    struct reading in = {.git = git, .shown = git->talks && is_shown(cli)};
    struct child child = {.out = -1, .err = -1};
    size_t count = 0, given = 0;
    int status = 0;
    while (arguments[given] != NULL)
        given++;
    const char **argv = calloc(given + 2 * SETTINGS + 3, sizeof *argv);
    if (argv == NULL)
        return cli_error_memory(&cli->error);
    argv[count++] = "git";
    cli_text_clear(&git->out);
    cli_text_clear(&git->err);
    if (git->repository != NULL) {
        cli_text_addf(&directory, "--git-dir=%s", git->repository);
        argv[count++] = cli_text_string(&directory);
    }
    for (size_t i = 0; i < SETTINGS; i++) {
        argv[count++] = "-c";
        argv[count++] = settings[i];
    }
    memcpy(argv + count, arguments, given * sizeof *argv);
    int result = directory.failed ? cli_error_memory(&cli->error) : cli_interrupt_catch(&cli->error);
    if (result == 0) {
        result = start(cli, argv, &child);
        if (result == 0) {
            read_all(&in, &child, &status);
            result = finish(cli, git, &in, status);
        }
        cli_interrupt_release();
    }
    cli_text_release(&in.line);
    cli_text_release(&directory);
    free(argv);
    return result;
}

static bool said_any(const struct cli_git *git, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cli_git_said(git, words[i]))
            return true;
    return false;
}

/* Does somebody else write there at this very moment? Not where a ref, or the permission, stands in the way for good.
 * If they moved what was to be moved, the next run tells that. */
static bool met_a_lock(const struct cli_git *git)
{
    static const char *const signs[] = {"cannot lock ref", "failed to update ref", "Unable to create",
                                        "incorrect old value provided", "reference already exists"};
    static const char *const lasting[] = {"; cannot create",       "cannot create ref",       "Permission denied",
                                          "Read-only file system", "No space left on device", "reference broken"};
    return git->status != 0 && said_any(git, signs, sizeof signs / sizeof *signs) &&
           !said_any(git, lasting, sizeof lasting / sizeof *lasting);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int cli_git_run_patiently(struct cli *cli, struct cli_git *git, const char *const *arguments)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000};
    int64_t deadline = now_ms() + (cli->lock_timeout_ms < 0 ? WAIT_MS : cli->lock_timeout_ms);
    for (;;) {
        int result = cli_git_run(cli, git, arguments);
        if (result != 0 || !met_a_lock(git) || now_ms() >= deadline)
            return result;
        nanosleep(&pause, NULL);
    }
}

/* ---- errors ---------------------------------------------------------------------------------------- */

bool cli_git_said(const struct cli_git *git, const char *words)
{
    return strstr(cli_text_string(&git->err), words) != NULL || strstr(cli_text_string(&git->out), words) != NULL;
}

static const char *without_prefix(const char *line)
{
    static const char *const prefixes[] = {"fatal: ", "error: "};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(line, prefixes[i], strlen(prefixes[i])) == 0)
            return line + strlen(prefixes[i]);
    return line;
}

/* Its lines become one, in which "; " stands before what git says anew; its hints are about commands of git's. */
static void add_words(struct cli_text *out, const struct cli_git *git)
{
    const char *line = cli_text_string(&git->err);
    size_t start = out->size;
    while (*line != '\0' && out->size - start < MESSAGE_MAX) {
        size_t size = strcspn(line, "\n");
        const char *text = without_prefix(line);
        size_t skipped = (size_t)(text - line);
        if (size > skipped && strncmp(line, "hint:", 5) != 0) {
            cli_text_adds(out, out->size == start ? ": " : skipped > 0 ? "; " : " ");
            cli_text_add(out, text, size - skipped < MESSAGE_MAX ? size - skipped : MESSAGE_MAX);
        }
        line += size + (line[size] == '\n');
    }
    if (out->size == start)
        cli_text_addf(out, ": git ended with status %d and said nothing", git->status);
}

int cli_git_failed(struct cli *cli, const struct cli_git *git, const char *format, ...)
{
    struct cli_text message = {0};
    va_list args;
    va_start(args, format);
    cli_text_vaddf(&message, format, args);
    va_end(args);
    add_words(&message, git);
    int result = cli_error_set(&cli->error, CHRONDB_ESYSTEM, "git_failed", "%s", cli_text_string(&message));
    cli_text_release(&message);
    return result;
}
