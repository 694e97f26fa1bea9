/*
 * The scope index: which policies a request need look at.  Exact, because a
 * scope test cannot fail: a policy that is left out is false.
 */

#include "set.h"


typedef struct {
    policy_index_t  *index;
    uint32_t        *place;     /* of the next policy in each bucket */
} filing_t;


static policy_bucket_t *
bucket_slot(const policy_index_t *index, uint64_t key)
{
    uint32_t  at;

    for (at = (uint32_t) key & index->mask;
         index->buckets[at].n != 0 && index->buckets[at].key != key;
         at = (at + 1) & index->mask)
    {
        /* void */
    }

    return &index->buckets[at];
}


const policy_bucket_t *
policy_index_find(const policy_index_t *index, uint64_t key)
{
    policy_bucket_t  *bucket;

    bucket = bucket_slot(index, key);

    return bucket->n != 0 ? bucket : NULL;
}


static void
count(policy_index_t *index, uint64_t key)
{
    policy_bucket_t  *bucket;

    bucket = bucket_slot(index, key);
    bucket->key = key;
    bucket->n++;
}


/* The key a scope can be filed under; 0: none. */
static uint64_t
scope_key(const policy_scope_t *scope, unsigned role, unsigned type_role,
    unsigned *of)
{
    switch (scope->op) {

    case SCOPE_EQ:
    case SCOPE_IN:
    case SCOPE_IS_IN:
        *of = role;
        return policy_hash_mix(scope->uid->hash, role);

    case SCOPE_IS:
        *of = type_role;
        return policy_hash_mix(scope->type->hash, type_role);

    default:
        *of = 0;
        return 0;
    }
}


static size_t
keys_of(const policy_rule_t *rule)
{
    return 2 + rule->nactions;
}


static void
count_rule(policy_index_t *index, const policy_rule_t *rule)
{
    uint32_t  i;
    uint64_t  key;
    unsigned  of;

    key = scope_key(&rule->principal, ROLE_PRINCIPAL, ROLE_PRINCIPAL_TYPE,
                    &of);
    if (of != 0) {
        count(index, key);
    }

    key = scope_key(&rule->resource, ROLE_RESOURCE, ROLE_RESOURCE_TYPE, &of);
    if (of != 0) {
        count(index, key);
    }

    for (i = 0; i < rule->nactions; i++) {
        count(index, policy_hash_mix(rule->actions[i]->hash, ROLE_ACTION));
    }
}


