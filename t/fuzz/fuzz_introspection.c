/* A token, a line feed, and what its introspection answers. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tenant_introspection.h"
#include "tenant_jws.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


/* What keys could verify never goes to an introspection endpoint. */
static void
check_form(tenant_str_t token)
{
    static const tenant_jws_conf_t  conf = { 0, NULL, 0, NULL };
    tenant_value_t                  values[TENANT_TAPE_ROOM];
    tenant_tape_t                   tape;
    tenant_jws_t                    jws;
    uint8_t                        *scratch;

    tape = (tenant_tape_t) { values, TENANT_TAPE_ROOM, NULL, NULL };
    scratch = malloc(TENANT_JWS_SCRATCH(token.len));

    if (tenant_jws_parse(&jws, &tape, token.data, token.len, &conf, scratch,
                         TENANT_JWS_SCRATCH(token.len)) == TENANT_JWS_OK)
    {
        must(tenant_token_form(token) == TENANT_TOKEN_JWS);
    }

    free(scratch);
}


/* Nothing but unreserved characters and escapes, which give the text back. */
static void
check_encoding(tenant_str_t text)
{
    size_t  i, n = 0, len = tenant_introspection_encode(NULL, text);
    char   *out = malloc(len + 1), hex[3] = "";

    must(len >= text.len && len <= 3 * text.len);
    must(tenant_introspection_encode(out, text) == len);

    for (i = 0; i < len; i++, n++) {
        must(strchr("&=+ \n", out[i]) == NULL);

        if (out[i] == '%') {
            memcpy(hex, &out[i + 1], 2);
            must((char) strtoul(hex, NULL, 16) == text.data[n]);
            i += 2;

        } else {
            must(out[i] == text.data[n]);
        }
    }

    must(n == text.len);
    free(out);
}


/* What was taken stays until all is read. */
typedef struct {
    void    *taken[32];
    size_t   count;
} takes_t;


static void *
take(void *data, size_t size)
{
    takes_t  *takes = data;

    must(takes->count < 32);
    return takes->taken[takes->count++] = malloc(size);
}


/* The claims of an active response are it, and an iss in any case. */
static void
check_claims(const tenant_value_t *response, const char *text, size_t len)
{
    size_t   n = tenant_introspection_claims(response, tenant_str("i\"j"),
                                             NULL);
    char    *out = malloc(n);
    json_t  *claims, *root;

    must(tenant_introspection_claims(response, tenant_str("i\"j"), out) == n);

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    claims = json_loadb(out, n, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_true(json_object_get(root, "active")) && claims != NULL);

    if (json_object_get(root, "iss") == NULL) {
        must(strcmp(json_string_value(json_object_get(claims, "iss")),
                    "i\"j") == 0);
        must(json_object_del(claims, "iss") == 0);
    }

    must(json_equal(root, claims));

    json_decref(root);
    json_decref(claims);
    free(out);
}


static void
check_response(const char *text, size_t len)
{
    tenant_introspection_status_t  status;
    const tenant_value_t          *response;
    tenant_json_error_t            err = { TENANT_JSON_OK, 0 };
    tenant_value_t                 values[TENANT_TAPE_TABLE + 8];
    tenant_tape_t                  tape;
    takes_t                        takes = { { NULL }, 0 };
    char                          *copy = malloc(len ? len : 1);

    memcpy(copy, text, len);
    tape = (tenant_tape_t) { values, TENANT_TAPE_TABLE + 8, take, &takes };
    status = tenant_introspection_read(&tape, copy, len, &response, &err);

    must(status != TENANT_INTROSPECTION_NO_MEMORY);
    must((status == TENANT_INTROSPECTION_JSON) == (response == NULL));
    must((status == TENANT_INTROSPECTION_JSON)
         == (err.code != TENANT_JSON_OK));
    must(err.offset <= len && tenant_introspection_reason(status) != NULL);

    if (status == TENANT_INTROSPECTION_ACTIVE) {
        check_claims(response, text, len);
    }

    while (takes.count != 0) {
        free(takes.taken[--takes.count]);
    }

    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t  *lf = size ? memchr(data, '\n', size) : NULL;
    tenant_str_t    token;
    size_t          len;
    char           *copy;

    if (lf == NULL) {
        return 0;
    }

    /* exactly as long as said, for the sanitizer to see */
    token.len = (size_t) (lf - data);
    copy = malloc(token.len ? token.len : 1);
    memcpy(copy, data, token.len);
    token.data = copy;
    check_form(token);
    check_encoding(token);
    free(copy);

    len = (size_t) (data + size - lf - 1);
    copy = malloc(len ? len : 1);
    memcpy(copy, lf + 1, len);
    check_response(copy, len);
    free(copy);
    return 0;
}
