/*
 * Finishing a store: one record per entity, and for each the list of all
 * its ancestors, so that "in" is a search and cycles are known before any
 * request.
 */

#include "entity.h"


enum {
    NEW = 0,
    OPEN,       /* on the walk's stack: to meet it again is a cycle */
    DONE
};

typedef struct {
    uint32_t          entity;
    policy_parent_t  *next;
} step_t;

/* Parents without a record, once each, in the store's memory. */
typedef struct {
    const policy_uid_t  **table;
    uint32_t              mask;
} dangling_t;


static int
cmp_ancestors(const void *a, const void *b, void *data)
{
    int64_t                   work;
    policy_value_t            v, w;
    const policy_ancestor_t  *x, *y;

    (void) data;

    x = a;
    y = b;

    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }

    if (x->uid == y->uid) {
        return 0;
    }

    work = INT64_MAX;
    v = policy_entity(x->uid);
    w = policy_entity(y->uid);

    return policy_value_cmp(&v, &w, &work);
}


size_t
policy_ancestors_order(policy_ancestor_t *ancestors, size_t n)
{
    size_t  i, k;

    if (n < 2) {
        return n;
    }

    policy_sort(ancestors, n, sizeof(policy_ancestor_t), cmp_ancestors,
                NULL);

    k = 1;

    for (i = 1; i < n; i++) {
        if (cmp_ancestors(&ancestors[i], &ancestors[k - 1], NULL) != 0) {
            ancestors[k++] = ancestors[i];
        }
    }

    return k;
}


int
policy_ancestors_search(const policy_ancestor_t *ancestors, size_t n,
    const policy_uid_t *uid)
{
    size_t  low, high, mid;

    low = 0;
    high = n;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (ancestors[mid].hash < uid->hash) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }

    for ( /* void */ ; low < n && ancestors[low].hash == uid->hash; low++) {
        if (policy_uid_same(ancestors[low].uid, uid)) {
            return 1;
        }
    }

    return 0;
}


static int
cmp_parents(const void *a, const void *b, void *data)
{
    policy_ancestor_t  x, y;

    x.uid = *(const policy_uid_t *const *) a;
    y.uid = *(const policy_uid_t *const *) b;
    x.hash = x.uid->hash;
    y.hash = y.uid->hash;

    return cmp_ancestors(&x, &y, data);
}


static const policy_uid_t **
parents_of(policy_builder_t *builder, const policy_entry_t *entry, size_t *n)
{
    size_t                i, k;
    policy_parent_t      *p;
    const policy_uid_t  **list;

    list = policy_alloc_array(&builder->temp, entry->nparents,
                              sizeof(policy_uid_t *));
    if (list == NULL) {
        return NULL;
    }

    i = 0;

    for (p = entry->parents; p != NULL; p = p->next) {
        list[i++] = &p->uid;
    }

    policy_sort(list, i, sizeof(policy_uid_t *), cmp_parents, NULL);

    *n = 0;

    for (k = 0; k < i; k++) {
        if (k == 0 || !policy_uid_same(list[k], list[k - 1])) {
            list[(*n)++] = list[k];
        }
    }

    return list;
}


/* Two statements of one entity: equal is fine. */
static policy_status_t
compare(policy_builder_t *builder, const policy_entry_t *a,
    const policy_entry_t *b, policy_error_t *error)
{
    size_t                i, na, nb;
    int64_t               work;
    const policy_uid_t  **pa, **pb;

    work = INT64_MAX;

    pa = parents_of(builder, a, &na);
    pb = parents_of(builder, b, &nb);

    if (pa == NULL || pb == NULL) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    for (i = 0; na == nb && i < na; i++) {
        if (!policy_uid_same(pa[i], pb[i])) {
            break;
        }
    }

    if (na != nb || i < na
        || !policy_value_equal(&a->attrs_value, &b->attrs_value, &work)
        || !policy_value_equal(&a->tags_value, &b->tags_value, &work))
    {
        return policy_entry_fail(b, error, POLICY_DUPLICATE,
                                 "%S is stated twice, differently");
    }

    return POLICY_OK;
}


static policy_status_t
check_action_parents(const policy_entry_t *entry, policy_error_t *error)
{
    policy_parent_t  *p;

    if (!policy_is_action_type(policy_uid_type(&entry->uid))) {
        return POLICY_OK;
    }

    for (p = entry->parents; p != NULL; p = p->next) {
        if (!policy_is_action_type(policy_uid_type(&p->uid))) {
            return policy_entry_fail(entry, error, POLICY_INVALID,
                                     "%S has a parent that is no action");
        }
    }

    return POLICY_OK;
}


static uint32_t
table_size(size_t n)
{
    uint32_t  size;

    for (size = 4; size < 2 * n; size *= 2) { /* void */ }

    return size;
}


