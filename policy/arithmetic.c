/* Sums, products, negation: 64-bit, overflow is an error. */

#include "eval.h"


static int
fail_overflow(policy_eval_t *e, const policy_node_t *node, const char *op)
{
    policy_eval_fail(e, node, POLICY_ERROR_OVERFLOW);
    e->error.name.data = op;
    e->error.name.len = 1;

    return -1;
}


int
policy_eval_sum(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value)
{
    int              minus, overflow;
    int64_t          n;
    uint32_t         i;
    policy_value_t   sum, v;
    const uint32_t  *kids;

    kids = node->u.k.p;

    if (policy_eval(e, policy_kid(node, kids[0]), &sum) != 0) {
        return -1;
    }

    for (i = 1; i < node->u.k.a; i++) {
        minus = (kids[i] & POLICY_MINUS) != 0;

        if (policy_eval(e, policy_kid(node, kids[i] & ~POLICY_MINUS), &v)
            != 0)
        {
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


int
policy_eval_product(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value)
{
    int64_t          n;
    uint32_t         i;
    policy_value_t   product, v;
    const uint32_t  *kids;

    kids = node->u.k.p;

    if (policy_eval(e, policy_kid(node, kids[0]), &product) != 0) {
        return -1;
    }

    for (i = 1; i < node->u.k.a; i++) {
        if (policy_eval(e, policy_kid(node, kids[i]), &v) != 0) {
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


int
policy_eval_neg(policy_eval_t *e, const policy_node_t *node,
    policy_value_t *value)
{
    policy_value_t  v;

    if (policy_eval(e, policy_kid(node, node->u.k.a), &v) != 0) {
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
