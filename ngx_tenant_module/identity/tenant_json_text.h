/*
 * The text of JSON, RFC 8259 sections 6 and 7, as both readers take it:
 * tenant_json.h makes jansson's tree of it, tenant_value.h a flat array.
 */

#ifndef TENANT_JSON_TEXT_H
#define TENANT_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "tenant_json.h"


/* Eight bytes as a number, the first of them its lowest. */
static inline uint64_t
tenant_json_word(const uint8_t *p)
{
    uint64_t  w;

    memcpy(&w, p, sizeof(w));

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif

    return w;
}


#define TENANT_JSON_ONES  UINT64_C(0x0101010101010101)
#define TENANT_JSON_LOW   UINT64_C(0x7f7f7f7f7f7f7f7f)

/*
 * Which of eight bytes end a run of ASCII that stands for itself: '"', '\\',
 * control characters and what is no ASCII.  A bit for each, the first byte's
 * the lowest.
 */
static inline uint64_t
tenant_json_ends_portable(const uint8_t *p)
{
    uint64_t  w = tenant_json_word(p), quote, backslash, printing, ends;

    /* of each byte the lower seven bits; none carries into the next */
    quote = ((w ^ TENANT_JSON_ONES * '"') & TENANT_JSON_LOW)
            + TENANT_JSON_LOW;
    backslash = ((w ^ TENANT_JSON_ONES * '\\') & TENANT_JSON_LOW)
                + TENANT_JSON_LOW;
    printing = (w & TENANT_JSON_LOW) + TENANT_JSON_ONES * (0x80 - 0x20);

    ends = (~(quote & backslash & printing) | w) & ~TENANT_JSON_LOW;

    /* the high bits of all bytes, side by side */
    return (ends >> 7) * UINT64_C(0x0102040810204080) >> 56;
}


/* The same of TENANT_JSON_STEP bytes. */

#ifdef __SSE2__

#define TENANT_JSON_STEP  16

static inline uint64_t
tenant_json_ends(const uint8_t *p)
{
    __m128i  bytes = _mm_loadu_si128((const __m128i *) p);

    /* bytes from 0x80 on are negative, and so below the space, too */
    return 0xffff
           ^ (unsigned) _mm_movemask_epi8(
                 _mm_andnot_si128(
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                  _mm_cmpeq_epi8(bytes,
                                                 _mm_set1_epi8('\\'))),
                     _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1f))));
}

#else

#define TENANT_JSON_STEP  8
#define tenant_json_ends  tenant_json_ends_portable

#endif


/* Whether the eight bytes at p are digits, and the number they make. */
static inline bool
tenant_json_eight(const uint8_t *p, uint64_t *number)
{
    uint64_t  w = tenant_json_word(p);

    /* a borrow comes from a byte that is marked itself, and so does a carry */
    w -= TENANT_JSON_ONES * '0';

    if ((w | (w + TENANT_JSON_ONES * (0x80 - 10))) & ~TENANT_JSON_LOW) {
        return false;
    }

    /* pairs in every other byte, then all four of them in the upper half */
    w = w * 10 + (w >> 8);
    *number = ((w & UINT64_C(0xff000000ff)) * UINT64_C(0xf424000000064)
               + (w >> 16 & UINT64_C(0xff000000ff))
                 * UINT64_C(0x271000000001)) >> 32;
    return true;
}


/*
 * Moves *p over bytes of a string that stand for themselves, to '"' or '\\'.
 * On any other code *p is at the byte in question; TENANT_JSON_SYNTAX: the
 * text has ended.
 */
tenant_json_code_t tenant_json_plain(const uint8_t **p, const uint8_t *end);

/*
 * *p is at a backslash: writes what the escape stands for, *n bytes of at
 * most 4 and fewer than the escape has, and moves behind it.  dst may be
 * *p.  On a code but TENANT_JSON_OK *p stays.
 */
tenant_json_code_t tenant_json_escape(const uint8_t **p, const uint8_t *end,
    char *dst, size_t *n);

/*
 * number = [ "-" ] int [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "+" / "-" ] 1*DIGIT ]
 * int = "0" / ( DIGIT1-9 *DIGIT )
 *
 * Moves *p behind it; false: at the byte that is none of a number.  real: it
 * has a fraction or an exponent.
 */
bool tenant_json_number(const uint8_t **p, const uint8_t *end, bool *real);

/* What a number without and with them is; false: out of range. */
bool tenant_json_integer(const uint8_t *p, const uint8_t *end,
    int64_t *value);
bool tenant_json_real(const uint8_t *p, const uint8_t *end, double *value);


#endif /* TENANT_JSON_TEXT_H */
