/*
 * Compiled expressions and their evaluation.
 *
 * A policy's nodes form one array, children before parents; a child is
 * found by its distance before the parent, so the array can be copied as a
 * whole.  Evaluation walks it recursively: the parser's limits bound depth.
 */

#ifndef POLICY_EVAL_H
#define POLICY_EVAL_H

#include "ast.h"
#include "entity.h"

#pragma GCC visibility push(hidden)


/* Nodes from NODE_AND on yield a Bool. */
typedef enum {
    NODE_CONST = 0,     /* value */
    NODE_VAR,           /* x: variable */
    NODE_PATH,          /* x: variable, a: n, p: policy_step_t[n] */
    NODE_ATTR,          /* a: kid, p: policy_step_t */
    NODE_IF,            /* a: 3, p: kids */
    NODE_SUM,           /* a: n, p: kids; MINUS marks those to subtract */
    NODE_PRODUCT,       /* a: n, p: kids */
    NODE_NEG,           /* a: kid */
    NODE_SET,           /* a: n, p: kids */
    NODE_RECORD,        /* a: n, p: policy_shape_t */
    NODE_CALL,          /* x: extension function, a: n, p: kids */
    NODE_GET_TAG,       /* a, b: kids */
    NODE_AND,           /* a: n, p: kids */
    NODE_OR,            /* a: n, p: kids */
    NODE_NOT,           /* a: kid */
    NODE_EQ,            /* a, b: kids; x: 1 for "!=" */
    NODE_EQ_CONST,      /* a: kid, p: policy_value_t; x: 1 for "!=" */
    NODE_LESS,          /* a, b: kids; x: policy_ast_op_t */
    NODE_IN,            /* a, b: kids */
    NODE_IN_UID,        /* a: kid, p: policy_uid_t */
    NODE_HAS,           /* a: kid, b: n, p: policy_step_t[n] */
    NODE_LIKE,          /* a: kid, p: policy_str_t */
    NODE_IS,            /* a: kid, b: kid of "in" or 0, p: policy_type_t */
    NODE_CONTAINS,      /* a, b: kids; and the other methods */
    NODE_CONTAINS_ALL,
    NODE_CONTAINS_ANY,
    NODE_IS_EMPTY,      /* a: kid */
    NODE_HAS_TAG        /* a, b: kids */
} policy_node_op_t;

#define POLICY_MINUS  0x80000000u

/* Where something stands in its text; both from 1, column saturates. */
typedef struct {
    uint32_t  line;
    uint16_t  column;
} policy_place_t;

typedef struct {
    policy_name_t   name;
    policy_place_t  place;
} policy_step_t;

typedef struct {
    const uint32_t       *kids;     /* in order of evaluation */
    const uint32_t       *slots;    /* of each kid: its field */
    const policy_name_t  *names;    /* of the fields, ordered */
} policy_shape_t;

typedef struct {
    uint8_t   op;
    uint8_t   x;
    uint16_t  column;       /* as in policy_place_t */
    uint32_t  line;
    union {
        policy_value_t  value;
        struct {
            uint32_t     a;
            uint32_t     b;
            const void  *p;
        } k;
    } u;
} policy_node_t;


/* One of principal, action, resource, looked up once. */
typedef struct {
    const policy_uid_t       *uid;
    const policy_entity_t    *entity;       /* NULL: in no store */
    const policy_ancestor_t  *ancestors;
    uint32_t                  nancestors;
} policy_actor_t;

typedef struct {
    policy_actor_t                actors[3];    /* by policy_variable_t */
    unsigned                      resolved;     /* else they are but uids */
    uint32_t                      asked;        /* of the context: bits of
                                                   names, ASKED_ALL */
    policy_value_t                context;
    const policy_store_t *const  *stores;
    size_t                        nstores;
    policy_arena_t               *arena;
    int64_t                       work;
    const char                   *limit;    /* not NULL: a fault, deny */
    policy_eval_error_t           error;    /* all but its policy */
} policy_eval_t;


#define ASKED_ALL  UINT32_MAX

static inline uint32_t
policy_asked(const policy_name_t *name)
{
    return UINT32_C(1) << (name->hash & 31);
}


static inline const policy_node_t *
policy_kid(const policy_node_t *node, uint32_t distance)
{
    return node - distance;
}


/* 0, or -1 with error set, or -1 with limit set. */
int policy_eval(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value);

/* arithmetic.c: the same for NODE_SUM, NODE_PRODUCT, NODE_NEG */
int policy_eval_sum(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value);
int policy_eval_product(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value);
int policy_eval_neg(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value);

/* 1, 0 or -1; another type than Bool is a type error. */
int policy_eval_bool(policy_eval_t *e, const policy_node_t *node);

/* Looks an entity up in the layers, and its ancestors; -1 with limit. */
int policy_actor_resolve(policy_eval_t *e, const policy_uid_t *uid,
    policy_actor_t *actor);

/* The same for all three, whose uids are set; -1 with limit. */
int policy_actors_resolve(policy_eval_t *e);

static inline int
policy_actor_in(const policy_actor_t *actor, const policy_uid_t *uid)
{
    return policy_uid_same(actor->uid, uid)
           || policy_ancestors_have(actor->ancestors, actor->nancestors,
                                    uid);
}


#define MASK(kind)  ((uint16_t) (1u << (kind)))

/* Each returns -1, having set error or limit. */
int policy_eval_fail(policy_eval_t *e, const policy_node_t *node,
    policy_error_kind_t kind);
int policy_eval_fail_type(policy_eval_t *e, const policy_node_t *node,
    uint16_t want, unsigned got);
int policy_eval_limit(policy_eval_t *e, const char *limit);

#define LIMIT_SCRATCH    "scratch memory"
#define LIMIT_WORK       "work budget"
#define LIMIT_DEPTH      "nesting of values"
#define LIMIT_ANCESTORS  "ancestors"

/* The entity in the first store that has it, or NULL. */
const policy_entity_t *policy_eval_entity(policy_eval_t *e,
    const policy_uid_t *uid);

/* x in y: entities; any x and y, with Cedar's type errors */
int policy_eval_entity_in(policy_eval_t *e, const policy_uid_t *x,
    const policy_uid_t *y);
int policy_eval_in(policy_eval_t *e, const policy_node_t *node,
    const policy_value_t *x, const policy_value_t *y);

/* POLICY_WILDCARD bytes match any run.  *work as in policy_value_cmp(). */
int policy_like(policy_str_t s, policy_str_t pattern, int64_t *work);


#pragma GCC visibility pop

#endif /* POLICY_EVAL_H */
