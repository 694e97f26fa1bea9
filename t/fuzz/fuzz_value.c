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


/* Each member is found by its name, and none by a name that is longer. */
static void
check_names(const tenant_value_t *object)
{
    const tenant_value_t  *name = tenant_value_first(object);
    char                  *longer;
    uint32_t               i;

    for (i = 0; i < object->len; i++) {
        must(tenant_value_get(object, tenant_value_text(name)) == name + 1);

        longer = malloc(name->len + 1);
        memcpy(longer, name->u.text, name->len);
        longer[name->len] = '\0';
        must(tenant_value_get(object, (tenant_str_t) { longer,
                                                       name->len + 1 })
             == NULL);
        free(longer);

        name = tenant_value_next(name + 1);
    }

    must(name == tenant_value_next(object));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tenant_value_t        *values = malloc((size + 16) * sizeof(*values));
    tenant_tape_t          tape = { values, size + 16, NULL, NULL };
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
        check_names(value);
        json_decref(json);
    }

    free(text);
    free(values);
    return 0;
}
