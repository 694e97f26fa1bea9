/*
 * What a verification costs beside the same loop over OpenSSL alone, and
 * what a cached token costs.  Times are CPU time of this process; of several
 * interleaved rounds the fastest counts, since the machine is shared.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "mint.h"
#include "tenant_b64url.h"
#include "tenant_cache.h"
#include "tenant_jws.h"


#define ROUNDS      7
#define TOKEN_LEN   836             /* bytes, as a usual Cognito token has */
#define PAYLOAD                                                               \
    "{\"sub\":\"0d8f5c9e-3c40-4a51-9ce0-5f0f5b6d7a10\",\"iss\":"              \
    "\"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI\","    \
    "\"client_id\":\"4q1v8example0client0id0\",\"token_use\":\"access\","     \
    "\"scope\":\"agents/invoke agents/read\",\"auth_time\":1700000000,"       \
    "\"exp\":1700003600,\"iat\":1700000000,\"username\":\"alice\"}"


/* One algorithm: its key, its token, and OpenSSL's form of the signature. */
typedef struct {
    tenant_alg_t        alg;
    mint_key_t         *key;
    tenant_verifier_t  *verifier;
    tenant_verifier_t  *alternator; /* of turns */
    tenant_jwks_t      *jwks;
    tenant_jwks_t      *turns[2];   /* the same key for a verifier of one */
    unsigned            turn;
    char                token[MINT_TOKEN_MAX];
    size_t              len;
    tenant_jws_t        jws;
    uint8_t             scratch[MINT_TOKEN_MAX];
    uint8_t             sig[MINT_SIG_MAX];
    size_t              sig_len;
} subject_t;


typedef void (*work_pt)(void *data);


static void
must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_identity: %s failed\n", what);
        abort();
    }
}


static double
cpu_seconds(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}


/* Seconds per call over n calls. */
static double
measure(work_pt work, void *data, unsigned n)
{
    double    start = cpu_seconds();
    unsigned  i;

    for (i = 0; i < n; i++) {
        work(data);
    }

    return (cpu_seconds() - start) / n;
}


static double
fastest(double best, double seconds)
{
    return best == 0 || seconds < best ? seconds : best;
}


static const char *
digest_name(tenant_alg_t alg)
{
    switch (tenant_alg_digest_len(alg)) {
    case 32:
        return "SHA256";
    case 48:
        return "SHA384";
    case 64:
        return "SHA512";
    default:
        return NULL;
    }
}


/* A parsed key and nothing else kept: what EVP's manual shows. */
static void
raw_evp(void *data)
{
    subject_t     *s = data;
    EVP_PKEY_CTX  *pctx;
    EVP_MD_CTX    *ctx;
    uint8_t        mac[EVP_MAX_MD_SIZE];
    unsigned       mac_len;

    if (s->key->pkey == NULL) {
        must(HMAC(EVP_get_digestbyname(digest_name(s->alg)), s->key->secret,
                  (int) s->key->secret_len,
                  (const uint8_t *) s->jws.signed_part.data,
                  s->jws.signed_part.len, mac, &mac_len) != NULL
             && CRYPTO_memcmp(mac, s->sig, mac_len) == 0, "HMAC");
        return;
    }

    ctx = EVP_MD_CTX_new();
    must(EVP_DigestVerifyInit_ex(ctx, &pctx, digest_name(s->alg), NULL, NULL,
                                 s->key->pkey, NULL) == 1, "init");

    if (s->alg >= TENANT_ALG_PS256 && s->alg <= TENANT_ALG_PS512) {
        must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                == 1, "PSS");
    }

    must(EVP_DigestVerify(ctx, s->sig, s->sig_len,
                          (const uint8_t *) s->jws.signed_part.data,
                          s->jws.signed_part.len) == 1, "EVP_DigestVerify");
    EVP_MD_CTX_free(ctx);
}


static void
our_signature(void *data)
{
    subject_t  *s = data;

    must(tenant_jws_verify(&s->jws, s->jwks, TENANT_ALGS_ALL, NULL)
         == TENANT_JWS_OK, "tenant_jws_verify");
}


/* With a key that has to be prepared first, for another has left it. */
static void
our_anew(void *data)
{
    subject_t  *s = data;

    must(tenant_jws_verify(&s->jws, s->turns[s->turn++ % 2], TENANT_ALGS_ALL,
                           NULL) == TENANT_JWS_OK, "tenant_jws_verify");
}


