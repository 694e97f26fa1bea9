/*
 * JSON in Cedar's entity format, straight to values.
 */

#ifndef POLICY_JSON_H
#define POLICY_JSON_H

#include "value.h"


/*
 * Kinds that only the reader knows: what JSON allows and Cedar refuses.
 * They are refused when a value is taken, not when it is read, since they
 * may stand where they are ignored.  u.i is the offset.
 */
enum {
    JSON_NULL = POLICY_KINDS,
    JSON_NUMBER,
    JSON_EXPR,
    JSON_UID,
    JSON_EXTN
};

typedef struct {
    policy_str_t          file;
    policy_str_t          text;
    size_t                at;
    policy_error_t       *error;
    policy_arena_t       *arena;
    unsigned              nesting;
    int                   extn;         /* the next object is of __extn */
    int                   strict;       /* refuse JSON_NUMBER at once, also
                                           where values are ignored */
    char                 *stack;        /* elements of open arrays, objects */
    size_t                stack_len;
    size_t                stack_size;
    policy_eval_error_t   extn_error;   /* of the first that failed */
    size_t                extn_offset;
} policy_json_t;


/* Refuses text that is too long or not UTF-8. */
policy_status_t policy_json_init(policy_json_t *json, policy_arena_t *arena,
    policy_str_t file, policy_str_t text, policy_error_t *error);

/* Returns the stack's memory; call it whatever init and read returned. */
void policy_json_stop(policy_json_t *json);

/* Skips space; the next byte, or 0 at the end. */
int policy_json_peek(policy_json_t *json);

/* Takes c, skipping space before it. */
policy_status_t policy_json_expect(policy_json_t *json, char c);

policy_status_t policy_json_no_memory(policy_json_t *json);

/* A long, or JSON_NUMBER. */
policy_status_t policy_json_number(policy_json_t *json,
    policy_value_t *value);
policy_status_t policy_json_word(policy_json_t *json, const char *word,
    policy_value_t v, policy_value_t *value);
policy_status_t policy_json_string(policy_json_t *json, policy_str_t *s);

/*
 * For readers of an object with fixed members: every key is noted, and at
 * the end, start being stack_len at the beginning, none may be repeated.
 */
policy_status_t policy_json_note_key(policy_json_t *json, policy_str_t key);
policy_status_t policy_json_check_keys(policy_json_t *json, size_t start,
    size_t offset);

/* Any value, escapes resolved; may hold the kinds above. */
policy_status_t policy_json_read(policy_json_t *json, policy_value_t *value);

/* An object as a record, whatever its keys are. */
policy_status_t policy_json_read_record(policy_json_t *json,
    policy_value_t *value);

/* Refuses a value with the kinds above in it. */
policy_status_t policy_json_check(policy_json_t *json,
    const policy_value_t *value);

policy_status_t policy_json_fail(policy_json_t *json, policy_status_t status,
    size_t offset, const char *message);

policy_status_t policy_json_end(policy_json_t *json);

/* uid, or {"type","id"} read as a record; NULL: neither, or a bad type. */
const policy_uid_t *policy_json_uid(policy_json_t *json,
    const policy_value_t *value);


#endif /* POLICY_JSON_H */
