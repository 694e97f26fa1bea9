/* Extension functions and methods: one table, one call. */

#include "ext.h"


#define MS_DAY  INT64_C(86400000)


/* ORDER EXT: ext_table, and the cases of apply() */
enum {
    EXT_IP,
    EXT_DECIMAL,
    EXT_DATETIME,
    EXT_DURATION,
    EXT_IS_IPV4,
    EXT_IS_IPV6,
    EXT_IS_LOOPBACK,
    EXT_IS_MULTICAST,
    EXT_IS_IN_RANGE,
    EXT_LESS,
    EXT_LESS_EQUAL,
    EXT_GREATER,
    EXT_GREATER_EQUAL,
    EXT_OFFSET,
    EXT_DURATION_SINCE,
    EXT_TO_DATE,
    EXT_TO_TIME,
    EXT_TO_MS,
    EXT_TO_SECONDS,
    EXT_TO_MINUTES,
    EXT_TO_HOURS,
    EXT_TO_DAYS
};

#define NAME(s)      { s, sizeof(s) - 1 }
#define FUNCTION(s)  { NAME(s), 0, 1, { POLICY_STRING, 0 } }
#define UNARY(s, a)  { NAME(s), 1, 1, { a, 0 } }
#define BINARY(s, a, b)  { NAME(s), 1, 2, { a, b } }

/* ORDER EXT */
static const policy_ext_t  ext_table[] = {
    FUNCTION("ip"),
    FUNCTION("decimal"),
    FUNCTION("datetime"),
    FUNCTION("duration"),
    UNARY("isIpv4", POLICY_IP),
    UNARY("isIpv6", POLICY_IP),
    UNARY("isLoopback", POLICY_IP),
    UNARY("isMulticast", POLICY_IP),
    BINARY("isInRange", POLICY_IP, POLICY_IP),
    BINARY("lessThan", POLICY_DECIMAL, POLICY_DECIMAL),
    BINARY("lessThanOrEqual", POLICY_DECIMAL, POLICY_DECIMAL),
    BINARY("greaterThan", POLICY_DECIMAL, POLICY_DECIMAL),
    BINARY("greaterThanOrEqual", POLICY_DECIMAL, POLICY_DECIMAL),
    BINARY("offset", POLICY_DATETIME, POLICY_DURATION),
    BINARY("durationSince", POLICY_DATETIME, POLICY_DATETIME),
    UNARY("toDate", POLICY_DATETIME),
    UNARY("toTime", POLICY_DATETIME),
    UNARY("toMilliseconds", POLICY_DURATION),
    UNARY("toSeconds", POLICY_DURATION),
    UNARY("toMinutes", POLICY_DURATION),
    UNARY("toHours", POLICY_DURATION),
    UNARY("toDays", POLICY_DURATION)
};


const policy_ext_t *
policy_ext_find(policy_str_t name, uint8_t *id)
{
    size_t  i;

    for (i = 0; i < sizeof(ext_table) / sizeof(ext_table[0]); i++) {
        if (policy_str_equal(name, ext_table[i].name)) {
            *id = (uint8_t) i;
            return &ext_table[i];
        }
    }

    return NULL;
}


const policy_ext_t *
policy_ext_get(uint8_t id)
{
    return &ext_table[id];
}


static policy_status_t
refuse(policy_eval_error_t *error, uint8_t detail, policy_str_t name)
{
    memset(error, 0, sizeof(policy_eval_error_t));
    error->kind = POLICY_ERROR_EXTENSION;
    error->detail = detail;
    error->name = name;

    return POLICY_INVALID;
}


static policy_status_t
make_ip(policy_str_t s, policy_arena_t *arena, policy_value_t *value,
    policy_eval_error_t *error)
{
    void         *addr;
    policy_ip_t   ip;

    if (!policy_ip_parse(s, &ip)) {
        return refuse(error, POLICY_DETAIL_IP, s);
    }

    if (ip.family == 4) {
        return policy_ip(ip.addr, 4, ip.prefix, value);
    }

    addr = policy_alloc(arena, 16);
    if (addr == NULL) {
        return arena->base != NULL ? POLICY_LIMIT : POLICY_NO_MEMORY;
    }

    memcpy(addr, ip.addr, 16);

    return policy_ip(addr, 16, ip.prefix, value);
}


static policy_status_t
construct(uint8_t id, policy_str_t s, policy_arena_t *arena,
    policy_value_t *value, policy_eval_error_t *error)
{
    int64_t  n;

    switch (id) {

    case EXT_IP:
        return make_ip(s, arena, value, error);

    case EXT_DECIMAL:
        if (!policy_decimal_parse(s, &n)) {
            return refuse(error, POLICY_DETAIL_DECIMAL, s);
        }

        *value = policy_decimal(n);
        return POLICY_OK;

    case EXT_DATETIME:
        if (!policy_datetime_parse(s, &n)) {
            return refuse(error, POLICY_DETAIL_DATETIME, s);
        }

        *value = policy_datetime(n);
        return POLICY_OK;

    default: /* EXT_DURATION */
        if (!policy_duration_parse(s, &n)) {
            return refuse(error, POLICY_DETAIL_DURATION, s);
        }

        *value = policy_duration(n);
        return POLICY_OK;
    }
}


