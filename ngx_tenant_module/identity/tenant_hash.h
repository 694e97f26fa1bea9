/*
 * 64 bits of a text, for looking up what a worker keeps: the same in every
 * process, so it may be stored.  Not for texts whose author would gain by
 * two of them being taken for one.
 */

#ifndef TENANT_HASH_H
#define TENANT_HASH_H

#include <stdint.h>

#include "tenant_str.h"


uint64_t tenant_hash(tenant_str_t text);


#endif /* TENANT_HASH_H */
