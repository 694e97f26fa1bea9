/* The counters as Prometheus reads them: text format 0.0.4. */

#include "ngx_http_tenant_counters.h"
#include "../identity/ngx_http_tenant_introspect.h"
#include "../identity/ngx_http_tenant_keyset.h"


#define NGX_HTTP_TENANT_METRICS_SLOT  4096  /* bytes of text for a tenant */
#define NGX_HTTP_TENANT_METRICS_HEAD  8192


/* Text in a chain of buffers, so that a tenant more is not a copy more. */
typedef struct {
    ngx_pool_t    *pool;
    ngx_chain_t   *out;
    ngx_chain_t  **last;
    off_t          size;
} ngx_http_tenant_text_t;


/* A copy of what is counted, taken under the zone's mutex. */
typedef struct {
    ngx_str_t                    id;
    ngx_http_tenant_counters_t   c;
    ngx_atomic_uint_t            requests[6];
    ngx_atomic_uint_t            decisions[NGX_HTTP_TENANT_DECIDED];
} ngx_http_tenant_sample_t;


static ngx_array_t *ngx_http_tenant_metrics_samples(ngx_http_request_t *r,
    ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_tenant_metrics_text(ngx_http_tenant_text_t *text,
    ngx_array_t *samples, ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_tenant_metrics_issuers(
    ngx_http_tenant_text_t *text, ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_tenant_metrics_introspectors(
    ngx_http_tenant_text_t *text, ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_tenant_metrics_issuer(ngx_http_tenant_text_t *text,
    const char *name, ngx_str_t *iss, time_t value);
static void ngx_http_tenant_metrics_sum(ngx_http_tenant_sample_t *s);
static ngx_buf_t *ngx_http_tenant_text_buf(ngx_http_tenant_text_t *text,
    size_t size);
static void ngx_http_tenant_text_done(ngx_http_tenant_text_t *text,
    ngx_buf_t *b);
static ngx_uint_t ngx_http_tenant_metrics_idle(
    ngx_http_tenant_sample_t *s);
static u_char *ngx_http_tenant_metrics_duration(u_char *p,
    ngx_http_tenant_sample_t *s);
static ngx_int_t ngx_http_tenant_metrics_totals(ngx_http_tenant_text_t *text,
    ngx_http_tenant_totals_t *totals);


static const char *const  ngx_http_tenant_classes[] = {
    "000", "1xx", "2xx", "3xx", "4xx", "5xx"
};


ngx_int_t
ngx_http_tenant_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_array_t                  *samples;
    ngx_http_tenant_text_t        text;
    ngx_http_tenant_main_conf_t  *tmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    tmcf = ngx_http_get_module_main_conf(r, ngx_http_tenant_module);

    samples = ngx_http_tenant_metrics_samples(r, tmcf->zone);
    if (samples == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&text, sizeof(ngx_http_tenant_text_t));
    text.pool = r->pool;
    text.last = &text.out;

    if (ngx_http_tenant_metrics_text(&text, samples, tmcf->zone)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type,
                "text/plain; version=0.0.4; charset=utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = text.size;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, text.out);
}


static ngx_array_t *
ngx_http_tenant_metrics_samples(ngx_http_request_t *r, ngx_shm_zone_t *zone)
{
    ngx_uint_t                   n;
    ngx_array_t                 *samples;
    ngx_queue_t                 *q;
    ngx_slab_pool_t             *shpool;
    ngx_http_tenant_totals_t    *totals;
    ngx_http_tenant_sample_t    *s;
    ngx_http_tenant_counters_t  *slot;

    totals = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    samples = ngx_array_create(r->pool, totals->slots + 8,
                               sizeof(ngx_http_tenant_sample_t));
    if (samples == NULL) {
        return NULL;
    }

    /* slots are never freed: only the list needs the lock */

    ngx_shmtx_lock(&shpool->mutex);

    for (q = ngx_queue_head(&totals->queue), n = samples->nalloc;
         q != ngx_queue_sentinel(&totals->queue) && n;
         q = ngx_queue_next(q), n--)
    {
        slot = ngx_queue_data(q, ngx_http_tenant_counters_t, queue);

        s = ngx_array_push(samples);
        s->id = slot->sn.str;
        s->c = *slot;
        ngx_http_tenant_metrics_sum(s);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return samples;
}


static void
ngx_http_tenant_metrics_sum(ngx_http_tenant_sample_t *s)
{
    ngx_uint_t  n, d;

    ngx_memzero(s->requests, sizeof(s->requests));
    ngx_memzero(s->decisions, sizeof(s->decisions));

    for (n = 0; n < 6; n++) {
        for (d = 0; d < NGX_HTTP_TENANT_DECIDED; d++) {
            s->requests[n] += s->c.requests[n][d];
            s->decisions[d] += s->c.requests[n][d];
        }
    }
}


static ngx_int_t
ngx_http_tenant_metrics_text(ngx_http_tenant_text_t *text,
    ngx_array_t *samples, ngx_shm_zone_t *zone)
{
    ngx_buf_t                 *b;
    ngx_uint_t                 i, n, family;
    ngx_atomic_uint_t         *decided;
    ngx_http_tenant_sample_t  *s;

    static const char *const  heads[] = {
        "# HELP tenant_requests_total Requests of identified callers.\n"
        "# TYPE tenant_requests_total counter\n",
        "# HELP tenant_decisions_total Policy decisions.\n"
        "# TYPE tenant_decisions_total counter\n",
        "# HELP tenant_server_failures_total Servers that failed when they "
        "were asked.\n"
        "# TYPE tenant_server_failures_total counter\n",
        "# HELP tenant_received_bytes_total Bytes received from clients.\n"
        "# TYPE tenant_received_bytes_total counter\n",
        "# HELP tenant_sent_bytes_total Bytes sent to clients.\n"
        "# TYPE tenant_sent_bytes_total counter\n",
        "# HELP tenant_request_duration_seconds Time from the first byte "
        "of a request to its end.\n"
        "# TYPE tenant_request_duration_seconds histogram\n"
    };

    s = samples->elts;

    for (family = 0; family < sizeof(heads) / sizeof(heads[0]); family++) {

        b = ngx_http_tenant_text_buf(text, NGX_HTTP_TENANT_METRICS_HEAD);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->last = ngx_sprintf(b->last, "%s", heads[family]);
        ngx_http_tenant_text_done(text, b);

        for (i = 0; i < samples->nelts; i++) {

            /* nginx alerts about buffers with nothing in them */

            if ((family == 0 && ngx_http_tenant_metrics_idle(&s[i]))
                || (family == 2 && s[i].c.server_failures[0] == 0
                    && s[i].c.server_failures[1] == 0))
            {
                continue;
            }

            b = ngx_http_tenant_text_buf(text, NGX_HTTP_TENANT_METRICS_SLOT);
            if (b == NULL) {
                return NGX_ERROR;
            }

            switch (family) {

            case 0:
                for (n = 0; n < 6; n++) {
                    if (s[i].requests[n] == 0) {
                        continue;
                    }

                    b->last = ngx_sprintf(b->last,
                                          "tenant_requests_total{tenant="
                                          "\"%V\",code=\"%s\"} %uA\n",
                                          &s[i].id,
                                          ngx_http_tenant_classes[n],
                                          s[i].requests[n]);
                }

                break;

            case 1:
                decided = s[i].decisions;

                b->last = ngx_sprintf(b->last,
                                      "tenant_decisions_total{tenant=\"%V\","
                                      "decision=\"allow\"} %uA\n"
                                      "tenant_decisions_total{tenant=\"%V\","
                                      "decision=\"deny\"} %uA\n"
                                      "tenant_decisions_total{tenant=\"%V\","
                                      "decision=\"shadow_deny\"} %uA\n",
                                      &s[i].id,
                                      decided[NGX_HTTP_TENANT_DECIDED_ALLOW],
                                      &s[i].id,
                                      decided[NGX_HTTP_TENANT_DECIDED_DENY],
                                      &s[i].id,
                                      decided[NGX_HTTP_TENANT_DECIDED_SHADOW]);
                break;

            case 2:
                for (n = 0; n < 2; n++) {
                    if (s[i].c.server_failures[n] == 0) {
                        continue;
                    }

                    b->last = ngx_sprintf(b->last,
                                          "tenant_server_failures_total"
                                          "{tenant=\"%V\",model=\"%V\"} "
                                          "%uA\n", &s[i].id,
                                          &ngx_http_tenant_models[n],
                                          s[i].c.server_failures[n]);
                }

                break;

            case 3:
                b->last = ngx_sprintf(b->last,
                                      "tenant_received_bytes_total{tenant="
                                      "\"%V\"} %uA\n",
                                      &s[i].id, s[i].c.received);
                break;

            case 4:
                b->last = ngx_sprintf(b->last,
                                      "tenant_sent_bytes_total{tenant="
                                      "\"%V\"} %uA\n",
                                      &s[i].id, s[i].c.sent);
                break;

            default:
                b->last = ngx_http_tenant_metrics_duration(b->last, &s[i]);
            }

            ngx_http_tenant_text_done(text, b);
        }
    }

    if (ngx_http_tenant_metrics_issuers(text, zone) != NGX_OK
        || ngx_http_tenant_metrics_introspectors(text, zone) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_tenant_metrics_totals(text, zone->data);
}


/*
 * Issuers whose keys are fetched.  What goes meanwhile rests before it is
 * freed; the names are the registry's.
 */

static ngx_int_t
ngx_http_tenant_metrics_issuers(ngx_http_tenant_text_t *text,
    ngx_shm_zone_t *zone)
{
    ngx_buf_t                       *b;
    ngx_uint_t                       n, family;
    ngx_array_t                      list;
    ngx_queue_t                     *q;
    ngx_slab_pool_t                 *shpool;
    ngx_http_tenant_totals_t        *totals;
    ngx_http_tenant_shared_keys_t  **sh;

    static const char *const  names[] = {
        "tenant_issuer_keys_expire_timestamp_seconds",
        "tenant_issuer_keys_failures"
    };

    static const char *const  heads[] = {
        "# HELP tenant_issuer_keys_expire_timestamp_seconds Until when "
        "fetched keys are fresh.\n"
        "# TYPE tenant_issuer_keys_expire_timestamp_seconds gauge\n",
        "# HELP tenant_issuer_keys_failures Failed attempts since the newest "
        "good one.\n"
        "# TYPE tenant_issuer_keys_failures gauge\n"
    };

    totals = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (ngx_array_init(&list, text->pool, 16, sizeof(*sh)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&shpool->mutex);

    for (q = ngx_queue_head(&totals->issuer_queue);
         q != ngx_queue_sentinel(&totals->issuer_queue);
         q = ngx_queue_next(q))
    {
        sh = ngx_array_push(&list);
        if (sh == NULL) {
            break;
        }

        *sh = ngx_queue_data(q, ngx_http_tenant_shared_keys_t, queue);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    sh = list.elts;

    for (family = 0; family < 2 && list.nelts; family++) {

        b = ngx_http_tenant_text_buf(text, NGX_HTTP_TENANT_METRICS_HEAD);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->last = ngx_sprintf(b->last, "%s", heads[family]);
        ngx_http_tenant_text_done(text, b);

        for (n = 0; n < list.nelts; n++) {
            if (ngx_http_tenant_metrics_issuer(text, names[family],
                                               &sh[n]->sn.str,
                                               family
                                               ? (time_t) sh[n]->failures
                                               : sh[n]->expires)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* Issuers that are asked about tokens, in the same way. */

static ngx_int_t
ngx_http_tenant_metrics_introspectors(ngx_http_tenant_text_t *text,
    ngx_shm_zone_t *zone)
{
    ngx_buf_t                                *b;
    ngx_uint_t                                n;
    ngx_array_t                               list;
    ngx_queue_t                              *q;
    ngx_slab_pool_t                          *shpool;
    ngx_http_tenant_totals_t                 *totals;
    ngx_http_tenant_shared_introspector_t   **sh;

    static const char  head[] =
        "# HELP tenant_issuer_introspection_failures Failed attempts since "
        "the newest answer.\n"
        "# TYPE tenant_issuer_introspection_failures gauge\n";

    totals = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (ngx_array_init(&list, text->pool, 16, sizeof(*sh)) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&shpool->mutex);

    for (q = ngx_queue_head(&totals->introspector_queue);
         q != ngx_queue_sentinel(&totals->introspector_queue);
         q = ngx_queue_next(q))
    {
        sh = ngx_array_push(&list);
        if (sh == NULL) {
            break;
        }

        *sh = ngx_queue_data(q, ngx_http_tenant_shared_introspector_t, queue);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (list.nelts == 0) {
        return NGX_OK;
    }

    b = ngx_http_tenant_text_buf(text, NGX_HTTP_TENANT_METRICS_HEAD);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_sprintf(b->last, "%s", head);
    ngx_http_tenant_text_done(text, b);

    sh = list.elts;

    for (n = 0; n < list.nelts; n++) {
        if (ngx_http_tenant_metrics_issuer(text,
                                       "tenant_issuer_introspection_failures",
                                       &sh[n]->sn.str, sh[n]->failures)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_metrics_issuer(ngx_http_tenant_text_t *text,
    const char *name, ngx_str_t *iss, time_t value)
{
    u_char     *p;
    size_t      i;
    ngx_buf_t  *b;

    b = ngx_http_tenant_text_buf(text, 128 + 2 * iss->len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(b->last, "%s{issuer=\"", name);

    for (i = 0; i < iss->len; i++) {
        switch (iss->data[i]) {

        case '"':
        case '\\':
            *p++ = '\\';
            break;

        case LF:
            *p++ = '\\';
            *p++ = 'n';
            continue;
        }

        *p++ = iss->data[i];
    }

    b->last = ngx_sprintf(p, "\"} %T\n", value);
    ngx_http_tenant_text_done(text, b);

    return NGX_OK;
}


/* A tenant that was registered and has not been seen yet. */

static ngx_uint_t
ngx_http_tenant_metrics_idle(ngx_http_tenant_sample_t *s)
{
    ngx_uint_t  n;

    for (n = 0; n < 6; n++) {
        if (s->requests[n]) {
            return 0;
        }
    }

    return 1;
}


static u_char *
ngx_http_tenant_metrics_duration(u_char *p, ngx_http_tenant_sample_t *s)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n;

    static const char *const  le[] = {
        "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5",
        "5", "10", "+Inf"
    };

    n = 0;

    for (i = 0; i <= NGX_HTTP_TENANT_BUCKETS; i++) {
        n += s->c.buckets[i];
        p = ngx_sprintf(p, "tenant_request_duration_seconds_bucket{tenant="
                        "\"%V\",le=\"%s\"} %uA\n", &s->id, le[i], n);
    }

    return ngx_sprintf(p, "tenant_request_duration_seconds_sum{tenant="
                       "\"%V\"} %uA.%03uA\n"
                       "tenant_request_duration_seconds_count{tenant="
                       "\"%V\"} %uA\n",
                       &s->id, s->c.duration / 1000, s->c.duration % 1000,
                       &s->id, n);
}


static ngx_int_t
ngx_http_tenant_metrics_totals(ngx_http_tenant_text_t *text,
    ngx_http_tenant_totals_t *totals)
{
    ngx_buf_t          *b;
    ngx_uint_t          i;
    ngx_atomic_uint_t   hits, misses;

    b = ngx_http_tenant_text_buf(text, NGX_HTTP_TENANT_METRICS_HEAD);
    if (b == NULL) {
        return NGX_ERROR;
    }

    hits = 0;
    misses = 0;

    for (i = 0; i < NGX_HTTP_TENANT_CELLS; i++) {
        hits += totals->cells[i].cache_hits;
        misses += totals->cells[i].cache_misses;
    }

    b->last = ngx_sprintf(b->last,
                          "# HELP tenant_refused_requests_total Requests "
                          "refused by the module.\n"
                          "# TYPE tenant_refused_requests_total counter\n");

    for (i = NGX_HTTP_TENANT_R_NONE + 1; i < NGX_HTTP_TENANT_REASONS; i++) {
        b->last = ngx_sprintf(b->last,
                              "tenant_refused_requests_total{reason=\"%s\"} "
                              "%uA\n", ngx_http_tenant_reasons[i],
                              totals->refused[i]);
    }

    b->last = ngx_sprintf(b->last,
                          "# HELP tenant_token_cache_hits_total Tokens found "
                          "in a worker's cache.\n"
                          "# TYPE tenant_token_cache_hits_total counter\n"
                          "tenant_token_cache_hits_total %uA\n"
                          "# HELP tenant_token_cache_misses_total Tokens that "
                          "had to be verified.\n"
                          "# TYPE tenant_token_cache_misses_total counter\n"
                          "tenant_token_cache_misses_total %uA\n"
                          "# HELP tenant_tier_mismatches_total Verified "
                          "tokens whose tier claim is not the registry's.\n"
                          "# TYPE tenant_tier_mismatches_total counter\n"
                          "tenant_tier_mismatches_total %uA\n"
                          "# HELP tenant_policy_errors_total Policies that "
                          "failed and were skipped.\n"
                          "# TYPE tenant_policy_errors_total counter\n"
                          "tenant_policy_errors_total %uA\n",
                          hits, misses,
                          totals->tier_mismatches, totals->policy_errors);

    b->last = ngx_sprintf(b->last,
                          "# HELP tenant_key_fetches_total Attempts to fetch "
                          "a key set.\n"
                          "# TYPE tenant_key_fetches_total counter\n"
                          "tenant_key_fetches_total{result=\"success\"} "
                          "%uA\n"
                          "tenant_key_fetches_total{result=\"failure\"} "
                          "%uA\n",
                          totals->keys_fetched, totals->keys_failed);

    b->last = ngx_sprintf(b->last,
                          "# HELP tenant_provisioner_events_total Events "
                          "sent to the provisioner, by what it said.\n"
                          "# TYPE tenant_provisioner_events_total counter\n"
                          "tenant_provisioner_events_total{result="
                          "\"accepted\"} %uA\n"
                          "tenant_provisioner_events_total{result="
                          "\"failed\"} %uA\n"
                          "# HELP tenant_provisioner_backlog Events that wait "
                          "for the provisioner.\n"
                          "# TYPE tenant_provisioner_backlog gauge\n"
                          "tenant_provisioner_backlog %uA\n"
                          "# HELP tenant_provisioner_oldest_seconds Age of "
                          "the oldest of them.\n"
                          "# TYPE tenant_provisioner_oldest_seconds gauge\n"
                          "tenant_provisioner_oldest_seconds %T\n"
                          "# HELP tenant_introspections_total Tokens that "
                          "an issuer was asked about.\n"
                          "# TYPE tenant_introspections_total counter\n"
                          "tenant_introspections_total{result=\"active\"} "
                          "%uA\n"
                          "tenant_introspections_total{result=\"inactive\"} "
                          "%uA\n"
                          "tenant_introspections_total{result=\"failure\"} "
                          "%uA\n",
                          totals->provisioner_accepted,
                          totals->provisioner_failed,
                          totals->provisioner_backlog,
                          totals->provisioner_oldest
                          ? ngx_max(ngx_time() - totals->provisioner_oldest,
                                    0)
                          : 0,
                          totals->introspected_active,
                          totals->introspected_inactive,
                          totals->introspections_failed);

    b->last_buf = 1;
    b->last_in_chain = 1;

    ngx_http_tenant_text_done(text, b);

    return NGX_OK;
}


/* A buffer with room for size bytes, at the end of the chain. */

static ngx_buf_t *
ngx_http_tenant_text_buf(ngx_http_tenant_text_t *text, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_create_temp_buf(text->pool, size);
    if (b == NULL) {
        return NULL;
    }

    cl = ngx_alloc_chain_link(text->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;

    *text->last = cl;
    text->last = &cl->next;

    return b;
}


static void
ngx_http_tenant_text_done(ngx_http_tenant_text_t *text, ngx_buf_t *b)
{
    text->size += b->last - b->pos;
}
