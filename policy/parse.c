/* Policies: annotations, effect, scope, conditions. */

#include "ast.h"

#include <string.h>


static const policy_str_t  no_name = { "", 0 };


policy_status_t
policy_parser_init(policy_parser_t *parser, policy_str_t file,
    policy_str_t text, policy_error_t *error)
{
    policy_status_t  rc;

    memset(parser, 0, sizeof(policy_parser_t));

    rc = policy_lex_init(&parser->lex, file, text, error);
    if (rc != POLICY_OK) {
        return rc;
    }

    return policy_parser_advance(parser);
}


policy_status_t
policy_parser_advance(policy_parser_t *parser)
{
    parser->last = (uint32_t) (parser->token.offset
                               + parser->token.text.len);

    return policy_lex_next(&parser->lex, &parser->token);
}


policy_status_t
policy_parser_refuse(policy_parser_t *parser, const char *expected)
{
    policy_str_t           text;
    const policy_token_t  *t;

    t = &parser->token;
    text = t->text;

    if (text.len > 60) {
        text.len = 60;
    }

    if (t->kind == TOKEN_IDENT || t->kind == TOKEN_SLOT
        || t->kind == TOKEN_INT)
    {
        return policy_fail(parser->lex.error, POLICY_SYNTAX,
                           parser->lex.file, parser->lex.text, t->offset,
                           "expected %s, found `%S`", expected, &text);
    }

    return policy_fail(parser->lex.error, POLICY_SYNTAX, parser->lex.file,
                       parser->lex.text, t->offset, "expected %s, found %s",
                       expected, policy_token_name(t->kind));
}


/* message has one %S for name, or none */
policy_status_t
policy_parser_fail(policy_parser_t *parser, policy_status_t status,
    uint32_t offset, const char *message, policy_str_t name)
{
    if (name.len > 60) {
        name.len = 60;
    }

    return policy_fail(parser->lex.error, status, parser->lex.file,
                       parser->lex.text, offset, message, &name);
}


policy_status_t
policy_parser_no_memory(policy_parser_t *parser)
{
    if (parser->arena->base != NULL) {
        return policy_fail_plain(parser->lex.error, POLICY_LIMIT,
                                 "arena is full");
    }

    return policy_fail_plain(parser->lex.error, POLICY_NO_MEMORY,
                             "no memory");
}


policy_status_t
policy_parser_expect(policy_parser_t *parser, policy_token_kind_t kind)
{
    if (parser->token.kind != kind) {
        return policy_parser_refuse(parser, policy_token_name(kind));
    }

    return policy_parser_advance(parser);
}


int
policy_parser_is_word(const policy_parser_t *parser, const char *word)
{
    return parser->token.kind == TOKEN_IDENT
           && parser->token.text.len == strlen(word)
           && memcmp(parser->token.text.data, word, strlen(word)) == 0;
}


/* Joins a path's parts, which may stand apart in the text, by "::". */
static policy_status_t
path_append(policy_parser_t *parser, policy_str_t *path, policy_str_t part)
{
    char  *p;

    if (path->len == 0) {
        *path = part;
        return POLICY_OK;
    }

    /* written without spaces it is one piece of the text already */

    if (path->data + path->len + 2 == part.data) {
        path->len += 2 + part.len;
        return POLICY_OK;
    }

    p = policy_alloc(parser->arena, path->len + 2 + part.len);
    if (p == NULL) {
        return policy_parser_no_memory(parser);
    }

    memcpy(p, path->data, path->len);
    memcpy(p + path->len, "::", 2);
    memcpy(p + path->len + 2, part.data, part.len);

    path->data = p;
    path->len += 2 + part.len;

    return POLICY_OK;
}


#define PATH_PARTS_MAX  100

