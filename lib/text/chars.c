/* SPDX-License-Identifier: MIT */
#include "text/chars.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "util/error.h"
#include "util/utf8.h"

#define IOTA_BELOW  0x345 /* a mark that is case-folded to a letter */
#define ZERO_SPACE  0x200b
#define DOT_ABOVE   0x307
#define DOTLESS_I   0x131
#define TATWEEL     0x640 /* lengthens Arabic words to fill a line */
#define REPLACEMENT "\xef\xbf\xbd"

/* The longest decomposition has 18 (U+FDFA), then come marks or jamo, CDB_MARKS_MAX at most; and a letter may become
 * two in the form. */
#define DECOMPOSED_MAX 32
#define POINTS_MAX     64

static bool is_within(uint32_t code, uint32_t first, uint32_t last)
{
    return code - first <= last - first;
}

/* ---- UTF-8 -------------------------------------------------------------------------------------- */

/* The code point of a character that has `width` bytes. */
static uint32_t decode(const char *text, size_t width)
{
    const unsigned char *p = (const unsigned char *)text;

    if (width == 1)
        return p[0];
    if (width == 2)
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    if (width == 3)
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

static size_t encode(char *out, size_t room, const int32_t *points, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count && room - len >= 4; i++)
        len += (size_t)utf8proc_encode_char(points[i], (utf8proc_uint8_t *)out + len);
    return len;
}

/* ---- kinds of characters ------------------------------------------------------------------------------------ */

/* Han, Kana and Hangul that are nothing else when decomposed, and need no composing when no mark or jamo follows. */
static bool is_plain_cjk(uint32_t code)
{
    return is_within(code, 0x4e00, 0x9fff) || is_within(code, 0xac00, 0xd7a3) || is_within(code, 0x3041, 0x3096) ||
           is_within(code, 0x30a1, 0x30fa) || code == 0x30fc;
}

