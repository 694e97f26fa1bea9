/* What is rare in the text of a token. */

#include "tenant_value_reader.h"


/* ORDER tenant_value_kind_t */
static const tenant_str_t  tenant_value_words[] = {
    { "null", 4 }, { "false", 5 }, { "true", 4 },
};


const uint8_t *
tenant_value_fail(tenant_value_reader_t *r, tenant_json_code_t code,
    const uint8_t *at)
{
    r->err->code = code;
    r->err->offset = (size_t) (at - (uint8_t *) r->start);
    return NULL;
}


/* Values refer to one another by distance only, so they may move. */
bool
tenant_value_grow(tenant_value_reader_t *r, const uint8_t *p)
{
    tenant_tape_t   *tape = r->tape;
    tenant_value_t  *values = NULL;
    size_t           used = tape->room - (size_t) (r->last - r->next);
    size_t           room = tape->room < 48 ? 96 : tape->room * 2;

    if (tape->take != NULL) {
        values = tape->take(tape->data, room * sizeof(*values));
    }

    if (values == NULL) {
        (void) tenant_value_fail(r, TENANT_JSON_NO_MEMORY, p);
        return false;
    }

    if (used != 0) {
        memcpy(values, tape->values, used * sizeof(*values));
    }

    tape->values = values;
    tape->room = room;
    r->values = values;
    r->next = values + used;
    r->last = values + room;
    return true;
}


const uint8_t *
tenant_value_space(const tenant_value_reader_t *r, const uint8_t *p)
{
    while (p < r->end
           && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    {
        p++;
    }

    return p;
}


const uint8_t *
tenant_value_plain_last(const tenant_value_reader_t *r, const uint8_t *p)
{
    size_t    seen = TENANT_JSON_STEP - (size_t) (r->end - p);
    uint64_t  ends;

    if (p == r->end || r->end - (uint8_t *) r->start < TENANT_JSON_STEP) {
        return p;
    }

    /* with bytes that were seen it is a step */
    ends = tenant_json_ends(p - seen) >> seen;

    return ends != 0 ? p + (unsigned) __builtin_ctzll(ends) : r->end;
}


/* What an escape stands for is never longer: the text is its own buffer. */
const uint8_t *
tenant_value_unescape(tenant_value_reader_t *r, const uint8_t *open,
    const uint8_t *p)
{
    const uint8_t       *run = p;
    tenant_json_code_t   code;
    char                *dst = r->start + (p - (uint8_t *) r->start);
    size_t               n;

    for ( ;; ) {
        code = tenant_json_plain(&p, r->end);

        if (code != TENANT_JSON_OK) {
            return tenant_value_fail(r, code, code == TENANT_JSON_SYNTAX
                                              ? open : p);
        }

        n = (size_t) (p - run);

        if (dst != (const char *) run) {
            memmove(dst, run, n);
        }

        dst += n;

        if (*p == '"') {
            if (!tenant_value_room(r, p)) {
                return NULL;
            }

            tenant_value_put_string(r->next++, open, (uint8_t *) dst);
            return p + 1;
        }

        code = tenant_json_escape(&p, r->end, dst, &n);

        if (code != TENANT_JSON_OK) {
            return tenant_value_fail(r, code, p);
        }

        dst += n;
        run = p;
    }
}


const uint8_t *
tenant_value_numeral(tenant_value_reader_t *r, const uint8_t *first)
{
    const uint8_t   *p = first;
    tenant_value_t  *value;
    int64_t          integer = 0;
    double           number;
    bool             real;

    if (!tenant_json_number(&p, r->end, &real)) {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
    }

    if (real ? !tenant_json_real(first, p, &number)
             : !tenant_json_integer(first, p, &integer))
    {
        return tenant_value_fail(r, TENANT_JSON_NUMBER, first);
    }

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    value = r->next++;

    if (real) {
        value->u.text = (const char *) first;
        value->len = (uint32_t) (p - first);
        value->kind = TENANT_VALUE_REAL;

    } else {
        value->u.integer = integer;
        value->len = 0;
        value->kind = TENANT_VALUE_INTEGER;
    }

    value->span = 1;
    return p;
}


const uint8_t *
tenant_value_literal(tenant_value_reader_t *r, const uint8_t *p)
{
    tenant_value_kind_t   kind = *p == 'n' ? TENANT_VALUE_NULL
                               : *p == 't' ? TENANT_VALUE_TRUE
                                           : TENANT_VALUE_FALSE;
    tenant_value_t       *value;
    tenant_str_t          word = tenant_value_words[kind];

    if ((size_t) (r->end - p) < word.len
        || memcmp(p, word.data, word.len) != 0)
    {
        return tenant_value_fail(r, TENANT_JSON_SYNTAX, p);
    }

    p += word.len;

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    value = r->next++;
    value->u.text = NULL;
    value->len = 0;
    value->kind = kind;
    value->span = 1;
    return p;
}