/* path := IDENT { "::" IDENT };  uid := path "::" STRING */
policy_status_t
policy_parse_path(policy_parser_t *parser, policy_str_t *path,
    policy_uid_t *uid, int *is_uid)
{
    unsigned         parts;
    policy_str_t     id;
    policy_status_t  rc;

    *path = no_name;

    for (parts = 0; /* void */; parts++) {
        if (parser->token.kind != TOKEN_IDENT) {
            return policy_parser_refuse(parser, parts > 0 && uid != NULL
                                        ? "a name or a string"
                                        : "a name");
        }

        if (policy_is_reserved(parser->token.text)) {
            return policy_parser_fail(parser, POLICY_SYNTAX,
                                      parser->token.offset,
                                      "`%S` is a reserved word",
                                      parser->token.text);
        }

        if (parts == PATH_PARTS_MAX) {
            return policy_parser_fail(parser, POLICY_LIMIT,
                                      parser->token.offset,
                                      "path has too many parts", no_name);
        }

        rc = path_append(parser, path, parser->token.text);
        if (rc == POLICY_OK) {
            rc = policy_parser_advance(parser);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        if (parser->token.kind != TOKEN_PATH) {
            if (is_uid != NULL) {
                *is_uid = 0;
            }

            return POLICY_OK;
        }

        rc = policy_parser_advance(parser);
        if (rc != POLICY_OK) {
            return rc;
        }

        if (uid != NULL && parser->token.kind == TOKEN_STRING) {
            break;
        }
    }

    rc = policy_lex_string(&parser->lex, &parser->token, parser->arena, &id);
    if (rc != POLICY_OK) {
        return rc;
    }

    policy_uid_make(uid, *path, id);
    *is_uid = 1;

    return policy_parser_advance(parser);
}


static policy_status_t
parse_uid(policy_parser_t *parser, const char *expected, policy_uid_t *uid)
{
    int              is_uid;
    uint32_t         offset;
    policy_str_t     path;
    policy_status_t  rc;

    if (parser->token.kind != TOKEN_IDENT) {
        return policy_parser_refuse(parser, expected);
    }

    offset = parser->token.offset;

    rc = policy_parse_path(parser, &path, uid, &is_uid);

    if (rc == POLICY_OK && !is_uid) {
        return policy_parser_fail(parser, POLICY_SYNTAX, offset,
                                  "expected an entity uid, found `%S`",
                                  path);
    }

    return rc;
}


static policy_status_t
scope_add(policy_parser_t *parser, policy_ast_scope_t *scope,
    policy_ast_ref_t ***last, const char *expected)
{
    policy_status_t    rc;
    policy_ast_ref_t  *ref;

    ref = policy_alloc(parser->arena, sizeof(policy_ast_ref_t));
    if (ref == NULL) {
        return policy_parser_no_memory(parser);
    }

    ref->next = NULL;
    ref->offset = parser->token.offset;

    rc = parse_uid(parser, expected, &ref->uid);
    if (rc != POLICY_OK) {
        return rc;
    }

    **last = ref;
    *last = &ref->next;
    scope->nrefs++;

    return POLICY_OK;
}


static policy_status_t
open_parenthesis(policy_parser_t *parser, unsigned open)
{
    if (open == POLICY_MAX_NESTING) {
        return policy_parser_fail(parser, POLICY_LIMIT, parser->token.offset,
                                  "nesting is too deep", no_name);
    }

    return policy_parser_advance(parser);
}


/* ref := uid | SLOT | "(" ref ")", the slot being that of the variable */
static policy_status_t
parse_ref(policy_parser_t *parser, const char *slot,
    policy_ast_scope_t *scope, unsigned open)
{
    policy_status_t     rc;
    policy_ast_ref_t  **last;

    if (parser->token.kind == TOKEN_LPAREN) {
        rc = open_parenthesis(parser, open);

        if (rc == POLICY_OK) {
            rc = parse_ref(parser, slot, scope, open + 1);
        }

        return rc == POLICY_OK ? policy_parser_expect(parser, TOKEN_RPAREN)
                               : rc;
    }

    if (parser->token.kind == TOKEN_SLOT) {
        if (parser->token.text.len != strlen(slot)
            || memcmp(parser->token.text.data, slot, strlen(slot)) != 0)
        {
            return policy_parser_refuse(parser, slot);
        }

        scope->is_slot = 1;
        return policy_parser_advance(parser);
    }

    last = &scope->refs;

    return scope_add(parser, scope, &last, "an entity uid or a slot");
}


/* variable [ ("==" | "in") ref | "is" path [ "in" ref ] ] */
static policy_status_t
parse_scope(policy_parser_t *parser, const char *variable, const char *slot,
    policy_ast_scope_t *scope)
{
    policy_status_t  rc;

    scope->offset = parser->token.offset;

    if (!policy_parser_is_word(parser, variable)) {
        return policy_parser_refuse(parser, variable);
    }

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (policy_parser_is_word(parser, "is")) {
        rc = policy_parser_advance(parser);
        if (rc != POLICY_OK) {
            return rc;
        }

        scope->op = SCOPE_IS;
        scope->type_offset = parser->token.offset;

        rc = policy_parse_path(parser, &scope->type, NULL, NULL);
        if (rc != POLICY_OK || !policy_parser_is_word(parser, "in")) {
            return rc;
        }

        scope->op = SCOPE_IS_IN;

    } else if (parser->token.kind == TOKEN_EQ) {
        scope->op = SCOPE_EQ;

    } else if (policy_parser_is_word(parser, "in")) {
        scope->op = SCOPE_IN;

    } else {
        return POLICY_OK;
    }

    rc = policy_parser_advance(parser);

    return rc == POLICY_OK ? parse_ref(parser, slot, scope, 0) : rc;
}


static policy_status_t parse_action_ref(policy_parser_t *parser,
    policy_ast_scope_t *scope, policy_ast_ref_t ***last, int list,
    unsigned open);


/* "[" [ uid { "," uid } [","] ] "]", the bracket being current */
static policy_status_t
parse_action_list(policy_parser_t *parser, policy_ast_scope_t *scope,
    policy_ast_ref_t ***last)
{
    policy_status_t  rc;

    rc = policy_parser_advance(parser);

    while (rc == POLICY_OK && parser->token.kind != TOKEN_RBRACKET) {
        rc = parse_action_ref(parser, scope, last, 0, 0);

        if (rc == POLICY_OK && parser->token.kind != TOKEN_RBRACKET) {
            rc = policy_parser_expect(parser, TOKEN_COMMA);
        }
    }

    return rc == POLICY_OK ? policy_parser_advance(parser) : rc;
}


/* uid, a list of them where that is allowed; either in parentheses */
static policy_status_t
parse_action_ref(policy_parser_t *parser, policy_ast_scope_t *scope,
    policy_ast_ref_t ***last, int list, unsigned open)
{
    policy_status_t  rc;

    if (parser->token.kind == TOKEN_LBRACKET && list) {
        return parse_action_list(parser, scope, last);
    }

    if (parser->token.kind == TOKEN_LPAREN) {
        rc = open_parenthesis(parser, open);

        if (rc == POLICY_OK) {
            rc = parse_action_ref(parser, scope, last, list, open + 1);
        }

        return rc == POLICY_OK ? policy_parser_expect(parser, TOKEN_RPAREN)
                               : rc;
    }

    return scope_add(parser, scope, last, list
                     ? "an entity uid or a list of them"
                     : "an entity uid");
}


/* "action" [ "==" uid | "in" uid | "in" list ] */
static policy_status_t
parse_action(policy_parser_t *parser, policy_ast_scope_t *scope)
{
    policy_status_t     rc;
    policy_ast_ref_t   *ref, **last;

    scope->offset = parser->token.offset;

    if (!policy_parser_is_word(parser, "action")) {
        return policy_parser_refuse(parser, "action");
    }

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (parser->token.kind == TOKEN_EQ) {
        scope->op = SCOPE_EQ;

    } else if (policy_parser_is_word(parser, "in")) {
        scope->op = SCOPE_IN;

    } else {
        return POLICY_OK;
    }

    last = &scope->refs;

    rc = policy_parser_advance(parser);
    if (rc == POLICY_OK) {
        rc = parse_action_ref(parser, scope, &last, scope->op == SCOPE_IN,
                              0);
    }

    for (ref = scope->refs; rc == POLICY_OK && ref != NULL; ref = ref->next) {
        if (!policy_is_action_type(policy_uid_type(&ref->uid))) {
            rc = policy_parser_fail(parser, POLICY_INVALID, ref->offset,
                                    "`%S` is no action: its type must end "
                                    "in \"Action\"",
                                    policy_uid_type(&ref->uid));
        }
    }

    return rc;
}


/* "@" ANYIDENT [ "(" STRING ")" ], the "@" being current */
static policy_status_t
parse_note(policy_parser_t *parser, policy_ast_note_t *note)
{
    policy_status_t  rc;

    note->offset = parser->token.offset;
    note->value = no_name;

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (parser->token.kind != TOKEN_IDENT) {
        return policy_parser_refuse(parser, "the name of an annotation");
    }

    note->name = parser->token.text;

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK || parser->token.kind != TOKEN_LPAREN) {
        return rc;
    }

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (parser->token.kind != TOKEN_STRING) {
        return policy_parser_refuse(parser, "a string");
    }

    rc = policy_lex_string(&parser->lex, &parser->token, parser->arena,
                           &note->value);
    if (rc == POLICY_OK) {
        rc = policy_parser_advance(parser);
    }

    return rc == POLICY_OK ? policy_parser_expect(parser, TOKEN_RPAREN) : rc;
}


