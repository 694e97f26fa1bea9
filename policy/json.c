/* JSON in Cedar's entity format, straight to values. */

#include "json.h"
#include "ext.h"


#define FLAG_RAW  1     /* an array as written: not ordered, not distinct */


static policy_status_t
push(policy_json_t *json, const void *item, size_t size)
{
    char    *p;
    size_t   more;

    if (json->stack_size - json->stack_len < size) {
        if (json->arena->base != NULL) {
            return policy_json_no_memory(json);
        }

        more = json->stack_size == 0 ? 1024 : json->stack_size * 2;

        p = policy_memory_alloc(&json->arena->memory, more);
        if (p == NULL) {
            return policy_json_no_memory(json);
        }

        if (json->stack_len != 0) {
            memcpy(p, json->stack, json->stack_len);
        }

        policy_memory_free(&json->arena->memory, json->stack,
                           json->stack_size);
        json->stack = p;
        json->stack_size = more;
    }

    memcpy(json->stack + json->stack_len, item, size);
    json->stack_len += size;

    return POLICY_OK;
}


policy_status_t
policy_json_note_key(policy_json_t *json, policy_str_t key)
{
    policy_field_t  field;

    field.name = policy_name(key);
    field.value = policy_bool(0);

    return push(json, &field, sizeof(field));
}


policy_status_t
policy_json_check_keys(policy_json_t *json, size_t start, size_t offset)
{
    size_t           n;
    policy_field_t  *fields;

    n = (json->stack_len - start) / sizeof(policy_field_t);

    if (n == 0) {
        return POLICY_OK;
    }

    fields = (policy_field_t *) (void *) (json->stack + start);
    json->stack_len = start;

    return policy_fields_order(fields, n) == n
           ? POLICY_OK
           : policy_json_fail(json, POLICY_DUPLICATE, offset,
                              "object has a repeated key");
}


/* Moves what was pushed since start into the arena. */
static void *
pop(policy_json_t *json, size_t start)
{
    void    *p;
    size_t   len;

    len = json->stack_len - start;

    p = policy_alloc(json->arena, len);
    if (p != NULL && len != 0) {
        memcpy(p, json->stack + start, len);
    }

    json->stack_len = start;

    return p;
}


static void
order(policy_value_t *set)
{
    int64_t          work;
    policy_value_t  *items;

    work = INT64_MAX;
    items = (policy_value_t *) (uintptr_t) set->u.p;
    set->flag = 0;
    set->len = (uint32_t) policy_values_order(items, set->len, &work);
}


