/*
 * Packing a finished store: a copy in one block, as small as it gets.
 *
 * The copy is made in scratch memory, in two regions: structures, and texts,
 * each of them once, also where it is part of another.  Pointers are noted,
 * and corrected when both regions have moved into their block.
 */

#include "entity.h"


#define PACK_MAX     (1u << 30)
#define SEARCH_MAX   1024       /* bytes of text searched for another one */
#define COPIES_MAX   32         /* uids looked at for an equal one */

typedef struct {
    char    *data;
    size_t   used;
    size_t   size;
} region_t;

typedef struct {
    const policy_store_t  *store;
    const policy_store_t  *base;        /* or NULL */
    policy_store_t        *copy;
    region_t               items;
    region_t               texts;
    uint32_t              *pointers;    /* offsets in items */
    size_t                 npointers;
    policy_uid_t          *uids[COPIES_MAX];
    size_t                 nuids;
} packer_t;


static int pack_value(packer_t *p, const policy_value_t *from,
    policy_value_t *to);


/* NULL: the region is full. */
static void *
take(region_t *region, size_t n, size_t size)
{
    char  *data;

    if (n == 0) {
        return region->data;
    }

    if (n > (region->size - region->used) / size) {
        return NULL;
    }

    data = region->data + region->used;
    region->used += n * size;

    return data;
}


/* 0, or -1: pointer, which has its place in items, is NULL: full */
POLICY_HOT
static int
note(packer_t *p, const void *place, const void *pointer)
{
    if (pointer == NULL) {
        return -1;
    }

    p->pointers[p->npointers++] =
        (uint32_t) ((const char *) place - p->items.data);

    return 0;
}


static const char *
find_text(const region_t *texts, const char *data, size_t len)
{
    size_t       used;
    const char  *at, *end;

    used = texts->used < SEARCH_MAX ? texts->used : SEARCH_MAX;

    if (len > used) {
        return NULL;
    }

    end = texts->data + used - len + 1;

    for (at = texts->data; at < end; at++) {
        at = memchr(at, data[0], (size_t) (end - at));

        if (at == NULL || policy_bytes_same(at, data, len)) {
            return at;
        }
    }

    return NULL;
}


static const char *
pack_text(packer_t *p, const char *data, size_t len)
{
    char        *copy;
    const char  *found;

    if (len == 0) {
        return p->texts.data;
    }

    found = find_text(&p->texts, data, len);
    if (found != NULL) {
        return found;
    }

    copy = take(&p->texts, len, 1);
    if (copy != NULL) {
        memcpy(copy, data, len);
    }

    return copy;
}


static int
fill_uid(packer_t *p, const policy_uid_t *from, policy_uid_t *to)
{
    *to = *from;
    to->type = pack_text(p, from->type, from->type_len);
    to->id = pack_text(p, from->id, from->id_len);

    return note(p, &to->type, to->type) | note(p, &to->id, to->id);
}


/* Of an entity of the store, of one of the base, or a copy. */
static const policy_uid_t *
pack_uid(packer_t *p, const policy_uid_t *uid)
{
    size_t                  i;
    policy_uid_t           *copy;
    const policy_entity_t  *e;

    e = policy_store_find(p->store, uid);
    if (e != NULL) {
        return &p->copy->entities[e - p->store->entities].uid;
    }

    e = p->base != NULL ? policy_store_find(p->base, uid) : NULL;
    if (e != NULL) {
        return &e->uid;
    }

    for (i = 0; i < p->nuids; i++) {
        if (policy_uid_same(p->uids[i], uid)) {
            return p->uids[i];
        }
    }

    copy = take(&p->items, 1, sizeof(policy_uid_t));

    if (copy == NULL || fill_uid(p, uid, copy) != 0) {
        return NULL;
    }

    if (p->nuids < COPIES_MAX) {
        p->uids[p->nuids++] = copy;
    }

    return copy;
}


static const policy_field_t *
pack_fields(packer_t *p, const policy_field_t *from, size_t n)
{
    size_t           i;
    policy_field_t  *to;

    to = take(&p->items, n, sizeof(policy_field_t));

    for (i = 0; to != NULL && i < n; i++) {
        to[i].name = from[i].name;
        to[i].name.name = pack_text(p, from[i].name.name, from[i].name.len);

        if (note(p, &to[i].name.name, to[i].name.name) != 0
            || pack_value(p, &from[i].value, &to[i].value) != 0)
        {
            return NULL;
        }
    }

    return to;
}


static const policy_value_t *
pack_values(packer_t *p, const policy_value_t *from, size_t n)
{
    size_t           i;
    policy_value_t  *to;

    to = take(&p->items, n, sizeof(policy_value_t));

    for (i = 0; to != NULL && i < n; i++) {
        if (pack_value(p, &from[i], &to[i]) != 0) {
            return NULL;
        }
    }

    return to;
}


static int
pack_value(packer_t *p, const policy_value_t *from, policy_value_t *to)
{
    *to = *from;

    switch (from->kind) {

    case POLICY_STRING:
        to->u.p = pack_text(p, from->u.p, from->len);
        break;

    case POLICY_SET:
        to->u.p = pack_values(p, from->u.p, from->len);
        break;

    case POLICY_RECORD:
        to->u.p = pack_fields(p, from->u.p, from->len);
        break;

    case POLICY_ENTITY:
        to->u.p = pack_uid(p, from->u.p);
        break;

    case POLICY_IP:
        if (from->flag != 6) {
            return 0;
        }

        to->u.p = pack_text(p, from->u.p, 16);
        break;

    default:
        return 0;
    }

    return note(p, &to->u.p, to->u.p);
}


