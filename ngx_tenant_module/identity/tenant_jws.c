#include <string.h>

#include "tenant_b64url.h"
#include "tenant_jws.h"


typedef struct {
    tenant_str_t  header;           /* base64url, as sent */
    tenant_str_t  payload;
    tenant_str_t  sig;
} tenant_jws_parts_t;


/* ORDER tenant_jws_result_t */
static const char *const  tenant_jws_descriptions[] = {
    "valid",
    "token is too large",
    "token is malformed",
    "algorithm is not supported",
    "algorithm is not allowed for this issuer",
    "key is not known",
    "no key for this algorithm",
    "signature is invalid",
    "verification could not be done",
};


const char *
tenant_jws_describe(tenant_jws_result_t result)
{
    return tenant_jws_descriptions[result];
}


static tenant_jws_result_t
tenant_jws_refuse(tenant_jws_t *jws, tenant_jws_result_t result,
    const char *reason)
{
    jws->reason = reason;
    return result;
}


/* BASE64URL(header) "." BASE64URL(payload) "." BASE64URL(signature) */
static bool
tenant_jws_split(tenant_jws_parts_t *parts, const char *token, size_t len)
{
    const char  *end = token + len, *dot1, *dot2;

    dot1 = memchr(token, '.', len);

    if (dot1 == NULL) {
        return false;
    }

    dot2 = memchr(dot1 + 1, '.', (size_t) (end - dot1 - 1));

    if (dot2 == NULL || memchr(dot2 + 1, '.', (size_t) (end - dot2 - 1))) {
        return false;
    }

    parts->header.data = token;
    parts->header.len = (size_t) (dot1 - token);
    parts->payload.data = dot1 + 1;
    parts->payload.len = (size_t) (dot2 - dot1 - 1);
    parts->sig.data = dot2 + 1;
    parts->sig.len = (size_t) (end - dot2 - 1);

    return parts->header.len && parts->payload.len && parts->sig.len;
}


static void
tenant_jws_signed(tenant_jws_t *jws, const tenant_jws_parts_t *parts)
{
    jws->header_len = parts->header.len;
    jws->signed_part.data = parts->header.data;
    jws->signed_part.len = parts->header.len + 1 + parts->payload.len;
}


/*
 * The same for a token like the last one: its header is kept, and its
 * signature as long.  Whether there are more dots is seen when the parts are
 * decoded: none is a digit.
 */
static bool
tenant_jws_split_again(tenant_jws_t *jws, tenant_jws_parts_t *parts,
    const char *token, size_t len, tenant_jws_headers_t *headers)
{
    tenant_jws_header_t  *kept;
    const char           *dot;

    kept = tenant_jws_headers_again(headers, token, len);

    if (kept == NULL || kept->sig_len == 0
        || len - kept->len < (size_t) kept->sig_len + 3)
    {
        return false;
    }

    dot = token + len - kept->sig_len - 1;

    if (*dot != '.') {
        return false;
    }

    parts->header.data = token;
    parts->header.len = kept->len;
    parts->payload.data = token + kept->len + 1;
    parts->payload.len = (size_t) (dot - parts->payload.data);
    parts->sig.data = dot + 1;
    parts->sig.len = kept->sig_len;

    jws->headers = headers;
    jws->kept = kept;
    tenant_jws_signed(jws, parts);
    return true;
}


static bool
tenant_jws_decode_part(uint8_t **dst, tenant_str_t part, tenant_str_t *decoded)
{
    size_t  len;

    if (!tenant_b64url_decode(*dst, &len, part.data, part.len)) {
        return false;
    }

    decoded->data = (const char *) *dst;
    decoded->len = len;
    *dst += len;
    return true;
}


/* RFC 7515 section 4.1.9: media types compare without regard to case */
static bool
tenant_jws_same_type(tenant_str_t a, tenant_str_t b)
{
    size_t         i;
    unsigned char  x, y;

    if (a.len != b.len) {
        return false;
    }

    for (i = 0; i < a.len; i++) {
        x = (unsigned char) a.data[i];
        y = (unsigned char) b.data[i];
        x = x >= 'A' && x <= 'Z' ? x | 0x20 : x;
        y = y >= 'A' && y <= 'Z' ? y | 0x20 : y;

        if (x != y) {
            return false;
        }
    }

    return true;
}


