/* Schemas in JSON: objects, annotations, types. */

#include "schema_json.h"


static const policy_str_t  no_name = { "", 0 };

/* Offset of the value that follows. */
uint32_t
schema_json_place(schema_json_t *r)
{
    policy_json_peek(&r->json);

    return (uint32_t) r->json.at;
}


policy_status_t
schema_json_refuse(schema_json_t *r, policy_status_t status, uint32_t at,
    const char *message)
{
    return schema_fail(r->schema, status, at, message, no_name);
}


policy_status_t
schema_json_object(schema_json_t *r, schema_json_member_pt member, void *data)
{
    uint32_t         at;
    policy_str_t     key;
    policy_status_t  rc;

    if (policy_json_peek(&r->json) != '{') {
        return schema_json_refuse(r, POLICY_INVALID, schema_json_place(r),
                                  "expected an object");
    }

    if (r->nesting == POLICY_MAX_NESTING) {
        return schema_json_refuse(r, POLICY_LIMIT, schema_json_place(r),
                                  "nesting is too deep");
    }

    r->nesting++;
    r->json.at++;

    rc = POLICY_OK;

    if (policy_json_peek(&r->json) == '}') {
        r->json.at++;
        r->nesting--;
        return rc;
    }

    while (rc == POLICY_OK) {
        at = schema_json_place(r);

        if ((rc = policy_json_string(&r->json, &key)) != POLICY_OK
            || (rc = policy_json_expect(&r->json, ':')) != POLICY_OK
            || (rc = member(r, data, key, at)) != POLICY_OK)
        {
            break;
        }

        if (policy_json_peek(&r->json) != ',') {
            rc = policy_json_expect(&r->json, '}');
            break;
        }

        r->json.at++;
    }

    r->nesting--;

    return rc;
}


policy_status_t
schema_json_array(schema_json_t *r, schema_json_item_pt item, void *data)
{
    policy_status_t  rc;

    if (policy_json_peek(&r->json) != '[') {
        return schema_json_refuse(r, POLICY_INVALID, schema_json_place(r),
                                  "expected an array");
    }

    r->json.at++;

    if (policy_json_peek(&r->json) == ']') {
        r->json.at++;
        return POLICY_OK;
    }

    for ( ;; ) {
        rc = item(r, data);
        if (rc != POLICY_OK) {
            return rc;
        }

        if (policy_json_peek(&r->json) != ',') {
            return policy_json_expect(&r->json, ']');
        }

        r->json.at++;
    }
}


policy_status_t
schema_json_string(schema_json_t *r, policy_str_t *s)
{
    if (policy_json_peek(&r->json) != '"') {
        return schema_json_refuse(r, POLICY_INVALID, schema_json_place(r),
                                  "expected a string");
    }

    return policy_json_string(&r->json, s);
}


static policy_status_t
read_bool(schema_json_t *r, int *b)
{
    int              c;
    policy_value_t   value;
    policy_status_t  rc;

    c = policy_json_peek(&r->json);

    if (c != 't' && c != 'f') {
        return schema_json_refuse(r, POLICY_INVALID, schema_json_place(r),
                                  "expected a boolean");
    }

    rc = policy_json_word(&r->json, c == 't' ? "true" : "false",
                          policy_bool(c == 't'), &value);
    *b = c == 't';

    return rc;
}


/* Takes a null, if one stands here. */
policy_status_t
schema_json_null(schema_json_t *r, int *is_null)
{
    policy_value_t  value;

    *is_null = policy_json_peek(&r->json) == 'n';

    return *is_null ? policy_json_word(&r->json, "null", policy_bool(0),
                                       &value)
                    : POLICY_OK;
}


/* The key's place among names, which is then marked in *seen. */
policy_status_t
schema_json_key(schema_json_t *r, policy_str_t key, uint32_t at,
    const char *const *names, unsigned n, unsigned *seen, unsigned *found)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        if (key.len == strlen(names[i])
            && memcmp(key.data, names[i], key.len) == 0)
        {
            break;
        }
    }

    if (i == n) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "unknown field `%S`", key);
    }

    if (*seen & 1u << i) {
        return schema_fail(r->schema, POLICY_DUPLICATE, at,
                           "field `%S` is repeated", key);
    }

    *seen |= 1u << i;
    *found = i;

    return POLICY_OK;
}


typedef struct note_s  note_t;

struct note_s {
    note_t        *next;
    policy_str_t   name;
};

typedef struct {
    note_t    *list;
    unsigned   n;
} notes_t;

#define NOTES_MAX  1000


