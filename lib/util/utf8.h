/* Strict UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF), and text made safe for messages. All inline
 * and without allocation: the error module uses it when memory is out. */
#ifndef CDB_UTIL_UTF8_H
#define CDB_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the character at `p` has, 1 to 4, of the `len` there are; 0 if they do not start with a character. */
static inline size_t cdb_utf8_width(const char *p, size_t len)
{
    const unsigned char *c = (const unsigned char *)p;
    size_t width;
    unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */

    if (len == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    if (c[0] < 0xc2 || c[0] > 0xf4)
        return 0;
    width = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (len < width)
        return 0;
    if (c[0] == 0xe0)
        low = 0xa0;
    else if (c[0] == 0xed)
        high = 0x9f;
    else if (c[0] == 0xf0)
        low = 0x90;
    else if (c[0] == 0xf4)
        high = 0x8f;
    if (c[1] < low || c[1] > high)
        return 0;
    for (size_t i = 2; i < width; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return width;
}

/* C0, DEL and, in UTF-8, C1: what a terminal may take for a command. `p` is one character of `width` bytes. */
static inline bool cdb_utf8_is_control(const char *p, size_t width)
{
    const unsigned char *c = (const unsigned char *)p;

    return width == 1 ? c[0] < 0x20 || c[0] == 0x7f : width == 2 && c[0] == 0xc2 && c[1] < 0xa0;
}

/* The longest beginning of at most `max` bytes that does not cut a character in two. */
static inline size_t cdb_utf8_cut(const char *text, size_t len, size_t max)
{
    size_t start;

    if (len <= max)
        return len;
    for (start = max; start > 0 && max - start < 3 && ((unsigned char)text[start] & 0xc0) == 0x80; start--)
        ;
    return start < max && cdb_utf8_width(text + start, len - start) <= max - start ? max : start;
}

#define CDB_UTF8_QUOTE_TEXT 200                           /* bytes of the text that are shown */
#define CDB_UTF8_QUOTE_SIZE (4 * CDB_UTF8_QUOTE_TEXT + 6) /* each as \xNN, two quotes, "...", NUL */

/* 'text' with control characters and invalid bytes as \xNN, the rest after 200 bytes as "...". Returns the length. */
static inline size_t cdb_utf8_quote(char out[CDB_UTF8_QUOTE_SIZE], const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t shown = cdb_utf8_cut(text, len, CDB_UTF8_QUOTE_TEXT);
    size_t n = 0;

    out[n++] = '\'';
    for (size_t i = 0; i < shown;) {
        size_t width = cdb_utf8_width(text + i, shown - i);
        bool plain = width > 0 && !cdb_utf8_is_control(text + i, width);

        for (size_t end = i + (width > 0 ? width : 1); i < end; i++) {
            if (plain) {
                out[n++] = text[i];
            } else {
                out[n++] = '\\';
                out[n++] = 'x';
                out[n++] = hex[(unsigned char)text[i] >> 4];
                out[n++] = hex[text[i] & 15];
            }
        }
    }
    for (size_t dots = shown < len ? 3 : 0; dots > 0; dots--)
        out[n++] = '.';
    out[n++] = '\'';
    out[n] = '\0';
    return n;
}

#endif