/* "[" [ value { "," value } ] "]" */
static policy_status_t
read_array(policy_json_t *json, int raw, policy_value_t *value)
{
    size_t            start, n;
    int64_t           work;
    policy_value_t   *items, v;
    policy_status_t   rc;

    start = json->stack_len;
    json->at++;

    if (policy_json_peek(json) == ']') {
        json->at++;

    } else {
        for ( ;; ) {
            if ((rc = policy_json_read(json, &v)) != POLICY_OK
                || (rc = push(json, &v, sizeof(v))) != POLICY_OK)
            {
                return rc;
            }

            if (policy_json_peek(json) != ',') {
                break;
            }

            json->at++;
        }

        rc = policy_json_expect(json, ']');
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    n = (json->stack_len - start) / sizeof(v);

    items = pop(json, start);
    if (items == NULL) {
        return policy_json_no_memory(json);
    }

    work = INT64_MAX;
    rc = policy_set_make(items, raw ? 0 : n, &work, value);

    if (rc == POLICY_OK && raw) {
        value->len = (uint32_t) n;
        value->flag = FLAG_RAW;
        value->depth = POLICY_MAX_NESTING;
    }

    return rc;
}


static const policy_value_t *
member(const policy_value_t *record, const char *name)
{
    policy_name_t  n;

    n = policy_name((policy_str_t) { name, strlen(name) });

    return policy_field_find(record->u.p, record->len, &n);
}


static policy_status_t
make_uid(policy_json_t *json, const policy_value_t *type,
    const policy_value_t *id, policy_value_t *value)
{
    policy_uid_t  *uid;

    uid = policy_alloc(json->arena, sizeof(policy_uid_t));
    if (uid == NULL) {
        return policy_json_no_memory(json);
    }

    policy_uid_make(uid, policy_value_text(type), policy_value_text(id));
    *value = policy_entity(uid);

    return POLICY_OK;
}


/* {"__entity": {"type": T, "id": I}}; else the record stays a record */
static policy_status_t
resolve_entity(policy_json_t *json, size_t offset, const policy_value_t *inner,
    policy_value_t *value)
{
    const policy_value_t  *type, *id;

    if (inner->kind != POLICY_RECORD) {
        return POLICY_OK;
    }

    type = member(inner, "type");
    id = member(inner, "id");

    if (type == NULL || type->kind != POLICY_STRING
        || id == NULL || id->kind != POLICY_STRING)
    {
        return POLICY_OK;
    }

    if (!policy_is_path(policy_value_text(type))) {
        *value = policy_value_make(JSON_UID, (int64_t) offset);
        return POLICY_OK;
    }

    return make_uid(json, type, id, value);
}


static policy_status_t
call_extn(policy_json_t *json, size_t offset, policy_str_t fn,
    const policy_value_t *args, size_t n, policy_value_t *value)
{
    uint8_t              id;
    policy_status_t      rc;
    policy_eval_error_t  error;

    memset(&error, 0, sizeof(error));

    if (policy_ext_find(fn, &id) == NULL) {
        rc = POLICY_INVALID;
    } else {
        rc = policy_ext_call(id, args, n, json->arena, value, &error);
    }

    if (rc == POLICY_LIMIT || rc == POLICY_NO_MEMORY) {
        return policy_json_no_memory(json);
    }

    if (rc != POLICY_OK) {
        if (json->extn_error.kind == 0) {
            json->extn_error = error;
            json->extn_offset = offset;
        }

        *value = policy_value_make(JSON_EXTN, (int64_t) offset);
    }

    return POLICY_OK;
}


/* {"__extn": {"fn": F, "arg": A}}, or "args": [A...] */
static policy_status_t
resolve_extn(policy_json_t *json, size_t offset, policy_value_t *inner,
    policy_value_t *value)
{
    policy_value_t  *fn, *arg, *args;

    if (inner->kind != POLICY_RECORD) {
        return POLICY_OK;
    }

    fn = (policy_value_t *) (uintptr_t) member(inner, "fn");
    arg = (policy_value_t *) (uintptr_t) member(inner, "arg");
    args = (policy_value_t *) (uintptr_t) member(inner, "args");

    if (fn != NULL && fn->kind == POLICY_STRING) {
        if (arg != NULL) {
            return call_extn(json, offset, policy_value_text(fn), arg, 1,
                             value);
        }

        if (args != NULL && args->kind == POLICY_SET) {
            return call_extn(json, offset, policy_value_text(fn), args->u.p,
                             args->len, value);
        }
    }

    return POLICY_OK;
}


/* Arrays kept as written for a call that did not come about. */
static void
settle_args(policy_value_t *inner)
{
    policy_value_t  *args;

    if (inner->kind != POLICY_RECORD) {
        return;
    }

    args = (policy_value_t *) (uintptr_t) member(inner, "args");

    if (args != NULL && args->kind == POLICY_SET && args->flag == FLAG_RAW) {
        order(args);
    }
}


static policy_status_t
resolve_escape(policy_json_t *json, size_t offset, policy_field_t *field,
    policy_value_t *value)
{
    policy_str_t     key;
    policy_status_t  rc;

    key.data = field->name.name;
    key.len = field->name.len;

    if (policy_str_equal(key, POLICY_STR("__entity"))) {
        return resolve_entity(json, offset, &field->value, value);
    }

    if (policy_str_equal(key, POLICY_STR("__extn"))) {
        rc = resolve_extn(json, offset, &field->value, value);
        settle_args(&field->value);
        return rc;
    }

    if (policy_str_equal(key, POLICY_STR("__expr"))
        && field->value.kind == POLICY_STRING)
    {
        *value = policy_value_make(JSON_EXPR, (int64_t) offset);
    }

    return POLICY_OK;
}


static policy_status_t
read_field(policy_json_t *json, int in_extn)
{
    policy_str_t     key;
    policy_field_t   field;
    policy_status_t  rc;

    if ((rc = policy_json_string(json, &key)) != POLICY_OK
        || (rc = policy_json_expect(json, ':')) != POLICY_OK)
    {
        return rc;
    }

    field.name = policy_name(key);
    json->extn = policy_str_equal(key, POLICY_STR("__extn"));

    /* the order of arguments matters, that of a set's elements does not */

    if (in_extn && policy_str_equal(key, POLICY_STR("args"))
        && policy_json_peek(json) == '[')
    {
        if (json->nesting == POLICY_MAX_NESTING) {
            return policy_json_fail(json, POLICY_LIMIT, json->at,
                                    "nesting is too deep");
        }

        json->nesting++;
        rc = read_array(json, 1, &field.value);
        json->nesting--;

    } else {
        rc = policy_json_read(json, &field.value);
    }

    return rc == POLICY_OK ? push(json, &field, sizeof(field)) : rc;
}


/* "{" [ string ":" value { "," string ":" value } ] "}" */
static policy_status_t
read_object(policy_json_t *json, int escapes, policy_value_t *value)
{
    int               in_extn;
    size_t            start, n, offset;
    policy_field_t   *fields;
    policy_status_t   rc;

    in_extn = json->extn;
    json->extn = 0;
    start = json->stack_len;
    offset = json->at++;

    if (policy_json_peek(json) == '}') {
        json->at++;

    } else {
        for ( ;; ) {
            rc = read_field(json, in_extn);
            if (rc != POLICY_OK) {
                return rc;
            }

            if (policy_json_peek(json) != ',') {
                break;
            }

            json->at++;
        }

        rc = policy_json_expect(json, '}');
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    n = (json->stack_len - start) / sizeof(policy_field_t);

    fields = pop(json, start);
    if (fields == NULL) {
        return policy_json_no_memory(json);
    }

    rc = policy_record_make(fields, n, NULL, value);

    if (rc == POLICY_DUPLICATE) {
        return policy_json_fail(json, rc, offset,
                                "object has a repeated key");
    }

    if (rc == POLICY_OK && n == 1 && escapes) {
        return resolve_escape(json, offset, fields, value);
    }

    for (start = 0; rc == POLICY_OK && start < n; start++) {
        settle_args(&fields[start].value);
    }

    return rc;
}


static policy_status_t
read_any(policy_json_t *json, int c, policy_value_t *value)
{
    policy_str_t     s;
    policy_status_t  rc;

    switch (c) {

    case '{':
        return read_object(json, 1, value);

    case '[':
        return read_array(json, 0, value);

    case '"':
        rc = policy_json_string(json, &s);
        if (rc == POLICY_OK) {
            *value = policy_string(s.data, s.len);
        }

        return rc;

    case 't':
        return policy_json_word(json, "true", policy_bool(1), value);

    case 'f':
        return policy_json_word(json, "false", policy_bool(0), value);

    case 'n':
        return policy_json_word(json, "null",
                                policy_value_make(JSON_NULL,
                                                  (int64_t) json->at),
                                value);

    default:
        if (c == '-' || (c >= '0' && c <= '9')) {
            return policy_json_number(json, value);
        }

        return policy_json_fail(json, POLICY_SYNTAX, json->at,
                                "expected a value");
    }
}


policy_status_t
policy_json_read(policy_json_t *json, policy_value_t *value)
{
    int              c;
    policy_status_t  rc;

    c = policy_json_peek(json);

    if (c != '{') {
        json->extn = 0;
    }

    if (json->nesting == POLICY_MAX_NESTING) {
        return policy_json_fail(json, POLICY_LIMIT, json->at,
                                "nesting is too deep");
    }

    json->nesting++;
    rc = read_any(json, c, value);
    json->nesting--;

    return rc;
}


policy_status_t
policy_json_read_record(policy_json_t *json, policy_value_t *value)
{
    if (policy_json_peek(json) != '{') {
        return policy_json_fail(json, POLICY_INVALID, json->at,
                                "expected an object");
    }

    json->extn = 0;

    return read_object(json, 0, value);
}


static policy_status_t
refuse_kind(policy_json_t *json, const policy_value_t *v)
{
    size_t      at;
    char        text[160];

    at = (size_t) v->u.i;

    switch (v->kind) {

    case JSON_NULL:
        return policy_json_fail(json, POLICY_INVALID, at,
                                "Cedar has no null");

    case JSON_NUMBER:
        return policy_json_fail(json, POLICY_INVALID, at,
                                "number is no 64-bit integer");

    case JSON_EXPR:
        return policy_json_fail(json, POLICY_INVALID, at,
                                "`__expr` is not supported");

    case JSON_UID:
        return policy_json_fail(json, POLICY_INVALID, at,
                                "`type` is no entity type");

    default: /* JSON_EXTN */
        if (json->extn_offset != at || json->extn_error.kind == 0) {
            return policy_json_fail(json, POLICY_INVALID, at,
                                    "bad extension value");
        }

        policy_eval_error_print(&json->extn_error, text, sizeof(text));
        return policy_json_fail(json, POLICY_INVALID, at, text);
    }
}


policy_status_t
policy_json_check(policy_json_t *json, const policy_value_t *value)
{
    uint32_t               i;
    policy_status_t        rc;
    const policy_field_t  *fields;
    const policy_value_t  *items;

    if (value->kind >= POLICY_KINDS) {
        return refuse_kind(json, value);
    }

    if (value->kind == POLICY_SET) {
        items = value->u.p;

        for (i = 0; i < value->len; i++) {
            rc = policy_json_check(json, &items[i]);
            if (rc != POLICY_OK) {
                return rc;
            }
        }
    }

    if (value->kind == POLICY_RECORD) {
        fields = value->u.p;

        for (i = 0; i < value->len; i++) {
            rc = policy_json_check(json, &fields[i].value);
            if (rc != POLICY_OK) {
                return rc;
            }
        }
    }

    return POLICY_OK;
}


/*
 * Unlike in a value, other members may stand beside "__entity" here, and
 * one that is no uid gives way to type and id.
 */
const policy_uid_t *
policy_json_uid(policy_json_t *json, const policy_value_t *value)
{
    policy_value_t         v;
    const policy_value_t  *inner;

    if (value->kind != POLICY_RECORD) {
        return value->kind == POLICY_ENTITY ? value->u.p : NULL;
    }

    inner = member(value, "__expr");

    if (inner != NULL && inner->kind == POLICY_STRING) {
        return NULL;
    }

    v = policy_value_make(POLICY_NONE, 0);
    inner = member(value, "__entity");

    if (inner != NULL && resolve_entity(json, 0, inner, &v) != POLICY_OK) {
        return NULL;
    }

    if (v.kind == POLICY_NONE
        && resolve_entity(json, 0, value, &v) != POLICY_OK)
    {
        return NULL;
    }

    return v.kind == POLICY_ENTITY ? v.u.p : NULL;
}


static policy_status_t
read_text(policy_arena_t *arena, policy_str_t text, policy_value_t *value,
    policy_error_t *error)
{
    policy_json_t    json;
    policy_status_t  rc;

    rc = policy_json_init(&json, arena, POLICY_STR(""), text, error);
    json.strict = 1;

    if (rc == POLICY_OK) {
        rc = policy_json_read(&json, value);
    }

    if (rc == POLICY_OK) {
        rc = policy_json_end(&json);
    }

    if (rc == POLICY_OK) {
        rc = policy_json_check(&json, value);
    }

    policy_json_stop(&json);

    return rc;
}


policy_status_t
policy_json(policy_arena_t *arena, policy_str_t text, policy_value_t *value,
    policy_error_t *error)
{
    return read_text(arena, text, value, error);
}


policy_status_t
policy_json_context(policy_arena_t *arena, policy_str_t text,
    policy_value_t *value, policy_error_t *error)
{
    policy_status_t  rc;

    rc = read_text(arena, text, value, error);

    if (rc == POLICY_OK && value->kind != POLICY_RECORD) {
        return policy_fail(error, POLICY_INVALID, POLICY_STR(""), text, 0,
                           "context must be an object");
    }

    return rc;
}
