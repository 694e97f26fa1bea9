/*
 * The shared memory of tenant_zone: made once, kept through reloads.  What
 * hangs in it is metering's and identity's.
 */

#ifndef NGX_HTTP_TENANT_ZONE_H
#define NGX_HTTP_TENANT_ZONE_H


#include <ngx_config.h>
#include <ngx_core.h>


/* Part of what will be buried: a zone that is full has no room for it then. */
typedef struct {
    ngx_queue_t   queue;
    time_t        buried;
    void         *memory;
    void         *more;
} ngx_http_tenant_grave_t;


/*
 * With the zone's mutex held: frees what other workers may still point to,
 * but only after they have had the time to let go.  "grave" lies in "memory";
 * "more" may be NULL.  graves: a queue in the zone.
 */
void ngx_http_tenant_zone_bury(ngx_slab_pool_t *shpool, ngx_queue_t *graves,
    ngx_http_tenant_grave_t *grave, void *memory, void *more);

/* With the zone's mutex held, before room is needed: frees what is due. */
void ngx_http_tenant_zone_dig(ngx_slab_pool_t *shpool, ngx_queue_t *graves);


#endif /* NGX_HTTP_TENANT_ZONE_H */