static bool is_cjk(uint32_t code)
{
    static const uint32_t ranges[][2] = {
        {0x1100, 0x11ff}, {0x3005, 0x30ff}, {0x3131, 0x318e}, {0x31f0, 0x31ff}, {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
        {0xa960, 0xa97f}, {0xac00, 0xd7ff}, {0xf900, 0xfaff}, {0xff66, 0xffdc}, {0x1aff0, 0x1b16f}, {0x20000, 0x3ffff},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (is_within(code, ranges[i][0], ranges[i][1]))
            return true;
    return false;
}

static bool is_mark(uint32_t category)
{
    return is_within(category, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME);
}

/* Letters, marks, Nd and Nl. */
static bool is_word(uint32_t category)
{
    return is_within(category, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL);
}

/* ---- decomposing --------------------------------------------------------------------------------- */

/* Nine out of ten digits of a script share all but their last four bits, which begin with 0 or with 6. */
static int32_t digit(int32_t code)
{
    int32_t value = code & 15;

    return '0' + (value >= 6 && utf8proc_category(code - value) != UTF8PROC_CATEGORY_ND ? value - 6 : value % 10);
}

/* Taken apart and case-folded; what is no part of a word is left out. Returns how many there are, at most
 * DECOMPOSED_MAX. */
static size_t decompose(const struct cdb_chars *chars, uint32_t code, int32_t *out)
{
    int32_t all[DECOMPOSED_MAX];
    utf8proc_ssize_t count;
    size_t n = 0;

    if (code == 'I' && chars->language.turkish)
        code = DOTLESS_I;
    if (is_within(code, 0x3131, 0x318e) || is_within(code, 0xffa0, 0xffdc)) {
        out[0] = (int32_t)code;
        return 1;
    }
    count = utf8proc_decompose_char((utf8proc_int32_t)code, all, DECOMPOSED_MAX,
                                    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE, NULL);
    for (utf8proc_ssize_t i = 0; i < count && i < DECOMPOSED_MAX; i++) {
        uint32_t category = (uint32_t)utf8proc_category(all[i]);

        if (is_word(category) && all[i] != TATWEEL)
            out[n++] = category == UTF8PROC_CATEGORY_ND ? digit(all[i]) : all[i];
    }
    return n;
}

/* ---- the class of a character ------------------------------------------------------------------ */

/* A letter that is nothing but marks when it is taken apart, like those of Kana of half width. */
static bool is_mark_inside(const struct cdb_chars *chars, uint32_t code)
{
    int32_t parts[DECOMPOSED_MAX];
    size_t count = decompose(chars, code, parts);

    for (size_t i = 0; i < count; i++)
        if (!is_mark((uint32_t)utf8proc_category(parts[i])))
            return false;
    return count > 0;
}

static enum cdb_class classify(const struct cdb_chars *chars, uint32_t code)
{
    const utf8proc_property_t *property;
    uint32_t category;

    if (is_plain_cjk(code))
        return CDB_CJK;
    property = utf8proc_get_property((utf8proc_int32_t)code);
    category = (uint32_t)property->category;
    if (code == ZERO_SPACE)
        return CDB_SEPARATOR;
    if (property->ignorable || category == UTF8PROC_CATEGORY_CF || code == TATWEEL)
        return CDB_IGNORED;
    if (code == IOTA_BELOW)
        return CDB_LETTER;
    if (is_mark(category))
        return CDB_MARK;
    if (category == UTF8PROC_CATEGORY_ND)
        return CDB_DIGIT;
    if (!is_word(category))
        return CDB_SEPARATOR;
    if (property->decomp_type != 0 && is_mark_inside(chars, code))
        return CDB_MARK;
    return is_cjk(code) ? CDB_CJK : CDB_LETTER;
}

/* ---- folding ------------------------------------------------------------------------------------ */

static bool is_diacritic(int32_t code)
{
    const utf8proc_property_t *property = utf8proc_get_property(code);
    uint32_t class = (uint32_t)property->combining_class;

    return property->category == UTF8PROC_CATEGORY_ME ||
           (is_mark((uint32_t)property->category) &&
            (class == 1 || is_within(class, 10, 36) || is_within(class, 200, 240)));
}

/* Letters that Unicode does not take apart; NULL for all others. */
static const char *plain_letters(int32_t code)
{
    switch (code) {
    case 0xe6:
        return "ae";
    case 0xf0:
    case 0x111:
        return "d";
    case 0xf8:
        return "o";
    case 0xfe:
        return "th";
    case 0x127:
        return "h";
    case DOTLESS_I:
        return "i";
    case 0x138:
        return "q";
    case 0x142:
        return "l";
    case 0x14b:
        return "n";
    case 0x153:
        return "oe";
    case 0x167:
        return "t";
    default:
        return NULL;
    }
}

/* Canonical order: marks by their combining class, those of one class as they came. */
static void order(int32_t *points, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int32_t code = points[i];
        int class = utf8proc_get_property(code)->combining_class;
        size_t at = i;

        for (; class > 0 && at > 0 && utf8proc_get_property(points[at - 1])->combining_class > class; at--)
            points[at] = points[at - 1];
        points[at] = code;
    }
}

static size_t compose(int32_t *points, size_t count, char *out, size_t room)
{
    utf8proc_ssize_t n = utf8proc_normalize_utf32(points, (utf8proc_ssize_t)count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);

    return n > 0 ? encode(out, room, points, (size_t)n) : 0;
}

/* The case-folded form. `points` may be changed. */
static size_t make_word(const struct cdb_chars *chars, int32_t *points, size_t count, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        bool dots = points[i] == DOT_ABOVE && n > 0;

        if (dots && (points[n - 1] == 'i' || (points[n - 1] == DOTLESS_I && chars->language.turkish)))
            points[n - 1] = 'i';
        else
            points[n++] = points[i];
    }
    if (!chars->language.romanian)
        return compose(points, n, out, room);
    /* A comma below s or t, U+0326, becomes a cedilla, U+0327: of the same combining class, so they stay in order. */
    for (size_t i = 1; i < n; i++)
        if (points[i] == 0x326 && (points[i - 1] == 's' || points[i - 1] == 't'))
            points[i] = 0x327;
    return compose(points, n, out, room);
}

