/* The texts of extension values. */

#include "test.h"

#include "ext.h"


typedef struct {
    const char  *text;
    int64_t      value;
    int          ok;
} number_t;

static const number_t  decimals[] = {
    { "0.0", 0, 1 },
    { "1.2345", 12345, 1 },
    { "-0.5", -5000, 1 },
    { "-0.0", 0, 1 },
    { "000000000000000000000000001.5", 15000, 1 },
    { "922337203685477.5807", INT64_MAX, 1 },
    { "-922337203685477.5808", INT64_MIN, 1 },
    { "922337203685477.5808", 0, 0 },
    { "-922337203685477.5809", 0, 0 },
    { "99999999999999999999.0", 0, 0 },
    { "922337203685478.0", 0, 0 },
    { "", 0, 0 },
    { "-", 0, 0 },
    { "1", 0, 0 },
    { "1.", 0, 0 },
    { ".5", 0, 0 },
    { "1.23456", 0, 0 },
    { "1.2.3", 0, 0 },
    { "+1.0", 0, 0 },
    { "--1.0", 0, 0 },
    { " 1.0", 0, 0 },
    { "1.0 ", 0, 0 },
    { "1,0", 0, 0 },
    { "1.-5", 0, 0 },
    { "\xd9\xa1.0", 0, 0 }
};

START_TEST(test_decimal)
{
    int              ok;
    int64_t          value;
    const number_t  *c;

    c = &decimals[_i];
    ok = policy_decimal_parse(str(c->text), &value);

    ck_assert_msg(ok == c->ok && (!ok || value == c->value), "%s", c->text);
}
END_TEST


#define DAY  INT64_C(86400000)

static const number_t  datetimes[] = {
    { "1970-01-01", 0, 1 },
    { "1970-01-02", DAY, 1 },
    { "1969-12-31", -DAY, 1 },
    { "2000-02-29", 11016 * DAY, 1 },
    { "2024-11-15T14:08:52Z", INT64_C(1731679732000), 1 },
    { "2024-11-15T14:08:52.123Z", INT64_C(1731679732123), 1 },
    { "2024-11-15T14:08:52+0100", INT64_C(1731676132000), 1 },
    { "2024-11-15T14:08:52.123-2359", INT64_C(1731766072123), 1 },
    { "0000-01-01", -719528 * DAY, 1 },
    { "9999-12-31T23:59:59.999Z", INT64_C(253402300799999), 1 },
    { "0000-02-29", -719469 * DAY, 1 },
    { "1900-02-29", 0, 0 },
    { "2023-02-29", 0, 0 },
    { "2024-04-31", 0, 0 },
    { "2024-13-01", 0, 0 },
    { "2024-00-01", 0, 0 },
    { "2024-01-00", 0, 0 },
    { "2024-01-32", 0, 0 },
    { "2024-1-01", 0, 0 },
    { "24-01-01", 0, 0 },
    { "2024/01/01", 0, 0 },
    { "2024-01-01T", 0, 0 },
    { "2024-01-01T00:00:00", 0, 0 },
    { "2024-01-01t00:00:00Z", 0, 0 },
    { "2024-01-01T00:00:00z", 0, 0 },
    { "2024-01-01T24:00:00Z", 0, 0 },
    { "2024-01-01T00:60:00Z", 0, 0 },
    { "2024-01-01T00:00:60Z", 0, 0 },
    { "2024-01-01T00:00:00.1Z", 0, 0 },
    { "2024-01-01T00:00:00.1234Z", 0, 0 },
    { "2024-01-01T00:00:00.Z", 0, 0 },
    { "2024-01-01T00:00:00+01:00", 0, 0 },
    { "2024-01-01T00:00:00+2400", 0, 0 },
    { "2024-01-01T00:00:00+0060", 0, 0 },
    { "2024-01-01T00:00:00+01", 0, 0 },
    { "2024-01-01T00:00:00Zx", 0, 0 },
    { "2024-01-01 ", 0, 0 },
    { "", 0, 0 },
    { "+2024-01-01", 0, 0 },
    { "20\xd9\xa2" "4-01-01", 0, 0 }
};

START_TEST(test_datetime)
{
    int              ok;
    int64_t          value;
    const number_t  *c;

    c = &datetimes[_i];
    ok = policy_datetime_parse(str(c->text), &value);

    ck_assert_msg(ok == c->ok && (!ok || value == c->value), "%s: %lld",
                  c->text, (long long) value);
}
END_TEST


