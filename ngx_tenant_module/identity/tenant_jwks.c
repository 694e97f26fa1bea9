#include <openssl/crypto.h>
#include <openssl/err.h>

#include "tenant_jwk.h"
#include "tenant_jwks.h"
#include "tenant_verify.h"


struct tenant_jwks_s {
    tenant_verifier_t  *verifier;   /* NULL: the set verifies nothing */
    size_t              count;
    tenant_jwk_t        keys[];
};


/* ORDER tenant_jwks_status_t */
static const char *const  tenant_jwks_reasons[] = {
    "valid",
    "key set is not valid JSON",
    "key set without a \"keys\" array",
    "key set with more than 256 keys",
    "no memory for the key set",
};


const char *
tenant_jwks_reason(tenant_jwks_status_t status)
{
    return tenant_jwks_reasons[status];
}


static bool
tenant_jwks_add(tenant_jwks_t *jwks, const json_t *json, size_t index,
    tenant_jwks_skip_pt skip, void *data)
{
    tenant_jwk_t         *jwk = &jwks->keys[jwks->count];
    const char           *reason = NULL;
    tenant_jwk_status_t   status;

    status = tenant_jwk_parse(json, jwk, &reason);

    if (status == TENANT_JWK_OK) {
        jwks->count++;
        return true;
    }

    tenant_jwk_clear(jwk);

    if (status == TENANT_JWK_NO_MEMORY) {
        return false;
    }

    if (skip != NULL) {
        skip(data, index, tenant_jwk_kid(json), reason);
    }

    return true;
}


tenant_jwks_status_t
tenant_jwks_from_json(const json_t *root, tenant_verifier_t *verifier,
    tenant_jwks_skip_pt skip, void *data, tenant_jwks_t **jwks)
{
    const json_t   *keys = json_object_get(root, "keys");
    tenant_jwks_t  *set;
    size_t          i, n;

    *jwks = NULL;

    if (!json_is_array(keys)) {
        return TENANT_JWKS_NOT_A_SET;
    }

    n = json_array_size(keys);

    if (n > TENANT_JWKS_KEYS_MAX) {
        return TENANT_JWKS_TOO_MANY_KEYS;
    }

    ERR_clear_error();
    set = OPENSSL_zalloc(sizeof(*set) + n * sizeof(set->keys[0]));

    if (set == NULL) {
        ERR_clear_error();
        return TENANT_JWKS_NO_MEMORY;
    }

    set->verifier = verifier;

    for (i = 0; i < n; i++) {
        if (!tenant_jwks_add(set, json_array_get(keys, i), i, skip, data)) {
            tenant_jwks_free(set);
            ERR_clear_error();
            return TENANT_JWKS_NO_MEMORY;
        }
    }

    *jwks = set;
    return TENANT_JWKS_OK;
}


tenant_jwks_status_t
tenant_jwks_parse(const char *text, size_t len, tenant_verifier_t *verifier,
    tenant_jwks_skip_pt skip, void *data, tenant_jwks_t **jwks,
    tenant_json_error_t *err)
{
    tenant_json_error_t   local;
    tenant_jwks_status_t  status;
    json_t               *root;

    if (err == NULL) {
        err = &local;
    }

    *jwks = NULL;
    root = tenant_json_parse(text, len, &tenant_json_jwks_limits, err);

    if (root == NULL) {
        return err->code == TENANT_JSON_NO_MEMORY ? TENANT_JWKS_NO_MEMORY
                                                  : TENANT_JWKS_JSON;
    }

    status = tenant_jwks_from_json(root, verifier, skip, data, jwks);
    json_decref(root);
    return status;
}


void
tenant_jwks_free(tenant_jwks_t *jwks)
{
    size_t  i;

    if (jwks == NULL) {
        return;
    }

    for (i = 0; i < jwks->count; i++) {
        tenant_verifier_drop(jwks->verifier, &jwks->keys[i]);
        tenant_jwk_clear(&jwks->keys[i]);
    }

    OPENSSL_free(jwks);
}


size_t
tenant_jwks_count(const tenant_jwks_t *jwks)
{
    return jwks->count;
}


tenant_str_t
tenant_jwks_kid(const tenant_jwks_t *jwks, size_t index)
{
    return jwks->keys[index].kid;
}


tenant_algs_t
tenant_jwks_algs(const tenant_jwks_t *jwks, size_t index)
{
    return jwks->keys[index].algs;
}


size_t
tenant_jwks_find(const tenant_jwks_t *jwks, tenant_str_t kid, size_t from)
{
    const tenant_jwk_t  *jwk;
    size_t               i;

    for (i = from; i < jwks->count; i++) {
        jwk = &jwks->keys[i];

        if (jwk->kid.data != NULL && tenant_str_eq(jwk->kid, kid)) {
            return i;
        }
    }

    return jwks->count;
}


tenant_verify_t
tenant_jwks_verify(tenant_jwks_t *jwks, size_t index, tenant_alg_t alg,
    const char *msg, size_t msg_len, const uint8_t *sig, size_t sig_len)
{
    tenant_jwk_t  *jwk = &jwks->keys[index];

    if (!(jwk->algs & TENANT_ALG_BIT(alg))) {
        return TENANT_VERIFY_BAD;
    }

    if (jwks->verifier == NULL) {
        return TENANT_VERIFY_FAULT;
    }

    return tenant_verify(jwks->verifier, jwk, alg, msg, msg_len, sig,
                         sig_len);
}
