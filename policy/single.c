/*
 * Stores of one entity, made at one go: what entity.c, closure.c and pack.c
 * make of an entity in a sealed store, straight at its final size.
 */

#include "entity.h"


#define FEW_ANCESTORS  16       /* are put in order as they come */

/* The memory behind the entity, as it was measured and as it is used. */
typedef struct {
    policy_ancestor_t  *ancestors;
    size_t              n;
    size_t              max;
    policy_uid_t       *uids;   /* of parents that the base does not have */
    size_t              nuids;
    size_t              max_uids;
} list_t;


static const policy_entity_t *
find_parent(const policy_store_t *base, const policy_uid_t *uid)
{
    if (base == NULL || (base->types & policy_type_bit(uid)) == 0) {
        return NULL;
    }

    return policy_store_find(base, uid);
}


/*
 * How many ancestors a parent brings along.  None if the base does not know
 * all of them: in a sealed store nobody looks for the others.
 */
static uint32_t
inherited(const policy_entity_t *parent)
{
    return parent->nopen == 0 ? parent->nancestors : 0;
}


static size_t
size_of(const policy_single_t *single)
{
    return sizeof(policy_store_t) + sizeof(policy_entity_t)
           + single->nancestors * sizeof(policy_ancestor_t)
           + single->nuids * sizeof(policy_uid_t);
}


/* What comes several times is counted each time. */
size_t
policy_single_measure(policy_single_t *single)
{
    size_t                  i;
    const policy_entity_t  *e;

    single->nancestors = single->nparents;
    single->nuids = 0;

    for (i = 0; i < single->nparents; i++) {
        e = find_parent(single->base, &single->parents[i]);

        if (e == NULL) {
            single->nuids++;
        } else {
            single->nancestors += inherited(e);
        }
    }

    return size_of(single);
}


/* One of few to its place, unless it is there already; else to the end. */
static policy_status_t
add_ancestor(list_t *list, const policy_uid_t *uid)
{
    size_t              i, k;
    policy_ancestor_t  *a;

    a = list->ancestors;
    i = list->n;

    if (list->max <= FEW_ANCESTORS) {
        while (i > 0 && a[i - 1].hash > uid->hash) {
            i--;
        }

        for (k = i; k > 0 && a[k - 1].hash == uid->hash; k--) {
            if (policy_uid_same(a[k - 1].uid, uid)) {
                return POLICY_OK;
            }
        }
    }

    if (list->n == list->max) {
        return POLICY_MISUSE;
    }

    for (k = list->n++; k > i; k--) {
        a[k] = a[k - 1];
    }

    a[i].hash = uid->hash;
    a[i].uid = uid;

    return POLICY_OK;
}


/* And what it is in, unless the entity itself is among that. */
static policy_status_t
add_known(list_t *list, const policy_entity_t *parent,
    const policy_uid_t *self)
{
    uint32_t         i, n;
    policy_status_t  rc;

    rc = add_ancestor(list, &parent->uid);
    n = inherited(parent);

    if (policy_ancestors_have(parent->ancestors, n, self)) {
        return rc;
    }

    for (i = 0; i < n && rc == POLICY_OK; i++) {
        rc = add_ancestor(list, parent->ancestors[i].uid);
    }

    return rc;
}


static policy_status_t
add_unknown(list_t *list, const policy_uid_t *uid)
{
    policy_uid_t  *copy;

    if (list->nuids == list->max_uids) {
        return POLICY_MISUSE;
    }

    copy = &list->uids[list->nuids++];
    *copy = *uid;

    return add_ancestor(list, copy);
}


