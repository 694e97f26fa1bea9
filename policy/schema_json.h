/*
 * Schemas in JSON: what the two files share.
 */

#ifndef POLICY_SCHEMA_JSON_H
#define POLICY_SCHEMA_JSON_H

#include "schema.h"
#include "json.h"


typedef struct {
    policy_schema_t  *schema;
    policy_json_t     json;
    unsigned          nesting;
    schema_space_t   *space;        /* whose declarations are read */
} schema_json_t;

/* Reads the value behind a key that stands at offset at. */
typedef policy_status_t (*schema_json_member_pt)(schema_json_t *r,
    void *data, policy_str_t key, uint32_t at);
typedef policy_status_t (*schema_json_item_pt)(schema_json_t *r,
    void *data);


/* Offset of the value that follows. */
uint32_t schema_json_place(schema_json_t *r);
policy_status_t schema_json_refuse(schema_json_t *r, policy_status_t status,
    uint32_t at, const char *message);

policy_status_t schema_json_object(schema_json_t *r,
    schema_json_member_pt member, void *data);
policy_status_t schema_json_array(schema_json_t *r, schema_json_item_pt item,
    void *data);
policy_status_t schema_json_string(schema_json_t *r, policy_str_t *s);

/* Takes a null, if one stands here. */
policy_status_t schema_json_null(schema_json_t *r, int *is_null);

/* The key's place among n names, which is then marked in *seen. */
policy_status_t schema_json_key(schema_json_t *r, policy_str_t key,
    uint32_t at, const char *const *names, unsigned n, unsigned *seen,
    unsigned *found);

/* *n: how many there are; may be NULL. */
policy_status_t schema_json_notes(schema_json_t *r, unsigned *n);

policy_status_t schema_json_type(schema_json_t *r,
    const schema_type_t **type);

/* A type that may have annotations. */
policy_status_t schema_json_common_type(schema_json_t *r,
    const schema_type_t **type);


#endif /* POLICY_SCHEMA_JSON_H */
