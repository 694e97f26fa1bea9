/*
 * The registry: who may use what.  Tiers, tenants, issuers and agents, read
 * through look-ups by id; nothing outside registry/ knows how the objects
 * are stored: in a document that is read with the configuration, or in a
 * database, from which a worker loads what it needs and drops what changed.
 *
 * Objects are immutable and counted: a look-up returns a reference, and an
 * object goes with its last one.  What has changed meanwhile is told by
 * "stale" of the object.  Objects are one worker's: the counts are plain.
 */

#ifndef NGX_HTTP_TENANT_REGISTRY_H
#define NGX_HTTP_TENANT_REGISTRY_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>

#include "../ngx_http_tenant_hot.h"
#include "../identity/tenant_json.h"
#include "../identity/tenant_rules.h"
#include "ngx_http_tenant_json.h"
#include "ngx_http_tenant_revoked.h"
#include "ngx_http_tenant_store.h"


#define NGX_HTTP_TENANT_MODEL_POOL  0
#define NGX_HTTP_TENANT_MODEL_SILO  1
#define NGX_HTTP_TENANT_MODEL_NONE  2       /* of routes only */

#define NGX_HTTP_TENANT_BY_TENANT      0    /* what chose a route */
#define NGX_HTTP_TENANT_BY_TIER        1
#define NGX_HTTP_TENANT_BY_TIER_MODEL  2

#define NGX_HTTP_TENANT_PROVISIONING  0
#define NGX_HTTP_TENANT_ACTIVE        1
#define NGX_HTTP_TENANT_SUSPENDED     2
#define NGX_HTTP_TENANT_OFFBOARDING   3

#define NGX_HTTP_TENANT_CLIENT_BASIC  0
#define NGX_HTTP_TENANT_CLIENT_POST   1

#define NGX_HTTP_TENANT_HTTP       0
#define NGX_HTTP_TENANT_MCP        1
#define NGX_HTTP_TENANT_A2A        2
#define NGX_HTTP_TENANT_OPENAI     3
#define NGX_HTTP_TENANT_ANTHROPIC  4
#define NGX_HTTP_TENANT_BEDROCK    5

#define NGX_HTTP_TENANT_TAG_LEN    16       /* bytes behind an address */


/* Names in the order of the numbers above; an empty one ends each table. */
extern const ngx_str_t  ngx_http_tenant_models[];
extern const ngx_str_t  ngx_http_tenant_route_models[];
extern const ngx_str_t  ngx_http_tenant_origins[];
extern const ngx_str_t  ngx_http_tenant_statuses[];
extern const ngx_str_t  ngx_http_tenant_protocols[];
extern const ngx_str_t  ngx_http_tenant_client_auths[];


/* What every object has, right behind its name. */
typedef struct {
    ngx_uint_t                   refs;
    ngx_uint_t                   kind;       /* NGX_HTTP_TENANT_KIND_* */
    uint64_t                     version;    /* another one after each
                                                change, and never that of
                                                another object */
    size_t                       size;       /* bytes, roughly */
    ngx_pool_t                  *pool;       /* what hangs on the object */
    ngx_http_tenant_registry_t  *registry;
    ngx_queue_t                  queue;      /* of the worker's cache */
    unsigned                     stale:1;    /* changed, or gone: ask again */
    unsigned                     used:1;     /* since eviction looked */
} ngx_http_tenant_object_t;


typedef struct {
    ngx_str_node_t              sn;          /* sn.str: id */
    ngx_http_tenant_object_t    object;
    ngx_uint_t                  model;
    ngx_array_t                 routes;      /* ngx_http_tenant_route_t */
    json_t                     *attributes;  /* an object, or NULL */
} ngx_http_tenant_tier_t;


typedef struct {
    ngx_str_node_t              sn;          /* sn.str: id */
    ngx_http_tenant_object_t    object;
    ngx_uint_t                  protocol;
    json_t                     *attributes;
    void                       *authz;       /* authz/ hangs its Cedar entity
                                                here */
} ngx_http_tenant_agent_t;