static const policy_ancestor_t *
pack_ancestors(packer_t *p, const policy_ancestor_t *from, size_t n)
{
    size_t              i;
    policy_ancestor_t  *to;

    to = take(&p->items, n, sizeof(policy_ancestor_t));

    for (i = 0; to != NULL && i < n; i++) {
        to[i].hash = from[i].hash;
        to[i].uid = pack_uid(p, from[i].uid);

        if (note(p, &to[i].uid, to[i].uid) != 0) {
            return NULL;
        }
    }

    return to;
}


static const policy_uid_t **
pack_open(packer_t *p, const policy_uid_t *const *from, size_t n)
{
    size_t                i;
    const policy_uid_t  **to;

    to = take(&p->items, n, sizeof(policy_uid_t *));

    for (i = 0; to != NULL && i < n; i++) {
        to[i] = pack_uid(p, from[i]);

        if (note(p, &to[i], to[i]) != 0) {
            return NULL;
        }
    }

    return to;
}


static int
pack_entity(packer_t *p, const policy_entity_t *from, policy_entity_t *to)
{
    *to = *from;

    if (fill_uid(p, &from->uid, &to->uid) != 0) {
        return -1;
    }

    to->attrs = pack_fields(p, from->attrs, from->nattrs);
    to->tags = pack_fields(p, from->tags, from->ntags);
    to->ancestors = pack_ancestors(p, from->ancestors, from->nancestors);
    to->open = pack_open(p, from->open, from->nopen);

    return note(p, &to->attrs, to->attrs) | note(p, &to->tags, to->tags)
           | note(p, &to->ancestors, to->ancestors)
           | note(p, &to->open, to->open);
}


static int
pack_store(packer_t *p)
{
    size_t                 i, n;
    policy_store_t        *to;
    const policy_store_t  *from;

    from = p->store;

    to = take(&p->items, 1, sizeof(policy_store_t));
    if (to == NULL) {
        return -1;
    }

    *to = *from;
    to->packed = 1;
    to->entities = take(&p->items, from->n, sizeof(policy_entity_t));

    if (note(p, &to->entities, to->entities) != 0) {
        return -1;
    }

    p->copy = to;

    for (i = 0; i < from->n; i++) {
        if (pack_entity(p, &from->entities[i], &to->entities[i]) != 0) {
            return -1;
        }
    }

    if (from->table == NULL) {
        return 0;
    }

    n = (size_t) from->mask + 1;        /* even: what follows is aligned */

    to->table = take(&p->items, n, sizeof(uint32_t));

    if (note(p, &to->table, to->table) != 0) {
        return -1;
    }

    memcpy(to->table, from->table, n * sizeof(uint32_t));

    return 0;
}


/* A pointer into the base stays as it is. */
static void
correct(const packer_t *p, char *block, char *place)
{
    char    *pointer;
    size_t   offset;

    memcpy(&pointer, place, sizeof(pointer));

    offset = (size_t) ((uintptr_t) pointer - (uintptr_t) p->items.data);

    if (offset < p->items.size) {
        pointer = block + offset;

    } else {
        offset = (size_t) ((uintptr_t) pointer - (uintptr_t) p->texts.data);

        if (offset >= p->texts.size) {
            return;
        }

        pointer = block + p->items.used + offset;
    }

    memcpy(place, &pointer, sizeof(pointer));
}


static policy_status_t
move(packer_t *p, const policy_memory_t *memory, policy_store_t **packed)
{
    char    *block;
    size_t   i, size;

    size = p->items.used + p->texts.used;

    block = policy_memory_alloc(memory, size);
    if (block == NULL) {
        return POLICY_NO_MEMORY;
    }

    p->copy->size = (uint32_t) size;

    memcpy(block, p->items.data, p->items.used);
    memcpy(block + p->items.used, p->texts.data, p->texts.used);

    for (i = 0; i < p->npointers; i++) {
        correct(p, block, block + p->pointers[i]);
    }

    *packed = (policy_store_t *) (void *) block;

    return POLICY_OK;
}


/*
 * Two regions of size bytes and what pointers the first can hold; the
 * regions never touch, so an address lies in one of them only.
 */
static policy_status_t
try_size(packer_t *p, policy_builder_t *builder, size_t size)
{
    char  *scratch;

    scratch = policy_alloc_array(&builder->temp, size / 2, 5);
    if (scratch == NULL) {
        return POLICY_NO_MEMORY;
    }

    memset(p, 0, sizeof(packer_t));

    p->store = &builder->store;
    p->base = builder->base;

    p->items.data = scratch;
    p->items.size = size;
    p->pointers = (uint32_t *) (void *) (scratch + size);
    p->texts.data = scratch + size + size / 2;
    p->texts.size = size;

    return pack_store(p) == 0 ? POLICY_OK : POLICY_LIMIT;
}


policy_status_t
policy_store_pack(policy_store_t *store, const policy_memory_t *memory,
    policy_store_t **packed)
{
    size_t             size;
    packer_t           packer;
    policy_status_t    rc;
    policy_builder_t  *builder;

    if (!store->finished || store->packed) {
        return POLICY_MISUSE;
    }

    builder = (policy_builder_t *) store;
    rc = POLICY_LIMIT;

    policy_arena_start(&builder->temp, &builder->memory, 0);

    /* uids that were one may be several, and those of the base be copied */

    for (size = builder->main.taken + 512;
         rc == POLICY_LIMIT && size <= PACK_MAX;
         size *= 2)
    {
        size &= ~(size_t) 15;
        rc = try_size(&packer, builder, size);

        if (rc == POLICY_OK) {
            rc = move(&packer, memory, packed);
            break;
        }

        policy_arena_stop(&builder->temp);
    }

    policy_arena_stop(&builder->temp);

    return rc;
}