static bool
tenant_jws_typ_accepted(const tenant_jws_conf_t *conf, tenant_str_t typ)
{
    tenant_str_t  prefix = tenant_str("application/"), start;
    size_t        i;

    start.data = typ.data;
    start.len = prefix.len;

    if (typ.len > prefix.len && tenant_jws_same_type(start, prefix)) {
        typ.data += prefix.len;
        typ.len -= prefix.len;
    }

    for (i = 0; i < conf->ntyp; i++) {
        if (tenant_jws_same_type(typ, conf->typ[i])) {
            return true;
        }
    }

    return false;
}


static bool
tenant_jws_kid_accepted(tenant_str_t kid)
{
    size_t  i;

    for (i = 0; i < kid.len; i++) {
        if ((unsigned char) kid.data[i] < 0x20 || kid.data[i] == 0x7f) {
            return false;
        }
    }

    return kid.len != 0 && kid.len <= TENANT_JWK_KID_MAX;
}


static tenant_jws_result_t
tenant_jws_kid(tenant_jws_t *jws, const tenant_value_t *header)
{
    const tenant_value_t  *value = tenant_value_get(header,
                                                    tenant_str("kid"));
    tenant_str_t           kid;

    if (value == NULL) {
        return TENANT_JWS_OK;
    }

    kid = tenant_value_text(value);

    if (!tenant_jws_kid_accepted(kid)) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "kid is not a string of 1 to 256 printable"
                                 " bytes");
    }

    jws->kid = kid;
    return TENANT_JWS_OK;
}


/* typ and cty, RFC 7515 sections 4.1.9 and 4.1.10 */
static tenant_jws_result_t
tenant_jws_types(tenant_jws_t *jws, const tenant_value_t *header,
    const tenant_jws_conf_t *conf)
{
    const tenant_value_t  *typ = tenant_value_get(header, tenant_str("typ"));
    const tenant_value_t  *cty = tenant_value_get(header, tenant_str("cty"));
    tenant_str_t   type;

    if (typ != NULL && typ->kind != TENANT_VALUE_STRING) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "typ is not a string");
    }

    if (conf->ntyp != 0
        && (typ == NULL
            || !tenant_jws_typ_accepted(conf, tenant_value_text(typ))))
    {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "typ is not an accepted token type");
    }

    if (cty == NULL) {
        return TENANT_JWS_OK;
    }

    type = tenant_value_text(cty);

    if (type.data == NULL || tenant_jws_same_type(type, tenant_str("JWT"))) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "cty is not a string or names a nested"
                                 " token");
    }

    return TENANT_JWS_OK;
}


static tenant_jws_result_t
tenant_jws_alg(tenant_jws_t *jws, const tenant_value_t *header)
{
    const tenant_value_t  *value = tenant_value_get(header, tenant_str("alg"));

    if (!tenant_value_is(value, TENANT_VALUE_STRING)) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "alg is missing or not a string");
    }

    if (!tenant_alg_find(tenant_value_text(value), &jws->alg)) {
        return tenant_jws_refuse(jws, TENANT_JWS_UNSUPPORTED_ALG,
                                 "alg is not a supported signature"
                                 " algorithm");
    }

    return TENANT_JWS_OK;
}


static tenant_jws_result_t
tenant_jws_header(tenant_jws_t *jws, const tenant_value_t *header,
    const tenant_jws_conf_t *conf)
{
    tenant_jws_result_t  result;

    if (tenant_value_get(header, tenant_str("crit")) != NULL) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "crit names extensions and none is"
                                 " understood");
    }

    if (tenant_value_get(header, tenant_str("b64")) != NULL) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "b64 is not supported");
    }

    result = tenant_jws_alg(jws, header);

    if (result == TENANT_JWS_OK) {
        result = tenant_jws_types(jws, header, conf);
    }

    if (result == TENANT_JWS_OK) {
        result = tenant_jws_kid(jws, header);
    }

    return result;
}


