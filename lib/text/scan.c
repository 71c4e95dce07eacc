/* SPDX-License-Identifier: MIT */
#include "text/scan.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

void cdb_scanner_init(struct cdb_scanner *scanner, struct cdb_chars *chars, bool slow)
{
    memset(scanner, 0, sizeof(*scanner));
    scanner->chars = chars;
    scanner->slow = slow || chars->language.turkish; /* where a capital I is no ASCII when it is small */
}

void cdb_scanner_begin(struct cdb_scanner *scanner, const char *text, size_t len)
{
    scanner->text = text;
    scanner->len = len;
    scanner->at = 0;
    scanner->cjk = false;
}

/* ---- words of ASCII: eight bytes at a time ------------------------------------------------------ */

#define EACH(byte) ((uint64_t)(byte)*UINT64_C(0x0101010101010101))
#define TOPS       EACH(0x80)

/* The eight bytes at `at`, the first one lowest, or those that there are and zeros. */
static uint64_t load(const char *text, size_t len, size_t at)
{
    size_t rest = len - at;
    uint64_t bytes = 0;

    if (rest >= 8) {
        memcpy(&bytes, text + at, 8);
        return le64toh(bytes);
    }
    if (rest > 0 && len >= 8) {
        memcpy(&bytes, text + len - 8, 8);
        return le64toh(bytes) >> 8 * (8 - rest);
    }
    for (size_t i = len; i > at; i--)
        bytes = bytes << 8 | (unsigned char)text[i - 1];
    return bytes;
}

/* The top bit of each byte that is from `low` to `high`. All bytes are below 0x80, so that no sum reaches the next. */
static uint64_t between(uint64_t bytes, unsigned char low, unsigned char high)
{
    return (bytes + EACH(0x80 - low)) & ~(bytes + EACH(0x7f - high)) & TOPS;
}

