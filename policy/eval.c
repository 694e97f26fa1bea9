/* Evaluation of compiled expressions. */

#include "eval.h"
#include "ext.h"


/*
 * What dispatches has no frame then, and what is dispatched to has one of
 * its own size: most nodes are small.
 */
#define APART  POLICY_HOT __attribute__((noinline))

#define MASK_ORDERED  (MASK(POLICY_LONG) | MASK(POLICY_DATETIME)             \
                       | MASK(POLICY_DURATION))
#define MASK_OBJECT   (MASK(POLICY_RECORD) | MASK(POLICY_ENTITY))


POLICY_COLD int
policy_eval_fail(policy_eval_t *e, const policy_node_t *node,
    policy_error_kind_t kind)
{
    memset(&e->error, 0, sizeof(e->error));
    e->error.kind = kind;
    e->error.line = node->line;
    e->error.column = node->column;

    return -1;
}


POLICY_COLD int
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


static POLICY_COLD int
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
variable(policy_eval_t *e, unsigned x)
{
    if (x == POLICY_CONTEXT) {
        e->asked = ASKED_ALL;
        return e->context;
    }

    return policy_entity(e->actors[x].uid);
}


static POLICY_COLD const policy_value_t *
fail_variable(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  v;

    v = variable(e, node->x);
    fail_attr(e, node, &v, node->u.k.p);

    return NULL;
}


/* The rest of a path, from the object its first step led to. */
POLICY_HOT
static const policy_value_t *
walk(policy_eval_t *e, const policy_node_t *node,
    const policy_value_t *object)
{
    uint32_t               i;
    const policy_step_t   *s;
    const policy_value_t  *found;

    s = node->u.k.p;

    for (i = 1; i < node->u.k.a; i++) {
        if (step(e, object, &s[i].name, &found) != 1) {
            fail_attr(e, node, object, &s[i]);
            return NULL;
        }

        object = found;
    }

    return object;
}


/* NULL: failed.  The value belongs to the request or to a store. */
POLICY_HOT
static inline const policy_value_t *
follow(policy_eval_t *e, const policy_node_t *node)
{
    const policy_step_t    *s;
    const policy_value_t   *found;
    const policy_entity_t  *entity;

    s = node->u.k.p;

    if (node->x == POLICY_CONTEXT) {
        e->asked |= policy_asked(&s->name);
        found = policy_field_find(e->context.u.p, e->context.len, &s->name);

    } else {
        if (!e->resolved && policy_actors_resolve(e) != 0) {
            return NULL;
        }

        entity = e->actors[node->x].entity;
        found = entity == NULL ? NULL
                : policy_field_find(entity->attrs, entity->nattrs, &s->name);
    }

    if (found == NULL) {
        return fail_variable(e, node);
    }

    return node->u.k.a == 1 ? found : walk(e, node, found);
}


/* A value where it stands, else made in *store; NULL: failed. */
static inline const policy_value_t *
operand(policy_eval_t *e, const policy_node_t *node, policy_value_t *store)
{
    if (node->op == NODE_CONST) {
        return &node->u.value;
    }

    if (node->op == NODE_PATH) {
        return follow(e, node);
    }

    if (node->op == NODE_VAR && node->x == POLICY_CONTEXT) {
        e->asked = ASKED_ALL;
        return &e->context;
    }

    return policy_eval(e, node, store) == 0 ? store : NULL;
}


