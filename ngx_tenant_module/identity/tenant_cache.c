#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "tenant_cache.h"


#define TENANT_CACHE_ENTRIES_MAX  ((size_t) 1 << 24)
#define TENANT_CACHE_SLOTS_MIN    64
#define TENANT_CACHE_USED         UINT32_C(0x80000000)
#define TENANT_CACHE_BLOCK        4           /* slots; two lines */

/* Two of them share a cache line. */
typedef struct {
    tenant_cache_tag_t   tag;
    void                *value;     /* NULL: the slot is free */
    uint32_t             expires;   /* seconds since 1970 */
    uint32_t             size;      /* bytes of the value; TENANT_CACHE_USED:
                                       found since the hand went by */
} tenant_cache_slot_t;


struct tenant_cache_s {
    tenant_cache_conf_t    conf;
    tenant_cache_stats_t   stats;
    tenant_cache_slot_t   *slots;           /* open addressing, in a row */
    size_t                 mask;            /* number of slots - 1 */
    size_t                 hand;            /* the slot to be looked at next */
    size_t                 table;           /* bytes of the slots */
    tenant_cache_key_t     key;
    uint64_t               place[2];
};


/*
 * The second word is joined with a product of the first, which takes nothing
 * from the two together: it says where looking for the tag begins, and what
 * timing could tell of that is no linear function of the hash.
 */
TENANT_HOT
tenant_cache_tag_t
tenant_cache_tag(const tenant_cache_t *cache, const char *token, size_t len)
{
    tenant_cache_tag_t  tag = tenant_cache_hash(&cache->key, token, len);
    tenant_uint128_t    product;

    if (len > TENANT_CACHE_TOKEN_MAX) {
        return tag;
    }

    product = (tenant_uint128_t) (tag.first ^ cache->place[0])
              * cache->place[1];
    tag.second ^= (uint64_t) product ^ (uint64_t) (product >> 64);

    return tag;
}


static inline size_t
tenant_cache_home(const tenant_cache_t *cache, tenant_cache_tag_t tag)
{
    return (size_t) tag.second & cache->mask;
}


/* The slot of the tag, or the free one where it would be. */
static inline tenant_cache_slot_t *
tenant_cache_slot(const tenant_cache_t *cache, tenant_cache_tag_t tag)
{
    tenant_cache_slot_t  *slot;
    size_t                i = tenant_cache_home(cache, tag);

    for ( ;; ) {
        slot = &cache->slots[i];

        if (slot->value == NULL
            || (slot->tag.first == tag.first
                && slot->tag.second == tag.second))
        {
            return slot;
        }

        i = (i + 1) & cache->mask;
    }
}


/* Whether slot i comes before slot j in a row that begins at home. */
static inline bool
tenant_cache_before(const tenant_cache_t *cache, size_t i, size_t j,
    size_t home)
{
    return ((i - home) & cache->mask) < ((j - home) & cache->mask);
}


/*
 * Frees a slot.  Those behind it move up, as far as they are not where they
 * belong: no row has a gap between a home and its slot.  Returns the slot
 * that is free in the end.
 */
static size_t
tenant_cache_free(tenant_cache_t *cache, size_t i)
{
    tenant_cache_slot_t  *slots = cache->slots;
    size_t                home, j, mask = cache->mask;

    for (j = (i + 1) & mask; slots[j].value != NULL; j = (j + 1) & mask) {
        home = tenant_cache_home(cache, slots[j].tag);

        if (((j - home) & mask) >= ((j - i) & mask)) {
            slots[i] = slots[j];
            i = j;
        }
    }

    memset(&slots[i], 0, sizeof(slots[i]));
    return i;
}


static void
tenant_cache_release(tenant_cache_t *cache, tenant_cache_slot_t *slot)
{
    cache->stats.bytes -= slot->size & ~TENANT_CACHE_USED;

    if (cache->conf.release != NULL) {
        cache->conf.release(slot->value, cache->conf.data);
    }
}


/* Returns the slot that is free then. */
static size_t
tenant_cache_remove(tenant_cache_t *cache, tenant_cache_slot_t *slot)
{
    tenant_cache_release(cache, slot);
    cache->stats.entries--;
    return tenant_cache_free(cache, (size_t) (slot - cache->slots));
}


/* The cache has n slots from now on. */
static void
tenant_cache_table(tenant_cache_t *cache, tenant_cache_slot_t *slots,
    size_t n)
{
    cache->slots = slots;
    cache->mask = n - 1;
    cache->hand = 0;
    cache->table = tenant_room_size(cache->conf.room, n * sizeof(*slots));
    cache->stats.bytes += cache->table;
}


