/*
 * Policies as trees, before compilation: what the parser makes, the
 * compiler takes, and whoever else wants to look at policies as written
 * (a validator) works on.  Every node knows its place in the text.
 *
 *     policy_parser_init(&parser, file, text, error);
 *     while (policy_parser_next(&parser, arena, &p) == POLICY_OK && p) ...
 *
 * Trees live in the arena given and borrow from the text.
 */

#ifndef POLICY_AST_H
#define POLICY_AST_H

#include "lex.h"
#include "value.h"


typedef struct policy_ast_s  policy_ast_t;

/* ORDER AST: compilers in compile.c */
typedef enum {
    AST_BOOL = 0,       /* i */
    AST_LONG,           /* i */
    AST_STRING,         /* text */
    AST_UID,            /* uid */
    AST_VAR,            /* id: policy_variable_t, not POLICY_OTHER */
    AST_SET,            /* kids */
    AST_RECORD,         /* kids: AST_FIELD, in the order of the text */
    AST_FIELD,          /* text: the key; one kid */
    AST_IF,             /* three kids */
    AST_AND,            /* two or more kids: a && b && c */
    AST_OR,
    AST_NOT,
    AST_NEG,
    AST_EQ,             /* two kids, down to AST_IN */
    AST_NE,
    AST_LT,
    AST_LE,
    AST_GT,
    AST_GE,
    AST_IN,
    AST_SUM,            /* two or more kids, each added, or minus is set */
    AST_PRODUCT,        /* two or more kids */
    AST_HAS,            /* one kid; names: a.b.c */
    AST_ATTR,           /* one kid; text: the attribute */
    AST_LIKE,           /* one kid; text: the pattern, see lex.h */
    AST_IS,             /* text: the type; one kid, or two with "in" */
    AST_METHOD,         /* id: policy_method_t; kids: object, arguments */
    AST_CALL            /* id: see ext.h; kids: arguments; of a method, the
                           object is the first */
} policy_ast_op_t;

typedef enum {
    METHOD_CONTAINS = 0,
    METHOD_CONTAINS_ALL,
    METHOD_CONTAINS_ANY,
    METHOD_IS_EMPTY,
    METHOD_HAS_TAG,
    METHOD_GET_TAG
} policy_method_t;

typedef struct policy_ast_name_s  policy_ast_name_t;

struct policy_ast_name_s {
    policy_ast_name_t  *next;
    policy_str_t        text;
    uint32_t            offset;
};

struct policy_ast_s {
    uint8_t        op;
    uint8_t        id;
    uint8_t        minus;
    uint16_t       depth;       /* 1 for a leaf */
    uint32_t       offset;      /* of the text: where the node begins, */
    uint32_t       end;         /*   and past its last byte */
    uint32_t       place;       /* of its operator, attribute or method */
    uint32_t       nkids;
    policy_ast_t  *kids;        /* the first; the others by next */
    policy_ast_t  *next;
    union {
        int64_t             i;
        policy_str_t        text;
        policy_uid_t       *uid;
        policy_ast_name_t  *names;
    } u;
};


typedef enum {
    SCOPE_ANY = 0,
    SCOPE_EQ,
    SCOPE_IN,           /* action: any of a list */
    SCOPE_IS,
    SCOPE_IS_IN
} policy_scope_op_t;

typedef struct policy_ast_ref_s  policy_ast_ref_t;

struct policy_ast_ref_s {
    policy_ast_ref_t  *next;
    policy_uid_t       uid;
    uint32_t           offset;
};

typedef struct {
    uint8_t            op;
    uint8_t            is_slot;     /* the slot stands for the uid */
    uint32_t           offset;
    uint32_t           nrefs;
    policy_str_t       type;        /* SCOPE_IS, SCOPE_IS_IN */
    uint32_t           type_offset;
    policy_ast_ref_t  *refs;        /* action in []: none */
} policy_ast_scope_t;

typedef struct policy_ast_cond_s  policy_ast_cond_t;

struct policy_ast_cond_s {
    policy_ast_cond_t  *next;
    policy_ast_t       *body;
    uint8_t             unless;
    uint32_t            offset;
};

typedef struct policy_ast_note_s  policy_ast_note_t;

struct policy_ast_note_s {
    policy_ast_note_t  *next;
    policy_str_t        name;
    policy_str_t        value;
    uint32_t            offset;
};

typedef struct {
    policy_effect_t      effect;
    uint32_t             offset;    /* of the first annotation or effect */
    uint32_t             end;
    uint32_t             nnotes;
    policy_ast_note_t   *notes;
    policy_ast_scope_t   principal;
    policy_ast_scope_t   action;
    policy_ast_scope_t   resource;
    uint32_t             nconds;
    policy_ast_cond_t   *conds;
} policy_ast_policy_t;


#define POLICY_MAX_NOTES  1000      /* annotations of one policy */

typedef struct {
    policy_lex_t     lex;
    policy_token_t   token;         /* not yet consumed */
    uint32_t         last;          /* end of the token before it */
    unsigned         nesting;
    policy_arena_t  *arena;
} policy_parser_t;


policy_status_t policy_parser_init(policy_parser_t *parser,
    policy_str_t file, policy_str_t text, policy_error_t *error);

/* *policy is NULL at the end of the text. */
policy_status_t policy_parser_next(policy_parser_t *parser,
    policy_arena_t *arena, policy_ast_policy_t **policy);

/* The text as one expression, or one uid, and nothing after it. */
policy_status_t policy_parse_expr_text(policy_arena_t *arena,
    policy_str_t file, policy_str_t text, policy_ast_t **ast,
    policy_error_t *error);
policy_status_t policy_parse_uid_text(policy_arena_t *arena,
    policy_str_t file, policy_str_t text, policy_uid_t *uid,
    policy_error_t *error);


/* For parse*.c */

policy_status_t policy_parser_advance(policy_parser_t *parser);
policy_status_t policy_parser_refuse(policy_parser_t *parser,
    const char *expected);
policy_status_t policy_parser_fail(policy_parser_t *parser,
    policy_status_t status, uint32_t offset, const char *message,
    policy_str_t name);
policy_status_t policy_parser_no_memory(policy_parser_t *parser);
policy_status_t policy_parser_expect(policy_parser_t *parser,
    policy_token_kind_t kind);
int policy_parser_is_word(const policy_parser_t *parser, const char *word);

policy_status_t policy_parse_expr(policy_parser_t *parser,
    policy_ast_t **ast);
policy_status_t policy_parse_primary(policy_parser_t *parser,
    policy_ast_t **ast);
policy_status_t policy_parse_int(policy_parser_t *parser, int minus,
    policy_ast_t **ast);
policy_status_t policy_parse_key(policy_parser_t *parser,
    policy_str_t *key);
policy_status_t policy_parse_list(policy_parser_t *parser,
    policy_token_kind_t close, policy_ast_t **last);

/* A node; closing it counts its kids and checks its depth. */
policy_status_t policy_parse_node(policy_parser_t *parser,
    policy_ast_op_t op, uint32_t offset, policy_ast_t **ast);
policy_status_t policy_parse_close(policy_parser_t *parser,
    policy_ast_t *node);
policy_status_t policy_parse_wrap(policy_parser_t *parser,
    policy_ast_op_t op, uint32_t place, policy_ast_t **ast);

/*
 * path, or with uid not NULL also path "::" STRING.  The first identifier
 * is the current token.  *is_uid tells which.
 */
policy_status_t policy_parse_path(policy_parser_t *parser,
    policy_str_t *path, policy_uid_t *uid, int *is_uid);


#endif /* POLICY_AST_H */
