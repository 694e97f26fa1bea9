/* Decisions: candidates, effects, diagnostics. */

#include "set.h"


/* States of a policy_known_t. */
enum {
    KNOWN_NOTHING = 0,
    KNOWN,
    KNOWN_UNFIT         /* too many policies: each decision looks anew */
};

/* In a place of an open policy: so it was when it was looked at last. */
#define KNOWN_SATISFIED  0x8000u


/* With more ancestors the index finds sooner what few policies name. */
#define MASK_ANCESTORS  64


typedef struct {
    policy_eval_t             eval;
    const policy_request_t   *request;
    policy_result_t          *result;
    const policy_set_t       *set;
    policy_known_t           *known;    /* to be filled, or NULL */
    size_t                    mark;     /* of the arena, between policies */
    int                       forbidden;
    int                       limit;
} authorizer_t;


/* scope: not SCOPE_ANY */
static int
in_scope(const policy_actor_t *actor, const policy_scope_t *scope)
{
    if (scope->op == SCOPE_EQ) {
        return policy_uid_same(actor->uid, scope->uid);
    }

    if (scope->op == SCOPE_IN) {
        return policy_actor_in(actor, scope->uid);
    }

    return policy_uid_is(actor->uid, scope->type)
           && (scope->op == SCOPE_IS || policy_actor_in(actor, scope->uid));
}


/*
 * A policy filed under several actions is met once for each that applies:
 * with via given it counts only where the first of them leads to it.  The
 * rule has a scope for actions.
 */
static int
in_actions(const policy_actor_t *actor, const policy_rule_t *rule,
    const policy_uid_t *via)
{
    uint32_t  i;

    if (rule->action_op == SCOPE_EQ) {
        return policy_uid_same(actor->uid, rule->actions[0]);
    }

    for (i = 0; i < rule->nactions; i++) {
        if (policy_actor_in(actor, rule->actions[i])) {
            return via == NULL || policy_uid_same(via, rule->actions[i]);
        }
    }

    return 0;
}


/* Errors grow from the arena's bottom, where policies' scratch begins. */
static void
add_error(authorizer_t *a, size_t index)
{
    policy_arena_t       *arena;
    policy_eval_error_t  *error;

    arena = a->eval.arena;

    error = policy_alloc(arena, sizeof(policy_eval_error_t));
    if (error == NULL) {
        a->eval.limit = LIMIT_SCRATCH;
        a->limit = 1;
        return;
    }

    *error = a->eval.error;
    error->policy.set = a->set;
    error->policy.index = index;

    if (a->result->nerrors++ == 0) {
        a->result->errors = error;
    }

    a->mark = policy_arena_mark(arena);
}


/* Satisfied policies grow from its top; permits are moot after a forbid. */
POLICY_HOT
static void
add_reason(authorizer_t *a, const policy_rule_t *rule, size_t index)
{
    policy_ref_t    *ref;
    policy_arena_t  *arena;

    arena = a->eval.arena;

    if (rule->effect == POLICY_FORBID && !a->forbidden) {
        arena->end += a->result->nreasons * sizeof(policy_ref_t);
        a->result->nreasons = 0;
        a->forbidden = 1;
    }

    if (a->forbidden && rule->effect == POLICY_PERMIT) {
        return;
    }

    if ((size_t) (arena->end - arena->cur) < sizeof(policy_ref_t)) {
        a->eval.limit = LIMIT_SCRATCH;
        a->limit = 1;
        return;
    }

    arena->end -= sizeof(policy_ref_t);

    ref = (policy_ref_t *) (void *) arena->end;
    ref->set = a->set;
    ref->index = index;

    a->result->nreasons++;
}


/*
 * What came out for a policy is known for every context unless it looked at
 * it.  One that failed has a message to be made again.
 */
static void
note(authorizer_t *a, uint32_t index, int rc)
{
    policy_known_t  *known;

    known = a->known;

    if (rc == 0 && a->eval.asked == 0) {
        return;
    }

    if (index >= KNOWN_SATISFIED
        || known->nsatisfied + known->nopen == POLICY_KNOWN_MAX)
    {
        known->state = KNOWN_UNFIT;
        a->known = NULL;
        return;
    }

    if (rc > 0 && a->eval.asked == 0) {
        known->policies[known->nsatisfied++] = (uint16_t) index;

    } else {
        known->policies[POLICY_KNOWN_MAX - ++known->nopen]
            = (uint16_t) (rc > 0 ? index | KNOWN_SATISFIED : index);
        known->asked |= rc < 0 ? ASKED_ALL : a->eval.asked;
    }
}


