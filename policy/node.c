/* Nodes under construction: places, constants, where they stay. */

#include "compile.h"


#define FOLD_WORK  100000000


/* Columns count characters, so the way there and back is walked. */
policy_place_t
policy_cursor_place(policy_cursor_t *cursor, size_t offset)
{
    size_t          i;
    int             lines;
    policy_place_t  place;

    for ( /* void */ ; cursor->at < offset; cursor->at++) {
        if (cursor->text.data[cursor->at] == '\n') {
            cursor->line++;
            cursor->column = 1;

        } else if (((unsigned char) cursor->text.data[cursor->at] & 0xc0)
                   != 0x80)
        {
            cursor->column++;
        }
    }

    lines = 0;

    while (cursor->at > offset) {
        cursor->at--;

        if (cursor->text.data[cursor->at] == '\n') {
            cursor->line--;
            lines = 1;

        } else if (((unsigned char) cursor->text.data[cursor->at] & 0xc0)
                   != 0x80)
        {
            cursor->column--;
        }
    }

    if (lines) {
        cursor->column = 1;

        for (i = offset; i > 0 && cursor->text.data[i - 1] != '\n'; i--) {
            if (((unsigned char) cursor->text.data[i - 1] & 0xc0) != 0x80) {
                cursor->column++;
            }
        }
    }

    place.line = cursor->line;
    place.column = (uint16_t) (cursor->column > 65535 ? 65535
                                                      : cursor->column);

    return place;
}


policy_node_t *
policy_emit(policy_compiler_t *c, policy_node_op_t op, uint32_t offset,
    uint32_t *index)
{
    uint32_t         size;
    policy_node_t   *nodes;
    policy_place_t   place;

    if (c->n == c->size) {
        size = c->size == 0 ? 64 : c->size * 2;

        nodes = policy_alloc_array(&c->set->temp, size,
                                   sizeof(policy_node_t));
        if (nodes == NULL) {
            return NULL;
        }

        if (c->n != 0) {
            memcpy(nodes, c->nodes, c->n * sizeof(policy_node_t));
        }

        c->nodes = nodes;
        c->size = size;
    }

    nodes = &c->nodes[c->n];
    memset(nodes, 0, sizeof(policy_node_t));

    place = policy_cursor_place(c->cursor, offset);

    nodes->op = (uint8_t) op;
    nodes->line = place.line;
    nodes->column = place.column;

    *index = c->n++;

    return nodes;
}


policy_status_t
policy_emit_const(policy_compiler_t *c, policy_value_t value, uint32_t offset,
    uint32_t *index)
{
    policy_node_t  *node;

    node = policy_emit(c, NODE_CONST, offset, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.value = value;

    return POLICY_OK;
}


/* What a folded value points to was in temp, but for constants' own. */
static policy_status_t
keep(policy_set_t *set, policy_value_t *value)
{
    size_t   len;
    void    *copy;

    switch (value->kind) {

    case POLICY_SET:
        len = value->len * sizeof(policy_value_t);
        break;

    case POLICY_RECORD:
        len = value->len * sizeof(policy_field_t);
        break;

    case POLICY_IP:
        len = value->flag == 6 ? 16 : 0;
        break;

    default:
        return POLICY_OK;
    }

    if (len == 0) {
        return POLICY_OK;
    }

    copy = policy_alloc(&set->main, len);
    if (copy == NULL) {
        return POLICY_NO_MEMORY;
    }

    memcpy(copy, value->u.p, len);
    value->u.p = copy;

    return POLICY_OK;
}


/*
 * Replaces the node at *index, whose kids are all constants and begin at
 * start, by its value, when it has one.
 */
policy_status_t
policy_fold(policy_compiler_t *c, uint32_t start, uint32_t offset,
    uint32_t *index)
{
    policy_eval_t    e;
    policy_value_t   value;
    policy_status_t  rc;

    memset(&e, 0, sizeof(e));
    e.arena = &c->set->temp;
    e.work = FOLD_WORK;

    if (policy_eval(&e, &c->nodes[*index], &value) != 0) {
        return POLICY_OK;
    }

    rc = keep(c->set, &value);
    if (rc != POLICY_OK) {
        return rc;
    }

    c->n = start;

    return policy_emit_const(c, value, offset, index);
}


static int
has_list(const policy_node_t *node)
{
    return node->op == NODE_IF || node->op == NODE_SUM
           || node->op == NODE_PRODUCT || node->op == NODE_SET
           || node->op == NODE_CALL || node->op == NODE_AND
           || node->op == NODE_OR;
}


/* Nodes and lists from temp to where they stay. */
policy_status_t
policy_emit_finish(policy_compiler_t *c, const policy_node_t **root)
{
    uint32_t        i, *list;
    policy_node_t  *nodes;

    nodes = policy_alloc_array(&c->set->main, c->n, sizeof(policy_node_t));
    if (nodes == NULL) {
        return POLICY_NO_MEMORY;
    }

    memcpy(nodes, c->nodes, c->n * sizeof(policy_node_t));

    for (i = 0; i < c->n; i++) {
        if (!has_list(&nodes[i])) {
            continue;
        }

        list = policy_alloc_array(&c->set->main, nodes[i].u.k.a,
                                  sizeof(uint32_t));
        if (list == NULL) {
            return POLICY_NO_MEMORY;
        }

        memcpy(list, nodes[i].u.k.p, nodes[i].u.k.a * sizeof(uint32_t));
        nodes[i].u.k.p = list;
    }

    *root = &nodes[c->n - 1];

    return POLICY_OK;
}