static policy_status_t
parse_notes(policy_parser_t *parser, policy_ast_policy_t *p)
{
    policy_status_t      rc;
    policy_ast_note_t   *note, *old, **last;

    for (last = &p->notes;
         parser->token.kind == TOKEN_AT;
         last = &note->next, p->nnotes++)
    {
        if (p->nnotes == POLICY_MAX_NOTES) {
            return policy_parser_fail(parser, POLICY_LIMIT,
                                      parser->token.offset,
                                      "too many annotations", no_name);
        }

        note = policy_alloc(parser->arena, sizeof(policy_ast_note_t));
        if (note == NULL) {
            return policy_parser_no_memory(parser);
        }

        note->next = NULL;

        rc = parse_note(parser, note);
        if (rc != POLICY_OK) {
            return rc;
        }

        for (old = p->notes; old != NULL; old = old->next) {
            if (policy_str_equal(old->name, note->name)) {
                return policy_parser_fail(parser, POLICY_DUPLICATE,
                                          note->offset,
                                          "annotation `%S` is repeated",
                                          note->name);
            }
        }

        *last = note;
    }

    return POLICY_OK;
}


/* { ("when" | "unless") "{" expr "}" } */
static policy_status_t
parse_conds(policy_parser_t *parser, policy_ast_policy_t *p)
{
    int                  unless;
    policy_status_t      rc;
    policy_ast_cond_t   *cond, **last;

    for (last = &p->conds; /* void */; last = &cond->next, p->nconds++) {
        unless = policy_parser_is_word(parser, "unless");

        if (!unless && !policy_parser_is_word(parser, "when")) {
            return POLICY_OK;
        }

        cond = policy_alloc(parser->arena, sizeof(policy_ast_cond_t));
        if (cond == NULL) {
            return policy_parser_no_memory(parser);
        }

        cond->next = NULL;
        cond->unless = (uint8_t) unless;
        cond->offset = parser->token.offset;

        rc = policy_parser_advance(parser);
        if (rc == POLICY_OK) {
            rc = policy_parser_expect(parser, TOKEN_LBRACE);
        }

        if (rc == POLICY_OK) {
            rc = policy_parse_expr(parser, &cond->body);
        }

        if (rc == POLICY_OK) {
            rc = policy_parser_expect(parser, TOKEN_RBRACE);
        }

        if (rc != POLICY_OK) {
            return rc;
        }

        *last = cond;
    }
}


