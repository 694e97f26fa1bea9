/*
 * ipaddr: an IPv4 or IPv6 address with a prefix length.  Host bits are
 * kept, so 10.0.0.1/24 and 10.0.0.0/24 differ.
 */

#include "ext.h"


#define TEXT_MAX  43    /* the longest IPv6 text with prefix */


/* [0-9]{1,3}, at most max, no leading zero; returns bytes read or 0 */
static size_t
parse_number(const char *s, size_t len, unsigned max, unsigned *value)
{
    size_t    i;
    unsigned  n;

    n = 0;

    for (i = 0; i < len && i < 3 && s[i] >= '0' && s[i] <= '9'; i++) {
        n = n * 10 + (unsigned) (s[i] - '0');
    }

    if (i == 0 || n > max || (i > 1 && s[0] == '0')) {
        return 0;
    }

    *value = n;

    return i;
}


static int
parse_v4(policy_str_t s, policy_ip_t *ip)
{
    size_t    i, n, at;
    unsigned  part;

    at = 0;

    for (i = 0; i < 4; i++) {
        if (i > 0 && (at >= s.len || s.data[at++] != '.')) {
            return 0;
        }

        n = parse_number(s.data + at, s.len - at, 255, &part);
        if (n == 0) {
            return 0;
        }

        ip->addr[i] = (uint8_t) part;
        at += n;
    }

    ip->family = 4;

    return at == s.len;
}


static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* groups of 1-4 hex digits; "::" once, for at least one group */
static int
parse_v6(policy_str_t s, policy_ip_t *ip)
{
    int       gap;
    size_t    at, digits, groups;
    unsigned  v;

    at = 0;
    gap = -1;
    groups = 0;

    if (s.len >= 2 && s.data[0] == ':' && s.data[1] == ':') {
        gap = 0;
        at = 2;
    }

    while (at < s.len) {
        v = 0;

        for (digits = 0; digits < 4 && at < s.len; digits++, at++) {
            if (hex_digit(s.data[at]) < 0) {
                break;
            }

            v = v << 4 | (unsigned) hex_digit(s.data[at]);
        }

        if (digits == 0 || groups == 8) {
            return 0;
        }

        ip->addr[2 * groups] = (uint8_t) (v >> 8);
        ip->addr[2 * groups + 1] = (uint8_t) v;
        groups++;

        if (at == s.len) {
            break;
        }

        if (s.data[at++] != ':' || at == s.len) {
            return 0;
        }

        if (s.data[at] == ':') {
            if (gap >= 0) {
                return 0;
            }

            gap = (int) groups;
            at++;
        }
    }

    if (gap < 0 ? groups != 8 : groups > 7) {
        return 0;
    }

    if (gap >= 0) {
        digits = 2 * (groups - (size_t) gap);   /* bytes after the gap */
        memmove(ip->addr + 16 - digits, ip->addr + 2 * gap, digits);
        memset(ip->addr + 2 * gap, 0, 16 - digits - 2 * (size_t) gap);
    }

    ip->family = 6;

    return 1;
}


int
policy_ip_parse(policy_str_t s, policy_ip_t *ip)
{
    size_t        n;
    unsigned      prefix, max;
    policy_str_t  addr;

    if (s.len == 0 || s.len > TEXT_MAX) {
        return 0;
    }

    addr.data = s.data;

    for (n = 0; n < s.len && s.data[n] != '/'; n++) { /* void */ }

    addr.len = n;
    memset(ip->addr, 0, sizeof(ip->addr));

    if (!parse_v4(addr, ip) && !parse_v6(addr, ip)) {
        return 0;
    }

    max = ip->family == 4 ? 32 : 128;
    prefix = max;

    if (n < s.len) {
        n++;

        if (n == s.len
            || parse_number(s.data + n, s.len - n, max, &prefix)
               != s.len - n)
        {
            return 0;
        }
    }

    ip->prefix = (uint8_t) prefix;

    return 1;
}


static void
bytes_of(const policy_value_t *ip, uint8_t out[16])
{
    if (ip->flag == 6) {
        memcpy(out, ip->u.p, 16);
        return;
    }

    out[0] = (uint8_t) (ip->u.i >> 24);
    out[1] = (uint8_t) (ip->u.i >> 16);
    out[2] = (uint8_t) (ip->u.i >> 8);
    out[3] = (uint8_t) ip->u.i;
}


/* the whole range must lie within, not only the address */
int
policy_ip_is_loopback(const policy_value_t *ip)
{
    static const uint8_t  one[16] = { [15] = 1 };

    if (ip->flag == 4) {
        return ip->len >= 8 && ip->u.i >> 24 == 127;
    }

    return ip->len == 128 && memcmp(ip->u.p, one, 16) == 0;
}


int
policy_ip_is_multicast(const policy_value_t *ip)
{
    if (ip->flag == 4) {
        return ip->len >= 4 && ip->u.i >> 28 == 14;
    }

    return ip->len >= 8 && *(const uint8_t *) ip->u.p == 0xff;
}


POLICY_HOT
int
policy_ip_in_range(const policy_value_t *ip, const policy_value_t *range)
{
    size_t   whole;
    uint8_t  a[16], b[16], mask;

    if (ip->flag != range->flag || ip->len < range->len) {
        return 0;
    }

    if (ip->flag == 4) {
        return range->len == 0
               || (ip->u.i ^ range->u.i) >> (32 - range->len) == 0;
    }

    bytes_of(ip, a);
    bytes_of(range, b);

    whole = range->len / 8;

    if (memcmp(a, b, whole) != 0) {
        return 0;
    }

    if (range->len % 8 == 0) {
        return 1;
    }

    mask = (uint8_t) (0xff << (8 - range->len % 8));

    return ((a[whole] ^ b[whole]) & mask) == 0;
}


static void
print_group(policy_print_t *p, unsigned group)
{
    int          shift, begun;
    const char  *hex;

    hex = "0123456789abcdef";
    begun = 0;

    for (shift = 12; shift >= 0; shift -= 4) {
        if (begun || shift == 0 || (group >> shift & 15) != 0) {
            policy_print_char(p, hex[group >> shift & 15]);
            begun = 1;
        }
    }
}


void
policy_ip_print(policy_print_t *p, const policy_value_t *ip)
{
    unsigned  i;
    uint8_t   a[16];

    bytes_of(ip, a);

    if (ip->flag == 4) {
        for (i = 0; i < 4; i++) {
            if (i > 0) {
                policy_print_char(p, '.');
            }

            policy_print_u64(p, a[i]);
        }

    } else {
        for (i = 0; i < 8; i++) {
            if (i > 0) {
                policy_print_char(p, ':');
            }

            print_group(p, (unsigned) a[2 * i] << 8 | a[2 * i + 1]);
        }
    }

    policy_print_char(p, '/');
    policy_print_u64(p, ip->len);
}
