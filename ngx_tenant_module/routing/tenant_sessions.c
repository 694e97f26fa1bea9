#include <math.h>

#include "tenant_sessions.h"


#define tenant_load(p)      __atomic_load_n(p, __ATOMIC_RELAXED)
#define tenant_store(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)


static tenant_session_t *tenant_sessions_set(tenant_sessions_t *table,
    const tenant_hash_t *session);
static int tenant_session_is(tenant_session_t *entry,
    const tenant_hash_t *session, uint64_t *server);
static tenant_session_t *tenant_sessions_victim(tenant_session_t *set,
    uint32_t owner, uint32_t now);


size_t
tenant_sessions_size(size_t size)
{
    size_t  sets, set;

    set = TENANT_SESSIONS_WAYS * sizeof(tenant_session_t);
    sets = 1;

    if (size < sizeof(tenant_sessions_t) + set) {
        return 0;
    }

    while (sizeof(tenant_sessions_t) + sets * 2 * set <= size) {
        sets *= 2;
    }

    return sizeof(tenant_sessions_t) + sets * set;
}


void
tenant_sessions_init(tenant_sessions_t *table, size_t size)
{
    table->mask = (size - sizeof(tenant_sessions_t))
                  / (TENANT_SESSIONS_WAYS * sizeof(tenant_session_t)) - 1;
}


uint64_t
tenant_sessions_find(tenant_sessions_t *table, const tenant_hash_t *session,
    uint32_t now)
{
    uint64_t           server;
    unsigned           i;
    tenant_session_t  *set;

    set = tenant_sessions_set(table, session);

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        if (!tenant_session_is(&set[i], session, &server)) {
            continue;
        }

        if (tenant_load(&set[i].used) != now) {
            tenant_store(&set[i].used, now);
        }

        return server;
    }

    return 0;
}


void
tenant_sessions_store(tenant_sessions_t *table, const tenant_hash_t *session,
    uint64_t server, uint32_t owner, uint32_t now)
{
    uint64_t           known;
    unsigned           i;
    tenant_session_t  *set, *entry;

    set = tenant_sessions_set(table, session);
    entry = NULL;

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        if (tenant_session_is(&set[i], session, &known)) {
            entry = &set[i];
            break;
        }
    }

    if (entry == NULL) {
        entry = tenant_sessions_victim(set, owner, now);
    }

    tenant_store(&entry->lo, session->lo ^ server);
    tenant_store(&entry->hi, session->hi ^ server);
    tenant_store(&entry->server, server);
    tenant_store(&entry->used, now);
    tenant_store(&entry->owner, owner);
}


static tenant_session_t *
tenant_sessions_set(tenant_sessions_t *table, const tenant_hash_t *session)
{
    return &table->entries[(session->lo & table->mask)
                           * TENANT_SESSIONS_WAYS];
}


static int
tenant_session_is(tenant_session_t *entry, const tenant_hash_t *session,
    uint64_t *server)
{
    *server = tenant_load(&entry->server);

    return *server
           && (tenant_load(&entry->lo) ^ *server) == session->lo
           && (tenant_load(&entry->hi) ^ *server) == session->hi;
}


static tenant_session_t *
tenant_sessions_victim(tenant_session_t *set, uint32_t owner, uint32_t now)
{
    uint32_t           age, oldest, oldest_own;
    unsigned           i, nown;
    tenant_session_t  *victim, *own;

    victim = set;
    own = NULL;
    nown = 0;
    oldest = 0;
    oldest_own = 0;

    for (i = 0; i < TENANT_SESSIONS_WAYS; i++) {
        if (tenant_load(&set[i].server) == 0) {
            return &set[i];
        }

        /* another worker's clock may be a second ahead */

        age = now - tenant_load(&set[i].used);
        age = age > UINT32_MAX / 2 ? 0 : age;

        if (age > oldest) {
            oldest = age;
            victim = &set[i];
        }

        if (tenant_load(&set[i].owner) == owner) {
            nown++;

            if (own == NULL || age > oldest_own) {
                oldest_own = age;
                own = &set[i];
            }
        }
    }

    return nown >= TENANT_SESSIONS_WAYS / 2 ? own : victim;
}


double
tenant_sessions_score(const tenant_hash_t *session, uint64_t server,
    unsigned weight)
{
    uint64_t  x;

    /* the finalizer of splitmix64 */

    x = session->lo ^ session->hi ^ server;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;

    /* uniform in (0, 1): never 0, of which there is no logarithm */

    return -(double) weight / log(((x >> 11) + 0.5) * 0x1p-53);
}
