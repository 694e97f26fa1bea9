/* Answers that come in pieces, each when the client has taken the last. */

#include "ngx_http_tenant_api.h"


static void ngx_http_tenant_api_stream_handler(ngx_http_request_t *r);
static void ngx_http_tenant_api_stream_wait(ngx_http_tenant_api_t *api);
static ngx_uint_t ngx_http_tenant_api_stream_pending(ngx_http_request_t *r);
static void ngx_http_tenant_api_stream_next(ngx_http_tenant_api_t *api);


void
ngx_http_tenant_api_send(ngx_http_tenant_api_t *api,
    void (*next)(ngx_http_tenant_api_t *api))
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = api->request;
    api->next = next;

    if (api->text.failed) {
        ngx_http_tenant_api_finish(api, NGX_ERROR);
        return;
    }

    if (!api->started) {
        rc = ngx_http_tenant_api_header(api);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            ngx_http_tenant_api_finish(api, rc);
            return;
        }
    }

    rc = NGX_OK;

    if (api->text.buf) {
        api->text.buf->flush = 1;
        rc = ngx_http_output_filter(r, api->text.out);
    }

    if (rc == NGX_ERROR) {
        ngx_http_tenant_api_finish(api, rc);
        return;
    }

    if (ngx_http_tenant_api_stream_pending(r)) {
        ngx_http_tenant_api_stream_wait(api);
        return;
    }

    ngx_http_tenant_api_stream_next(api);
}


static void
ngx_http_tenant_api_stream_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_event_t            *wev;
    ngx_http_tenant_api_t  *api;

    wev = r->connection->write;
    api = ngx_http_tenant_api_of(r);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_tenant_api_finish(api, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_output_filter(r, NULL);

    if (rc == NGX_ERROR) {
        ngx_http_tenant_api_finish(api, rc);
        return;
    }

    if (ngx_http_tenant_api_stream_pending(r)) {
        ngx_http_tenant_api_stream_wait(api);
        return;
    }

    ngx_http_tenant_api_stream_next(api);
}


static void
ngx_http_tenant_api_stream_wait(ngx_http_tenant_api_t *api)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = api->request;
    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_tenant_api_stream_handler;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_tenant_api_finish(api, NGX_ERROR);
    }
}


static ngx_uint_t
ngx_http_tenant_api_stream_pending(ngx_http_request_t *r)
{
    return r->buffered || r->postponed
           || (r == r->main && r->connection->buffered);
}


/* All of the piece is gone, so its memory may go as well. */

static void
ngx_http_tenant_api_stream_next(ngx_http_tenant_api_t *api)
{
    ngx_event_t         *wev;
    ngx_http_request_t  *r;

    r = api->request;
    wev = r->connection->write;

    r->write_event_handler = ngx_http_request_empty_handler;

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    ngx_http_tenant_api_text_free(&api->text);

    if (api->last) {
        ngx_http_tenant_api_finish(api, ngx_http_send_special(r,
                                                           NGX_HTTP_LAST));
        return;
    }

    api->next(api);
}
