#include <stdlib.h>
#include <string.h>

#include "tenant_secret.h"
#include "unit.h"


#define CLIENT  "\"endpoint\":\"https://i.example\",\"client_id\":\"c\""
#define NAMED   "\"client_id\":\"c\""
#define SECRET  ",\"client_secret\":\"s\""
#define OCT     "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"secret\"}"
#define NO_OCT  "{\"kty\":\"oct\",\"kid\":\"a\"}"
#define RSA     "{\"kty\":\"RSA\",\"n\":\"n\",\"e\":\"e\"}"


static json_t *
read(const char *text)
{
    json_t  *json = json_loads(text, 0, NULL);

    ck_assert_msg(json != NULL, "%s", text);
    return json;
}


static void
assert_json(json_t *json, const char *text)
{
    json_t  *wanted = read(text);
    char    *out = json_dumps(json, JSON_COMPACT);

    ck_assert_msg(json_equal(json, wanted), "%s is not %s", out, text);
    json_decref(wanted);
    free(out);
}


static const struct {
    const char  *issuer;
    const char  *concealed;         /* NULL: as it is */
} concealed[] = {
    { "{}", NULL },
    { "{\"iss\":\"i\",\"introspection\":1,\"jwks\":[]}", NULL },
    { "{\"introspection\":{" CLIENT ",\"client_secret_file\":\"f\"}}", NULL },
    { "{\"jwks\":{\"keys\":[" RSA "," NO_OCT ",1]}}", NULL },
    { "{\"client_secret\":\"of nothing\"}", NULL },

    { "{\"iss\":\"i\",\"introspection\":{" CLIENT SECRET "}}",
      "{\"iss\":\"i\",\"introspection\":{" CLIENT "}}" },
    { "{\"jwks\":{\"keys\":[" RSA "," OCT "]}}",
      "{\"jwks\":{\"keys\":[" RSA "," NO_OCT "]}}" },
    { "{\"jwks\":{\"keys\":[{\"kty\":\"RSA\",\"n\":\"n\",\"e\":\"e\","
      "\"d\":\"1\",\"p\":\"2\",\"q\":\"3\",\"dp\":\"4\",\"dq\":\"5\","
      "\"qi\":\"6\",\"oth\":[]}]}}",
      "{\"jwks\":{\"keys\":[" RSA "]}}" },
};


START_TEST(secrets_and_nothing_else_are_concealed)
{
    json_t      *issuer = read(concealed[_i].issuer);
    const char  *wanted = concealed[_i].concealed;

    ck_assert_int_eq(tenant_secret_conceal(issuer), wanted != NULL);
    assert_json(issuer, wanted != NULL ? wanted : concealed[_i].issuer);
    ck_assert(!tenant_secret_conceal(issuer));
    json_decref(issuer);
}
END_TEST


