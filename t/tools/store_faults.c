/*
 * LD_PRELOAD of nginx in tests: while the file that STORE_FAULTS names exists,
 * writes to files of a registry fail with the errno that is in it ("28" is
 * ENOSPC), and with "open" as its text none can be opened for writing.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>


/* "open": -1; no file: 0 */
static int
fault(void)
{
    char         text[16] = "";
    const char  *path = getenv("STORE_FAULTS");
    FILE        *in;

    if (path == NULL || (in = fopen(path, "r")) == NULL) {
        return 0;
    }

    if (fgets(text, sizeof(text), in) == NULL) {
        text[0] = '\0';
    }

    (void) fclose(in);

    return strncmp(text, "open", 4) == 0 ? -1 : atoi(text);
}


static int
of_store(const char *path)
{
    return strstr(path, "registry.db") != NULL;
}


static int
fd_of_store(int fd)
{
    char     link[64], path[4096];
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);

    if (n < 0) {
        return 0;
    }

    path[n] = '\0';
    return of_store(path);
}


static int
fails(int fd)
{
    int  error;

    if (!fd_of_store(fd)) {
        return 0;
    }

    error = fault();

    if (error <= 0) {
        return 0;
    }

    errno = error;
    return 1;
}


ssize_t
pwrite64(int fd, const void *buf, size_t size, off64_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "pwrite64");
    }

    return fails(fd) ? -1 : real(fd, buf, size, offset);
}


ssize_t
pwrite(int fd, const void *buf, size_t size, off_t offset)
{
    return pwrite64(fd, buf, size, offset);
}


ssize_t
write(int fd, const void *buf, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "write");
    }

    return fails(fd) ? -1 : real(fd, buf, size);
}


int
open64(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list      args;
    mode_t       mode;

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "open64");
    }

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);

    if ((flags & O_ACCMODE) != O_RDONLY && of_store(path) && fault() == -1) {
        errno = EACCES;
        return -1;
    }

    return real(path, flags, mode);
}


int
open(const char *path, int flags, ...)
{
    va_list  args;
    mode_t   mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);

    return open64(path, flags, mode);
}
