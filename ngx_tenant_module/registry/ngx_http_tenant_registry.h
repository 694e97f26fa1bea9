/*
 * The registry: who may use what.  Tiers, tenants, issuers and agents, read
 * through four look-ups and a generation; nothing outside registry/ knows
 * how the objects are stored.
 *
 * Objects are immutable.  A pointer from a look-up is valid for the request
 * that asked, and for longer only while the generation does not move.
 */

#ifndef NGX_HTTP_TENANT_REGISTRY_H
#define NGX_HTTP_TENANT_REGISTRY_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>

#include "../identity/tenant_rules.h"
#include "ngx_http_tenant_json.h"


#define NGX_HTTP_TENANT_MODEL_POOL  0
#define NGX_HTTP_TENANT_MODEL_SILO  1

#define NGX_HTTP_TENANT_PROVISIONING  0
#define NGX_HTTP_TENANT_ACTIVE        1
#define NGX_HTTP_TENANT_SUSPENDED     2
#define NGX_HTTP_TENANT_OFFBOARDING   3

#define NGX_HTTP_TENANT_HTTP       0
#define NGX_HTTP_TENANT_MCP        1
#define NGX_HTTP_TENANT_A2A        2
#define NGX_HTTP_TENANT_OPENAI     3
#define NGX_HTTP_TENANT_ANTHROPIC  4
#define NGX_HTTP_TENANT_BEDROCK    5


typedef struct ngx_http_tenant_registry_s  ngx_http_tenant_registry_t;

/* Names in the order of the numbers above; an empty one ends each table. */
extern const ngx_str_t  ngx_http_tenant_models[];
extern const ngx_str_t  ngx_http_tenant_statuses[];
extern const ngx_str_t  ngx_http_tenant_protocols[];


typedef struct {
    ngx_str_node_t   sn;          /* sn.str: id */
    ngx_uint_t       model;
    json_t          *attributes;  /* an object, or NULL */
} ngx_http_tenant_tier_t;


typedef struct {
    ngx_str_node_t   sn;          /* sn.str: id */
    ngx_uint_t       protocol;
    json_t          *attributes;
    void            *authz;       /* authz/ hangs its Cedar entity here */
} ngx_http_tenant_agent_t;


/* One server of a silo. */
typedef struct {
    ngx_str_t        name;        /* as in the registry: "host:port" */
    struct sockaddr *sockaddr;    /* followed by room for a tag, see route */
    socklen_t        socklen;

    /* passive health, of this worker: times in seconds, cached clock */
    time_t           failed;
    ngx_uint_t       fails;
} ngx_http_tenant_endpoint_t;


typedef struct {
    ngx_str_t                    agent;
    ngx_uint_t                   model;
    ngx_uint_t                   nendpoints;
    ngx_http_tenant_endpoint_t  *endpoints;  /* of a silo, else NULL */
    ngx_uint_t                   next;       /* round robin, this worker */
} ngx_http_tenant_route_t;


typedef struct {
    ngx_str_node_t            sn;          /* sn.str: id */
    ngx_str_t                 name;
    ngx_uint_t                status;
    ngx_http_tenant_tier_t   *tier;
    ngx_array_t               issuers;     /* ngx_str_t: whose tokens may
                                              produce this tenant */
    ngx_array_t               routes;      /* ngx_http_tenant_route_t */
    json_t                   *attributes;
    uint64_t                  tag;         /* keeps upstream connections of
                                              tenants apart; never repeats
                                              within a process */
    void                     *counters;    /* shared slot of metering/ */
} ngx_http_tenant_tenant_t;


typedef struct {
    ngx_str_node_t            sn;          /* sn.str: iss, exactly */
    ngx_str_t                 tenant;      /* bound to it, or empty */
    ngx_str_t                 tenant_claim;
    ngx_str_t                 subject_namespace;
    ngx_str_t                 jwks_file;   /* full path, or empty */
    ngx_str_t                 jwks;        /* inline, JSON text, or empty */
    ngx_str_t                 jwks_uri;    /* fetched, or empty */
    ngx_str_t                 discovery;   /* of OpenID Connect, or empty */
    tenant_rules_t            rules;
    struct ngx_http_tenant_keyset_s  *keys;    /* of identity/ */
} ngx_http_tenant_issuer_t;


/*
 * Reads the registry document.  Objects live in cf->pool.  On failure what
 * is wrong has been logged with the place.
 */
ngx_http_tenant_registry_t *ngx_http_tenant_registry_open(ngx_conf_t *cf,
    ngx_str_t *path);

/* NULL when there is none. */
ngx_http_tenant_tenant_t *ngx_http_tenant_registry_tenant(
    ngx_http_tenant_registry_t *registry, ngx_str_t *id);
ngx_http_tenant_issuer_t *ngx_http_tenant_registry_issuer(
    ngx_http_tenant_registry_t *registry, ngx_str_t *iss);
ngx_http_tenant_agent_t *ngx_http_tenant_registry_agent(
    ngx_http_tenant_registry_t *registry, ngx_str_t *id);

/* Changes whenever any object changed. */
ngx_uint_t ngx_http_tenant_registry_generation(
    ngx_http_tenant_registry_t *registry);

/* All issuers, in no particular order; stops unless NGX_OK. */
typedef ngx_int_t (*ngx_http_tenant_issuer_pt)(void *data,
    ngx_http_tenant_issuer_t *issuer);

ngx_int_t ngx_http_tenant_registry_each_issuer(
    ngx_http_tenant_registry_t *registry, ngx_http_tenant_issuer_pt each,
    void *data);

/* Whether tokens of the issuer may make a caller one of the tenant's. */
ngx_uint_t ngx_http_tenant_registry_issues(ngx_http_tenant_tenant_t *tenant,
    ngx_http_tenant_issuer_t *issuer);

/*
 * The route of a tenant to an agent: its own, or else the pool if that is
 * the tier's model.  NULL: a silo tenant without servers for the agent.
 */
ngx_http_tenant_route_t *ngx_http_tenant_registry_route(
    ngx_http_tenant_tenant_t *tenant, ngx_str_t *agent);


/* How one object is read; the document and any other store share it. */

ngx_http_tenant_tier_t *ngx_http_tenant_tier_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);
ngx_http_tenant_agent_t *ngx_http_tenant_agent_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_json_error_t *err);

/* The name of the tier is returned apart: resolving it is the store's. */
ngx_http_tenant_tenant_t *ngx_http_tenant_tenant_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_str_t *tier,
    ngx_http_tenant_json_error_t *err);

/* An address with a port or a path, never a host name to look up. */
ngx_int_t ngx_http_tenant_endpoint_read(ngx_pool_t *pool,
    const ngx_http_tenant_json_t *at, ngx_http_tenant_endpoint_t *endpoint,
    ngx_http_tenant_json_error_t *err);

/* dir: of the registry, with the closing "/"; jwks_file is relative to it */
ngx_http_tenant_issuer_t *ngx_http_tenant_issuer_read(ngx_pool_t *pool,
    ngx_str_t *dir, const ngx_http_tenant_json_t *at,
    ngx_http_tenant_json_error_t *err);


#endif /* NGX_HTTP_TENANT_REGISTRY_H */
