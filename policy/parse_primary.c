/* Primaries: literals, names, calls, sets, records, parentheses. */

#include "ast.h"
#include "ext.h"

#include <string.h>


static const policy_str_t  no_name = { "", 0 };

/* ORDER VARIABLES: policy_variable_t */
static const char *const  variables[] = {
    "principal", "action", "resource", "context"
};


policy_status_t
policy_parse_node(policy_parser_t *parser, policy_ast_op_t op, uint32_t offset,
    policy_ast_t **ast)
{
    policy_ast_t  *node;

    node = policy_alloc(parser->arena, sizeof(policy_ast_t));
    if (node == NULL) {
        return policy_parser_no_memory(parser);
    }

    memset(node, 0, sizeof(policy_ast_t));
    node->op = (uint8_t) op;
    node->depth = 1;
    node->offset = offset;
    node->place = offset;
    node->end = parser->last;

    *ast = node;

    return POLICY_OK;
}


/* Closes a node: kids as a list, the depth limit, the end of its text. */
policy_status_t
policy_parse_close(policy_parser_t *parser, policy_ast_t *node)
{
    unsigned       depth;
    policy_ast_t  *kid;

    depth = 0;
    node->nkids = 0;

    for (kid = node->kids; kid != NULL; kid = kid->next) {
        node->nkids++;

        if (kid->depth > depth) {
            depth = kid->depth;
        }
    }

    if (depth >= POLICY_MAX_DEPTH) {
        return policy_parser_fail(parser, POLICY_LIMIT, node->place,
                                  "expression is too deep", no_name);
    }

    node->depth = (uint16_t) (depth + 1);
    node->end = parser->last;

    return POLICY_OK;
}


policy_status_t
policy_parse_wrap(policy_parser_t *parser, policy_ast_op_t op, uint32_t place,
    policy_ast_t **ast)
{
    policy_ast_t     *node;
    policy_status_t   rc;

    rc = policy_parse_node(parser, op, (*ast)->offset, &node);
    if (rc != POLICY_OK) {
        return rc;
    }

    node->place = place;
    node->kids = *ast;
    *ast = node;

    return policy_parse_close(parser, node);
}


