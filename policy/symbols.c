/*
 * Names, types and uids of a set, each kept once.  The table is dropped
 * when the set is finished; what it led to stays.
 */

#include "set.h"


/* What a slot's item is. */
enum {
    OF_NAME = 1,
    OF_TYPE,
    OF_UID,
    OF_USE
};


static int
grow(policy_set_t *set)
{
    size_t             size, i, at;
    policy_symbol_t   *slots;
    policy_symbols_t  *t;

    t = &set->symbols;
    size = t->size == 0 ? 64 : t->size * 2;

    slots = policy_memory_alloc(&set->memory,
                                size * sizeof(policy_symbol_t));
    if (slots == NULL) {
        return 0;
    }

    memset(slots, 0, size * sizeof(policy_symbol_t));

    for (i = 0; i < t->size; i++) {
        if (t->slots[i].item == NULL) {
            continue;
        }

        for (at = t->slots[i].hash & (size - 1);
             slots[at].item != NULL;
             at = (at + 1) & (size - 1))
        {
            /* void */
        }

        slots[at] = t->slots[i];
    }

    policy_memory_free(&set->memory, t->slots,
                       t->size * sizeof(policy_symbol_t));

    t->slots = slots;
    t->size = size;

    return 1;
}


typedef int (*same_pt)(const void *item, const void *key);

/* The slot of key: item NULL when it is new.  NULL: no memory. */
static policy_symbol_t *
look_up(policy_set_t *set, unsigned of, uint64_t hash, const void *key,
    same_pt same)
{
    size_t             at;
    policy_symbols_t  *t;

    t = &set->symbols;

    if (t->n * 2 >= t->size && !grow(set)) {
        return NULL;
    }

    for (at = hash & (t->size - 1);
         t->slots[at].item != NULL;
         at = (at + 1) & (t->size - 1))
    {
        if (t->slots[at].hash == hash && t->slots[at].of == of
            && same(t->slots[at].item, key))
        {
            return &t->slots[at];
        }
    }

    t->slots[at].hash = hash;
    t->slots[at].of = of;

    return &t->slots[at];
}


static int
same_name(const void *item, const void *key)
{
    const policy_name_t  *name;

    name = item;

    return policy_str_equal((policy_str_t) { name->name, name->len },
                            *(const policy_str_t *) key);
}


const policy_name_t *
policy_set_name(policy_set_t *set, policy_str_t s)
{
    policy_name_t    *name;
    policy_symbol_t  *slot;

    slot = look_up(set, OF_NAME, policy_hash(OF_NAME, s.data, s.len), &s,
                   same_name);

    if (slot == NULL || slot->item != NULL) {
        return slot == NULL ? NULL : slot->item;
    }

    name = policy_alloc(&set->main, sizeof(policy_name_t));
    s = policy_str_copy(&set->main, s);

    if (name == NULL || s.data == NULL) {
        return NULL;
    }

    *name = policy_name(s);
    slot->item = name;
    set->symbols.n++;

    return name;
}


static int
same_type(const void *item, const void *key)
{
    const policy_type_t  *type;

    type = item;

    return policy_str_equal((policy_str_t) { type->name, type->len },
                            *(const policy_str_t *) key);
}


const policy_type_t *
policy_set_type(policy_set_t *set, policy_str_t s)
{
    policy_type_t    *type;
    policy_symbol_t  *slot;

    slot = look_up(set, OF_TYPE, policy_hash(OF_TYPE, s.data, s.len), &s,
                   same_type);

    if (slot == NULL || slot->item != NULL) {
        return slot == NULL ? NULL : slot->item;
    }

    type = policy_alloc(&set->main, sizeof(policy_type_t));
    s = policy_str_copy(&set->main, s);

    if (type == NULL || s.data == NULL) {
        return NULL;
    }

    type->hash = policy_type_hash(s);
    type->name = s.data;
    type->len = s.len;
    slot->item = type;
    set->symbols.n++;

    return type;
}