/* The header, decoded: what it says, and whether that is accepted. */
static tenant_jws_result_t
tenant_jws_read(tenant_jws_t *jws, tenant_tape_t *tape, tenant_str_t header,
    const tenant_jws_conf_t *conf)
{
    const tenant_value_t  *values;
    tenant_json_error_t    err;

    values = tenant_value_read(tape, (char *) header.data, header.len,
                               &tenant_json_token_limits, &err);

    if (values == NULL) {
        return tenant_jws_refuse(jws, err.code == TENANT_JSON_NO_MEMORY
                                      ? TENANT_JWS_FAULT
                                      : TENANT_JWS_MALFORMED,
                                 "header is not strict JSON");
    }

    return tenant_jws_header(jws, values, conf);
}


/* Whether the header is kept, with what it says. */
static bool
tenant_jws_known(tenant_jws_t *jws)
{
    if (jws->kept == NULL) {
        return false;
    }

    jws->alg = jws->kept->alg;

    if (jws->kept->kid_len != 0) {
        jws->kid.data = jws->kept->kid;
        jws->kid.len = jws->kept->kid_len;
    }

    return true;
}


/* Of a verified token, whose claims stand where tenant_jws_claims() left
   them. */
static void
tenant_jws_keep(tenant_jws_t *jws)
{
    tenant_str_t  header = { jws->signed_part.data, jws->header_len };

    if (jws->headers == NULL) {
        return;
    }

    if (jws->kept == NULL) {
        jws->kept = tenant_jws_headers_keep(jws->headers, header, jws->alg,
                                            jws->kid);
    }

    jws->kept->sig_len = (uint16_t) TENANT_B64URL_ENCODED(jws->sig_len);

    if (jws->claims != NULL) {
        tenant_jws_header_claims(jws->kept, jws->claims, jws->alike);
    }
}


static tenant_jws_result_t
tenant_jws_decode(tenant_jws_t *jws, tenant_tape_t *tape,
    const tenant_jws_parts_t *parts, const tenant_jws_conf_t *conf,
    uint8_t *scratch)
{
    tenant_str_t  header, sig;
    uint8_t      *dst = scratch;
    bool          known = tenant_jws_known(jws);

    if ((!known && !tenant_jws_decode_part(&dst, parts->header, &header))
        || !tenant_jws_decode_part(&dst, parts->payload, &jws->payload)
        || !tenant_jws_decode_part(&dst, parts->sig, &sig))
    {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "a part is not canonical base64url");
    }

    jws->sig = (const uint8_t *) sig.data;
    jws->sig_len = sig.len;

    return known ? TENANT_JWS_OK : tenant_jws_read(jws, tape, header, conf);
}


tenant_jws_result_t
tenant_jws_parse(tenant_jws_t *jws, tenant_tape_t *tape, const char *token,
    size_t len, const tenant_jws_conf_t *conf, uint8_t *scratch,
    size_t scratch_len)
{
    tenant_jws_result_t  result;
    tenant_jws_parts_t   parts;
    size_t               max_len;

    memset(jws, 0, sizeof(*jws));

    max_len = conf->max_len != 0 ? conf->max_len : TENANT_JWS_LEN_DEFAULT;

    if (len > max_len || len > TENANT_JWS_LEN_MAX) {
        return tenant_jws_refuse(jws, TENANT_JWS_TOO_LARGE,
                                 "token is too large");
    }

    if (scratch_len < TENANT_JWS_SCRATCH(len)) {
        return tenant_jws_refuse(jws, TENANT_JWS_FAULT,
                                 "scratch buffer is too small");
    }

    if (conf->headers != NULL
        && tenant_jws_split_again(jws, &parts, token, len, conf->headers))
    {
        result = tenant_jws_decode(jws, tape, &parts, conf, scratch);

        if (result == TENANT_JWS_OK) {
            return TENANT_JWS_OK;
        }

        /* another dot, perhaps, which is another reason */
        memset(jws, 0, sizeof(*jws));
    }

    if (!tenant_jws_split(&parts, token, len)) {
        return tenant_jws_refuse(jws, TENANT_JWS_MALFORMED,
                                 "not three parts with two dots");
    }

    if (conf->headers != NULL && parts.header.len <= TENANT_JWS_HEADER_MAX) {
        jws->headers = conf->headers;
        jws->kept = tenant_jws_headers_find(conf->headers, parts.header);
    }

    tenant_jws_signed(jws, &parts);
    return tenant_jws_decode(jws, tape, &parts, conf, scratch);
}


