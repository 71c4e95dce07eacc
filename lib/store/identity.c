/* SPDX-License-Identifier: MIT */
#include "store/identity.h"

#include <fcntl.h>
#include <git2.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/key.h"
#include "store/objects.h"
#include "util/error.h"
#include "util/fs.h"

#define CONFIG_MAX ((size_t)4 << 20)

static bool is_crud(char c) /* what git strips from both ends of a name */
{
    return (unsigned char)c <= 32 || strchr(".,:;<>\"\\'", c) != NULL;
}

/* Append without '<', '>', control characters, and crud at the ends. */
static void add_clean(struct cdb_buf *out, const char *text, size_t len)
{
    while (len > 0 && is_crud(*text)) {
        text++;
        len--;
    }
    while (len > 0 && is_crud(text[len - 1]))
        len--;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 32 && text[i] != 127 && text[i] != '<' && text[i] != '>')
            cdb_buf_addc(out, text[i]);
}

int cdb_identity_parse(const char *text, struct cdb_buf *out)
{
    const char *open = strchr(text, '<');
    const char *close = open != NULL ? strchr(open, '>') : NULL;
    size_t start = out->len;
    if (close == NULL || close[1 + strspn(close + 1, " ")] != '\0' ||
        cdb_utf8_check(text, strlen(text)) != strlen(text))
        return cdb_error(CHRONDB_EUSAGE, "invalid_author", "malformed author: expected 'NAME <MAIL>'");
    add_clean(out, text, (size_t)(open - text));
    if (out->len == start)
        return cdb_error(CHRONDB_EUSAGE, "invalid_author", "malformed author: the name before '<' is empty");
    cdb_buf_adds(out, " <");
    add_clean(out, open + 1, (size_t)(close - open - 1));
    cdb_buf_addc(out, '>');
    return cdb_buf_check(out);
}

/* ---- git's configuration ------------------------------------------------------------------------- */

/* Could the file say who the user is? libgit2 looks at a file many times; most files have nothing to tell. */
static bool is_relevant(const char *file)
{
    static const char *const sections[] = {"[user", "[author", "[committer", "[include"};
    struct cdb_buf text = CDB_BUF_INIT;
    bool relevant = false;
    if (cdb_fs_read(AT_FDCWD, file, CONFIG_MAX, &text) == 0)
        for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
            relevant = relevant || strcasestr(cdb_buf_str(&text), sections[i]) != NULL;
    cdb_buf_release(&text);
    return relevant;
}

static void add_file(git_config *config, const char *file, git_config_level_t level)
{
    if (file != NULL && *file != '\0' && is_relevant(file))
        git_config_add_file_ondisk(config, file, level, NULL, 1); /* a file that does not parse tells nothing */
}

static void add_joined(git_config *config, const char *directory, const char *name, git_config_level_t level)
{
    char path[PATH_MAX];
    if (directory == NULL || *directory == '\0')
        return;
    int n = snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (n > 0 && (size_t)n < sizeof(path))
        add_file(config, path, level);
}

static bool env_is_true(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

static git_config *open_config(const char *repository)
{
    git_config *config = NULL;
    if (git_config_new(&config) != 0)
        return NULL;
    const char *system = getenv("GIT_CONFIG_SYSTEM"), *global = getenv("GIT_CONFIG_GLOBAL");
    if (!env_is_true("GIT_CONFIG_NOSYSTEM"))
        add_file(config, system != NULL ? system : "/etc/gitconfig", GIT_CONFIG_LEVEL_SYSTEM);
    if (global != NULL) {
        add_file(config, global, GIT_CONFIG_LEVEL_GLOBAL);
    } else {
        const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        if (xdg != NULL && *xdg != '\0')
            add_joined(config, xdg, "git/config", GIT_CONFIG_LEVEL_XDG);
        else
            add_joined(config, home, ".config/git/config", GIT_CONFIG_LEVEL_XDG);
        add_joined(config, home, ".gitconfig", GIT_CONFIG_LEVEL_GLOBAL);
    }
    add_joined(config, repository, "config", GIT_CONFIG_LEVEL_LOCAL);
    return config;
}

/* The first that is set: a variable of the environment, a key of the role, a key of the user. */
static void add_part(struct cdb_buf *out, git_config *config, const char *variable, const char *role_key,
                     const char *user_key)
{
    const char *value = getenv(variable);
    git_buf text = {NULL, 0, 0};
    if (value == NULL || *value == '\0') {
        value = NULL;
        if (config != NULL && (git_config_get_string_buf(&text, config, role_key) == 0 ||
                               git_config_get_string_buf(&text, config, user_key) == 0))
            value = text.ptr;
    }
    if (value != NULL && cdb_utf8_check(value, strlen(value)) == strlen(value))
        add_clean(out, value, strlen(value));
    git_buf_dispose(&text);
}

static void add_default_mail(struct cdb_buf *out)
{
    char host[256] = "localhost";
    const char *mail = getenv("EMAIL");
    if (mail != NULL && *mail != '\0' && cdb_utf8_check(mail, strlen(mail)) == strlen(mail)) {
        add_clean(out, mail, strlen(mail));
        return;
    }
    gethostname(host, sizeof(host) - 1);
    cdb_buf_adds(out, "chrondb@");
    add_clean(out, host, strlen(host));
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && *value != '\0';
}

/* The variables and configuration keys of a role. */
struct role {
    const char *name_variable, *mail_variable, *name_key, *mail_key;
};

static const struct role author_role = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "author.name", "author.email"};
static const struct role committer_role = {"GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "committer.name",
                                           "committer.email"};

static bool needs_config(const struct role *role)
{
    return !is_set(role->name_variable) || !is_set(role->mail_variable);
}

static void add_identity(struct cdb_buf *out, git_config *config, const struct role *role)
{
    size_t start = out->len;
    add_part(out, config, role->name_variable, role->name_key, "user.name");
    if (out->len == start)
        cdb_buf_adds(out, "chrondb");
    cdb_buf_adds(out, " <");
    start = out->len;
    add_part(out, config, role->mail_variable, role->mail_key, "user.email");
    if (out->len == start)
        add_default_mail(out);
    cdb_buf_addc(out, '>');
}

int cdb_identity(const char *path, struct cdb_buf *author, struct cdb_buf *committer)
{
    git_config *config = NULL;
    cdb_libgit2_start();
    if ((author != NULL && needs_config(&author_role)) || needs_config(&committer_role))
        config = open_config(path);
    if (author != NULL)
        add_identity(author, config, &author_role);
    add_identity(committer, config, &committer_role);
    git_config_free(config);
    return author != NULL && author->failed ? cdb_error_memory() : cdb_buf_check(committer);
}