/* remainder with the sign of the divisor: 0 <= result < day */
static int64_t
time_of_day(int64_t ms)
{
    int64_t  r;

    r = ms % MS_DAY;

    return r < 0 ? r + MS_DAY : r;
}


static policy_status_t
arithmetic(uint8_t id, const policy_value_t *args, policy_value_t *value,
    policy_eval_error_t *error)
{
    int      overflow;
    int64_t  n;

    switch (id) {

    case EXT_OFFSET:
        overflow = __builtin_add_overflow(args[0].u.i, args[1].u.i, &n);
        *value = policy_datetime(n);
        break;

    case EXT_DURATION_SINCE:
        overflow = __builtin_sub_overflow(args[0].u.i, args[1].u.i, &n);
        *value = policy_duration(n);
        break;

    default: /* EXT_TO_DATE */
        overflow = __builtin_sub_overflow(args[0].u.i,
                                          time_of_day(args[0].u.i), &n);
        *value = policy_datetime(n);
        break;
    }

    if (overflow) {
        return refuse(error, POLICY_DETAIL_RANGE, ext_table[id].name);
    }

    return POLICY_OK;
}


POLICY_HOT
static policy_status_t
apply(uint8_t id, const policy_value_t *args, policy_arena_t *arena,
    policy_value_t *value, policy_eval_error_t *error)
{
    int64_t  a, b;

    a = args[0].u.i;
    b = ext_table[id].nargs == 2 ? args[1].u.i : 0;

    switch (id) {

    case EXT_IP:
    case EXT_DECIMAL:
    case EXT_DATETIME:
    case EXT_DURATION:
        return construct(id, policy_value_text(&args[0]), arena, value,
                         error);

    case EXT_OFFSET:
    case EXT_DURATION_SINCE:
    case EXT_TO_DATE:
        return arithmetic(id, args, value, error);

    case EXT_IS_IPV4:
        *value = policy_bool(args[0].flag == 4);
        break;

    case EXT_IS_IPV6:
        *value = policy_bool(args[0].flag == 6);
        break;

    case EXT_IS_LOOPBACK:
        *value = policy_bool(policy_ip_is_loopback(&args[0]));
        break;

    case EXT_IS_MULTICAST:
        *value = policy_bool(policy_ip_is_multicast(&args[0]));
        break;

    case EXT_IS_IN_RANGE:
        *value = policy_bool(policy_ip_in_range(&args[0], &args[1]));
        break;

    case EXT_LESS:
        *value = policy_bool(a < b);
        break;

    case EXT_LESS_EQUAL:
        *value = policy_bool(a <= b);
        break;

    case EXT_GREATER:
        *value = policy_bool(a > b);
        break;

    case EXT_GREATER_EQUAL:
        *value = policy_bool(a >= b);
        break;

    case EXT_TO_TIME:
        *value = policy_duration(time_of_day(a));
        break;

    case EXT_TO_MS:
        *value = policy_long(a);
        break;

    case EXT_TO_SECONDS:
        *value = policy_long(a / 1000);
        break;

    case EXT_TO_MINUTES:
        *value = policy_long(a / 60000);
        break;

    case EXT_TO_HOURS:
        *value = policy_long(a / 3600000);
        break;

    default: /* EXT_TO_DAYS */
        *value = policy_long(a / MS_DAY);
        break;
    }

    return POLICY_OK;
}


POLICY_HOT
policy_status_t
policy_ext_call(uint8_t id, const policy_value_t *args, size_t n,
    policy_arena_t *arena, policy_value_t *value, policy_eval_error_t *error)
{
    size_t               i;
    const policy_ext_t  *ext;

    ext = &ext_table[id];

    if (n != ext->nargs) {
        memset(error, 0, sizeof(policy_eval_error_t));
        error->kind = POLICY_ERROR_ARITY;
        error->name = ext->name;
        error->got = (uint8_t) (n > 255 ? 255 : n);
        error->want = ext->nargs;
        return POLICY_INVALID;
    }

    for (i = 0; i < n; i++) {
        if (args[i].kind != ext->kinds[i]) {
            memset(error, 0, sizeof(policy_eval_error_t));
            error->kind = POLICY_ERROR_TYPE;
            error->got = args[i].kind;
            error->want = (uint16_t) (1u << ext->kinds[i]);
            return POLICY_INVALID;
        }
    }

    return apply(id, args, arena, value, error);
}
