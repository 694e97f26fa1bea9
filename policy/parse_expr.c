/*
 * Expressions.  Each function states the production it accepts; a chain of
 * one operator makes one node with many kids, so that only brackets, ifs
 * and member accesses make a tree deep.
 */

#include "ast.h"
#include "ext.h"

#include <string.h>


static const policy_str_t  no_name = { "", 0 };

/* ORDER METHODS: policy_method_t; nargs without the object */
static const struct {
    policy_str_t  name;
    unsigned      nargs;
} methods[] = {
    { { "contains", 8 }, 1 },
    { { "containsAll", 11 }, 1 },
    { { "containsAny", 11 }, 1 },
    { { "isEmpty", 7 }, 0 },
    { { "hasTag", 6 }, 1 },
    { { "getTag", 6 }, 1 }
};

typedef policy_status_t (*parse_pt)(policy_parser_t *parser,
    policy_ast_t **ast);


/* one { op one }, as one node; minus_op marks operands to subtract */
static policy_status_t
parse_chain(policy_parser_t *parser, policy_ast_op_t op,
    policy_token_kind_t token, policy_token_kind_t minus, parse_pt one,
    policy_ast_t **ast)
{
    policy_ast_t         *node, *kid, **last;
    policy_status_t       rc;
    policy_token_kind_t   kind;

    rc = one(parser, ast);
    if (rc != POLICY_OK) {
        return rc;
    }

    kind = parser->token.kind;

    if (kind != token && kind != minus) {
        return POLICY_OK;
    }

    rc = policy_parse_node(parser, op, (*ast)->offset, &node);
    if (rc != POLICY_OK) {
        return rc;
    }

    node->place = parser->token.offset;
    node->kids = *ast;
    last = &(*ast)->next;

    while (kind == token || kind == minus) {
        if ((rc = policy_parser_advance(parser)) != POLICY_OK
            || (rc = one(parser, &kid)) != POLICY_OK)
        {
            return rc;
        }

        kid->minus = kind == minus && minus != token;
        *last = kid;
        last = &kid->next;
        kind = parser->token.kind;
    }

    *ast = node;

    return policy_parse_close(parser, node);
}


static policy_status_t
check_method(policy_parser_t *parser, policy_str_t name, policy_ast_t *node)
{
    uint8_t              i;
    const policy_ext_t  *ext;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (!policy_str_equal(name, methods[i].name)) {
            continue;
        }

        if (node->nkids != methods[i].nargs + 1) {
            return policy_parser_fail(parser, POLICY_INVALID, node->place,
                                      methods[i].nargs == 1
                                      ? "`%S` takes one argument"
                                      : "`%S` takes no arguments", name);
        }

        node->op = AST_METHOD;
        node->id = i;
        return POLICY_OK;
    }

    ext = policy_ext_find(name, &node->id);

    if (ext == NULL || !ext->method) {
        return policy_parser_fail(parser, POLICY_INVALID, node->place,
                                  ext == NULL
                                  ? "unknown method `%S`"
                                  : "`%S` is a function, not a method",
                                  name);
    }

    return POLICY_OK;
}


/* "." IDENT [ "(" expr,* ")" ], the dot being current */
static policy_status_t
parse_dot(policy_parser_t *parser, policy_ast_t **ast)
{
    uint32_t          place;
    policy_str_t      name;
    policy_ast_t     *node;
    policy_status_t   rc;

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (parser->token.kind != TOKEN_IDENT) {
        return policy_parser_refuse(parser, "the name of an attribute or "
                                    "method");
    }

    place = parser->token.offset;

    rc = policy_parse_key(parser, &name);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (parser->token.kind != TOKEN_LPAREN) {
        rc = policy_parse_wrap(parser, AST_ATTR, place, ast);
        if (rc == POLICY_OK) {
            (*ast)->u.text = name;
        }

        return rc;
    }

    rc = policy_parse_node(parser, AST_CALL, (*ast)->offset, &node);
    if (rc != POLICY_OK) {
        return rc;
    }

    node->place = place;
    node->kids = *ast;

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = policy_parse_list(parser, TOKEN_RPAREN, &(*ast)->next))
           != POLICY_OK
        || (rc = policy_parse_close(parser, node)) != POLICY_OK)
    {
        return rc;
    }

    *ast = node;

    return check_method(parser, name, node);
}