static policy_status_t
read_note(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    int              is_null;
    note_t          *note;
    notes_t         *notes;
    policy_str_t     value;
    policy_status_t  rc;

    notes = data;

    if (!policy_is_ident(key)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` is no name of an annotation", key);
    }

    if (notes->n++ == NOTES_MAX) {
        return schema_json_refuse(r, POLICY_LIMIT, at, "too many annotations");
    }

    for (note = notes->list; note != NULL; note = note->next) {
        if (policy_str_equal(note->name, key)) {
            return schema_fail(r->schema, POLICY_DUPLICATE, at,
                               "annotation `%S` is repeated", key);
        }
    }

    note = policy_alloc(&r->schema->arena, sizeof(note_t));
    if (note == NULL) {
        return schema_no_memory(r->schema);
    }

    note->name = key;
    note->next = notes->list;
    notes->list = note;

    rc = schema_json_null(r, &is_null);

    return rc != POLICY_OK || is_null ? rc : schema_json_string(r, &value);
}


/* *n: how many there are.  They mean nothing, but must be well formed. */
policy_status_t
schema_json_notes(schema_json_t *r, unsigned *n)
{
    notes_t          notes;
    policy_status_t  rc;

    memset(&notes, 0, sizeof(notes));

    rc = schema_json_object(r, read_note, &notes);

    if (n != NULL) {
        *n = notes.n;
    }

    return rc;
}


/* Types.  ORDER FIELDS: field_names */
enum {
    FIELD_TYPE = 0,
    FIELD_ELEMENT,
    FIELD_ATTRIBUTES,
    FIELD_ADDITIONAL,
    FIELD_NAME,
    FIELD_ANNOTATIONS,      /* of attributes and common types alone, */
    FIELD_REQUIRED          /*   of attributes alone */
};

/* ORDER FIELDS */
static const char *const  field_names[] = {
    "type", "element", "attributes", "additionalAttributes", "name",
    "annotations", "required"
};

typedef struct {
    unsigned              known;        /* so many of field_names may be */
    unsigned              seen;
    policy_str_t          type;
    policy_str_t          name;
    uint32_t              name_at;
    int                   additional;
    uint32_t              additional_at;
    int                   required;
    const schema_type_t  *element;
    schema_type_t        *record;       /* of its attributes */
} type_t;

typedef struct field_link_s  field_link_t;

struct field_link_s {
    field_link_t    *next;
    schema_field_t   field;
};

typedef struct {
    field_link_t  **last;
    uint32_t        n;
} field_list_t;


static policy_status_t read_fields(schema_json_t *r, unsigned known,
    int *required, const schema_type_t **type);


static policy_status_t
read_attribute(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    int              required;
    field_link_t    *link;
    field_list_t    *list;
    policy_status_t  rc;

    list = data;

    link = policy_alloc(&r->schema->arena, sizeof(field_link_t));
    if (link == NULL) {
        return schema_no_memory(r->schema);
    }

    rc = read_fields(r, FIELD_REQUIRED + 1, &required, &link->field.type);

    link->next = NULL;
    link->field.name = policy_name(key);
    link->field.offset = at;
    link->field.optional = !required;

    *list->last = link;
    list->last = &link->next;
    list->n++;

    return rc;
}


static policy_status_t
read_attributes(schema_json_t *r, schema_type_t **type)
{
    uint32_t               i;
    field_link_t          *links;
    field_list_t           list;
    schema_type_t         *record;
    policy_status_t        rc;
    const schema_field_t  *again;

    links = NULL;
    list.last = &links;
    list.n = 0;

    record = schema_new_type(&r->schema->arena, TYPE_RECORD,
                             schema_json_place(r));
    if (record == NULL) {
        return schema_no_memory(r->schema);
    }

    rc = schema_json_object(r, read_attribute, &list);
    if (rc != POLICY_OK) {
        return rc;
    }

    record->n = list.n;
    record->u.fields = policy_alloc_array(&r->schema->arena, list.n,
                                          sizeof(schema_field_t));
    if (record->u.fields == NULL) {
        return schema_no_memory(r->schema);
    }

    for (i = 0; links != NULL; links = links->next) {
        record->u.fields[i++] = links->field;
    }

    schema_order_fields(record, &again);

    if (again != NULL) {
        return schema_fail(r->schema, POLICY_DUPLICATE, again->offset,
                           "attribute `%S` is repeated",
                           (policy_str_t) { again->name.name,
                                            again->name.len });
    }

    *type = record;

    return POLICY_OK;
}


static policy_status_t
read_type_member(schema_json_t *r, void *data, policy_str_t key, uint32_t at)
{
    type_t          *t;
    unsigned         found;
    policy_status_t  rc;

    t = data;

    rc = schema_json_key(r, key, at, field_names, t->known, &t->seen, &found);
    if (rc != POLICY_OK) {
        return rc;
    }

    switch (found) {

    case FIELD_TYPE:
        return schema_json_string(r, &t->type);

    case FIELD_ELEMENT:
        return schema_json_type(r, &t->element);

    case FIELD_ATTRIBUTES:
        return read_attributes(r, &t->record);

    case FIELD_ADDITIONAL:
        t->additional_at = at;
        return read_bool(r, &t->additional);

    case FIELD_NAME:
        t->name_at = schema_json_place(r);
        return schema_json_string(r, &t->name);

    case FIELD_ANNOTATIONS:
        return schema_json_notes(r, NULL);

    default: /* FIELD_REQUIRED */
        return read_bool(r, &t->required);
    }
}


#define BIT(field)  (1u << (field))
#define ALWAYS      (BIT(FIELD_TYPE) | BIT(FIELD_ANNOTATIONS) \
                     | BIT(FIELD_REQUIRED))

/* ORDER WORDS: the cases of make_type() */
static const struct {
    const char  *word;
    unsigned     needs;
    unsigned     may;
} words[] = {
    { "String", 0, 0 },
    { "Long", 0, 0 },
    { "Boolean", 0, 0 },
    { "Set", BIT(FIELD_ELEMENT), 0 },
    { "Record", BIT(FIELD_ATTRIBUTES), BIT(FIELD_ADDITIONAL) },
    { "Entity", BIT(FIELD_NAME), 0 },
    { "EntityOrCommon", BIT(FIELD_NAME), 0 },
    { "Extension", BIT(FIELD_NAME), 0 }
};

#define WORDS  (sizeof(words) / sizeof(words[0]))


static policy_status_t
name_type(schema_json_t *r, schema_kind_t kind, policy_str_t name, uint32_t at,
    const schema_type_t **type)
{
    schema_type_t  *t;

    if (kind == TYPE_NAME_EXTENSION) {
        *type = schema_builtin(name);

        if (*type == NULL || (*type)->kind < TYPE_IP) {
            return schema_fail(r->schema, POLICY_INVALID, at,
                               "`%S` is no extension type", name);
        }

        return POLICY_OK;
    }

    if (!schema_is_path(name)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` is no name of a type", name);
    }

    t = schema_new_type(&r->schema->arena, kind, at);
    if (t == NULL) {
        return schema_no_memory(r->schema);
    }

    t->u.name = name;
    *type = t;

    return POLICY_OK;
}


