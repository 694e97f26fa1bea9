#include <string.h>

#include "tenant_health.h"


#define TENANT_HEALTH_SEARCH  10     /* seconds between searches for room */

#define tenant_load(p)      __atomic_load_n(p, __ATOMIC_RELAXED)
#define tenant_store(p, v)  __atomic_store_n(p, v, __ATOMIC_RELAXED)


static tenant_health_slot_t *tenant_health_slot(tenant_health_t *health,
    uint64_t now);
static tenant_health_slot_t *tenant_health_find(tenant_health_t *health,
    uint64_t now);


size_t
tenant_health_size(size_t size)
{
    size_t  sets, set;

    set = TENANT_HEALTH_WAYS * sizeof(tenant_health_slot_t);
    sets = 1;

    if (size < sizeof(tenant_health_table_t) + set) {
        return 0;
    }

    while (sizeof(tenant_health_table_t) + sets * 2 * set <= size) {
        sets *= 2;
    }

    return sizeof(tenant_health_table_t) + sets * set;
}


void
tenant_health_init(tenant_health_table_t *table, size_t size)
{
    table->mask = (size - sizeof(tenant_health_table_t))
                  / (TENANT_HEALTH_WAYS * sizeof(tenant_health_slot_t)) - 1;
}


static tenant_health_slot_t *
tenant_health_slot(tenant_health_t *health, uint64_t now)
{
    tenant_health_slot_t  *slot;

    slot = health->slot;

    if (slot == NULL
        || tenant_load(&slot->key) != health->key
        || (slot == &health->own && health->table
            && now - health->searched >= TENANT_HEALTH_SEARCH))
    {
        slot = tenant_health_find(health, now);
        health->slot = slot;
        health->searched = now;
    }

    if (tenant_load(&slot->used) != now) {
        tenant_store(&slot->used, now);
    }

    return slot;
}


static tenant_health_slot_t *
tenant_health_find(tenant_health_t *health, uint64_t now)
{
    uint64_t               key, used, oldest;
    unsigned               i;
    tenant_health_slot_t  *set, *slot;

    health->own.key = health->key;

    if (health->table == NULL) {
        return &health->own;
    }

    set = &health->table->slots[(health->key & health->table->mask)
                                * TENANT_HEALTH_WAYS];

    for (i = 0; i < TENANT_HEALTH_WAYS; i++) {
        if (tenant_load(&set[i].key) == health->key) {
            return &set[i];
        }
    }

    /* a free one, or else the one that nobody has asked for longest */

    slot = NULL;
    oldest = now > TENANT_HEALTH_IDLE ? now - TENANT_HEALTH_IDLE : 0;

    for (i = 0; i < TENANT_HEALTH_WAYS; i++) {
        if (tenant_load(&set[i].key) == 0) {
            slot = &set[i];
            break;
        }

        used = tenant_load(&set[i].used);

        if (used < oldest) {
            oldest = used;
            slot = &set[i];
        }
    }

    if (slot == NULL) {
        return &health->own;
    }

    key = tenant_load(&slot->key);

    if (!__atomic_compare_exchange_n(&slot->key, &key, health->key, 0,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    {
        return key == health->key ? slot : &health->own;
    }

    tenant_store(&slot->fails, 0);
    tenant_store(&slot->failed, 0);
    tenant_store(&slot->checked, 0);

    return slot;
}


tenant_health_state_t
tenant_health_state(tenant_health_t *health, uint64_t now)
{
    tenant_health_slot_t  *slot;

    if (health->max_fails == 0) {
        return TENANT_HEALTH_UP;
    }

    slot = tenant_health_slot(health, now);

    if (tenant_load(&slot->fails) < health->max_fails) {
        return TENANT_HEALTH_UP;
    }

    return now > tenant_load(&slot->checked) + health->fail_timeout
           ? TENANT_HEALTH_TRIAL : TENANT_HEALTH_DOWN;
}


int
tenant_health_take(tenant_health_t *health, uint64_t now)
{
    uint64_t               checked;
    tenant_health_slot_t  *slot;

    if (health->max_fails == 0) {
        return 0;
    }

    slot = tenant_health_slot(health, now);

    if (tenant_load(&slot->fails) < health->max_fails) {
        return 0;
    }

    checked = tenant_load(&slot->checked);

    if (now <= checked + health->fail_timeout) {
        return -1;
    }

    return __atomic_compare_exchange_n(&slot->checked, &checked, now, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)
           ? 1 : -1;
}


int
tenant_health_force(tenant_health_t *health, uint64_t now)
{
    tenant_health_slot_t  *slot;

    if (health->max_fails == 0) {
        return 0;
    }

    slot = tenant_health_slot(health, now);

    if (tenant_load(&slot->fails) < health->max_fails) {
        return 0;
    }

    tenant_store(&slot->checked, now);

    return 1;
}


void
tenant_health_failed(tenant_health_t *health, uint64_t now)
{
    tenant_health_slot_t  *slot;

    if (health->max_fails == 0) {
        return;
    }

    slot = tenant_health_slot(health, now);

    (void) __atomic_fetch_add(&slot->fails, 1, __ATOMIC_RELAXED);
    tenant_store(&slot->failed, now);
    tenant_store(&slot->checked, now);
}


int
tenant_health_worked(tenant_health_t *health, int trial, uint64_t now)
{
    uint64_t               fails;
    tenant_health_slot_t  *slot;

    if (health->max_fails == 0) {
        return 0;
    }

    slot = tenant_health_slot(health, now);
    fails = tenant_load(&slot->fails);

    if (fails == 0) {
        return 0;
    }

    /*
     * Of a server that is down only a trial says something new: others may
     * have been under way before it failed.
     */

    if (fails >= health->max_fails
        ? !trial
        : now <= tenant_load(&slot->failed) + health->fail_timeout)
    {
        return 0;
    }

    return __atomic_exchange_n(&slot->fails, 0, __ATOMIC_RELAXED)
           >= health->max_fails;
}


void
tenant_health_read(tenant_health_t *health, uint64_t now,
    tenant_health_slot_t *copy)
{
    tenant_health_slot_t  *slot;

    slot = tenant_health_slot(health, now);

    memset(copy, 0, sizeof(tenant_health_slot_t));

    copy->key = health->key;
    copy->fails = tenant_load(&slot->fails);
    copy->failed = tenant_load(&slot->failed);
    copy->checked = tenant_load(&slot->checked);
}
