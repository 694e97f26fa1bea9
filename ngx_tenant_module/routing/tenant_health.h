/*
 * Passive health of servers, shared by workers: a fixed table in shared
 * memory, used with atomics only.  A slot may be given to another server
 * when its own has not been asked for a while, so a reference holds the key
 * and is checked at each use; nothing ever has to be released, also not by
 * a worker that crashes.
 *
 * The rules are those of nginx's upstream servers: a server that failed
 * max_fails times, not further apart than fail_timeout, is down; after
 * fail_timeout one request at a time may try it again.
 */

#ifndef TENANT_HEALTH_H
#define TENANT_HEALTH_H


#include <stddef.h>
#include <stdint.h>


#define TENANT_HEALTH_WAYS  8       /* slots of a set */
#define TENANT_HEALTH_IDLE  300     /* seconds until a slot may change hands */


/* A cache line.  Times are seconds. */
typedef struct {
    uint64_t  key;          /* of the server; 0: free */
    uint64_t  used;
    uint64_t  fails;
    uint64_t  failed;       /* newest failure */
    uint64_t  checked;      /* newest failure or trial */
    uint64_t  reserved[3];
} tenant_health_slot_t;


typedef struct {
    uint64_t              mask;         /* number of sets - 1 */
    uint64_t              reserved[7];  /* slots begin a cache line */
    tenant_health_slot_t  slots[];
} tenant_health_table_t;


/* Of one worker, for one server; zeroed but for these three to begin with. */
typedef struct {
    tenant_health_table_t  *table;      /* NULL: there is none */
    uint64_t                key;        /* not 0 */
    uint32_t                max_fails;  /* 0: never down */
    uint32_t                fail_timeout;

    tenant_health_slot_t   *slot;
    uint64_t                searched;
    tenant_health_slot_t    own;        /* where the table has no room */
} tenant_health_t;


typedef enum {
    TENANT_HEALTH_UP = 0,
    TENANT_HEALTH_TRIAL,    /* down, but may be tried again */
    TENANT_HEALTH_DOWN
} tenant_health_state_t;


/* The memory that a table of at most "size" bytes takes, or 0: too small. */
size_t tenant_health_size(size_t size);

/* Zeroed memory becomes a table. */
void tenant_health_init(tenant_health_table_t *table, size_t size);

tenant_health_state_t tenant_health_state(tenant_health_t *health,
    uint64_t now);

/*
 * A request is about to be sent.  Returns whether it is the trial of a
 * server that is down: -1 if another request has taken that just now.
 */
int tenant_health_take(tenant_health_t *health, uint64_t now);

/* The same without respect for other trials: nothing else is left. */
int tenant_health_force(tenant_health_t *health, uint64_t now);

void tenant_health_failed(tenant_health_t *health, uint64_t now);

/* "trial" is what tenant_health_take() returned; 1: the server is back. */
int tenant_health_worked(tenant_health_t *health, int trial, uint64_t now);

/* A copy of what is known, for reports. */
void tenant_health_read(tenant_health_t *health, uint64_t now,
    tenant_health_slot_t *copy);


#endif /* TENANT_HEALTH_H */