/* From text to verified claims. */
static void
our_token(void *data)
{
    static const tenant_jws_conf_t  conf = { 0, NULL, 0, NULL };
    subject_t                      *s = data;
    tenant_value_t                  values[TENANT_TAPE_ROOM];
    tenant_tape_t                   tape = { values, TENANT_TAPE_ROOM, NULL,
                                             NULL };
    const tenant_value_t           *claims;

    must(tenant_jws_parse(&s->jws, &tape, s->token, s->len, &conf, s->scratch,
                          sizeof(s->scratch)) == TENANT_JWS_OK
         && tenant_jws_claims(&s->jws, &tape, &claims, NULL) == TENANT_JWS_OK
         && tenant_jws_verify(&s->jws, s->jwks, TENANT_ALGS_ALL, NULL)
            == TENANT_JWS_OK, "token");
}


/* r || s to DER, before the clock starts: EVP wants it so. */
static void
der_signature(subject_t *s)
{
    ECDSA_SIG  *sig = ECDSA_SIG_new();
    uint8_t    *p = s->sig;
    int         half = (int) s->sig_len / 2;

    must(ECDSA_SIG_set0(sig, BN_bin2bn(s->sig, half, NULL),
                        BN_bin2bn(s->sig + half, half, NULL)), "ECDSA_SIG");
    s->sig_len = (size_t) i2d_ECDSA_SIG(sig, &p);
    ECDSA_SIG_free(sig);
}


static tenant_jwks_t *
key_set(tenant_verifier_t *verifier, const char *text)
{
    tenant_jwks_t  *jwks;

    must(tenant_jwks_parse(text, strlen(text), verifier, NULL, NULL, &jwks,
                           NULL) == TENANT_JWKS_OK, "key set");
    return jwks;
}


static subject_t *
subject_new(tenant_alg_t alg)
{
    subject_t  *s = calloc(1, sizeof(*s));
    char        text[MINT_JWK_MAX];

    must(s != NULL, "calloc");
    s->alg = alg;
    s->key = mint_key_for(alg);
    snprintf(text, sizeof(text), "{\"keys\":[%s]}",
             mint_jwk(s->key, ",\"kid\":\"k1\""));
    s->verifier = tenant_verifier_create(1);
    s->alternator = tenant_verifier_create(1);
    must(s->verifier != NULL && s->alternator != NULL, "verifier");
    s->jwks = key_set(s->verifier, text);
    s->turns[0] = key_set(s->alternator, text);
    s->turns[1] = key_set(s->alternator, text);

    snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"kid\":\"k1\"}",
             tenant_alg_name(alg));
    mint_token(s->token, s->key, alg, text, PAYLOAD);
    s->len = strlen(s->token);
    our_token(s);

    memcpy(s->sig, s->jws.sig, s->jws.sig_len);
    s->sig_len = s->jws.sig_len;

    if (alg >= TENANT_ALG_ES256 && alg <= TENANT_ALG_ES256K) {
        der_signature(s);
    }

    return s;
}


static void
bench_algorithm(tenant_alg_t alg)
{
    subject_t  *s = subject_new(alg);
    double      raw = 0, signature = 0, anew = 0, token = 0;
    unsigned    n;
    int         i;

    /* about 10 ms each time */
    n = 1 + (unsigned) (0.01 / measure(raw_evp, s, 20));

    for (i = 0; i < ROUNDS; i++) {
        raw = fastest(raw, measure(raw_evp, s, n));
        signature = fastest(signature, measure(our_signature, s, n));
        anew = fastest(anew, measure(our_anew, s, n));
        token = fastest(token, measure(our_token, s, n));
    }

    printf("%-8s %10.2f %10.2f %10.2f %10.2f %8.2f %8.2f\n",
           tenant_alg_name(alg), raw * 1e6, signature * 1e6, anew * 1e6,
           token * 1e6, signature / raw, token / raw);

    tenant_jwks_free(s->jwks);
    tenant_jwks_free(s->turns[0]);
    tenant_jwks_free(s->turns[1]);
    tenant_verifier_free(s->verifier);
    tenant_verifier_free(s->alternator);
    mint_key_free(s->key);
    free(s);
}


/* Tokens of one length that differ in their last part only. */
typedef struct {
    tenant_cache_t  *cache;
    char            *tokens;
    unsigned         count;
    unsigned         next;
    uint64_t         found;
} lookups_t;


