/*
 * LD_PRELOAD of nginx in tests: the wall clock is as many seconds ahead as the
 * file says that TEST_CLOCK names.  Timers, which go by another clock, are as
 * ever.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>


static long
ahead(void)
{
    char         text[16] = "";
    const char  *path = getenv("TEST_CLOCK");
    FILE        *in = path ? fopen(path, "r") : NULL;

    if (in == NULL) {
        return 0;
    }

    if (fgets(text, sizeof(text), in) == NULL) {
        text[0] = '\0';
    }

    (void) fclose(in);

    return atol(text);
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    static int  (*real)(struct timeval *restrict, void *restrict);

    int  rc;

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "gettimeofday");
    }

    rc = real(tv, tz);

    if (rc == 0) {
        tv->tv_sec += ahead();
    }

    return rc;
}
