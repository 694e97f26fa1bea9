/*
 * Sets of up to 64 policies: which of them the scopes let through, as bits.
 * A decision joins the bits of each uid it meets, for principal, action and
 * resource, and looks at the policies that all three leave.
 */

#include "set.h"


static inline uint64_t
uid_bit(uint64_t hash)
{
    return UINT64_C(1) << (hash >> 58);
}


static policy_mention_t *
slot_of(const policy_masks_t *masks, const policy_uid_t *uid)
{
    uint32_t           at;
    policy_mention_t  *m;

    for (at = (uint32_t) uid->hash & masks->mask; /* void */;
         at = (at + 1) & masks->mask)
    {
        m = &masks->uids[at];

        if (m->uid == NULL
            || (m->hash == uid->hash && policy_uid_same(m->uid, uid)))
        {
            return m;
        }
    }
}


static policy_mention_t *
mention(policy_masks_t *masks, const policy_uid_t *uid, unsigned v)
{
    policy_mention_t  *m;

    m = slot_of(masks, uid);
    m->hash = uid->hash;
    m->uid = uid;

    masks->scopes[v].seen |= uid_bit(uid->hash);

    return m;
}


static void
add_type(policy_scopes_t *scopes, const policy_type_t *type, uint64_t bit)
{
    uint32_t  i;

    for (i = 0; i < scopes->ntypes && scopes->types[i].type != type; i++) {
        /* void */
    }

    if (i == scopes->ntypes) {
        scopes->types[i].type = type;
        scopes->types[i].is = 0;
        scopes->ntypes++;
    }

    scopes->types[i].is |= bit;
}


static void
add_scope(policy_masks_t *masks, const policy_scope_t *scope, unsigned v,
    uint64_t bit)
{
    switch (scope->op) {

    case SCOPE_EQ:
        mention(masks, scope->uid, v)->eq[v] |= bit;
        break;

    case SCOPE_IN:
        mention(masks, scope->uid, v)->in[v] |= bit;
        break;

    case SCOPE_IS:
        add_type(&masks->scopes[v], scope->type, bit);
        break;

    default: /* SCOPE_ANY; SCOPE_IS_IN takes two tests */
        masks->scopes[v].any |= bit;
        masks->check |= scope->op == SCOPE_ANY ? 0 : bit;
    }
}


static void
add_rule(policy_masks_t *masks, const policy_rule_t *rule, uint64_t bit)
{
    uint32_t           i;
    policy_mention_t  *m;

    if (rule->is_template) {
        return;
    }

    add_scope(masks, &rule->principal, POLICY_PRINCIPAL, bit);
    add_scope(masks, &rule->resource, POLICY_RESOURCE, bit);

    if (rule->action_op == SCOPE_ANY) {
        masks->scopes[POLICY_ACTION].any |= bit;
        return;
    }

    for (i = 0; i < rule->nactions; i++) {
        m = mention(masks, rule->actions[i], POLICY_ACTION);

        if (rule->action_op == SCOPE_EQ) {
            m->eq[POLICY_ACTION] |= bit;
        } else {
            m->in[POLICY_ACTION] |= bit;
        }
    }
}


policy_status_t
policy_masks_build(policy_set_t *set)
{
    size_t           i, n, size;
    policy_masks_t  *masks;

    if (set->n > POLICY_MASK_RULES) {
        return POLICY_OK;
    }

    n = 0;

    for (i = 0; i < set->n; i++) {
        n += 2 + set->rules[i].nactions;
    }

    for (size = 4; size < 2 * n; size *= 2) { /* void */ }

    masks = policy_alloc(&set->main, sizeof(policy_masks_t));
    if (masks == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(masks, 0, sizeof(policy_masks_t));

    masks->mask = (uint32_t) size - 1;
    masks->uids = policy_alloc_array(&set->main, size,
                                     sizeof(policy_mention_t));
    if (masks->uids == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(masks->uids, 0, size * sizeof(policy_mention_t));

    for (i = 0; i < 3; i++) {
        masks->scopes[i].types =
            policy_alloc_array(&set->main, set->n,
                               sizeof(policy_mentioned_type_t));

        if (masks->scopes[i].types == NULL) {
            return POLICY_NO_MEMORY;
        }
    }

    for (i = 0; i < set->n; i++) {
        add_rule(masks, &set->rules[i], UINT64_C(1) << i);
    }

    set->masks = masks;

    return POLICY_OK;
}


/* Policies whose scope for the variable lets the actor through. */
static inline uint64_t
let_through(const policy_masks_t *masks, const policy_actor_t *actor,
    unsigned v)
{
    uint32_t                  i;
    uint64_t                  bits;
    const policy_scopes_t    *scopes;
    const policy_mention_t   *m;
    const policy_ancestor_t  *ancestor;

    scopes = &masks->scopes[v];
    bits = scopes->any;

    if (scopes->seen & uid_bit(actor->uid->hash)) {
        m = slot_of(masks, actor->uid);
        bits |= m->eq[v] | m->in[v];
    }

    for (i = 0; i < actor->nancestors; i++) {
        ancestor = &actor->ancestors[i];

        if (scopes->seen & uid_bit(ancestor->hash)) {
            bits |= slot_of(masks, ancestor->uid)->in[v];
        }
    }

    for (i = 0; i < scopes->ntypes; i++) {
        if (policy_uid_is(actor->uid, scopes->types[i].type)) {
            bits |= scopes->types[i].is;
        }
    }

    return bits;
}


POLICY_HOT
uint64_t
policy_masks_find(const policy_masks_t *masks, const policy_actor_t *actors)
{
    return let_through(masks, &actors[POLICY_PRINCIPAL], POLICY_PRINCIPAL)
           & let_through(masks, &actors[POLICY_ACTION], POLICY_ACTION)
           & let_through(masks, &actors[POLICY_RESOURCE], POLICY_RESOURCE);
}
