#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "tenant_cache.h"


#define TENANT_CACHE_ENTRIES_MAX  ((size_t) 1 << 24)
#define TENANT_CACHE_BLOCK        16        /* bytes hashed at once */

__extension__ typedef unsigned __int128  tenant_uint128_t;


typedef struct tenant_cache_entry_s  tenant_cache_entry_t;


struct tenant_cache_entry_s {
    tenant_cache_entry_t  *next;            /* in its bucket */
    tenant_cache_entry_t  *newer;           /* in the order of use */
    tenant_cache_entry_t  *older;
    uint64_t               hash;
    int64_t                expires;         /* seconds since 1970 */
    void                  *value;
    size_t                 size;            /* bytes, value included */
    size_t                 len;             /* of token */
    char                   token[];
};


/*
 * NH (RFC 4418 section 5.2.2, with 64-bit words) makes two different tokens
 * of one length collide with probability 2^-64 over the choice of words; the
 * multiplication at the end spreads that over the bits that pick a bucket.
 */
typedef struct {
    uint64_t          words[TENANT_CACHE_TOKEN_MAX / 8];
    tenant_uint128_t  low, high, len, add;
} tenant_cache_key_t;


struct tenant_cache_s {
    tenant_cache_conf_t     conf;
    tenant_cache_stats_t    stats;
    tenant_cache_entry_t  **buckets;
    size_t                  mask;           /* number of buckets - 1 */
    tenant_cache_entry_t   *newest;
    tenant_cache_entry_t   *oldest;
    tenant_cache_key_t      key;
};


static inline uint64_t
tenant_cache_load(const char *p)
{
    uint64_t  word;

    memcpy(&word, p, sizeof(word));
    return word;
}


static inline tenant_uint128_t
tenant_cache_hash_block(const char *p, const uint64_t *words)
{
    return (tenant_uint128_t) (tenant_cache_load(p) + words[0])
           * (tenant_cache_load(p + 8) + words[1]);
}


/* len is at most TENANT_CACHE_TOKEN_MAX */
static uint64_t
tenant_cache_hash(const tenant_cache_key_t *key, const char *token,
    size_t len)
{
    const uint64_t    *words = key->words;
    const char        *end = token + len / TENANT_CACHE_BLOCK
                                         * TENANT_CACHE_BLOCK;
    tenant_uint128_t   sum = 0;
    char               last[TENANT_CACHE_BLOCK] = { 0 };

    for (; token < end; token += TENANT_CACHE_BLOCK) {
        sum += tenant_cache_hash_block(token, words);
        words += 2;
    }

    if (len % TENANT_CACHE_BLOCK) {
        memcpy(last, token, len % TENANT_CACHE_BLOCK);
        sum += tenant_cache_hash_block(last, words);
    }

    sum = (uint64_t) sum * key->low + (uint64_t) (sum >> 64) * key->high
          + len * key->len + key->add;

    return (uint64_t) (sum >> 64);
}


static tenant_cache_entry_t **
tenant_cache_bucket(tenant_cache_t *cache, uint64_t hash)
{
    return &cache->buckets[hash & cache->mask];
}


static tenant_cache_entry_t *
tenant_cache_lookup(tenant_cache_t *cache, uint64_t hash, const char *token,
    size_t len)
{
    tenant_cache_entry_t  *entry = *tenant_cache_bucket(cache, hash);

    while (entry != NULL
           && (entry->hash != hash || entry->len != len
               || memcmp(entry->token, token, len) != 0))
    {
        entry = entry->next;
    }

    return entry;
}


static void
tenant_cache_unlink(tenant_cache_t *cache, tenant_cache_entry_t *entry)
{
    if (entry->newer != NULL) {
        entry->newer->older = entry->older;

    } else {
        cache->newest = entry->older;
    }

    if (entry->older != NULL) {
        entry->older->newer = entry->newer;

    } else {
        cache->oldest = entry->newer;
    }
}


static void
tenant_cache_link_newest(tenant_cache_t *cache, tenant_cache_entry_t *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;

    if (cache->newest != NULL) {
        cache->newest->newer = entry;

    } else {
        cache->oldest = entry;
    }

    cache->newest = entry;
}


static void
tenant_cache_remove(tenant_cache_t *cache, tenant_cache_entry_t *entry)
{
    tenant_cache_entry_t  **link = tenant_cache_bucket(cache, entry->hash);

    while (*link != entry) {
        link = &(*link)->next;
    }

    *link = entry->next;
    tenant_cache_unlink(cache, entry);

    cache->stats.entries--;
    cache->stats.bytes -= entry->size;

    if (cache->conf.release != NULL) {
        cache->conf.release(entry->value, cache->conf.data);
    }

    OPENSSL_clear_free(entry, sizeof(*entry) + entry->len);
}


