/*
 * What the readers of tenant_value.h share: where they are, and how texts and
 * numbers are read.
 *
 * What follows reads at p and returns where it ends, or NULL with the error
 * set.  What reads the usual is part of its callers: a call takes as long as
 * most names and values do.  The unusual has functions of its own, so that
 * it takes none of the registers.
 */

#ifndef TENANT_VALUE_READER_H
#define TENANT_VALUE_READER_H

#include <string.h>

#include "tenant_json_text.h"
#include "tenant_value.h"
#include "tenant_value_shape.h"


#define TENANT_VALUE_USUAL    static inline __attribute__((always_inline))
#define TENANT_VALUE_UNUSUAL  __attribute__((noinline))


typedef struct {
    char                        *start;
    const uint8_t               *end;
    const uint8_t               *readable;  /* nothing is read from here on */
    const tenant_json_limits_t  *limits;
    tenant_tape_t               *tape;
    tenant_value_t              *values;    /* of the tape */
    tenant_value_t              *next;      /* those that are free */
    tenant_value_t              *last;      /*   are before this */
    size_t                       left;      /* values that may come; names do
                                               not count */
    const tenant_value_shape_t  *shape;     /* NULL: none is expected */
    size_t                       alike;     /* members as the shape says */
    tenant_json_error_t         *err;
} tenant_value_reader_t;


TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_fail(
    tenant_value_reader_t *r, tenant_json_code_t code, const uint8_t *at);

/* Makes the tape larger; p is where the text was when there was no room. */
TENANT_VALUE_UNUSUAL bool tenant_value_grow(tenant_value_reader_t *r,
    const uint8_t *p);

/* ws = *( SP / HT / LF / CR ) */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_space(
    const tenant_value_reader_t *r, const uint8_t *p);

/* As tenant_value_plain(), where less than a step is left. */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_plain_last(
    const tenant_value_reader_t *r, const uint8_t *p);

/*
 * A string that has more than ASCII in it, or does not end: all from open,
 * its quote, to p stands for itself.
 */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_unescape(
    tenant_value_reader_t *r, const uint8_t *open, const uint8_t *p);

/* Any number, of which the first byte is one. */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_numeral(
    tenant_value_reader_t *r, const uint8_t *first);

/*
 * Of the outermost object, at its bracket, the members that are as r->shape
 * says: r->alike.  Returns where the first is that is not, before the ",".
 */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_shaped(
    tenant_value_reader_t *r, const uint8_t *p, uint16_t *table, size_t at);

/* Any value that a member or an element is. */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_other(
    tenant_value_reader_t *r, const uint8_t *p, unsigned depth);

/* "true", "false", "null", of which the first byte is there. */
TENANT_VALUE_UNUSUAL const uint8_t *tenant_value_literal(
    tenant_value_reader_t *r, const uint8_t *p);


/* Whether r->next can be written; if not, no memory is the error. */
TENANT_VALUE_USUAL bool
tenant_value_room(tenant_value_reader_t *r, const uint8_t *p)
{
    return r->next != r->last || tenant_value_grow(r, p);
}


/* Moves *p behind white space and returns the byte there, or -1: the end. */
TENANT_VALUE_USUAL int
tenant_value_peek(const tenant_value_reader_t *r, const uint8_t **p)
{
    if (*p < r->end && **p > ' ') {
        return **p;
    }

    *p = tenant_value_space(r, *p);
    return *p < r->end ? **p : -1;
}


/* To the byte that ends a run of ASCII that stands for itself. */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_plain(const tenant_value_reader_t *r, const uint8_t *p)
{
    const uint8_t  *end = r->end;
    uint64_t        ends;

    for (; end - p >= TENANT_JSON_STEP; p += TENANT_JSON_STEP) {
        ends = tenant_json_ends(p);

        if (ends != 0) {
            return p + (unsigned) __builtin_ctzll(ends);
        }
    }

    return tenant_value_plain_last(r, p);
}


/* The text is between the quotes open and close. */
TENANT_VALUE_USUAL void
tenant_value_put_string(tenant_value_t *value, const uint8_t *open,
    const uint8_t *close)
{
    value->u.text = (const char *) open + 1;
    value->len = (uint32_t) (close - open - 1);
    value->kind = TENANT_VALUE_STRING;
    value->span = 1;
}


/* p is at the opening quote. */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_string(tenant_value_reader_t *r, const uint8_t *open)
{
    const uint8_t  *p = tenant_value_plain(r, open + 1);

    if (p == r->end || *p != '"') {
        return tenant_value_unescape(r, open, p);
    }

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    tenant_value_put_string(r->next++, open, p);
    return p + 1;
}


/*
 * Most numbers are dates: up to 18 digits, the first of them none of "0",
 * with nothing behind them that a number could have.  NULL: it is none of
 * those.
 */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_digits(const uint8_t *p, const uint8_t *end, uint64_t *integer)
{
    *integer = 0;

    if (end - p > 18) {
        end = p + 18;
    }

    if (end - p >= 8 && tenant_json_eight(p, integer)) {
        p += 8;
    }

    while (p < end && (uint8_t) (*p - '0') <= 9) {
        *integer = *integer * 10 + (uint64_t) (*p++ - '0');
    }

    return p == end || *p == '.' || (*p | 0x20) == 'e' ? NULL : p;
}


TENANT_VALUE_USUAL void
tenant_value_put_integer(tenant_value_t *value, uint64_t integer)
{
    value->u.integer = (int64_t) integer;
    value->len = 0;
    value->kind = TENANT_VALUE_INTEGER;
    value->span = 1;
}


/* A number of which the first byte is one of "1" to "9". */
TENANT_VALUE_USUAL const uint8_t *
tenant_value_natural(tenant_value_reader_t *r, const uint8_t *first)
{
    const uint8_t  *p;
    uint64_t        integer;

    p = tenant_value_digits(first, r->end, &integer);

    if (p == NULL) {
        return tenant_value_numeral(r, first);
    }

    if (!tenant_value_room(r, p)) {
        return NULL;
    }

    tenant_value_put_integer(r->next++, integer);
    return p;
}


#endif /* TENANT_VALUE_READER_H */
