#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "tenant_b64url.h"
#include "tenant_jwk.h"
#include "tenant_prepared.h"


typedef struct {
    tenant_str_t   crv;             /* RFC 7518 section 6.2.1.1, RFC 8812 */
    const char    *group;           /* OpenSSL's name */
    size_t         coordinate_len;  /* bytes */
    tenant_alg_t   alg;
} tenant_jwk_curve_t;


typedef struct {
    tenant_str_t   crv;             /* RFC 8037 section 2 */
    const char    *type;            /* OpenSSL's name */
    size_t         key_len;         /* bytes */
    size_t         sig_len;
} tenant_jwk_edwards_t;


static const tenant_jwk_curve_t  tenant_jwk_curves[] = {
    { { "P-256", 5 }, "P-256", 32, TENANT_ALG_ES256 },
    { { "P-384", 5 }, "P-384", 48, TENANT_ALG_ES384 },
    { { "P-521", 5 }, "P-521", 66, TENANT_ALG_ES512 },
    { { "secp256k1", 9 }, "secp256k1", 32, TENANT_ALG_ES256K },
};

static const tenant_jwk_edwards_t  tenant_jwk_edwards[] = {
    { { "Ed25519", 7 }, "ED25519", 32, 64 },
    { { "Ed448", 5 }, "ED448", 57, 114 },
};

/* RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2 */
static const char *const  tenant_jwk_private_members[] = {
    "d", "p", "q", "dp", "dq", "qi", "oth",
};

#define TENANT_JWK_COUNT(array)  (sizeof(array) / sizeof((array)[0]))


static tenant_jwk_status_t
tenant_jwk_skip(const char **reason, const char *text)
{
    *reason = text;
    return TENANT_JWK_SKIP;
}


/*
 * OpenSSL would not make a key that passed our own checks.  Some allocation
 * failures leave only a vague error behind, so whatever is no verdict on the
 * key counts as one: a set must not look complete without it.
 */
static tenant_jwk_status_t
tenant_jwk_refused(const char **reason)
{
    tenant_jwk_status_t  status = TENANT_JWK_NO_MEMORY;
    unsigned long        code;
    bool                 no_memory = false;

    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
            no_memory = true;

        } else if (ERR_GET_LIB(code) == ERR_LIB_EC
                   && (ERR_GET_REASON(code) == EC_R_POINT_IS_NOT_ON_CURVE
                       || ERR_GET_REASON(code) == EC_R_INVALID_ENCODING))
        {
            status = tenant_jwk_skip(reason, "EC point is not on its curve");

        } else if (ERR_GET_REASON(code) == ERR_R_UNSUPPORTED) {
            status = tenant_jwk_skip(reason, "not supported by the OpenSSL"
                                             " in use");
        }
    }

    return no_memory ? TENANT_JWK_NO_MEMORY : status;
}


/* A base64url member of 1 to size bytes. */
static bool
tenant_jwk_bytes(const json_t *json, const char *name, uint8_t *buf,
    size_t size, size_t *len)
{
    tenant_str_t  text = tenant_json_string(json_object_get(json, name));

    return text.len != 0 && TENANT_B64URL_DECODED(text.len) <= size
           && tenant_b64url_decode(buf, len, text.data, text.len);
}


static bool
tenant_jwk_kid_valid(tenant_str_t kid)
{
    return kid.len != 0 && kid.len <= TENANT_JWK_KID_MAX;
}


tenant_str_t
tenant_jwk_kid(const json_t *json)
{
    tenant_str_t  kid = tenant_json_string(json_object_get(json, "kid"));

    return tenant_jwk_kid_valid(kid) ? kid : (tenant_str_t) { NULL, 0 };
}


/* RFC 7517 section 4.3: a set of strings; ours must have "verify" in it */
static bool
tenant_jwk_may_verify(const json_t *key_ops)
{
    const json_t  *value;
    size_t         i;
    bool           found = false;

    for (i = 0; i < json_array_size(key_ops); i++) {
        value = json_array_get(key_ops, i);

        if (!json_is_string(value)) {
            return false;
        }

        found |= tenant_str_eq(tenant_json_string(value),
                               tenant_str("verify"));
    }

    return found;
}