/* [ expr { "," expr } [","] ] close */
policy_status_t
policy_parse_list(policy_parser_t *parser, policy_token_kind_t close,
    policy_ast_t **last)
{
    policy_ast_t     *kid;
    policy_status_t   rc;

    while (parser->token.kind != close) {
        rc = policy_parse_expr(parser, &kid);
        if (rc != POLICY_OK) {
            return rc;
        }

        *last = kid;
        last = &kid->next;

        if (parser->token.kind == close) {
            break;
        }

        if (parser->token.kind != TOKEN_COMMA) {
            return policy_parser_refuse(parser, close == TOKEN_RPAREN
                                        ? "\",\" or \")\""
                                        : "\",\" or \"]\"");
        }

        rc = policy_parser_advance(parser);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return policy_parser_advance(parser);
}


/* key := IDENT | STRING */
policy_status_t
policy_parse_key(policy_parser_t *parser, policy_str_t *key)
{
    policy_status_t  rc;

    if (parser->token.kind == TOKEN_STRING) {
        rc = policy_lex_string(&parser->lex, &parser->token, parser->arena,
                               key);
        return rc == POLICY_OK ? policy_parser_advance(parser) : rc;
    }

    if (parser->token.kind != TOKEN_IDENT) {
        return policy_parser_refuse(parser, "a name or a string");
    }

    if (policy_is_reserved(parser->token.text)) {
        return policy_parser_fail(parser, POLICY_SYNTAX,
                                  parser->token.offset,
                                  "`%S` is a reserved word",
                                  parser->token.text);
    }

    *key = parser->token.text;

    return policy_parser_advance(parser);
}


static policy_status_t
check_keys(policy_parser_t *parser, policy_ast_t *record)
{
    size_t           i, n;
    policy_ast_t    *field;
    policy_field_t  *fields;

    fields = policy_alloc_array(parser->arena, record->nkids,
                                sizeof(policy_field_t));
    if (fields == NULL) {
        return policy_parser_no_memory(parser);
    }

    i = 0;

    for (field = record->kids; field != NULL; field = field->next) {
        fields[i].name = policy_name(field->u.text);
        fields[i++].value = policy_long(field->offset);
    }

    n = record->nkids;
    i = policy_fields_order(fields, n);

    if (i == n) {
        return POLICY_OK;
    }

    return policy_parser_fail(parser, POLICY_DUPLICATE,
                              (uint32_t) (fields[i].value.u.i
                                          > fields[i - 1].value.u.i
                                          ? fields[i].value.u.i
                                          : fields[i - 1].value.u.i),
                              "key `%S` is repeated",
                              (policy_str_t) { fields[i].name.name,
                                               fields[i].name.len });
}


/* "{" [ key ":" expr { "," key ":" expr } [","] ] "}" */
static policy_status_t
parse_record(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_ast_t     *node, *field, **last;
    policy_status_t   rc;

    rc = policy_parse_node(parser, AST_RECORD, parser->token.offset, &node);
    if (rc == POLICY_OK) {
        rc = policy_parser_advance(parser);
    }

    if (rc != POLICY_OK) {
        return rc;
    }

    last = &node->kids;

    while (parser->token.kind != TOKEN_RBRACE) {
        if ((rc = policy_parse_node(parser, AST_FIELD, parser->token.offset,
                                    &field))
            != POLICY_OK
            || (rc = policy_parse_key(parser, &field->u.text)) != POLICY_OK
            || (rc = policy_parser_expect(parser, TOKEN_COLON)) != POLICY_OK
            || (rc = policy_parse_expr(parser, &field->kids)) != POLICY_OK
            || (rc = policy_parse_close(parser, field)) != POLICY_OK)
        {
            return rc;
        }

        *last = field;
        last = &field->next;

        if (parser->token.kind == TOKEN_RBRACE) {
            break;
        }

        if (parser->token.kind != TOKEN_COMMA) {
            return policy_parser_refuse(parser, "\",\" or \"}\"");
        }

        rc = policy_parser_advance(parser);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    rc = policy_parser_advance(parser);
    if (rc == POLICY_OK) {
        rc = policy_parse_close(parser, node);
    }

    *ast = node;

    return rc == POLICY_OK ? check_keys(parser, node) : rc;
}


/* minus: the magnitude may reach 2^63 */
policy_status_t
policy_parse_int(policy_parser_t *parser, int minus, policy_ast_t **ast)
{
    size_t                 i;
    int64_t                n;
    policy_status_t        rc;
    const policy_token_t  *t;

    t = &parser->token;
    n = 0;

    /* counted downwards: the minimum has no positive counterpart */

    for (i = 0; i < t->text.len; i++) {
        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_sub_overflow(n, t->text.data[i] - '0', &n))
        {
            break;
        }
    }

    if (i < t->text.len
        || (!minus && __builtin_sub_overflow(0, n, &n)))
    {
        return policy_parser_fail(parser, POLICY_INVALID, t->offset,
                                  "integer `%S` is too large", t->text);
    }

    rc = policy_parse_node(parser, AST_LONG, t->offset, ast);
    if (rc == POLICY_OK) {
        (*ast)->u.i = n;
        rc = policy_parser_advance(parser);
    }

    if (rc == POLICY_OK) {
        (*ast)->end = parser->last;
    }

    return rc;
}


static policy_status_t
parse_string(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_status_t  rc;

    rc = policy_parse_node(parser, AST_STRING, parser->token.offset, ast);
    if (rc == POLICY_OK) {
        rc = policy_lex_string(&parser->lex, &parser->token, parser->arena,
                               &(*ast)->u.text);
    }

    if (rc == POLICY_OK) {
        rc = policy_parser_advance(parser);
    }

    if (rc == POLICY_OK) {
        (*ast)->end = parser->last;
    }

    return rc;
}


/* FUNCTION "(" expr,* ")", the parenthesis being current */
static policy_status_t
parse_call(policy_parser_t *parser, policy_str_t name, uint32_t offset,
    policy_ast_t **ast)
{
    uint8_t              id;
    policy_status_t      rc;
    const policy_ext_t  *ext;

    ext = policy_ext_find(name, &id);

    if (ext == NULL || ext->method) {
        return policy_parser_fail(parser, POLICY_INVALID, offset,
                                  ext == NULL
                                  ? "unknown function `%S`"
                                  : "`%S` is a method, not a function",
                                  name);
    }

    rc = policy_parse_node(parser, AST_CALL, offset, ast);
    if (rc == POLICY_OK) {
        (*ast)->id = id;
        rc = policy_parser_advance(parser);
    }

    if (rc == POLICY_OK) {
        rc = policy_parse_list(parser, TOKEN_RPAREN, &(*ast)->kids);
    }

    return rc == POLICY_OK ? policy_parse_close(parser, *ast) : rc;
}


/* uid | FUNCTION "(" expr,* ")" | variable */
static policy_status_t
parse_name(policy_parser_t *parser, policy_ast_t **ast)
{
    int              is_uid;
    uint8_t          i;
    uint32_t         offset;
    policy_str_t     path;
    policy_uid_t     uid;
    policy_status_t  rc;

    offset = parser->token.offset;

    rc = policy_parse_path(parser, &path, &uid, &is_uid);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (is_uid) {
        rc = policy_parse_node(parser, AST_UID, offset, ast);
        if (rc != POLICY_OK) {
            return rc;
        }

        (*ast)->u.uid = policy_alloc(parser->arena, sizeof(policy_uid_t));
        if ((*ast)->u.uid == NULL) {
            return policy_parser_no_memory(parser);
        }

        *(*ast)->u.uid = uid;
        return POLICY_OK;
    }

    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (path.len != strlen(variables[i])
            || memcmp(path.data, variables[i], path.len) != 0)
        {
            continue;
        }

        if (parser->token.kind == TOKEN_LPAREN) {
            return policy_parser_fail(parser, POLICY_INVALID, offset,
                                      "`%S` is no function", path);
        }

        rc = policy_parse_node(parser, AST_VAR, offset, ast);
        if (rc == POLICY_OK) {
            (*ast)->id = i;
        }

        return rc;
    }

    if (parser->token.kind == TOKEN_LPAREN) {
        return parse_call(parser, path, offset, ast);
    }

    return policy_parser_fail(parser, POLICY_INVALID, offset,
                              "unknown variable `%S`", path);
}


