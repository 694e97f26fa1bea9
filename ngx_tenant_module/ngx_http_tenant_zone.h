/*
 * The shared memory of tenant_zone: made once, kept through reloads.  What
 * hangs in it is metering's and identity's.
 */

#ifndef NGX_HTTP_TENANT_ZONE_H
#define NGX_HTTP_TENANT_ZONE_H


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * With the zone's mutex held: frees what other workers may still point to,
 * but only after they have had the time to let go.  "more" may be NULL.
 * graves: a queue in the zone.
 */
void ngx_http_tenant_zone_bury(ngx_slab_pool_t *shpool, ngx_queue_t *graves,
    void *memory, void *more);


#endif /* NGX_HTTP_TENANT_ZONE_H */