/* One server of a silo; the names and meanings are of nginx's "server". */
typedef struct {
    ngx_str_t        name;         /* as in the registry: "host:port" */
    ngx_str_t        host;         /* of it, lower case, without brackets */
    in_port_t        port;
    struct sockaddr *sockaddr;     /* NULL: host is a name to be resolved */
    socklen_t        socklen;

    ngx_uint_t       weight;
    ngx_uint_t       max_fails;    /* 0: never taken for down */
    time_t           fail_timeout; /* seconds */
    unsigned         backup:1;
    unsigned         drain:1;      /* no new sessions */
} ngx_http_tenant_endpoint_t;


/* Of a tenant or a tier; lives in the pool of that object. */
typedef struct {
    ngx_str_t                    agent;
    ngx_str_t                   *owner;      /* id of the tenant or tier */
    ngx_uint_t                   origin;     /* NGX_HTTP_TENANT_BY_... */
    ngx_uint_t                   model;

    ngx_str_t                    server_name;    /* TLS, may be empty */
    ngx_uint_t                   nendpoints;
    ngx_http_tenant_endpoint_t  *endpoints;  /* of a silo, else NULL */
    unsigned                     tls:1;
    unsigned                     names:1;    /* has hosts to be resolved */

    ngx_pool_t                  *pool;
    void                        *silo;       /* of routing/, this worker */
} ngx_http_tenant_route_t;


typedef struct {
    ngx_str_node_t            sn;          /* sn.str: id */
    ngx_http_tenant_object_t  object;
    ngx_str_t                 name;
    ngx_uint_t                status;
    ngx_http_tenant_tier_t   *tier;        /* a reference */
    ngx_array_t               issuers;     /* ngx_str_t: unbound ones whose
                                              tokens may produce it */
    ngx_array_t               routes;      /* ngx_http_tenant_route_t */
    json_t                   *attributes;
    ngx_uint_t                tokens;      /* of its users, cached */
    ngx_queue_t               running;     /* ngx_http_tenant_caller_t:
                                              requests */
    void                     *counters;    /* shared slot of metering/ */
    void                     *authz;       /* authz/ hangs its Cedar entity
                                              here */
} ngx_http_tenant_tenant_t;


/* How an issuer is asked about its tokens, RFC 7662. */
typedef struct {
    ngx_str_t        endpoint;    /* data NULL: as "discovery" names it */
    ngx_str_t        client_id;
    ngx_str_t        secret;      /* wiped with the pool; empty: in a file */
    ngx_str_t        secret_file; /* full path, or empty */
    ngx_uint_t       auth;        /* how the secret is sent */
    time_t           ttl;         /* seconds that an answer is good for */
} ngx_http_tenant_introspection_t;


typedef struct {
    ngx_str_node_t            sn;          /* sn.str: iss, exactly */
    ngx_http_tenant_object_t  object;
    ngx_str_t                 tenant;      /* bound to it, or empty */
    ngx_str_t                 tenant_claim;
    ngx_str_t                 subject_namespace;
    ngx_str_t                 jwks_file;   /* full path, or empty */
    ngx_str_t                 jwks;        /* inline, JSON text, or empty */
    ngx_str_t                 jwks_uri;    /* fetched, or empty */
    ngx_str_t                 discovery;   /* of OpenID Connect, or empty */
    tenant_rules_t            rules;
    ngx_http_tenant_introspection_t  *introspection;    /* NULL: none */
    struct ngx_http_tenant_keyset_s  *keys;    /* of identity/ */
    struct ngx_http_tenant_introspector_s  *introspector;
    unsigned                  operators:1; /* its tokens are operators' */
} ngx_http_tenant_issuer_t;


/* What the rest of the module does when objects come and go. */
typedef struct {
    /* NGX_ERROR: logged; the issuer cannot be used */
    ngx_int_t  (*start_issuer)(void *data, ngx_http_tenant_issuer_t *issuer);
    void       (*stop_issuer)(void *data, ngx_http_tenant_issuer_t *issuer);

    /* changed, or gone: nothing more of it is to be begun */
    void       (*changed_issuer)(void *data,
                                 ngx_http_tenant_issuer_t *issuer);

    /* a tenant changed while requests of its run; not yet looked up anew */
    void       (*changed_tenant)(void *data,
                                 ngx_http_tenant_tenant_t *tenant);

    /* gone: what is kept elsewhere under its name; "counts" of it too */
    void       (*removed)(void *data, ngx_uint_t kind, ngx_str_t *id,
                          ngx_uint_t counts, int64_t seq);

    /* something was revoked */
    void       (*revoked)(void *data);
    void        *data;
} ngx_http_tenant_registry_hooks_t;