static policy_status_t
unite(list_t *list, const policy_single_t *single, const policy_uid_t *self)
{
    size_t                  i;
    policy_status_t         rc;
    const policy_uid_t     *uid;
    const policy_entity_t  *parent;

    for (i = 0; i < single->nparents; i++) {
        uid = &single->parents[i];

        if (policy_uid_same(uid, self)) {
            return POLICY_CYCLE;
        }

        parent = find_parent(single->base, uid);

        rc = parent != NULL ? add_known(list, parent, self)
                            : add_unknown(list, uid);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    if (list->max > FEW_ANCESTORS) {
        list->n = policy_ancestors_order(list->ancestors, list->n);
    }

    return list->n > POLICY_MAX_ANCESTORS ? POLICY_LIMIT : POLICY_OK;
}


static policy_status_t
set_fields(const policy_value_t *record, const policy_field_t **fields,
    uint32_t *n)
{
    if (record->kind == POLICY_NONE) {
        *fields = NULL;
        *n = 0;
        return POLICY_OK;
    }

    *fields = record->u.p;
    *n = record->len;

    return record->kind == POLICY_RECORD ? POLICY_OK : POLICY_MISUSE;
}


static policy_status_t
check_action_parents(const policy_single_t *single)
{
    size_t  i;

    if (!policy_is_action_type(policy_uid_type(&single->uid))) {
        return POLICY_OK;
    }

    for (i = 0; i < single->nparents; i++) {
        if (!policy_is_action_type(policy_uid_type(&single->parents[i]))) {
            return POLICY_INVALID;
        }
    }

    return POLICY_OK;
}


static policy_status_t
fill_entity(const policy_single_t *single, policy_entity_t *e)
{
    list_t           list;
    policy_status_t  rc;

    e->uid = single->uid;
    e->nopen = 0;
    e->open = NULL;

    if ((rc = set_fields(&single->attrs, &e->attrs, &e->nattrs)) != POLICY_OK
        || (rc = set_fields(&single->tags, &e->tags, &e->ntags)) != POLICY_OK
        || (rc = check_action_parents(single)) != POLICY_OK)
    {
        return rc;
    }

    list.ancestors = (policy_ancestor_t *) (void *) (e + 1);
    list.n = 0;
    list.max = single->nancestors;
    list.uids = (policy_uid_t *) (void *) (list.ancestors + list.max);
    list.nuids = 0;
    list.max_uids = single->nuids;

    rc = unite(&list, single, &e->uid);

    e->ancestors = list.ancestors;
    e->nancestors = (uint32_t) list.n;

    return rc;
}


policy_status_t
policy_store_single(policy_arena_t *arena, const policy_single_t *single,
    policy_store_t **store)
{
    size_t            size;
    policy_store_t   *s;
    policy_status_t   rc;
    policy_entity_t  *e;

    if (arena->copies
        || (single->base != NULL && !single->base->finished))
    {
        return POLICY_MISUSE;
    }

    if (single->nancestors > 16 * POLICY_MAX_ANCESTORS) {
        return POLICY_LIMIT;
    }

    size = size_of(single);

    s = policy_alloc(arena, size);
    if (s == NULL) {
        return POLICY_LIMIT;
    }

    e = (policy_entity_t *) (void *) (s + 1);

    rc = fill_entity(single, e);
    if (rc != POLICY_OK) {
        return rc;
    }

    memset(s, 0, sizeof(policy_store_t));

    s->types = policy_type_bit(&e->uid);
    s->entities = e;
    s->n = 1;
    s->size = (uint32_t) size;
    s->packed = 1;
    s->finished = 1;

    *store = s;

    return POLICY_OK;
}


policy_status_t
policy_store_renamed(policy_arena_t *arena, const policy_store_t *store,
    const policy_uid_t *uid, policy_store_t **renamed)
{
    policy_store_t   *s;
    policy_entity_t  *e;

    if (arena->copies || !store->packed || store->n != 1
        || uid->type_hash != store->entities->uid.type_hash)
    {
        return POLICY_MISUSE;
    }

    s = policy_alloc(arena, sizeof(policy_store_t) + sizeof(policy_entity_t));
    if (s == NULL) {
        return POLICY_LIMIT;
    }

    e = (policy_entity_t *) (void *) (s + 1);
    *e = store->entities[0];
    e->uid = *uid;

    *s = *store;
    s->entities = e;

    *renamed = s;

    return POLICY_OK;
}
