#include "tenant_siphash.h"


#define TENANT_ROTL(x, b)  (((x) << (b)) | ((x) >> (64 - (b))))


static void
tenant_siphash_rounds(uint64_t *v, int n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = TENANT_ROTL(v[1], 13) ^ v[0];
        v[3] = TENANT_ROTL(v[3], 16) ^ v[2];
        v[0] = TENANT_ROTL(v[0], 32);

        v[2] += v[1];
        v[0] += v[3];
        v[1] = TENANT_ROTL(v[1], 17) ^ v[2];
        v[3] = TENANT_ROTL(v[3], 21) ^ v[0];
        v[2] = TENANT_ROTL(v[2], 32);
    }
}


static void
tenant_siphash_word(tenant_siphash_t *state, uint64_t word)
{
    state->v[3] ^= word;
    tenant_siphash_rounds(state->v, 2);
    state->v[0] ^= word;
}


void
tenant_siphash_init(tenant_siphash_t *state, const tenant_hash_t *key)
{
    state->v[0] = 0x736f6d6570736575ULL ^ key->lo;
    state->v[1] = 0x646f72616e646f6dULL ^ key->hi ^ 0xee;
    state->v[2] = 0x6c7967656e657261ULL ^ key->lo;
    state->v[3] = 0x7465646279746573ULL ^ key->hi;
    state->tail = 0;
    state->len = 0;
}


static uint64_t
tenant_siphash_load(const uint8_t *p)
{
    return (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16
           | (uint64_t) p[3] << 24 | (uint64_t) p[4] << 32
           | (uint64_t) p[5] << 40 | (uint64_t) p[6] << 48
           | (uint64_t) p[7] << 56;
}


void
tenant_siphash_update(tenant_siphash_t *state, const void *data, size_t len)
{
    uint64_t        word;
    unsigned        shift = 8 * (state->len & 7);
    const uint8_t  *p = data, *end = p + len;

    /* whole words, put together with what the last piece has left */

    while (end - p >= 8) {
        word = tenant_siphash_load(p);
        tenant_siphash_word(state, state->tail | word << shift);
        state->tail = shift ? word >> (64 - shift) : 0;
        state->len += 8;
        p += 8;
    }

    while (p != end) {
        state->tail |= (uint64_t) *p++ << 8 * (state->len++ & 7);

        if ((state->len & 7) == 0) {
            tenant_siphash_word(state, state->tail);
            state->tail = 0;
        }
    }
}


void
tenant_siphash_text(tenant_siphash_t *state, const void *data, size_t len)
{
    tenant_siphash_update(state, data, len);
    tenant_siphash_update(state, "", 1);
}


tenant_hash_t
tenant_siphash_final(tenant_siphash_t *state)
{
    uint64_t       *v = state->v;
    tenant_hash_t   hash;

    tenant_siphash_word(state, state->tail | (uint64_t) state->len << 56);

    v[2] ^= 0xee;
    tenant_siphash_rounds(v, 4);
    hash.lo = v[0] ^ v[1] ^ v[2] ^ v[3];

    v[1] ^= 0xdd;
    tenant_siphash_rounds(v, 4);
    hash.hi = v[0] ^ v[1] ^ v[2] ^ v[3];

    return hash;
}
