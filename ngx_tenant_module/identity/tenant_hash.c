#include "tenant_hash.h"


__extension__ typedef unsigned __int128  tenant_hash_product_t;


static inline uint64_t
tenant_hash_fold(uint64_t a, uint64_t b)
{
    tenant_hash_product_t  product = (tenant_hash_product_t) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}


/* The n bytes at p, of at most eight, as the machine that reads them. */
static inline uint64_t
tenant_hash_load(const char *p, size_t n)
{
    uint64_t  word = 0;

    memcpy(&word, p, n);
    return word;
}


/* Multiply and fold, eight bytes a step. */
uint64_t
tenant_hash(tenant_str_t text)
{
    const char  *p = text.data;
    uint64_t     hash = UINT64_C(0x2d358dccaa6c78a5);
    size_t       n;

    for (n = text.len; n > 8; n -= 8, p += 8) {
        hash = tenant_hash_fold(tenant_hash_load(p, 8) ^ hash,
                                UINT64_C(0x8bb84b93962eacc9));
    }

    hash = tenant_hash_fold((n != 0 ? tenant_hash_load(p, n) : 0) ^ hash,
                            UINT64_C(0x4b33a62ed433d4a3));

    return tenant_hash_fold(hash ^ text.len, UINT64_C(0xa0761d6478bd642f));
}
