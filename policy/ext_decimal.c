/* decimal: four digits after the point, as ten-thousandths in an i64. */

#include "ext.h"


/* -?[0-9]+\.[0-9]{1,4} */
int
policy_decimal_parse(policy_str_t s, int64_t *value)
{
    size_t   i, digits, places;
    int64_t  n;
    int      point, minus, digit;

    i = 0;
    n = 0;
    point = 0;
    digits = 0;
    places = 0;

    minus = s.len > 0 && s.data[0] == '-';
    i = (size_t) minus;

    /* counted downwards: the minimum has no positive counterpart */

    for ( /* void */ ; i < s.len; i++) {
        if (s.data[i] == '.' && !point && digits > 0) {
            point = 1;
            continue;
        }

        digit = s.data[i] - '0';

        if (digit < 0 || digit > 9 || places == 4) {
            return 0;
        }

        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_sub_overflow(n, digit, &n))
        {
            return 0;
        }

        digits++;
        places += (size_t) point;
    }

    if (places == 0) {
        return 0;
    }

    for ( /* void */ ; places < 4; places++) {
        if (__builtin_mul_overflow(n, 10, &n)) {
            return 0;
        }
    }

    if (!minus && __builtin_sub_overflow(0, n, &n)) {
        return 0;
    }

    *value = n;

    return 1;
}
