/*
 * Verified tokens of one worker, so that a repeated token costs a hash.  Of
 * a token nothing is kept but 128 bits of a keyed universal hash.  Bounded
 * in entries and bytes; what was not found for long leaves first (a clock).
 * Every operation is O(1) but for tenant_cache_drop_if(), and an insertion
 * that doubles the table.
 *
 * For one thread.
 */

#ifndef TENANT_CACHE_H
#define TENANT_CACHE_H

#include "tenant_cache_hash.h"
#include "tenant_room.h"
#include "tenant_str.h"


typedef struct tenant_cache_s  tenant_cache_t;


typedef struct {
    size_t   max_entries;           /* 1 to 16,777,216 */
    size_t   max_bytes;             /* table and values */

    /* For the table; NULL: malloc()'s.  Outlives the cache. */
    tenant_room_t  *room;

    /* Called once for each value that leaves the cache; may be NULL. */
    void   (*release)(void *value, void *data);
    void    *data;
} tenant_cache_conf_t;


typedef struct {
    uint64_t  hits;
    uint64_t  misses;               /* expired ones included */
    uint64_t  expired;
    uint64_t  evictions;            /* pushed out by a newer entry */
    uint64_t  dropped;              /* by tenant_cache_drop_if() */
    size_t    entries;
    size_t    bytes;
} tenant_cache_stats_t;


typedef enum {
    TENANT_CACHE_OK = 0,
    TENANT_CACHE_TOO_LARGE,         /* over TENANT_CACHE_TOKEN_MAX or
                                       max_bytes by itself */
    TENANT_CACHE_STALE              /* expires is not after now */
} tenant_cache_status_t;


/*
 * A new, empty cache, or NULL: no memory, no random bytes, or conf out of
 * range.  conf is copied.  Call it in the worker: a key made before fork()
 * would be shared.
 */
tenant_cache_t *tenant_cache_create(const tenant_cache_conf_t *conf);

/* Releases every value; NULL is allowed. */
void tenant_cache_destroy(tenant_cache_t *cache);


/* What the token is found by: a pass over all of it, so do it once. */
tenant_cache_tag_t tenant_cache_tag(const tenant_cache_t *cache,
    const char *token, size_t len);


/*
 * The value kept for this token, or NULL.  now in seconds; an entry is used
 * only while now < expires, and leaves when found to be older.  The pointer
 * is the cache's: valid until the next call that may remove entries, so take
 * a reference of your own to keep it longer.
 */
void *tenant_cache_find(tenant_cache_t *cache, tenant_cache_tag_t tag,
    int64_t now);


/*
 * Keeps value, which is not NULL, for the token until expires (but not
 * beyond 2106), replacing an entry of the same token.  value_size: bytes
 * that the value takes, for max_bytes.
 *
 * OK: the cache owns value and will release it.  Otherwise value is still
 * the caller's and the cache is unchanged.
 */
tenant_cache_status_t tenant_cache_insert(tenant_cache_t *cache,
    tenant_cache_tag_t tag, void *value, size_t value_size, int64_t expires,
    int64_t now);


/*
 * Drops the entries whose value pred() answers true for (a key or issuer
 * gone, a tenant changed) and returns their number.  O(entries).  pred must
 * not call the cache.
 */
size_t tenant_cache_drop_if(tenant_cache_t *cache,
    bool (*pred)(const void *value, void *data), void *data);


void tenant_cache_stats(const tenant_cache_t *cache,
    tenant_cache_stats_t *stats);


/*
 * The most slots in a row that are taken: what looking for a token may have
 * to go through.  O(entries).
 */
size_t tenant_cache_row(const tenant_cache_t *cache);

/* Bytes of the table for an entry; one in four to one in two is free. */
size_t tenant_cache_entry_size(void);


#endif /* TENANT_CACHE_H */
