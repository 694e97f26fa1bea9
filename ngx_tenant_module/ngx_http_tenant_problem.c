/* Refusals as problem documents, RFC 9457. */

#include "ngx_http_tenant_module.h"
#include "identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_PROBLEM_TEXT    1024    /* bytes of a detail */


static ngx_uint_t ngx_http_tenant_has_error_page(ngx_http_request_t *r,
    ngx_uint_t status);


const char *const  ngx_http_tenant_reasons[] = {
    "none",
    "no-token",
    "invalid-request",
    "invalid-token",
    "keys-unavailable",
    "introspection-unavailable",
    "insufficient-scope",
    "no-tenant",
    "unknown-tenant",
    "tenant-isolation",
    "tenant-suspended",
    "tenant-provisioning",
    "tenant-offboarding",
    "unknown-agent",
    "policy-denied",
    "no-route",
    "registry-unavailable",
    "fault"
};


void
ngx_http_tenant_refusal(ngx_http_tenant_refusal_t *refusal,
    ngx_http_tenant_reason_t reason, ngx_uint_t status, const char *error,
    const char *detail)
{
    refusal->reason = reason;
    refusal->status = status;
    refusal->error = error;
    refusal->detail = detail;
    ngx_str_null(&refusal->missing);
}


void
ngx_http_tenant_refuse_registry(ngx_http_tenant_refusal_t *refusal)
{
    ngx_http_tenant_refusal(refusal, NGX_HTTP_TENANT_R_NO_REGISTRY,
                            NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                            "the registry cannot be read");
}


ngx_int_t
ngx_http_tenant_refuse(ngx_http_request_t *r,
    const ngx_http_tenant_refusal_t *refusal)
{
    size_t                     len;
    ngx_int_t                  rc;
    const char                *title, *reason;
    ngx_table_elt_t           *h;
    ngx_http_complex_value_t   cv;

    static ngx_str_t  type = ngx_string("application/problem+json");

    if ((refusal->status == NGX_HTTP_UNAUTHORIZED
         || refusal->status == NGX_HTTP_BAD_REQUEST
         || refusal->error)
        && ngx_http_tenant_challenge(r, refusal) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (refusal->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        h->hash = 1;
        ngx_http_tenant_header_end(h);
        ngx_str_set(&h->key, "Retry-After");
        ngx_str_set(&h->value, "5");
    }

    if (r != r->main
        || ngx_http_tenant_has_error_page(r, refusal->status))
    {
        return refusal->status;
    }

    title = ngx_http_tenant_problem_title(refusal->status);
    reason = ngx_http_tenant_reasons[refusal->reason];

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    len = sizeof("{\"type\":\"urn:ngx-tenant:problem:\",\"title\":\"\","
                 "\"status\":000,\"detail\":\"\"}" "\n") - 1
          + ngx_strlen(reason) + ngx_strlen(title)
          + ngx_strlen(refusal->detail);

    cv.value.data = ngx_pnalloc(r->pool, len);
    if (cv.value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cv.value.len = ngx_sprintf(cv.value.data,
                               "{\"type\":\"urn:ngx-tenant:problem:%s\","
                               "\"title\":\"%s\",\"status\":%ui,"
                               "\"detail\":\"%s\"}" "\n",
                               reason, title, refusal->status,
                               refusal->detail)
                   - cv.value.data;

    /* an error_page's "=200" is for its page, not for a refusal of it */

    r->err_status = 0;

    rc = ngx_http_send_response(r, refusal->status, &type, &cv);

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/* as ngx_http_special_response_handler() decides */

static ngx_uint_t
ngx_http_tenant_has_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL || r->uri_changes == 0
        || (r->error_page && !clcf->recursive_error_pages))
    {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if ((ngx_uint_t) page[i].status == status) {
            return 1;
        }
    }

    return 0;
}


json_t *
ngx_http_tenant_problem(ngx_uint_t status, const char *reason,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;
    u_char    detail[NGX_HTTP_TENANT_PROBLEM_TEXT], type[128];

    va_start(args, fmt);
    p = ngx_vslprintf(detail, detail + sizeof(detail) - 1, fmt, args);
    va_end(args);

    /* cut, perhaps, within a character */

    while (p > detail && (p[-1] & 0xc0) == 0x80
           && p == detail + sizeof(detail) - 1)
    {
        p--;
    }

    *p = '\0';

    *ngx_snprintf(type, sizeof(type) - 1, "urn:ngx-tenant:problem:%s", reason)
        = '\0';

    return json_pack("{s:s, s:s, s:i, s:s}", "type", type, "title",
                     ngx_http_tenant_problem_title(status), "status",
                     (int) status, "detail", detail);
}


const char *
ngx_http_tenant_problem_title(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_BAD_REQUEST:
        return "Bad Request";

    case NGX_HTTP_UNAUTHORIZED:
        return "Unauthorized";

    case NGX_HTTP_FORBIDDEN:
        return "Forbidden";

    case NGX_HTTP_NOT_FOUND:
        return "Not Found";

    case NGX_HTTP_NOT_ALLOWED:
        return "Method Not Allowed";

    case NGX_HTTP_CONFLICT:
        return "Conflict";

    case 410:
        return "Gone";

    case NGX_HTTP_PRECONDITION_FAILED:
        return "Precondition Failed";

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "Content Too Large";

    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "Unsupported Media Type";

    case 422:
        return "Unprocessable Content";

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "Service Unavailable";

    case NGX_HTTP_INSUFFICIENT_STORAGE:
        return "Insufficient Storage";

    default:
        return "Internal Server Error";
    }
}