static int
same_uid(const void *item, const void *key)
{
    return policy_uid_same(item, key);
}


const policy_uid_t *
policy_set_uid(policy_set_t *set, const policy_uid_t *uid)
{
    policy_str_t          id;
    policy_uid_t         *copy;
    policy_name_t         name;
    policy_symbol_t      *slot;
    const policy_type_t  *type;

    slot = look_up(set, OF_UID, policy_hash_mix(uid->hash, OF_UID), uid,
                   same_uid);

    if (slot == NULL || slot->item != NULL) {
        return slot == NULL ? NULL : slot->item;
    }

    copy = policy_alloc(&set->main, sizeof(policy_uid_t));
    id = policy_str_copy(&set->main, policy_uid_id(uid));

    if (copy == NULL || id.data == NULL) {
        return NULL;
    }

    *copy = *uid;
    copy->id = id.data;
    slot->item = copy;
    set->symbols.n++;

    /* only now: interning the type may move the table */

    type = policy_set_type(set, policy_uid_type(uid));
    if (type == NULL) {
        return NULL;
    }

    copy->type = type->name;

    name.name = type->name;
    name.len = type->len;

    return policy_set_note_use(set, POLICY_OTHER, POLICY_USE_NAMED, &name)
           == POLICY_OK ? copy : NULL;
}


static int
same_use(const void *item, const void *key)
{
    const policy_use_t  *a, *b;

    a = &((const policy_use_link_t *) item)->use;
    b = key;

    return a->variable == b->variable && a->kind == b->kind
           && policy_str_equal(a->name, b->name);
}


/* name: interned in the set, or NULL */
policy_status_t
policy_set_note_use(policy_set_t *set, policy_variable_t variable,
    policy_use_kind_t kind, const policy_name_t *name)
{
    uint64_t            hash;
    policy_use_t        use;
    policy_symbol_t    *slot;
    policy_use_link_t  *link;

    use.variable = variable;
    use.kind = kind;
    use.name.data = name == NULL ? "" : name->name;
    use.name.len = name == NULL ? 0 : name->len;

    hash = policy_hash(OF_USE + 16 * (uint64_t) variable
                       + 256 * (uint64_t) kind, use.name.data,
                       use.name.len);

    slot = look_up(set, OF_USE, hash, &use, same_use);
    if (slot == NULL) {
        return POLICY_NO_MEMORY;
    }

    if (slot->item != NULL) {
        return POLICY_OK;
    }

    link = policy_alloc(&set->main, sizeof(policy_use_link_t));
    if (link == NULL) {
        return POLICY_NO_MEMORY;
    }

    link->use = use;
    link->next = set->use_links;
    set->use_links = link;
    set->nuses++;
    slot->item = link;
    set->symbols.n++;

    return POLICY_OK;
}


static int
cmp_hashes(const void *a, const void *b, void *data)
{
    uint64_t  x, y;

    (void) data;

    x = *(const uint64_t *) a;
    y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}


int
policy_set_named(policy_set_t *set)
{
    size_t                  i, n;
    const policy_uid_t     *uid;
    const policy_symbol_t  *slot;

    n = 0;

    for (i = 0; i < set->symbols.size; i++) {
        slot = &set->symbols.slots[i];
        n += slot->item != NULL && slot->of == OF_UID;
    }

    set->named = policy_alloc_array(&set->main, n, sizeof(uint64_t));
    if (set->named == NULL) {
        return 0;
    }

    for (i = 0; i < set->symbols.size; i++) {
        slot = &set->symbols.slots[i];

        if (slot->item != NULL && slot->of == OF_UID) {
            uid = slot->item;
            set->named[set->nnamed++] = uid->hash;
        }
    }

    policy_sort(set->named, n, sizeof(uint64_t), cmp_hashes, NULL);

    return 1;
}