/* "[" STRING "]", the bracket being current */
static policy_status_t
parse_index(policy_parser_t *parser, policy_ast_t **ast)
{
    uint32_t         place;
    policy_str_t     name;
    policy_status_t  rc;

    rc = policy_parser_advance(parser);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (parser->token.kind != TOKEN_STRING) {
        return policy_parser_refuse(parser, "a string");
    }

    place = parser->token.offset;

    if ((rc = policy_parse_key(parser, &name)) != POLICY_OK
        || (rc = policy_parser_expect(parser, TOKEN_RBRACKET)) != POLICY_OK
        || (rc = policy_parse_wrap(parser, AST_ATTR, place, ast)) != POLICY_OK)
    {
        return rc;
    }

    (*ast)->u.text = name;

    return POLICY_OK;
}


/* { "." IDENT | "." IDENT "(" expr,* ")" | "[" STRING "]" } */
static policy_status_t
parse_accesses(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_status_t  rc;

    for ( ;; ) {
        if (parser->token.kind == TOKEN_DOT) {
            rc = parse_dot(parser, ast);

        } else if (parser->token.kind == TOKEN_LBRACKET) {
            rc = parse_index(parser, ast);

        } else {
            return POLICY_OK;
        }

        if (rc != POLICY_OK) {
            return rc;
        }
    }
}


/* member := primary { access } */
static policy_status_t
parse_member(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_status_t  rc;

    rc = policy_parse_primary(parser, ast);

    return rc == POLICY_OK ? parse_accesses(parser, ast) : rc;
}


#define UNARY_MAX  4

/* the minus next to a literal belongs to it, unless an access follows */
static policy_status_t
parse_minus_int(policy_parser_t *parser, unsigned *count, policy_ast_t **ast)
{
    policy_token_t   literal, after;
    policy_lex_t     ahead;
    policy_status_t  rc;

    literal = parser->token;
    ahead = parser->lex;

    rc = policy_lex_next(&ahead, &after);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (after.kind == TOKEN_DOT || after.kind == TOKEN_LBRACKET) {
        return parse_member(parser, ast);
    }

    (*count)--;

    rc = policy_parse_int(parser, 1, ast);
    if (rc == POLICY_OK) {
        (*ast)->place = literal.offset;
    }

    return rc;
}


