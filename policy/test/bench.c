/*
 * What a decision costs, and a load.
 *
 *   bench DIR [REFERENCE]
 *
 * DIR holds SHAPE-N.cedar, entities.json and request.json as the oracle's
 * benchmark writes them; REFERENCE the reference's times for the same, one
 * JSON object a line.  Times are medians of batches, in ns.
 */

#define _POSIX_C_SOURCE  200809L

#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define BATCHES  21

typedef struct {
    policy_set_t      *set;
    policy_store_t    *store;
    policy_arena_t    *arena;
    policy_uid_t       uids[3];
    policy_value_t     context;
    size_t             mark;
    int                allow;   /* what every decision must be */
} world_t;

static size_t  calls;           /* of the allocator */
static size_t  live, peak;      /* bytes */

static const char *const  shapes[] = {
    "principal_eq", "principal_in", "action", "unscoped"
};

static const unsigned  sizes[] = { 1, 10, 100, 1000, 10000 };


static void
die(const char *what, const policy_error_t *error)
{
    fprintf(stderr, "%s: %s:%u:%u: %s\n", what, error->file, error->line,
            error->column, error->message);
    exit(1);
}


static void *
counting_alloc(void *data, size_t size)
{
    (void) data;

    calls++;
    live += size;
    peak = live > peak ? live : peak;

    return malloc(size);
}


static void
counting_free(void *data, void *chunk, size_t size)
{
    (void) data;

    live -= size;
    free(chunk);
}


static const policy_memory_t  memory = {
    counting_alloc, counting_free, NULL
};


static uint64_t
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}


static policy_str_t
read_file(const char *path)
{
    long           size;
    char          *data;
    FILE          *file;
    policy_str_t   text;

    file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0
        || (size = ftell(file)) < 0)
    {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }

    rewind(file);
    data = malloc((size_t) size + 1);

    if (data == NULL
        || fread(data, 1, (size_t) size, file) != (size_t) size)
    {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }

    fclose(file);
    text.data = data;
    text.len = (size_t) size;

    return text;
}


static policy_set_t *
load_set(policy_str_t text)
{
    policy_set_t    *set;
    policy_error_t   error;

    memset(&error, 0, sizeof(error));

    if (policy_set_create(&memory, NULL, &set) != POLICY_OK
        || policy_set_add(set, POLICY_STR("bench"), text, &error)
           != POLICY_OK
        || policy_set_finish(set, &error) != POLICY_OK)
    {
        die("policies", &error);
    }

    return set;
}


static policy_store_t *
load_store(policy_str_t text)
{
    policy_error_t   error;
    policy_store_t  *store;

    memset(&error, 0, sizeof(error));

    if (policy_store_create(&memory, &store) != POLICY_OK
        || policy_store_json(store, POLICY_STR("entities"), text, &error)
           != POLICY_OK
        || policy_store_finish(store, &error) != POLICY_OK)
    {
        die("entities", &error);
    }

    return store;
}


static void
decide(world_t *w)
{
    policy_result_t        result;
    policy_request_t       request;
    const policy_set_t    *sets[1];
    const policy_store_t  *stores[1];

    sets[0] = w->set;
    stores[0] = w->store;

    memset(&request, 0, sizeof(request));
    request.principal = &w->uids[0];
    request.action = &w->uids[1];
    request.resource = &w->uids[2];
    request.context = w->context;
    request.sets = sets;
    request.nsets = 1;
    request.stores = stores;
    request.nstores = 1;

    policy_arena_release(w->arena, w->mark);

    if (policy_authorize(&request, w->arena, &result) != POLICY_OK
        || result.decision != (w->allow ? POLICY_ALLOW : POLICY_DENY)
        || result.nerrors != 0)
    {
        fprintf(stderr, "unexpected decision\n");
        exit(1);
    }
}


static int
cmp_u64(const void *a, const void *b)
{
    uint64_t  x, y;

    x = *(const uint64_t *) a;
    y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}


/* ns a decision: the median of batches long enough for the clock */
static double
measure(world_t *w)
{
    size_t    before;
    uint64_t  times[BATCHES], start;
    unsigned  i, k, n;

    for (n = 1; n < 1000000; n *= 2) {
        start = now();

        for (k = 0; k < n; k++) {
            decide(w);
        }

        if (now() - start > 2000000) {
            break;
        }
    }

    before = calls;

    for (i = 0; i < BATCHES; i++) {
        start = now();

        for (k = 0; k < n; k++) {
            decide(w);
        }

        times[i] = now() - start;
    }

    if (calls != before) {
        fprintf(stderr, "a decision called the allocator\n");
        exit(1);
    }

    qsort(times, BATCHES, sizeof(times[0]), cmp_u64);

    return (double) times[BATCHES / 2] / n;
}