/* use, key_ops and kid: what any kty may carry */
static tenant_jwk_status_t
tenant_jwk_check_common(const json_t *json, const char **reason)
{
    const json_t  *use = json_object_get(json, "use");
    const json_t  *key_ops = json_object_get(json, "key_ops");
    const json_t  *kid = json_object_get(json, "kid");

    if (use != NULL
        && !tenant_str_eq(tenant_json_string(use), tenant_str("sig")))
    {
        return tenant_jwk_skip(reason, "use is not \"sig\"");
    }

    if (key_ops != NULL && !tenant_jwk_may_verify(key_ops)) {
        return tenant_jwk_skip(reason, "key_ops without \"verify\"");
    }

    if (kid != NULL && !tenant_jwk_kid_valid(tenant_json_string(kid))) {
        return tenant_jwk_skip(reason, "kid is not a string of 1 to 256"
                                       " bytes");
    }

    return TENANT_JWK_OK;
}


static tenant_jwk_status_t
tenant_jwk_check_public(const json_t *json, const char **reason)
{
    size_t  i;

    for (i = 0; i < TENANT_JWK_COUNT(tenant_jwk_private_members); i++) {
        if (json_object_get(json, tenant_jwk_private_members[i]) != NULL) {
            /* whoever can read the set can sign with it */
            return tenant_jwk_skip(reason, "private key in a key set");
        }
    }

    return TENANT_JWK_OK;
}


/* The key's own "alg" leaves one of the algorithms that its kty allows. */
static tenant_jwk_status_t
tenant_jwk_narrow(const json_t *json, tenant_jwk_t *jwk, const char **reason)
{
    const json_t  *value = json_object_get(json, "alg");
    tenant_alg_t   alg;

    if (value == NULL) {
        return TENANT_JWK_OK;
    }

    if (!tenant_alg_find(tenant_json_string(value), &alg)) {
        return tenant_jwk_skip(reason, "alg is not a supported signature"
                                       " algorithm");
    }

    jwk->algs &= TENANT_ALG_BIT(alg);

    return jwk->algs ? TENANT_JWK_OK
                     : tenant_jwk_skip(reason, "alg does not fit the key");
}


static bool
tenant_jwk_set_bytes(tenant_jwk_t *jwk, const uint8_t *bytes, size_t len)
{
    jwk->bytes = OPENSSL_memdup(bytes, len);
    jwk->len = len;
    return jwk->bytes != NULL;
}


/*
 * The last word on a key of len bytes is OpenSSL's, which makes one that is
 * not kept.
 */
static tenant_jwk_status_t
tenant_jwk_try(tenant_jwk_t *jwk, const uint8_t *bytes, size_t len,
    const char **reason)
{
    tenant_prepared_t  *prepared;

    if (!tenant_jwk_set_bytes(jwk, bytes, len)) {
        return TENANT_JWK_NO_MEMORY;
    }

    prepared = tenant_prepared_create(jwk);

    if (prepared == NULL) {
        return tenant_jwk_refused(reason);
    }

    tenant_prepared_free(prepared);
    return TENANT_JWK_OK;
}


static tenant_jwk_status_t
tenant_jwk_check_rsa(tenant_jwk_t *jwk, const BIGNUM *n, const BIGNUM *e,
    const char **reason)
{
    int  bits = BN_num_bits(n);

    if (bits < TENANT_JWK_RSA_BITS_MIN || bits > TENANT_JWK_RSA_BITS_MAX) {
        return tenant_jwk_skip(reason, "RSA modulus not of 2048 to 8192"
                                       " bits");
    }

    if (!BN_is_odd(n)) {
        return tenant_jwk_skip(reason, "RSA modulus is even");
    }

    /* e = 1 makes every message its own signature */
    if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64) {
        return tenant_jwk_skip(reason, "RSA exponent is even, 1 or above"
                                       " 64 bits");
    }

    jwk->sig_len = (size_t) (bits + 7) / 8;
    return TENANT_JWK_OK;
}


