/*
 * Which server a session is at: a fixed table in shared memory, eight ways,
 * the least recently used makes room.  No lock: an entry holds its key XORed
 * with its value, so one that two workers wrote at a time matches no key.
 *
 * One owner (a tenant) that fills the table makes room for its own entries
 * out of its own ones as soon as it has half of a set.
 */

#ifndef TENANT_SESSIONS_H
#define TENANT_SESSIONS_H


#include "tenant_siphash.h"


#define TENANT_SESSIONS_WAYS  8


typedef struct {
    uint64_t  lo;           /* of the session ^ server */
    uint64_t  hi;
    uint64_t  server;       /* 0: free */
    uint32_t  used;         /* seconds, as far as 32 bits go */
    uint32_t  owner;
} tenant_session_t;


typedef struct {
    size_t            mask;     /* number of sets - 1 */
    tenant_session_t  entries[];
} tenant_sessions_t;


/* The memory that a table of at most "size" bytes takes, or 0: too small. */
size_t tenant_sessions_size(size_t size);

/* Zeroed memory becomes a table. */
void tenant_sessions_init(tenant_sessions_t *table, size_t size);

/* 0: not known. */
uint64_t tenant_sessions_find(tenant_sessions_t *table,
    const tenant_hash_t *session, uint32_t now);

/* "server" is not 0; whatever was known of the session is replaced. */
void tenant_sessions_store(tenant_sessions_t *table,
    const tenant_hash_t *session, uint64_t server, uint32_t owner,
    uint32_t now);

/*
 * Weighted rendezvous hashing (Thaler and Ravishankar): of the servers of
 * one session the one with the highest score is taken.  Everyone agrees, and
 * a server that comes or goes moves only its own share.
 */
double tenant_sessions_score(const tenant_hash_t *session, uint64_t server,
    unsigned weight);


#endif /* TENANT_SESSIONS_H */
