/* Entities in the layers of a request, and who is in whom. */

#include "eval.h"


/* The actor that a uid value stands for, or NULL: none, or limit. */
POLICY_HOT
static const policy_actor_t *
actor_of(policy_eval_t *e, const policy_uid_t *uid)
{
    int  i;

    for (i = 0; i < 3; i++) {
        if (e->actors[i].uid == uid) {
            return e->resolved || policy_actors_resolve(e) == 0
                   ? &e->actors[i] : NULL;
        }
    }

    return NULL;
}


POLICY_HOT
static const policy_entity_t *
find_entity(const policy_eval_t *e, const policy_uid_t *uid)
{
    size_t                  i;
    uint64_t                bit;
    const policy_entity_t  *entity;

    bit = policy_type_bit(uid);

    for (i = 0; i < e->nstores; i++) {
        if ((e->stores[i]->types & bit) == 0) {
            continue;
        }

        entity = policy_store_find(e->stores[i], uid);
        if (entity != NULL) {
            return entity;
        }
    }

    return NULL;
}


POLICY_HOT
const policy_entity_t *
policy_eval_entity(policy_eval_t *e, const policy_uid_t *uid)
{
    const policy_actor_t  *actor;

    actor = actor_of(e, uid);

    return actor != NULL ? actor->entity : find_entity(e, uid);
}


/* Appends the ancestors other stores know, until none is new. */
static int
gather(policy_eval_t *e, const policy_entity_t *entity, policy_actor_t *actor)
{
    size_t                  n, size, i, k, done;
    policy_ancestor_t      *list, *more;
    const policy_entity_t  *next;

    n = entity->nancestors;
    size = 2 * n + 16;

    list = policy_alloc_array(e->arena, size, sizeof(policy_ancestor_t));
    if (list == NULL) {
        return policy_eval_limit(e, LIMIT_SCRATCH);
    }

    memcpy(list, entity->ancestors, n * sizeof(policy_ancestor_t));

    for (done = 0; done < n; done++) {
        next = policy_eval_entity(e, list[done].uid);

        if (next == NULL) {
            continue;
        }

        if (n + next->nancestors > size) {
            size = 2 * (n + next->nancestors);

            if (n + next->nancestors > POLICY_MAX_ANCESTORS) {
                return policy_eval_limit(e, LIMIT_ANCESTORS);
            }

            more = policy_alloc_array(e->arena, size,
                                      sizeof(policy_ancestor_t));
            if (more == NULL) {
                return policy_eval_limit(e, LIMIT_SCRATCH);
            }

            memcpy(more, list, n * sizeof(policy_ancestor_t));
            list = more;
        }

        for (i = 0; i < next->nancestors; i++) {
            for (k = 0; k < n; k++) {
                if (list[k].hash == next->ancestors[i].hash
                    && policy_uid_same(list[k].uid, next->ancestors[i].uid))
                {
                    break;
                }
            }

            e->work -= (int64_t) k;

            if (e->work < 0) {
                return policy_eval_limit(e, LIMIT_WORK);
            }

            if (k == n) {
                list[n++] = next->ancestors[i];
            }
        }
    }

    actor->ancestors = list;
    actor->nancestors = (uint32_t) policy_ancestors_order(list, n);

    return 0;
}


POLICY_HOT
int
policy_actor_resolve(policy_eval_t *e, const policy_uid_t *uid,
    policy_actor_t *actor)
{
    uint32_t                i;
    const policy_entity_t  *entity, *open;

    entity = find_entity(e, uid);

    actor->uid = uid;
    actor->ancestors = NULL;
    actor->nancestors = 0;
    actor->entity = entity;

    if (entity == NULL) {
        return 0;
    }

    actor->ancestors = entity->ancestors;
    actor->nancestors = entity->nancestors;

    if (e->nstores < 2 || entity->nopen == 0) {
        return 0;
    }

    for (i = 0; i < entity->nopen; i++) {
        open = policy_eval_entity(e, entity->open[i]);

        if (open != NULL && open->nancestors != 0) {
            return gather(e, entity, actor);
        }
    }

    return 0;
}


POLICY_HOT
int
policy_actors_resolve(policy_eval_t *e)
{
    int                  i;
    const policy_uid_t  *uids[3];

    e->resolved = 1;

    /* resolving one looks at the others: none is known yet */

    for (i = 0; i < 3; i++) {
        uids[i] = e->actors[i].uid;
        e->actors[i].uid = NULL;
    }

    for (i = 0; i < 3; i++) {
        if (policy_actor_resolve(e, uids[i], &e->actors[i]) != 0) {
            return -1;
        }
    }

    return 0;
}


/* x in y, both entities */
POLICY_HOT
int
policy_eval_entity_in(policy_eval_t *e, const policy_uid_t *x,
    const policy_uid_t *y)
{
    policy_actor_t         other;
    const policy_actor_t  *actor;

    if (policy_uid_same(x, y)) {
        return 1;
    }

    actor = actor_of(e, x);

    if (actor == NULL) {
        if (policy_actor_resolve(e, x, &other) != 0) {
            return -1;
        }

        actor = &other;
    }

    return policy_ancestors_have(actor->ancestors, actor->nancestors, y);
}


static int
entity_in_set(policy_eval_t *e, const policy_uid_t *x,
    const policy_value_t *set)
{
    uint32_t               i;
    policy_actor_t         other;
    const policy_actor_t  *actor;
    const policy_value_t  *items;

    items = set->u.p;
    actor = actor_of(e, x);

    if (actor == NULL) {
        if (policy_actor_resolve(e, x, &other) != 0) {
            return -1;
        }

        actor = &other;
    }

    for (i = 0; i < set->len; i++) {
        if (--e->work < 0) {
            return policy_eval_limit(e, LIMIT_WORK);
        }

        if (policy_actor_in(actor, items[i].u.p)) {
            return 1;
        }
    }

    return 0;
}


/* y: an entity, or a set of entities only */
POLICY_HOT
int
policy_eval_in(policy_eval_t *e, const policy_node_t *node,
    const policy_value_t *x, const policy_value_t *y)
{
    unsigned               got;
    const policy_value_t  *items;

    if (x->kind != POLICY_ENTITY) {
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY), x->kind);
    }

    if (y->kind == POLICY_ENTITY) {
        return policy_eval_entity_in(e, x->u.p, y->u.p);
    }

    if (y->kind != POLICY_SET) {
        return policy_eval_fail_type(e, node,
                                     MASK(POLICY_ENTITY) | MASK(POLICY_SET),
                                     y->kind);
    }

    if (y->len == 0) {
        return 0;
    }

    /* a set is ordered by kind: its ends tell whether it is mixed */

    items = y->u.p;

    if (items[0].kind != POLICY_ENTITY
        || items[y->len - 1].kind != POLICY_ENTITY)
    {
        got = items[0].kind != POLICY_ENTITY ? items[0].kind
                                             : items[y->len - 1].kind;
        return policy_eval_fail_type(e, node, MASK(POLICY_ENTITY), got);
    }

    return entity_in_set(e, x->u.p, y);
}
