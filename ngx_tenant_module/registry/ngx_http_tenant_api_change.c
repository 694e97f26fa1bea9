/* Changes of one object, as requests: what a thread does of them. */

#include "ngx_http_tenant_api.h"


static ngx_int_t ngx_http_tenant_api_change_prepare(
    ngx_http_tenant_api_t *api, ngx_http_tenant_change_t *change);
static ngx_int_t ngx_http_tenant_api_change_answer(
    ngx_http_tenant_api_t *api, ngx_http_tenant_change_t *change);
static void ngx_http_tenant_api_change_note(ngx_http_tenant_api_t *api,
    ngx_http_tenant_change_t *change);


ngx_int_t
ngx_http_tenant_api_run_change(ngx_http_tenant_job_t *job,
    ngx_http_tenant_changes_t *changes)
{
    ngx_int_t                  rc;
    ngx_http_tenant_api_t     *api;
    ngx_http_tenant_change_t   change;

    api = job->data;

    rc = ngx_http_tenant_api_load(api,
                                  ngx_http_tenant_object_limits.max_bytes);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_tenant_api_replay(api, changes);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_tenant_api_change_prepare(api, &change);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_tenant_change(changes, &change);

    json_decref(change.body);

    if (rc == NGX_DECLINED) {
        ngx_http_tenant_api_refuse(api, change.result);
        return NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_tenant_api_change_answer(api, &change);

        if (rc == NGX_OK) {
            rc = ngx_http_tenant_api_keep(api, changes, change.result);
        }
    }

    json_decref(change.result);

    return rc;
}


static ngx_int_t
ngx_http_tenant_api_change_prepare(ngx_http_tenant_api_t *api,
    ngx_http_tenant_change_t *change)
{
    static const ngx_uint_t  statuses[] = {
        NGX_HTTP_TENANT_ACTIVE,                /* of tenant_action_t */
        NGX_HTTP_TENANT_SUSPENDED,
        NGX_HTTP_TENANT_OFFBOARDING
    };

    ngx_memzero(change, sizeof(ngx_http_tenant_change_t));

    change->pool = api->pool;
    change->kind = api->kind;
    change->id.data = (u_char *) api->target.id.data;
    change->id.len = api->target.id.len;
    change->if_match = api->if_match;
    change->if_none_match = api->if_none_match;

    switch (api->method) {

    case NGX_HTTP_PUT:
        change->op = NGX_HTTP_TENANT_OP_PUT;
        break;

    case NGX_HTTP_PATCH:
        change->op = NGX_HTTP_TENANT_OP_PATCH;
        break;

    case NGX_HTTP_DELETE:
        change->op = NGX_HTTP_TENANT_OP_DELETE;
        return NGX_OK;

    default:
        change->op = NGX_HTTP_TENANT_OP_CREATE;

        if (api->target.resource == TENANT_TARGET_ACTION) {
            change->op = NGX_HTTP_TENANT_OP_STATUS;
            change->to = statuses[api->target.action];

            if (api->body.len == 0) {
                return NGX_OK;
            }
        }
    }

    change->body = ngx_http_tenant_api_parse(api,
                                             &ngx_http_tenant_object_limits);

    return change->body ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_tenant_api_change_answer(ngx_http_tenant_api_t *api,
    ngx_http_tenant_change_t *change)
{
    api->status = change->status;

    if (change->result) {
        ngx_http_tenant_api_json(api, change->status,
                                 json_incref(change->result));
        ngx_http_tenant_api_etag(api, change->version);

    } else {
        api->type = NULL;
    }

    if (change->status == NGX_HTTP_CREATED
        && ngx_http_tenant_api_path(api, change->kind, &change->id,
                                    &api->location)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!change->unchanged) {
        ngx_http_tenant_api_change_note(api, change);
    }

    return api->text.failed ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_tenant_api_change_note(ngx_http_tenant_api_t *api,
    ngx_http_tenant_change_t *change)
{
    size_t       len;
    const char  *did;

    did = change->status == NGX_HTTP_CREATED ? "created"
          : change->status == NGX_HTTP_NO_CONTENT ? "deleted" : "changed";

    len = sizeof("created  \"\", version ") + NGX_INT64_LEN + change->id.len
          + ngx_http_tenant_collections[change->kind].len;

    api->note.data = ngx_pnalloc(api->pool, len);

    if (api->note.data == NULL) {
        api->text.failed = 1;
        return;
    }

    api->note.len = ngx_sprintf(api->note.data, "%s %V \"%V\", version %L",
                                did, &ngx_http_tenant_collections[change->kind],
                                &change->id, change->version)
                    - api->note.data;
}