tenant_cache_t *
tenant_cache_create(const tenant_cache_conf_t *conf)
{
    tenant_cache_t  *cache;
    size_t           n = 1;

    if (conf->max_entries == 0
        || conf->max_entries > TENANT_CACHE_ENTRIES_MAX)
    {
        return NULL;
    }

    while (n < conf->max_entries) {
        n *= 2;
    }

    cache = OPENSSL_zalloc(sizeof(*cache));

    if (cache == NULL) {
        return NULL;
    }

    cache->conf = *conf;
    cache->mask = n - 1;
    cache->buckets = OPENSSL_zalloc(n * sizeof(cache->buckets[0]));

    if (cache->buckets == NULL
        || RAND_priv_bytes((unsigned char *) &cache->key, sizeof(cache->key))
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
    if (cache == NULL) {
        return;
    }

    while (cache->oldest != NULL) {
        tenant_cache_remove(cache, cache->oldest);
    }

    OPENSSL_free(cache->buckets);
    OPENSSL_clear_free(cache, sizeof(*cache));
}


void *
tenant_cache_find(tenant_cache_t *cache, const char *token, size_t len,
    int64_t now)
{
    tenant_cache_entry_t  *entry = NULL;

    if (len <= TENANT_CACHE_TOKEN_MAX) {
        entry = tenant_cache_lookup(cache,
                                    tenant_cache_hash(&cache->key, token, len),
                                    token, len);
    }

    if (entry == NULL) {
        cache->stats.misses++;
        return NULL;
    }

    if (now >= entry->expires) {
        tenant_cache_remove(cache, entry);
        cache->stats.misses++;
        cache->stats.expired++;
        return NULL;
    }

    if (entry != cache->newest) {
        tenant_cache_unlink(cache, entry);
        tenant_cache_link_newest(cache, entry);
    }

    cache->stats.hits++;
    return entry->value;
}


/* Makes room for one more entry of size bytes, which is below max_bytes. */
static void
tenant_cache_evict(tenant_cache_t *cache, size_t size)
{
    while (cache->stats.entries >= cache->conf.max_entries
           || cache->stats.bytes > cache->conf.max_bytes - size)
    {
        tenant_cache_remove(cache, cache->oldest);
        cache->stats.evictions++;
    }
}


tenant_cache_status_t
tenant_cache_insert(tenant_cache_t *cache, const char *token, size_t len,
    void *value, size_t value_size, int64_t expires, int64_t now)
{
    tenant_cache_entry_t  *entry, *old, **bucket;
    size_t                 size;

    if (now >= expires) {
        return TENANT_CACHE_STALE;
    }

    if (len > TENANT_CACHE_TOKEN_MAX
        || value_size > cache->conf.max_bytes
        || tenant_cache_entry_size(len) > cache->conf.max_bytes - value_size)
    {
        return TENANT_CACHE_TOO_LARGE;
    }

    size = tenant_cache_entry_size(len) + value_size;
    entry = OPENSSL_malloc(sizeof(*entry) + len);

    if (entry == NULL) {
        return TENANT_CACHE_NO_MEMORY;
    }

    entry->hash = tenant_cache_hash(&cache->key, token, len);
    entry->expires = expires;
    entry->value = value;
    entry->size = size;
    entry->len = len;
    memcpy(entry->token, token, len);

    old = tenant_cache_lookup(cache, entry->hash, token, len);

    if (old != NULL) {
        tenant_cache_remove(cache, old);
    }

    tenant_cache_evict(cache, size);

    bucket = tenant_cache_bucket(cache, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    tenant_cache_link_newest(cache, entry);

    cache->stats.entries++;
    cache->stats.bytes += size;
    return TENANT_CACHE_OK;
}


size_t
tenant_cache_drop_if(tenant_cache_t *cache,
    bool (*pred)(const void *value, void *data), void *data)
{
    tenant_cache_entry_t  *entry, *older;
    size_t                 n = 0;

    for (entry = cache->newest; entry != NULL; entry = older) {
        older = entry->older;

        if (pred(entry->value, data)) {
            tenant_cache_remove(cache, entry);
            n++;
        }
    }

    cache->stats.dropped += n;
    return n;
}


void
tenant_cache_stats(const tenant_cache_t *cache, tenant_cache_stats_t *stats)
{
    *stats = cache->stats;
}


size_t
tenant_cache_entry_size(size_t len)
{
    return sizeof(tenant_cache_entry_t) + len;
}