/* n slots, all of them free; NULL: no memory. */
static tenant_cache_slot_t *
tenant_cache_slots(const tenant_cache_t *cache, size_t n)
{
    tenant_cache_slot_t  *slots;

    slots = tenant_room_alloc(cache->conf.room, n * sizeof(*slots));

    if (slots != NULL) {
        memset(slots, 0, n * sizeof(*slots));
    }

    return slots;
}


tenant_cache_t *
tenant_cache_create(const tenant_cache_conf_t *conf)
{
    tenant_cache_t       *cache;
    tenant_cache_slot_t  *slots;

    if (conf->max_entries == 0
        || conf->max_entries > TENANT_CACHE_ENTRIES_MAX)
    {
        return NULL;
    }

    cache = OPENSSL_zalloc(sizeof(*cache));

    if (cache == NULL) {
        return NULL;
    }

    cache->conf = *conf;
    slots = tenant_cache_slots(cache, TENANT_CACHE_SLOTS_MIN);
    tenant_cache_table(cache, slots, TENANT_CACHE_SLOTS_MIN);

    if (slots == NULL
        || !tenant_cache_key_init(&cache->key)
        || RAND_priv_bytes((unsigned char *) cache->place,
                           sizeof(cache->place))
           != 1)
    {
        tenant_cache_destroy(cache);
        return NULL;
    }

    return cache;
}


void
tenant_cache_destroy(tenant_cache_t *cache)
{
    size_t  i;

    if (cache == NULL) {
        return;
    }

    for (i = 0; cache->slots != NULL && i <= cache->mask; i++) {
        if (cache->slots[i].value != NULL) {
            tenant_cache_release(cache, &cache->slots[i]);
        }
    }

    tenant_room_free(cache->conf.room, cache->slots);
    OPENSSL_clear_free(cache, sizeof(*cache));
}


TENANT_HOT
void *
tenant_cache_find(tenant_cache_t *cache, tenant_cache_tag_t tag, int64_t now)
{
    tenant_cache_slot_t  *slot = tenant_cache_slot(cache, tag);

    /* all zero is in no slot but a free one */
    if (slot->value == NULL) {
        cache->stats.misses++;
        return NULL;
    }

    if (now >= slot->expires) {
        tenant_cache_remove(cache, slot);
        cache->stats.misses++;
        cache->stats.expired++;
        return NULL;
    }

    slot->size |= TENANT_CACHE_USED;
    cache->stats.hits++;
    return slot->value;
}


/*
 * Where the hand goes when it has looked at all of a block: by a linear
 * congruential generator (Knuth's MMIX), whose low bits come to each of the
 * blocks before they come to one again.  Those that it came by lately are
 * thus everywhere between the others.  Would it go through the table in a
 * row, all that is old would stand in one part of it: when new tokens came
 * one after another, rows were thousands of slots long.
 */
static inline size_t
tenant_cache_next(const tenant_cache_t *cache, size_t hand)
{
    uint64_t  block = hand / TENANT_CACHE_BLOCK;

    block = block * UINT64_C(6364136223846793005)
            + UINT64_C(1442695040888963407);

    return (size_t) block * TENANT_CACHE_BLOCK & cache->mask;
}


static inline void
tenant_cache_step(tenant_cache_t *cache)
{
    if (++cache->hand % TENANT_CACHE_BLOCK == 0) {
        cache->hand = tenant_cache_next(cache, cache->hand - 1);

        /* needed when it has gone through this one */
        __builtin_prefetch(&cache->slots[tenant_cache_next(cache,
                                                           cache->hand)]);
    }
}


/*
 * The hand goes round and takes the first entry that is over, or that was
 * not found since it came by the last time.  Returns the slot that is free
 * then.
 */
static size_t
tenant_cache_evict(tenant_cache_t *cache, int64_t now)
{
    size_t                hole;
    tenant_cache_slot_t  *slot;

    for ( ;; ) {
        slot = &cache->slots[cache->hand];

        if (slot->value != NULL
            && (!(slot->size & TENANT_CACHE_USED) || now >= slot->expires))
        {
            break;
        }

        slot->size &= ~TENANT_CACHE_USED;
        tenant_cache_step(cache);
    }

    hole = tenant_cache_remove(cache, slot);
    cache->stats.evictions++;

    /* what is put there next is new: not the first to leave */
    if (hole == cache->hand) {
        tenant_cache_step(cache);
    }

    return hole;
}


