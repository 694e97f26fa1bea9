/*
 * SipHash-2-4 with 128 bits of output (Aumasson, Bernstein), fed in pieces:
 * names that clients choose must not be made to collide.
 */

#ifndef TENANT_SIPHASH_H
#define TENANT_SIPHASH_H


#include <stddef.h>
#include <stdint.h>


typedef struct {
    uint64_t  lo;
    uint64_t  hi;
} tenant_hash_t;


typedef struct {
    uint64_t  v[4];
    uint64_t  tail;      /* bytes that fill no word yet */
    size_t    len;
} tenant_siphash_t;


void tenant_siphash_init(tenant_siphash_t *state, const tenant_hash_t *key);
void tenant_siphash_update(tenant_siphash_t *state, const void *data,
    size_t len);

/* The text and a NUL: pieces that have none themselves stay apart. */
void tenant_siphash_text(tenant_siphash_t *state, const void *data,
    size_t len);

tenant_hash_t tenant_siphash_final(tenant_siphash_t *state);


#endif /* TENANT_SIPHASH_H */