static const number_t  durations[] = {
    { "1d", DAY, 1 },
    { "1h", 3600000, 1 },
    { "1m", 60000, 1 },
    { "1s", 1000, 1 },
    { "1ms", 1, 1 },
    { "0ms", 0, 1 },
    { "-0ms", 0, 1 },
    { "1d2h3m4s5ms", 93784005, 1 },
    { "1d5ms", DAY + 5, 1 },
    { "-1h30m", -5400000, 1 },
    { "00000000000000000000000000001s", 1000, 1 },
    { "9223372036854775807ms", INT64_MAX, 1 },
    { "-9223372036854775808ms", INT64_MIN, 1 },
    { "9223372036854775808ms", 0, 0 },
    { "-9223372036854775809ms", 0, 0 },
    { "106751991168d", 0, 0 },
    { "106751991167d9223372036854775807ms", 0, 0 },
    { "", 0, 0 },
    { "-", 0, 0 },
    { "1", 0, 0 },
    { "d", 0, 0 },
    { "1x", 0, 0 },
    { "1h1d", 0, 0 },
    { "1h1h", 0, 0 },
    { "1ms1s", 0, 0 },
    { "1ms1ms", 0, 0 },
    { "+1h", 0, 0 },
    { "1h-1m", 0, 0 },
    { "1 h", 0, 0 },
    { "1.5h", 0, 0 },
    { "1H", 0, 0 },
    { "1hh", 0, 0 },
    { "1m1", 0, 0 }
};

START_TEST(test_duration)
{
    int              ok;
    int64_t          value;
    const number_t  *c;

    c = &durations[_i];
    ok = policy_duration_parse(str(c->text), &value);

    ck_assert_msg(ok == c->ok && (!ok || value == c->value), "%s: %lld",
                  c->text, (long long) value);
}
END_TEST


typedef struct {
    const char  *text;
    const char  *printed;       /* NULL: refused */
} ip_case_t;