/* The letters and digits that the bytes begin with, in lower case, and zeros; how many go to `*count`. */
static uint64_t fold_ascii(uint64_t bytes, size_t *count)
{
    uint64_t low = bytes & ~TOPS;
    uint64_t letters = between(low | EACH(0x20), 'a', 'z') & ~bytes;
    uint64_t others = ~(letters | (between(low, '0', '9') & ~bytes)) & TOPS;

    *count = 8;
    bytes |= letters >> 2;
    if (others != 0) {
        *count = (size_t)__builtin_ctzll(others) / 8;
        bytes &= (others & -others) / 0x80 - 1;
    }
    return bytes;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* A word of ASCII at scanner->at, and move behind it. False if some of it, or what may be, is none, or if it is long.
 */
static bool fast_word(struct cdb_scanner *scanner, struct cdb_scan_word *out)
{
    const char *text = scanner->text;
    size_t at = scanner->at, len = scanner->len, n = 0, count;
    uint64_t all = 0;
    bool joined = false;

    for (;;) {
        do {
            uint64_t bytes = fold_ascii(load(text, len, at), &count);

            all |= bytes;
            bytes = htole64(bytes);
            memcpy(out->form + n, &bytes, 8);
            n += count;
            at += count;
            if (n > CDB_FORM_MAX)
                return false;
        } while (count == 8);
        if (at == len)
            break;
        if ((unsigned char)text[at] >= 0x80)
            return false;
        if ((text[at] != '\'' && text[at] != '.' && text[at] != ',') || len - at < 2)
            break;
        if ((unsigned char)text[at + 1] >= 0x80)
            return false;
        if (text[at] == '\''
                ? !is_letter(out->form[n - 1]) || !is_letter(text[at + 1]) || scanner->chars->language.elides
                : !is_digit(out->form[n - 1]) || !is_digit(text[at + 1]))
            break;
        out->form[n++] = text[at++];
        joined = true;
    }
    if (joined) /* the last eight bytes did not go where a multiple of eight is */
        memset(out->form + n, 0, CDB_SCAN_PADDING);
    out->start = scanner->at;
    out->end = scanner->at = at;
    out->form_len = n;
    out->stems = (all & EACH(0x40)) != 0; /* letters have that bit, digits do not */
    out->ascii = true;
    return true;
}

/* ---- all other words ---------------------------------------------------------------------------- */

static bool is_word(enum cdb_class class)
{
    return class == CDB_MARK || class == CDB_LETTER || class == CDB_DIGIT;
}

/* A separator at the end of the text. */
static enum cdb_class class_at(struct cdb_scanner *scanner, size_t at, size_t *width)
{
    if (at >= scanner->len) {
        *width = 0;
        return CDB_SEPARATOR;
    }
    return cdb_chars_class(scanner->chars, scanner->text, scanner->len, at, width);
}

/* Behind the ignored characters at `at`. */
static size_t skip_ignored(struct cdb_scanner *scanner, size_t at)
{
    size_t width;

    while (class_at(scanner, at, &width) == CDB_IGNORED)
        at += width;
    return at;
}

/* False if there is no room for it. */
static bool append(struct cdb_scan_word *out, const char *form, size_t form_len, const char *word, size_t word_len)
{
    if (form_len > CDB_FORM_MAX - out->form_len || word_len > CDB_WORD_MAX - out->word_len)
        return false;
    memcpy(out->form + out->form_len, form, form_len);
    memcpy(out->word + out->word_len, word, word_len);
    out->form_len += form_len;
    out->word_len += word_len;
    return true;
}

/* The letters and digits from `at` that are known and without marks. Returns where they end; they do before one for
 * which there is no room. */
static size_t append_known(struct cdb_scanner *scanner, size_t at, enum cdb_class *last, struct cdb_scan_word *out)
{
    const struct cdb_known *known, *next;
    size_t width, next_width;

    known = cdb_chars_known(scanner->chars, scanner->text, scanner->len, at, &width);
    for (; known != NULL && known->alone; at += width, width = next_width, known = next) {
        next = cdb_chars_known(scanner->chars, scanner->text, scanner->len, at + width, &next_width);
        if (!cdb_chars_ends(next, scanner->len, at + width) || out->form_len > CDB_FORM_MAX - CDB_KNOWN_MAX ||
            out->word_len > CDB_WORD_MAX - CDB_KNOWN_MAX)
            break;
        memcpy(out->form + out->form_len, known->form, CDB_KNOWN_MAX);
        memcpy(out->word + out->word_len, known->word, CDB_KNOWN_MAX);
        out->form_len += known->form_len;
        out->word_len += known->word_len;
        out->stems |= known->class == CDB_LETTER;
        *last = (enum cdb_class)known->class;
    }
    return at;
}

/* The letter, digit or mark at `at`, and those behind it that are known. Returns where they end; 0 if there is no room
 * for the first one. */
static size_t append_letters(struct cdb_scanner *scanner, size_t at, unsigned *marks, enum cdb_class *last,
                             struct cdb_scan_word *out)
{
    size_t end = append_known(scanner, at, last, out);
    struct cdb_cluster cluster;

    if (end > at) {
        *marks = 0;
        return end;
    }
    cdb_chars_cluster(scanner->chars, scanner->text, scanner->len, at, marks, &cluster);
    if (!append(out, cluster.form, cluster.form_len, cluster.word, cluster.word_len))
        return 0;
    out->stems |= cluster.class == CDB_LETTER;
    *last = cluster.class;
    return cluster.end;
}

/* Does what is at `at` join a character of class `last` to the next one? Returns its width, or 0. */
static size_t joins(struct cdb_scanner *scanner, size_t at, enum cdb_class last)
{
    size_t width = cdb_chars_apostrophe(scanner->text, scanner->len, at), ignored;

    if (width > 0) {
        bool joined = last == CDB_LETTER && !scanner->chars->language.elides;

        return joined && class_at(scanner, at + width, &ignored) == CDB_LETTER ? width : 0;
    }
    if (last != CDB_DIGIT || (scanner->text[at] != '.' && scanner->text[at] != ','))
        return 0;
    return class_at(scanner, at + 1, &ignored) == CDB_DIGIT;
}

/* What joins at `at`. Returns where it ends; 0 if nothing does, or there is no room for it. */
static size_t append_joint(struct cdb_scanner *scanner, size_t at, enum cdb_class last, struct cdb_scan_word *out)
{
    size_t width = joins(scanner, at, last);
    const char *sign = last == CDB_DIGIT ? scanner->text + at : "'";

    return width > 0 && append(out, sign, 1, sign, 1) ? at + width : 0;
}

/* The word at scanner->at, which is a letter, digit or mark, and move behind it. False if it is none. */
static bool general_word(struct cdb_scanner *scanner, struct cdb_scan_word *out)
{
    size_t at = scanner->at, next, width = 0;
    enum cdb_class last = CDB_MARK;
    unsigned marks = 0;

    out->start = out->end = at;
    out->form_len = out->word_len = 0;
    out->stems = out->ascii = false;
    for (; at < scanner->len; at = next) {
        enum cdb_class class = class_at(scanner, at, &width);

        if (class == CDB_IGNORED) {
            next = skip_ignored(scanner, at);
            if (!is_word(class_at(scanner, next, &width)))
                break;
            continue;
        }
        if (is_word(class)) {
            next = append_letters(scanner, at, &marks, &last, out);
        } else {
            next = append_joint(scanner, at, last, out);
        }
        if (next == 0)
            break;
        out->end = next;
    }
    scanner->at = at;
    memset(out->form + out->form_len, 0, CDB_SCAN_PADDING);
    memset(out->word + out->word_len, 0, CDB_SCAN_PADDING);
    return last != CDB_MARK && out->form_len > 0;
}

/* ---- CJK ---------------------------------------------------------------------------------------- */

/* Fold the character at `at` into cjk_form. */
static void cjk_take(struct cdb_scanner *scanner, size_t at, size_t width)
{
    struct cdb_cluster cluster;
    unsigned marks = 0;

    if (cdb_chars_is_plain(scanner->text, scanner->len, at)) {
        memcpy(scanner->cjk_form, scanner->text + at, width);
        scanner->cjk_len = width;
        cluster.end = at + width;
    } else {
        cdb_chars_cluster(scanner->chars, scanner->text, scanner->len, at, &marks, &cluster);
        memcpy(scanner->cjk_form, cluster.form, cluster.form_len);
        scanner->cjk_len = cluster.form_len;
    }
    scanner->cjk_start = at;
    scanner->cjk_end = scanner->at = cluster.end;
}

/* Behind a character of CJK: the bigram with the next one, or it alone if it was in none. False if there is neither. */
static bool cjk_next(struct cdb_scanner *scanner, struct cdb_scan_word *out)
{
    size_t next = skip_ignored(scanner, scanner->at), width = 0;
    bool more = class_at(scanner, next, &width) == CDB_CJK, alone = !more && !scanner->paired;

    out->start = scanner->cjk_start;
    out->end = scanner->cjk_end;
    memcpy(out->form, scanner->cjk_form, scanner->cjk_len);
    out->form_len = scanner->cjk_len;
    out->stems = out->ascii = false;
    scanner->cjk = scanner->paired = more;
    if (!more)
        return alone;
    cjk_take(scanner, next, width);
    memcpy(out->form + out->form_len, scanner->cjk_form, scanner->cjk_len);
    out->form_len += scanner->cjk_len;
    out->end = scanner->cjk_end;
    return true;
}

/* ---- words -------------------------------------------------------------------------------------- */

/* What is at scanner->at, where the fast path does not go. False if it is no word; a character of CJK is one later. */
static bool general_next(struct cdb_scanner *scanner, struct cdb_scan_word *out)
{
    size_t width;
    enum cdb_class class = class_at(scanner, scanner->at, &width);

    if (is_word(class))
        return general_word(scanner, out);
    if (class == CDB_CJK) {
        scanner->cjk = true;
        scanner->paired = false;
        cjk_take(scanner, scanner->at, width);
    } else {
        scanner->at += width;
    }
    return false;
}

static bool is_plain_separator(char byte)
{
    return (unsigned char)byte < 0x80 && !is_letter(byte) && !is_digit(byte);
}

bool cdb_scanner_next(struct cdb_scanner *scanner, struct cdb_scan_word *out)
{
    for (;;) {
        if (scanner->cjk) {
            if (cjk_next(scanner, out))
                return true;
            continue;
        }
        while (scanner->at < scanner->len && is_plain_separator(scanner->text[scanner->at]))
            scanner->at++;
        if (scanner->at == scanner->len)
            return false;
        if (!scanner->slow && (unsigned char)scanner->text[scanner->at] < 0x80 && fast_word(scanner, out))
            return true;
        if (general_next(scanner, out))
            return true;
    }
}
