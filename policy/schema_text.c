/* Schema text: declarations, by recursive descent. */

#include "schema.h"
#include "lex.h"


static const policy_str_t  no_name = { "", 0 };

typedef struct {
    policy_schema_t  *schema;
    policy_lex_t      lex;
    policy_token_t    token;        /* not yet consumed */
    unsigned          nesting;
    schema_space_t   *space;        /* whose declarations are read */
} reader_t;


static policy_status_t read_type(reader_t *r, const schema_type_t **type);


static policy_status_t
advance(reader_t *r)
{
    return policy_lex_next(&r->lex, &r->token);
}


static policy_status_t
refuse(reader_t *r, const char *expected)
{
    policy_str_t  found;

    found = r->token.text;

    if (found.len > 60) {
        found.len = 60;
    }

    if (r->token.kind == TOKEN_END) {
        return policy_fail(r->schema->error, POLICY_SYNTAX, r->schema->file,
                           r->schema->text, r->token.offset,
                           "expected %s, found end of text", expected);
    }

    return policy_fail(r->schema->error, POLICY_SYNTAX, r->schema->file,
                       r->schema->text, r->token.offset,
                       "expected %s, found `%S`", expected, &found);
}


static policy_status_t
expect(reader_t *r, policy_token_kind_t kind, const char *name)
{
    return r->token.kind == kind ? advance(r) : refuse(r, name);
}


static int
is_word(const reader_t *r, const char *word)
{
    return r->token.kind == TOKEN_IDENT
           && r->token.text.len == strlen(word)
           && memcmp(r->token.text.data, word, r->token.text.len) == 0;
}


/* An identifier; `__cedar` is one in paths, and else refused. */
static policy_status_t
read_ident(reader_t *r, int in_path, policy_str_t *s)
{
    if (r->token.kind != TOKEN_IDENT) {
        return refuse(r, "a name");
    }

    if (policy_is_reserved(r->token.text)
        && !(in_path && is_word(r, "__cedar")))
    {
        return schema_fail(r->schema, POLICY_SYNTAX, r->token.offset,
                           "`%S` is a reserved word", r->token.text);
    }

    *s = r->token.text;

    return advance(r);
}


static policy_status_t
read_string(reader_t *r, policy_str_t *s)
{
    policy_status_t  rc;

    if (r->token.kind != TOKEN_STRING) {
        return refuse(r, "a string");
    }

    rc = policy_lex_string(&r->lex, &r->token, &r->schema->arena, s);

    return rc == POLICY_OK ? advance(r) : rc;
}


/* Name := IDENT | STRING */
static policy_status_t
read_name(reader_t *r, policy_str_t *s)
{
    if (r->token.kind == TOKEN_STRING) {
        return read_string(r, s);
    }

    if (r->token.kind != TOKEN_IDENT) {
        return refuse(r, "a name or a string");
    }

    /* in place of an identifier `__cedar` names no type here */

    return read_ident(r, 1, s);
}


static policy_status_t
append(reader_t *r, policy_str_t *path, policy_str_t part)
{
    char    *p;
    size_t   len;

    len = path->len + 2 + part.len;

    if (len > 4096) {
        return schema_fail(r->schema, POLICY_LIMIT, r->token.offset,
                           "path is too long", no_name);
    }

    p = policy_alloc(&r->schema->arena, len);
    if (p == NULL) {
        return schema_no_memory(r->schema);
    }

    memcpy(p, path->data, path->len);
    memcpy(p + path->len, "::", 2);
    memcpy(p + path->len + 2, part.data, part.len);

    path->data = p;
    path->len = len;

    return POLICY_OK;
}


/*
 * Path := IDENT { "::" IDENT }.  With id not NULL the path may end in
 * "::" STRING, which then is *id (else its data is NULL).
 */
static policy_status_t
read_path(reader_t *r, policy_str_t *path, policy_str_t *id)
{
    policy_str_t     part;
    policy_status_t  rc;

    if (id != NULL) {
        id->data = NULL;
        id->len = 0;
    }

    rc = read_ident(r, 1, path);

    while (rc == POLICY_OK && r->token.kind == TOKEN_PATH) {
        rc = advance(r);

        if (rc == POLICY_OK && id != NULL && r->token.kind == TOKEN_STRING) {
            return read_string(r, id);
        }

        if (rc == POLICY_OK) {
            rc = read_ident(r, 1, &part);
        }

        if (rc == POLICY_OK) {
            rc = append(r, path, part);
        }
    }

    return rc;
}