/* Twice the slots; false: no memory, or too much of it. */
static bool
tenant_cache_grow(tenant_cache_t *cache, size_t size)
{
    tenant_cache_slot_t  *old = cache->slots, *slots;
    size_t                i, n = (cache->mask + 1) * 2, bytes;

    bytes = cache->stats.bytes - cache->table
            + tenant_room_size(cache->conf.room, n * sizeof(*slots));

    if (bytes > cache->conf.max_bytes
        || size > cache->conf.max_bytes - bytes)
    {
        return false;
    }

    slots = tenant_cache_slots(cache, n);

    if (slots == NULL) {
        return false;
    }

    cache->stats.bytes -= cache->table;
    tenant_cache_table(cache, slots, n);

    for (i = 0; i < n / 2; i++) {
        if (old[i].value != NULL) {
            *tenant_cache_slot(cache, old[i].tag) = old[i];
        }
    }

    tenant_room_free(cache->conf.room, old);
    return true;
}


/*
 * Makes room for one more entry of size bytes, which can be made.  slot: the
 * free one for the tag; returns the one that is it then, the first in its
 * row.
 */
static tenant_cache_slot_t *
tenant_cache_make_room(tenant_cache_t *cache, tenant_cache_tag_t tag,
    tenant_cache_slot_t *slot, size_t size, int64_t now)
{
    size_t  hole, i = (size_t) (slot - cache->slots);
    bool    full;

    for ( ;; ) {
        full = cache->stats.entries >= cache->conf.max_entries
               || cache->stats.bytes > cache->conf.max_bytes - size;

        /* a quarter is free, or rows become long */
        if (!full && cache->stats.entries < (cache->mask + 1) / 4 * 3) {
            return &cache->slots[i];
        }

        if (!full && tenant_cache_grow(cache, size)) {
            return tenant_cache_slot(cache, tag);
        }

        hole = tenant_cache_evict(cache, now);

        if (tenant_cache_before(cache, hole, i,
                                tenant_cache_home(cache, tag)))
        {
            i = hole;
        }
    }
}


tenant_cache_status_t
tenant_cache_insert(tenant_cache_t *cache, tenant_cache_tag_t tag,
    void *value, size_t value_size, int64_t expires, int64_t now)
{
    tenant_cache_slot_t  *slot;

    if (now >= expires) {
        return TENANT_CACHE_STALE;
    }

    if ((tag.first | tag.second) == 0 || value_size >= TENANT_CACHE_USED
        || cache->table > cache->conf.max_bytes
        || value_size > cache->conf.max_bytes - cache->table)
    {
        return TENANT_CACHE_TOO_LARGE;
    }

    slot = tenant_cache_slot(cache, tag);

    if (slot->value != NULL) {
        tenant_cache_remove(cache, slot);
        slot = tenant_cache_slot(cache, tag);
    }

    slot = tenant_cache_make_room(cache, tag, slot, value_size, now);
    slot->tag = tag;
    slot->value = value;
    slot->expires = expires < UINT32_MAX ? (uint32_t) expires : UINT32_MAX;
    slot->size = (uint32_t) value_size;

    cache->stats.entries++;
    cache->stats.bytes += value_size;
    return TENANT_CACHE_OK;
}


size_t
tenant_cache_drop_if(tenant_cache_t *cache,
    bool (*pred)(const void *value, void *data), void *data)
{
    tenant_cache_slot_t  *slot;
    size_t                i, n = 0, before = cache->stats.entries;

    /* a free slot to start behind: there no row goes over the end */
    for (i = 0; cache->slots[i].value != NULL; i++) { /* void */ }

    while (n++ <= cache->mask) {
        i = (i + 1) & cache->mask;
        slot = &cache->slots[i];

        /* what moves up into the slot is looked at, too */
        while (slot->value != NULL && pred(slot->value, data)) {
            tenant_cache_remove(cache, slot);
        }
    }

    n = before - cache->stats.entries;
    cache->stats.dropped += n;
    return n;
}


void
tenant_cache_stats(const tenant_cache_t *cache, tenant_cache_stats_t *stats)
{
    *stats = cache->stats;
}


size_t
tenant_cache_row(const tenant_cache_t *cache)
{
    size_t  i, row = 0, longest = 0;

    /* twice round: a row may go over the end */
    for (i = 0; i < 2 * (cache->mask + 1); i++) {
        row = cache->slots[i & cache->mask].value != NULL ? row + 1 : 0;
        longest = row > longest ? row : longest;
    }

    return longest;
}


size_t
tenant_cache_entry_size(void)
{
    return sizeof(tenant_cache_slot_t);
}
