/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the header of a bundle, and what follows it as the note of a backup: what is accepted holds names that
 * git allows, and, written again, is read as the same. */
#include "fuzz/fuzz.h"
#include "store/bundle.h"
#include "store/refs.h"

static void check_same(const struct cdb_bundle_list *a, const struct cdb_bundle_list *b)
{
    CHECK(a->count == b->count);
    for (size_t i = 0; i < a->count; i++)
        CHECK(cdb_oid_equal(&a->list[i].oid, &b->list[i].oid) && strcmp(a->list[i].text, b->list[i].text) == 0);
}

static void check_note(const char *text, size_t len, const char *header, size_t header_len)
{
    struct cdb_bundle_note note, again;
    struct cdb_buf out = CDB_BUF_INIT;
    if (cdb_bundle_parse_note(&note, text, len, header, header_len) == 0) {
        CHECK(cdb_bundle_is_note(text, len));
        CHECK(note.head == NULL || cdb_ref_name_valid(note.head));
        cdb_bundle_encode_note(&note, header, header_len, &out);
        /* A header with the note's own ref is not what a note repeats. */
        if (cdb_bundle_parse_note(&again, out.ptr, out.len, header, header_len) == 0) {
            check_same(&note.bases, &again.bases);
            CHECK(note.setting_count == again.setting_count);
            CHECK((note.head == NULL) == (again.head == NULL));
            for (size_t i = 0; i < note.setting_count; i++)
                CHECK(strcmp(note.settings[i].value, again.settings[i].value) == 0);
        }
        cdb_bundle_release_note(&again);
    } else {
        CHECK(chrondb_last_error()->code == CHRONDB_EDAMAGED);
    }
    cdb_bundle_release_note(&note);
    cdb_buf_release(&out);
}

static void check_header(const char *text, size_t len)
{
    struct cdb_bundle bundle, again;
    struct cdb_buf out = CDB_BUF_INIT;
    if (cdb_bundle_parse(&bundle, text, len) == 0) {
        for (size_t i = 0; i < bundle.refs.count; i++) {
            CHECK(strcmp(bundle.refs.list[i].text, "HEAD") == 0 || cdb_ref_name_valid(bundle.refs.list[i].text));
            CHECK(cdb_bundle_find(&bundle.refs, bundle.refs.list[i].text) == &bundle.refs.list[i]);
        }
        cdb_bundle_encode(&bundle, &out);
        CHECK(cdb_bundle_measure(out.ptr, out.len) == out.len);
        CHECK(cdb_bundle_parse(&again, out.ptr, out.len) == 0);
        check_same(&bundle.refs, &again.refs);
        check_same(&bundle.bases, &again.bases);
        cdb_bundle_release(&again);
    } else {
        CHECK(chrondb_last_error()->code == CHRONDB_EDAMAGED);
    }
    cdb_bundle_release(&bundle);
    cdb_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memcpy(text, data, size);
    size_t header = cdb_bundle_measure(text, size);
    check_header(text, header > 0 ? header : size);
    if (header > 0)
        check_note(text + header, size - header, text, header);
    free(text);
    return 0;
}
