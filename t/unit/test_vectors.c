/* Keys and tokens printed in the RFCs, public halves only. */

#include <string.h>

#include "jws_fixture.h"
#include "unit.h"


typedef struct {
    const char    *source;
    tenant_alg_t   alg;
    const char    *jwks;
    const char    *token;
} vector_t;


static const vector_t  vectors[] = {
    {
        "RFC 7515 A.1", TENANT_ALG_HS256,
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMko"
        "qQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}",
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHA"
        "iOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    },
    {
        "RFC 7515 A.2", TENANT_ALG_RS256,
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAk"
        "d_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR"
        "T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf6"
        "3kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQ"
        "Y4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8"
        "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}]}",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQo"
        "gImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF"
        "80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
        "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO7"
        "5vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
        "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgG"
        "Y9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    },
    {
        "RFC 7515 A.3", TENANT_ALG_ES256,
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8v"
        "ub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pC"
        "yStikYjKIWI5a0\"}]}",
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQo"
        "gImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfU"
        "AqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    },
    {
        "RFC 7515 A.4", TENANT_ALG_ES512,
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8Vcf"
        "VOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWce"
        "qwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WD"
        "hjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}]}",
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_"
        "UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgo"
        "XD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLze"
        "O_Jn"
    },
    {
        "RFC 7520 4.1", TENANT_ALG_RS256,
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example"
        "\",\"use\":\"sig\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_Ku"
        "KPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wq"
        "VwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe"
        "7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtI"
        "QbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__k"
        "RhuaxwUkRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"AQAB\"}]}",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBs"
        "ZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHl"
        "vdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCB"
        "rZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h"
        "0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHox"
        "nW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBw"
        "A78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5"
        "aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjlu"
        "PxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u"
        "9ipH84ogoree7vjbU5y18kDquDg"
    },
    {
        "RFC 7520 4.2", TENANT_ALG_PS384,
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example"
        "\",\"use\":\"sig\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_Ku"
        "KPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wq"
        "VwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe"
        "7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtI"
        "QbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__k"
        "RhuaxwUkRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"AQAB\"}]}",
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBs"
        "ZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHl"
        "vdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCB"
        "rZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h"
        "0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy4"
        "2miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpc"
        "bUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJR"
        "mBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDz"
        "T0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJ"
        "UAfmWjwZ6oD4ifKo8DYM-X72Eaw"
    },
    {
        "RFC 7520 4.3", TENANT_ALG_ES512,
        "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example"
        "\",\"use\":\"sig\",\"crv\":\"P-521\",\"x\":\"AHKZLLOsCOzz5cY97ewNUaj"
        "B957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\","
        "\"y\":\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQ"
        "kAgDPrwQrJmbnX9cwlGfP-HqHZR1\"}]}",
        "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBs"
        "ZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHl"
        "vdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCB"
        "rZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h"
        "0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNla"
        "AjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDx"
        "XPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
    },
    {
        "RFC 7520 4.4", TENANT_ALG_HS256,
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"018c0ae5-4d9b-471b-bfd6-eef314"
        "bc7037\",\"use\":\"sig\",\"alg\":\"HS256\",\"k\":\"hJtXIZ2uSN5kbQfbt"
        "TNWbpdmhkV8FJG-Onbc6mxCcYg\"}]}",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMx"
        "NGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmc"
        "gb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSB"
        "kb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW9"
        "1IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA"
        "7g1Md7p0"
    },
    {
        "RFC 8037 A.4", TENANT_ALG_EDDSA,
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfV"
        "S_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGC"
        "jP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
        "MuM0KAg"
    },
};

static const tenant_jws_conf_t  conf = { 0, NULL, 0, NULL };


static tenant_jws_result_t
verify(const char *token, size_t len, tenant_jwks_t *jwks,
    tenant_algs_t allowed)
{
    tenant_jws_result_t  result;
    tenant_jws_t         jws;
    tenant_value_t       values[TENANT_TAPE_ROOM];
    tenant_tape_t        tape = { values, TENANT_TAPE_ROOM, NULL, NULL };
    uint8_t              scratch[TENANT_JWS_SCRATCH(8192)];

    result = tenant_jws_parse(&jws, &tape, token, len, &conf, scratch,
                              sizeof(scratch));

    return result == TENANT_JWS_OK
           ? tenant_jws_verify(&jws, jwks, allowed, NULL) : result;
}


static tenant_jwks_t *
keys(const vector_t *v)
{
    tenant_jwks_t  *jwks;

    ck_assert_int_eq(tenant_jwks_parse(v->jwks, strlen(v->jwks),
                                       jws_verifier(), NULL, NULL, &jwks,
                                       NULL), TENANT_JWKS_OK);
    ck_assert_uint_eq(tenant_jwks_count(jwks), 1);
    return jwks;
}


START_TEST(published_token_verifies_again_and_again)
{
    const vector_t  *v = &vectors[_i];
    tenant_jwks_t   *jwks = keys(v);
    int              i;

    /* the second and third time work with contexts that were kept */
    for (i = 0; i < 3; i++) {
        ck_assert_msg(verify(v->token, strlen(v->token), jwks,
                             TENANT_ALG_BIT(v->alg)) == TENANT_JWS_OK,
                      "%s", v->source);
    }

    ck_assert_int_eq(verify(v->token, strlen(v->token), jwks,
                            TENANT_ALGS_ALL & ~TENANT_ALG_BIT(v->alg)),
                     TENANT_JWS_ALG_NOT_ALLOWED);
    tenant_jwks_free(jwks);
}
END_TEST


/* Every byte of the token counts; a bad one does not spoil the next. */
START_TEST(published_token_with_any_byte_changed_is_refused)
{
    const vector_t  *v = &vectors[_i];
    tenant_jwks_t   *jwks = keys(v);
    char             token[2048];
    size_t           i, len = strlen(v->token);

    memcpy(token, v->token, len);

    for (i = 0; i < len; i++) {
        token[i] = token[i] == 'A' ? 'Q' : 'A';
        ck_assert_msg(verify(token, len, jwks, TENANT_ALGS_ALL)
                      != TENANT_JWS_OK, "%s: byte %zu", v->source, i);
        token[i] = v->token[i];
    }

    ck_assert_int_eq(verify(token, len, jwks, TENANT_ALGS_ALL),
                     TENANT_JWS_OK);
    tenant_jwks_free(jwks);
}
END_TEST


/* RFC 7517 A.1: one key for encryption is left out, one may verify */
START_TEST(rfc7517_appendix_a_1_keys_are_read)
{
    static const char  text[] =
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii1"
        "1ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8Px"
        "ltmWWlbbM4IFyM\",\"use\":\"enc\",\"kid\":\"1\"},{\"kty\":\"RSA\",\"n"
        "\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86"
        "zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4"
        "Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs"
        "8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQ"
        "Fh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
        "KnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}]}";
    tenant_jwks_t     *jwks;

    ck_assert_int_eq(tenant_jwks_parse(text, sizeof(text) - 1, NULL, NULL,
                                       NULL, &jwks, NULL), TENANT_JWKS_OK);
    ck_assert_uint_eq(tenant_jwks_count(jwks), 1);
    ck_assert_uint_eq(tenant_jwks_algs(jwks, 0),
                      TENANT_ALG_BIT(TENANT_ALG_RS256));
    ck_assert(tenant_str_eq(tenant_jwks_kid(jwks, 0),
                            tenant_str("2011-04-29")));
    tenant_jwks_free(jwks);
}
END_TEST


Suite *
suite_vectors(void)
{
    Suite  *s = suite_create("vectors");
    TCase  *t = tcase_create("vectors");
    int     n = sizeof(vectors) / sizeof(vectors[0]);

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, published_token_verifies_again_and_again, 0, n);
    tcase_add_loop_test(t, published_token_with_any_byte_changed_is_refused,
                        0, n);
    tcase_add_test(t, rfc7517_appendix_a_1_keys_are_read);
    suite_add_tcase(s, t);
    return s;
}
