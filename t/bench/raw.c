/*
 * One signature verification and nothing else: OpenSSL alone, with every
 * context made beforehand and the tokens taken apart.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "raw.h"


#define LINE_LEN_MAX  65536         /* bytes of a token */
#define SECRET_MAX    256           /* bytes of an HMAC key */


typedef struct {
    char           *text;           /* the token; signed up to len */
    size_t          len;
    unsigned char  *sig;            /* as OpenSSL wants it: ECDSA in DER */
    size_t          sig_len;
} token_t;


struct raw_s {
    const char     *alg;
    EVP_PKEY       *pkey;           /* NULL for HS256 */
    EVP_PKEY_CTX   *key_ctx;
    EVP_MD         *sha256;
    EVP_MD_CTX     *md_ctx;
    EVP_MD_CTX     *template;       /* EdDSA: initialised with the key */
    EVP_MAC_CTX    *mac;
    unsigned char   secret[SECRET_MAX];
    size_t          secret_len;
    token_t        *tokens;
    size_t          count;
    size_t          next;
};


_Noreturn static void
fail(const char *what, const char *detail)
{
    fprintf(stderr, "raw verification: %s: %s\n", what, detail);
    exit(1);
}


static void
need(bool ok, const char *what)
{
    if (!ok) {
        fail(what, "failed");
    }
}


/* Returns the length; text is base64url without padding. */
static size_t
decode(unsigned char *out, const char *text)
{
    int     n;
    char   *padded;
    size_t  len = strlen(text), i, full = (len + 3) / 4 * 4;

    padded = malloc(full + 1);
    need(padded != NULL, "malloc");

    for (i = 0; i < full; i++) {
        padded[i] = i >= len ? '=' : text[i] == '-' ? '+'
                    : text[i] == '_' ? '/' : text[i];
    }

    n = EVP_DecodeBlock(out, (unsigned char *) padded, (int) full);
    need(n > 0, "base64url");
    free(padded);

    return (size_t) n - (full - len);
}


/* RFC 7518, section 3.4: r and s of 32 bytes each, to DER. */
static void
ecdsa_to_der(token_t *token)
{
    int         n;
    ECDSA_SIG  *sig = ECDSA_SIG_new();

    need(sig && token->sig_len == 64
         && ECDSA_SIG_set0(sig, BN_bin2bn(token->sig, 32, NULL),
                           BN_bin2bn(token->sig + 32, 32, NULL)),
         "ECDSA signature");

    free(token->sig);
    token->sig = NULL;

    n = i2d_ECDSA_SIG(sig, &token->sig);
    need(n > 0, "DER");
    token->sig_len = (size_t) n;

    ECDSA_SIG_free(sig);
}


static size_t
read_tokens(const char *name, bool ecdsa, token_t **tokens)
{
    FILE     *file = fopen(name, "r");
    char     *line = malloc(LINE_LEN_MAX), *dot;
    size_t    n = 0;
    token_t  *token;

    if (file == NULL) {
        fail(name, strerror(errno));
    }

    need(line != NULL, "malloc");
    *tokens = NULL;

    while (fgets(line, LINE_LEN_MAX, file)) {
        line[strcspn(line, "\r\n")] = '\0';

        *tokens = realloc(*tokens, (n + 1) * sizeof(token_t));
        need(*tokens != NULL, "malloc");

        token = &(*tokens)[n++];
        token->text = strdup(line);
        need(token->text != NULL, "malloc");

        dot = strrchr(token->text, '.');
        need(dot != NULL, "token");

        token->len = (size_t) (dot - token->text);
        token->sig = malloc(strlen(dot) + 4);
        need(token->sig != NULL, "malloc");
        token->sig_len = decode(token->sig, dot + 1);

        if (ecdsa) {
            ecdsa_to_der(token);
        }
    }

    need(n > 0, name);
    free(line);
    fclose(file);

    return n;
}


/* The key file: a public key in PEM, or bytes for HS256. */
static void
prepare(raw_t *v, const char *name)
{
    FILE     *file = fopen(name, "r");
    EVP_MAC  *mac;

    if (file == NULL) {
        fail(name, strerror(errno));
    }

    v->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    v->md_ctx = EVP_MD_CTX_new();
    need(v->sha256 && v->md_ctx, "SHA-256");

    if (strcmp(v->alg, "HS256") == 0) {
        char        digest[] = "SHA256";
        OSSL_PARAM  params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
                                             0),
            OSSL_PARAM_construct_end()
        };

        v->secret_len = fread(v->secret, 1, SECRET_MAX, file);
        mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        v->mac = EVP_MAC_CTX_new(mac);
        need(v->mac && v->secret_len
             && EVP_MAC_init(v->mac, v->secret, v->secret_len, params),
             "HMAC");
        EVP_MAC_free(mac);
        fclose(file);
        return;
    }

    v->pkey = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    need(v->pkey != NULL, name);
    fclose(file);

    if (strcmp(v->alg, "EdDSA") == 0) {
        v->template = EVP_MD_CTX_new();
        need(v->template && EVP_DigestVerifyInit(v->template, NULL, NULL,
                                                 NULL, v->pkey) == 1,
             "EdDSA");
        return;
    }

    v->key_ctx = EVP_PKEY_CTX_new(v->pkey, NULL);
    need(v->key_ctx && EVP_PKEY_verify_init(v->key_ctx) == 1, "verify_init");
    need(strcmp(v->alg, "RS256") != 0
         || EVP_PKEY_CTX_set_rsa_padding(v->key_ctx, RSA_PKCS1_PADDING) == 1,
         "padding");
    need(EVP_PKEY_CTX_set_signature_md(v->key_ctx, v->sha256) == 1,
         "signature_md");
}


static bool
verify(raw_t *v, const token_t *token)
{
    size_t                len;
    unsigned char         out[32];
    const unsigned char  *msg = (unsigned char *) token->text;

    if (v->mac) {
        return EVP_MAC_init(v->mac, NULL, 0, NULL)
               && EVP_MAC_update(v->mac, msg, token->len)
               && EVP_MAC_final(v->mac, out, &len, sizeof(out))
               && len == token->sig_len
               && CRYPTO_memcmp(out, token->sig, len) == 0;
    }

    if (v->template) {
        return EVP_MD_CTX_copy_ex(v->md_ctx, v->template)
               && EVP_DigestVerify(v->md_ctx, token->sig, token->sig_len,
                                   msg, token->len) == 1;
    }

    return EVP_DigestInit_ex2(v->md_ctx, v->sha256, NULL)
           && EVP_DigestUpdate(v->md_ctx, msg, token->len)
           && EVP_DigestFinal_ex(v->md_ctx, out, NULL)
           && EVP_PKEY_verify(v->key_ctx, token->sig, token->sig_len, out,
                              sizeof(out)) == 1;
}


raw_t *
raw_open(const char *alg, const char *key, const char *tokens)
{
    raw_t  *raw = calloc(1, sizeof(*raw));

    need(raw != NULL, "calloc");
    raw->alg = alg;
    raw->count = read_tokens(tokens, strcmp(alg, "ES256") == 0,
                             &raw->tokens);
    prepare(raw, key);
    need(raw_verify(raw), "first verification");

    return raw;
}


bool
raw_verify(raw_t *raw)
{
    return verify(raw, &raw->tokens[raw->next++ % raw->count]);
}