/* RFC 7518 section 6.3.1 */
static tenant_jwk_status_t
tenant_jwk_parse_rsa(const json_t *json, tenant_jwk_t *jwk,
    const char **reason)
{
    /* some providers put a zero octet before n, as DER would */
    uint8_t               buf[2 * (TENANT_JWK_RSA_BITS_MAX / 8 + 1)];
    BIGNUM               *n, *e;
    size_t                n_len, half = sizeof(buf) / 2;
    tenant_jwk_status_t   status;

    if (!tenant_jwk_bytes(json, "n", buf, half, &n_len)) {
        return tenant_jwk_skip(reason, "n is missing, not base64url or too"
                                       " long");
    }

    if (!tenant_jwk_bytes(json, "e", buf + n_len, half, &jwk->e_len)) {
        return tenant_jwk_skip(reason, "e is missing, not base64url or too"
                                       " long");
    }

    n = BN_bin2bn(buf, (int) n_len, NULL);
    e = BN_bin2bn(buf + n_len, (int) jwk->e_len, NULL);

    jwk->algs = TENANT_ALGS_RSA;
    jwk->first = TENANT_ALG_RS256;
    jwk->type = "RSA";
    status = n != NULL && e != NULL ? tenant_jwk_check_rsa(jwk, n, e, reason)
                                    : TENANT_JWK_NO_MEMORY;
    BN_free(n);
    BN_free(e);

    return status == TENANT_JWK_OK
           ? tenant_jwk_try(jwk, buf, n_len + jwk->e_len, reason) : status;
}


/* RFC 7518 section 6.2.1: coordinates have the full length of the field */
static tenant_jwk_status_t
tenant_jwk_parse_ec(const json_t *json, tenant_jwk_t *jwk,
    const char **reason)
{
    const tenant_jwk_curve_t  *curve;
    tenant_str_t               crv;
    uint8_t                    point[1 + 2 * TENANT_JWK_COORDINATE_MAX];
    size_t                     i, len, x_len, y_len;

    crv = tenant_json_string(json_object_get(json, "crv"));

    for (i = 0; i < TENANT_JWK_COUNT(tenant_jwk_curves); i++) {
        if (tenant_str_eq(tenant_jwk_curves[i].crv, crv)) {
            break;
        }
    }

    if (i == TENANT_JWK_COUNT(tenant_jwk_curves)) {
        return tenant_jwk_skip(reason, "crv is not a supported EC curve");
    }

    curve = &tenant_jwk_curves[i];
    len = curve->coordinate_len;
    point[0] = 0x04;                /* uncompressed, SEC 1 section 2.3.3 */

    if (!tenant_jwk_bytes(json, "x", point + 1, len, &x_len)
        || !tenant_jwk_bytes(json, "y", point + 1 + len, len, &y_len)
        || x_len != len || y_len != len)
    {
        return tenant_jwk_skip(reason, "x or y is missing or not of the"
                                       " curve's length");
    }

    jwk->algs = TENANT_ALG_BIT(curve->alg);
    jwk->first = curve->alg;
    jwk->type = "EC";
    jwk->group = curve->group;
    jwk->sig_len = 2 * len;
    return tenant_jwk_try(jwk, point, 1 + 2 * len, reason);
}


/* RFC 8037 section 2; X25519 and X448 cannot sign */
static tenant_jwk_status_t
tenant_jwk_parse_okp(const json_t *json, tenant_jwk_t *jwk,
    const char **reason)
{
    const tenant_jwk_edwards_t  *curve;
    tenant_str_t                 crv;
    uint8_t                      x[57];
    size_t                       i, len;

    crv = tenant_json_string(json_object_get(json, "crv"));

    for (i = 0; i < TENANT_JWK_COUNT(tenant_jwk_edwards); i++) {
        if (tenant_str_eq(tenant_jwk_edwards[i].crv, crv)) {
            break;
        }
    }

    if (i == TENANT_JWK_COUNT(tenant_jwk_edwards)) {
        return tenant_jwk_skip(reason, "crv is not Ed25519 or Ed448");
    }

    curve = &tenant_jwk_edwards[i];

    if (!tenant_jwk_bytes(json, "x", x, curve->key_len, &len)
        || len != curve->key_len)
    {
        return tenant_jwk_skip(reason, "x is missing or not of the curve's"
                                       " length");
    }

    jwk->algs = TENANT_ALG_BIT(TENANT_ALG_EDDSA);
    jwk->first = TENANT_ALG_EDDSA;
    jwk->type = curve->type;
    jwk->sig_len = curve->sig_len;
    return tenant_jwk_try(jwk, x, len, reason);
}


