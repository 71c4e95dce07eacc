/* SPDX-License-Identifier: MIT */
#include "store/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "store/refs.h"
#include "util/array.h"
#include "util/error.h"

#define SIGNATURE_2   "# v2 git bundle\n"
#define SIGNATURE_3   "# v3 git bundle\n"
#define NOTE_LINE     "chrondb backup 1\n"
#define OBJECT_FORMAT "@object-format="
#define COMPONENT_MAX 250 /* bytes between two slashes: git's lock of it is still a file */

/* ---- lines --------------------------------------------------------------------------------------- */

struct lines {
    const char *at, *end;
};

/* The next line, without its newline; false at the end. What has no newline is no line: false, and `at` stays. */
static bool next_line(struct lines *lines, const char **line, size_t *len)
{
    const char *newline = lines->at < lines->end ? memchr(lines->at, '\n', (size_t)(lines->end - lines->at)) : NULL;
    if (newline == NULL)
        return false;
    *line = lines->at;
    *len = (size_t)(newline - lines->at);
    lines->at = newline + 1;
    return true;
}

static bool starts_with(const char *text, size_t len, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    return len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
}

static int malformed(const char *what)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "%s", what);
}

static int add(struct cdb_arena *memory, struct cdb_bundle_list *list, const struct cdb_oid *oid, const char *text,
               size_t len)
{
    int result = cdb_array_grow(&list->list, &list->room, list->count, sizeof(*list->list));
    const char *copy = result == 0 ? cdb_arena_copy(memory, text, len) : NULL;
    if (copy == NULL)
        return CHRONDB_ESYSTEM;
    list->list[list->count++] = (struct cdb_bundle_line){*oid, copy};
    return 0;
}

/* "ID TEXT"; the text may be missing if it is not `needed`. */
static bool parse_oid_line(const char *line, size_t len, bool needed, struct cdb_oid *oid, const char **text,
                           size_t *text_len)
{
    char hex[CDB_OID_HEX + 1] = "";
    if (len < CDB_OID_HEX || (len > CDB_OID_HEX && line[CDB_OID_HEX] != ' ') || (needed && len <= CDB_OID_HEX + 1))
        return false;
    memcpy(hex, line, CDB_OID_HEX);
    if (strpbrk(hex, "ABCDEF") != NULL) /* git does not write them so */
        return false;
    *text = len > CDB_OID_HEX ? line + CDB_OID_HEX + 1 : line + len;
    *text_len = (size_t)(line + len - *text);
    return cdb_oid_parse(hex, oid) && !cdb_oid_is_zero(oid) && memchr(*text, '\0', *text_len) == NULL;
}

/* ---- refs ---------------------------------------------------------------------------------------- */

static bool is_ref(const char *name)
{
    if (strcmp(name, "HEAD") == 0)
        return true;
    if (strncmp(name, "refs/", 5) != 0 || !cdb_ref_name_valid(name))
        return false;
    for (const char *part = name; part != NULL;) {
        const char *slash = strchr(part, '/');
        if ((slash != NULL ? (size_t)(slash - part) : strlen(part)) > COMPONENT_MAX)
            return false;
        part = slash != NULL ? slash + 1 : NULL;
    }
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

static int compare_beginning(const void *key, const void *item)
{
    const struct cdb_buf *beginning = key;
    const char *const *name = item;
    return strcmp(cdb_buf_str(beginning), *name);
}

/* Is a ref the beginning of this name, up to a slash? `names` are sorted. */
static bool stands_below(const char *const *names, size_t count, const char *name, struct cdb_buf *beginning)
{
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        cdb_buf_clear(beginning);
        cdb_buf_add(beginning, name, (size_t)(slash - name));
        if (bsearch(beginning, names, count, sizeof(*names), compare_beginning) != NULL)
            return true;
    }
    return false;
}

/* No name twice, and none below another: for git they are files. */
static int check_names(const struct cdb_bundle_list *refs)
{
    struct cdb_buf beginning = CDB_BUF_INIT;
    const char **names = calloc(refs->count + 1, sizeof(*names));
    int result = names != NULL ? 0 : cdb_error_memory();
    for (size_t i = 0; result == 0 && i < refs->count; i++)
        names[i] = refs->list[i].text;
    if (result == 0 && refs->count > 1)
        qsort(names, refs->count, sizeof(*names), compare_names);
    for (size_t i = 0; result == 0 && i < refs->count; i++)
        if ((i > 0 && strcmp(names[i - 1], names[i]) == 0) || stands_below(names, refs->count, names[i], &beginning))
            result = malformed("two of its refs cannot be there together");
    if (result == 0)
        result = cdb_buf_check(&beginning);
    cdb_buf_release(&beginning);
    free(names);
    return result;
}

