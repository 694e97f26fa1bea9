/*
 * Policy sets, compiled.
 */

#ifndef POLICY_SET_H
#define POLICY_SET_H

#include "eval.h"

#pragma GCC visibility push(hidden)


/* Names, types and uids of a set, each kept once; while it is built. */

typedef struct {
    uint64_t     hash;
    const void  *item;      /* NULL: free */
    unsigned     of;
} policy_symbol_t;

typedef struct {
    policy_symbol_t  *slots;
    size_t            n;
    size_t            size;     /* a power of 2, or 0 */
} policy_symbols_t;

/* NULL: no memory. */
const policy_name_t *policy_set_name(policy_set_t *set, policy_str_t s);
const policy_type_t *policy_set_type(policy_set_t *set, policy_str_t s);
const policy_uid_t *policy_set_uid(policy_set_t *set,
    const policy_uid_t *uid);

policy_status_t policy_set_note_use(policy_set_t *set,
    policy_variable_t variable, policy_use_kind_t kind,
    const policy_name_t *name);

/* Fills set->named, while there is the table; 0: no memory. */
int policy_set_named(policy_set_t *set);


typedef struct {
    uint8_t               op;           /* policy_scope_op_t */
    uint8_t               is_slot;
    const policy_uid_t   *uid;
    const policy_type_t  *type;
} policy_scope_t;

typedef struct {
    policy_str_t  name;
    policy_str_t  value;
} policy_note_t;

typedef struct {
    uint8_t                    effect;
    uint8_t                    is_template;
    uint8_t                    action_op;
    policy_scope_t             principal;
    policy_scope_t             resource;
    const policy_uid_t       **actions;     /* distinct */
    uint32_t                   nactions;
    const policy_node_t       *root;        /* NULL: no conditions */
    uint32_t                   nnotes;
    const policy_note_t       *notes;
    policy_str_t               id;
    policy_str_t               file;
    policy_place_t             place;
    uint32_t                   linked;      /* index of template + 1 */
} policy_rule_t;


typedef struct policy_use_link_s  policy_use_link_t;

struct policy_use_link_s {
    policy_use_link_t  *next;
    policy_use_t        use;
};


/* The policies that a key leads to: list[first .. first + n). */
typedef struct {
    uint64_t  key;
    uint32_t  first;
    uint32_t  n;
} policy_bucket_t;

/*
 * A policy is filed once, under that of its scope tests which it shares
 * with the fewest policies; one with several actions under each of them.
 */
typedef struct {
    policy_bucket_t  *buckets;      /* open addressing; n 0: free */
    uint32_t          mask;
    uint32_t         *list;
    uint32_t          nany;         /* list[0 .. nany): in every request */
    unsigned          roles;        /* bits of ROLE_: what keys there are */
} policy_index_t;

/* What a key is of. */
enum {
    ROLE_PRINCIPAL = 1,
    ROLE_RESOURCE = 2,
    ROLE_ACTION = 4,
    ROLE_PRINCIPAL_TYPE = 8,
    ROLE_RESOURCE_TYPE = 16
};


#define POLICY_MASK_RULES  64

/* Which policies name the uid in a scope, by variable; one cache line. */
typedef struct {
    uint64_t             hash;
    const policy_uid_t  *uid;       /* NULL: free */
    uint64_t             eq[3];
    uint64_t             in[3];
} policy_mention_t;

typedef struct {
    const policy_type_t  *type;
    uint64_t              is;
} policy_mentioned_type_t;

/* By variable: what one decision reads for one of its three uids. */
typedef struct {
    uint64_t                  seen;     /* a bit for each uid that the
                                           scopes name: most are not */
    uint64_t                  any;      /* a scope that lets all through, or
                                           takes a look at the policy */
    policy_mentioned_type_t  *types;
    uint32_t                  ntypes;
} policy_scopes_t;

typedef struct {
    policy_mention_t  *uids;        /* open addressing */
    uint32_t           mask;
    uint64_t           check;       /* policies that take a look */
    policy_scopes_t    scopes[3];
} policy_masks_t;


struct policy_set_s {
    policy_memory_t      memory;
    policy_arena_t       main;
    policy_arena_t       temp;          /* the policy being compiled */
    policy_symbols_t     symbols;
    policy_str_t         prefix;
    int                  id_annotation;
    int                  failed;
    int                  finished;
    policy_rule_t       *rules;
    uint32_t             n;
    uint32_t             size;
    uint32_t             position;      /* of the next policy of a text */
    uint32_t            *ids;           /* by hash of id: index + 1 */
    uint32_t             ids_size;
    policy_use_link_t   *use_links;
    size_t               nuses;
    policy_use_t        *uses;
    uint64_t            *named;         /* hashes of all uids, in order */
    size_t               nnamed;
    policy_index_t       index;
    policy_masks_t      *masks;         /* NULL: too many policies */
};


/* A new rule, zeroed; NULL: no memory.  Valid until the next one. */
policy_rule_t *policy_set_new_rule(policy_set_t *set);

/* Enters the last rule's id, or returns POLICY_DUPLICATE. */
policy_status_t policy_set_new_id(policy_set_t *set);

policy_status_t policy_set_no_memory(policy_set_t *set,
    policy_error_t *error);


/* compile.c: places, nodes */

typedef struct {
    policy_str_t  text;
    size_t        at;           /* where line and column hold */
    uint32_t      line;
    uint32_t      column;
} policy_cursor_t;

policy_place_t policy_cursor_place(policy_cursor_t *cursor, size_t offset);

/* The conditions of a policy; *root is NULL when there are none. */
policy_status_t policy_compile(policy_set_t *set, policy_cursor_t *cursor,
    const policy_ast_policy_t *ast, const policy_node_t **root);


/* index.c */

policy_status_t policy_index_build(policy_set_t *set);

/* NULL: none. */
const policy_bucket_t *policy_index_find(const policy_index_t *index,
    uint64_t key);


/* masks.c */

policy_status_t policy_masks_build(policy_set_t *set);

/* The policies to look at, by position; those of check only perhaps. */
uint64_t policy_masks_find(const policy_masks_t *masks,
    const policy_actor_t *actors);


#pragma GCC visibility pop

#endif /* POLICY_SET_H */
