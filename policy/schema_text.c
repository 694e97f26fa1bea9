/* Schema text, by recursive descent: names, annotations, types. */

#include "schema_text.h"


static const policy_str_t  no_name = { "", 0 };

policy_status_t
schema_text_advance(schema_text_t *r)
{
    return policy_lex_next(&r->lex, &r->token);
}


policy_status_t
schema_text_refuse(schema_text_t *r, const char *expected)
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


policy_status_t
schema_text_expect(schema_text_t *r, policy_token_kind_t kind,
    const char *name)
{
    return r->token.kind == kind ? schema_text_advance(r)
           : schema_text_refuse(r, name);
}


int
schema_text_is_word(const schema_text_t *r, const char *word)
{
    return r->token.kind == TOKEN_IDENT
           && r->token.text.len == strlen(word)
           && memcmp(r->token.text.data, word, r->token.text.len) == 0;
}


/* An identifier; `__cedar` is one in paths, and else refused. */
policy_status_t
schema_text_ident(schema_text_t *r, int in_path, policy_str_t *s)
{
    if (r->token.kind != TOKEN_IDENT) {
        return schema_text_refuse(r, "a name");
    }

    if (policy_is_reserved(r->token.text)
        && !(in_path && schema_text_is_word(r, "__cedar")))
    {
        return schema_fail(r->schema, POLICY_SYNTAX, r->token.offset,
                           "`%S` is a reserved word", r->token.text);
    }

    *s = r->token.text;

    return schema_text_advance(r);
}


policy_status_t
schema_text_string(schema_text_t *r, policy_str_t *s)
{
    policy_status_t  rc;

    if (r->token.kind != TOKEN_STRING) {
        return schema_text_refuse(r, "a string");
    }

    rc = policy_lex_string(&r->lex, &r->token, &r->schema->arena, s);

    return rc == POLICY_OK ? schema_text_advance(r) : rc;
}


/* Name := IDENT | STRING */
policy_status_t
schema_text_name(schema_text_t *r, policy_str_t *s)
{
    if (r->token.kind == TOKEN_STRING) {
        return schema_text_string(r, s);
    }

    if (r->token.kind != TOKEN_IDENT) {
        return schema_text_refuse(r, "a name or a string");
    }

    /* in place of an identifier `__cedar` names no type here */

    return schema_text_ident(r, 1, s);
}


static policy_status_t
append(schema_text_t *r, policy_str_t *path, policy_str_t part)
{
    char   *p;
    size_t  len;

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
policy_status_t
schema_text_path(schema_text_t *r, policy_str_t *path, policy_str_t *id)
{
    policy_str_t     part;
    policy_status_t  rc;

    if (id != NULL) {
        id->data = NULL;
        id->len = 0;
    }

    rc = schema_text_ident(r, 1, path);

    while (rc == POLICY_OK && r->token.kind == TOKEN_PATH) {
        rc = schema_text_advance(r);

        if (rc == POLICY_OK && id != NULL && r->token.kind == TOKEN_STRING) {
            return schema_text_string(r, id);
        }

        if (rc == POLICY_OK) {
            rc = schema_text_ident(r, 1, &part);
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
read_note(schema_text_t *r, note_t **notes)
{
    note_t          *note, *old;
    uint32_t         at;
    policy_str_t     value;
    policy_status_t  rc;

    at = r->token.offset;

    rc = schema_text_advance(r);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (r->token.kind != TOKEN_IDENT) {
        return schema_text_refuse(r, "the name of an annotation");
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

    rc = schema_text_advance(r);
    if (rc != POLICY_OK || r->token.kind != TOKEN_LPAREN) {
        return rc;
    }

    if ((rc = schema_text_advance(r)) != POLICY_OK
        || (rc = schema_text_string(r, &value)) != POLICY_OK)
    {
        return rc;
    }

    return schema_text_expect(r, TOKEN_RPAREN, "\")\"");
}


/* Annotations mean nothing to the engine, but must be well formed. */
policy_status_t
schema_text_notes(schema_text_t *r)
{
    note_t          *notes;
    unsigned         n;
    policy_status_t  rc;

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
read_field(schema_text_t *r, schema_field_t *field)
{
    policy_str_t     name;
    policy_status_t  rc;

    rc = schema_text_notes(r);
    if (rc != POLICY_OK) {
        return rc;
    }

    field->offset = r->token.offset;
    field->optional = 0;

    rc = schema_text_name(r, &name);
    if (rc != POLICY_OK) {
        return rc;
    }

    field->name = policy_name(name);

    if (r->token.kind == TOKEN_SLOT) {
        field->optional = 1;

        rc = schema_text_advance(r);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    rc = schema_text_expect(r, TOKEN_COLON, field->optional ? "\":\""
                            : "\"?\" or \":\"");

    return rc == POLICY_OK ? schema_text_type(r, &field->type) : rc;
}


static policy_status_t
close_record(schema_text_t *r, field_link_t *links, schema_type_t *record)
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
read_record(schema_text_t *r, const schema_type_t **type)
{
    field_link_t    *links, **last, *link;
    schema_type_t   *record;
    policy_status_t  rc;

    record = schema_new_type(&r->schema->arena, TYPE_RECORD,
                             r->token.offset);
    if (record == NULL) {
        return schema_no_memory(r->schema);
    }

    *type = record;
    links = NULL;
    last = &links;

    rc = schema_text_expect(r, TOKEN_LBRACE, "\"{\"");

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
            rc = schema_text_expect(r, TOKEN_COMMA, "\",\" or \"}\"");
        }
    }

    if (rc == POLICY_OK) {
        rc = schema_text_advance(r);
    }

    return rc == POLICY_OK ? close_record(r, links, record) : rc;
}


/* "Set" "<" Type ">", or Path, "Set" being one too */
static policy_status_t
read_named_type(schema_text_t *r, const schema_type_t **type)
{
    int              is_set;
    uint32_t         at;
    schema_type_t   *t;
    policy_status_t  rc;

    at = r->token.offset;
    is_set = schema_text_is_word(r, "Set");

    t = schema_new_type(&r->schema->arena, TYPE_NAME_EITHER, at);
    if (t == NULL) {
        return schema_no_memory(r->schema);
    }

    *type = t;

    rc = schema_text_path(r, &t->u.name, NULL);

    if (rc != POLICY_OK || !is_set || r->token.kind != TOKEN_LT
        || t->u.name.len != sizeof("Set") - 1)
    {
        return rc;
    }

    t->kind = TYPE_SET;

    rc = schema_text_advance(r);
    if (rc == POLICY_OK) {
        rc = schema_text_type(r, &t->u.element);
    }

    return rc == POLICY_OK ? schema_text_expect(r, TOKEN_GT, "\">\"") : rc;
}


policy_status_t
schema_text_type(schema_text_t *r, const schema_type_t **type)
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
        rc = schema_text_refuse(r, "a type");
    }

    r->nesting--;

    return rc;
}
