/*
 * What the fuzz targets share.  Each defines LLVMFuzzerTestOneInput().
 */

#ifndef POLICY_FUZZ_H
#define POLICY_FUZZ_H

#include "policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void *
fuzz_alloc(void *data, size_t size)
{
    (void) data;

    return malloc(size);
}


static void
fuzz_free(void *data, void *chunk, size_t size)
{
    (void) data;
    (void) size;

    free(chunk);
}


static const policy_memory_t  fuzz_memory = { fuzz_alloc, fuzz_free, NULL };


/* What must hold, whatever the input. */
#define FUZZ_ASSERT(condition)                                               \
    do {                                                                     \
        if (!(condition)) {                                                  \
            abort();                                                         \
        }                                                                    \
    } while (0)


#endif /* POLICY_FUZZ_H */