static APART int
eval_attr(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    policy_value_t         v;
    const policy_step_t   *s;
    const policy_value_t  *found;

    s = node->u.k.p;

    if (policy_eval(e, policy_kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (step(e, &v, &s->name, &found) != 1) {
        return fail_attr(e, node, &v, s);
    }

    *value = *found;

    return 0;
}


static APART int
eval_if(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    int              rc;
    const uint32_t  *kids;

    kids = node->u.k.p;
    rc = policy_eval_bool(e, policy_kid(node, kids[0]));

    if (rc < 0) {
        return -1;
    }

    return policy_eval(e, policy_kid(node, kids[rc ? 1 : 2]), value);
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
        if (policy_eval(e, policy_kid(node, kids[i]), &list[i]) != 0) {
            return NULL;
        }
    }

    return list;
}


static APART int
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


static APART int
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

        if (policy_eval(e, policy_kid(node, shape->kids[i]), &f->value) != 0) {
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
fail_call(policy_eval_t *e, const policy_node_t *node, policy_status_t rc)
{
    if (rc == POLICY_LIMIT || rc == POLICY_NO_MEMORY) {
        return policy_eval_limit(e, LIMIT_SCRATCH);
    }

    e->error.line = node->line;
    e->error.column = node->column;

    return -1;
}


/* No function has more than two arguments, a wrong call may. */
static APART int
eval_call(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    uint32_t               i, n;
    policy_value_t         pair[2], *args;
    policy_status_t        rc;
    const uint32_t        *kids;
    const policy_value_t  *arg;

    n = node->u.k.a;

    if (n > 2) {
        args = eval_list(e, node);
        if (args == NULL) {
            return -1;
        }

    } else {
        args = pair;
        kids = node->u.k.p;

        for (i = 0; i < n; i++) {
            arg = operand(e, policy_kid(node, kids[i]), &pair[i]);
            if (arg == NULL) {
                return -1;
            }

            pair[i] = *arg;
        }
    }

    rc = policy_ext_call(node->x, args, n, e->arena, value, &e->error);

    return rc == POLICY_OK ? 0 : fail_call(e, node, rc);
}


/* object.hasTag(key), object.getTag(key): evaluates and checks both */
static int
eval_tag(policy_eval_t *e, const policy_node_t *node, policy_value_t *object,
    const policy_value_t **found)
{
    policy_name_t           name;
    policy_value_t          key;
    const policy_entity_t  *entity;

    if (policy_eval(e, policy_kid(node, node->u.k.a), object) != 0
        || policy_eval(e, policy_kid(node, node->u.k.b), &key) != 0)
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


static APART int
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


static APART int
eval_and(policy_eval_t *e, const policy_node_t *node, int stop)
{
    int              rc;
    const uint32_t  *kids, *end;

    kids = node->u.k.p;
    end = kids + node->u.k.a;

    for ( /* void */ ; kids < end; kids++) {
        rc = policy_eval_bool(e, policy_kid(node, *kids));

        if (rc < 0 || rc == stop) {
            return rc;
        }
    }

    return !stop;
}


static APART int
eval_eq(policy_eval_t *e, const policy_node_t *node, const policy_value_t *b)
{
    int                    equal;
    policy_value_t         v, w;
    const policy_value_t  *a;

    a = operand(e, policy_kid(node, node->u.k.a), &v);
    if (a == NULL) {
        return -1;
    }

    if (b == NULL) {
        b = operand(e, policy_kid(node, node->u.k.b), &w);
        if (b == NULL) {
            return -1;
        }
    }

    equal = policy_value_equal(a, b, &e->work);

    if (e->work < 0) {
        return policy_eval_limit(e, LIMIT_WORK);
    }

    return equal != node->x;
}


static APART int
eval_less(policy_eval_t *e, const policy_node_t *node)
{
    int64_t                x, y;
    policy_value_t         v, w;
    const policy_value_t  *a, *b;

    if ((a = operand(e, policy_kid(node, node->u.k.a), &v)) == NULL
        || (b = operand(e, policy_kid(node, node->u.k.b), &w)) == NULL)
    {
        return -1;
    }

    if ((MASK(a->kind) & MASK_ORDERED) == 0) {
        return policy_eval_fail_type(e, node, MASK_ORDERED, a->kind);
    }

    if (a->kind != b->kind) {
        return policy_eval_fail_type(e, node, MASK(a->kind), b->kind);
    }

    x = a->u.i;
    y = b->u.i;

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


static APART int
eval_in(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t         v, w;
    const policy_value_t  *x, *y;

    if ((x = operand(e, policy_kid(node, node->u.k.a), &v)) == NULL
        || (y = operand(e, policy_kid(node, node->u.k.b), &w)) == NULL)
    {
        return -1;
    }

    return policy_eval_in(e, node, x, y);
}


static APART int
eval_in_uid(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  x;

    if (policy_eval(e, policy_kid(node, node->u.k.a), &x) != 0) {
        return -1;
    }

    if (x.kind != POLICY_ENTITY) {
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY), x.kind);
    }

    return policy_eval_entity_in(e, x.u.p, node->u.k.p);
}


static APART int
eval_has(policy_eval_t *e, const policy_node_t *node)
{
    int                    rc;
    uint32_t               i;
    policy_value_t         v;
    const policy_node_t   *kid;
    const policy_step_t   *s;
    const policy_value_t  *object, *found;

    s = node->u.k.p;
    kid = policy_kid(node, node->u.k.a);

    if (kid->op == NODE_VAR && kid->x == POLICY_CONTEXT) {
        e->asked |= policy_asked(&s->name);
        object = &e->context;

    } else {
        object = operand(e, kid, &v);
        if (object == NULL) {
            return -1;
        }
    }

    for (i = 0; i < node->u.k.b; i++) {
        rc = step(e, object, &s[i].name, &found);

        if (rc < 0) {
            return fail_attr(e, node, object, &s[i]);
        }

        if (rc == 0) {
            return 0;
        }

        object = found;
    }

    return 1;
}


static APART int
eval_like(policy_eval_t *e, const policy_node_t *node)
{
    int             rc;
    policy_value_t  v;

    if (policy_eval(e, policy_kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (v.kind != POLICY_STRING) {
        return policy_eval_fail_type(e, node, MASK(POLICY_STRING), v.kind);
    }

    rc = policy_like(policy_value_text(&v),
                     *(const policy_str_t *) node->u.k.p, &e->work);

    return e->work < 0 ? policy_eval_limit(e, LIMIT_WORK) : rc;
}


static APART int
eval_is(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t         x, y;
    const policy_uid_t    *uid;
    const policy_type_t   *type;

    if (policy_eval(e, policy_kid(node, node->u.k.a), &x) != 0) {
        return -1;
    }

    if (x.kind != POLICY_ENTITY) {
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY), x.kind);
    }

    uid = x.u.p;
    type = node->u.k.p;

    if (!policy_uid_is(uid, type)) {
        return 0;
    }

    if (node->u.k.b == 0) {
        return 1;
    }

    if (policy_eval(e, policy_kid(node, node->u.k.b), &y) != 0) {
        return -1;
    }

    return policy_eval_in(e, node, &x, &y);
}


static APART int
eval_contains(policy_eval_t *e, const policy_node_t *node)
{
    int                    rc;
    policy_value_t         v, w;
    const policy_value_t  *a, *b;

    if ((a = operand(e, policy_kid(node, node->u.k.a), &v)) == NULL
        || (b = operand(e, policy_kid(node, node->u.k.b), &w)) == NULL)
    {
        return -1;
    }

    if (a->kind != POLICY_SET) {
        return policy_eval_fail_type(e, node, MASK(POLICY_SET), a->kind);
    }

    if (node->op != NODE_CONTAINS && b->kind != POLICY_SET) {
        return policy_eval_fail_type(e, node, MASK(POLICY_SET), b->kind);
    }

    rc = node->op == NODE_CONTAINS ? policy_set_has(a, b, &e->work)
       : node->op == NODE_CONTAINS_ALL ? policy_set_has_all(a, b, &e->work)
       : policy_set_has_any(a, b, &e->work);

    return e->work < 0 ? policy_eval_limit(e, LIMIT_WORK) : rc;
}


static APART int
eval_is_empty(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t  v;

    if (policy_eval(e, policy_kid(node, node->u.k.a), &v) != 0) {
        return -1;
    }

    if (v.kind != POLICY_SET) {
        return policy_eval_fail_type(e, node, MASK(POLICY_SET), v.kind);
    }

    return v.len == 0;
}


static APART int
eval_has_tag(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t         object;
    const policy_value_t  *found;

    return eval_tag(e, node, &object, &found) != 0 ? -1 : found != NULL;
}


static APART int
eval_not(policy_eval_t *e, const policy_node_t *node)
{
    int  rc;

    rc = policy_eval_bool(e, policy_kid(node, node->u.k.a));

    return rc < 0 ? -1 : !rc;
}


POLICY_HOT
int
policy_eval(policy_eval_t *e, const policy_node_t *node, policy_value_t *value)
{
    int                    rc;
    const policy_value_t  *found;

    switch (node->op) {

    case NODE_CONST:
        *value = node->u.value;
        return 0;

    case NODE_VAR:
        *value = variable(e, node->x);
        return 0;

    case NODE_PATH:
        found = follow(e, node);
        if (found == NULL) {
            return -1;
        }

        *value = *found;
        return 0;

    case NODE_ATTR:
        return eval_attr(e, node, value);

    case NODE_IF:
        return eval_if(e, node, value);

    case NODE_SUM:
        return policy_eval_sum(e, node, value);

    case NODE_PRODUCT:
        return policy_eval_product(e, node, value);

    case NODE_NEG:
        return policy_eval_neg(e, node, value);

    case NODE_SET:
        return eval_set(e, node, value);

    case NODE_RECORD:
        return eval_record(e, node, value);

    case NODE_CALL:
        return eval_call(e, node, value);

    case NODE_GET_TAG:
        return eval_get_tag(e, node, value);

    default:
        rc = policy_eval_bool(e, node);
        *value = policy_bool(rc > 0);
        return rc < 0 ? -1 : 0;
    }
}


/* A node that need not yield a Bool. */
static APART int
eval_any(policy_eval_t *e, const policy_node_t *node)
{
    policy_value_t         v;
    const policy_value_t  *value;

    value = operand(e, node, &v);
    if (value == NULL) {
        return -1;
    }

    if (value->kind != POLICY_BOOL) {
        return policy_eval_fail_type(e, node, MASK(POLICY_BOOL),
                                     value->kind);
    }

    return value->u.i != 0;
}


POLICY_HOT
int
policy_eval_bool(policy_eval_t *e, const policy_node_t *node)
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

    case NODE_CONTAINS:
    case NODE_CONTAINS_ALL:
    case NODE_CONTAINS_ANY:
        return eval_contains(e, node);

    case NODE_IS_EMPTY:
        return eval_is_empty(e, node);

    case NODE_HAS_TAG:
        return eval_has_tag(e, node);

    default:
        return eval_any(e, node);
    }
}
