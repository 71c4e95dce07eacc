/* SPDX-License-Identifier: MIT */
#include "store/identity.h"

#include <fcntl.h>
#include <git2.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/gitconfig.h"
#include "store/key.h"
#include "store/libgit2.h"
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

static int malformed(const char *text, const char *why)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, text, strlen(text));
    cdb_error_set(CHRONDB_EUSAGE, "invalid_author", "malformed author %s: %s", cdb_buf_str(&quoted), why);
    cdb_buf_release(&quoted);
    return CHRONDB_EUSAGE;
}

int cdb_identity_parse(const char *text, struct cdb_buf *out)
{
    const char *open = strchr(text, '<');
    const char *close = open != NULL ? strchr(open, '>') : NULL;
    size_t start = out->len;
    if (close == NULL || close[1 + strspn(close + 1, " ")] != '\0' ||
        cdb_utf8_check(text, strlen(text)) != strlen(text))
        return malformed(text, "expected 'NAME <MAIL>'");
    add_clean(out, text, (size_t)(open - text));
    if (out->len == start)
        return malformed(text, "the name before '<' is empty");
    cdb_buf_adds(out, " <");
    add_clean(out, open + 1, (size_t)(close - open - 1));
    cdb_buf_addc(out, '>');
    return cdb_buf_check(out);
}

/* ---- git's configuration ------------------------------------------------------------------------- */

enum setting { AUTHOR_NAME, AUTHOR_MAIL, COMMITTER_NAME, COMMITTER_MAIL, USER_NAME, USER_MAIL, SETTINGS };

static const char *const setting_names[SETTINGS] = {"author.name",     "author.email", "committer.name",
                                                    "committer.email", "user.name",    "user.email"};

struct settings {
    struct cdb_buf values[SETTINGS];
    bool set[SETTINGS];
};

static void settings_release(struct settings *settings)
{
    for (int i = 0; i < SETTINGS; i++)
        cdb_buf_release(&settings->values[i]);
}

static void set(struct settings *settings, int which, const char *value)
{
    cdb_buf_clear(&settings->values[which]);
    cdb_buf_adds(&settings->values[which], value);
    settings->set[which] = true;
}

static int read_plain(struct settings *settings, const struct cdb_buf *text)
{
    struct cdb_gitconfig walk;
    int result;
    cdb_gitconfig_open(&walk, cdb_buf_str(text), text->len);
    while ((result = cdb_gitconfig_next(&walk)) == 0)
        for (int i = 0; i < SETTINGS; i++)
            if (cdb_gitconfig_is(&walk, CDB_GITCONFIG_VARIABLE, setting_names[i], strlen(setting_names[i])))
                set(settings, i, cdb_buf_str(&walk.value));
    cdb_gitconfig_release(&walk);
    return result == 1 ? 0 : result;
}

/* libgit2 follows includes. It looks at each file many times, which was a fifth of the system calls of a put: where
 * there are none the file is read without it. */
static int read_with_includes(struct settings *settings, const char *file)
{
    git_config *config = NULL;
    cdb_libgit2_start();
    if (git_config_new(&config) != 0)
        return -1;
    int result = git_config_add_file_ondisk(config, file, GIT_CONFIG_LEVEL_LOCAL, NULL, 1);
    for (int i = 0; result == 0 && i < SETTINGS; i++) {
        git_buf text = {NULL, 0, 0};
        if (git_config_get_string_buf(&text, config, setting_names[i]) == 0)
            set(settings, i, text.ptr);
        git_buf_dispose(&text);
    }
    git_config_free(config);
    return result;
}

/* What the file says counts more than what was read before. A file that cannot be read or parsed tells nothing. */
static void read_file(struct settings *settings, const char *file)
{
    struct settings own = {.set = {false}};
    struct cdb_buf text = CDB_BUF_INIT;
    int result = file != NULL && *file != '\0' ? cdb_fs_read(AT_FDCWD, file, CONFIG_MAX, &text) : 1;
    if (result == 0)
        result = strcasestr(cdb_buf_str(&text), "[include") != NULL ? read_with_includes(&own, file)
                                                                    : read_plain(&own, &text);
    for (int i = 0; result == 0 && i < SETTINGS; i++)
        if (own.set[i])
            set(settings, i, cdb_buf_str(&own.values[i]));
    if (result != 0)
        cdb_error_clear();
    settings_release(&own);
    cdb_buf_release(&text);
}

static void read_joined(struct settings *settings, const char *directory, const char *name)
{
    char path[PATH_MAX];
    if (directory == NULL || *directory == '\0')
        return;
    int n = snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (n > 0 && (size_t)n < sizeof(path))
        read_file(settings, path);
}

static bool env_is_true(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

static void read_settings(struct settings *settings, const char *repository)
{
    const char *system = getenv("GIT_CONFIG_SYSTEM"), *global = getenv("GIT_CONFIG_GLOBAL");
    if (!env_is_true("GIT_CONFIG_NOSYSTEM"))
        read_file(settings, system != NULL ? system : "/etc/gitconfig");
    if (global != NULL) {
        read_file(settings, global);
    } else {
        const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        if (xdg != NULL && *xdg != '\0')
            read_joined(settings, xdg, "git/config");
        else
            read_joined(settings, home, ".config/git/config");
        read_joined(settings, home, ".gitconfig");
    }
    read_joined(settings, repository, "config");
}

/* ---- roles --------------------------------------------------------------------------------------- */

/* The first that is set: a variable of the environment, a setting of the role, a setting of the user. */
static void add_part(struct cdb_buf *out, const struct settings *settings, const char *variable, enum setting of_role,
                     enum setting of_user)
{
    const char *value = getenv(variable);
    enum setting which = settings->set[of_role] ? of_role : of_user;
    if (value == NULL || *value == '\0')
        value = settings->set[which] ? cdb_buf_str(&settings->values[which]) : "";
    if (cdb_utf8_check(value, strlen(value)) == strlen(value))
        add_clean(out, value, strlen(value));
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

/* The variables and settings of a role. */
struct role {
    const char *name_variable, *mail_variable;
    enum setting name, mail;
};

static const struct role author_role = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", AUTHOR_NAME, AUTHOR_MAIL};
static const struct role committer_role = {"GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", COMMITTER_NAME, COMMITTER_MAIL};

static bool needs_settings(const struct role *role)
{
    return !is_set(role->name_variable) || !is_set(role->mail_variable);
}

static void add_identity(struct cdb_buf *out, const struct settings *settings, const struct role *role)
{
    size_t start = out->len;
    add_part(out, settings, role->name_variable, role->name, USER_NAME);
    if (out->len == start)
        cdb_buf_adds(out, "chrondb");
    cdb_buf_adds(out, " <");
    start = out->len;
    add_part(out, settings, role->mail_variable, role->mail, USER_MAIL);
    if (out->len == start)
        add_default_mail(out);
    cdb_buf_addc(out, '>');
}

int cdb_identity(const char *path, struct cdb_buf *author, struct cdb_buf *committer)
{
    struct settings settings = {.set = {false}};
    if ((author != NULL && needs_settings(&author_role)) || needs_settings(&committer_role))
        read_settings(&settings, path);
    if (author != NULL)
        add_identity(author, &settings, &author_role);
    add_identity(committer, &settings, &committer_role);
    settings_release(&settings);
    return author != NULL && author->failed ? cdb_error_memory() : cdb_buf_check(committer);
}
