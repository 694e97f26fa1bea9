/* The names of an object with many members, in order: in place, n log n. */

#include <string.h>

#include "tenant_value.h"


/* Any order of names in which equal ones are neighbours will do. */
static int
tenant_value_order(const tenant_value_t *a, const tenant_value_t *b)
{
    int  rc;

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    rc = a->len != 0 ? memcmp(a->u.text, b->u.text, a->len) : 0;

    return rc != 0 ? rc : (a->u.text < b->u.text ? -1 : 1);
}


/* Restores the heap below root, of which only root may be out of order. */
static void
tenant_value_sift(tenant_value_t *names, size_t root, size_t n)
{
    tenant_value_t  name = names[root];
    size_t          child;

    while ((child = root * 2 + 1) < n) {
        if (child + 1 < n
            && tenant_value_order(&names[child], &names[child + 1]) < 0)
        {
            child++;
        }

        if (tenant_value_order(&name, &names[child]) >= 0) {
            break;
        }

        names[root] = names[child];
        root = child;
    }

    names[root] = name;
}


void
tenant_value_sort(tenant_value_t *names, size_t n)
{
    tenant_value_t  last;
    size_t          i;

    for (i = n / 2; i != 0; i--) {
        tenant_value_sift(names, i - 1, n);
    }

    for (i = n - 1; i != 0; i--) {
        last = names[i];
        names[i] = names[0];
        names[0] = last;
        tenant_value_sift(names, 0, i);
    }
}
