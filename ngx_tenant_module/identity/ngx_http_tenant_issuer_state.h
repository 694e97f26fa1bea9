/*
 * What an issuer's entry of the registry has come to: its keys, and what is
 * asked of its introspection endpoint.  For the control plane.
 */

#ifndef NGX_HTTP_TENANT_ISSUER_STATE_H
#define NGX_HTTP_TENANT_ISSUER_STATE_H


#include "../ngx_http_tenant_module.h"


/*
 * A new reference in *out, as this worker sees it now; NGX_ERROR: no memory.
 * In the event loop only.  Times are RFC 3339 in UTC, null for never; what
 * can only be said of fetched keys is left out for others.
 *
 *     {
 *       "keys": {
 *         "source": "jwks_uri",      or jwks_file, jwks, discovery, none
 *         "location": "https://…",   the URL or path; not for jwks, none
 *         "status": "fresh",         or static, stale, none
 *         "fetched": "2026-01-01T12:00:00Z",
 *         "expires": "2026-01-01T13:00:00Z",
 *         "refresh": "2026-01-01T12:50:00Z",
 *         "failures": 0,             since the newest success
 *         "http_status": 200,        of the newest attempt; 0: no answer
 *         "keys": [ { "kid": "a", "algorithms": ["RS256"] }, { … } ]
 *       },
 *       "introspection": {           where there is one
 *         "endpoint": "https://…",   null: discovery has not told it yet
 *         "status": "ok",            or failing, unknown: not asked yet
 *         "answered": "2026-01-01T12:00:00Z",    newest good answer
 *         "retry": null,             not to be asked before, if failing
 *         "failures": 0,
 *         "http_status": 200
 *       }
 *     }
 *
 * A kid is null where the key has none; algorithms are what it may verify
 * and the issuer may use.
 */
ngx_int_t ngx_http_tenant_issuer_state(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, json_t **out);

/* RFC 3339, or null for 0; NULL: no memory. */
json_t *ngx_http_tenant_state_time(time_t t);


#endif /* NGX_HTTP_TENANT_ISSUER_STATE_H */