/* unary := "!"{0,4} member | "-"{0,4} member */
static policy_status_t
parse_unary(policy_parser_t *parser, policy_ast_t **ast)
{
    uint32_t             offset;
    unsigned             count;
    policy_status_t      rc;
    policy_token_kind_t  kind;

    kind = parser->token.kind;
    offset = parser->token.offset;

    if (kind != TOKEN_NOT && kind != TOKEN_MINUS) {
        return parse_member(parser, ast);
    }

    for (count = 0; parser->token.kind == kind; count++) {
        if (count == UNARY_MAX) {
            return policy_parser_fail(parser, POLICY_SYNTAX,
                                      parser->token.offset,
                                      "more than four %S in a row",
                                      parser->token.text);
        }

        rc = policy_parser_advance(parser);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    if (kind == TOKEN_MINUS && parser->token.kind == TOKEN_INT) {
        rc = parse_minus_int(parser, &count, ast);
    } else {
        rc = parse_member(parser, ast);
    }

    while (rc == POLICY_OK && count-- > 0) {
        rc = policy_parse_wrap(parser, kind == TOKEN_NOT ? AST_NOT : AST_NEG,
                               offset,
                               ast);
    }

    if (rc == POLICY_OK) {
        (*ast)->offset = offset;
    }

    return rc;
}


/* mul := unary { "*" unary } */
static policy_status_t
parse_mul(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_status_t  rc;

    rc = parse_chain(parser, AST_PRODUCT, TOKEN_STAR, TOKEN_STAR,
                     parse_unary, ast);

    if (rc == POLICY_OK && (parser->token.kind == TOKEN_SLASH
                            || parser->token.kind == TOKEN_PERCENT))
    {
        return policy_parser_fail(parser, POLICY_INVALID,
                                  parser->token.offset,
                                  "Cedar has no operator `%S`",
                                  parser->token.text);
    }

    return rc;
}


/* add := mul { ("+" | "-") mul } */
static policy_status_t
parse_add(policy_parser_t *parser, policy_ast_t **ast)
{
    return parse_chain(parser, AST_SUM, TOKEN_PLUS, TOKEN_MINUS, parse_mul,
                       ast);
}


/* "has" ( IDENT { "." IDENT } | STRING ), "has" being consumed */
static policy_status_t
parse_has(policy_parser_t *parser, uint32_t place, policy_ast_t **ast)
{
    int                  more;
    policy_status_t      rc;
    policy_ast_name_t   *name, **last;

    rc = policy_parse_wrap(parser, AST_HAS, place, ast);
    if (rc != POLICY_OK) {
        return rc;
    }

    last = &(*ast)->u.names;
    more = parser->token.kind == TOKEN_IDENT;

    do {
        name = policy_alloc(parser->arena, sizeof(policy_ast_name_t));
        if (name == NULL) {
            return policy_parser_no_memory(parser);
        }

        name->next = NULL;
        name->offset = parser->token.offset;

        /* strings stand alone: has "a".b is refused */

        if (more && parser->token.kind != TOKEN_IDENT) {
            return policy_parser_refuse(parser, "a name");
        }

        rc = policy_parse_key(parser, &name->text);
        if (rc != POLICY_OK) {
            return rc;
        }

        *last = name;
        last = &name->next;

        more = more && parser->token.kind == TOKEN_DOT;

        if (more) {
            rc = policy_parser_advance(parser);
            if (rc != POLICY_OK) {
                return rc;
            }
        }

    } while (more);

    (*ast)->end = parser->last;

    return POLICY_OK;
}


/* "like" STRING, "like" being consumed */
static policy_status_t
parse_like(policy_parser_t *parser, uint32_t place, policy_ast_t **ast)
{
    policy_status_t  rc;

    if (parser->token.kind != TOKEN_STRING) {
        return policy_parser_refuse(parser, "a pattern in quotes");
    }

    rc = policy_parse_wrap(parser, AST_LIKE, place, ast);
    if (rc == POLICY_OK) {
        rc = policy_lex_pattern(&parser->lex, &parser->token, parser->arena,
                                &(*ast)->u.text);
    }

    if (rc == POLICY_OK) {
        rc = policy_parser_advance(parser);
    }

    (*ast)->end = parser->last;

    return rc;
}


/* "is" path [ "in" add ], "is" being consumed */
static policy_status_t
parse_is(policy_parser_t *parser, uint32_t place, policy_ast_t **ast)
{
    policy_str_t     type;
    policy_status_t  rc;

    if ((rc = policy_parse_path(parser, &type, NULL, NULL)) != POLICY_OK
        || (rc = policy_parse_wrap(parser, AST_IS, place, ast)) != POLICY_OK)
    {
        return rc;
    }

    (*ast)->u.text = type;

    if (!policy_parser_is_word(parser, "in")) {
        return POLICY_OK;
    }

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = parse_add(parser, &(*ast)->kids->next)) != POLICY_OK)
    {
        return rc;
    }

    return policy_parse_close(parser, *ast);
}


static int
relation(const policy_parser_t *parser, policy_ast_op_t *op)
{
    switch (parser->token.kind) {

    case TOKEN_EQ:
        *op = AST_EQ;
        return 1;

    case TOKEN_NE:
        *op = AST_NE;
        return 1;

    case TOKEN_LT:
        *op = AST_LT;
        return 1;

    case TOKEN_LE:
        *op = AST_LE;
        return 1;

    case TOKEN_GT:
        *op = AST_GT;
        return 1;

    case TOKEN_GE:
        *op = AST_GE;
        return 1;

    default:
        *op = AST_IN;
        return policy_parser_is_word(parser, "in");
    }
}


