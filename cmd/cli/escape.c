/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/text.h"

size_t cli_utf8_size(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    if (size == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t need = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || size < need)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies above U+10FFFF. */
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return need;
}

bool cli_utf8_valid(const char *text, size_t size)
{
    for (size_t i = 0, n; i < size; i += n)
        if ((n = cli_utf8_size(text + i, size - i)) == 0)
            return false;
    return true;
}

size_t cli_utf8_width(const char *text, size_t size)
{
    size_t width = 0;
    for (size_t i = 0; i < size; i++)
        width += ((unsigned char)text[i] & 0xC0) != 0x80;
    return width;
}

static bool is_control(const char *text, size_t size)
{
    unsigned char first = (unsigned char)text[0];
    if (size == 1)
        return first < 0x20 || first == 0x7F;
    return size == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0;
}

/* The short escape of a byte in a JSON string, or 0. */
static char short_escape(char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void add_json_character(struct cli_text *text, const char *character, size_t size)
{
    char escape = short_escape(character[0]);
    if (size == 0)
        cli_text_adds(text, "\xEF\xBF\xBD");
    else if (escape != 0) {
        cli_text_addc(text, '\\');
        cli_text_addc(text, escape);
    } else /* a control character's number is its last byte, as UTF-8 has it */
        cli_text_addf(text, "\\u%04x", (unsigned)(unsigned char)character[size - 1]);
}

void cli_text_add_json(struct cli_text *text, const char *string, size_t size)
{
    size_t plain = 0; /* start of what can be copied as it is */
    cli_text_addc(text, '"');
    for (size_t i = 0; i < size;) {
        size_t n = cli_utf8_size(string + i, size - i);
        if (n > 0 && short_escape(string[i]) == 0 && !is_control(string + i, n)) {
            i += n;
            continue;
        }
        cli_text_add(text, string + plain, i - plain);
        add_json_character(text, string + i, n);
        i += n > 0 ? n : 1;
        plain = i;
    }
    cli_text_add(text, string + plain, size - plain);
    cli_text_addc(text, '"');
}

static void add_safe(struct cli_text *text, const char *string, size_t size, const char *allowed)
{
    size_t plain = 0;
    for (size_t i = 0; i < size;) {
        size_t n = cli_utf8_size(string + i, size - i);
        if (n > 0 && (!is_control(string + i, n) || (string[i] != '\0' && strchr(allowed, string[i]) != NULL))) {
            i += n;
            continue;
        }
        cli_text_add(text, string + plain, i - plain);
        size_t end = i + (n > 0 ? n : 1);
        for (; i < end; i++)
            cli_text_addf(text, "\\x%02X", (unsigned)(unsigned char)string[i]);
        plain = i;
    }
    cli_text_add(text, string + plain, size - plain);
}

void cli_text_add_safe(struct cli_text *text, const char *string, size_t size)
{
    add_safe(text, string, size, "");
}

void cli_text_add_lines_safe(struct cli_text *text, const char *string, size_t size)
{
    add_safe(text, string, size, "\n\t");
}
