/* What one signature verification costs when nothing else is done. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "raw.h"


static uint64_t
cpu(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


int
main(int argc, char **argv)
{
    raw_t          *raw;
    uint64_t        start;
    unsigned long   i, count;

    if (argc != 5) {
        fprintf(stderr, "bench-verify ALG KEYFILE TOKENFILE COUNT\n");
        return 1;
    }

    count = strtoul(argv[4], NULL, 10);
    raw = raw_open(argv[1], argv[2], argv[3]);
    start = cpu();

    for (i = 0; i < count; i++) {
        if (!raw_verify(raw)) {
            fprintf(stderr, "bench-verify: a token does not verify\n");
            return 1;
        }
    }

    printf("ns=%.0f\n", (double) (cpu() - start) / (double) count);

    return 0;
}