static const ip_case_t  ips[] = {
    { "0.0.0.0", "0.0.0.0/32" },
    { "255.255.255.255/0", "255.255.255.255/0" },
    { "10.1.2.3/24", "10.1.2.3/24" },
    { "::", "0:0:0:0:0:0:0:0/128" },
    { "::1", "0:0:0:0:0:0:0:1/128" },
    { "1::", "1:0:0:0:0:0:0:0/128" },
    { "1:2:3:4:5:6:7:8/64", "1:2:3:4:5:6:7:8/64" },
    { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128" },
    { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8/128" },
    { "2001:DB8::00ff/32", "2001:db8:0:0:0:0:0:ff/32" },
    { "fe80::1:2/128", "fe80:0:0:0:0:0:1:2/128" },
    { "", NULL },
    { "1.2.3", NULL },
    { "1.2.3.4.5", NULL },
    { "1.2.3.256", NULL },
    { "01.2.3.4", NULL },
    { "1.2.3.00", NULL },
    { "1.2.3.4/33", NULL },
    { "1.2.3.4/08", NULL },
    { "1.2.3.4/", NULL },
    { "1.2.3.4/1/2", NULL },
    { "1.2.3.4/+8", NULL },
    { "1..3.4", NULL },
    { "::1/129", NULL },
    { "::1/0128", NULL },
    { "1:2:3:4:5:6:7", NULL },
    { "1:2:3:4:5:6:7:8:9", NULL },
    { "1:2:3:4:5:6:7:8::", NULL },
    { "::1:2:3:4:5:6:7:8", NULL },
    { "1::2::3", NULL },
    { ":::", NULL },
    { ":1", NULL },
    { "1:", NULL },
    { "12345::", NULL },
    { "g::", NULL },
    { "::ffff:1.2.3.4", NULL },
    { "[::1]", NULL },
    { "fe80::1%eth0", NULL },
    { " 1.2.3.4", NULL },
    { "0000:0000:0000:0000:0000:0000:0000:0001/1280", NULL }
};

static policy_value_t
ip_value(const char *text)
{
    policy_value_t       value;
    policy_eval_error_t  error;
    policy_value_t       arg;
    uint8_t              id;

    arg = policy_string(text, strlen(text));

    ck_assert_ptr_nonnull(policy_ext_find(str("ip"), &id));
    ck_assert_int_eq(policy_ext_call(id, &arg, 1, test_arena(), &value,
                                     &error), POLICY_OK);

    return value;
}


START_TEST(test_ip)
{
    char               text[64];
    policy_ip_t        ip;
    policy_print_t     p;
    policy_value_t     value;
    const ip_case_t   *c;

    c = &ips[_i];

    ck_assert_msg(policy_ip_parse(str(c->text), &ip) == (c->printed != NULL),
                  "%s", c->text);

    if (c->printed == NULL) {
        return;
    }

    value = ip_value(c->text);
    policy_print_init(&p, text, sizeof(text));
    policy_ip_print(&p, &value);
    policy_print_end(&p);
    ck_assert_str_eq(text, c->printed);
}
END_TEST


typedef struct {
    const char  *ip;
    const char  *range;         /* NULL: none */
    int          loopback;
    int          multicast;
    int          in;
} range_case_t;

static const range_case_t  ranges[] = {
    { "127.0.0.1", "127.0.0.0/8", 1, 0, 1 },
    { "127.255.0.1/8", "127.0.0.0/9", 1, 0, 0 },
    { "127.0.0.0/7", "0.0.0.0/0", 0, 0, 1 },
    { "224.0.0.1", "224.0.0.0/4", 0, 1, 1 },
    { "239.0.0.0/4", "224.0.0.0/4", 0, 1, 1 },
    { "224.0.0.0/3", "224.0.0.0/4", 0, 0, 0 },
    { "240.0.0.1", "10.0.0.0/8", 0, 0, 0 },
    { "10.0.1.5", "10.0.1.0/29", 0, 0, 1 },
    { "10.0.1.8", "10.0.1.0/29", 0, 0, 0 },
    { "10.0.1.5/28", "10.0.1.0/29", 0, 0, 0 },
    { "::1", "::/0", 1, 0, 1 },
    { "::1/127", "::1", 0, 0, 0 },
    { "::ffff:7f00:1", "127.0.0.0/8", 0, 0, 0 },
    { "ff02::1", "ff00::/8", 0, 1, 1 },
    { "ff00::/7", "ff00::/8", 0, 0, 0 },
    { "2001:db8::1", "2001:db8::/33", 0, 0, 1 },
    { "2001:db8:8000::1", "2001:db8::/33", 0, 0, 0 }
};

START_TEST(test_ip_range)
{
    uint8_t              addr[16];
    policy_value_t       ip, range;
    const range_case_t  *c;

    c = &ranges[_i];
    ip = ip_value(c->ip);

    ck_assert_msg(policy_ip_is_loopback(&ip) == c->loopback, "%s", c->ip);
    ck_assert_msg(policy_ip_is_multicast(&ip) == c->multicast, "%s", c->ip);

    if (ip.flag == 6) {
        memcpy(addr, ip.u.p, 16);       /* the arena is used again */
        ip.u.p = addr;
    }

    range = ip_value(c->range);
    ck_assert_msg(policy_ip_in_range(&ip, &range) == c->in, "%s in %s",
                  c->ip, c->range);
}
END_TEST


START_TEST(test_ip_from_bytes)
{
    int64_t         work;
    uint8_t         v4[4] = { 10, 0, 0, 1 }, v6[16] = { [15] = 1 };
    policy_value_t  a, b;

    work = 100;

    ck_assert_int_eq(policy_ip(v4, 4, 32, &a), POLICY_OK);
    b = ip_value("10.0.0.1");
    ck_assert(policy_value_equal(&a, &b, &work));

    ck_assert_int_eq(policy_ip(v6, 16, 128, &a), POLICY_OK);
    b = ip_value("::1");
    ck_assert(policy_value_equal(&a, &b, &work));

    ck_assert_int_eq(policy_ip(v4, 4, 33, &a), POLICY_MISUSE);
    ck_assert_int_eq(policy_ip(v6, 16, 129, &a), POLICY_MISUSE);
    ck_assert_int_eq(policy_ip(v6, 6, 0, &a), POLICY_MISUSE);
}
END_TEST


#define COUNT(a)  ((int) (sizeof(a) / sizeof((a)[0])))

TCase *
ext_case(void)
{
    TCase  *tcase;

    tcase = tcase_create("ext");
    tcase_add_loop_test(tcase, test_decimal, 0, COUNT(decimals));
    tcase_add_loop_test(tcase, test_datetime, 0, COUNT(datetimes));
    tcase_add_loop_test(tcase, test_duration, 0, COUNT(durations));
    tcase_add_loop_test(tcase, test_ip, 0, COUNT(ips));
    tcase_add_loop_test(tcase, test_ip_range, 0, COUNT(ranges));
    tcase_add_test(tcase, test_ip_from_bytes);

    return tcase;
}