const struct cdb_bundle_line *cdb_bundle_find(const struct cdb_bundle_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->list[i].text, name) == 0)
            return &list->list[i];
    return NULL;
}

/* ---- the header ---------------------------------------------------------------------------------- */

size_t cdb_bundle_measure(const char *text, size_t len)
{
    const char *end = len > 0 ? memmem(text, len, "\n\n", 2) : NULL;
    return end != NULL ? (size_t)(end - text) + 2 : 0;
}

bool cdb_bundle_begins(const char *text)
{
    return memcmp(text, SIGNATURE_2, CDB_BUNDLE_SIGNATURE) == 0 || memcmp(text, SIGNATURE_3, CDB_BUNDLE_SIGNATURE) == 0;
}

static int unsupported(const char *line, size_t len)
{
    struct cdb_buf quoted = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, line, len);
    int result =
        cdb_error(CHRONDB_EDAMAGED, "unsupported", "chrondb does not read bundles with %s", cdb_buf_str(&quoted));
    cdb_buf_release(&quoted);
    return result;
}

static int parse_line(struct cdb_bundle *out, const char *line, size_t len)
{
    struct cdb_oid oid;
    const char *text;
    size_t text_len;
    if (line[0] == '-') {
        if (out->refs.count > 0 || !parse_oid_line(line + 1, len - 1, false, &oid, &text, &text_len))
            return malformed("its header is malformed");
        return add(&out->memory, &out->bases, &oid, text, text_len);
    }
    if (!parse_oid_line(line, len, true, &oid, &text, &text_len))
        return malformed("its header is malformed");
    int result = add(&out->memory, &out->refs, &oid, text, text_len);
    if (result == 0 && !is_ref(out->refs.list[out->refs.count - 1].text))
        result = malformed("its header has a ref with a name that git does not allow");
    return result;
}

int cdb_bundle_parse(struct cdb_bundle *out, const char *text, size_t len)
{
    struct lines lines = {text, text + len};
    const char *line;
    size_t line_len;
    int result = 0;
    *out = (struct cdb_bundle){.refs = {.list = NULL}};
    if (len < CDB_BUNDLE_SIGNATURE + 1 || !cdb_bundle_begins(text))
        return malformed("it is no git bundle");
    bool third = memcmp(text, SIGNATURE_3, CDB_BUNDLE_SIGNATURE) == 0;
    lines.at += CDB_BUNDLE_SIGNATURE;
    while (third && lines.at < lines.end && *lines.at == '@' && next_line(&lines, &line, &line_len))
        if (!starts_with(line, line_len, OBJECT_FORMAT) || line_len != strlen(OBJECT_FORMAT "sha1") ||
            memcmp(line, OBJECT_FORMAT "sha1", line_len) != 0)
            return unsupported(line, line_len);
    while (result == 0) {
        if (!next_line(&lines, &line, &line_len))
            return malformed("its header is malformed");
        if (line_len == 0)
            break;
        result = parse_line(out, line, line_len);
    }
    if (result == 0 && lines.at != lines.end)
        result = malformed("its header is malformed");
    return result == 0 ? check_names(&out->refs) : result;
}

int cdb_bundle_add(struct cdb_bundle *bundle, struct cdb_bundle_list *list, const struct cdb_oid *oid, const char *text)
{
    return add(&bundle->memory, list, oid, text, strlen(text));
}

static void encode_lines(const struct cdb_bundle_list *list, const char *before, struct cdb_buf *out)
{
    char hex[CDB_OID_HEX + 1];
    for (size_t i = 0; i < list->count; i++) {
        cdb_oid_format(&list->list[i].oid, hex);
        cdb_buf_addf(out, "%s%s %s\n", before, hex, list->list[i].text);
    }
}

void cdb_bundle_encode(const struct cdb_bundle *bundle, struct cdb_buf *out)
{
    cdb_buf_adds(out, SIGNATURE_2);
    encode_lines(&bundle->bases, "-", out);
    encode_lines(&bundle->refs, "", out);
    cdb_buf_addc(out, '\n');
}

void cdb_bundle_release(struct cdb_bundle *bundle)
{
    free(bundle->bases.list);
    free(bundle->refs.list);
    cdb_arena_release(&bundle->memory);
    *bundle = (struct cdb_bundle){.refs = {.list = NULL}};
}

/* ---- the note ------------------------------------------------------------------------------------ */

bool cdb_bundle_is_note(const char *text, size_t len)
{
    return starts_with(text, len, NOTE_LINE);
}

int cdb_bundle_add_setting(struct cdb_bundle_note *note, const char *name, const char *value, size_t value_len)
{
    int result = cdb_array_grow(&note->settings, &note->setting_room, note->setting_count, sizeof(*note->settings));
    const char *name_copy = result == 0 ? cdb_arena_copy(&note->memory, name, strlen(name)) : NULL;
    const char *value_copy = name_copy != NULL ? cdb_arena_copy(&note->memory, value, value_len) : NULL;
    if (value_copy == NULL)
        return CHRONDB_ESYSTEM;
    note->settings[note->setting_count++] = (struct cdb_bundle_setting){name_copy, value_copy};
    return 0;
}