static policy_status_t
make_table(policy_arena_t *arena, size_t keys,
    policy_index_t *index)
{
    size_t  size;

    for (size = 4; size < 2 * keys; size *= 2) { /* void */ }

    index->mask = (uint32_t) size - 1;
    index->buckets = policy_alloc_array(arena, size,
                                        sizeof(policy_bucket_t));
    if (index->buckets == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(index->buckets, 0, size * sizeof(policy_bucket_t));

    return POLICY_OK;
}


/* Which scope test to file a rule under: ROLE_, or 0 for every request. */
static unsigned
choose(const policy_index_t *counts, const policy_rule_t *rule)
{
    uint32_t  i;
    uint64_t  key, n, best, actions;
    unsigned  of, role;

    role = 0;
    best = UINT64_MAX;

    key = scope_key(&rule->principal, ROLE_PRINCIPAL, ROLE_PRINCIPAL_TYPE,
                    &of);
    if (of != 0) {
        best = bucket_slot(counts, key)->n;
        role = of;
    }

    key = scope_key(&rule->resource, ROLE_RESOURCE, ROLE_RESOURCE_TYPE, &of);
    if (of != 0) {
        n = bucket_slot(counts, key)->n;

        if (n < best) {
            best = n;
            role = of;
        }
    }

    if (rule->action_op != SCOPE_ANY) {
        actions = 0;

        for (i = 0; i < rule->nactions; i++) {
            key = policy_hash_mix(rule->actions[i]->hash, ROLE_ACTION);
            n = bucket_slot(counts, key)->n;
            actions = n > actions ? n : actions;
        }

        if (actions < best) {
            role = ROLE_ACTION;
        }
    }

    return role;
}


static uint64_t
key_of(const policy_rule_t *rule, unsigned role, uint32_t action)
{
    unsigned  of;

    if (role == ROLE_ACTION) {
        return policy_hash_mix(rule->actions[action]->hash, ROLE_ACTION);
    }

    if (role == ROLE_PRINCIPAL || role == ROLE_PRINCIPAL_TYPE) {
        return scope_key(&rule->principal, ROLE_PRINCIPAL,
                         ROLE_PRINCIPAL_TYPE, &of);
    }

    return scope_key(&rule->resource, ROLE_RESOURCE, ROLE_RESOURCE_TYPE,
                     &of);
}


/* Buckets one after another in the list, behind those of every request. */
static void
lay_out(policy_index_t *index)
{
    uint32_t  at, i;

    at = index->nany;

    for (i = 0; i <= index->mask; i++) {
        index->buckets[i].first = at;
        at += index->buckets[i].n;
    }
}


static void
file_rule(filing_t *filing, uint32_t rule, uint64_t key)
{
    policy_index_t   *index;
    policy_bucket_t  *bucket;

    index = filing->index;
    bucket = bucket_slot(index, key);

    index->list[bucket->first
                + filing->place[bucket - index->buckets]++] = rule;
}


/* Templates are in no bucket; action in [] matches nothing. */
static int
is_filed(const policy_rule_t *rule)
{
    return !rule->is_template
           && (rule->action_op == SCOPE_ANY || rule->nactions != 0);
}


static policy_status_t
file_all(policy_set_t *set, const uint8_t *roles, filing_t *filing)
{
    uint32_t              i, k, any;
    const policy_rule_t  *rule;

    any = 0;

    for (i = 0; i < set->n; i++) {
        rule = &set->rules[i];

        if (!is_filed(rule)) {
            continue;
        }

        if (roles[i] == 0) {
            filing->index->list[any++] = i;
            continue;
        }

        for (k = 0; k < (roles[i] == ROLE_ACTION ? rule->nactions : 1); k++) {
            file_rule(filing, i, key_of(rule, roles[i], k));
        }
    }

    return POLICY_OK;
}


policy_status_t
policy_index_build(policy_set_t *set)
{
    size_t                keys, entries;
    uint8_t              *roles;
    uint32_t              i, k, n;
    filing_t              filing;
    policy_index_t        counts, *index;
    const policy_rule_t  *rule;

    index = &set->index;
    keys = 0;

    for (i = 0; i < set->n; i++) {
        keys += keys_of(&set->rules[i]);
    }

    roles = policy_alloc(&set->temp, set->n);

    if (roles == NULL
        || make_table(&set->temp, keys, &counts) != POLICY_OK)
    {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < set->n; i++) {
        if (is_filed(&set->rules[i])) {
            count_rule(&counts, &set->rules[i]);
        }
    }

    keys = 0;
    entries = 0;

    for (i = 0; i < set->n; i++) {
        rule = &set->rules[i];

        if (!is_filed(rule)) {
            continue;
        }

        roles[i] = (uint8_t) choose(&counts, rule);
        index->roles |= roles[i];
        n = roles[i] == ROLE_ACTION ? rule->nactions : 1;
        entries += n;
        keys += roles[i] == 0 ? 0 : n;
        index->nany += roles[i] == 0;
    }

    filing.index = index;
    index->list = policy_alloc_array(&set->main, entries, sizeof(uint32_t));

    if (index->list == NULL
        || make_table(&set->main, keys, index) != POLICY_OK)
    {
        return POLICY_NO_MEMORY;
    }

    filing.place = policy_alloc_array(&set->temp, (size_t) index->mask + 1,
                                      sizeof(uint32_t));
    if (filing.place == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(filing.place, 0, ((size_t) index->mask + 1) * sizeof(uint32_t));

    for (i = 0; i < set->n; i++) {
        rule = &set->rules[i];

        if (!is_filed(rule) || roles[i] == 0) {
            continue;
        }

        n = roles[i] == ROLE_ACTION ? rule->nactions : 1;

        for (k = 0; k < n; k++) {
            count(index, key_of(rule, roles[i], k));
        }
    }

    lay_out(index);

    return file_all(set, roles, &filing);
}