tenant_jws_result_t
tenant_jws_claims(tenant_jws_t *jws, tenant_tape_t *tape,
    const tenant_value_t **claims, tenant_json_error_t *err)
{
    tenant_json_error_t  local;

    if (err == NULL) {
        err = &local;
    }

    /* the payload stands in the caller's scratch, before the signature */
    *claims = tenant_value_read_as(tape, (char *) jws->payload.data,
                                   jws->payload.len, jws->sig_len,
                                   &tenant_json_token_limits,
                                   jws->kept != NULL ? &jws->kept->shape
                                                     : NULL,
                                   &jws->alike, err);
    jws->claims = *claims;

    if (*claims != NULL) {
        return TENANT_JWS_OK;
    }

    jws->reason = tenant_json_reason(err->code);

    return err->code == TENANT_JSON_NO_MEMORY ? TENANT_JWS_FAULT
                                              : TENANT_JWS_MALFORMED;
}


/*
 * Of the keys to be tried the next one at or after from that may verify the
 * alg, or the count of keys.  kids counts the keys that had the kid.
 */
static size_t
tenant_jws_next_key(const tenant_jws_t *jws, const tenant_jwks_t *jwks,
    size_t from, size_t *kids)
{
    size_t  i, count = tenant_jwks_count(jwks);

    for (i = from; i < count; i++) {
        if (jws->kid.data != NULL) {
            i = tenant_jwks_find(jwks, jws->kid, i);

            if (i == count) {
                break;
            }

            (*kids)++;
        }

        if (tenant_jwks_algs(jwks, i) & TENANT_ALG_BIT(jws->alg)) {
            return i;
        }
    }

    return count;
}


tenant_jws_result_t
tenant_jws_verify(tenant_jws_t *jws, tenant_jwks_t *jwks,
    tenant_algs_t allowed, size_t *key)
{
    tenant_verify_t  verdict;
    size_t           i, count, kids = 0;
    unsigned         tries = 0;

    if (!(allowed & TENANT_ALG_BIT(jws->alg))) {
        return tenant_jws_refuse(jws, TENANT_JWS_ALG_NOT_ALLOWED,
                                 "alg is not among the issuer's");
    }

    count = tenant_jwks_count(jwks);
    i = tenant_jws_next_key(jws, jwks, 0, &kids);

    if (i == count) {
        return jws->kid.data != NULL && kids == 0
               ? tenant_jws_refuse(jws, TENANT_JWS_UNKNOWN_KID,
                                   "kid is not in the key set")
               : tenant_jws_refuse(jws, TENANT_JWS_NO_KEY,
                                   "no key may verify this alg");
    }

    while (i < count && tries++ < TENANT_JWS_TRIES_MAX) {
        verdict = tenant_jwks_verify(jwks, i, jws->alg,
                                     jws->signed_part.data,
                                     jws->signed_part.len, jws->sig,
                                     jws->sig_len);

        if (verdict == TENANT_VERIFY_OK) {
            if (key != NULL) {
                *key = i;
            }

            tenant_jws_keep(jws);
            jws->reason = NULL;
            return TENANT_JWS_OK;
        }

        if (verdict == TENANT_VERIFY_FAULT) {
            return tenant_jws_refuse(jws, TENANT_JWS_FAULT,
                                     "no memory to verify");
        }

        i = tenant_jws_next_key(jws, jwks, i + 1, &kids);
    }

    return tenant_jws_refuse(jws, TENANT_JWS_BAD_SIGNATURE,
                             "signature is not by a key of the issuer");
}
