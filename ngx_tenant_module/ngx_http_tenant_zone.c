#include "ngx_http_tenant_zone.h"


#define NGX_HTTP_TENANT_ZONE_REST  60   /* seconds; workers follow changes
                                           within a tenth of one */


void
ngx_http_tenant_zone_dig(ngx_slab_pool_t *shpool, ngx_queue_t *graves)
{
    void                     *more;
    time_t                    now;
    ngx_queue_t              *q;
    ngx_http_tenant_grave_t  *grave;

    now = ngx_time();

    while (!ngx_queue_empty(graves)) {
        q = ngx_queue_head(graves);
        grave = ngx_queue_data(q, ngx_http_tenant_grave_t, queue);

        if (now - grave->buried < NGX_HTTP_TENANT_ZONE_REST) {
            break;
        }

        ngx_queue_remove(q);

        /* the grave is part of the memory */

        more = grave->more;

        ngx_slab_free_locked(shpool, grave->memory);

        if (more) {
            ngx_slab_free_locked(shpool, more);
        }
    }
}


void
ngx_http_tenant_zone_bury(ngx_slab_pool_t *shpool, ngx_queue_t *graves,
    ngx_http_tenant_grave_t *grave, void *memory, void *more)
{
    ngx_http_tenant_zone_dig(shpool, graves);

    grave->buried = ngx_time();
    grave->memory = memory;
    grave->more = more;

    ngx_queue_insert_tail(graves, &grave->queue);
}
