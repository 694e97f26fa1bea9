/*
 * Schemas: declarations as they were read, names resolved in place.
 *
 * Reading (schema_text.c, schema_json.c) makes lists of declarations whose
 * types hold names; schema_resolve.c replaces the names by what they mean.
 * From then on a schema is immutable, and the same type structures serve the
 * validator, which makes more of them in memory of its own.
 */

#ifndef POLICY_SCHEMA_H
#define POLICY_SCHEMA_H

#include "value.h"


#define SCHEMA_DEPTH  200       /* of a type, common types inlined */


/* ORDER TYPES: names in schema_type.c */
typedef enum {
    TYPE_BOOL = 0,
    TYPE_TRUE,              /* a Bool known beforehand; never declared */
    TYPE_FALSE,
    TYPE_LONG,
    TYPE_STRING,
    TYPE_IP,
    TYPE_DECIMAL,
    TYPE_DATETIME,
    TYPE_DURATION,
    TYPE_ENTITY,            /* u.entity */
    TYPE_SET,               /* u.element */
    TYPE_RECORD,            /* u.fields, n of them, ordered */
    TYPE_NAME_ENTITY,       /* u.name, not resolved: an entity type, */
    TYPE_NAME_COMMON,       /*   a common type, */
    TYPE_NAME_EITHER,       /*   the latter or else the former, */
    TYPE_NAME_EXTENSION     /*   an extension type */
} schema_kind_t;

typedef struct schema_type_s    schema_type_t;
typedef struct schema_entity_s  schema_entity_t;
typedef struct schema_action_s  schema_action_t;

typedef struct {
    policy_name_t         name;
    const schema_type_t  *type;
    uint32_t              offset;
    uint8_t               optional;
} schema_field_t;

struct schema_type_s {
    uint8_t    kind;
    uint8_t    resolved;        /* so is what is below it */
    uint16_t   depth;           /* 1 for a leaf; when resolved */
    uint32_t   n;
    uint32_t   offset;
    union {
        const schema_type_t    *element;
        schema_field_t         *fields;
        const schema_entity_t  *entity;
        policy_str_t            name;
    } u;
};


/* A name that stands for an entity type or an action. */
typedef struct schema_ref_s  schema_ref_t;

struct schema_ref_s {
    schema_ref_t     *next;
    policy_str_t      name;     /* path; of an action: may be empty */
    policy_str_t      id;       /* of an action */
    uint32_t          offset;
    schema_entity_t  *entity;   /* when resolved, one of these */
    schema_action_t  *action;
};

typedef struct schema_space_s  schema_space_t;

struct schema_space_s {
    schema_space_t   *next;
    policy_str_t      name;         /* empty: the empty namespace */
    uint32_t          offset;
    schema_entity_t  *action_type;  /* once an action is declared in it */
};

struct schema_entity_s {
    schema_entity_t        *next;
    const schema_space_t   *space;
    policy_str_t            base;       /* as declared */
    policy_str_t            name;       /* with the namespace */
    uint64_t                hash;       /* policy_type_hash() of name */
    uint32_t                offset;
    uint32_t                index;      /* its bit in ancestors */
    uint8_t                 is_action;  /* made for actions, not declared */
    uint8_t                 is_enum;
    schema_type_t           type;       /* TYPE_ENTITY, of itself */
    schema_ref_t           *parents;
    const schema_type_t    *shape;      /* NULL: no attributes */
    const schema_type_t    *tags;       /* NULL: none */
    policy_str_t           *choices;    /* of an enum */
    uint32_t                nchoices;
    uint64_t               *ancestors;
};

struct schema_action_s {
    schema_action_t       *next;
    schema_space_t        *space;
    policy_uid_t           uid;
    uint32_t               offset;
    uint32_t               index;
    schema_ref_t          *parents;
    schema_ref_t          *principals;  /* no list: applies to nothing */
    schema_ref_t          *resources;
    const schema_type_t   *context;     /* NULL: {} */
    uint64_t              *ancestors;
};

typedef struct schema_common_s  schema_common_t;

struct schema_common_s {
    schema_common_t       *next;
    const schema_space_t  *space;
    policy_str_t           base;
    policy_str_t           name;
    uint32_t               offset;
    uint8_t                state;       /* of resolving it */
    const schema_type_t   *type;
};


