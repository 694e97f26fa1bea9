/* Capabilities: which attributes and tags are known to be there. */

#include "validate.h"


#define SEED  0x63617073u


/*
 * The same expression gives the same hash, wherever it is written and in
 * whatever order a record's fields are.
 */
static uint64_t
hash_expr(validate_t *v, const policy_ast_t *e, uint64_t h)
{
    uint32_t                  i;
    uint64_t                  sum;
    const policy_ast_t       *kid;
    const policy_ast_name_t  *name;

    v->work--;
    h = policy_hash_mix(h, e->op * 65536u + e->id * 256u + e->minus);

    switch (e->op) {

    case AST_BOOL:
    case AST_LONG:
        h = policy_hash_mix(h, (uint64_t) e->u.i);
        break;

    case AST_STRING:
    case AST_FIELD:
    case AST_ATTR:
    case AST_LIKE:
    case AST_IS:
        h = policy_hash(h, e->u.text.data, e->u.text.len);
        break;

    case AST_UID:
        h = policy_hash_mix(h, e->u.uid->hash);
        break;

    case AST_HAS:
        for (name = e->u.names; name != NULL; name = name->next) {
            h = policy_hash(h, name->text.data, name->text.len);
        }
        break;

    default:
        break;
    }

    if (e->op == AST_RECORD) {
        for (sum = 0, kid = e->kids; kid != NULL; kid = kid->next) {
            sum += hash_expr(v, kid, SEED);
        }

        return policy_hash_mix(h, sum);
    }

    for (i = 0, kid = e->kids; i < e->nkids; i++, kid = kid->next) {
        h = hash_expr(v, kid, h);
    }

    return h;
}


static int
same_names(const policy_ast_name_t *a, const policy_ast_name_t *b)
{
    while (a != NULL && b != NULL && policy_str_equal(a->text, b->text)) {
        a = a->next;
        b = b->next;
    }

    return a == NULL && b == NULL;
}


static int same_expr(validate_t *v, const policy_ast_t *a,
    const policy_ast_t *b);


/* The order of fields means nothing; their keys are distinct. */
static int
same_record(validate_t *v, const policy_ast_t *a, const policy_ast_t *b)
{
    const policy_ast_t  *x, *y;

    for (x = a->kids; x != NULL; x = x->next) {
        for (y = b->kids; y != NULL; y = y->next) {
            v->work--;

            if (policy_str_equal(x->u.text, y->u.text)) {
                break;
            }
        }

        if (y == NULL || v->work < 0 || !same_expr(v, x->kids, y->kids)) {
            return 0;
        }
    }

    return 1;
}


static int
same_expr(validate_t *v, const policy_ast_t *a, const policy_ast_t *b)
{
    int                  same;
    uint32_t             i;
    const policy_ast_t  *x, *y;

    v->work--;

    if (a == b) {
        return 1;
    }

    if (a->op != b->op || a->id != b->id || a->minus != b->minus
        || a->nkids != b->nkids)
    {
        return 0;
    }

    switch (a->op) {

    case AST_RECORD:
        return same_record(v, a, b);

    case AST_BOOL:
    case AST_LONG:
        same = a->u.i == b->u.i;
        break;

    case AST_STRING:
    case AST_FIELD:
    case AST_ATTR:
    case AST_LIKE:
    case AST_IS:
        same = policy_str_equal(a->u.text, b->u.text);
        break;

    case AST_UID:
        same = policy_uid_same(a->u.uid, b->u.uid);
        break;

    case AST_HAS:
        same = same_names(a->u.names, b->u.names);
        break;

    default:
        same = 1;
        break;
    }

    x = a->kids;
    y = b->kids;

    for (i = 0; same && i < a->nkids; i++) {
        same = same_expr(v, x, y);
        x = x->next;
        y = y->next;
    }

    return same;
}


static validate_cap_t *
new_cap(validate_t *v)
{
    validate_cap_t  *cap;

    cap = policy_alloc(&v->env, sizeof(validate_cap_t));

    if (cap == NULL) {
        v->status = POLICY_NO_MEMORY;
    } else {
        memset(cap, 0, sizeof(validate_cap_t));
    }

    return cap;
}


const validate_cap_t *
validate_cap_attr(validate_t *v, const policy_ast_t *on, policy_str_t attr)
{
    validate_cap_t  *cap;

    cap = new_cap(v);

    if (cap != NULL) {
        cap->on = on;
        cap->attr = attr;
        cap->hash = hash_expr(v, on, policy_hash(SEED, attr.data, attr.len));
    }

    return cap;
}


const validate_cap_t *
validate_cap_tag(validate_t *v, const policy_ast_t *on,
    const policy_ast_t *tag)
{
    validate_cap_t  *cap;

    cap = new_cap(v);

    if (cap != NULL) {
        cap->on = on;
        cap->tag = tag;
        cap->hash = hash_expr(v, on, hash_expr(v, tag, SEED));
    }

    return cap;
}


static int
same_cap(validate_t *v, const validate_cap_t *a, const validate_cap_t *b)
{
    if (a->hash != b->hash || (a->tag == NULL) != (b->tag == NULL)) {
        return 0;
    }

    return (a->tag != NULL ? same_expr(v, a->tag, b->tag)
                           : policy_str_equal(a->attr, b->attr))
           && same_expr(v, a->on, b->on);
}


int
validate_caps_has(validate_t *v, const validate_cap_t *caps,
    const validate_cap_t *cap)
{
    for ( /* void */ ; cap != NULL && caps != NULL; caps = caps->next) {
        v->work--;

        if (same_cap(v, caps, cap)) {
            return 1;
        }
    }

    return 0;
}


/* a, which is shared, behind copies of b. */
const validate_cap_t *
validate_caps_join(validate_t *v, const validate_cap_t *a,
    const validate_cap_t *b)
{
    validate_cap_t  *cap;

    if (a == NULL) {
        return b;
    }

    for ( /* void */ ; b != NULL; b = b->next) {
        v->work--;

        cap = new_cap(v);
        if (cap == NULL) {
            return a;
        }

        *cap = *b;
        cap->next = a;
        a = cap;
    }

    return a;
}


const validate_cap_t *
validate_caps_common(validate_t *v, const validate_cap_t *a,
    const validate_cap_t *b)
{
    validate_cap_t        *cap;
    const validate_cap_t  *both;

    both = NULL;

    for ( /* void */ ; a != NULL && v->work >= 0; a = a->next) {
        if (!validate_caps_has(v, b, a)) {
            continue;
        }

        cap = new_cap(v);
        if (cap == NULL) {
            return NULL;
        }

        *cap = *a;
        cap->next = both;
        both = cap;
    }

    return both;
}
