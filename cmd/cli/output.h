/* SPDX-License-Identifier: MIT
 *
 * What a command answers: records of named members, in one of four formats. Commands do not know which.
 *
 *     cli_output_kind(out, CLI_MANY, "value");
 *     cli_output_begin(out);
 *     cli_output_string(out, "key", key);
 *     cli_output_json(out, "value", document, size);
 *     result = cli_output_end(out);
 *
 * Nothing is printed before the first record is complete; memory is bounded by the largest record. A failed write is
 * remembered, and told by _end (so that loops end) and by _finish.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chrondb.h"
#include "cli/errors.h"

enum cli_format { CLI_NDJSON, CLI_JSON, CLI_TEXT, CLI_RAW };
enum cli_color { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };

/* One record, or any number: the difference between an object and an array, or a list of names and a table. */
enum cli_kind { CLI_ONE, CLI_MANY };

struct cli_output;

/* `explicit_format`: the user asked for it; else a terminal gets indented records. `quiet`: no warnings. NULL without
 * memory. */
struct cli_output *cli_output_new(enum cli_format format, bool explicit_format, enum cli_color color, bool quiet,
                                  struct cli_error *error);
void cli_output_free(struct cli_output *out);

/* Before the first record: how many there may be, and the member that the raw format prints. */
void cli_output_kind(struct cli_output *out, enum cli_kind kind, const char *raw_member);
/* Page the output if it goes to a terminal. */
void cli_output_page(struct cli_output *out);

void cli_output_begin(struct cli_output *out);
int cli_output_end(struct cli_output *out);

/* Members of the record. A NULL string, commit or document is null. Git can commit any file as a document: one that is
 * not JSON is null too; a warning tells that, and _end adds a member "error". A "key" is borrowed until _end. */
void cli_output_string(struct cli_output *out, const char *name, const char *value);
/* The same for text that may hold NULs. */
void cli_output_bytes(struct cli_output *out, const char *name, const char *value, size_t size);
void cli_output_commit(struct cli_output *out, const char *name, const char *hex);
void cli_output_json(struct cli_output *out, const char *name, const char *document, size_t size);
/* The same, and what `mark` says of the text that is printed (the document without insignificant white space) is seen:
 * ascending parts of it, none within another, borrowed until `mark` is called again. Only where cli_output_paints. */
typedef int (*cli_output_mark)(void *context, const char *json, size_t size, const chrondb_mark **marks, size_t *count);
bool cli_output_paints(const struct cli_output *out);
void cli_output_marked(struct cli_output *out, const char *name, const char *document, size_t size,
                       cli_output_mark mark, void *context);
/* A document that is to be put again: as JSON for programs it stands to the byte as it was put, if it can stand in a
 * line; else as _json prints it, and a member "text" behind it is the string of its bytes. */
void cli_output_exact(struct cli_output *out, const char *name, const char *document, size_t size);
void cli_output_number(struct cli_output *out, const char *name, uint64_t value);
/* With as few digits as a float needs; null if it is no number. */
void cli_output_real(struct cli_output *out, const char *name, double value);
void cli_output_bool(struct cli_output *out, const char *name, bool value);
void cli_output_null(struct cli_output *out, const char *name);
void cli_output_time(struct cli_output *out, const char *name, chrondb_time value);
/* A member that is an array (of objects; name them NULL) or an object; close each. */
void cli_output_open_array(struct cli_output *out, const char *name);
void cli_output_open_object(struct cli_output *out, const char *name);
void cli_output_close(struct cli_output *out);

/* Instead of records: a document as it was put, and a newline if it lacks one. On a terminal, for people. */
int cli_output_document(struct cli_output *out, const char *document, size_t size);
/* Instead of records: text of our own, such as a usage. */
int cli_output_text(struct cli_output *out, const char *text, size_t size);

/* For commands that go on for ever: write what there is, then wait until there is something to read from `fd`, or a
 * signal came (cli_interrupted). When nobody reads the output any more the process ends, as one that writes there does.
 * 0, or CHRONDB_ESYSTEM with the error set. */
int cli_output_wait(struct cli_output *out, int fd);
/* Records go to this descriptor from now on, as programs read them. */
void cli_output_divert(struct cli_output *out, int fd);
/* Write what there is. As _end. */
int cli_output_flush(struct cli_output *out);

/* Write what is left, and wait for the pager. `complete`: the command has said all it had to (an array may be closed).
 * Returns 0, or CHRONDB_ESYSTEM with the error set if anything could not be written. */
int cli_output_finish(struct cli_output *out, bool complete);

#endif
