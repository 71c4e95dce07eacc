/* Reading the JSON of a query: values by their types, members by their names, and errors that name the path. */
#ifndef CDB_QUERY_MEMBERS_H
#define CDB_QUERY_MEMBERS_H

#include "doc/json.h"
#include "query/build.h"

struct cdb_query_json {
    struct cdb_json json;
    size_t len; /* of its text */
    struct cdb_query_builder builder;
};

/* Where a value is, from the inside out; `name` NULL: an element of an array, or the whole. */
struct cdb_query_path {
    const struct cdb_query_path *above; /* NULL: the whole */
    const char *name;
    size_t index;
};

/* Every member that anything in a query can have. */
enum cdb_query_member {
    CDB_QUERY_M_AFTER,
    CDB_QUERY_M_ANALYZER,
    CDB_QUERY_M_BOOST,
    CDB_QUERY_M_BRANCH,
    CDB_QUERY_M_CLAUSES,
    CDB_QUERY_M_DEFAULT_OPERATOR,
    CDB_QUERY_M_DIRECTION,
    CDB_QUERY_M_DISTANCE,
    CDB_QUERY_M_FIELD,
    CDB_QUERY_M_FILTER,
    CDB_QUERY_M_INCLUDE_LOWER,
    CDB_QUERY_M_INCLUDE_UPPER,
    CDB_QUERY_M_LIMIT,
    CDB_QUERY_M_LOWER,
    CDB_QUERY_M_MAX_EDITS,
    CDB_QUERY_M_MINIMUM_SHOULD_MATCH,
    CDB_QUERY_M_MUST,
    CDB_QUERY_M_MUST_NOT,
    CDB_QUERY_M_OFFSET,
    CDB_QUERY_M_OPERATOR,
    CDB_QUERY_M_PATTERN,
    CDB_QUERY_M_PREFIX,
    CDB_QUERY_M_SHOULD,
    CDB_QUERY_M_SLOP,
    CDB_QUERY_M_SORT,
    CDB_QUERY_M_TYPE,
    CDB_QUERY_M_UPPER,
    CDB_QUERY_M_VALUE,
    CDB_QUERY_M_VALUE_TYPE,
    CDB_QUERY_MEMBERS
};

#define CDB_QUERY_BIT(member) (UINT32_C(1) << CDB_QUERY_M_##member)

/* The nodes of an object's members, 0 for those that it does not have or that are null (but VALUE may be null). */
struct cdb_query_members {
    uint32_t at[CDB_QUERY_MEMBERS];
};

/* Set the error "not a valid query at PATH: ...", and the position of the node. */
int cdb_query_json_fail(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for an error that is set, which becomes the reason. */
int cdb_query_json_fail_within(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path);

const char *cdb_query_member_name(enum cdb_query_member member);
struct cdb_query_path cdb_query_member_path(const struct cdb_query_path *above, enum cdb_query_member member);

/* The members of the object at `node`; `allowed` are bits. Names may be spelt with '_' for '-', and with a '?' at the
 * end. It is an error if the node is no object, if a member is not allowed (`what` it is not allowed in, say "a
 * range"), or if one is given twice. */
int cdb_query_read_members(const struct cdb_query_json *in, uint32_t node, const struct cdb_query_path *path,
                           uint32_t allowed, const char *what, struct cdb_query_members *out);
/* The `type` of the object at `node`, which may have any members; 0 if it has none. */
uint32_t cdb_query_find_type(const struct cdb_query_json *in, uint32_t node);

/* The values of members, each checked. A member that is not there leaves `*out` as it is, unless it is `require`d. */
int cdb_query_require(const struct cdb_query_json *in, uint32_t object, const struct cdb_query_path *path,
                      const struct cdb_query_members *members, enum cdb_query_member member, const char *what);
int cdb_query_read_string(const struct cdb_query_json *in, const struct cdb_query_path *path,
                          const struct cdb_query_members *members, enum cdb_query_member member,
                          struct cdb_query_string *out);
int cdb_query_read_bool(const struct cdb_query_json *in, const struct cdb_query_path *path,
                        const struct cdb_query_members *members, enum cdb_query_member member, bool *out);
/* A number without fraction and exponent from `low` to `high`. */
int cdb_query_read_count(const struct cdb_query_json *in, const struct cdb_query_path *path,
                         const struct cdb_query_members *members, enum cdb_query_member member, uint64_t low,
                         uint64_t high, uint64_t *out);
/* One of `count` words, with '_' for '-' as in names: its index. */
int cdb_query_read_choice(const struct cdb_query_json *in, const struct cdb_query_path *path,
                          const struct cdb_query_members *members, enum cdb_query_member member,
                          const char *const *words, size_t count, size_t *out);
/* Any scalar, with its type. */
int cdb_query_read_scalar(const struct cdb_query_json *in, const struct cdb_query_path *path,
                          const struct cdb_query_members *members, enum cdb_query_member member,
                          struct cdb_query_value *out);

#endif