/* Its scope lets the request through: 1 satisfied, 0 not, -1 failed. */
static inline int
apply(authorizer_t *a, const policy_rule_t *rule, uint32_t index)
{
    int  rc;

    a->eval.asked = 0;

    rc = rule->root == NULL ? 1 : policy_eval_bool(&a->eval, rule->root);

    a->eval.arena->cur = a->eval.arena->base + a->mark;

    if (a->eval.limit != NULL) {
        a->limit = 1;
        return -1;
    }

    if (a->known != NULL) {
        note(a, index, rc);
    }

    if (rc > 0) {
        add_reason(a, rule, index);

    } else if (rc < 0) {
        add_error(a, index);
    }

    return rc;
}


static inline void
consider(authorizer_t *a, uint32_t index, const policy_uid_t *via)
{
    const policy_rule_t  *rule;

    rule = &a->set->rules[index];
    a->result->evaluated++;

    if ((rule->principal.op != SCOPE_ANY
         && !in_scope(&a->eval.actors[POLICY_PRINCIPAL], &rule->principal))
        || (rule->resource.op != SCOPE_ANY
            && !in_scope(&a->eval.actors[POLICY_RESOURCE], &rule->resource))
        || (rule->action_op != SCOPE_ANY
            && !in_actions(&a->eval.actors[POLICY_ACTION], rule, via)))
    {
        return;
    }

    (void) apply(a, rule, index);
}


static void
visit(authorizer_t *a, const policy_uid_t *uid, unsigned role)
{
    uint32_t                i;
    const policy_index_t   *index;
    const policy_bucket_t  *bucket;

    index = &a->set->index;

    bucket = policy_index_find(index, policy_hash_mix(uid->hash, role));

    if (bucket == NULL) {
        return;
    }

    for (i = 0; i < bucket->n && !a->limit; i++) {
        consider(a, index->list[bucket->first + i],
                 role == ROLE_ACTION ? uid : NULL);
    }
}


static void
visit_actor(authorizer_t *a, policy_variable_t variable, unsigned role)
{
    uint32_t               i;
    const policy_actor_t  *actor;

    if ((a->set->index.roles & role) == 0) {
        return;
    }

    actor = &a->eval.actors[variable];

    visit(a, actor->uid, role);

    for (i = 0; i < actor->nancestors && !a->limit; i++) {
        if (!policy_uid_same(actor->ancestors[i].uid, actor->uid)) {
            visit(a, actor->ancestors[i].uid, role);
        }
    }
}


static void
visit_type(authorizer_t *a, policy_variable_t variable, unsigned role)
{
    uint32_t                i;
    const policy_index_t   *index;
    const policy_bucket_t  *bucket;

    index = &a->set->index;

    if ((index->roles & role) == 0) {
        return;
    }

    bucket = policy_index_find(index, policy_hash_mix(
                               a->eval.actors[variable].uid->type_hash,
                               role));

    for (i = 0; bucket != NULL && i < bucket->n && !a->limit; i++) {
        consider(a, index->list[bucket->first + i], NULL);
    }
}


static void
visit_set(authorizer_t *a)
{
    uint32_t               i;
    const policy_index_t  *index;

    index = &a->set->index;

    for (i = 0; i < index->nany && !a->limit; i++) {
        consider(a, index->list[i], NULL);
    }

    visit_actor(a, POLICY_PRINCIPAL, ROLE_PRINCIPAL);
    visit_actor(a, POLICY_RESOURCE, ROLE_RESOURCE);
    visit_actor(a, POLICY_ACTION, ROLE_ACTION);
    visit_type(a, POLICY_PRINCIPAL, ROLE_PRINCIPAL_TYPE);
    visit_type(a, POLICY_RESOURCE, ROLE_RESOURCE_TYPE);
}


static void
scan_set(authorizer_t *a)
{
    uint32_t  i, n;

    n = a->set->n;

    for (i = 0; i < n && !a->limit; i++) {
        if (!a->set->rules[i].is_template) {
            consider(a, i, NULL);
        }
    }
}


/* What the scopes of a small set leave over; 0: not known in this way. */
static int
mask_set(authorizer_t *a)
{
    uint32_t               index;
    uint64_t               bits;
    const policy_actor_t  *actors;
    const policy_masks_t  *masks;

    masks = a->set->masks;
    actors = a->eval.actors;

    if (masks == NULL
        || actors[0].nancestors + actors[1].nancestors
           + actors[2].nancestors > MASK_ANCESTORS)
    {
        return 0;
    }

    for (bits = policy_masks_find(masks, actors);
         bits != 0 && !a->limit;
         bits &= bits - 1)
    {
        index = (uint32_t) __builtin_ctzll(bits);

        if ((masks->check >> index) & 1) {
            consider(a, index, NULL);
            continue;
        }

        a->result->evaluated++;
        (void) apply(a, &a->set->rules[index], index);
    }

    return 1;
}


