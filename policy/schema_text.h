/*
 * Schema text: what its two files share.
 */

#ifndef POLICY_SCHEMA_TEXT_H
#define POLICY_SCHEMA_TEXT_H

#include "schema.h"
#include "lex.h"


typedef struct {
    policy_schema_t  *schema;
    policy_lex_t      lex;
    policy_token_t    token;        /* not yet consumed */
    unsigned          nesting;
    schema_space_t   *space;        /* whose declarations are read */
} schema_text_t;


policy_status_t schema_text_advance(schema_text_t *r);
policy_status_t schema_text_refuse(schema_text_t *r, const char *expected);
policy_status_t schema_text_expect(schema_text_t *r,
    policy_token_kind_t kind, const char *name);
int schema_text_is_word(const schema_text_t *r, const char *word);

/* An identifier; `__cedar` is one in paths, and else refused. */
policy_status_t schema_text_ident(schema_text_t *r, int in_path,
    policy_str_t *s);
policy_status_t schema_text_string(schema_text_t *r, policy_str_t *s);
policy_status_t schema_text_name(schema_text_t *r, policy_str_t *s);

/* With id not NULL "::" STRING may follow; else, id->data is NULL. */
policy_status_t schema_text_path(schema_text_t *r, policy_str_t *path,
    policy_str_t *id);

policy_status_t schema_text_notes(schema_text_t *r);
policy_status_t schema_text_type(schema_text_t *r,
    const schema_type_t **type);


#endif /* POLICY_SCHEMA_TEXT_H */
