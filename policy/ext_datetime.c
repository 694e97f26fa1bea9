/*
 * datetime: ms since 1970-01-01T00:00:00Z, proleptic Gregorian, without
 * leap seconds.  duration: ms.  Both i64.
 */

#include "ext.h"


#define MS_DAY     INT64_C(86400000)
#define MS_HOUR    INT64_C(3600000)
#define MS_MINUTE  INT64_C(60000)
#define MS_SECOND  INT64_C(1000)


/* n ASCII digits at *at; -1 when there are not as many */
static int
parse_fixed(policy_str_t s, size_t *at, size_t n)
{
    int     v;
    size_t  i;

    if (s.len - *at < n) {
        return -1;
    }

    v = 0;

    for (i = 0; i < n; i++, (*at)++) {
        if (s.data[*at] < '0' || s.data[*at] > '9') {
            return -1;
        }

        v = v * 10 + (s.data[*at] - '0');
    }

    return v;
}


static int
parse_char(policy_str_t s, size_t *at, char c)
{
    if (*at == s.len || s.data[*at] != c) {
        return 0;
    }

    (*at)++;

    return 1;
}


static int
month_days(int year, int month)
{
    static const int  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


/* Days since 1970-01-01, counting years from March so that a leap day is
 * the last day of a year. */
static int64_t
days_since_1970(int year, int month, int day)
{
    int64_t  y, m;

    y = month <= 2 ? year - 1 : year;
    m = month <= 2 ? month + 9 : month - 3;

    y += 400;       /* year 0000 begins in March of the year before */

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5
           + day - 1 - 865565;
}


/* ("Z" | ("+" | "-") hhmm), ms to take off */
static int
parse_zone(policy_str_t s, size_t *at, int64_t *ms)
{
    int  minus, h, m;

    *ms = 0;

    if (parse_char(s, at, 'Z')) {
        return 1;
    }

    minus = parse_char(s, at, '-');

    if (!minus && !parse_char(s, at, '+')) {
        return 0;
    }

    h = parse_fixed(s, at, 2);
    m = h < 0 ? -1 : parse_fixed(s, at, 2);

    if (h < 0 || m < 0 || h > 23 || m > 59) {
        return 0;
    }

    *ms = h * MS_HOUR + m * MS_MINUTE;

    if (minus) {
        *ms = -*ms;
    }

    return 1;
}


/* "T" hh ":" mm ":" ss ["." mmm] zone */
static int
parse_time(policy_str_t s, size_t *at, int64_t *ms)
{
    int      h, m, sec, milli;
    int64_t  zone;

    if (!parse_char(s, at, 'T')
        || (h = parse_fixed(s, at, 2)) < 0 || h > 23
        || !parse_char(s, at, ':')
        || (m = parse_fixed(s, at, 2)) < 0 || m > 59
        || !parse_char(s, at, ':')
        || (sec = parse_fixed(s, at, 2)) < 0 || sec > 59)
    {
        return 0;
    }

    milli = 0;

    if (parse_char(s, at, '.') && (milli = parse_fixed(s, at, 3)) < 0) {
        return 0;
    }

    if (!parse_zone(s, at, &zone)) {
        return 0;
    }

    *ms = h * MS_HOUR + m * MS_MINUTE + sec * MS_SECOND + milli - zone;

    return 1;
}


int
policy_datetime_parse(policy_str_t s, int64_t *ms)
{
    int      year, month, day;
    size_t   at;
    int64_t  time;

    at = 0;

    if ((year = parse_fixed(s, &at, 4)) < 0
        || !parse_char(s, &at, '-')
        || (month = parse_fixed(s, &at, 2)) < 1 || month > 12
        || !parse_char(s, &at, '-')
        || (day = parse_fixed(s, &at, 2)) < 1
        || day > month_days(year, month))
    {
        return 0;
    }

    time = 0;

    if (at < s.len && !parse_time(s, &at, &time)) {
        return 0;
    }

    if (at != s.len) {
        return 0;
    }

    *ms = days_since_1970(year, month, day) * MS_DAY + time;

    return 1;
}


/* Digits at *at, as a negative number; 0: none, or they overflow. */
static int
parse_quantity(policy_str_t s, size_t *at, int64_t *n)
{
    size_t  start;

    *n = 0;

    for (start = *at;
         *at < s.len && s.data[*at] >= '0' && s.data[*at] <= '9';
         (*at)++)
    {
        if (__builtin_mul_overflow(*n, 10, n)
            || __builtin_sub_overflow(*n, s.data[*at] - '0', n))
        {
            return 0;
        }
    }

    return *at > start;
}


/* The unit at *at, looking from *unit on; 0: none of them. */
static int64_t
parse_unit(policy_str_t s, size_t *at, unsigned *unit)
{
    static const struct {
        policy_str_t  name;
        int64_t       ms;
    } units[] = {
        { { "d", 1 }, MS_DAY }, { { "h", 1 }, MS_HOUR },
        { { "m", 1 }, MS_MINUTE }, { { "s", 1 }, MS_SECOND },
        { { "ms", 2 }, 1 }
    };
    size_t        i;
    policy_str_t  word;

    word.data = s.data + *at;
    word.len = s.len - *at > 0;

    if (s.len - *at > 1 && word.data[0] == 'm' && word.data[1] == 's') {
        word.len = 2;
    }

    for (i = *unit; i < sizeof(units) / sizeof(units[0]); i++) {
        if (policy_str_equal(word, units[i].name)) {
            *unit = (unsigned) i + 1;
            *at += word.len;
            return units[i].ms;
        }
    }

    return 0;
}


/* -?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?, one at least */
int
policy_duration_parse(policy_str_t s, int64_t *ms)
{
    int       minus;
    size_t    at;
    int64_t   n, unit_ms, sum;
    unsigned  unit;

    minus = s.len > 0 && s.data[0] == '-';
    at = (size_t) minus;

    if (at == s.len) {
        return 0;
    }

    sum = 0;
    unit = 0;

    while (at < s.len) {
        if (!parse_quantity(s, &at, &n)
            || (unit_ms = parse_unit(s, &at, &unit)) == 0
            || __builtin_mul_overflow(n, unit_ms, &n)
            || __builtin_add_overflow(sum, n, &sum))
        {
            return 0;
        }
    }

    if (!minus && __builtin_sub_overflow(0, sum, &sum)) {
        return 0;
    }

    *ms = sum;

    return 1;
}