/* Only the policies are looked at that ask for the context. */
POLICY_HOT
static void
recall(authorizer_t *a, policy_known_t *known)
{
    int                   rc;
    unsigned              i, n;
    uint32_t              index;
    uint16_t             *policy;
    const policy_rule_t  *rules;

    rules = a->set->rules;

    for (i = 0; i < known->nsatisfied && !a->limit; i++) {
        index = known->policies[i];
        add_reason(a, &rules[index], index);
    }

    n = POLICY_KNOWN_MAX - known->nopen;

    known->asked = 0;

    for (i = POLICY_KNOWN_MAX; i-- > n && !a->limit; /* void */) {
        policy = &known->policies[i];
        index = *policy & ~KNOWN_SATISFIED;
        a->result->evaluated++;
        rc = apply(a, &rules[index], index);

        *policy = (uint16_t) (rc > 0 ? index | KNOWN_SATISFIED : index);
        known->asked |= rc < 0 ? ASKED_ALL : a->eval.asked;
    }

    if (a->limit) {
        known->asked = ASKED_ALL;
    }
}


POLICY_HOT
static void
look(authorizer_t *a)
{
    size_t                   i;
    const policy_request_t  *request;

    request = a->request;

    a->limit = policy_actors_resolve(&a->eval) != 0;
    a->mark = policy_arena_mark(a->eval.arena);

    for (i = 0; i < request->nsets && !a->limit; i++) {
        a->set = request->sets[i];

        if (request->flags & POLICY_FULL_SCAN) {
            scan_set(a);

        } else if ((request->flags & POLICY_BY_INDEX) || !mask_set(a)) {
            visit_set(a);
        }
    }
}


POLICY_HOT
static void
decide(authorizer_t *a)
{
    policy_known_t  *known;

    known = a->request->known;

    if (known == NULL || known->state == KNOWN_UNFIT) {
        look(a);
        return;
    }

    if (known->state == KNOWN) {
        a->limit = 0;
        a->mark = policy_arena_mark(a->eval.arena);
        a->set = a->request->sets[0];

        recall(a, known);
        return;
    }

    known->nsatisfied = 0;
    known->nopen = 0;
    known->asked = 0;
    a->known = known;

    look(a);

    if (a->known != NULL && !a->limit) {
        known->state = KNOWN;
    }
}


uint32_t
policy_known_bit(policy_str_t name)
{
    policy_name_t  n;

    n = policy_name(name);

    return policy_asked(&n);
}


static int
cmp_refs(const policy_request_t *request, const policy_ref_t *x,
    const policy_ref_t *y)
{
    size_t  i;

    if (x->set == y->set) {
        return x->index < y->index ? -1 : x->index > y->index;
    }

    for (i = 0; request->sets[i] != x->set; i++) {
        if (request->sets[i] == y->set) {
            return 1;
        }
    }

    return -1;
}


static int
cmp_reasons(const void *a, const void *b, void *data)
{
    return cmp_refs(data, a, b);
}


static int
cmp_errors(const void *a, const void *b, void *data)
{
    return cmp_refs(data, &((const policy_eval_error_t *) a)->policy,
                    &((const policy_eval_error_t *) b)->policy);
}


/* Order of set and policy; keys that collide may bring one in twice. */
POLICY_HOT
static void
settle(authorizer_t *a)
{
    size_t                i, k, n;
    policy_ref_t         *refs;
    policy_result_t      *result;
    policy_eval_error_t  *errors;

    result = a->result;

    refs = (policy_ref_t *) (void *) a->eval.arena->end;
    result->reasons = refs;
    n = result->nreasons;

    if (n > 1) {
        policy_sort(refs, n, sizeof(policy_ref_t), cmp_reasons,
                    (void *) (uintptr_t) a->request);

        for (i = 1, k = 1; i < n; i++) {
            if (refs[i].index != refs[k - 1].index
                || refs[i].set != refs[k - 1].set)
            {
                refs[k++] = refs[i];
            }
        }

        result->nreasons = k;
    }

    errors = (policy_eval_error_t *) (uintptr_t) result->errors;
    n = result->nerrors;

    if (n > 1) {
        policy_sort(errors, n, sizeof(policy_eval_error_t), cmp_errors,
                    (void *) (uintptr_t) a->request);

        for (i = 1, k = 1; i < n; i++) {
            if (errors[i].policy.index != errors[k - 1].policy.index
                || errors[i].policy.set != errors[k - 1].policy.set)
            {
                errors[k++] = errors[i];
            }
        }

        result->nerrors = k;
    }
}


