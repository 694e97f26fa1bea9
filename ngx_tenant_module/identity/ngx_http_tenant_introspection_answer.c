/* What an introspection endpoint answered about a token. */

#include "ngx_http_tenant_introspect.h"
#include "ngx_http_tenant_identity.h"
#include "tenant_introspection.h"
#include "../metering/ngx_http_tenant_counters.h"


#define NGX_HTTP_TENANT_INTROSPECTION_KEEP    5     /* seconds */
#define NGX_HTTP_TENANT_INTROSPECTION_CLAIMS  4096  /* bytes of text; what is
                                                       longer is not kept */


static const char *ngx_http_tenant_introspection_fault(
    ngx_http_tenant_answer_t *answer, ngx_uint_t *of_token);
static tenant_introspection_status_t ngx_http_tenant_introspection_claims(
    ngx_http_tenant_introspection_entry_t *entry, ngx_str_t *body,
    tenant_json_error_t *err);
static void ngx_http_tenant_introspection_refused(
    ngx_http_tenant_introspection_entry_t *entry,
    ngx_http_tenant_reason_t reason, ngx_uint_t status, const char *error,
    const char *detail, time_t seconds);


const char  ngx_http_tenant_introspection_failed[] =
    "the issuer cannot be asked about the token";


void
ngx_http_tenant_introspection_answer(
    ngx_http_tenant_introspection_entry_t *entry,
    ngx_http_tenant_answer_t *answer)
{
    const char                      *error;
    ngx_uint_t                       of_token;
    tenant_json_error_t              err;
    ngx_http_tenant_totals_t        *totals;
    ngx_http_tenant_introspector_t  *introspector;
    tenant_introspection_status_t    rc;

    introspector = entry->introspector;
    totals = introspector->tmcf->zone->data;

    error = ngx_http_tenant_introspection_fault(answer, &of_token);

    if (error == NULL) {
        rc = ngx_http_tenant_introspection_claims(entry, &answer->body, &err);

        switch (rc) {

        case TENANT_INTROSPECTION_ACTIVE:
            (void) ngx_atomic_fetch_add(&totals->introspected_active, 1);
            ngx_http_tenant_introspector_answered(introspector);

            entry->state = NGX_HTTP_TENANT_INTROSPECTION_ACTIVE;
            entry->good = ngx_time()
                          + introspector->issuer->introspection->ttl;

            if (entry->claims.len <= NGX_HTTP_TENANT_INTROSPECTION_CLAIMS) {
                entry->expires = ngx_time()
                                 + NGX_HTTP_TENANT_INTROSPECTION_KEEP;
            }

            return;

        case TENANT_INTROSPECTION_INACTIVE:
            (void) ngx_atomic_fetch_add(&totals->introspected_inactive, 1);
            ngx_http_tenant_introspector_answered(introspector);

            ngx_http_tenant_introspection_refused(entry,
                                       NGX_HTTP_TENANT_R_INVALID_TOKEN,
                                       NGX_HTTP_UNAUTHORIZED, "invalid_token",
                                       "the token is not active",
                                       NGX_HTTP_TENANT_INTROSPECTION_KEEP);
            return;

        case TENANT_INTROSPECTION_NO_MEMORY:

            /* our fault, not the endpoint's */

            ngx_http_tenant_introspection_unavailable(entry);
            return;

        case TENANT_INTROSPECTION_JSON:
            error = tenant_json_reason(err.code);
            break;

        default:
            error = tenant_introspection_reason(rc);
        }
    }

    (void) ngx_atomic_fetch_add(&totals->introspections_failed, 1);

    if (of_token) {
        ngx_http_tenant_introspection_refused(entry,
                                     NGX_HTTP_TENANT_R_NO_INTROSPECTION,
                                     NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                     "the issuer would not judge the token",
                                     NGX_HTTP_TENANT_INTROSPECTION_KEEP);
        return;
    }

    ngx_http_tenant_introspector_failed(introspector, answer->status, error);
    ngx_http_tenant_introspection_unavailable(entry);
}


/*
 * What is wrong with an answer, or NULL.  A token that the endpoint chokes on
 * must not be one with which a client makes it refuse everybody's.
 */

static const char *
ngx_http_tenant_introspection_fault(ngx_http_tenant_answer_t *answer,
    ngx_uint_t *of_token)
{
    *of_token = answer->status == 400 || answer->status == 413
                || answer->status == 414 || answer->status == 422;

    if (answer->error) {
        return answer->error;
    }

    if (answer->status != NGX_HTTP_OK) {
        return "unexpected status";
    }

    return answer->json ? NULL : "the answer is not application/json";
}


/* What is active is kept as text, which takes the least. */

static tenant_introspection_status_t
ngx_http_tenant_introspection_claims(
    ngx_http_tenant_introspection_entry_t *entry, ngx_str_t *body,
    tenant_json_error_t *err)
{
    ngx_pool_t                     *pool;
    tenant_str_t                    iss;
    tenant_tape_t                   tape;
    tenant_value_t                  values[TENANT_TAPE_ROOM];
    const tenant_value_t           *response;
    tenant_introspection_status_t   rc;

    pool = ngx_create_pool(NGX_MIN_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return TENANT_INTROSPECTION_NO_MEMORY;
    }

    tape.values = values;
    tape.room = TENANT_TAPE_ROOM;
    tape.take = ngx_http_tenant_identity_take;
    tape.data = pool;

    rc = tenant_introspection_read(&tape, (char *) body->data, body->len,
                                   &response, err);

    if (rc == TENANT_INTROSPECTION_ACTIVE) {
        iss.data = (char *) entry->introspector->issuer->sn.str.data;
        iss.len = entry->introspector->issuer->sn.str.len;

        entry->claims.len = tenant_introspection_claims(response, iss, NULL);
        entry->claims.data = ngx_alloc(entry->claims.len, ngx_cycle->log);

        if (entry->claims.data) {
            (void) tenant_introspection_claims(response, iss,
                                               (char *) entry->claims.data);

        } else {
            rc = TENANT_INTROSPECTION_NO_MEMORY;
        }
    }

    ngx_destroy_pool(pool);

    return rc;
}


void
ngx_http_tenant_introspection_unavailable(
    ngx_http_tenant_introspection_entry_t *entry)
{
    ngx_http_tenant_introspection_refused(entry,
                                          NGX_HTTP_TENANT_R_NO_INTROSPECTION,
                                          NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                          ngx_http_tenant_introspection_failed,
                                          0);
}


/* For some seconds after this one; 0: only for those who wait now. */

static void
ngx_http_tenant_introspection_refused(
    ngx_http_tenant_introspection_entry_t *entry,
    ngx_http_tenant_reason_t reason, ngx_uint_t status, const char *error,
    const char *detail, time_t seconds)
{
    entry->state = NGX_HTTP_TENANT_INTROSPECTION_REFUSED;
    entry->expires = seconds ? ngx_time() + seconds : 0;

    ngx_http_tenant_refusal(&entry->refusal, reason, status, error, detail);
}
