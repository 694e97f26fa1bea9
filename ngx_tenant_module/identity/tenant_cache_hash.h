/*
 * 128 bits that stand for a token in a cache: a keyed universal hash, in the
 * fastest way that the processor has.  What the bits are worth is argued in
 * the source.
 */

#ifndef TENANT_CACHE_HASH_H
#define TENANT_CACHE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define TENANT_CACHE_TOKEN_MAX  16384       /* bytes */


__extension__ typedef unsigned __int128  tenant_uint128_t;


/* All zero: for a token that is too long. */
typedef struct {
    uint64_t  first;
    uint64_t  second;
} tenant_cache_tag_t;


/* How a token is passed over; hashes of two ways are not the same. */
typedef enum {
    TENANT_CACHE_PORTABLE = 0,
    TENANT_CACHE_CLMUL,             /* x86: PCLMULQDQ */
    TENANT_CACHE_VCLMUL             /* x86: VPCLMULQDQ, 32 bytes at once */
} tenant_cache_way_t;


typedef struct {
    uint64_t            words[TENANT_CACHE_TOKEN_MAX / 8 + 4];
    tenant_uint128_t    last[2][6];
    tenant_cache_way_t  way;
} tenant_cache_key_t;


/* Whether this processor has it. */
bool tenant_cache_way_known(tenant_cache_way_t way);

/*
 * Random, secret, for the fastest way there is.  false: no random bytes.
 * Whoever keeps the key clears it.
 */
bool tenant_cache_key_init(tenant_cache_key_t *key);

/* A pass over all of the token, which may have any bytes in it. */
tenant_cache_tag_t tenant_cache_hash(const tenant_cache_key_t *key,
    const char *token, size_t len);


#endif /* TENANT_CACHE_HASH_H */