static void
cache_hit(void *data)
{
    lookups_t  *l = data;

    /* a step that is odd visits all, in an order no prefetcher knows */
    l->next = (l->next + 2654435761u) % l->count;
    l->found += tenant_cache_find(l->cache,
                    tenant_cache_tag(l->cache, l->tokens
                                     + l->next * TOKEN_LEN, TOKEN_LEN),
                    1000) != NULL;
}


static void
bench_cache(unsigned count)
{
    static const char    digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    tenant_cache_conf_t  conf = { count, (size_t) 1 << 30, NULL, NULL,
                                 NULL };
    lookups_t            l = { tenant_cache_create(&conf), NULL, count, 0,
                               0 };
    double               best = 0;
    unsigned             i;

    must(l.cache != NULL, "cache");
    l.tokens = malloc((size_t) count * TOKEN_LEN);
    srandom(1);

    for (i = 0; i < count * TOKEN_LEN; i++) {
        l.tokens[i] = digits[random() % 64];
    }

    for (i = 0; i < count; i++) {
        must(tenant_cache_insert(l.cache,
                 tenant_cache_tag(l.cache, l.tokens + i * TOKEN_LEN,
                                  TOKEN_LEN),
                 &conf, 0, 2000, 1000) == TENANT_CACHE_OK, "insert");
    }

    for (i = 0; i < ROUNDS; i++) {
        best = fastest(best, measure(cache_hit, &l, 100000));
    }

    must(l.found == (uint64_t) ROUNDS * 100000, "every lookup a hit");
    printf("cache hit, %u tokens of %u bytes: %.1f ns"
           " (%zu bytes a slot)\n", count, TOKEN_LEN, best * 1e9,
           tenant_cache_entry_size());
    tenant_cache_destroy(l.cache);
    free(l.tokens);
}


/* Nothing cached: the hash and an empty bucket. */
static void
cache_miss(void *data)
{
    lookups_t  *l = data;

    l->found += tenant_cache_find(l->cache,
                    tenant_cache_tag(l->cache, l->tokens, 8192), 1000)
                == NULL;
}


static void
bench_hash(void)
{
    tenant_cache_conf_t  conf = { 16, 1 << 20, NULL, NULL, NULL };
    lookups_t            l = { tenant_cache_create(&conf), NULL, 1, 0, 0 };
    double               best = 0;
    int                  i;

    must(l.cache != NULL, "cache");
    l.tokens = malloc(8192);
    memset(l.tokens, 'A', 8192);

    for (i = 0; i < ROUNDS; i++) {
        best = fastest(best, measure(cache_miss, &l, 20000));
    }

    must(l.found == ROUNDS * 20000, "every lookup a miss");
    printf("cache hash: %.1f GB/s\n", 8192 / best * 1e-9);
    tenant_cache_destroy(l.cache);
    free(l.tokens);
}


typedef struct {
    char     text[4096];
    uint8_t  bytes[4096];
} b64url_t;


static void
b64url_decode(void *data)
{
    b64url_t  *b = data;
    size_t     n;

    must(tenant_b64url_decode(b->bytes, &n, b->text, sizeof(b->text)),
         "decode");
}


static void
b64url_encode(void *data)
{
    b64url_t  *b = data;

    tenant_b64url_encode(b->text, b->bytes, 3072);
}


static void
bench_b64url(void)
{
    b64url_t  b;
    double    decode = 0, encode = 0;
    int       i;

    for (i = 0; i < 4096; i++) {
        b.bytes[i] = (uint8_t) (i * 151);
    }

    for (i = 0; i < ROUNDS; i++) {
        encode = fastest(encode, measure(b64url_encode, &b, 5000));
        decode = fastest(decode, measure(b64url_decode, &b, 5000));
    }

    printf("base64url: decode %.0f MB/s, encode %.0f MB/s of text\n",
           4096 / decode * 1e-6, 4096 / encode * 1e-6);
}


int
main(void)
{
    int  alg;

    printf("microseconds of CPU, and times OpenSSL alone\n");
    printf("%-8s %10s %10s %10s %10s %8s %8s\n", "alg", "OpenSSL",
           "signature", "new key", "token", "ratio", "ratio");

    for (alg = 0; alg < TENANT_ALG_COUNT; alg++) {
        bench_algorithm((tenant_alg_t) alg);
    }

    bench_cache(1);
    bench_cache(4096);
    bench_hash();
    bench_b64url();
    return 0;
}