static int
is_valid(const policy_request_t *request, const policy_arena_t *arena)
{
    size_t  i;

    if (request->principal == NULL || request->action == NULL
        || request->resource == NULL
        || arena == NULL || arena->base == NULL
        || request->nsets > POLICY_MAX_SETS
        || request->nstores > POLICY_MAX_STORES
        || (request->known != NULL && request->nsets != 1)
        || (request->context.kind != POLICY_RECORD
            && request->context.kind != POLICY_NONE))
    {
        return 0;
    }

    for (i = 0; i < request->nsets; i++) {
        if (request->sets[i] == NULL || !request->sets[i]->finished) {
            return 0;
        }
    }

    for (i = 0; i < request->nstores; i++) {
        if (request->stores[i] == NULL || !request->stores[i]->finished) {
            return 0;
        }
    }

    return 1;
}


static void
prepare(authorizer_t *a, const policy_request_t *request,
    policy_arena_t *arena, policy_result_t *result)
{
    policy_eval_t  *e;

    e = &a->eval;

    e->stores = request->stores;
    e->nstores = request->nstores;
    e->arena = arena;
    e->limit = NULL;
    e->work = request->work != 0 ? request->work : POLICY_MAX_WORK;
    e->context = request->context;

    if (e->context.kind == POLICY_NONE) {
        e->context = policy_value_make_many(POLICY_RECORD, NULL, 0, 1);
    }

    e->resolved = 0;
    e->actors[POLICY_PRINCIPAL].uid = request->principal;
    e->actors[POLICY_ACTION].uid = request->action;
    e->actors[POLICY_RESOURCE].uid = request->resource;

    a->request = request;
    a->result = result;
    a->known = NULL;
    a->forbidden = 0;
}


static inline policy_status_t
finish(authorizer_t *a)
{
    policy_result_t  *result;

    result = a->result;

    if (a->limit) {
        result->nreasons = 0;
        result->nerrors = 0;
        result->errors = NULL;
        result->limit = a->eval.limit;
        return POLICY_LIMIT;
    }

    settle(a);

    if (result->nreasons != 0 && !a->forbidden) {
        result->decision = POLICY_ALLOW;
    }

    return POLICY_OK;
}


/*
 * All that the policies asked for is the same: no more is read of the
 * request than what is known of it.
 */
POLICY_HOT
static policy_status_t
again(const policy_request_t *request, policy_arena_t *arena,
    policy_result_t *result)
{
    unsigned               i, index;
    authorizer_t           a;
    const policy_rule_t   *rules;
    const policy_known_t  *known;

    known = request->known;

    if (known == NULL || policy_known_asked(known) == ASKED_ALL
        || arena == NULL || arena->base == NULL
        || request->nsets != 1 || request->sets[0] == NULL)
    {
        return POLICY_MISUSE;
    }

    a.eval.arena = arena;
    a.eval.limit = NULL;
    a.request = request;
    a.result = result;
    a.set = request->sets[0];
    a.forbidden = 0;
    a.limit = 0;

    rules = a.set->rules;

    for (i = 0; i < known->nsatisfied && !a.limit; i++) {
        index = known->policies[i];
        add_reason(&a, &rules[index], index);
    }

    for (i = POLICY_KNOWN_MAX - known->nopen;
         i < POLICY_KNOWN_MAX && !a.limit;
         i++)
    {
        index = known->policies[i];

        if (index & KNOWN_SATISFIED) {
            index &= ~KNOWN_SATISFIED;
            add_reason(&a, &rules[index], index);
        }
    }

    return finish(&a);
}


POLICY_HOT
policy_status_t
policy_authorize(const policy_request_t *request, policy_arena_t *arena,
    policy_result_t *result)
{
    int64_t       work;
    authorizer_t  a;

    memset(result, 0, sizeof(policy_result_t));

    if (request->flags & POLICY_SAME_CONTEXT) {
        return again(request, arena, result);
    }

    if (!is_valid(request, arena)) {
        return POLICY_MISUSE;
    }

    prepare(&a, request, arena, result);
    work = a.eval.work;

    decide(&a);

    result->work = (uint32_t) (a.eval.work < 0 ? work : work - a.eval.work);

    return finish(&a);
}
