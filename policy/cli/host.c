/* What the engine leaves to its host: memory, files, time. */

#define _POSIX_C_SOURCE  200809L

#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


static void *
host_alloc(void *data, size_t size)
{
    (void) data;

    return malloc(size);
}


static void
host_release(void *data, void *chunk, size_t size)
{
    (void) data;
    (void) size;

    free(chunk);
}


const policy_memory_t  host_memory = { host_alloc, host_release, NULL };


static policy_str_t
read_stream(FILE *file)
{
    char          *data, *more;
    size_t         n, size;
    policy_str_t   text;

    text.data = NULL;
    text.len = 0;
    size = 65536;

    data = malloc(size);
    if (data == NULL) {
        return text;
    }

    while ((n = fread(data + text.len, 1, size - text.len, file)) > 0) {
        text.len += n;

        if (text.len < size) {
            continue;
        }

        size *= 2;

        more = realloc(data, size);
        if (more == NULL) {
            free(data);
            return text;
        }

        data = more;
    }

    if (ferror(file)) {
        free(data);
        return text;
    }

    text.data = data;

    return text;
}


policy_str_t
host_read(const char *path, const char **reason)
{
    FILE          *file;
    policy_str_t   text;

    *reason = NULL;

    if (strcmp(path, "-") == 0) {
        file = stdin;
    } else {
        file = fopen(path, "rb");
    }

    if (file == NULL) {
        *reason = strerror(errno);
        return (policy_str_t) { NULL, 0 };
    }

    errno = 0;
    text = read_stream(file);

    if (text.data == NULL) {
        *reason = errno != 0 ? strerror(errno) : "out of memory";
    }

    if (file != stdin) {
        fclose(file);
    }

    return text;
}


void
host_free(policy_str_t text)
{
    free((char *) (uintptr_t) text.data);
}


uint64_t
host_nanoseconds(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}
