/*
 * Entity stores: what is known of entities, and who is in whom.
 */

#ifndef POLICY_ENTITY_H
#define POLICY_ENTITY_H

#include "value.h"

#pragma GCC visibility push(hidden)


/* Sum over a store of ancestors looked at while closures are computed. */
#define POLICY_MAX_CLOSURE  16000000u

typedef struct {
    uint64_t             hash;      /* of the uid */
    const policy_uid_t  *uid;
} policy_ancestor_t;

/* uid comes first: the record is found by the address of its uid. */
typedef struct {
    policy_uid_t              uid;
    const policy_field_t     *attrs;
    const policy_field_t     *tags;
    uint32_t                  nattrs;
    uint32_t                  ntags;
    const policy_ancestor_t  *ancestors;    /* by hash, without itself */
    uint32_t                  nancestors;
    uint32_t                  nopen;        /* those without a record here, */
    const policy_uid_t      **open;         /*   which other stores may know */
} policy_entity_t;


/* The n-th entity, from 0, in order of addition. */
const policy_entity_t *policy_store_at(const policy_store_t *store,
    size_t n);

/* Sorts by hash, drops duplicates; returns how many remain. */
size_t policy_ancestors_order(policy_ancestor_t *ancestors, size_t n);

/* By halving. */
int policy_ancestors_search(const policy_ancestor_t *ancestors, size_t n,
    const policy_uid_t *uid);

/* The same: few ancestors are faster looked at one by one. */
static inline int
policy_ancestors_have(const policy_ancestor_t *ancestors, size_t n,
    const policy_uid_t *uid)
{
    size_t  i;

    if (n > 8) {
        return policy_ancestors_search(ancestors, n, uid);
    }

    for (i = 0; i < n; i++) {
        if (ancestors[i].hash == uid->hash
            && policy_uid_same(ancestors[i].uid, uid))
        {
            return 1;
        }
    }

    return 0;
}


/* For closure.c */

typedef struct policy_parent_s   policy_parent_t;
typedef struct policy_builder_s  policy_builder_t;

struct policy_parent_s {
    policy_parent_t  *next;
    policy_uid_t      uid;
};

struct policy_entry_s {
    policy_entry_t    *next;
    policy_builder_t  *builder;
    policy_uid_t       uid;
    policy_record_t   *attrs;       /* by the builder, or NULL */
    policy_record_t   *tags;
    policy_value_t     attrs_value;
    policy_value_t     tags_value;
    policy_parent_t   *parents;
    uint32_t           nparents;
    uint32_t           state;       /* of the closure's walk */
    uint32_t           line;        /* 0: not from a text */
    uint32_t           column;
    policy_str_t       file;
};

/* What a decision reads.  Few entities are looked at one by one. */
struct policy_store_s {
    uint64_t           types;       /* policy_type_bit() of the entities */
    policy_entity_t   *entities;
    uint32_t          *table;       /* index + 1, 0: free; NULL: few */
    uint32_t           n;
    uint32_t           mask;
    uint32_t           size;        /* of the block, when packed */
    uint8_t            packed;      /* no builder around it */
    uint8_t            finished;
    uint8_t            failed;
};

/* A store and what making it takes; all but packed ones stand in one. */
struct policy_builder_s {
    policy_store_t         store;
    policy_memory_t        memory;
    policy_arena_t         main;
    policy_arena_t         temp;    /* until finished */
    policy_entry_t        *entries;
    policy_entry_t       **last;
    size_t                 nentries;
    policy_entry_t       **sources; /* of entities; until finished */
    const policy_store_t  *base;
    int                    sealed;
};

#define POLICY_FEW_ENTITIES  4


/*
 * One bit of a type: a store that lacks it has no entity of the type.  That
 * is how most stores are done with actions.
 */
static inline uint64_t
policy_type_bit(const policy_uid_t *uid)
{
    return UINT64_C(1) << (uid->type_hash >> 58);
}


/* NULL: not in the store. */
static inline const policy_entity_t *
policy_store_find(const policy_store_t *store, const policy_uid_t *uid)
{
    uint32_t                at, i;
    const policy_entity_t  *e;

    /* a uid that stands in one of the records is that of the record */

    if ((uintptr_t) uid - (uintptr_t) store->entities
        < store->n * sizeof(policy_entity_t))
    {
        return (const policy_entity_t *) uid;
    }

    if (store->table == NULL) {
        for (e = store->entities, i = store->n; i > 0; e++, i--) {
            if (policy_uid_same(&e->uid, uid)) {
                return e;
            }
        }

        return NULL;
    }

    for (at = (uint32_t) uid->hash & store->mask;
         (i = store->table[at]) != 0;
         at = (at + 1) & store->mask)
    {
        e = &store->entities[i - 1];

        if (policy_uid_same(&e->uid, uid)) {
            return e;
        }
    }

    return NULL;
}


policy_status_t policy_store_close(policy_builder_t *builder,
    policy_error_t *error);

policy_status_t policy_entry_fail(const policy_entry_t *entry,
    policy_error_t *error, policy_status_t status, const char *format);


#pragma GCC visibility pop

#endif /* POLICY_ENTITY_H */
