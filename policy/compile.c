/*
 * Trees to nodes: names interned, constants folded, common forms
 * specialised.  What depends on entities is never folded, and an expression
 * that fails stays as it is, to fail when it is evaluated.
 */

#include "set.h"
#include "ext.h"


#define FOLD_WORK  100000000

typedef struct {
    policy_set_t     *set;
    policy_cursor_t  *cursor;
    policy_node_t    *nodes;
    uint32_t          n;
    uint32_t          size;
} compiler_t;

static policy_status_t compile(compiler_t *c, const policy_ast_t *ast,
    uint32_t *index);


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


static policy_node_t *
emit(compiler_t *c, policy_node_op_t op, uint32_t offset, uint32_t *index)
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


static int
is_const(const compiler_t *c, uint32_t index)
{
    return c->nodes[index].op == NODE_CONST;
}


static policy_status_t
emit_const(compiler_t *c, policy_value_t value, uint32_t offset,
    uint32_t *index)
{
    policy_node_t  *node;

    node = emit(c, NODE_CONST, offset, index);
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
static policy_status_t
fold(compiler_t *c, uint32_t start, uint32_t offset, uint32_t *index)
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

    return emit_const(c, value, offset, index);
}


/* Compiles all kids; their indexes, in temp. */
static policy_status_t
compile_kids(compiler_t *c, const policy_ast_t *ast, uint32_t **list,
    int *constant)
{
    uint32_t             i;
    policy_status_t      rc;
    const policy_ast_t  *kid;

    *list = policy_alloc_array(&c->set->temp, ast->nkids, sizeof(uint32_t));
    if (*list == NULL) {
        return POLICY_NO_MEMORY;
    }

    i = 0;
    *constant = 1;

    for (kid = ast->kids; kid != NULL; kid = kid->next) {
        rc = compile(c, kid, &(*list)[i]);
        if (rc != POLICY_OK) {
            return rc;
        }

        *constant &= is_const(c, (*list)[i]);
        i++;
    }

    return POLICY_OK;
}


