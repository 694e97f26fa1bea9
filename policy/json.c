/* JSON in Cedar's entity format, straight to values. */

#include "json.h"
#include "ext.h"


#define FLAG_RAW  1     /* an array as written: not ordered, not distinct */


policy_status_t
policy_json_fail(policy_json_t *json, policy_status_t status, size_t offset,
    const char *message)
{
    return policy_fail(json->error, status, json->file, json->text, offset,
                       "%s", message);
}


static policy_status_t
no_memory(policy_json_t *json)
{
    if (json->arena->base != NULL) {
        return policy_json_fail(json, POLICY_LIMIT, json->at,
                                "arena is full");
    }

    return policy_fail_plain(json->error, POLICY_NO_MEMORY, "no memory");
}


policy_status_t
policy_json_init(policy_json_t *json, policy_arena_t *arena,
    policy_str_t file, policy_str_t text, policy_error_t *error)
{
    size_t  valid;

    memset(json, 0, sizeof(policy_json_t));

    json->file = file;
    json->text = text;
    json->error = error;
    json->arena = arena;

    if (text.len > POLICY_MAX_TEXT) {
        return policy_json_fail(json, POLICY_LIMIT, 0, "text is too long");
    }

    valid = policy_utf8_valid(text);

    if (valid < text.len) {
        return policy_json_fail(json, POLICY_SYNTAX, valid,
                                "invalid UTF-8");
    }

    /* in a fixed arena the stack borrows the upper half for the while */

    if (arena->base != NULL) {
        json->stack_size = (size_t) (arena->end - arena->cur) / 2
                           & ~(size_t) (POLICY_ALIGN - 1);
        arena->end -= json->stack_size;
        json->stack = arena->end;
    }

    return POLICY_OK;
}


void
policy_json_stop(policy_json_t *json)
{
    if (json->arena->base != NULL) {
        json->arena->end += json->stack_size;
    } else {
        policy_memory_free(&json->arena->memory, json->stack,
                           json->stack_size);
    }

    json->stack = NULL;
    json->stack_size = 0;
}


static policy_status_t
push(policy_json_t *json, const void *item, size_t size)
{
    char    *p;
    size_t   more;

    if (json->stack_size - json->stack_len < size) {
        if (json->arena->base != NULL) {
            return no_memory(json);
        }

        more = json->stack_size == 0 ? 1024 : json->stack_size * 2;

        p = policy_memory_alloc(&json->arena->memory, more);
        if (p == NULL) {
            return no_memory(json);
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


int
policy_json_peek(policy_json_t *json)
{
    char  c;

    for ( /* void */ ; json->at < json->text.len; json->at++) {
        c = json->text.data[json->at];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return (unsigned char) c;
        }
    }

    return 0;
}


policy_status_t
policy_json_expect(policy_json_t *json, char c)
{
    char  message[] = "expected \"?\"";

    if (policy_json_peek(json) == (unsigned char) c) {
        json->at++;
        return POLICY_OK;
    }

    message[10] = c;

    return policy_json_fail(json, POLICY_SYNTAX, json->at, message);
}


policy_status_t
policy_json_end(policy_json_t *json)
{
    policy_json_peek(json);

    return json->at == json->text.len
           ? POLICY_OK
           : policy_json_fail(json, POLICY_SYNTAX, json->at,
                              "text after the end of the value");
}


/* four hex digits at s; -1: not that */
static int32_t
hex4(const char *s, size_t len)
{
    char      c;
    size_t    i;
    int32_t   v;

    if (len < 4) {
        return -1;
    }

    v = 0;

    for (i = 0; i < 4; i++) {
        c = s[i];

        if (c >= '0' && c <= '9') {
            v = v << 4 | (c - '0');

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            v = v << 4 | ((c | 0x20) - 'a' + 10);

        } else {
            return -1;
        }
    }

    return v;
}


/* \uXXXX, the "u" being s[0]; a pair of surrogates is one; 0: bad */
static size_t
unescape_u(const char *s, size_t len, uint32_t *c)
{
    int32_t  high, low;

    high = hex4(s + 1, len - 1);

    if (high < 0 || (high >= 0xdc00 && high < 0xe000)) {
        return 0;
    }

    if (high < 0xd800 || high > 0xdbff) {
        *c = (uint32_t) high;
        return 5;
    }

    if (len < 11 || s[5] != '\\' || s[6] != 'u') {
        return 0;
    }

    low = hex4(s + 7, len - 7);

    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }

    *c = (uint32_t) (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));

    return 11;
}


