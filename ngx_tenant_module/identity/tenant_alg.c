#include "tenant_alg.h"


typedef struct {
    tenant_str_t  name;
    unsigned      digest_len;       /* bytes; 0: the algorithm hashes itself */
} tenant_alg_entry_t;


/* ORDER tenant_alg_t */
static const tenant_alg_entry_t  tenant_alg_entries[TENANT_ALG_COUNT] = {
    { { "HS256", 5 }, 32 },
    { { "HS384", 5 }, 48 },
    { { "HS512", 5 }, 64 },
    { { "RS256", 5 }, 32 },
    { { "RS384", 5 }, 48 },
    { { "RS512", 5 }, 64 },
    { { "PS256", 5 }, 32 },
    { { "PS384", 5 }, 48 },
    { { "PS512", 5 }, 64 },
    { { "ES256", 5 }, 32 },
    { { "ES384", 5 }, 48 },
    { { "ES512", 5 }, 64 },
    { { "ES256K", 6 }, 32 },
    { { "EdDSA", 5 }, 0 },
};


bool
tenant_alg_find(tenant_str_t name, tenant_alg_t *alg)
{
    unsigned  i;

    for (i = 0; i < TENANT_ALG_COUNT; i++) {
        if (tenant_str_eq(tenant_alg_entries[i].name, name)) {
            *alg = (tenant_alg_t) i;
            return true;
        }
    }

    return false;
}


const char *
tenant_alg_name(tenant_alg_t alg)
{
    return tenant_alg_entries[alg].name.data;
}


unsigned
tenant_alg_digest_len(tenant_alg_t alg)
{
    return tenant_alg_entries[alg].digest_len;
}
