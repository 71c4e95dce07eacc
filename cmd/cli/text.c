/* SPDX-License-Identifier: MIT */
#include "cli/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_text_release(struct cli_text *text)
{
    free(text->data);
    *text = (struct cli_text){NULL, 0, 0, false};
}

void cli_text_clear(struct cli_text *text)
{
    text->size = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

static bool fail(struct cli_text *text)
{
    cli_text_release(text);
    text->failed = true;
    return false;
}

bool cli_text_reserve(struct cli_text *text, size_t extra)
{
    if (text->failed)
        return false;
    if (text->data != NULL && extra < text->capacity - text->size)
        return true;
    if (extra > SIZE_MAX / 2 - text->size - 1)
        return fail(text);
    size_t need = text->size + extra + 1;
    size_t capacity = text->capacity * 3 / 2;
    if (capacity < 64)
        capacity = 64;
    if (capacity < need)
        capacity = need;
    char *data = realloc(text->data, capacity);
    if (data == NULL)
        return fail(text);
    text->data = data;
    text->capacity = capacity;
    data[text->size] = '\0';
    return true;
}

void cli_text_add(struct cli_text *text, const void *data, size_t size)
{
    if (!cli_text_reserve(text, size))
        return;
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void cli_text_adds(struct cli_text *text, const char *string)
{
    cli_text_add(text, string, strlen(string));
}

void cli_text_addc(struct cli_text *text, char byte)
{
    cli_text_add(text, &byte, 1);
}

void cli_text_vaddf(struct cli_text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size < 0)
        fail(text);
    else if (cli_text_reserve(text, (size_t)size)) {
        vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}

void cli_text_addf(struct cli_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cli_text_vaddf(text, format, args);
    va_end(args);
}

void cli_text_pad(struct cli_text *text, size_t count)
{
    if (!cli_text_reserve(text, count))
        return;
    memset(text->data + text->size, ' ', count);
    text->size += count;
    text->data[text->size] = '\0';
}

const char *cli_text_string(const struct cli_text *text)
{
    return text->data != NULL ? text->data : "";
}