static const struct {
    const char  *issuer;
    const char  *before;
    const char  *kept;              /* NULL: as it is */
} kept[] = {
    { "{\"introspection\":{" CLIENT ",\"ttl\":5}}",
      "{\"introspection\":{" CLIENT SECRET "}}",
      "{\"introspection\":{" CLIENT SECRET ",\"ttl\":5}}" },
    { "{\"introspection\":{" CLIENT ",\"client_secret\":\"new\"}}",
      "{\"introspection\":{" CLIENT SECRET "}}", NULL },
    { "{\"introspection\":{" CLIENT ",\"client_secret_file\":\"f\"}}",
      "{\"introspection\":{" CLIENT SECRET "}}", NULL },
    { "{\"introspection\":{" CLIENT "}}", "{}", NULL },
    { "{}", "{\"introspection\":{" CLIENT SECRET "}}", NULL },
    { "{\"introspection\":1}", "{\"introspection\":{" CLIENT SECRET "}}",
      NULL },

    /* whoever may name another endpoint does not learn the secret by it */
    { "{\"introspection\":{\"endpoint\":\"https://e.example\","
      "\"client_id\":\"c\"}}",
      "{\"introspection\":{" CLIENT SECRET "}}", NULL },
    { "{\"introspection\":{\"endpoint\":\"https://i.example\","
      "\"client_id\":\"d\"}}",
      "{\"introspection\":{" CLIENT SECRET "}}", NULL },

    /* nor whoever may name another document that names it */
    { "{\"discovery\":\"https://i.example\",\"introspection\":{" NAMED "}}",
      "{\"discovery\":\"https://i.example\",\"introspection\":{" NAMED
      SECRET "}}",
      "{\"discovery\":\"https://i.example\",\"introspection\":{" NAMED
      SECRET "}}" },
    { "{\"discovery\":\"https://e.example\",\"introspection\":{" NAMED "}}",
      "{\"discovery\":\"https://i.example\",\"introspection\":{" NAMED
      SECRET "}}", NULL },
    { "{\"discovery\":\"https://i.example\",\"introspection\":{" NAMED "}}",
      "{\"discovery\":\"https://i.example\",\"introspection\":{" CLIENT
      SECRET "}}", NULL },
    { "{\"discovery\":\"https://i.example\",\"introspection\":{" CLIENT "}}",
      "{\"discovery\":\"https://i.example\",\"introspection\":{" NAMED
      SECRET "}}", NULL },
    { "{\"introspection\":{" NAMED "}}", "{\"introspection\":{" NAMED
      SECRET "}}", NULL },
    { "{\"discovery\":\"https://e.example\",\"introspection\":{" CLIENT "}}",
      "{\"discovery\":\"https://i.example\",\"introspection\":{" CLIENT
      SECRET "}}",
      "{\"discovery\":\"https://e.example\",\"introspection\":{" CLIENT
      SECRET "}}" },
    { "{\"introspection\":{}}",
      "{\"introspection\":{\"client_secret\":\"s\"}}", NULL },

    { "{\"jwks\":{\"keys\":[" RSA "," NO_OCT "]}}",
      "{\"jwks\":{\"keys\":[1," OCT "]}}",
      "{\"jwks\":{\"keys\":[" RSA "," OCT "]}}" },
    { "{\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"kid\":\"b\"}]}}",
      "{\"jwks\":{\"keys\":[" OCT "]}}", NULL },
    { "{\"jwks\":{\"keys\":[{\"kty\":\"oct\"}]}}",
      "{\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"secret\"}]}}", NULL },
    { "{\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\","
      "\"k\":\"new\"}]}}", "{\"jwks\":{\"keys\":[" OCT "]}}", NULL },
    { "{\"jwks\":{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\"}]}}",
      "{\"jwks\":{\"keys\":[" OCT "]}}", NULL },
};


START_TEST(what_was_secret_is_kept_for_whom_it_was_given)
{
    json_t      *issuer = read(kept[_i].issuer);
    json_t      *before = read(kept[_i].before);
    const char  *wanted = kept[_i].kept;

    ck_assert(tenant_secret_keep(issuer, before));
    assert_json(issuer, wanted != NULL ? wanted : kept[_i].issuer);
    assert_json(before, kept[_i].before);
    json_decref(issuer);
    json_decref(before);
}
END_TEST


START_TEST(no_memory_is_told)
{
    json_t  *issuer = read("{\"introspection\":{" CLIENT "}}");
    json_t  *before = read("{\"introspection\":{" CLIENT SECRET "}}");

    unit_fail_start(0, false);
    ck_assert(!tenant_secret_keep(issuer, before));
    ck_assert(unit_fail_stop());
    json_decref(issuer);
    json_decref(before);
}
END_TEST


Suite *
suite_secret(void)
{
    Suite  *s = suite_create("secret");
    TCase  *t = tcase_create("secret");

    tcase_add_loop_test(t, secrets_and_nothing_else_are_concealed, 0,
                        sizeof(concealed) / sizeof(concealed[0]));
    tcase_add_loop_test(t, what_was_secret_is_kept_for_whom_it_was_given, 0,
                        sizeof(kept) / sizeof(kept[0]));
    tcase_add_test(t, no_memory_is_told);
    suite_add_tcase(s, t);
    return s;
}
