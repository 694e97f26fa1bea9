/*
 * Text as pointer plus length: never NUL terminated by promise, never owned
 * by the one who holds it.
 */

#ifndef TENANT_STR_H
#define TENANT_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>


/* What every request with a known token runs stands together. */
#if defined(__GNUC__)
#define TENANT_HOT  __attribute__((hot))
#else
#define TENANT_HOT
#endif


typedef struct {
    const char  *data;              /* NULL: absent */
    size_t       len;               /* bytes */
} tenant_str_t;

#define tenant_str(literal)                                                   \
    ((tenant_str_t) { (literal), sizeof(literal) - 1 })


static inline bool
tenant_str_eq(tenant_str_t a, tenant_str_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


#endif /* TENANT_STR_H */