static void
add_entity(policy_builder_t *builder, policy_entry_t *entry)
{
    uint32_t          at;
    policy_store_t   *store;
    policy_entity_t  *e;

    store = &builder->store;

    e = &store->entities[store->n];
    memset(e, 0, sizeof(policy_entity_t));

    e->uid = entry->uid;
    e->attrs = entry->attrs_value.u.p;
    e->nattrs = entry->attrs_value.len;
    e->tags = entry->tags_value.u.p;
    e->ntags = entry->tags_value.len;

    store->types |= policy_type_bit(&e->uid);
    builder->sources[store->n++] = entry;

    if (store->table == NULL) {
        return;
    }

    for (at = (uint32_t) e->uid.hash & store->mask;
         store->table[at] != 0;
         at = (at + 1) & store->mask)
    {
        /* void */
    }

    store->table[at] = store->n;
}


static policy_status_t
make_table(policy_builder_t *builder)
{
    uint32_t         size;
    policy_store_t  *store;

    store = &builder->store;

    store->entities = policy_alloc_array(&builder->main, builder->nentries,
                                         sizeof(policy_entity_t));
    builder->sources = policy_alloc_array(&builder->temp, builder->nentries,
                                          sizeof(policy_entry_t *));

    if (store->entities == NULL || builder->sources == NULL) {
        return POLICY_NO_MEMORY;
    }

    if (builder->nentries <= POLICY_FEW_ENTITIES) {
        return POLICY_OK;
    }

    size = table_size(builder->nentries);

    store->mask = size - 1;

    store->table = policy_alloc_array(&builder->main, size,
                                      sizeof(uint32_t));
    if (store->table == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(store->table, 0, size * sizeof(uint32_t));

    return POLICY_OK;
}


static policy_status_t
fill_table(policy_builder_t *builder, policy_error_t *error)
{
    policy_entry_t         *entry;
    policy_status_t         rc;
    const policy_entity_t  *e;

    if (make_table(builder) != POLICY_OK) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    for (entry = builder->entries; entry != NULL; entry = entry->next) {
        rc = check_action_parents(entry, error);
        if (rc != POLICY_OK) {
            return rc;
        }

        e = policy_store_find(&builder->store, &entry->uid);

        if (e == NULL) {
            add_entity(builder, entry);
            continue;
        }

        rc = compare(builder, builder->sources[e - builder->store.entities],
                     entry, error);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return POLICY_OK;
}


static policy_status_t
dangling_init(policy_builder_t *builder, dangling_t *dangling)
{
    size_t           n;
    policy_entry_t  *entry;

    n = 0;

    for (entry = builder->entries; entry != NULL; entry = entry->next) {
        n += entry->nparents;
    }

    n = table_size(n);

    dangling->mask = (uint32_t) n - 1;
    dangling->table = policy_alloc_array(&builder->temp, n,
                                         sizeof(policy_uid_t *));
    if (dangling->table == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(dangling->table, 0, n * sizeof(policy_uid_t *));

    return POLICY_OK;
}


static const policy_uid_t *
dangling_intern(policy_builder_t *builder, dangling_t *dangling,
    const policy_uid_t *uid)
{
    uint32_t  at;

    for (at = (uint32_t) uid->hash & dangling->mask;
         dangling->table[at] != NULL;
         at = (at + 1) & dangling->mask)
    {
        if (policy_uid_same(dangling->table[at], uid)) {
            return dangling->table[at];
        }
    }

    dangling->table[at] = policy_uid_copy(&builder->main, uid);

    return dangling->table[at];
}


/*
 * What the base knows of a parent that has no record here.  *is_closed says
 * whether its list of ancestors is all there is: nothing in it is open, or
 * stated anew by this store, which comes first in a request.
 */
static const policy_entity_t *
find_in_base(const policy_builder_t *builder, const policy_uid_t *uid,
    int *is_closed)
{
    uint32_t                i;
    const policy_entity_t  *e;

    *is_closed = 0;

    if (builder->base == NULL) {
        return NULL;
    }

    e = policy_store_find(builder->base, uid);
    if (e == NULL || e->nopen != 0) {
        return e;
    }

    for (i = 0; i < e->nancestors; i++) {
        if (policy_store_find(&builder->store, e->ancestors[i].uid)
            != NULL)
        {
            return e;
        }
    }

    *is_closed = 1;

    return e;
}


/* NULL: what ancestors the parent has is not known before the request. */
static const policy_entity_t *
find_parent(const policy_builder_t *builder, const policy_uid_t *uid)
{
    int                     is_closed;
    const policy_entity_t  *e;

    e = policy_store_find(&builder->store, uid);
    if (e != NULL) {
        return e;
    }

    e = find_in_base(builder, uid, &is_closed);

    return is_closed ? e : NULL;
}


/* How many list entries the parents bring together, duplicates included. */
static size_t
gather_size(policy_builder_t *builder, const policy_entry_t *entry)
{
    size_t                  n;
    policy_parent_t        *p;
    const policy_entity_t  *e;

    n = 0;

    for (p = entry->parents; p != NULL; p = p->next) {
        e = find_parent(builder, &p->uid);
        n += 1 + (e == NULL ? 0 : e->nancestors);
    }

    return n;
}


static policy_status_t
set_open(policy_builder_t *builder, policy_entity_t *entity)
{
    size_t    n;
    uint32_t  i;

    n = 0;

    for (i = 0; i < entity->nancestors && !builder->sealed; i++) {
        n += find_parent(builder, entity->ancestors[i].uid) == NULL;
    }

    if (n == 0) {
        return POLICY_OK;
    }

    entity->open = policy_alloc_array(&builder->main, n,
                                      sizeof(policy_uid_t *));
    if (entity->open == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < entity->nancestors; i++) {
        if (find_parent(builder, entity->ancestors[i].uid) == NULL) {
            entity->open[entity->nopen++] = entity->ancestors[i].uid;
        }
    }

    return POLICY_OK;
}


/* All parents are done: unite them and their ancestors. */
static policy_status_t
unite(policy_builder_t *builder, dangling_t *dangling, uint32_t index,
    size_t *total, policy_error_t *error)
{
    size_t                   n, i;
    policy_entry_t          *entry;
    policy_entity_t         *entity;
    policy_parent_t         *p;
    policy_ancestor_t       *list;
    const policy_entity_t   *parent;

    entry = builder->sources[index];
    entity = &builder->store.entities[index];

    n = gather_size(builder, entry);
    *total += n;

    if (n > 16 * POLICY_MAX_ANCESTORS || *total > POLICY_MAX_CLOSURE) {
        return policy_entry_fail(entry, error, POLICY_LIMIT,
                                 "%S: too many ancestors");
    }

    list = policy_alloc_array(&builder->main, n, sizeof(policy_ancestor_t));
    if (list == NULL) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    i = 0;

    for (p = entry->parents; p != NULL; p = p->next) {
        parent = find_parent(builder, &p->uid);

        list[i].hash = p->uid.hash;
        list[i].uid = parent != NULL
                      ? &parent->uid
                      : dangling_intern(builder, dangling, &p->uid);

        if (list[i++].uid == NULL) {
            return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
        }

        if (parent != NULL && parent->nancestors != 0) {
            memcpy(&list[i], parent->ancestors,
                   parent->nancestors * sizeof(policy_ancestor_t));
            i += parent->nancestors;
        }
    }

    n = policy_ancestors_order(list, n);

    if (n > POLICY_MAX_ANCESTORS) {
        return policy_entry_fail(entry, error, POLICY_LIMIT,
                                 "%S: too many ancestors");
    }

    entity->ancestors = list;
    entity->nancestors = (uint32_t) n;

    if (set_open(builder, entity) != POLICY_OK) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    return POLICY_OK;
}


/* Depth first from one entity, parents before children, without recursion:
 * depth is the data's choice. */
POLICY_HOT
static policy_status_t
walk(policy_builder_t *builder, dangling_t *dangling, step_t *stack,
    uint32_t start, size_t *total, policy_error_t *error)
{
    size_t                  n;
    uint32_t                parent;
    step_t                 *top;
    policy_status_t         rc;
    const policy_entity_t  *e;

    stack[0].entity = start;
    stack[0].next = builder->sources[start]->parents;
    builder->sources[start]->state = OPEN;

    for (n = 1; n > 0; /* void */) {
        top = &stack[n - 1];

        if (top->next == NULL) {
            rc = unite(builder, dangling, top->entity, total, error);
            if (rc != POLICY_OK) {
                return rc;
            }

            builder->sources[top->entity]->state = DONE;
            n--;
            continue;
        }

        e = policy_store_find(&builder->store, &top->next->uid);
        top->next = top->next->next;

        if (e == NULL) {
            continue;
        }

        parent = (uint32_t) (e - builder->store.entities);

        if (builder->sources[parent]->state == OPEN) {
            return policy_entry_fail(builder->sources[parent], error,
                                     POLICY_CYCLE,
                                     "%S is its own ancestor");
        }

        if (builder->sources[parent]->state == NEW) {
            builder->sources[parent]->state = OPEN;
            stack[n].entity = parent;
            stack[n++].next = builder->sources[parent]->parents;
        }
    }

    return POLICY_OK;
}


policy_status_t
policy_store_close(policy_builder_t *builder, policy_error_t *error)
{
    size_t           total;
    step_t          *stack;
    uint32_t         i;
    dangling_t       dangling;
    policy_status_t  rc;

    rc = fill_table(builder, error);
    if (rc != POLICY_OK) {
        return rc;
    }

    stack = policy_alloc_array(&builder->temp, (size_t) builder->store.n + 1,
                               sizeof(step_t));

    if (stack == NULL || dangling_init(builder, &dangling) != POLICY_OK) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    total = 0;

    for (i = 0; i < builder->store.n; i++) {
        if (builder->sources[i]->state != NEW) {
            continue;
        }

        rc = walk(builder, &dangling, stack, i, &total, error);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return POLICY_OK;
}
