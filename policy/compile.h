/*
 * What the compiler shares with the keeper of its nodes.
 */

#ifndef POLICY_COMPILE_H
#define POLICY_COMPILE_H

#include "set.h"


typedef struct {
    policy_set_t     *set;
    policy_cursor_t  *cursor;
    policy_node_t    *nodes;    /* in the set's temp */
    uint32_t          n;
    uint32_t          size;
} policy_compiler_t;


/* A zeroed node; it may move with the next one.  NULL: no memory. */
policy_node_t *policy_emit(policy_compiler_t *c, policy_node_op_t op,
    uint32_t offset, uint32_t *index);
policy_status_t policy_emit_const(policy_compiler_t *c, policy_value_t value,
    uint32_t offset, uint32_t *index);

/*
 * Replaces the node at *index, whose kids are all constants and begin at
 * start, by its value, when it has one.
 */
policy_status_t policy_fold(policy_compiler_t *c, uint32_t start,
    uint32_t offset, uint32_t *index);

/* Copies nodes and lists to where they stay; the last node is the root. */
policy_status_t policy_emit_finish(policy_compiler_t *c,
    const policy_node_t **root);

static inline int
policy_is_const(const policy_compiler_t *c, uint32_t index)
{
    return c->nodes[index].op == NODE_CONST;
}


#endif /* POLICY_COMPILE_H */
