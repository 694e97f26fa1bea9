/*
 * The keys of an issuer: from a file or the registry, parsed once, or from a
 * URL, fetched by one worker and shared by all.
 *
 * The text of a fetched set stands in shared memory with its times; each
 * worker makes keys of its own from it when the text has changed.
 */

#ifndef NGX_HTTP_TENANT_KEYSET_H
#define NGX_HTTP_TENANT_KEYSET_H


#include "../ngx_http_tenant_module.h"
#include "../ngx_http_tenant_zone.h"
#include "../fetch/ngx_http_tenant_fetch.h"
#include "ngx_http_tenant_pending.h"
#include "tenant_jwks.h"


/* Length and bytes in one block, so that one store replaces both. */
typedef struct {
    size_t           len;
    u_char           data[];
} ngx_http_tenant_shared_text_t;


/* Of an issuer, in shared memory; written under the zone's mutex. */
typedef struct {
    ngx_str_node_t           sn;     /* sn.str: iss */
    ngx_queue_t              queue;
    ngx_http_tenant_grave_t  grave;

    uint64_t         source;         /* hash of the URL; a reload that names
                                        another one starts anew */
    ngx_atomic_t     generation;     /* of the text */
    ngx_atomic_t     attempts;       /* finished ones, good or bad */

    time_t           lease;          /* until then somebody is fetching */
    time_t           attempted;      /* start of the newest attempt */
    time_t           fetched;        /* newest success; 0: none yet */
    time_t           refresh;        /* next attempt that is due by itself */
    time_t           expires;        /* of the text */
    ngx_uint_t       failures;       /* since the newest success */
    ngx_uint_t       status;         /* HTTP status of the newest attempt */

    ngx_http_tenant_shared_text_t  *text;    /* JWK Set; NULL: none yet */
} ngx_http_tenant_shared_keys_t;


/* Of an issuer, in a worker. */
struct ngx_http_tenant_keyset_s {
    ngx_http_tenant_issuer_t        *issuer;
    ngx_http_tenant_main_conf_t     *tmcf;
    tenant_jwks_t                   *jwks;        /* NULL: none (yet) */

    /* of a fetched set */
    ngx_http_tenant_shared_keys_t   *shared;
    uint64_t                         source;
    ngx_uint_t                       generation;  /* what jwks is made of */
    ngx_http_tenant_fetch_t         *fetch;
    ngx_queue_t                      queue;       /* fetched sets in use */
    ngx_http_tenant_pending_t        pending;
    ngx_event_t                      timer;
};


/*
 * The keys to verify with now.  NGX_OK: keyset->jwks; NGX_AGAIN: they are
 * being fetched for the first time, wait; NGX_DECLINED: there are none and
 * an attempt has failed lately.
 */
ngx_int_t ngx_http_tenant_keyset_ready(ngx_http_tenant_keyset_t *keyset);

/*
 * A token names a kid that the set does not have.  NGX_AGAIN: a fetch is on
 * its way, wait; NGX_DECLINED: the interval between fetches is not over.
 */
ngx_int_t ngx_http_tenant_keyset_unknown_kid(
    ngx_http_tenant_keyset_t *keyset);

/*
 * Not even stale keys are good for ever: neither they nor what they verified
 * are valid any more.
 */
ngx_uint_t ngx_http_tenant_keyset_over(ngx_http_tenant_keyset_t *keyset);

/* The issuer's tokens are not verified by keys at all. */
ngx_uint_t ngx_http_tenant_issuer_keyless(ngx_http_tenant_issuer_t *issuer);

/* "static", "fresh", "stale", "none". */
ngx_str_t *ngx_http_tenant_keyset_status(ngx_http_tenant_keyset_t *keyset);

/*
 * Takes over what other workers fetched, and drops the tokens verified by
 * what it replaces.  One load when nothing changed.
 */
void ngx_http_tenant_keysets_sync(ngx_http_tenant_main_conf_t *tmcf);

/* The directive tenant_keys [min=] [max=] [stale=] [interval=] */
char *ngx_http_tenant_keys_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * What the keys of a worker share; nothing is prepared before a worker
 * verifies.  Lives as long as the configuration.
 */
ngx_int_t ngx_http_tenant_keys_init(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf);

/*
 * Keys of the issuer, in its pool: static ones are parsed, the others made
 * ready.  NGX_ERROR: the set has none, and "error" says why: memory of the
 * caller's with its size (0 afterwards: no memory).
 */
ngx_int_t ngx_http_tenant_keyset_create(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *error);

/* The same judgement, and of introspection, and nothing else; any thread. */
ngx_int_t ngx_http_tenant_keys_check(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_issuer_t *issuer, ngx_log_t *log, ngx_str_t *error);

/* Found, or made; NULL: the zone is full.  Emptied if it is another URL's. */
ngx_http_tenant_shared_keys_t *ngx_http_tenant_keyset_shared(
    ngx_http_tenant_keyset_t *keyset);

/* In a worker: finds the shared part, arms the timer. */
ngx_int_t ngx_http_tenant_keyset_start(ngx_http_tenant_keyset_t *keyset);
void ngx_http_tenant_keyset_stop(ngx_http_tenant_keyset_t *keyset);

/*
 * The issuer changed while somebody holds it: no more fetches, no pointer into
 * shared memory, and who waits asks again, for the issuer that is known now.
 */
void ngx_http_tenant_keyset_retire(ngx_http_tenant_keyset_t *keyset);

/* With the zone's mutex held: the issuer is gone. */
struct ngx_http_tenant_totals_s;
void ngx_http_tenant_keyset_forget(ngx_slab_pool_t *shpool,
    struct ngx_http_tenant_totals_s *totals, ngx_str_t *iss);


#endif /* NGX_HTTP_TENANT_KEYSET_H */