/* "(" principal "," action "," resource [","] ")" */
static policy_status_t
parse_scopes(policy_parser_t *parser, policy_ast_policy_t *p)
{
    policy_status_t  rc;

    if ((rc = policy_parser_expect(parser, TOKEN_LPAREN)) != POLICY_OK
        || (rc = parse_scope(parser, "principal", "?principal",
                             &p->principal)) != POLICY_OK
        || (rc = policy_parser_expect(parser, TOKEN_COMMA)) != POLICY_OK
        || (rc = parse_action(parser, &p->action)) != POLICY_OK
        || (rc = policy_parser_expect(parser, TOKEN_COMMA)) != POLICY_OK
        || (rc = parse_scope(parser, "resource", "?resource",
                             &p->resource)) != POLICY_OK)
    {
        return rc;
    }

    if (parser->token.kind == TOKEN_COMMA) {
        rc = policy_parser_advance(parser);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return policy_parser_expect(parser, TOKEN_RPAREN);
}


/* policy := annotation* ("permit" | "forbid") scopes cond* ";" */
policy_status_t
policy_parser_next(policy_parser_t *parser, policy_arena_t *arena,
    policy_ast_policy_t **policy)
{
    policy_status_t       rc;
    policy_ast_policy_t  *p;

    *policy = NULL;
    parser->arena = arena;
    parser->nesting = 0;

    if (parser->token.kind == TOKEN_END) {
        return POLICY_OK;
    }

    p = policy_alloc(arena, sizeof(policy_ast_policy_t));
    if (p == NULL) {
        return policy_parser_no_memory(parser);
    }

    memset(p, 0, sizeof(policy_ast_policy_t));
    p->offset = parser->token.offset;

    rc = parse_notes(parser, p);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (policy_parser_is_word(parser, "forbid")) {
        p->effect = POLICY_FORBID;

    } else if (!policy_parser_is_word(parser, "permit")) {
        return policy_parser_refuse(parser, "permit or forbid");
    }

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = parse_scopes(parser, p)) != POLICY_OK
        || (rc = parse_conds(parser, p)) != POLICY_OK)
    {
        return rc;
    }

    if (parser->token.kind != TOKEN_SEMICOLON) {
        return policy_parser_refuse(parser, p->nconds == 0
                                    ? "when, unless or \";\"" : "\";\"");
    }

    p->end = parser->token.offset + 1;

    rc = policy_parser_advance(parser);
    if (rc == POLICY_OK) {
        *policy = p;
    }

    return rc;
}