typedef struct note_s  note_t;

struct note_s {
    note_t        *next;
    policy_str_t   name;
};

#define NOTES_MAX  1000


/* "@" ANYIDENT [ "(" STRING ")" ], the "@" being current */
static policy_status_t
read_note(reader_t *r, note_t **notes)
{
    note_t           *note, *old;
    uint32_t          at;
    policy_str_t      value;
    policy_status_t   rc;

    at = r->token.offset;

    rc = advance(r);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (r->token.kind != TOKEN_IDENT) {
        return refuse(r, "the name of an annotation");
    }

    for (old = *notes; old != NULL; old = old->next) {
        if (policy_str_equal(old->name, r->token.text)) {
            return schema_fail(r->schema, POLICY_DUPLICATE, at,
                               "annotation `%S` is repeated", old->name);
        }
    }

    note = policy_alloc(&r->schema->arena, sizeof(note_t));
    if (note == NULL) {
        return schema_no_memory(r->schema);
    }

    note->name = r->token.text;
    note->next = *notes;
    *notes = note;

    rc = advance(r);
    if (rc != POLICY_OK || r->token.kind != TOKEN_LPAREN) {
        return rc;
    }

    if ((rc = advance(r)) != POLICY_OK
        || (rc = read_string(r, &value)) != POLICY_OK)
    {
        return rc;
    }

    return expect(r, TOKEN_RPAREN, "\")\"");
}


/* Annotations mean nothing to the engine, but must be well formed. */
static policy_status_t
read_notes(reader_t *r)
{
    note_t           *notes;
    unsigned          n;
    policy_status_t   rc;

    notes = NULL;
    rc = POLICY_OK;

    for (n = 0; rc == POLICY_OK && r->token.kind == TOKEN_AT; n++) {
        if (n == NOTES_MAX) {
            return schema_fail(r->schema, POLICY_LIMIT, r->token.offset,
                               "too many annotations", no_name);
        }

        rc = read_note(r, &notes);
    }

    return rc;
}


typedef struct field_link_s  field_link_t;

struct field_link_s {
    field_link_t    *next;
    schema_field_t   field;
};


