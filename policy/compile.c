/*
 * Trees to nodes: names interned, constants folded, common forms
 * specialised.  What depends on entities is never folded, and an expression
 * that fails stays as it is, to fail when it is evaluated.
 */

#include "compile.h"
#include "ext.h"


static policy_status_t compile(policy_compiler_t *c, const policy_ast_t *ast,
    uint32_t *index);


/* Compiles all kids; their indexes, in temp. */
static policy_status_t
compile_kids(policy_compiler_t *c, const policy_ast_t *ast, uint32_t **list,
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

        *constant &= policy_is_const(c, (*list)[i]);
        i++;
    }

    return POLICY_OK;
}


/* Nodes with a list of kids, which stays in temp until the end. */
static policy_status_t
compile_list(policy_compiler_t *c, const policy_ast_t *ast,
    policy_node_op_t op, uint32_t *index)
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

    node = policy_emit(c, op, ast->place, index);
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

    return constant ? policy_fold(c, start, ast->place, index) : POLICY_OK;
}


/* Nodes with one or two kids and nothing else. */
static policy_status_t
compile_kids2(policy_compiler_t *c, const policy_ast_t *ast,
    policy_node_op_t op, unsigned x, int foldable, uint32_t *index)
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

    node = policy_emit(c, op, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->x = (uint8_t) x;
    node->u.k.a = *index - a;
    node->u.k.b = ast->nkids == 2 ? *index - b : 0;

    if (foldable && policy_is_const(c, a) && (ast->nkids < 2
                                              || policy_is_const(c, b))) {
        return policy_fold(c, start, ast->place, index);
    }

    return POLICY_OK;
}


/* One side constant: compared in place. */
static policy_status_t
compile_eq(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    uint32_t          constant, other;
    policy_node_t    *node;
    policy_value_t   *value;
    policy_status_t   rc;

    rc = compile_kids2(c, ast, NODE_EQ, ast->op == AST_NE, 1, index);

    if (rc != POLICY_OK || policy_is_const(c, *index)) {
        return rc;
    }

    node = &c->nodes[*index];
    constant = *index - node->u.k.b;
    other = node->u.k.a;

    if (!policy_is_const(c, constant)) {
        constant = *index - node->u.k.a;
        other = node->u.k.b;
    }

    if (!policy_is_const(c, constant)) {
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
compile_in(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    if (policy_is_const(c, *index - node->u.k.b)
        && value->kind == POLICY_ENTITY) {
        node->op = NODE_IN_UID;
        node->u.k.p = value->u.p;
    }

    return POLICY_OK;
}


static policy_status_t
use_attr(policy_compiler_t *c, const policy_ast_t *object,
    const policy_name_t *name)
{
    return policy_set_note_use(c->set, object->op == AST_VAR
                               ? (policy_variable_t) object->id
                               : POLICY_OTHER, POLICY_USE_ATTR, name);
}


static policy_status_t
make_step(policy_compiler_t *c, policy_str_t text, uint32_t offset,
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
compile_attr(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    node = policy_emit(c, base->op == AST_VAR ? NODE_PATH : NODE_ATTR,
                       ast->place,
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
compile_object(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
{
    policy_node_t  *node;

    if (ast->op != AST_VAR) {
        return compile(c, ast, index);
    }

    node = policy_emit(c, NODE_VAR, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->x = ast->id;

    return POLICY_OK;
}


static policy_status_t
compile_has(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    node = policy_emit(c, NODE_HAS, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.a = *index - object;
    node->u.k.b = n;
    node->u.k.p = steps;

    return POLICY_OK;
}


static policy_status_t
compile_var(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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
compile_if(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    if (policy_is_const(c, cond)
        && c->nodes[cond].u.value.kind == POLICY_BOOL) {
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

    node = policy_emit(c, NODE_IF, ast->place, index);
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
make_shape(policy_compiler_t *c, const policy_field_t *fields,
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
compile_record(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    node = policy_emit(c, NODE_RECORD, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.a = ast->nkids;
    node->u.k.p = shape;

    return constant ? policy_fold(c, start, ast->place, index) : POLICY_OK;
}


static policy_status_t
compile_like(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    node = policy_emit(c, NODE_LIKE, ast->place, index);
    if (node == NULL) {
        return POLICY_NO_MEMORY;
    }

    node->u.k.a = *index - a;
    node->u.k.p = pattern;

    return policy_is_const(c, a) ? policy_fold(c, start, ast->place,
                                               index) : POLICY_OK;
}


static policy_status_t
compile_is(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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
use_tag(policy_compiler_t *c, const policy_ast_t *ast)
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
compile_method(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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
compile_leaf(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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

    return policy_emit_const(c, value, ast->place, index);
}


/* ORDER AST */
static policy_status_t
compile(policy_compiler_t *c, const policy_ast_t *ast, uint32_t *index)
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


/* when a when b unless c: a && b && !c */
policy_status_t
policy_compile(policy_set_t *set, policy_cursor_t *cursor,
    const policy_ast_policy_t *ast, const policy_node_t **root)
{
    uint32_t                  i, index, *list;
    policy_compiler_t                c;
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

        node = policy_emit(&c, NODE_NOT, cond->offset, &list[i]);
        if (node == NULL) {
            return POLICY_NO_MEMORY;
        }

        node->u.k.a = list[i] - index;
    }

    if (ast->nconds > 1) {
        node = policy_emit(&c, NODE_AND, ast->conds->offset, &index);
        if (node == NULL) {
            return POLICY_NO_MEMORY;
        }

        for (i = 0; i < ast->nconds; i++) {
            list[i] = index - list[i];
        }

        node->u.k.a = ast->nconds;
        node->u.k.p = list;
    }

    return policy_emit_finish(&c, root);
}
