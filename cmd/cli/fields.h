/* SPDX-License-Identifier: MIT
 *
 * Documents as people type them: name=Alice age:=30 address.city=Paris.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "cli/errors.h"

/* NAME=TEXT or NAME:=JSON, with a NAME [A-Za-z_][A-Za-z0-9_.-]*? */
bool cli_field_is(const char *argument);

/* Append the object that the fields make; every argument is a field. Dots in names nest, fields of one parent meet in
 * one object. Errors: CHRONDB_EUSAGE (a name twice, a name that is a value and a parent, an empty part, text that is
 * not UTF-8), CHRONDB_EINVALID (what stands behind := is not JSON). */
int cli_fields_build(struct cli_text *out, char **fields, int count, struct cli_error *error);

#endif