/*
 * With the configuration: a name that ends with ".json" is a document, any
 * other a database, which is made, from the document "seed" unless that is
 * empty, when there is none.  On failure what is wrong has been logged with
 * the place.
 */
ngx_http_tenant_registry_t *ngx_http_tenant_registry_open(ngx_conf_t *cf,
    ngx_str_t *path, ngx_str_t *seed, ngx_http_tenant_check_pt check);

/* What a document says, borrowed; NULL: it is a database. */
json_t *ngx_http_tenant_registry_document(
    ngx_http_tenant_registry_t *registry);

/* Whether objects come and go while nginx runs: it is a database. */
ngx_uint_t ngx_http_tenant_registry_live(
    ngx_http_tenant_registry_t *registry);

/* Whether the database could not be written when it was opened. */
ngx_uint_t ngx_http_tenant_registry_frozen(
    ngx_http_tenant_registry_t *registry);

/*
 * In a worker, before requests.  generation: in shared memory, moved after
 * each commit; max: bytes of objects kept.
 */
ngx_int_t ngx_http_tenant_registry_start(
    ngx_http_tenant_registry_t *registry, ngx_atomic_t *generation,
    size_t max, ngx_http_tenant_registry_hooks_t *hooks, ngx_cycle_t *cycle);
void ngx_http_tenant_registry_stop(ngx_http_tenant_registry_t *registry);

/*
 * Takes notice of what changed; one load when nothing did.  NGX_ERROR: the
 * changes cannot be read, so nothing that is cached may be relied on.
 */
ngx_int_t ngx_http_tenant_registry_sync(
    ngx_http_tenant_registry_t *registry);

/*
 * NGX_OK and a reference, to be dropped with ngx_http_tenant_object_unref();
 * NGX_DECLINED: there is none; NGX_ERROR: the registry cannot be read
 * (logged).  A document declines only.
 */
ngx_int_t ngx_http_tenant_registry_tenant(
    ngx_http_tenant_registry_t *registry, ngx_str_t *id,
    ngx_http_tenant_tenant_t **tenant);
ngx_int_t ngx_http_tenant_registry_issuer(
    ngx_http_tenant_registry_t *registry, ngx_str_t *iss,
    ngx_http_tenant_issuer_t **issuer);
ngx_int_t ngx_http_tenant_registry_agent(
    ngx_http_tenant_registry_t *registry, ngx_str_t *id,
    ngx_http_tenant_agent_t **agent);
ngx_int_t ngx_http_tenant_registry_tier(
    ngx_http_tenant_registry_t *registry, ngx_str_t *id,
    ngx_http_tenant_tier_t **tier);

void ngx_http_tenant_object_unref(ngx_http_tenant_object_t *object);

/* Something of so many bytes was hung on the object. */
void ngx_http_tenant_object_grew(ngx_http_tenant_object_t *object,
    size_t size);

/*
 * Names of issuers, "max" at most, appended to "list" (ngx_str_t, in its
 * pool): of the tenant (bound ones included), or of all tenants (NULL), which
 * operators' are not among.
 */
ngx_int_t ngx_http_tenant_registry_issuers(
    ngx_http_tenant_registry_t *registry, ngx_http_tenant_tenant_t *tenant,
    ngx_uint_t max, ngx_array_t *list);

/*
 * Whose the operators are: a tenant that no registry can have, for whoever
 * may not be told apart from users of tenants.  Without a reference.
 */
ngx_http_tenant_tenant_t *ngx_http_tenant_registry_operators(
    ngx_http_tenant_registry_t *registry);

/* The revocations that are in force. */
const ngx_http_tenant_revoked_t *ngx_http_tenant_registry_revoked(
    ngx_http_tenant_registry_t *registry);

/* Offboarded tenants whose deadline is over, appended to "list" as above. */
ngx_int_t ngx_http_tenant_registry_due(ngx_http_tenant_registry_t *registry,
    time_t now, ngx_uint_t max, ngx_array_t *list);

/* Whether tokens of the issuer may make a caller one of the tenant's. */
ngx_uint_t ngx_http_tenant_registry_issues(ngx_http_tenant_tenant_t *tenant,
    ngx_http_tenant_issuer_t *issuer);