static policy_status_t
parse_bool(policy_parser_t *parser, int value, policy_ast_t **ast)
{
    policy_status_t  rc;

    rc = policy_parse_node(parser, AST_BOOL, parser->token.offset, ast);
    if (rc == POLICY_OK) {
        (*ast)->u.i = value;
        rc = policy_parser_advance(parser);
    }

    if (rc == POLICY_OK) {
        (*ast)->end = parser->last;
    }

    return rc;
}


static policy_status_t
parse_word(policy_parser_t *parser, policy_ast_t **ast)
{
    if (policy_parser_is_word(parser, "true")) {
        return parse_bool(parser, 1, ast);
    }

    if (policy_parser_is_word(parser, "false")) {
        return parse_bool(parser, 0, ast);
    }

    if (policy_parser_is_word(parser, "if")) {
        return policy_parser_refuse(parser, "an expression (\"if\" needs "
                                    "parentheses here)");
    }

    if (policy_is_reserved(parser->token.text)) {
        return policy_parser_refuse(parser, "an expression");
    }

    return parse_name(parser, ast);
}


static policy_status_t
parse_parentheses(policy_parser_t *parser, policy_ast_t **ast)
{
    uint32_t         offset;
    policy_status_t  rc;

    offset = parser->token.offset;

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = policy_parse_expr(parser, ast)) != POLICY_OK
        || (rc = policy_parser_expect(parser, TOKEN_RPAREN)) != POLICY_OK)
    {
        return rc;
    }

    (*ast)->offset = offset;
    (*ast)->end = parser->last;

    return POLICY_OK;
}


/*
 * primary := INT | STRING | "true" | "false" | variable | uid | call
 *          | "(" expr ")" | "[" expr,* "]" | "{" (key ":" expr),* "}"
 */
policy_status_t
policy_parse_primary(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_status_t  rc;

    switch (parser->token.kind) {

    case TOKEN_INT:
        return policy_parse_int(parser, 0, ast);

    case TOKEN_STRING:
        return parse_string(parser, ast);

    case TOKEN_IDENT:
        return parse_word(parser, ast);

    case TOKEN_LPAREN:
        return parse_parentheses(parser, ast);

    case TOKEN_LBRACKET:
        rc = policy_parse_node(parser, AST_SET, parser->token.offset, ast);
        if (rc == POLICY_OK) {
            rc = policy_parser_advance(parser);
        }

        if (rc == POLICY_OK) {
            rc = policy_parse_list(parser, TOKEN_RBRACKET, &(*ast)->kids);
        }

        return rc == POLICY_OK ? policy_parse_close(parser, *ast) : rc;

    case TOKEN_LBRACE:
        return parse_record(parser, ast);

    case TOKEN_SLOT:
        return policy_parser_refuse(parser, "an expression (slots belong "
                                    "into the scope)");

    default:
        return policy_parser_refuse(parser, "an expression");
    }
}
