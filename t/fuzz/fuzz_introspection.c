/* A token, a line feed, and what its introspection answers. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
    static const tenant_jws_conf_t  conf = { 0, NULL, 0 };
    tenant_jws_t                    jws;
    uint8_t                        *scratch;

    scratch = malloc(TENANT_JWS_SCRATCH(token.len));

    if (tenant_jws_parse(&jws, token.data, token.len, &conf, scratch,
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


static void
check_response(const char *text, size_t len)
{
    tenant_introspection_status_t  status;
    tenant_json_error_t            err = { TENANT_JSON_OK, 0 };
    json_t                        *claims, *root;

    status = tenant_introspection_parse(text, len, tenant_str("https://i"),
                                        &claims, &err);

    must(status != TENANT_INTROSPECTION_NO_MEMORY);
    must((status == TENANT_INTROSPECTION_ACTIVE) == (claims != NULL));
    must((status == TENANT_INTROSPECTION_JSON)
         == (err.code != TENANT_JSON_OK));
    must(err.offset <= len && tenant_introspection_reason(status) != NULL);

    if (claims != NULL) {
        root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        must(json_is_true(json_object_get(root, "active")));
        must(json_object_get(claims, "iss") != NULL);
        must(json_object_update_missing(root, claims) == 0);
        must(json_equal(root, claims));
        json_decref(root);
    }

    json_decref(claims);
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
