/*
 * The extension types: ipaddr, decimal, datetime, duration.
 */

#ifndef POLICY_EXT_H
#define POLICY_EXT_H

#include "value.h"

#pragma GCC visibility push(hidden)


typedef struct {
    policy_str_t  name;
    uint8_t       method;       /* called as x.name(), x being args[0] */
    uint8_t       nargs;        /* with x */
    uint8_t       kinds[2];     /* of the arguments */
} policy_ext_t;


/*
 * policy_eval_error_t.detail: what went wrong, more closely than its kind.
 * ORDER DETAILS: messages in error.c
 */
enum {
    POLICY_DETAIL_NONE = 0,
    POLICY_DETAIL_IP,           /* bad text */
    POLICY_DETAIL_DECIMAL,
    POLICY_DETAIL_DATETIME,
    POLICY_DETAIL_DURATION,
    POLICY_DETAIL_RANGE,        /* datetime arithmetic overflows */
    POLICY_DETAILS
};


/* NULL: no function or method has this name. */
const policy_ext_t *policy_ext_find(policy_str_t name, uint8_t *id);
const policy_ext_t *policy_ext_get(uint8_t id);

/*
 * Applies function id to evaluated arguments.  POLICY_OK; POLICY_INVALID
 * with kind, detail, got, want and name of *error set, the rest of it
 * zeroed; *error is not touched otherwise.  POLICY_LIMIT or
 * POLICY_NO_MEMORY when the arena is full.
 */
policy_status_t policy_ext_call(uint8_t id, const policy_value_t *args,
    size_t n, policy_arena_t *arena, policy_value_t *value,
    policy_eval_error_t *error);


/* Parsers: 1 when s is well formed and in range, else 0. */

typedef struct {
    uint8_t  family;        /* 4 or 6 */
    uint8_t  prefix;
    uint8_t  addr[16];      /* network order, 4 or 16 bytes used */
} policy_ip_t;

int policy_ip_parse(policy_str_t s, policy_ip_t *ip);
int policy_decimal_parse(policy_str_t s, int64_t *value);
int policy_datetime_parse(policy_str_t s, int64_t *ms);
int policy_duration_parse(policy_str_t s, int64_t *ms);

int policy_ip_is_loopback(const policy_value_t *ip);
int policy_ip_is_multicast(const policy_value_t *ip);
int policy_ip_in_range(const policy_value_t *ip, const policy_value_t *range);

/* In Cedar's text form. */
void policy_ip_print(policy_print_t *p, const policy_value_t *ip);


#pragma GCC visibility pop

#endif /* POLICY_EXT_H */
