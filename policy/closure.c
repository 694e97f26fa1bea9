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
parents_of(policy_store_t *store, const policy_entry_t *entry, size_t *n)
{
    size_t                i, k;
    policy_parent_t      *p;
    const policy_uid_t  **list;

    list = policy_alloc_array(&store->temp, entry->nparents,
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
compare(policy_store_t *store, const policy_entry_t *a,
    const policy_entry_t *b, policy_error_t *error)
{
    size_t                i, na, nb;
    int64_t               work;
    const policy_uid_t  **pa, **pb;

    work = INT64_MAX;

    pa = parents_of(store, a, &na);
    pb = parents_of(store, b, &nb);

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
add_entity(policy_store_t *store, policy_entry_t *entry, uint32_t at)
{
    policy_entity_t  *e;

    e = &store->entities[store->n];
    memset(e, 0, sizeof(policy_entity_t));

    e->uid = entry->uid;
    e->attrs = entry->attrs_value.u.p;
    e->nattrs = entry->attrs_value.len;
    e->tags = entry->tags_value.u.p;
    e->ntags = entry->tags_value.len;

    store->types |= policy_type_bit(&e->uid);
    store->sources[store->n++] = entry;
    store->table[at] = store->n;
}


static policy_status_t
fill_table(policy_store_t *store, policy_error_t *error)
{
    uint32_t          at, size, i;
    policy_entry_t   *entry;
    policy_status_t   rc;

    size = table_size(store->nentries);

    store->mask = size - 1;
    store->table = policy_alloc_array(&store->main, size, sizeof(uint32_t));
    store->entities = policy_alloc_array(&store->main, store->nentries,
                                         sizeof(policy_entity_t));
    store->sources = policy_alloc_array(&store->temp, store->nentries,
                                        sizeof(policy_entry_t *));

    if (store->table == NULL || store->entities == NULL
        || store->sources == NULL)
    {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    memset(store->table, 0, size * sizeof(uint32_t));

    for (entry = store->entries; entry != NULL; entry = entry->next) {
        rc = check_action_parents(entry, error);
        if (rc != POLICY_OK) {
            return rc;
        }

        for (at = (uint32_t) entry->uid.hash & store->mask;
             (i = store->table[at]) != 0;
             at = (at + 1) & store->mask)
        {
            if (policy_uid_same(&store->entities[i - 1].uid, &entry->uid)) {
                break;
            }
        }

        if (i == 0) {
            add_entity(store, entry, at);
            continue;
        }

        rc = compare(store, store->sources[i - 1], entry, error);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return POLICY_OK;
}


static policy_status_t
dangling_init(policy_store_t *store, dangling_t *dangling)
{
    size_t           n;
    policy_entry_t  *entry;

    n = 0;

    for (entry = store->entries; entry != NULL; entry = entry->next) {
        n += entry->nparents;
    }

    n = table_size(n);

    dangling->mask = (uint32_t) n - 1;
    dangling->table = policy_alloc_array(&store->temp, n,
                                         sizeof(policy_uid_t *));
    if (dangling->table == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(dangling->table, 0, n * sizeof(policy_uid_t *));

    return POLICY_OK;
}


static const policy_uid_t *
dangling_intern(policy_store_t *store, dangling_t *dangling,
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

    dangling->table[at] = policy_uid_copy(&store->main, uid);

    return dangling->table[at];
}


/* How many list entries the parents bring together, duplicates included. */
static size_t
gather_size(policy_store_t *store, const policy_entry_t *entry)
{
    size_t                  n;
    policy_parent_t        *p;
    const policy_entity_t  *e;

    n = 0;

    for (p = entry->parents; p != NULL; p = p->next) {
        e = policy_store_find(store, &p->uid);
        n += 1 + (e == NULL ? 0 : e->nancestors);
    }

    return n;
}


static policy_status_t
set_open(policy_store_t *store, policy_entity_t *entity)
{
    size_t    n;
    uint32_t  i;

    n = 0;

    for (i = 0; i < entity->nancestors; i++) {
        n += policy_store_find(store, entity->ancestors[i].uid) == NULL;
    }

    if (n == 0) {
        return POLICY_OK;
    }

    entity->open = policy_alloc_array(&store->main, n,
                                      sizeof(policy_uid_t *));
    if (entity->open == NULL) {
        return POLICY_NO_MEMORY;
    }

    for (i = 0; i < entity->nancestors; i++) {
        if (policy_store_find(store, entity->ancestors[i].uid) == NULL) {
            entity->open[entity->nopen++] = entity->ancestors[i].uid;
        }
    }

    return POLICY_OK;
}


/* All parents are done: unite them and their ancestors. */
static policy_status_t
unite(policy_store_t *store, dangling_t *dangling, uint32_t index,
    size_t *total, policy_error_t *error)
{
    size_t                   n, i;
    policy_entry_t          *entry;
    policy_entity_t         *entity;
    policy_parent_t         *p;
    policy_ancestor_t       *list;
    const policy_entity_t   *parent;

    entry = store->sources[index];
    entity = &store->entities[index];

    n = gather_size(store, entry);
    *total += n;

    if (n > 16 * POLICY_MAX_ANCESTORS || *total > POLICY_MAX_CLOSURE) {
        return policy_entry_fail(entry, error, POLICY_LIMIT,
                                 "%S: too many ancestors");
    }

    list = policy_alloc_array(&store->main, n, sizeof(policy_ancestor_t));
    if (list == NULL) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    i = 0;

    for (p = entry->parents; p != NULL; p = p->next) {
        parent = policy_store_find(store, &p->uid);

        list[i].hash = p->uid.hash;
        list[i].uid = parent != NULL
                      ? &parent->uid
                      : dangling_intern(store, dangling, &p->uid);

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

    if (set_open(store, entity) != POLICY_OK) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    return POLICY_OK;
}


/* Depth first from one entity, parents before children, without recursion:
 * depth is the data's choice. */
static policy_status_t
walk(policy_store_t *store, dangling_t *dangling, step_t *stack,
    uint32_t start, size_t *total, policy_error_t *error)
{
    size_t                  n;
    uint32_t                parent;
    step_t                 *top;
    policy_status_t         rc;
    const policy_entity_t  *e;

    stack[0].entity = start;
    stack[0].next = store->sources[start]->parents;
    store->sources[start]->state = OPEN;

    for (n = 1; n > 0; /* void */) {
        top = &stack[n - 1];

        if (top->next == NULL) {
            rc = unite(store, dangling, top->entity, total, error);
            if (rc != POLICY_OK) {
                return rc;
            }

            store->sources[top->entity]->state = DONE;
            n--;
            continue;
        }

        e = policy_store_find(store, &top->next->uid);
        top->next = top->next->next;

        if (e == NULL) {
            continue;
        }

        parent = (uint32_t) (e - store->entities);

        if (store->sources[parent]->state == OPEN) {
            return policy_entry_fail(store->sources[parent], error,
                                     POLICY_CYCLE,
                                     "%S is its own ancestor");
        }

        if (store->sources[parent]->state == NEW) {
            store->sources[parent]->state = OPEN;
            stack[n].entity = parent;
            stack[n++].next = store->sources[parent]->parents;
        }
    }

    return POLICY_OK;
}


policy_status_t
policy_store_close(policy_store_t *store, policy_error_t *error)
{
    size_t           total;
    step_t          *stack;
    uint32_t         i;
    dangling_t       dangling;
    policy_status_t  rc;

    rc = fill_table(store, error);
    if (rc != POLICY_OK) {
        return rc;
    }

    stack = policy_alloc_array(&store->temp, (size_t) store->n + 1,
                               sizeof(step_t));

    if (stack == NULL || dangling_init(store, &dangling) != POLICY_OK) {
        return policy_fail_plain(error, POLICY_NO_MEMORY, "no memory");
    }

    total = 0;

    for (i = 0; i < store->n; i++) {
        if (store->sources[i]->state != NEW) {
            continue;
        }

        rc = walk(store, &dangling, stack, i, &total, error);
        if (rc != POLICY_OK) {
            return rc;
        }
    }

    return POLICY_OK;
}
