/* SPDX-License-Identifier: MIT
 *
 * Growable text. Appending never fails at once: after an allocation failed the text is empty and stays so, `failed`
 * is set, and the owner looks once, at the end.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct cli_text {
    char *data; /* NUL-terminated when not NULL; the NUL is not counted */
    size_t size;
    size_t capacity;
    bool failed;
};

void cli_text_release(struct cli_text *text);
void cli_text_clear(struct cli_text *text); /* empty, the memory is kept */
bool cli_text_reserve(struct cli_text *text, size_t extra);
void cli_text_add(struct cli_text *text, const void *data, size_t size);
void cli_text_adds(struct cli_text *text, const char *string);
void cli_text_addc(struct cli_text *text, char byte);
void cli_text_addf(struct cli_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_text_vaddf(struct cli_text *text, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void cli_text_pad(struct cli_text *text, size_t count); /* so many blanks */
/* "" instead of NULL. */
const char *cli_text_string(const struct cli_text *text);

/* ---- what data may look like (escape.c) ---- */

/* The size of the valid UTF-8 character at the start of the text; 0 if there is none. */
size_t cli_utf8_size(const char *text, size_t size);
bool cli_utf8_valid(const char *text, size_t size);
/* How many characters: the width of a column, as far as we care. */
size_t cli_utf8_width(const char *text, size_t size);
/* Append a JSON string with its quotes; control characters (DEL and U+0080-U+009F too) as \u escapes, invalid bytes
 * as U+FFFD. */
void cli_text_add_json(struct cli_text *text, const char *string, size_t size);
/* Append so that no terminal can be fooled: control characters and invalid bytes as \xNN. */
void cli_text_add_safe(struct cli_text *text, const char *string, size_t size);
/* The same, but line ends and tabs stay. */
void cli_text_add_lines_safe(struct cli_text *text, const char *string, size_t size);

#endif