/* Annotation* Name ["?"] ":" Type */
static policy_status_t
read_field(reader_t *r, schema_field_t *field)
{
    policy_str_t     name;
    policy_status_t  rc;

    rc = read_notes(r);
    if (rc != POLICY_OK) {
        return rc;
    }

    field->offset = r->token.offset;
    field->optional = 0;

    rc = read_name(r, &name);
    if (rc != POLICY_OK) {
        return rc;
    }

    field->name = policy_name(name);

    if (r->token.kind == TOKEN_SLOT) {
        field->optional = 1;

        rc = advance(r);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    rc = expect(r, TOKEN_COLON, field->optional ? "\":\"" : "\"?\" or \":\"");

    return rc == POLICY_OK ? read_type(r, &field->type) : rc;
}


static policy_status_t
close_record(reader_t *r, field_link_t *links, schema_type_t *record)
{
    uint32_t       i;
    field_link_t  *link;

    record->u.fields = policy_alloc_array(&r->schema->arena, record->n,
                                          sizeof(schema_field_t));
    if (record->u.fields == NULL) {
        return schema_no_memory(r->schema);
    }

    for (i = 0, link = links; link != NULL; link = link->next) {
        record->u.fields[i++] = link->field;
    }

    /* as the reference has it, a later declaration replaces an earlier */

    schema_order_fields(record, NULL);

    return POLICY_OK;
}


/* "{" [ Field { "," Field } [","] ] "}" */
static policy_status_t
read_record(reader_t *r, const schema_type_t **type)
{
    field_link_t     *links, **last, *link;
    schema_type_t    *record;
    policy_status_t   rc;

    record = schema_new_type(&r->schema->arena, TYPE_RECORD,
                             r->token.offset);
    if (record == NULL) {
        return schema_no_memory(r->schema);
    }

    *type = record;
    links = NULL;
    last = &links;

    rc = expect(r, TOKEN_LBRACE, "\"{\"");

    while (rc == POLICY_OK && r->token.kind != TOKEN_RBRACE) {
        link = policy_alloc(&r->schema->arena, sizeof(field_link_t));
        if (link == NULL) {
            return schema_no_memory(r->schema);
        }

        link->next = NULL;
        *last = link;
        last = &link->next;
        record->n++;

        rc = read_field(r, &link->field);

        if (rc == POLICY_OK && r->token.kind != TOKEN_RBRACE) {
            rc = expect(r, TOKEN_COMMA, "\",\" or \"}\"");
        }
    }

    if (rc == POLICY_OK) {
        rc = advance(r);
    }

    return rc == POLICY_OK ? close_record(r, links, record) : rc;
}


/* "Set" "<" Type ">", or Path, "Set" being one too */
static policy_status_t
read_named_type(reader_t *r, const schema_type_t **type)
{
    int               is_set;
    uint32_t          at;
    schema_type_t    *t;
    policy_status_t   rc;

    at = r->token.offset;
    is_set = is_word(r, "Set");

    t = schema_new_type(&r->schema->arena, TYPE_NAME_EITHER, at);
    if (t == NULL) {
        return schema_no_memory(r->schema);
    }

    *type = t;

    rc = read_path(r, &t->u.name, NULL);

    if (rc != POLICY_OK || !is_set || r->token.kind != TOKEN_LT
        || t->u.name.len != sizeof("Set") - 1)
    {
        return rc;
    }

    t->kind = TYPE_SET;

    rc = advance(r);
    if (rc == POLICY_OK) {
        rc = read_type(r, &t->u.element);
    }

    return rc == POLICY_OK ? expect(r, TOKEN_GT, "\">\"") : rc;
}


static policy_status_t
read_type(reader_t *r, const schema_type_t **type)
{
    policy_status_t  rc;

    if (r->nesting == POLICY_MAX_NESTING) {
        return schema_fail(r->schema, POLICY_LIMIT, r->token.offset,
                           "nesting is too deep", no_name);
    }

    r->nesting++;

    if (r->token.kind == TOKEN_LBRACE) {
        rc = read_record(r, type);

    } else if (r->token.kind == TOKEN_IDENT) {
        rc = read_named_type(r, type);

    } else {
        rc = refuse(r, "a type");
    }

    r->nesting--;

    return rc;
}


/* EntTypes := Path | "[" [ Path { "," Path } ] "]" */
static policy_status_t
read_entity_refs(reader_t *r, schema_ref_t **refs)
{
    int               list;
    uint32_t          at;
    policy_str_t      path;
    schema_ref_t    **last;
    policy_status_t   rc;

    *refs = NULL;
    last = refs;
    rc = POLICY_OK;
    list = r->token.kind == TOKEN_LBRACKET;

    if (list) {
        rc = advance(r);

        if (rc == POLICY_OK && r->token.kind == TOKEN_RBRACKET) {
            return advance(r);
        }
    }

    while (rc == POLICY_OK) {
        at = r->token.offset;

        rc = read_path(r, &path, NULL);
        if (rc != POLICY_OK) {
            break;
        }

        *last = schema_new_ref(r->schema, path, no_name, at);
        if (*last == NULL) {
            return schema_no_memory(r->schema);
        }

        last = &(*last)->next;

        if (!list) {
            break;
        }

        if (r->token.kind != TOKEN_COMMA) {
            return expect(r, TOKEN_RBRACKET, "\",\" or \"]\"");
        }

        rc = advance(r);
    }

    return rc;
}


/* QualName := Name | Path "::" STRING */
static policy_status_t
read_action_ref(reader_t *r, schema_ref_t **ref)
{
    uint32_t         at;
    policy_str_t     path, id;
    policy_status_t  rc;

    at = r->token.offset;
    path = no_name;

    if (r->token.kind == TOKEN_STRING) {
        rc = read_string(r, &id);

    } else {
        rc = read_path(r, &path, &id);

        if (rc == POLICY_OK && id.data == NULL) {
            id = path;
            path = no_name;

            if (memchr(id.data, ':', id.len) != NULL) {
                return schema_fail(r->schema, POLICY_SYNTAX, at,
                                   "`%S` wants the id of an action behind "
                                   "it, as a string", id);
            }
        }
    }

    if (rc == POLICY_OK) {
        *ref = schema_new_ref(r->schema, path, id, at);

        if (*ref == NULL) {
            return schema_no_memory(r->schema);
        }
    }

    return rc;
}


/* QualName | "[" QualName { "," QualName } "]" */
static policy_status_t
read_action_refs(reader_t *r, schema_ref_t **refs)
{
    schema_ref_t    **last;
    policy_status_t   rc;

    *refs = NULL;
    last = refs;

    if (r->token.kind != TOKEN_LBRACKET) {
        return read_action_ref(r, refs);
    }

    do {
        rc = advance(r);

        if (rc == POLICY_OK) {
            rc = read_action_ref(r, last);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        last = &(*last)->next;

    } while (r->token.kind == TOKEN_COMMA);

    return expect(r, TOKEN_RBRACKET, "\",\" or \"]\"");
}


/* STRING { "," STRING }, in brackets */
static policy_status_t
read_choices(reader_t *r, schema_entity_t *entity)
{
    uint32_t          i;
    policy_str_t      choice;
    schema_ref_t     *refs, **last, *ref;
    policy_status_t   rc;

    if (r->token.kind != TOKEN_LBRACKET) {
        return refuse(r, "\"[\"");
    }

    refs = NULL;
    last = &refs;

    do {
        rc = advance(r);

        if (rc == POLICY_OK) {
            rc = read_string(r, &choice);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        *last = schema_new_ref(r->schema, no_name, choice, 0);
        if (*last == NULL) {
            return schema_no_memory(r->schema);
        }

        last = &(*last)->next;
        entity->nchoices++;

    } while (r->token.kind == TOKEN_COMMA);

    entity->is_enum = 1;
    entity->choices = policy_alloc_array(&r->schema->arena, entity->nchoices,
                                         sizeof(policy_str_t));
    if (entity->choices == NULL) {
        return schema_no_memory(r->schema);
    }

    for (i = 0, ref = refs; ref != NULL; ref = ref->next) {
        entity->choices[i++] = ref->id;
    }

    return expect(r, TOKEN_RBRACKET, "\",\" or \"]\"");
}


/* ["in" EntTypes] [["="] Record] ["tags" Type] | "enum" Choices */
static policy_status_t
read_entity_body(reader_t *r, schema_entity_t *entity)
{
    policy_status_t  rc;

    rc = POLICY_OK;

    if (is_word(r, "enum")) {
        rc = advance(r);
        return rc == POLICY_OK ? read_choices(r, entity) : rc;
    }

    if (is_word(r, "in")) {
        rc = advance(r);
        if (rc == POLICY_OK) {
            rc = read_entity_refs(r, &entity->parents);
        }
    }

    if (rc == POLICY_OK && r->token.kind == TOKEN_ASSIGN) {
        rc = advance(r);

        if (rc == POLICY_OK && r->token.kind != TOKEN_LBRACE) {
            return refuse(r, "\"{\"");
        }
    }

    if (rc == POLICY_OK && r->token.kind == TOKEN_LBRACE) {
        rc = read_type(r, &entity->shape);
    }

    if (rc == POLICY_OK && is_word(r, "tags")) {
        rc = advance(r);
        if (rc == POLICY_OK) {
            rc = read_type(r, &entity->tags);
        }
    }

    return rc;
}


/* "entity" IDENT { "," IDENT } body ";": one body for all of the names */
static policy_status_t
read_entity(reader_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    schema_entity_t  *first, *entity, body;
    policy_status_t   rc;

    first = NULL;

    do {
        rc = advance(r);
        at = r->token.offset;

        if (rc == POLICY_OK) {
            rc = read_ident(r, 0, &name);
        }

        if (rc == POLICY_OK && policy_str_equal(name, POLICY_STR("Action"))) {
            rc = schema_fail(r->schema, POLICY_INVALID, at,
                             "`%S` is the type of actions and cannot be "
                             "declared", name);
        }

        if (rc == POLICY_OK) {
            rc = schema_add_entity(r->schema, r->space, name, at, &entity);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        first = first == NULL ? entity : first;

    } while (r->token.kind == TOKEN_COMMA);

    memset(&body, 0, sizeof(body));

    rc = read_entity_body(r, &body);

    for (entity = first; entity != NULL; entity = entity->next) {
        entity->parents = body.parents;
        entity->shape = body.shape;
        entity->tags = body.tags;
        entity->is_enum = body.is_enum;
        entity->choices = body.choices;
        entity->nchoices = body.nchoices;
    }

    return rc == POLICY_OK ? expect(r, TOKEN_SEMICOLON, "\";\"") : rc;
}


/* ("principal" | "resource") ":" EntTypes, a list that is not empty */
static policy_status_t
read_applies_types(reader_t *r, schema_ref_t **refs)
{
    uint32_t         at;
    policy_str_t     word;
    policy_status_t  rc;

    at = r->token.offset;
    word = r->token.text;

    if (*refs != NULL) {
        return schema_fail(r->schema, POLICY_DUPLICATE, at,
                           "`%S` is repeated", word);
    }

    if ((rc = advance(r)) != POLICY_OK
        || (rc = expect(r, TOKEN_COLON, "\":\"")) != POLICY_OK
        || (rc = read_entity_refs(r, refs)) != POLICY_OK)
    {
        return rc;
    }

    if (*refs == NULL) {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           "`%S` names no entity type", word);
    }

    return POLICY_OK;
}


/* "context" ":" (Path | Record) */
static policy_status_t
read_context(reader_t *r, schema_action_t *action)
{
    uint32_t          at;
    schema_type_t    *t;
    policy_status_t   rc;

    if (action->context != NULL) {
        return schema_fail(r->schema, POLICY_DUPLICATE, r->token.offset,
                           "`%S` is repeated", r->token.text);
    }

    if ((rc = advance(r)) != POLICY_OK
        || (rc = expect(r, TOKEN_COLON, "\":\"")) != POLICY_OK)
    {
        return rc;
    }

    if (r->token.kind == TOKEN_LBRACE) {
        return read_type(r, &action->context);
    }

    at = r->token.offset;

    t = schema_new_type(&r->schema->arena, TYPE_NAME_COMMON, at);
    if (t == NULL) {
        return schema_no_memory(r->schema);
    }

    action->context = t;

    return read_path(r, &t->u.name, NULL);
}


/* "{" AppDecl { "," AppDecl } [","] "}" */
static policy_status_t
read_applies(reader_t *r, uint32_t at, schema_action_t *action)
{
    policy_status_t  rc;

    rc = expect(r, TOKEN_LBRACE, "\"{\"");

    while (rc == POLICY_OK) {
        if (is_word(r, "principal")) {
            rc = read_applies_types(r, &action->principals);

        } else if (is_word(r, "resource")) {
            rc = read_applies_types(r, &action->resources);

        } else if (is_word(r, "context")) {
            rc = read_context(r, action);

        } else {
            return refuse(r, "principal, resource or context");
        }

        if (rc == POLICY_OK && r->token.kind != TOKEN_RBRACE) {
            rc = expect(r, TOKEN_COMMA, "\",\" or \"}\"");
        }

        if (rc == POLICY_OK && r->token.kind == TOKEN_RBRACE) {
            break;
        }
    }

    if (rc == POLICY_OK
        && (action->principals == NULL || action->resources == NULL))
    {
        return schema_fail(r->schema, POLICY_INVALID, at,
                           action->principals == NULL
                           ? "appliesTo does not say which principal"
                           : "appliesTo does not say which resource",
                           no_name);
    }

    return rc == POLICY_OK ? advance(r) : rc;
}


/* ["in" QualNames] ["appliesTo" "{" ... "}"] ["attributes" "{" "}"] */
static policy_status_t
read_action_body(reader_t *r, schema_action_t *action)
{
    uint32_t         at;
    policy_status_t  rc;

    rc = POLICY_OK;

    if (is_word(r, "in")) {
        rc = advance(r);
        if (rc == POLICY_OK) {
            rc = read_action_refs(r, &action->parents);
        }
    }

    if (rc == POLICY_OK && is_word(r, "appliesTo")) {
        at = r->token.offset;
        rc = advance(r);
        if (rc == POLICY_OK) {
            rc = read_applies(r, at, action);
        }
    }

    if (rc == POLICY_OK && is_word(r, "attributes")) {
        if ((rc = advance(r)) == POLICY_OK
            && (rc = expect(r, TOKEN_LBRACE, "\"{\"")) == POLICY_OK)
        {
            rc = expect(r, TOKEN_RBRACE, "\"}\"");
        }
    }

    return rc;
}


/* "action" Name { "," Name } body ";" */
static policy_status_t
read_action(reader_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    schema_action_t  *first, *action, body;
    policy_status_t   rc;

    first = NULL;

    do {
        rc = advance(r);
        at = r->token.offset;

        if (rc == POLICY_OK) {
            rc = read_name(r, &name);
        }

        if (rc == POLICY_OK) {
            rc = schema_add_action(r->schema, r->space, name, at, &action);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        first = first == NULL ? action : first;

    } while (r->token.kind == TOKEN_COMMA);

    memset(&body, 0, sizeof(body));

    rc = read_action_body(r, &body);

    for (action = first; action != NULL; action = action->next) {
        action->parents = body.parents;
        action->principals = body.principals;
        action->resources = body.resources;
        action->context = body.context;
    }

    return rc == POLICY_OK ? expect(r, TOKEN_SEMICOLON, "\";\"") : rc;
}


/* "type" IDENT "=" Type ";" */
static policy_status_t
read_common(reader_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    policy_status_t   rc;
    schema_common_t  *common;

    rc = advance(r);
    at = r->token.offset;

    if (rc == POLICY_OK) {
        rc = read_ident(r, 0, &name);
    }

    if (rc == POLICY_OK && !schema_is_common_base(name)) {
        rc = schema_fail(r->schema, POLICY_INVALID, at,
                         "`%S` cannot be declared as a common type", name);
    }

    if (rc == POLICY_OK) {
        rc = schema_add_common(r->schema, r->space, name, at, &common);
    }

    if (rc == POLICY_OK) {
        rc = expect(r, TOKEN_ASSIGN, "\"=\"");
    }

    if (rc == POLICY_OK) {
        rc = read_type(r, &common->type);
    }

    return rc == POLICY_OK ? expect(r, TOKEN_SEMICOLON, "\";\"") : rc;
}


static policy_status_t
read_declaration(reader_t *r, const char *expected)
{
    if (is_word(r, "entity")) {
        return read_entity(r);
    }

    if (is_word(r, "action")) {
        return read_action(r);
    }

    return is_word(r, "type") ? read_common(r) : refuse(r, expected);
}


/* "namespace" Path "{" { Annotation* Declaration } "}" */
static policy_status_t
read_namespace(reader_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    schema_space_t   *outer;
    policy_status_t   rc;

    rc = advance(r);
    at = r->token.offset;

    if (rc == POLICY_OK) {
        rc = read_path(r, &name, NULL);
    }

    if (rc == POLICY_OK && !policy_is_path(name)) {
        rc = schema_fail(r->schema, POLICY_INVALID, at,
                         "namespace `%S` is reserved", name);
    }

    outer = r->space;

    if (rc == POLICY_OK) {
        rc = schema_add_space(r->schema, name, at, &r->space);
    }

    if (rc == POLICY_OK) {
        rc = expect(r, TOKEN_LBRACE, "\"{\"");
    }

    while (rc == POLICY_OK && r->token.kind != TOKEN_RBRACE) {
        rc = read_notes(r);

        if (rc == POLICY_OK) {
            rc = read_declaration(r, "entity, action, type or \"}\"");
        }
    }

    r->space = outer;

    return rc == POLICY_OK ? advance(r) : rc;
}


policy_status_t
schema_read_text(policy_schema_t *schema)
{
    reader_t         r;
    policy_status_t  rc;

    memset(&r, 0, sizeof(r));
    r.schema = schema;

    rc = policy_lex_init(&r.lex, schema->file, schema->text, schema->error);
    r.lex.bare_slot = 1;

    if (rc == POLICY_OK) {
        rc = schema_add_space(schema, no_name, 0, &r.space);
    }

    if (rc == POLICY_OK) {
        rc = advance(&r);
    }

    while (rc == POLICY_OK && r.token.kind != TOKEN_END) {
        rc = read_notes(&r);

        if (rc == POLICY_OK) {
            rc = is_word(&r, "namespace")
                 ? read_namespace(&r)
                 : read_declaration(&r, "namespace, entity, action or type");
        }
    }

    return rc;
}