/*
 * The route of a tenant to an agent: its own, or else its tier's, or else
 * the pool if that is the tier's model.  NULL: there is none, and "origin",
 * which may be NULL, says what decided so in both cases.
 */
ngx_http_tenant_route_t *ngx_http_tenant_registry_route(
    ngx_http_tenant_tenant_t *tenant, ngx_str_t *agent, ngx_uint_t *origin);


/* For those who fill a registry. */

ngx_http_tenant_registry_t *ngx_http_tenant_registry_create(
    ngx_pool_t *pool);

/* NGX_DECLINED: there is such an object already. */
ngx_int_t ngx_http_tenant_registry_add(ngx_http_tenant_registry_t *registry,
    ngx_str_node_t *sn);

/*
 * What names of objects are found by, in trees of a worker and of the zone:
 * a key that needs no table, whose lines a request would have to fetch again
 * each time.  Names are an operator's, and what a client asks for is only
 * looked up: an unkeyed hash will do.
 */
static ngx_inline uint32_t
ngx_http_tenant_name_key(const ngx_str_t *name)
{
    size_t    n;
    u_char   *p;
    uint64_t  h, w;

    static const uint64_t  odd = 0x9e3779b97f4a7c15ULL;

    p = name->data;
    h = name->len * odd;

    for (n = name->len; n >= 8; n -= 8, p += 8) {
        ngx_memcpy(&w, p, 8);
        h = (h ^ w) * odd;
        h ^= h >> 32;
    }

    w = 0;

    while (n--) {
        w = (w << 8) | *p++;
    }

    h = (h ^ w) * odd;

    return (uint32_t) (h >> 32);
}

/* Without a reference; NULL: not among those that are loaded. */
ngx_str_node_t *ngx_http_tenant_registry_peek(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind, ngx_str_t *id);

/* All that are loaded; stops unless NGX_OK. */
typedef ngx_int_t (*ngx_http_tenant_object_pt)(void *data,
    ngx_str_node_t *sn);

ngx_int_t ngx_http_tenant_registry_each(
    ngx_http_tenant_registry_t *registry, ngx_uint_t kind,
    ngx_http_tenant_object_pt each, void *data);


/* How one object is read; the document and any other store share it. */

extern const tenant_json_limits_t  ngx_http_tenant_object_limits;

ngx_http_tenant_tier_t *ngx_http_tenant_tier_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);
ngx_http_tenant_agent_t *ngx_http_tenant_agent_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);

/* The name of the tier is returned apart: resolving it is the store's. */
ngx_http_tenant_tenant_t *ngx_http_tenant_tenant_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_t *tier,
    ngx_http_tenant_json_error_t *err);

/*
 * The member "routes" of a tenant or tier, if there is one.  Whether agents
 * exist is the store's to check, and by ngx_http_tenant_routes_literal()
 * that no server has a host name where nothing can resolve it.
 */
ngx_int_t ngx_http_tenant_routes_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_t *owner, ngx_uint_t origin,
    ngx_array_t *routes, ngx_http_tenant_json_error_t *err);
ngx_int_t ngx_http_tenant_routes_literal(const ngx_http_tenant_json_t *at,
    ngx_array_t *routes, ngx_http_tenant_json_error_t *err);

/* What the routes will take beside their objects once they are used. */
size_t ngx_http_tenant_routes_size(ngx_array_t *routes);

/* "host:port", "unix:path", or an object with such an "address". */
ngx_int_t ngx_http_tenant_endpoint_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err);

/* Of a host by name: labels of letters, digits, "-" and "_". */
ngx_int_t ngx_http_tenant_host_valid(ngx_str_t *host);
ngx_int_t ngx_http_tenant_agent_id_valid(ngx_str_t *id);

/* Of an issuer that has one; otherwise *introspection is left alone. */
ngx_int_t ngx_http_tenant_introspection_read(ngx_pool_t *pool,
    ngx_str_t *dir, const ngx_http_tenant_json_t *issuer,
    ngx_http_tenant_introspection_t **introspection,
    ngx_http_tenant_json_error_t *err);

/* dir: of the registry, with the closing "/"; files are relative to it */
ngx_http_tenant_issuer_t *ngx_http_tenant_issuer_read(ngx_pool_t *pool,
    ngx_str_t *dir, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err);


#endif /* NGX_HTTP_TENANT_REGISTRY_H */