/* RFC 7518 section 3.2: a key at least as long as the digest */
static tenant_jwk_status_t
tenant_jwk_parse_oct(const json_t *json, tenant_jwk_t *jwk,
    const char **reason)
{
    uint8_t       secret[TENANT_JWK_SECRET_MAX];
    tenant_alg_t  alg;
    size_t        len;
    bool          kept;

    if (!tenant_jwk_bytes(json, "k", secret, sizeof(secret), &len)) {
        return tenant_jwk_skip(reason, "k is missing, empty, not base64url"
                                       " or too long");
    }

    jwk->first = TENANT_ALG_HS256;

    for (alg = TENANT_ALG_HS256; alg <= TENANT_ALG_HS512; alg++) {
        if (len >= tenant_alg_digest_len(alg)) {
            jwk->algs |= TENANT_ALG_BIT(alg);
        }
    }

    if (jwk->algs == 0) {
        OPENSSL_cleanse(secret, sizeof(secret));
        return tenant_jwk_skip(reason, "k is shorter than 32 bytes");
    }

    kept = tenant_jwk_set_bytes(jwk, secret, len);
    OPENSSL_cleanse(secret, sizeof(secret));

    return kept ? TENANT_JWK_OK : TENANT_JWK_NO_MEMORY;
}


static tenant_jwk_status_t
tenant_jwk_parse_kty(const json_t *json, tenant_jwk_t *jwk,
    const char **reason)
{
    tenant_str_t         kty;
    tenant_jwk_status_t  status;

    kty = tenant_json_string(json_object_get(json, "kty"));

    if (tenant_str_eq(kty, tenant_str("oct"))) {
        return tenant_jwk_parse_oct(json, jwk, reason);
    }

    status = tenant_jwk_check_public(json, reason);

    if (status != TENANT_JWK_OK) {
        return status;
    }

    if (tenant_str_eq(kty, tenant_str("RSA"))) {
        return tenant_jwk_parse_rsa(json, jwk, reason);
    }

    if (tenant_str_eq(kty, tenant_str("EC"))) {
        return tenant_jwk_parse_ec(json, jwk, reason);
    }

    if (tenant_str_eq(kty, tenant_str("OKP"))) {
        return tenant_jwk_parse_okp(json, jwk, reason);
    }

    return tenant_jwk_skip(reason, "kty is not RSA, EC, OKP or oct");
}


tenant_jwk_status_t
tenant_jwk_parse(const json_t *json, tenant_jwk_t *jwk, const char **reason)
{
    tenant_str_t         kid;
    tenant_jwk_status_t  status;

    if (!json_is_object(json)) {
        return tenant_jwk_skip(reason, "not an object");
    }

    status = tenant_jwk_check_common(json, reason);

    if (status == TENANT_JWK_OK) {
        status = tenant_jwk_parse_kty(json, jwk, reason);
    }

    if (status == TENANT_JWK_OK) {
        status = tenant_jwk_narrow(json, jwk, reason);
    }

    kid = tenant_jwk_kid(json);

    if (status == TENANT_JWK_OK && kid.data != NULL) {
        jwk->kid.data = OPENSSL_memdup(kid.data, kid.len);
        jwk->kid.len = kid.len;

        if (jwk->kid.data == NULL) {
            return TENANT_JWK_NO_MEMORY;
        }
    }

    return status;
}


void
tenant_jwk_clear(tenant_jwk_t *jwk)
{
    OPENSSL_clear_free(jwk->bytes, jwk->len);
    OPENSSL_free((void *) jwk->kid.data);
    OPENSSL_cleanse(jwk, sizeof(*jwk));
}
