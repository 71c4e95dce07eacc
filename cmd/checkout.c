/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#define UNTABLED "_" /* the directory of the keys without a table */

struct checkout {
    struct cli *cli;
    const char *path;
    int root;
    int untabled;         /* the directory of the keys without a table, or -1: none yet */
    int table;            /* the directory of the table that came last; keys come table by table */
    struct cli_text name; /* its name */
    chrondb_buffer key_path;
    struct cli_text where; /* of the file that is written, for errors */
    struct cli_progress progress;
    uint64_t files, bytes;
};

/* ---- the directory ---- */

static int make_parents(struct cli *cli, const char *path)
{
    struct cli_text parent = {0};
    int result = 0;
    for (size_t size = 1; result == 0 && path[size - 1] != '\0'; size++) {
        if (path[size] != '/')
            continue;
        cli_text_clear(&parent);
        cli_text_add(&parent, path, size);
        const char *name = cli_text_string(&parent);
        if (parent.failed)
            result = cli_error_memory(&cli->error);
        else if (mkdir(name, 0777) != 0 && errno != EEXIST)
            result = cli_error_errno(&cli->error, name, "cannot make the directory '%s'", name);
    }
    cli_text_release(&parent);
    return result;
}

static int check_empty(struct checkout *to)
{
    struct cli_error *error = &to->cli->error;
    int fd = openat(to->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    int result = 0;
    if (dir == NULL) {
        result = cli_error_errno(error, to->path, "cannot read the directory '%s'", to->path);
        if (fd >= 0)
            close(fd);
        return result;
    }
    while (result == 0 && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = cli_error_usage(error, "cannot check out into '%s': it is not empty", to->path);
    closedir(dir);
    return result;
}

static int open_root(struct checkout *to)
{
    struct cli_error *error = &to->cli->error;
    if (*to->path == '\0')
        return cli_error_usage(error, "the directory's name is empty");
    if (mkdir(to->path, 0777) != 0 && errno == ENOENT) {
        int result = make_parents(to->cli, to->path);
        if (result != 0)
            return result;
        (void)mkdir(to->path, 0777); /* if it fails, so will opening */
    }
    to->root = open(to->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to->root < 0 && errno == ENOTDIR)
        return cli_error_usage(error, "cannot check out into '%s': it is not a directory", to->path);
    if (to->root < 0)
        return cli_error_errno(error, to->path, "cannot open the directory '%s'", to->path);
    return check_empty(to);
}

/* ---- files ---- */

/* What a name could not be made for. A name that is there already is another key's: we began with nothing. */
static int cannot_make(struct checkout *to, const char *what)
{
    const char *where = cli_text_string(&to->where);
    if (errno != EEXIST)
        return cli_error_errno(&to->cli->error, where, "cannot make the %s '%s'", what, where);
    cli_error_errno(&to->cli->error, where, "cannot make the %s '%s', which this file system takes for another one",
                    what, where);
    return to->cli->error.code;
}

static int make_directory(struct checkout *to, const char *name)
{
    int fd = -1;
    cli_text_clear(&to->where);
    cli_text_addf(&to->where, "%s/%s", to->path, name);
    if (mkdirat(to->root, name, 0777) == 0)
        fd = openat(to->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        cannot_make(to, "directory");
    return fd;
}

/* The directory of a table; -1 after an error. */
static int table_directory(struct checkout *to, const char *name)
{
    if (strcmp(name, UNTABLED) == 0) { /* its keys stand between all the others */
        if (to->untabled < 0)
            to->untabled = make_directory(to, name);
        return to->untabled;
    }
    if (to->table >= 0 && strcmp(cli_text_string(&to->name), name) == 0)
        return to->table;
    if (to->table >= 0)
        close(to->table);
    cli_text_clear(&to->name);
    cli_text_add(&to->name, name, strlen(name));
    to->table = make_directory(to, name);
    return to->table;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return false;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* `table`, `file`: the two parts of the key's path. */
static int write_file(struct checkout *to, const char *table, const char *file, const chrondb_entry *entry)
{
    int directory = table_directory(to, table);
    if (directory < 0)
        return to->cli->error.code;
    cli_text_clear(&to->where);
    cli_text_addf(&to->where, "%s/%s/%s", to->path, table, file);
    int fd = openat(directory, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot_make(to, "file");
    bool written = write_all(fd, entry->value, entry->value_size);
    int number = errno;
    if (close(fd) != 0 && written) {
        written = false;
        number = errno;
    }
    errno = number;
    if (!written)
        return cli_error_errno(&to->cli->error, cli_text_string(&to->where), "cannot write '%s'",
                               cli_text_string(&to->where));
    to->files++;
    to->bytes += entry->value_size;
    return 0;
}

static int write_document(struct checkout *to, const chrondb_entry *entry)
{
    int result = chrondb_key_path(entry->key, &to->key_path);
    if (result != 0)
        return result;
    char *slash = strchr(to->key_path.data, '/');
    *slash = '\0';
    return write_file(to, to->key_path.data, slash + 1, entry);
}

static int write_documents(struct checkout *to, chrondb_snapshot *snapshot, const char *prefix)
{
    chrondb_range range = {.size = sizeof range, .prefix = prefix};
    chrondb_list *list = NULL;
    chrondb_entry entry;
    int result = cli_interrupt_catch(&to->cli->error);
    cli_progress_start(&to->progress, to->cli, "files", 0);
    if (result == 0)
        result = chrondb_list_open(&list, snapshot, &range);
    while (result == 0 && (result = chrondb_list_next(list, &entry)) == 0) {
        result = cli_interrupted() ? CLI_INTERRUPTED : write_document(to, &entry);
        cli_progress_update_bytes(&to->progress, to->files, to->bytes);
    }
    cli_progress_stop(&to->progress);
    chrondb_list_free(list);
    cli_interrupt_release();
    return result == CHRONDB_END ? 0 : result;
}

/* ---- the command ---- */

/* Nothing is taken back: who asked may want what is there. */
static int tell_rest(struct checkout *to, int result)
{
    struct cli_error *error = &to->cli->error;
    if (result == CLI_INTERRUPTED)
        cli_error_set(error, CHRONDB_EBUSY, "interrupted", "interrupted");
    cli_error_adopt(error);
    if (to->root >= 0 && to->files > 0)
        cli_text_addf(&error->message, "; %" PRIu64 " file%s in '%s'", to->files, to->files == 1 ? " is" : "s are",
                      to->path);
    return result;
}

static int print_report(struct checkout *to, const chrondb_snapshot *snapshot)
{
    struct cli_output *out = to->cli->out;
    cli_output_kind(out, CLI_ONE, "commit");
    cli_output_begin(out);
    cli_output_number(out, "files", to->files);
    cli_output_number(out, "bytes", to->bytes);
    cli_output_commit(out, "commit", chrondb_snapshot_commit(snapshot));
    return cli_output_end(out);
}

static void release(struct checkout *to)
{
    if (to->table >= 0)
        close(to->table);
    if (to->untabled >= 0)
        close(to->untabled);
    if (to->root >= 0)
        close(to->root);
    cli_text_release(&to->where);
    cli_text_release(&to->name);
    chrondb_buffer_free(&to->key_path);
}

int cmd_checkout(struct cli *cli, int argc, char **argv)
{
    struct checkout to = {.cli = cli, .root = -1, .untabled = -1, .table = -1};
    const char *when = NULL;
    const struct cli_option options[] = {
        {.string = &when, .name = "at", .argument = "WHEN", .help = "what there was then"},
        CLI_OPTION_END,
    };
    struct cli_args args;
    chrondb_snapshot *snapshot = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0)
        result = cli_snapshot(cli, when, &snapshot);
    if (result == 0) {
        to.path = args.values[0];
        result = open_root(&to);
    }
    if (result == 0) {
        result = write_documents(&to, snapshot, args.count > 1 ? args.values[1] : NULL);
        result = result == 0 ? print_report(&to, snapshot) : tell_rest(&to, result);
    }
    release(&to);
    chrondb_snapshot_free(snapshot);
    return result;
}
