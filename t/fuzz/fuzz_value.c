/*
 * Text for both readers of JSON: the flat one of tokens has to accept what
 * the one that makes jansson's trees accepts, and to read the same from it.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_json.h"
#include "tenant_value.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int ok)
{
    if (!ok) {
        abort();
    }
}


/* Compact, both ways; jansson would round reals, so there must be none. */
static void
check_print(const tenant_value_t *value, json_t *json)
{
    char    *wanted = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
    size_t   i, len = tenant_value_print(value, NULL);
    char    *text = malloc(len + 1);
    bool     real = false;

    must(tenant_value_print(value, text) == len);

    for (i = 0; i < value->span; i++) {
        real |= value[i].kind == TENANT_VALUE_REAL;
    }

    must(real || (strlen(wanted) == len && memcmp(wanted, text, len) == 0));
    free(text);
    free(wanted);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_value_t        *values = malloc((size + 8) * sizeof(*values));
    tenant_tape_t          tape = { values, size + 8, NULL, NULL };
    tenant_json_error_t    err, wanted;
    const tenant_value_t  *value;
    char                  *text = malloc(size + 1);
    json_t                *json;

    memcpy(text, data, size);
    json = tenant_json_parse(text, size, &tenant_json_token_limits, &wanted);
    value = tenant_value_read(&tape, text, size, &tenant_json_token_limits,
                              &err);

    must((value == NULL) == (json == NULL));
    must((err.code == TENANT_JSON_OK) == (value != NULL));
    must(err.offset <= size);

    if (json != NULL) {
        check_print(value, json);
        json_decref(json);
    }

    free(text);
    free(values);
    return 0;
}