/* The form. */
static size_t make_form(const int32_t *points, size_t count, char *out, size_t room)
{
    int32_t kept[2 * POINTS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const char *letters = plain_letters(points[i]);

        if (letters != NULL)
            for (; *letters != '\0'; letters++)
                kept[n++] = (unsigned char)*letters;
        else if (!is_diacritic(points[i]))
            kept[n++] = points[i];
    }
    order(kept, n); /* an enclosing mark held those beside it apart */
    return compose(kept, n, out, room);
}

/* Add what a character decomposes to. `*marks`: how many marks there are at the end. */
static size_t add(const struct cdb_chars *chars, uint32_t code, int32_t *points, size_t count, unsigned *marks)
{
    int32_t parts[DECOMPOSED_MAX];
    size_t n = decompose(chars, code, parts);

    for (size_t i = 0; i < n && count < POINTS_MAX; i++) {
        *marks = is_mark((uint32_t)utf8proc_category(parts[i])) ? *marks + 1 : 0;
        if (*marks <= CDB_MARKS_MAX)
            points[count++] = parts[i];
        else
            *marks = CDB_MARKS_MAX;
    }
    return count;
}

/* Vowels and finals, which a syllable goes on with. */
static bool is_jamo_behind(uint32_t code)
{
    return is_within(code, 0x1160, 0x11ff) || is_within(code, 0xd7b0, 0xd7ff);
}

static bool is_hangul(uint32_t code)
{
    return is_within(code, 0x1100, 0x11ff) || is_within(code, 0xa960, 0xa97f) || is_within(code, 0xac00, 0xd7ff);
}

/* Add the marks and jamo that follow. Returns where they end. */
static size_t add_behind(struct cdb_chars *chars, uint32_t base, const char *text, size_t len, size_t at,
                         unsigned *marks, int32_t *points, size_t *count)
{
    size_t end = at, width, jamo = 0;

    for (; at < len; at += width) {
        enum cdb_class class = cdb_chars_class(chars, text, len, at, &width);
        uint32_t code;

        if (class == CDB_IGNORED)
            continue;
        if (class != CDB_MARK && class != CDB_CJK)
            break;
        code = decode(text + at, width);
        if (class == CDB_CJK && !(is_hangul(base) && is_jamo_behind(code) && jamo++ < CDB_MARKS_MAX))
            break;
        *count = add(chars, code, points, *count, marks);
        end = at + width;
    }
    return end;
}

void cdb_chars_cluster(struct cdb_chars *chars, const char *text, size_t len, size_t at, unsigned *marks,
                       struct cdb_cluster *out)
{
    int32_t points[POINTS_MAX];
    size_t count, width;
    uint32_t base;

    out->class = cdb_chars_class(chars, text, len, at, &width);
    base = decode(text + at, width);
    count = add(chars, base, points, 0, marks);
    out->end = add_behind(chars, base, text, len, at + width, marks, points, &count);
    order(points, count);
    out->form_len = make_form(points, count, out->form, sizeof(out->form));
    out->word_len = make_word(chars, points, count, out->word, sizeof(out->word));
}

/* ---- what is known ------------------------------------------------------------------------------ */

int cdb_chars_init(struct cdb_chars *chars, const struct cdb_language *language)
{
    chars->language = *language;
    chars->known = calloc(CDB_CHARS_KNOWN, sizeof(*chars->known));
    return chars->known != NULL ? 0 : cdb_error_memory();
}

void cdb_chars_release(struct cdb_chars *chars)
{
    free(chars->known);
    chars->known = NULL;
}