static size_t
unescape_one(const char *s, size_t len, uint32_t *c)
{
    static const char  letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char        *p;

    if (s[0] == 'u') {
        return unescape_u(s, len, c);
    }

    p = s[0] == '\0' ? NULL : strchr(letters, s[0]);
    if (p == NULL) {
        return 0;
    }

    *c = (unsigned char) bytes[p - letters];

    return 1;
}


static policy_status_t
unescape(policy_json_t *json, policy_str_t in, policy_str_t *s)
{
    char      *out, *p;
    size_t     i, n;
    uint32_t   c;

    out = policy_alloc(json->arena, in.len + 1);
    if (out == NULL) {
        return no_memory(json);
    }

    p = out;

    for (i = 0; i < in.len; i += n) {
        if (in.data[i] != '\\') {
            *p++ = in.data[i];
            n = 1;
            continue;
        }

        n = unescape_one(in.data + i + 1, in.len - i - 1, &c);

        if (n == 0) {
            return policy_json_fail(json, POLICY_SYNTAX,
                                    (size_t) (in.data + i - json->text.data),
                                    "bad escape in a string");
        }

        n++;
        p += policy_utf8_encode(c, p);
    }

    s->data = out;
    s->len = (size_t) (p - out);

    return POLICY_OK;
}


policy_status_t
policy_json_string(policy_json_t *json, policy_str_t *s)
{
    char          c;
    int           escaped;
    size_t        i, start;
    policy_str_t  in;

    if (policy_json_peek(json) != '"') {
        return policy_json_fail(json, POLICY_SYNTAX, json->at,
                                "expected a string");
    }

    start = json->at;
    escaped = 0;

    for (i = start + 1; i < json->text.len; i++) {
        c = json->text.data[i];

        if (c == '"') {
            break;
        }

        if ((unsigned char) c < 0x20) {
            return policy_json_fail(json, POLICY_SYNTAX, i,
                                    "control character in a string");
        }

        if (c == '\\') {
            escaped = 1;
            i++;
        }
    }

    if (i >= json->text.len) {
        return policy_json_fail(json, POLICY_SYNTAX, start,
                                "string is not closed");
    }

    in.data = json->text.data + start + 1;
    in.len = i - start - 1;
    json->at = i + 1;

    if (escaped) {
        return unescape(json, in, s);
    }

    *s = in;

    if (json->arena->copies) {
        *s = policy_str_copy(json->arena, in);
        if (s->data == NULL) {
            return no_memory(json);
        }
    }

    return POLICY_OK;
}


static size_t
skip_digits(policy_json_t *json)
{
    size_t  start;

    for (start = json->at;
         json->at < json->text.len && json->text.data[json->at] >= '0'
         && json->text.data[json->at] <= '9';
         json->at++)
    {
        /* void */
    }

    return json->at - start;
}


