/*
 * JWS compact serialisation, RFC 7515 section 7.1, as JWTs use it: form,
 * JOSE header, signature.  In the order of calls:
 *
 *     tenant_jws_parse     form and header; nothing is trusted yet
 *     tenant_jws_claims    the payload as JSON, still unverified: needed to
 *                          learn the issuer and thereby the keys
 *     tenant_jws_verify    OK makes the claims true
 *
 * No memory is taken but the caller's: a scratch buffer, and a tape for the
 * values of header and payload, one after the other.
 */

#ifndef TENANT_JWS_H
#define TENANT_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "tenant_alg.h"
#include "tenant_json.h"
#include "tenant_jwks.h"
#include "tenant_jws_headers.h"
#include "tenant_str.h"
#include "tenant_value.h"


#define TENANT_JWS_LEN_DEFAULT  8192        /* bytes of token */
#define TENANT_JWS_LEN_MAX      65536
#define TENANT_JWS_TRIES_MAX    8           /* keys tried without kid */

/* Scratch for a token of n bytes. */
#define TENANT_JWS_SCRATCH(n)   ((n) + 8)


typedef enum {
    TENANT_JWS_OK = 0,
    TENANT_JWS_TOO_LARGE,           /* seen before anything is parsed */
    TENANT_JWS_MALFORMED,           /* jws->reason says what */
    TENANT_JWS_UNSUPPORTED_ALG,     /* not one of ours; "none" in any case */
    TENANT_JWS_ALG_NOT_ALLOWED,     /* ours, but not the issuer's */
    TENANT_JWS_UNKNOWN_KID,         /* a refetch of the keys may help */
    TENANT_JWS_NO_KEY,              /* no key that may verify this alg */
    TENANT_JWS_BAD_SIGNATURE,
    TENANT_JWS_FAULT                /* no memory: answer 5xx, never 401 */
} tenant_jws_result_t;


typedef struct {
    size_t               max_len;   /* bytes; 0: TENANT_JWS_LEN_DEFAULT;
                                       never above TENANT_JWS_LEN_MAX */
    const tenant_str_t  *typ;       /* accepted media types without the
                                       "application/" prefix, any case */
    size_t               ntyp;      /* 0: typ is not looked at; otherwise a
                                       token without typ is refused */
    tenant_jws_headers_t  *headers; /* NULL: none is kept */
} tenant_jws_conf_t;


/*
 * Borrows from the token, from scratch and from the headers that are kept,
 * until the next token is verified with them; holds nothing to release.
 */
typedef struct {
    tenant_str_t    signed_part;    /* header "." payload, as sent */
    size_t          header_len;     /* digits */
    tenant_jws_headers_t  *headers; /* NULL: it is too long, or none is
                                       kept */
    tenant_jws_header_t   *kept;    /* NULL: it is not among them */
    tenant_str_t    payload;        /* decoded */
    const tenant_value_t  *claims;  /* NULL: not read */
    size_t          alike;          /* of them, members as is kept */
    const uint8_t  *sig;            /* decoded */
    size_t          sig_len;
    tenant_alg_t    alg;
    tenant_str_t    kid;            /* data NULL: none.  Safe to look up;
                                       escape it when logging */
    const char     *reason;         /* static; why the last call refused */
} tenant_jws_t;


/*
 * Splits, decodes and checks the header of len bytes of token.  scratch has
 * room for TENANT_JWS_SCRATCH(len) bytes and must live as long as *jws; the
 * tape is free again afterwards.
 *
 * Refused: anything but three non-empty base64url parts; a header that is
 * not strict JSON; alg missing, not a string or not supported; crit (RFC
 * 7515 section 4.1.11: none is understood) and b64 (RFC 7797); kid that is
 * no string, empty, longer than TENANT_JWK_KID_MAX or holds control
 * characters; cty "JWT" (nested tokens).  jwk, jku, x5u, x5c, x5t are never
 * a source of keys.
 *
 * Returns OK, TOO_LARGE, MALFORMED, UNSUPPORTED_ALG or FAULT.
 */
tenant_jws_result_t tenant_jws_parse(tenant_jws_t *jws, tenant_tape_t *tape,
    const char *token, size_t len, const tenant_jws_conf_t *conf,
    uint8_t *scratch, size_t scratch_len);


/*
 * The payload as a claims set (RFC 7519 section 4): OK with *claims, which
 * stands in tape and scratch, MALFORMED, or FAULT.  err may be NULL.  To be
 * called once, as it changes the payload.  Nothing may be concluded from the
 * claims but which keys to try, until tenant_jws_verify().
 */
tenant_jws_result_t tenant_jws_claims(tenant_jws_t *jws, tenant_tape_t *tape,
    const tenant_value_t **claims, tenant_json_error_t *err);


/*
 * Verifies with the keys of one issuer.  allowed: the issuer's algorithms.
 * With a kid only keys of that kid are tried, without one at most
 * TENANT_JWS_TRIES_MAX keys that may verify the alg.
 *
 * The claims, if they were read, still stand in tape and scratch.
 *
 * Returns OK with the key's index in *key (key may be NULL), or
 * ALG_NOT_ALLOWED, UNKNOWN_KID, NO_KEY, BAD_SIGNATURE, FAULT.
 */
tenant_jws_result_t tenant_jws_verify(tenant_jws_t *jws, tenant_jwks_t *jwks,
    tenant_algs_t allowed, size_t *key);


/* A static description without any of the token's content. */
const char *tenant_jws_describe(tenant_jws_result_t result);


#endif /* TENANT_JWS_H */
