/*
 * Pattern matching.  Pieces between wildcards are searched left to right,
 * the leftmost match of each being as good as any other: no backtracking.
 * Bytes may stand for characters since no UTF-8 sequence begins inside
 * another.
 */

#include "eval.h"


/* Where piece begins in s, or s.len + 1. */
static size_t
search(policy_str_t s, policy_str_t piece, int64_t *work)
{
    size_t       at;
    const char  *p;

    for (at = 0; piece.len <= s.len - at; at++) {
        p = memchr(s.data + at, piece.data[0], s.len - at - piece.len + 1);

        if (p == NULL) {
            break;
        }

        at = (size_t) (p - s.data);
        *work -= 1 + (int64_t) (piece.len / 16);

        if (*work < 0 || memcmp(p, piece.data, piece.len) == 0) {
            return at;
        }
    }

    return s.len + 1;
}


int
policy_like(policy_str_t s, policy_str_t pattern, int64_t *work)
{
    size_t        at;
    const char   *star;
    policy_str_t  piece;

    *work -= (int64_t) (s.len / 64);

    star = pattern.len == 0
           ? NULL : memchr(pattern.data, POLICY_WILDCARD, pattern.len);

    if (star == NULL) {
        return policy_str_equal(s, pattern);
    }

    /* what is before the first wildcard begins the string */

    piece.data = pattern.data;
    piece.len = (size_t) (star - pattern.data);

    if (piece.len > s.len
        || (piece.len != 0 && memcmp(s.data, piece.data, piece.len) != 0))
    {
        return 0;
    }

    s.data += piece.len;
    s.len -= piece.len;

    for ( ;; ) {
        pattern.len -= piece.len + 1;
        pattern.data += piece.len + 1;

        piece.data = pattern.data;

        star = pattern.len == 0
               ? NULL : memchr(pattern.data, POLICY_WILDCARD, pattern.len);

        if (star == NULL) {
            break;
        }

        piece.len = (size_t) (star - pattern.data);

        if (piece.len == 0) {
            continue;
        }

        at = search(s, piece, work);

        if (at > s.len) {
            return 0;
        }

        s.data += at + piece.len;
        s.len -= at + piece.len;
    }

    /* what is after the last ends it */

    return pattern.len <= s.len
           && (pattern.len == 0
               || memcmp(s.data + s.len - pattern.len, pattern.data,
                         pattern.len) == 0);
}