static policy_status_t
make_type(schema_json_t *r, const type_t *t, unsigned word, uint32_t at,
    const schema_type_t **type)
{
    schema_type_t  *set;

    switch (word) {

    case 0:
        *type = schema_basic(TYPE_STRING);
        return POLICY_OK;

    case 1:
        *type = schema_basic(TYPE_LONG);
        return POLICY_OK;

    case 2:
        *type = schema_basic(TYPE_BOOL);
        return POLICY_OK;

    case 3:
        set = schema_new_type(&r->schema->arena, TYPE_SET, at);
        if (set == NULL) {
            return schema_no_memory(r->schema);
        }

        set->u.element = t->element;
        *type = set;
        return POLICY_OK;

    case 4:
        *type = t->record;
        if (t->additional) {
            return schema_json_refuse(r, POLICY_INVALID, t->additional_at,
                                      "additional attributes are not "
                                      "supported");
        }

        return POLICY_OK;

    case 5:
        return name_type(r, TYPE_NAME_ENTITY, t->name, t->name_at, type);

    case 6:
        return name_type(r, TYPE_NAME_EITHER, t->name, t->name_at, type);

    case 7:
        return name_type(r, TYPE_NAME_EXTENSION, t->name, t->name_at, type);

    default:
        return name_type(r, TYPE_NAME_COMMON, t->type, at, type);
    }
}


/* An object with the first known of field_names. */
static policy_status_t
read_fields(schema_json_t *r, unsigned known, int *required,
    const schema_type_t **type)
{
    type_t           t;
    uint32_t         at;
    unsigned         i, missing, needs, may;
    policy_status_t  rc;

    memset(&t, 0, sizeof(t));
    t.known = known;
    t.required = 1;
    *required = 1;

    at = schema_json_place(r);

    rc = schema_json_object(r, read_type_member, &t);
    if (rc != POLICY_OK) {
        return rc;
    }

    *required = t.required;

    if ((t.seen & BIT(FIELD_TYPE)) == 0) {
        return schema_json_refuse(r, POLICY_INVALID, at,
                                  "field `type` is missing");
    }

    for (i = 0; i < WORDS; i++) {
        if (t.type.len == strlen(words[i].word)
            && memcmp(t.type.data, words[i].word, t.type.len) == 0)
        {
            break;
        }
    }

    needs = i < WORDS ? words[i].needs : 0;
    may = i < WORDS ? words[i].may : 0;
    missing = needs & ~t.seen;

    if (missing != 0) {
        return policy_fail(r->schema->error, POLICY_INVALID, r->schema->file,
                           r->schema->text, at, "field `%s` is missing",
                           missing & BIT(FIELD_ELEMENT) ? "element"
                           : missing & BIT(FIELD_ATTRIBUTES) ? "attributes"
                           : "name");
    }

    if (t.seen & ~(needs | may | ALWAYS)) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "a field does not fit the type `%S`", t.type);
    }

    return make_type(r, &t, i, at, type);
}


policy_status_t
schema_json_type(schema_json_t *r, const schema_type_t **type)
{
    int  required;

    return read_fields(r, FIELD_NAME + 1, &required, type);
}


policy_status_t
schema_json_common_type(schema_json_t *r, const schema_type_t **type)
{
    int  required;

    return read_fields(r, FIELD_ANNOTATIONS + 1, &required, type);
}