int cdb_bundle_add_base(struct cdb_bundle_note *note, const struct cdb_oid *oid, const char *ref)
{
    return add(&note->memory, &note->bases, oid, ref, strlen(ref));
}

bool cdb_bundle_is_setting(const char *name, size_t len)
{
    if (!starts_with(name, len, "chrondb.") || name[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') && name[i] != '-' &&
            name[i] != '.')
            return false;
    return true;
}

static int parse_note_line(struct cdb_bundle_note *out, const char *line, size_t len)
{
    struct cdb_oid oid;
    const char *text;
    size_t text_len;
    if (memchr(line, '\0', len) != NULL)
        return malformed("its note is malformed");
    if (starts_with(line, len, "head ") && out->head == NULL) {
        out->head = cdb_arena_copy(&out->memory, line + 5, len - 5);
        if (out->head == NULL)
            return CHRONDB_ESYSTEM;
        return strncmp(out->head, CDB_HEADS, strlen(CDB_HEADS)) == 0 && is_ref(out->head)
                   ? 0
                   : malformed("its note is malformed");
    }
    if (starts_with(line, len, "base ") && parse_oid_line(line + 5, len - 5, true, &oid, &text, &text_len)) {
        int result = add(&out->memory, &out->bases, &oid, text, text_len);
        return result != 0 || is_ref(out->bases.list[out->bases.count - 1].text) ? result
                                                                                 : malformed("its note is malformed");
    }
    const char *name = line + strlen("setting ");
    const char *space = starts_with(line, len, "setting ") ? memchr(name, ' ', (size_t)(line + len - name)) : NULL;
    if (space == NULL || !cdb_bundle_is_setting(name, (size_t)(space - name)))
        return malformed("its note is malformed");
    const char *copy = cdb_arena_copy(&out->memory, name, (size_t)(space - name));
    return copy == NULL ? CHRONDB_ESYSTEM
                        : cdb_bundle_add_setting(out, copy, space + 1, (size_t)(line + len - space - 1));
}

/* Does the note say what the header says, but for the note's own ref? */
static bool is_same_header(const char *said, size_t said_len, const char *header, size_t header_len)
{
    struct lines left = {said, said + said_len}, right = {header, header + header_len};
    const char *a, *b;
    size_t a_len, b_len;
    while (next_line(&right, &b, &b_len)) {
        if (b_len > CDB_OID_HEX && b_len - CDB_OID_HEX - 1 == strlen(CDB_BACKUP_REF) &&
            memcmp(b + CDB_OID_HEX + 1, CDB_BACKUP_REF, strlen(CDB_BACKUP_REF)) == 0)
            continue;
        if (!next_line(&left, &a, &a_len) || a_len != b_len || memcmp(a, b, a_len) != 0)
            return false;
    }
    return left.at == left.end && right.at == right.end;
}

int cdb_bundle_parse_note(struct cdb_bundle_note *out, const char *text, size_t len, const char *header,
                          size_t header_len)
{
    struct lines lines = {text, text + len};
    const char *line;
    size_t line_len;
    int result = 0;
    *out = (struct cdb_bundle_note){.head = NULL};
    if (!cdb_bundle_is_note(text, len))
        return malformed("its note is malformed");
    lines.at += strlen(NOTE_LINE);
    while (result == 0) {
        if (!next_line(&lines, &line, &line_len))
            return malformed("its note is malformed");
        if (line_len == strlen("header") && memcmp(line, "header", line_len) == 0)
            break;
        result = parse_note_line(out, line, line_len);
    }
    if (result == 0 && !is_same_header(lines.at, (size_t)(lines.end - lines.at), header, header_len))
        result = malformed("its header was altered");
    return result;
}

void cdb_bundle_encode_note(const struct cdb_bundle_note *note, const char *header, size_t header_len,
                            struct cdb_buf *out)
{
    cdb_buf_adds(out, NOTE_LINE);
    if (note->head != NULL)
        cdb_buf_addf(out, "head %s\n", note->head);
    for (size_t i = 0; i < note->setting_count; i++)
        cdb_buf_addf(out, "setting %s %s\n", note->settings[i].name, note->settings[i].value);
    encode_lines(&note->bases, "base ", out);
    cdb_buf_adds(out, "header\n");
    cdb_buf_add(out, header, header_len);
}

void cdb_bundle_release_note(struct cdb_bundle_note *note)
{
    free(note->settings);
    free(note->bases.list);
    cdb_arena_release(&note->memory);
    *note = (struct cdb_bundle_note){.head = NULL};
}
