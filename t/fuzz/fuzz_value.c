/*
 * Text for both readers of JSON: the flat one of tokens has to accept what
 * the one that makes jansson's trees accepts, and to read the same from it.
 * It is read with a shape as well, that of the text before the first NUL if
 * there is one: it has to read as it does without.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_json.h"
#include "tenant_value_shape.h"


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


/* Of a text on a tape: how it reads, with distances for places. */
typedef struct {
    tenant_value_t        *values;
    const tenant_value_t  *object;
    tenant_json_error_t    err;
    char                  *text;
    size_t                 room;
} reading_t;


static void
read_as(reading_t *reading, const uint8_t *data, size_t size, size_t behind,
    const tenant_value_shape_t *shape)
{
    tenant_tape_t   tape;
    tenant_value_t *value;
    size_t          alike;

    reading->room = size + 16;
    reading->values = calloc(reading->room, sizeof(*reading->values));
    reading->text = malloc(size + behind + 1);
    memcpy(reading->text, data, size);

    /* what would go on as text does */
    memcpy(reading->text + size, data, behind);

    tape = (tenant_tape_t) { reading->values, reading->room, NULL, NULL };
    reading->object = tenant_value_read_as(&tape, reading->text, size, behind,
                                           &tenant_json_token_limits, shape,
                                           &alike, &reading->err);
    must(memcmp(reading->text + size, data, behind) == 0);

    if (reading->object == NULL) {
        return;
    }

    must(shape != NULL ? alike <= shape->count : alike == 0);

    for (value = reading->values + TENANT_TAPE_TABLE;
         value < reading->object + reading->object->span; value++)
    {
        if (value->kind == TENANT_VALUE_STRING
            || value->kind == TENANT_VALUE_REAL)
        {
            value->u.integer = value->u.text - reading->text;
        }
    }
}


static void
release(reading_t *reading)
{
    free(reading->values);
    free(reading->text);
}


static void
check_shaped(const uint8_t *data, size_t size,
    const tenant_value_shape_t *shape)
{
    reading_t  plain, shaped;
    size_t     behind = size < 70 ? size : 70;

    read_as(&plain, data, size, behind, NULL);
    read_as(&shaped, data, size, behind, shape);

    must((plain.object == NULL) == (shaped.object == NULL));
    must(plain.err.code == shaped.err.code);
    must(plain.err.offset == shaped.err.offset);

    if (plain.object != NULL) {
        must(plain.object->span == shaped.object->span);
        must(memcmp(plain.values, shaped.values,
                    (plain.object->span + TENANT_TAPE_TABLE)
                    * sizeof(*plain.values)) == 0);
        must(memcmp(plain.text, shaped.text, size) == 0);
    }

    release(&plain);
    release(&shaped);
}


/* The text before the NUL makes the shape, and both texts are read with it. */
static void
check_shapes(const uint8_t *data, size_t size)
{
    const uint8_t         *nul = size ? memchr(data, '\0', size) : NULL;
    size_t                 first = nul != NULL ? (size_t) (nul - data) : size;
    tenant_value_shape_t   shape;
    reading_t              reading;
    tenant_value_t        *value;

    read_as(&reading, data, first, 0, NULL);

    if (reading.object != NULL) {
        for (value = reading.values + TENANT_TAPE_TABLE;
             value < reading.object + reading.object->span; value++)
        {
            if (value->kind == TENANT_VALUE_STRING) {
                value->u.text = reading.text + value->u.integer;
            }
        }

        tenant_value_shape(&shape, reading.object);
        check_shaped(data, first, &shape);

        if (nul != NULL) {
            check_shaped(nul + 1, size - first - 1, &shape);
        }
    }

    release(&reading);
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
    check_shapes(data, size);
    return 0;
}
