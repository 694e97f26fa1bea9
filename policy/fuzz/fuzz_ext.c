/*
 * The texts of extension values: what is accepted is in range, an address
 * lies in its own range, and a pattern matches as a slow matcher says.
 */

#include "fuzz.h"

#include "eval.h"
#include "ext.h"


/* exponential where the engine's is not: for short inputs only */
static int
like_slowly(const char *s, size_t n, const char *p, size_t m)
{
    size_t  i;

    if (m == 0) {
        return n == 0;
    }

    if (p[0] != POLICY_WILDCARD) {
        return n > 0 && s[0] == p[0]
               && like_slowly(s + 1, n - 1, p + 1, m - 1);
    }

    for (i = 0; i <= n; i++) {
        if (like_slowly(s + i, n - i, p + 1, m - 1)) {
            return 1;
        }
    }

    return 0;
}


static void
match(const uint8_t *data, size_t size)
{
    char          pattern[12];
    size_t        i, m;
    int64_t       work;
    policy_str_t  s, p;

    if (size < 1 || size > 28) {
        return;
    }

    m = data[0] % sizeof(pattern);
    m = m > size - 1 ? size - 1 : m;

    for (i = 0; i < m; i++) {
        pattern[i] = data[1 + i] % 3 == 0 ? POLICY_WILDCARD
                                          : (char) ('a' + data[1 + i] % 3);
    }

    p.data = pattern;
    p.len = m;
    s.data = (const char *) data + 1 + m;
    s.len = size - 1 - m;
    work = 1000000;

    FUZZ_ASSERT(policy_like(s, p, &work)
                == like_slowly(s.data, s.len, p.data, p.len));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t         n;
    policy_ip_t     ip;
    policy_str_t    s;
    policy_value_t  v;

    s.data = (const char *) data;
    s.len = size;

    policy_decimal_parse(s, &n);
    policy_duration_parse(s, &n);

    if (policy_datetime_parse(s, &n)) {
        FUZZ_ASSERT(n >= INT64_C(-62167305540000)
                    && n <= INT64_C(253402387139999));
    }

    if (policy_ip_parse(s, &ip)) {
        FUZZ_ASSERT(policy_ip(ip.addr, ip.family == 4 ? 4 : 16, ip.prefix,
                              &v) == POLICY_OK);
        FUZZ_ASSERT(policy_ip_in_range(&v, &v));
    }

    match(data, size);

    return 0;
}
