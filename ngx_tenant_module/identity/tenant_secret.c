#include <stddef.h>
#include <string.h>

#include "tenant_secret.h"


/* RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1; RFC 8037, section 2 */
static const char *const  tenant_secret_members[] = {
    "k", "d", "p", "q", "dp", "dq", "qi", "oth", NULL
};


static json_t *
tenant_secret_keys(const json_t *issuer)
{
    return json_object_get(json_object_get(issuer, "jwks"), "keys");
}


bool
tenant_secret_conceal(json_t *issuer)
{
    json_t  *keys = tenant_secret_keys(issuer);
    size_t   i, n;
    bool     any;

    any = json_object_del(json_object_get(issuer, "introspection"),
                          "client_secret") == 0;

    for (i = 0; i < json_array_size(keys); i++) {
        for (n = 0; tenant_secret_members[n] != NULL; n++) {
            any |= json_object_del(json_array_get(keys, i),
                                   tenant_secret_members[n]) == 0;
        }
    }

    return any;
}


/* Whether both have the member, as the same string. */
static bool
tenant_secret_same(const json_t *a, const json_t *b, const char *name)
{
    const json_t  *x = json_object_get(a, name);
    const json_t  *y = json_object_get(b, name);

    return json_is_string(x) && json_equal(x, y);
}


/* Without an endpoint it is where the discovery document says. */
static bool
tenant_secret_same_endpoint(const json_t *issuer, const json_t *before)
{
    const json_t  *now = json_object_get(issuer, "introspection");
    const json_t  *was = json_object_get(before, "introspection");

    if (json_object_get(now, "endpoint") == NULL
        && json_object_get(was, "endpoint") == NULL)
    {
        return tenant_secret_same(issuer, before, "discovery");
    }

    return tenant_secret_same(now, was, "endpoint");
}


static bool
tenant_secret_keep_client(json_t *issuer, const json_t *before)
{
    json_t        *now = json_object_get(issuer, "introspection");
    const json_t  *was = json_object_get(before, "introspection");
    json_t        *secret = json_object_get(was, "client_secret");

    if (!json_is_object(now) || secret == NULL
        || json_object_get(now, "client_secret") != NULL
        || json_object_get(now, "client_secret_file") != NULL
        || !tenant_secret_same_endpoint(issuer, before)
        || !tenant_secret_same(now, was, "client_id"))
    {
        return true;
    }

    return json_object_set(now, "client_secret", secret) == 0;
}


static bool
tenant_secret_symmetric(const json_t *key)
{
    const char  *kty = json_string_value(json_object_get(key, "kty"));

    return kty != NULL && strcmp(kty, "oct") == 0;
}


static bool
tenant_secret_keep_key(json_t *key, const json_t *before)
{
    const json_t  *was;
    json_t        *k;
    size_t         i;

    if (!tenant_secret_symmetric(key) || json_object_get(key, "k") != NULL) {
        return true;
    }

    for (i = 0; i < json_array_size(before); i++) {
        was = json_array_get(before, i);
        k = json_object_get(was, "k");

        if (k != NULL && tenant_secret_symmetric(was)
            && tenant_secret_same(key, was, "kid"))
        {
            return json_object_set(key, "k", k) == 0;
        }
    }

    return true;
}


bool
tenant_secret_keep(json_t *issuer, const json_t *before)
{
    json_t  *keys = tenant_secret_keys(issuer);
    size_t   i;

    for (i = 0; i < json_array_size(keys); i++) {
        if (!tenant_secret_keep_key(json_array_get(keys, i),
                                    tenant_secret_keys(before)))
        {
            return false;
        }
    }

    return tenant_secret_keep_client(issuer, before);
}