/* Characters that begin with a mark are not known alone: it counts with those before it. */
void cdb_chars_learn(struct cdb_chars *chars, uint32_t code, const char *text, size_t width)
{
    struct cdb_known *known = &chars->known[code];
    struct cdb_cluster cluster;
    int32_t parts[DECOMPOSED_MAX];
    unsigned marks = 0;
    size_t n;

    known->class = (uint8_t)classify(chars, code);
    if (known->class != CDB_LETTER && known->class != CDB_DIGIT)
        return;
    n = decompose(chars, code, parts);
    if (n > 0 && is_mark((uint32_t)utf8proc_category(parts[0])))
        return;
    cdb_chars_cluster(chars, text, width, 0, &marks, &cluster);
    if (cluster.word_len > CDB_KNOWN_MAX || cluster.form_len > CDB_KNOWN_MAX)
        return;
    known->alone = true;
    known->word_len = (uint8_t)cluster.word_len;
    known->form_len = (uint8_t)cluster.form_len;
    memcpy(known->word, cluster.word, cluster.word_len);
    memcpy(known->form, cluster.form, cluster.form_len);
}

enum cdb_class cdb_chars_class(struct cdb_chars *chars, const char *text, size_t len, size_t at, size_t *width)
{
    const struct cdb_known *known = cdb_chars_known(chars, text, len, at, width);

    if (known != NULL)
        return (enum cdb_class)known->class;
    if (*width > 0)
        return classify(chars, decode(text + at, *width));
    *width = 1;
    return CDB_SEPARATOR;
}

bool cdb_chars_is_plain(const char *text, size_t len, size_t at)
{
    size_t width = cdb_utf8_width(text + at, len - at), next;

    if (width != 3 || !is_plain_cjk(decode(text + at, width)))
        return false;
    if (len - at == width || (unsigned char)text[at + width] < 0x80)
        return true;
    next = cdb_utf8_width(text + at + width, len - at - width);
    return next == 3 && is_plain_cjk(decode(text + at + width, next));
}

/* ---- patterns ----------------------------------------------------------------------------------- */

size_t cdb_chars_apostrophe(const char *text, size_t len, size_t at)
{
    if (text[at] == '\'')
        return 1;
    if (len - at >= 3 && (memcmp(text + at, "\xe2\x80\x99", 3) == 0 || memcmp(text + at, "\xef\xbc\x87", 3) == 0))
        return 3;
    return 0;
}

/* Append a separator. */
static void fold_separator(const char *text, size_t len, size_t at, size_t width, struct cdb_buf *out)
{
    if (cdb_chars_apostrophe(text, len, at) > 0)
        cdb_buf_addc(out, '\'');
    else if (cdb_utf8_width(text + at, len - at) == 0)
        cdb_buf_adds(out, REPLACEMENT);
    else
        cdb_buf_add(out, text + at, width);
}

int cdb_chars_fold(struct cdb_chars *chars, const char *text, size_t len, struct cdb_buf *out)
{
    struct cdb_cluster cluster;
    unsigned marks = 0;
    size_t width, next;

    for (size_t at = 0; at < len; at += width) {
        const struct cdb_known *known = cdb_chars_known(chars, text, len, at, &width);
        enum cdb_class class = cdb_chars_class(chars, text, len, at, &width);

        if (class == CDB_IGNORED)
            continue;
        if (class == CDB_SEPARATOR) {
            fold_separator(text, len, at, width, out);
            marks = 0;
        } else if (known != NULL && known->alone &&
                   cdb_chars_ends(cdb_chars_known(chars, text, len, at + width, &next), len, at + width)) {
            cdb_buf_add(out, known->form, known->form_len);
            marks = 0;
        } else {
            cdb_chars_cluster(chars, text, len, at, &marks, &cluster);
            cdb_buf_add(out, cluster.form, cluster.form_len);
            width = cluster.end - at;
        }
    }
    return cdb_buf_check(out);
}
