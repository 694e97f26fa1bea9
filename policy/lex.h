/*
 * Cedar text to tokens.
 */

#ifndef POLICY_LEX_H
#define POLICY_LEX_H

#include "arena.h"


/* ORDER TOKENS: token_names in lex.c */
typedef enum {
    TOKEN_END = 0,
    TOKEN_IDENT,
    TOKEN_INT,
    TOKEN_STRING,           /* with its quotes, still escaped */
    TOKEN_SLOT,             /* with its "?" */
    TOKEN_AT,
    TOKEN_DOT,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_COLON,
    TOKEN_PATH,             /* "::" */
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_LBRACE,
    TOKEN_RBRACE,
    TOKEN_LBRACKET,
    TOKEN_RBRACKET,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_OR,
    TOKEN_AND,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_PERCENT,
    TOKEN_NOT,
    TOKEN_ASSIGN
} policy_token_kind_t;

typedef struct {
    policy_token_kind_t  kind;
    uint32_t             offset;
    policy_str_t         text;
} policy_token_t;

typedef struct {
    policy_str_t     file;
    policy_str_t     text;
    size_t           at;
    policy_error_t  *error;
    int              bare_slot;     /* "?" alone is a slot, as schemas use
                                       it; 0 after init */
} policy_lex_t;


/* Refuses text that is too long or not UTF-8. */
policy_status_t policy_lex_init(policy_lex_t *lex, policy_str_t file,
    policy_str_t text, policy_error_t *error);

policy_status_t policy_lex_next(policy_lex_t *lex, policy_token_t *token);

const char *policy_token_name(policy_token_kind_t kind);


/*
 * The text of a string token without quotes and escapes; borrowed from the
 * text when there are no escapes, else in the arena.
 */
policy_status_t policy_lex_string(policy_lex_t *lex,
    const policy_token_t *token, policy_arena_t *arena, policy_str_t *s);

/*
 * The pattern of a "like": as above, but "*" becomes the byte FF and "\*" a
 * star.  FF occurs in no UTF-8 text.
 */
#define POLICY_WILDCARD  ((char) 0xff)

policy_status_t policy_lex_pattern(policy_lex_t *lex,
    const policy_token_t *token, policy_arena_t *arena, policy_str_t *s);


#endif /* POLICY_LEX_H */