static policy_status_t
expect_end(policy_parser_t *parser)
{
    return parser->token.kind == TOKEN_END
           ? POLICY_OK : policy_parser_refuse(parser, "end of text");
}


policy_status_t
policy_parse_expr_text(policy_arena_t *arena, policy_str_t file,
    policy_str_t text, policy_ast_t **ast, policy_error_t *error)
{
    policy_parser_t  parser;
    policy_status_t  rc;

    rc = policy_parser_init(&parser, file, text, error);
    parser.arena = arena;

    if (rc == POLICY_OK) {
        rc = policy_parse_expr(&parser, ast);
    }

    return rc == POLICY_OK ? expect_end(&parser) : rc;
}


policy_status_t
policy_parse_uid_text(policy_arena_t *arena, policy_str_t file,
    policy_str_t text, policy_uid_t *uid, policy_error_t *error)
{
    policy_parser_t  parser;
    policy_status_t  rc;

    rc = policy_parser_init(&parser, file, text, error);
    parser.arena = arena;

    if (rc == POLICY_OK) {
        rc = parse_uid(&parser, "an entity uid", uid);
    }

    return rc == POLICY_OK ? expect_end(&parser) : rc;
}


policy_status_t
policy_uid_parse(policy_arena_t *arena, policy_str_t text, policy_uid_t *uid,
    policy_error_t *error)
{
    return policy_parse_uid_text(arena, no_name, text, uid, error);
}
