/* Evaluation of compiled expressions. */

#include "eval.h"
#include "ext.h"


#define MASK_ORDERED  (MASK(POLICY_LONG) | MASK(POLICY_DATETIME)             \
                       | MASK(POLICY_DURATION))
#define MASK_OBJECT   (MASK(POLICY_RECORD) | MASK(POLICY_ENTITY))


static inline const policy_node_t *
kid(const policy_node_t *node, uint32_t distance)
{
    return node - distance;
}


int
policy_eval_fail(policy_eval_t *e, const policy_node_t *node,
    policy_error_kind_t kind)
{
    memset(&e->error, 0, sizeof(e->error));
    e->error.kind = kind;
    e->error.line = node->line;
    e->error.column = node->column;

    return -1;
}


int
policy_eval_fail_type(policy_eval_t *e, const policy_node_t *node,
    uint16_t want, unsigned got)
{
    policy_eval_fail(e, node, POLICY_ERROR_TYPE);
    e->error.want = want;
    e->error.got = (uint8_t) got;

    return -1;
}


int
policy_eval_limit(policy_eval_t *e, const char *limit)
{
    e->limit = limit;

    return -1;
}


/* One step of a path: 1 found, 0 missing, -1 type error. */
static int
step(policy_eval_t *e, const policy_value_t *object, const policy_name_t *name,
    const policy_value_t **found)
{
    const policy_entity_t  *entity;

    if (object->kind == POLICY_RECORD) {
        *found = policy_field_find(object->u.p, object->len, name);
        return *found != NULL;
    }

    if (object->kind != POLICY_ENTITY) {
        return -1;
    }

    entity = policy_eval_entity(e, object->u.p);
    *found = entity == NULL
             ? NULL : policy_field_find(entity->attrs, entity->nattrs, name);

    return *found != NULL;
}


static int
fail_attr(policy_eval_t *e, const policy_node_t *node,
    const policy_value_t *object, const policy_step_t *s)
{
    policy_error_kind_t  kind;

    if ((MASK(object->kind) & MASK_OBJECT) == 0) {
        policy_eval_fail_type(e, node, MASK_OBJECT, object->kind);
        e->error.line = s->place.line;
        e->error.column = s->place.column;
        return -1;
    }

    kind = POLICY_ERROR_ATTR;

    if (object->kind == POLICY_ENTITY
        && policy_eval_entity(e, object->u.p) == NULL)
    {
        kind = POLICY_ERROR_ENTITY;
    }

    policy_eval_fail(e, node, kind);
    e->error.line = s->place.line;
    e->error.column = s->place.column;
    e->error.got = object->kind;
    e->error.name.data = s->name.name;
    e->error.name.len = s->name.len;

    if (object->kind == POLICY_ENTITY) {
        e->error.uid = object->u.p;
    }

    return -1;
}


static inline policy_value_t
variable(const policy_eval_t *e, unsigned x)
{
    return x == POLICY_CONTEXT ? e->context
                               : policy_entity(e->actors[x].uid);
}


static int
eval_path(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    uint32_t               i;
    policy_value_t         v;
    const policy_step_t   *s;
    const policy_value_t  *found;

    s = node->u.k.p;
    v = variable(e, node->x);

    for (i = 0; i < node->u.k.a; i++) {
        if (step(e, &v, &s[i].name, &found) != 1) {
            return fail_attr(e, node, &v, &s[i]);
        }

        v = *found;
    }

    *value = v;

    return 0;
}


