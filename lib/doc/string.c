/* SPDX-License-Identifier: MIT */
#include "doc/string.h"

#include <stdbool.h>
#include <string.h>

#include "doc/json.h"
#include "util/utf8.h"

/* ---- decoding ---------------------------------------------------------------------------------- */

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The four digits of the \u escape at `p`. */
static unsigned code_unit(const char *p)
{
    return hex_digit(p[2]) << 12 | hex_digit(p[3]) << 8 | hex_digit(p[4]) << 4 | hex_digit(p[5]);
}

static size_t encode(unsigned point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* The escape at `p`, two of them for a pair of surrogates. Returns how long the text is; stores what it means. */
static size_t decode_escape(const char *p, const char *end, char out[4], size_t *out_len)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    unsigned high, low;

    if (p[1] != 'u') {
        const char *letter = strchr(letters, p[1]);

        out[0] = letter != NULL ? meanings[letter - letters] : p[1];
        *out_len = 1;
        return 2;
    }
    high = code_unit(p);
    if (high >= 0xd800 && high < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        low = code_unit(p + 6);
        if (low >= 0xdc00 && low < 0xe000) {
            *out_len = encode(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), out);
            return 12;
        }
    }
    *out_len = encode(high, out);
    return 6;
}

/* The text of a string handed out as decoded pieces: runs without escapes, and escapes. */
struct decoder {
    const char *at;
    const char *end;
    const char *piece;
    size_t piece_len;
    char escaped[4];
};

static struct decoder decoder_of_string(const char *text, size_t len)
{
    return (struct decoder){.at = text + 1, .end = text + len - 1};
}

static struct decoder decoder_of_plain(const char *plain, size_t len)
{
    return (struct decoder){.piece = plain, .piece_len = len};
}

/* A piece that is not empty, unless nothing is left. What `piece` still holds stays. */
static bool decoder_fill(struct decoder *decoder)
{
    const char *backslash;
    size_t left;

    if (decoder->piece_len > 0)
        return true;
    if (decoder->at == decoder->end)
        return false;
    if (*decoder->at == '\\') {
        decoder->at += decode_escape(decoder->at, decoder->end, decoder->escaped, &decoder->piece_len);
        decoder->piece = decoder->escaped;
        return true;
    }
    left = (size_t)(decoder->end - decoder->at);
    backslash = memchr(decoder->at, '\\', left);
    decoder->piece = decoder->at;
    decoder->piece_len = backslash == NULL ? left : (size_t)(backslash - decoder->at);
    decoder->at += decoder->piece_len;
    return true;
}

static void decoder_skip(struct decoder *decoder, size_t len)
{
    decoder->piece += len;
    decoder->piece_len -= len;
}

void cdb_json_string_decode(const char *text, size_t len, struct cdb_buf *out)
{
    struct decoder decoder = decoder_of_string(text, len);

    for (; decoder_fill(&decoder); decoder_skip(&decoder, decoder.piece_len))
        cdb_buf_add(out, decoder.piece, decoder.piece_len);
}

static int compare(struct decoder *a, struct decoder *b)
{
    for (;;) {
        bool a_left = decoder_fill(a);
        bool b_left = decoder_fill(b);
        size_t len;
        int order;

        if (!a_left || !b_left)
            return (int)a_left - (int)b_left;
        len = a->piece_len < b->piece_len ? a->piece_len : b->piece_len;
        order = memcmp(a->piece, b->piece, len);
        if (order != 0)
            return order;
        decoder_skip(a, len);
        decoder_skip(b, len);
    }
}

int cdb_json_string_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct decoder a_decoder = decoder_of_string(a, a_len);
    struct decoder b_decoder = decoder_of_string(b, b_len);

    return compare(&a_decoder, &b_decoder);
}

int cdb_json_string_compare_plain(const char *text, size_t len, const char *plain, size_t plain_len)
{
    struct decoder a = decoder_of_string(text, len);
    struct decoder b = decoder_of_plain(plain, plain_len);

    return compare(&a, &b);
}

/* FNV-1a: names are short. */
uint64_t cdb_json_string_hash(const char *text, size_t len)
{
    struct decoder decoder = decoder_of_string(text, len);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; decoder_fill(&decoder); decoder_skip(&decoder, decoder.piece_len)) {
        for (size_t i = 0; i < decoder.piece_len; i++) {
            hash ^= (unsigned char)decoder.piece[i];
            hash *= UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

/* ---- quoting ----------------------------------------------------------------------------------- */

static void add_escape(struct cdb_buf *out, unsigned point)
{
    static const char meanings[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    static const char hex[] = "0123456789abcdef";
    const char *meaning = point != 0 ? strchr(meanings, (int)point) : NULL;
    char text[6] = {'\\', 'u', hex[point >> 12 & 15], hex[point >> 8 & 15], hex[point >> 4 & 15], hex[point & 15]};

    if (point < 0x80 && meaning != NULL) {
        text[1] = letters[meaning - meanings];
        cdb_buf_add(out, text, 2);
    } else {
        cdb_buf_add(out, text, sizeof(text));
    }
}

/* The surrogate that stands there as WTF-8, or 0. */
static unsigned surrogate_at(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;

    if (len < 3 || p[0] != 0xed || p[1] < 0xa0 || p[1] > 0xbf || p[2] < 0x80 || p[2] > 0xbf)
        return 0;
    return 0xd000u | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

void cdb_json_quote(struct cdb_buf *out, const char *text, size_t len)
{
    size_t plain = 0; /* where the run that needs no change began */
    size_t width;

    cdb_buf_addc(out, '"');
    for (size_t i = 0; i < len; i += width) {
        unsigned surrogate = 0;
        bool valid, control;

        width = cdb_utf8_width(text + i, len - i);
        valid = width > 0;
        control = valid && cdb_utf8_is_control(text + i, width);
        if (!valid) {
            surrogate = surrogate_at(text + i, len - i);
            width = surrogate != 0 ? 3 : 1;
        }
        if (valid && !control && text[i] != '"' && text[i] != '\\')
            continue;
        cdb_buf_add(out, text + plain, i - plain);
        plain = i + width;
        if (surrogate != 0)
            add_escape(out, surrogate);
        else if (!valid)
            cdb_buf_adds(out, "\xef\xbf\xbd");
        else
            add_escape(out, (unsigned char)text[i + width - 1]); /* of C1 the second byte is the code point */
    }
    cdb_buf_add(out, text + plain, len - plain);
    cdb_buf_addc(out, '"');
}

void cdb_json_pointer_add(struct cdb_buf *out, const char *name, size_t len)
{
    cdb_buf_addc(out, '/');
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '~' || name[i] == '/')
            cdb_buf_adds(out, name[i] == '~' ? "~0" : "~1");
        else
            cdb_buf_addc(out, name[i]);
    }
}
