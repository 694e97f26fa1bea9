#include "ngx_http_tenant_zone.h"


#define NGX_HTTP_TENANT_ZONE_REST  60   /* seconds; workers follow changes
                                           within a tenth of one */


typedef struct {
    ngx_queue_t   queue;
    time_t        buried;
    void         *memory;
    void         *more;
} ngx_http_tenant_grave_t;


void
ngx_http_tenant_zone_bury(ngx_slab_pool_t *shpool, ngx_queue_t *graves,
    void *memory, void *more)
{
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

        ngx_slab_free_locked(shpool, grave->memory);

        if (grave->more) {
            ngx_slab_free_locked(shpool, grave->more);
        }

        ngx_slab_free_locked(shpool, grave);
    }

    grave = ngx_slab_alloc_locked(shpool, sizeof(ngx_http_tenant_grave_t));

    if (grave == NULL) {

        /* better lost than used by two */

        return;
    }

    grave->buried = now;
    grave->memory = memory;
    grave->more = more;

    ngx_queue_insert_tail(graves, &grave->queue);
}