/* The reference's ns for a shape and size, or 0. */
static double
reference_of(policy_str_t lines, const char *shape, unsigned size)
{
    char         key[96];
    const char  *at, *ns;

    if (lines.data == NULL) {
        return 0;
    }

    snprintf(key, sizeof(key), "{\"shape\":\"%s\",\"policies\":%u,", shape,
             size);

    at = strstr(lines.data, key);
    ns = at == NULL ? NULL : strstr(at, "\"ns\":");

    return ns == NULL ? 0 : strtod(ns + 5, NULL);
}


static void
bench_shape(world_t *w, const char *dir, const char *shape,
    policy_str_t reference)
{
    char          path[512];
    double        ns, theirs;
    unsigned      i;
    policy_str_t  text;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s-%u.cedar", dir, shape, sizes[i]);

        text = read_file(path);
        w->set = load_set(text);
        free((char *) (uintptr_t) text.data);

        ns = measure(w);
        theirs = reference_of(reference, shape, sizes[i]);

        printf("%-14s %6u %12.1f %10.2f", shape, sizes[i], ns,
               ns / sizes[i]);

        if (theirs > 0) {
            printf(" %14.0f %8.0fx", theirs, theirs / ns);
        }

        putchar('\n');
        fflush(stdout);
        policy_set_destroy(w->set);
    }
}


static void
bench_four(world_t *w)
{
    static const char  text[] =
        "permit(principal == User::\"u0\", action == Action::\"a0\", resource)"
        " when { context.count < 10 && resource.public"
        " && principal.number == 0 && principal in Group::\"g0\" };";

    w->set = load_set((policy_str_t) { text, sizeof(text) - 1 });
    printf("one policy, four conditions: %.0f ns\n", measure(w));
    policy_set_destroy(w->set);
}


static void
bench_load(const char *dir)
{
    char           path[512];
    size_t         before;
    uint64_t       start, end;
    policy_set_t  *set;
    policy_str_t   text;

    snprintf(path, sizeof(path), "%s/principal_eq-10000.cedar", dir);
    text = read_file(path);

    before = live;
    peak = live;
    start = now();
    set = load_set(text);
    end = now();

    printf("load of 10000 policies, %zu bytes: %.1f ms, %.2f MB kept, "
           "%.2f MB at most\n", text.len, (double) (end - start) / 1e6,
           (double) policy_set_memory(set) / 1e6,
           (double) (peak - before) / 1e6);

    policy_set_destroy(set);

    if (live != before) {
        fprintf(stderr, "%zu bytes not returned\n", live - before);
        exit(1);
    }

    free((char *) (uintptr_t) text.data);
}


int
main(int argc, char **argv)
{
    char           path[512];
    size_t         i;
    world_t        w;
    policy_str_t   text, reference;
    policy_error_t error;
    static uint64_t  buffer[POLICY_SCRATCH / 8];

    if (argc < 2) {
        fprintf(stderr, "usage: bench DIR [REFERENCE]\n");
        return 1;
    }

    reference.data = NULL;

    if (argc > 2) {
        reference = read_file(argv[2]);
        ((char *) (uintptr_t) reference.data)[reference.len] = '\0';
    }

    memset(&w, 0, sizeof(w));
    snprintf(path, sizeof(path), "%s/entities.json", argv[1]);
    text = read_file(path);
    w.store = load_store(text);
    w.arena = policy_arena_init(buffer, sizeof(buffer));
    w.allow = 1;

    /* the request of request.json */

    if (policy_uid_init(&w.uids[0], POLICY_STR("User"), POLICY_STR("u0"))
        != POLICY_OK
        || policy_uid_init(&w.uids[1], POLICY_STR("Action"),
                           POLICY_STR("a0")) != POLICY_OK
        || policy_uid_init(&w.uids[2], POLICY_STR("Doc"), POLICY_STR("d0"))
           != POLICY_OK
        || policy_json_context(w.arena, POLICY_STR("{\"count\":1}"),
                               &w.context, &error) != POLICY_OK)
    {
        die("request", &error);
    }

    w.mark = policy_arena_mark(w.arena);

    printf("%-14s %6s %12s %10s %14s %9s\n", "shape", "n", "ns/decision",
           "ns/policy", "reference ns", "ratio");

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        bench_shape(&w, argv[1], shapes[i], reference);
    }

    bench_four(&w);
    bench_load(argv[1]);
    policy_store_destroy(w.store);

    return 0;
}