/* the right side of a relation, its operator being current */
static policy_status_t
parse_relation(policy_parser_t *parser, policy_ast_op_t op, policy_ast_t **ast)
{
    uint32_t          place;
    policy_ast_t     *node;
    policy_status_t   rc;

    place = parser->token.offset;

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = policy_parse_node(parser, op, (*ast)->offset,
                                   &node)) != POLICY_OK
        || (rc = parse_add(parser, &(*ast)->next)) != POLICY_OK)
    {
        return rc;
    }

    node->place = place;
    node->kids = *ast;
    *ast = node;

    return policy_parse_close(parser, node);
}


/* rel := add [ relation add | "has" … | "like" … | "is" … ] */
static policy_status_t
parse_rel(policy_parser_t *parser, policy_ast_t **ast)
{
    uint32_t          place;
    policy_status_t   rc;
    policy_ast_op_t   op;
    policy_status_t (*rest)(policy_parser_t *, uint32_t, policy_ast_t **);

    rc = parse_add(parser, ast);
    if (rc != POLICY_OK) {
        return rc;
    }

    place = parser->token.offset;

    if (relation(parser, &op)) {
        rc = parse_relation(parser, op, ast);

    } else {
        rest = policy_parser_is_word(parser, "has") ? parse_has
             : policy_parser_is_word(parser, "like") ? parse_like
             : policy_parser_is_word(parser, "is") ? parse_is
             : NULL;

        if (rest == NULL) {
            return POLICY_OK;
        }

        rc = policy_parser_advance(parser);
        if (rc == POLICY_OK) {
            rc = rest(parser, place, ast);
        }
    }

    if (rc == POLICY_OK
        && (relation(parser, &op) || policy_parser_is_word(parser, "has")
            || policy_parser_is_word(parser, "like")
            || policy_parser_is_word(parser, "is")))
    {
        return policy_parser_fail(parser, POLICY_SYNTAX,
                                  parser->token.offset,
                                  "`%S` after another relation needs "
                                  "parentheses", parser->token.text);
    }

    return rc;
}


/* and := rel { "&&" rel } */
static policy_status_t
parse_and(policy_parser_t *parser, policy_ast_t **ast)
{
    return parse_chain(parser, AST_AND, TOKEN_AND, TOKEN_AND, parse_rel,
                       ast);
}


/* "if" expr "then" expr "else" expr, "if" being current */
static policy_status_t
parse_if(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_ast_t     *node, **last;
    policy_status_t   rc;

    if ((rc = policy_parse_node(parser, AST_IF, parser->token.offset, &node))
        != POLICY_OK
        || (rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = policy_parse_expr(parser, &node->kids)) != POLICY_OK)
    {
        return rc;
    }

    if (!policy_parser_is_word(parser, "then")) {
        return policy_parser_refuse(parser, "then");
    }

    last = &node->kids->next;

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = policy_parse_expr(parser, last)) != POLICY_OK)
    {
        return rc;
    }

    if (!policy_parser_is_word(parser, "else")) {
        return policy_parser_refuse(parser, "else");
    }

    last = &(*last)->next;

    if ((rc = policy_parser_advance(parser)) != POLICY_OK
        || (rc = policy_parse_expr(parser, last)) != POLICY_OK)
    {
        return rc;
    }

    *ast = node;

    return policy_parse_close(parser, node);
}


/* expr := "if" … | and { "||" and } */
policy_status_t
policy_parse_expr(policy_parser_t *parser, policy_ast_t **ast)
{
    policy_status_t  rc;

    if (parser->nesting == POLICY_MAX_NESTING) {
        return policy_parser_fail(parser, POLICY_LIMIT, parser->token.offset,
                                  "nesting is too deep", no_name);
    }

    parser->nesting++;

    if (policy_parser_is_word(parser, "if")) {
        rc = parse_if(parser, ast);
    } else {
        rc = parse_chain(parser, AST_OR, TOKEN_OR, TOKEN_OR, parse_and, ast);
    }

    parser->nesting--;

    return rc;
}