/* Nodes with a list of kids.  Lists stay in temp until finish(). */
static policy_status_t
compile_list(compiler_t *c, const policy_ast_t *ast, policy_node_op_t op,
    uint32_t *index)
{
    int                  constant;
    uint32_t             i, start, *list;
    policy_node_t       *node;
    policy_status_t      rc;
    const policy_ast_t  *kid;

    start = c->n;

    rc = compile_kids(c, ast, &list, &constant);
    if (rc != POLICY_OK) {
        return rc;
    }

    node = emit(c, op, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->x = ast->id;
    node->u.k.a = ast->nkids;
    node->u.k.p = list;

    for (i = 0, kid = ast->kids; kid != NULL; i++, kid = kid->next) {
        list[i] = *index - list[i];

        if (op == NODE_SUM && kid->minus) {
            list[i] |= POLICY_MINUS;
        }
    }

    return constant ? fold(c, start, ast->place, index) : POLICY_OK;
}


/* Nodes with one or two kids and nothing else. */
static policy_status_t
compile_kids2(compiler_t *c, const policy_ast_t *ast, policy_node_op_t op,
    unsigned x, int foldable, uint32_t *index)
{
    uint32_t          start, a, b;
    policy_node_t    *node;
    policy_status_t   rc;

    start = c->n;
    b = 0;

    rc = compile(c, ast->kids, &a);

    if (rc == POLICY_OK && ast->nkids == 2) {
        rc = compile(c, ast->kids->next, &b);
    }

    if (rc != POLICY_OK) {
        return rc;
    }

    node = emit(c, op, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->x = (uint8_t) x;
    node->u.k.a = *index - a;
    node->u.k.b = ast->nkids == 2 ? *index - b : 0;

    if (foldable && is_const(c, a) && (ast->nkids < 2 || is_const(c, b))) {
        return fold(c, start, ast->place, index);
    }

    return POLICY_OK;
}


/* One side constant: compared in place. */
static policy_status_t
compile_eq(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    uint32_t          constant, other;
    policy_node_t    *node;
    policy_value_t   *value;
    policy_status_t   rc;

    rc = compile_kids2(c, ast, NODE_EQ, ast->op == AST_NE, 1, index);

    if (rc != POLICY_OK || is_const(c, *index)) {
        return rc;
    }

    node = &c->nodes[*index];
    constant = *index - node->u.k.b;
    other = node->u.k.a;

    if (!is_const(c, constant)) {
        constant = *index - node->u.k.a;
        other = node->u.k.b;
    }

    if (!is_const(c, constant)) {
        return POLICY_OK;
    }

    value = policy_alloc(&c->set->main, sizeof(policy_value_t));
    if (value == NULL) {
        return POLICY_NO_MEMORY;
    }

    *value = c->nodes[constant].u.value;

    node->op = NODE_EQ_CONST;
    node->u.k.a = other;
    node->u.k.b = 0;
    node->u.k.p = value;

    return POLICY_OK;
}


static policy_status_t
compile_in(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_node_t         *node;
    policy_status_t        rc;
    const policy_value_t  *value;

    rc = compile_kids2(c, ast, NODE_IN, 0, 0, index);
    if (rc != POLICY_OK) {
        return rc;
    }

    node = &c->nodes[*index];
    value = &c->nodes[*index - node->u.k.b].u.value;

    if (is_const(c, *index - node->u.k.b) && value->kind == POLICY_ENTITY) {
        node->op = NODE_IN_UID;
        node->u.k.p = value->u.p;
    }

    return POLICY_OK;
}


static policy_status_t
use_attr(compiler_t *c, const policy_ast_t *object,
    const policy_name_t *name)
{
    return policy_set_note_use(c->set, object->op == AST_VAR
                               ? (policy_variable_t) object->id
                               : POLICY_OTHER, POLICY_USE_ATTR, name);
}


static policy_status_t
make_step(compiler_t *c, policy_str_t text, uint32_t offset,
    const policy_ast_t *object, policy_step_t *step)
{
    const policy_name_t  *name;

    name = policy_set_name(c->set, text);
    if (name == NULL) {
        return POLICY_NO_MEMORY;
    }

    step->name = *name;
    step->place = policy_cursor_place(c->cursor, offset);

    return use_attr(c, object, name);
}


/* variable.a.b.c as one node, other accesses one by one */
static policy_status_t
compile_attr(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    uint32_t             n, i, object;
    policy_step_t       *steps;
    policy_node_t       *node;
    policy_status_t      rc;
    const policy_ast_t  *base;

    n = 0;

    for (base = ast; base->op == AST_ATTR; base = base->kids) {
        n++;
    }

    object = 0;
    rc = POLICY_OK;

    if (base->op != AST_VAR) {
        n = 1;
        rc = compile(c, ast->kids, &object);
    }

    steps = policy_alloc_array(&c->set->main, n, sizeof(policy_step_t));
    if (steps == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = n, base = ast; rc == POLICY_OK && i > 0; base = base->kids) {
        i--;
        rc = make_step(c, base->u.text, base->place, base->kids, &steps[i]);
    }

    if (rc != POLICY_OK) {
        return rc;
    }

    node = emit(c, base->op == AST_VAR ? NODE_PATH : NODE_ATTR, ast->place,
                index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.p = steps;

    if (node->op == NODE_PATH) {
        node->x = base->id;
        node->u.k.a = n;
    } else {
        node->u.k.a = *index - object;
    }

    return POLICY_OK;
}


/* Compiles the object of "has" or an access without marking it as used
 * whole. */
static policy_status_t
compile_object(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_node_t  *node;

    if (ast->op != AST_VAR) {
        return compile(c, ast, index);
    }

    node = emit(c, NODE_VAR, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->x = ast->id;

    return POLICY_OK;
}


static policy_status_t
compile_has(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    uint32_t                  n, object;
    policy_step_t            *steps;
    policy_node_t            *node;
    policy_status_t           rc;
    const policy_ast_name_t  *name;

    rc = compile_object(c, ast->kids, &object);
    if (rc != POLICY_OK) {
        return rc;
    }

    n = 0;

    for (name = ast->u.names; name != NULL; name = name->next) {
        n++;
    }

    steps = policy_alloc_array(&c->set->main, n, sizeof(policy_step_t));
    if (steps == NULL) {
        return POLICY_NO_MEMORY;
    }

    n = 0;

    for (name = ast->u.names; name != NULL; name = name->next) {
        rc = make_step(c, name->text, name->offset, n == 0 ? ast->kids : ast,
                       &steps[n]);
        if (rc != POLICY_OK) {
            return rc;
        }

        n++;
    }

    node = emit(c, NODE_HAS, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.a = *index - object;
    node->u.k.b = n;
    node->u.k.p = steps;

    return POLICY_OK;
}


static policy_status_t
compile_var(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_status_t  rc;

    rc = POLICY_OK;

    if (ast->id == POLICY_CONTEXT) {
        rc = policy_set_note_use(c->set, POLICY_CONTEXT, POLICY_USE_WHOLE,
                                 NULL);
    }

    return rc == POLICY_OK ? compile_object(c, ast, index) : rc;
}


static policy_status_t
compile_if(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    uint32_t              start, cond, *list;
    policy_node_t        *node;
    policy_status_t       rc;
    const policy_ast_t   *then;

    start = c->n;
    then = ast->kids->next;

    rc = compile(c, ast->kids, &cond);
    if (rc != POLICY_OK) {
        return rc;
    }

    if (is_const(c, cond) && c->nodes[cond].u.value.kind == POLICY_BOOL) {
        c->n = start;
        return compile(c, c->nodes[cond].u.value.u.i ? then : then->next,
                       index);
    }

    list = policy_alloc_array(&c->set->temp, 3, sizeof(uint32_t));
    if (list == NULL) {
        return POLICY_NO_MEMORY;
    }

    if ((rc = compile(c, then, &list[1])) != POLICY_OK
        || (rc = compile(c, then->next, &list[2])) != POLICY_OK)
    {
        return rc;
    }

    node = emit(c, NODE_IF, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    list[0] = *index - cond;
    list[1] = *index - list[1];
    list[2] = *index - list[2];

    node->u.k.a = 3;
    node->u.k.p = list;

    return POLICY_OK;
}


typedef struct {
    policy_str_t  key;
    uint32_t      index;
    uint32_t      slot;
} field_order_t;

static int
cmp_keys(const void *a, const void *b, void *data)
{
    int                   rc;
    size_t                n;
    const field_order_t  *x, *y;

    (void) data;

    x = a;
    y = b;
    n = x->key.len < y->key.len ? x->key.len : y->key.len;
    rc = n == 0 ? 0 : memcmp(x->key.data, y->key.data, n);

    return rc != 0 ? rc : x->key.len < y->key.len ? -1
                        : x->key.len > y->key.len;
}


/* fields: in their final order, values the kids' numbers */
static policy_status_t
make_shape(compiler_t *c, const policy_field_t *fields,
    const uint32_t *kids, uint32_t n, policy_shape_t **shape)
{
    uint32_t         i, *order, *slots;
    field_order_t   *orders;
    policy_name_t   *names;

    *shape = policy_alloc(&c->set->main, sizeof(policy_shape_t));
    order = policy_alloc_array(&c->set->main, n, sizeof(uint32_t));
    slots = policy_alloc_array(&c->set->main, n, sizeof(uint32_t));
    names = policy_alloc_array(&c->set->main, n, sizeof(policy_name_t));
    orders = policy_alloc_array(&c->set->temp, n, sizeof(field_order_t));

    if (*shape == NULL || order == NULL || slots == NULL || names == NULL
        || orders == NULL)
    {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < n; i++) {
        names[i] = fields[i].name;
        orders[i].key.data = names[i].name;
        orders[i].key.len = names[i].len;
        orders[i].index = kids[fields[i].value.u.i];
        orders[i].slot = i;
    }

    /* evaluated in the order of keys, as the reference does */

    policy_sort(orders, n, sizeof(field_order_t), cmp_keys, NULL);

    for (i = 0; i < n; i++) {
        order[i] = orders[i].index;
        slots[i] = orders[i].slot;
    }

    (*shape)->kids = order;
    (*shape)->slots = slots;
    (*shape)->names = names;

    return POLICY_OK;
}


static policy_status_t
compile_record(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    int                   constant;
    uint32_t              i, start, *list;
    policy_node_t        *node;
    policy_field_t       *fields;
    policy_status_t       rc;
    policy_shape_t       *shape;
    const policy_ast_t   *kid;
    const policy_name_t  *name;

    start = c->n;

    rc = compile_kids(c, ast, &list, &constant);
    if (rc != POLICY_OK) {
        return rc;
    }

    fields = policy_alloc_array(&c->set->temp, ast->nkids,
                                sizeof(policy_field_t));
    if (fields == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0, kid = ast->kids; kid != NULL; i++, kid = kid->next) {
        name = policy_set_name(c->set, kid->u.text);
        if (name == NULL) {
            return POLICY_NO_MEMORY;
        }

        fields[i].name = *name;
        fields[i].value = policy_long(i);
    }

    policy_fields_order(fields, ast->nkids);

    for (i = 0; i < ast->nkids; i++) {
        list[i] = c->n - list[i];
    }

    rc = make_shape(c, fields, list, ast->nkids, &shape);
    if (rc != POLICY_OK) {
        return rc;
    }

    node = emit(c, NODE_RECORD, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.a = ast->nkids;
    node->u.k.p = shape;

    return constant ? fold(c, start, ast->place, index) : POLICY_OK;
}


static policy_status_t
compile_like(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    uint32_t              start, a;
    policy_str_t         *pattern;
    policy_node_t        *node;
    policy_status_t       rc;
    const policy_name_t  *text;

    start = c->n;

    rc = compile(c, ast->kids, &a);
    if (rc != POLICY_OK) {
        return rc;
    }

    text = policy_set_name(c->set, ast->u.text);
    pattern = policy_alloc(&c->set->main, sizeof(policy_str_t));

    if (text == NULL || pattern == NULL) {
        return POLICY_NO_MEMORY;
    }

    pattern->data = text->name;
    pattern->len = text->len;

    node = emit(c, NODE_LIKE, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.a = *index - a;
    node->u.k.p = pattern;

    return is_const(c, a) ? fold(c, start, ast->place, index) : POLICY_OK;
}


static policy_status_t
compile_is(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_status_t  rc;
    policy_node_t   *node;

    rc = compile_kids2(c, ast, NODE_IS, 0, 0, index);
    if (rc != POLICY_OK) {
        return rc;
    }

    node = &c->nodes[*index];
    node->u.k.p = policy_set_type(c->set, ast->u.text);

    return node->u.k.p != NULL ? POLICY_OK : POLICY_NO_MEMORY;
}


static policy_status_t
use_tag(compiler_t *c, const policy_ast_t *ast)
{
    policy_variable_t      variable;
    const policy_name_t   *name;

    variable = ast->kids->op == AST_VAR
               ? (policy_variable_t) ast->kids->id : POLICY_OTHER;

    if (ast->kids->next->op != AST_STRING) {
        return policy_set_note_use(c->set, variable, POLICY_USE_ANY_TAG,
                                   NULL);
    }

    name = policy_set_name(c->set, ast->kids->next->u.text);

    return name == NULL
           ? POLICY_NO_MEMORY
           : policy_set_note_use(c->set, variable, POLICY_USE_TAG, name);
}


static policy_status_t
compile_method(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_status_t  rc;

    /* ORDER METHODS */
    static const policy_node_op_t  ops[] = {
        NODE_CONTAINS, NODE_CONTAINS_ALL, NODE_CONTAINS_ANY, NODE_IS_EMPTY,
        NODE_HAS_TAG, NODE_GET_TAG
    };

    if (ast->id == METHOD_HAS_TAG || ast->id == METHOD_GET_TAG) {
        rc = use_tag(c, ast);

        return rc == POLICY_OK
               ? compile_kids2(c, ast, ops[ast->id], 0, 0, index) : rc;
    }

    return compile_kids2(c, ast, ops[ast->id], 0, 1, index);
}


static policy_status_t
compile_leaf(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_value_t         value;
    const policy_uid_t    *uid;
    const policy_name_t   *text;

    switch (ast->op) {

    case AST_BOOL:
        value = policy_bool(ast->u.i != 0);
        break;

    case AST_LONG:
        value = policy_long(ast->u.i);
        break;

    case AST_STRING:
        text = policy_set_name(c->set, ast->u.text);
        if (text == NULL) {
            return POLICY_NO_MEMORY;
        }

        value = policy_string(text->name, text->len);
        break;

    default: /* AST_UID */
        uid = policy_set_uid(c->set, ast->u.uid);
        if (uid == NULL) {
            return POLICY_NO_MEMORY;
        }

        value = policy_entity(uid);
        break;
    }

    return emit_const(c, value, ast->place, index);
}


/* ORDER AST */
static policy_status_t
compile(compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    switch (ast->op) {

    case AST_BOOL:
    case AST_LONG:
    case AST_STRING:
    case AST_UID:
        return compile_leaf(c, ast, index);

    case AST_VAR:
        return compile_var(c, ast, index);

    case AST_SET:
        return compile_list(c, ast, NODE_SET, index);

    case AST_RECORD:
        return compile_record(c, ast, index);

    case AST_FIELD:
        return compile(c, ast->kids, index);

    case AST_IF:
        return compile_if(c, ast, index);

    case AST_AND:
        return compile_list(c, ast, NODE_AND, index);

    case AST_OR:
        return compile_list(c, ast, NODE_OR, index);

    case AST_NOT:
        return compile_kids2(c, ast, NODE_NOT, 0, 1, index);

    case AST_NEG:
        return compile_kids2(c, ast, NODE_NEG, 0, 1, index);

    case AST_EQ:
    case AST_NE:
        return compile_eq(c, ast, index);

    case AST_IN:
        return compile_in(c, ast, index);

    case AST_SUM:
        return compile_list(c, ast, NODE_SUM, index);

    case AST_PRODUCT:
        return compile_list(c, ast, NODE_PRODUCT, index);

    case AST_HAS:
        return compile_has(c, ast, index);

    case AST_ATTR:
        return compile_attr(c, ast, index);

    case AST_LIKE:
        return compile_like(c, ast, index);

    case AST_IS:
        return compile_is(c, ast, index);

    case AST_METHOD:
        return compile_method(c, ast, index);

    case AST_CALL:
        return compile_list(c, ast, NODE_CALL, index);

    default: /* AST_LT, AST_LE, AST_GT, AST_GE */
        return compile_kids2(c, ast, NODE_LESS, ast->op, 1, index);
    }
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
static policy_status_t
finish(compiler_t *c, const policy_node_t **root)
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


/* when a when b unless c: a && b && !c */
policy_status_t
policy_compile(policy_set_t *set, policy_cursor_t *cursor,
    const policy_ast_policy_t *ast, const policy_node_t **root)
{
    uint32_t                  i, index, *list;
    compiler_t                c;
    policy_node_t            *node;
    policy_status_t           rc;
    const policy_ast_cond_t  *cond;

    *root = NULL;

    if (ast->nconds == 0) {
        return POLICY_OK;
    }

    memset(&c, 0, sizeof(c));
    c.set = set;
    c.cursor = cursor;

    list = policy_alloc_array(&set->temp, ast->nconds, sizeof(uint32_t));
    if (list == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0, cond = ast->conds; cond != NULL; i++, cond = cond->next) {
        rc = compile(&c, cond->body, &list[i]);
        if (rc != POLICY_OK) {
            return rc;
        }

        if (!cond->unless) {
            continue;
        }

        index = list[i];

        node = emit(&c, NODE_NOT, cond->offset, &list[i]);
        if (node == NULL) {
            return POLICY_NO_MEMORY;
        }

        node->u.k.a = list[i] - index;
    }

    if (ast->nconds > 1) {
        node = emit(&c, NODE_AND, ast->conds->offset, &index);
        if (node == NULL) {
            return POLICY_NO_MEMORY;
        }

        for (i = 0; i < ast->nconds; i++) {
            list[i] = index - list[i];
        }

        node->u.k.a = ast->nconds;
        node->u.k.p = list;
    }

    return finish(&c, root);
}