static int
eval_attr(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    policy_value_t         v;
    const policy_step_t   *s;
    const policy_value_t  *found;

    s = node->u.k.p;

    if (policy_eval(e, kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (step(e, &v, &s->name, &found) != 1) {
        return fail_attr(e, node, &v, s);
    }

    *value = *found;

    return 0;
}


static int
eval_if(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    int              rc;
    const uint32_t  *kids;

    kids = node->u.k.p;
    rc = policy_eval_bool(e, kid(node, kids[0]));

    return rc < 0 ? -1 : policy_eval(e, kid(node, kids[rc ? 1 : 2]), value);
}


static int
fail_overflow(policy_eval_t *e, const policy_node_t *node, const char *op)
{
    policy_eval_fail(e, node, POLICY_ERROR_OVERFLOW);
    e->error.name.data = op;
    e->error.name.len = 1;

    return -1;
}


static int
eval_sum(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    int              minus, overflow;
    int64_t          n;
    uint32_t         i;
    policy_value_t   sum, v;
    const uint32_t  *kids;

    kids = node->u.k.p;

    if (policy_eval(e, kid(node, kids[0]), &sum) != 0) {
        return -1;
    }

    for (i = 1; i < node->u.k.a; i++) {
        minus = (kids[i] & POLICY_MINUS) != 0;

        if (policy_eval(e, kid(node, kids[i] & ~POLICY_MINUS), &v) != 0) {
            return -1;
        }

        if (sum.kind != POLICY_LONG || v.kind != POLICY_LONG) {
            return policy_eval_fail_type(e, node, MASK(POLICY_LONG),
                                         sum.kind != POLICY_LONG
                                         ? sum.kind : v.kind);
        }

        overflow = minus ? __builtin_sub_overflow(sum.u.i, v.u.i, &n)
                         : __builtin_add_overflow(sum.u.i, v.u.i, &n);

        if (overflow) {
            return fail_overflow(e, node, minus ? "-" : "+");
        }

        sum.u.i = n;
    }

    *value = sum;

    return 0;
}


static int
eval_product(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value)
{
    int64_t          n;
    uint32_t         i;
    policy_value_t   product, v;
    const uint32_t  *kids;

    kids = node->u.k.p;

    if (policy_eval(e, kid(node, kids[0]), &product) != 0) {
        return -1;
    }

    for (i = 1; i < node->u.k.a; i++) {
        if (policy_eval(e, kid(node, kids[i]), &v) != 0) {
            return -1;
        }

        if (product.kind != POLICY_LONG || v.kind != POLICY_LONG) {
            return policy_eval_fail_type(e, node, MASK(POLICY_LONG),
                                         product.kind != POLICY_LONG
                                         ? product.kind : v.kind);
        }

        if (__builtin_mul_overflow(product.u.i, v.u.i, &n)) {
            return fail_overflow(e, node, "*");
        }

        product.u.i = n;
    }

    *value = product;

    return 0;
}


static int
eval_neg(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    policy_value_t  v;

    if (policy_eval(e, kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (v.kind != POLICY_LONG) {
        return policy_eval_fail_type(e, node, MASK(POLICY_LONG), v.kind);
    }

    if (v.u.i == INT64_MIN) {
        return fail_overflow(e, node, "-");
    }

    *value = policy_long(-v.u.i);

    return 0;
}


/* Evaluates kids into a new array. */
static policy_value_t *
eval_list(policy_eval_t *e, const policy_node_t *node)
{
    uint32_t         i;
    const uint32_t  *kids;
    policy_value_t  *list;

    kids = node->u.k.p;

    list = policy_alloc_array(e->arena, node->u.k.a, sizeof(policy_value_t));
    if (list == NULL) {
        policy_eval_limit(e, LIMIT_SCRATCH);
        return NULL;
    }

    for (i = 0; i < node->u.k.a; i++) {
        if (policy_eval(e, kid(node, kids[i]), &list[i]) != 0) {
            return NULL;
        }
    }

    return list;
}


static int
eval_set(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    policy_value_t  *list;

    list = eval_list(e, node);
    if (list == NULL) {
        return -1;
    }

    if (policy_set_make(list, node->u.k.a, &e->work, value) != POLICY_OK) {
        return policy_eval_limit(e, e->work < 0 ? LIMIT_WORK : LIMIT_DEPTH);
    }

    return 0;
}


static int
eval_record(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    uint32_t               i, n;
    unsigned               depth;
    policy_field_t        *fields, *f;
    const policy_shape_t  *shape;

    n = node->u.k.a;
    shape = node->u.k.p;
    depth = 0;

    fields = policy_alloc_array(e->arena, n, sizeof(policy_field_t));
    if (fields == NULL) {
        return policy_eval_limit(e, LIMIT_SCRATCH);
    }

    for (i = 0; i < n; i++) {
        f = &fields[shape->slots[i]];
        f->name = shape->names[shape->slots[i]];

        if (policy_eval(e, kid(node, shape->kids[i]), &f->value) != 0) {
            return -1;
        }

        if (f->value.depth > depth) {
            depth = f->value.depth;
        }
    }

    if (depth >= POLICY_MAX_DEPTH) {
        return policy_eval_limit(e, LIMIT_DEPTH);
    }

    *value = policy_value_make_many(POLICY_RECORD, fields, n, depth + 1);

    return 0;
}


static int
eval_call(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    policy_value_t   *args;
    policy_status_t   rc;

    args = eval_list(e, node);
    if (args == NULL) {
        return -1;
    }

    policy_eval_fail(e, node, POLICY_ERROR_EXTENSION);

    rc = policy_ext_call(node->x, args, node->u.k.a, e->arena, value,
                         &e->error);

    if (rc == POLICY_LIMIT || rc == POLICY_NO_MEMORY) {
        return policy_eval_limit(e, LIMIT_SCRATCH);
    }

    return rc == POLICY_OK ? 0 : -1;
}


/* object.hasTag(key), object.getTag(key): evaluates and checks both */
static int
eval_tag(policy_eval_t *e, const policy_node_t *node, policy_value_t *object,
    const policy_value_t **found)
{
    policy_name_t           name;
    policy_value_t          key;
    const policy_entity_t  *entity;

    if (policy_eval(e, kid(node, node->u.k.a), object) != 0
        || policy_eval(e, kid(node, node->u.k.b), &key) != 0)
    {
        return -1;
    }

    if (object->kind != POLICY_ENTITY) {
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY),
                                     object->kind);
    }

    if (key.kind != POLICY_STRING) {
        return policy_eval_fail_type(e, node, MASK(POLICY_STRING), key.kind);
    }

    entity = policy_eval_entity(e, object->u.p);

    policy_eval_fail(e, node, entity == NULL ? POLICY_ERROR_ENTITY
                     : POLICY_ERROR_TAG);
    e->error.uid = object->u.p;
    e->error.name = policy_value_text(&key);

    *found = NULL;

    if (entity != NULL) {
        name = policy_name(policy_value_text(&key));
        *found = policy_field_find(entity->tags, entity->ntags, &name);
    }

    return 0;
}


static int
eval_get_tag(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value)
{
    policy_value_t         object;
    const policy_value_t  *found;

    if (eval_tag(e, node, &object, &found) != 0) {
        return -1;
    }

    if (found == NULL) {
        return -1;      /* the error is that of eval_tag() */
    }

    *value = *found;

    return 0;
}


static int
eval_and(policy_eval_t *e, const policy_node_t *node, int stop)
{
    int              rc;
    uint32_t         i;
    const uint32_t  *kids;

    kids = node->u.k.p;

    for (i = 0; i < node->u.k.a; i++) {
        rc = policy_eval_bool(e, kid(node, kids[i]));

        if (rc < 0 || rc == stop) {
            return rc;
        }
    }

    return !stop;
}


static int
eval_eq(policy_eval_t *e, const policy_node_t *node, const policy_value_t *b)
{
    int             equal;
    policy_value_t  v, w;

    if (policy_eval(e, kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (b == NULL) {
        if (policy_eval(e, kid(node, node->u.k.b), &w) != 0) {
            return -1;
        }

        b = &w;
    }

    equal = policy_value_equal(&v, b, &e->work);

    if (e->work < 0) {
        return policy_eval_limit(e, LIMIT_WORK);
    }

    return equal != node->x;
}


static int
eval_less(policy_eval_t *e, const policy_node_t *node)
{
    int64_t         x, y;
    policy_value_t  a, b;

    if (policy_eval(e, kid(node, node->u.k.a), &a) != 0
        || policy_eval(e, kid(node, node->u.k.b), &b) != 0)
    {
        return -1;
    }

    if ((MASK(a.kind) & MASK_ORDERED) == 0) {
        return policy_eval_fail_type(e, node, MASK_ORDERED, a.kind);
    }

    if (a.kind != b.kind) {
        return policy_eval_fail_type(e, node, MASK(a.kind), b.kind);
    }

    x = a.u.i;
    y = b.u.i;

    switch (node->x) {

    case AST_LT:
        return x < y;

    case AST_LE:
        return x <= y;

    case AST_GT:
        return x > y;

    default: /* AST_GE */
        return x >= y;
    }
}


static int
eval_in(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  x, y;

    if (policy_eval(e, kid(node, node->u.k.a), &x) != 0
        || policy_eval(e, kid(node, node->u.k.b), &y) != 0)
    {
        return -1;
    }

    return policy_eval_in(e, node, &x, &y);
}


static int
eval_in_uid(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  x;

    if (policy_eval(e, kid(node, node->u.k.a), &x) != 0) {
        return -1;
    }

    if (x.kind != POLICY_ENTITY) {
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY), x.kind);
    }

    return policy_eval_entity_in(e, x.u.p, node->u.k.p);
}


static int
eval_has(policy_eval_t *e, const policy_node_t *node)
{
    int                    rc;
    uint32_t               i;
    policy_value_t         v;
    const policy_step_t   *s;
    const policy_value_t  *found;

    if (policy_eval(e, kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    s = node->u.k.p;

    for (i = 0; i < node->u.k.b; i++) {
        rc = step(e, &v, &s[i].name, &found);

        if (rc < 0) {
            return fail_attr(e, node, &v, &s[i]);
        }

        if (rc == 0) {
            return 0;
        }

        v = *found;
    }

    return 1;
}


static int
eval_like(policy_eval_t *e, const policy_node_t *node)
{
    int             rc;
    policy_value_t  v;

    if (policy_eval(e, kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (v.kind != POLICY_STRING) {
        return policy_eval_fail_type(e, node, MASK(POLICY_STRING), v.kind);
    }

    rc = policy_like(policy_value_text(&v),
                     *(const policy_str_t *) node->u.k.p, &e->work);

    return e->work < 0 ? policy_eval_limit(e, LIMIT_WORK) : rc;
}


static int
eval_is(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t         x, y;
    const policy_uid_t    *uid;
    const policy_type_t   *type;

    if (policy_eval(e, kid(node, node->u.k.a), &x) != 0) {
        return -1;
    }

    if (x.kind != POLICY_ENTITY) {
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY), x.kind);
    }

    uid = x.u.p;
    type = node->u.k.p;

    if (uid->type_hash != type->hash || uid->type_len != type->len
        || memcmp(uid->type, type->name, type->len) != 0)
    {
        return 0;
    }

    if (node->u.k.b == 0) {
        return 1;
    }

    if (policy_eval(e, kid(node, node->u.k.b), &y) != 0) {
        return -1;
    }

    return policy_eval_in(e, node, &x, &y);
}


static int
eval_contains(policy_eval_t *e, const policy_node_t *node)
{
    int             rc;
    policy_value_t  a, b;

    if (policy_eval(e, kid(node, node->u.k.a), &a) != 0
        || policy_eval(e, kid(node, node->u.k.b), &b) != 0)
    {
        return -1;
    }

    if (a.kind != POLICY_SET) {
        return policy_eval_fail_type(e, node, MASK(POLICY_SET), a.kind);
    }

    if (node->op != NODE_CONTAINS && b.kind != POLICY_SET) {
        return policy_eval_fail_type(e, node, MASK(POLICY_SET), b.kind);
    }

    rc = node->op == NODE_CONTAINS ? policy_set_has(&a, &b, &e->work)
       : node->op == NODE_CONTAINS_ALL ? policy_set_has_all(&a, &b, &e->work)
       : policy_set_has_any(&a, &b, &e->work);

    return e->work < 0 ? policy_eval_limit(e, LIMIT_WORK) : rc;
}


static int
eval_is_empty(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  v;

    if (policy_eval(e, kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (v.kind != POLICY_SET) {
        return policy_eval_fail_type(e, node, MASK(POLICY_SET), v.kind);
    }

    return v.len == 0;
}


static int
eval_has_tag(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t         object;
    const policy_value_t  *found;

    return eval_tag(e, node, &object, &found) != 0 ? -1 : found != NULL;
}


static int
eval_not(policy_eval_t *e, const policy_node_t *node)
{
    int  rc;

    rc = policy_eval_bool(e, kid(node, node->u.k.a));

    return rc < 0 ? -1 : !rc;
}


static int
eval_test(policy_eval_t *e, const policy_node_t *node)
{
    switch (node->op) {

    case NODE_AND:
        return eval_and(e, node, 0);

    case NODE_OR:
        return eval_and(e, node, 1);

    case NODE_NOT:
        return eval_not(e, node);

    case NODE_EQ:
        return eval_eq(e, node, NULL);

    case NODE_EQ_CONST:
        return eval_eq(e, node, node->u.k.p);

    case NODE_LESS:
        return eval_less(e, node);

    case NODE_IN:
        return eval_in(e, node);

    case NODE_IN_UID:
        return eval_in_uid(e, node);

    case NODE_HAS:
        return eval_has(e, node);

    case NODE_LIKE:
        return eval_like(e, node);

    case NODE_IS:
        return eval_is(e, node);

    case NODE_IS_EMPTY:
        return eval_is_empty(e, node);

    case NODE_HAS_TAG:
        return eval_has_tag(e, node);

    default: /* NODE_CONTAINS, NODE_CONTAINS_ALL, NODE_CONTAINS_ANY */
        return eval_contains(e, node);
    }
}


int
policy_eval(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    int  rc;

    switch (node->op) {

    case NODE_CONST:
        *value = node->u.value;
        return 0;

    case NODE_VAR:
        *value = variable(e, node->x);
        return 0;

    case NODE_PATH:
        return eval_path(e, node, value);

    case NODE_ATTR:
        return eval_attr(e, node, value);

    case NODE_IF:
        return eval_if(e, node, value);

    case NODE_SUM:
        return eval_sum(e, node, value);

    case NODE_PRODUCT:
        return eval_product(e, node, value);

    case NODE_NEG:
        return eval_neg(e, node, value);

    case NODE_SET:
        return eval_set(e, node, value);

    case NODE_RECORD:
        return eval_record(e, node, value);

    case NODE_CALL:
        return eval_call(e, node, value);

    case NODE_GET_TAG:
        return eval_get_tag(e, node, value);

    default:
        rc = eval_test(e, node);
        *value = policy_bool(rc > 0);
        return rc < 0 ? -1 : 0;
    }
}


int
policy_eval_bool(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  v;

    if (node->op >= NODE_AND) {
        return eval_test(e, node);
    }

    if (policy_eval(e, node, &v) != 0) {
        return -1;
    }

    if (v.kind != POLICY_BOOL) {
        return policy_eval_fail_type(e, node, MASK(POLICY_BOOL), v.kind);
    }

    return v.u.i != 0;
}
