/* Schema text: declarations and namespaces. */

#include "schema_text.h"


static const policy_str_t  no_name = { "", 0 };


/* EntTypes := Path | "[" [ Path { "," Path } ] "]" */
static policy_status_t
read_entity_refs(schema_text_t *r, schema_ref_t **refs)
{
    int              list;
    uint32_t         at;
    policy_str_t     path;
    schema_ref_t   **last;
    policy_status_t  rc;

    *refs = NULL;
    last = refs;
    rc = POLICY_OK;
    list = r->token.kind == TOKEN_LBRACKET;

    if (list) {
        rc = schema_text_advance(r);

        if (rc == POLICY_OK && r->token.kind == TOKEN_RBRACKET) {
            return schema_text_advance(r);
        }
    }

    while (rc == POLICY_OK) {
        at = r->token.offset;

        rc = schema_text_path(r, &path, NULL);
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
            return schema_text_expect(r, TOKEN_RBRACKET, "\",\" or \"]\"");
        }

        rc = schema_text_advance(r);
    }

    return rc;
}


/* QualName := Name | Path "::" STRING */
static policy_status_t
read_action_ref(schema_text_t *r, schema_ref_t **ref)
{
    uint32_t         at;
    policy_str_t     path, id;
    policy_status_t  rc;

    at = r->token.offset;
    path = no_name;

    if (r->token.kind == TOKEN_STRING) {
        rc = schema_text_string(r, &id);

    } else {
        rc = schema_text_path(r, &path, &id);

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
read_action_refs(schema_text_t *r, schema_ref_t **refs)
{
    schema_ref_t   **last;
    policy_status_t  rc;

    *refs = NULL;
    last = refs;

    if (r->token.kind != TOKEN_LBRACKET) {
        return read_action_ref(r, refs);
    }

    do {
        rc = schema_text_advance(r);

        if (rc == POLICY_OK) {
            rc = read_action_ref(r, last);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        last = &(*last)->next;

    } while (r->token.kind == TOKEN_COMMA);

    return schema_text_expect(r, TOKEN_RBRACKET, "\",\" or \"]\"");
}


/* STRING { "," STRING }, in brackets */
static policy_status_t
read_choices(schema_text_t *r, schema_entity_t *entity)
{
    uint32_t         i;
    policy_str_t     choice;
    schema_ref_t    *refs, **last, *ref;
    policy_status_t  rc;

    if (r->token.kind != TOKEN_LBRACKET) {
        return schema_text_refuse(r, "\"[\"");
    }

    refs = NULL;
    last = &refs;

    do {
        rc = schema_text_advance(r);

        if (rc == POLICY_OK) {
            rc = schema_text_string(r, &choice);
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

    return schema_text_expect(r, TOKEN_RBRACKET, "\",\" or \"]\"");
}


/* ["in" EntTypes] [["="] Record] ["tags" Type] | "enum" Choices */
static policy_status_t
read_entity_body(schema_text_t *r, schema_entity_t *entity)
{
    policy_status_t  rc;

    rc = POLICY_OK;

    if (schema_text_is_word(r, "enum")) {
        rc = schema_text_advance(r);
        return rc == POLICY_OK ? read_choices(r, entity) : rc;
    }

    if (schema_text_is_word(r, "in")) {
        rc = schema_text_advance(r);
        if (rc == POLICY_OK) {
            rc = read_entity_refs(r, &entity->parents);
        }
    }

    if (rc == POLICY_OK && r->token.kind == TOKEN_ASSIGN) {
        rc = schema_text_advance(r);

        if (rc == POLICY_OK && r->token.kind != TOKEN_LBRACE) {
            return schema_text_refuse(r, "\"{\"");
        }
    }

    if (rc == POLICY_OK && r->token.kind == TOKEN_LBRACE) {
        rc = schema_text_type(r, &entity->shape);
    }

    if (rc == POLICY_OK && schema_text_is_word(r, "tags")) {
        rc = schema_text_advance(r);
        if (rc == POLICY_OK) {
            rc = schema_text_type(r, &entity->tags);
        }
    }

    return rc;
}


/* "entity" IDENT { "," IDENT } body ";": one body for all of the names */
static policy_status_t
read_entity(schema_text_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    schema_entity_t  *first, *entity, body;
    policy_status_t   rc;

    first = NULL;

    do {
        rc = schema_text_advance(r);
        at = r->token.offset;

        if (rc == POLICY_OK) {
            rc = schema_text_ident(r, 0, &name);
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

    return rc == POLICY_OK ? schema_text_expect(r, TOKEN_SEMICOLON, "\";\"")
           : rc;
}


/* ("principal" | "resource") ":" EntTypes, a list that is not empty */
static policy_status_t
read_applies_types(schema_text_t *r, schema_ref_t **refs)
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

    if ((rc = schema_text_advance(r)) != POLICY_OK
        || (rc = schema_text_expect(r, TOKEN_COLON, "\":\"")) != POLICY_OK
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
read_context(schema_text_t *r, schema_action_t *action)
{
    uint32_t         at;
    schema_type_t   *t;
    policy_status_t  rc;

    if (action->context != NULL) {
        return schema_fail(r->schema, POLICY_DUPLICATE, r->token.offset,
                           "`%S` is repeated", r->token.text);
    }

    if ((rc = schema_text_advance(r)) != POLICY_OK
        || (rc = schema_text_expect(r, TOKEN_COLON, "\":\"")) != POLICY_OK)
    {
        return rc;
    }

    if (r->token.kind == TOKEN_LBRACE) {
        return schema_text_type(r, &action->context);
    }

    at = r->token.offset;

    t = schema_new_type(&r->schema->arena, TYPE_NAME_COMMON, at);
    if (t == NULL) {
        return schema_no_memory(r->schema);
    }

    action->context = t;

    return schema_text_path(r, &t->u.name, NULL);
}


/* "{" AppDecl { "," AppDecl } [","] "}" */
static policy_status_t
read_applies(schema_text_t *r, uint32_t at, schema_action_t *action)
{
    policy_status_t  rc;

    rc = schema_text_expect(r, TOKEN_LBRACE, "\"{\"");

    while (rc == POLICY_OK) {
        if (schema_text_is_word(r, "principal")) {
            rc = read_applies_types(r, &action->principals);

        } else if (schema_text_is_word(r, "resource")) {
            rc = read_applies_types(r, &action->resources);

        } else if (schema_text_is_word(r, "context")) {
            rc = read_context(r, action);

        } else {
            return schema_text_refuse(r, "principal, resource or context");
        }

        if (rc == POLICY_OK && r->token.kind != TOKEN_RBRACE) {
            rc = schema_text_expect(r, TOKEN_COMMA, "\",\" or \"}\"");
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

    return rc == POLICY_OK ? schema_text_advance(r) : rc;
}


/* ["in" QualNames] ["appliesTo" "{" ... "}"] ["attributes" "{" "}"] */
static policy_status_t
read_action_body(schema_text_t *r, schema_action_t *action)
{
    uint32_t         at;
    policy_status_t  rc;

    rc = POLICY_OK;

    if (schema_text_is_word(r, "in")) {
        rc = schema_text_advance(r);
        if (rc == POLICY_OK) {
            rc = read_action_refs(r, &action->parents);
        }
    }

    if (rc == POLICY_OK && schema_text_is_word(r, "appliesTo")) {
        at = r->token.offset;
        rc = schema_text_advance(r);
        if (rc == POLICY_OK) {
            rc = read_applies(r, at, action);
        }
    }

    if (rc == POLICY_OK && schema_text_is_word(r, "attributes")) {
        if ((rc = schema_text_advance(r)) == POLICY_OK
            && (rc = schema_text_expect(r, TOKEN_LBRACE, "\"{\""))
            == POLICY_OK)
        {
            rc = schema_text_expect(r, TOKEN_RBRACE, "\"}\"");
        }
    }

    return rc;
}


/* "action" Name { "," Name } body ";" */
static policy_status_t
read_action(schema_text_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    schema_action_t  *first, *action, body;
    policy_status_t   rc;

    first = NULL;

    do {
        rc = schema_text_advance(r);
        at = r->token.offset;

        if (rc == POLICY_OK) {
            rc = schema_text_name(r, &name);
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

    return rc == POLICY_OK ? schema_text_expect(r, TOKEN_SEMICOLON, "\";\"")
           : rc;
}


/* "type" IDENT "=" Type ";" */
static policy_status_t
read_common(schema_text_t *r)
{
    uint32_t          at;
    policy_str_t      name;
    policy_status_t   rc;
    schema_common_t  *common;

    rc = schema_text_advance(r);
    at = r->token.offset;

    if (rc == POLICY_OK) {
        rc = schema_text_ident(r, 0, &name);
    }

    if (rc == POLICY_OK && !schema_is_common_base(name)) {
        rc = schema_fail(r->schema, POLICY_INVALID, at,
                         "`%S` cannot be declared as a common type", name);
    }

    if (rc == POLICY_OK) {
        rc = schema_add_common(r->schema, r->space, name, at, &common);
    }

    if (rc == POLICY_OK) {
        rc = schema_text_expect(r, TOKEN_ASSIGN, "\"=\"");
    }

    if (rc == POLICY_OK) {
        rc = schema_text_type(r, &common->type);
    }

    return rc == POLICY_OK ? schema_text_expect(r, TOKEN_SEMICOLON, "\";\"")
           : rc;
}


static policy_status_t
read_declaration(schema_text_t *r, const char *expected)
{
    if (schema_text_is_word(r, "entity")) {
        return read_entity(r);
    }

    if (schema_text_is_word(r, "action")) {
        return read_action(r);
    }

    return schema_text_is_word(r, "type") ? read_common(r)
           : schema_text_refuse(r, expected);
}


/* "namespace" Path "{" { Annotation* Declaration } "}" */
static policy_status_t
read_namespace(schema_text_t *r)
{
    uint32_t         at;
    policy_str_t     name;
    schema_space_t  *outer;
    policy_status_t  rc;

    rc = schema_text_advance(r);
    at = r->token.offset;

    if (rc == POLICY_OK) {
        rc = schema_text_path(r, &name, NULL);
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
        rc = schema_text_expect(r, TOKEN_LBRACE, "\"{\"");
    }

    while (rc == POLICY_OK && r->token.kind != TOKEN_RBRACE) {
        rc = schema_text_notes(r);

        if (rc == POLICY_OK) {
            rc = read_declaration(r, "entity, action, type or \"}\"");
        }
    }

    r->space = outer;

    return rc == POLICY_OK ? schema_text_advance(r) : rc;
}


policy_status_t
schema_read_text(policy_schema_t *schema)
{
    schema_text_t    r;
    policy_status_t  rc;

    memset(&r, 0, sizeof(r));
    r.schema = schema;

    rc = policy_lex_init(&r.lex, schema->file, schema->text, schema->error);
    r.lex.bare_slot = 1;

    if (rc == POLICY_OK) {
        rc = schema_add_space(schema, no_name, 0, &r.space);
    }

    if (rc == POLICY_OK) {
        rc = schema_text_advance(&r);
    }

    while (rc == POLICY_OK && r.token.kind != TOKEN_END) {
        rc = schema_text_notes(&r);

        if (rc == POLICY_OK) {
            rc = schema_text_is_word(&r, "namespace") ? read_namespace(&r)
                 : read_declaration(&r, "namespace, entity, action or type");
        }
    }

    return rc;
}