typedef struct {
    uint64_t     hash;
    void        *item;      /* NULL: free */
    unsigned     of;
} schema_slot_t;

struct policy_schema_s {
    policy_memory_t      memory;
    policy_arena_t       arena;
    policy_str_t         file;          /* while it is read */
    policy_str_t         text;
    policy_error_t      *error;
    schema_space_t      *spaces;
    schema_entity_t     *entities;
    schema_action_t     *actions;
    schema_common_t     *commons;
    schema_space_t     **last_space;
    schema_entity_t    **last_entity;
    schema_action_t    **last_action;
    schema_common_t    **last_common;
    uint32_t             nspaces;
    uint32_t             nentities;
    uint32_t             nactions;
    uint32_t             ncommons;
    schema_slot_t       *slots;         /* of the arena; a power of 2 */
    uint32_t             nslots;
};


/* schema.c: errors while reading; at: offset in the text */

policy_status_t schema_no_memory(policy_schema_t *schema);
policy_status_t schema_fail(policy_schema_t *schema, policy_status_t status,
    uint32_t at, const char *message, policy_str_t name);

/*
 * New declarations and parts of them, in the schema's arena and lists.
 * NULL: no memory; with a status: or too many, said.
 */
policy_status_t schema_add_space(policy_schema_t *schema, policy_str_t name,
    uint32_t at, schema_space_t **space);
policy_status_t schema_add_entity(policy_schema_t *schema,
    schema_space_t *space, policy_str_t base, uint32_t at,
    schema_entity_t **entity);
policy_status_t schema_add_action(policy_schema_t *schema,
    schema_space_t *space, policy_str_t id, uint32_t at,
    schema_action_t **action);
policy_status_t schema_add_common(policy_schema_t *schema,
    schema_space_t *space, policy_str_t base, uint32_t at,
    schema_common_t **common);
schema_ref_t *schema_new_ref(policy_schema_t *schema, policy_str_t name,
    policy_str_t id, uint32_t at);

/* Whether s may be declared as an entity type or a common type. */
int schema_is_declarable(policy_str_t s);
int schema_is_common_base(policy_str_t s);

/* A path in which `__cedar` may stand too. */
int schema_is_path(policy_str_t s);

/* What is declared; NULL: nothing. */
const schema_entity_t *schema_find_entity(const policy_schema_t *schema,
    policy_str_t name);
const schema_action_t *schema_find_action(const policy_schema_t *schema,
    const policy_uid_t *uid);

/* Whether an entity of type a can be in one of type b (equal: yes). */
int schema_entity_under(const schema_entity_t *a, const schema_entity_t *b);
int schema_action_under(const schema_action_t *a, const schema_action_t *b);


/* schema_type.c */

schema_type_t *schema_new_type(policy_arena_t *arena, schema_kind_t kind,
    uint32_t at);

/* The types that have no parts.  kind: up to TYPE_DURATION. */
const schema_type_t *schema_basic(schema_kind_t kind);

/* An extension type, Bool, Long or String by name; NULL: not one. */
const schema_type_t *schema_builtin(policy_str_t name);

/*
 * Orders the fields of a record in the making.  Of fields with the same
 * name the last remains; *repeated (may be NULL) is set to one such.
 */
void schema_order_fields(schema_type_t *record,
    const schema_field_t **repeated);

const schema_field_t *schema_field(const schema_type_t *record,
    policy_str_t name);

/*
 * The least upper bound by strict rules: the types must be the same but for
 * Bools that are known.  NULL: none.  *work is counted down; below 0 the
 * result is NULL, as for want of memory, which *no_memory tells.
 */
const schema_type_t *schema_join(policy_arena_t *arena,
    const schema_type_t *a, const schema_type_t *b, int64_t *work,
    int *no_memory);

/* As schemas write it, shortened where it is long. */
void schema_print_type(policy_print_t *p, const schema_type_t *type);


/* schema_text.c, schema_json.c, schema_resolve.c */

policy_status_t schema_read_text(policy_schema_t *schema);
policy_status_t schema_read_json(policy_schema_t *schema);
policy_status_t schema_resolve(policy_schema_t *schema);

/* For the above: tables of names.  of: one of these. */
enum { SCHEMA_SPACE, SCHEMA_ENTITY, SCHEMA_ACTION, SCHEMA_COMMON };

#endif /* POLICY_SCHEMA_H */