/* "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)? */
static policy_status_t
read_number(policy_json_t *json, policy_value_t *value)
{
    int          minus, whole;
    size_t       i, start, first, n;
    int64_t      v;
    const char  *s;

    s = json->text.data;
    start = json->at;
    minus = s[json->at] == '-';
    json->at += (size_t) minus;
    first = json->at;
    n = skip_digits(json);

    if (n == 0 || (n > 1 && s[first] == '0')) {
        return policy_json_fail(json, POLICY_SYNTAX, start, "bad number");
    }

    v = 0;
    whole = !(minus && n == 1 && s[first] == '0');      /* "-0" is a float */

    for (i = first; i < json->at; i++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_sub_overflow(v, s[i] - '0', &v))
        {
            whole = 0;
            break;
        }
    }

    if (!minus && __builtin_sub_overflow(0, v, &v)) {
        whole = 0;
    }

    if (json->at < json->text.len && s[json->at] == '.') {
        whole = 0;
        json->at++;

        if (skip_digits(json) == 0) {
            return policy_json_fail(json, POLICY_SYNTAX, start,
                                    "bad number");
        }
    }

    if (json->at < json->text.len && (s[json->at] | 0x20) == 'e') {
        whole = 0;
        json->at++;

        if (json->at < json->text.len
            && (s[json->at] == '+' || s[json->at] == '-'))
        {
            json->at++;
        }

        if (skip_digits(json) == 0) {
            return policy_json_fail(json, POLICY_SYNTAX, start,
                                    "bad number");
        }
    }

    *value = whole ? policy_long(v)
                   : policy_value_make(JSON_NUMBER, (int64_t) start);

    return POLICY_OK;
}


static policy_status_t
read_word(policy_json_t *json, const char *word, policy_value_t v,
    policy_value_t *value)
{
    size_t  n;

    n = strlen(word);

    if (json->text.len - json->at < n
        || memcmp(json->text.data + json->at, word, n) != 0)
    {
        return policy_json_fail(json, POLICY_SYNTAX, json->at,
                                "expected a value");
    }

    json->at += n;
    *value = v;

    return POLICY_OK;
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
    size_t            start, open;
    int64_t           work;
    policy_value_t   *items, v;
    policy_status_t   rc;

    start = json->stack_len;
    open = json->at++;

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

    open = (json->stack_len - start) / sizeof(v);

    items = pop(json, start);
    if (items == NULL) {
        return no_memory(json);
    }

    work = INT64_MAX;
    rc = policy_set_make(items, raw ? 0 : open, &work, value);

    if (rc == POLICY_OK && raw) {
        value->len = (uint32_t) open;
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
        return no_memory(json);
    }

    policy_uid_make(uid, policy_value_text(type), policy_value_text(id));
    *value = policy_entity(uid);

    return POLICY_OK;
}


/* {"__entity": {"type": T, "id": I}}; else the record stays a record */
static policy_status_t
resolve_entity(policy_json_t *json, size_t offset,
    const policy_value_t *inner, policy_value_t *value)
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
        return no_memory(json);
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
        return no_memory(json);
    }

    rc = policy_record_make(fields, n, NULL, value);

    if (rc == POLICY_DUPLICATE) {
        *value = policy_value_make(JSON_DUPLICATE, (int64_t) offset);
        return POLICY_OK;
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
        return read_word(json, "true", policy_bool(1), value);

    case 'f':
        return read_word(json, "false", policy_bool(0), value);

    case 'n':
        return read_word(json, "null",
                         policy_value_make(JSON_NULL, (int64_t) json->at),
                         value);

    default:
        if (c == '-' || (c >= '0' && c <= '9')) {
            return read_number(json, value);
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

    case JSON_DUPLICATE:
        return policy_json_fail(json, POLICY_DUPLICATE, at,
                                "object has a repeated key");

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


/* here other members may stand beside "__entity", unlike in a value */
const policy_uid_t *
policy_json_uid(policy_json_t *json, const policy_value_t *value)
{
    policy_value_t         v;
    const policy_value_t  *inner;

    if (value->kind == POLICY_RECORD) {
        inner = member(value, "__entity");
        v = policy_value_make(POLICY_NONE, 0);

        if (resolve_entity(json, 0, inner != NULL ? inner : value, &v)
            == POLICY_OK && v.kind == POLICY_ENTITY)
        {
            return v.u.p;
        }
    }

    return value->kind == POLICY_ENTITY ? value->u.p : NULL;
}


static policy_status_t
read_text(policy_arena_t *arena, policy_str_t text, policy_value_t *value,
    policy_error_t *error)
{
    policy_json_t    json;
    policy_status_t  rc;

    rc = policy_json_init(&json, arena, POLICY_STR(""), text, error);

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
