/*
 * The front door: directives, their merging and checking, phases.  What
 * becomes of a request stands in ngx_http_tenant_request.c.
 */

#include "ngx_http_tenant_module.h"
#include "ngx_http_tenant_slots.h"
#include "authz/ngx_http_tenant_authz.h"
#include "context/ngx_http_tenant_context.h"
#include "identity/ngx_http_tenant_bearer.h"
#include "identity/ngx_http_tenant_identity.h"
#include "identity/ngx_http_tenant_introspect.h"
#include "identity/ngx_http_tenant_keyset.h"
#include "identity/ngx_http_tenant_metadata.h"
#include "metering/ngx_http_tenant_counters.h"
#include "registry/ngx_http_tenant_api.h"
#include "registry/ngx_http_tenant_delivery.h"
#include "registry/ngx_http_tenant_provisioner.h"
#include "registry/ngx_http_tenant_upkeep.h"
#include "registry/ngx_http_tenant_writer.h"
#include "routing/ngx_http_tenant_names.h"
#include "routing/ngx_http_tenant_peer.h"


#define NGX_HTTP_TENANT_ZONE_SIZE   (4 * 1024 * 1024)
#define NGX_HTTP_TENANT_CACHE_SIZE  (32 * 1024 * 1024)
#define NGX_HTTP_TENANT_OBJECTS_SIZE  (16 * 1024 * 1024)


static void *ngx_http_tenant_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_tenant_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_tenant_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_tenant_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_tenant_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_tenant_compile_policies(ngx_conf_t *cf,
    ngx_http_tenant_loc_conf_t *tlcf);
static ngx_int_t ngx_http_tenant_check_realm(ngx_conf_t *cf,
    ngx_str_t *realm);
static char *ngx_http_tenant_check_location(ngx_conf_t *cf,
    ngx_http_tenant_loc_conf_t *tlcf);
static ngx_int_t ngx_http_tenant_add_zone(ngx_conf_t *cf,
    ngx_http_tenant_main_conf_t *tmcf);
static ngx_int_t ngx_http_tenant_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_tenant_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_tenant_init_process(ngx_cycle_t *cycle);
static void ngx_http_tenant_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_tenant_auth[] = {
    { ngx_string("off"), NGX_HTTP_TENANT_AUTH_OFF },
    { ngx_string("on"), NGX_HTTP_TENANT_AUTH_ON },
    { ngx_string("optional"), NGX_HTTP_TENANT_AUTH_OPTIONAL },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_tenant_policy[] = {
    { ngx_string("off"), NGX_HTTP_TENANT_POLICY_OFF },
    { ngx_string("shadow"), NGX_HTTP_TENANT_POLICY_SHADOW },
    { ngx_string("enforce"), NGX_HTTP_TENANT_POLICY_ENFORCE },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_tenant_header_sets[] = {
    { ngx_string("none"), NGX_HTTP_TENANT_HEADERS_NONE },
    { ngx_string("default"), NGX_HTTP_TENANT_HEADERS_DEFAULT },
    { ngx_string("agentcore"), NGX_HTTP_TENANT_HEADERS_AGENTCORE },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_tenant_no_route[] = {
    { ngx_string("503"), NGX_HTTP_SERVICE_UNAVAILABLE },
    { ngx_string("404"), NGX_HTTP_NOT_FOUND },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_tenant_commands[] = {

    { ngx_string("tenant_registry"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_tenant_registry_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_registry_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, registry_cache_size),
      NULL },

    { ngx_string("tenant_provisioner"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_provisioner_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, zone_size),
      NULL },

    { ngx_string("tenant_token_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, token_cache_size),
      NULL },

    { ngx_string("tenant_keys"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_keys_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_fetch_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, fetch_timeout),
      NULL },

    { ngx_string("tenant_fetch_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, fetch_ca),
      NULL },

    { ngx_string("tenant_fetch_allow"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_cidr_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, fetch_allow),
      NULL },

    { ngx_string("tenant_fetch_plain_http"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, fetch_plain),
      NULL },

    { ngx_string("tenant_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, auth),
      &ngx_http_tenant_auth },

    { ngx_string("tenant_realm"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, realm),
      NULL },

    { ngx_string("tenant_token"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_token_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_token_upstream"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tenant_token_upstream_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_introspection"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_tenant_introspect_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_resource"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, resource),
      NULL },

    { ngx_string("tenant_scopes"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_scopes_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_authorization_servers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_servers_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_metadata"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tenant_metadata_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_agent"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, agent),
      NULL },

    { ngx_string("tenant_action"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, action),
      NULL },

    { ngx_string("tenant_policy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, policy),
      &ngx_http_tenant_policy },

    { ngx_string("tenant_policy_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tenant_policy_file_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_policy_schema"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_tenant_policy_schema_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_decision_log"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_CONF_TAKE1234,
      ngx_http_tenant_decision_log_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, header_set),
      &ngx_http_tenant_header_sets },

    { ngx_string("tenant_header"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_tenant_header_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_no_route"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_tenant_loc_conf_t, no_route),
      &ngx_http_tenant_no_route },

    { ngx_string("tenant_route"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_http_tenant_route_slot,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_route_allow"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_tenant_cidr_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_tenant_main_conf_t, route_allow),
      NULL },

    { ngx_string("tenant_route_stale"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_tenant_names_stale_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tenant_metrics_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tenant_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_tenant_api_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_tenant_module_ctx = {
    ngx_http_tenant_preconfiguration,      /* preconfiguration */
    ngx_http_tenant_postconfiguration,     /* postconfiguration */

    ngx_http_tenant_create_main_conf,      /* create main configuration */
    ngx_http_tenant_init_main_conf,        /* init main configuration */

    ngx_http_tenant_create_srv_conf,       /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_tenant_create_loc_conf,       /* create location configuration */
    ngx_http_tenant_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_tenant_module = {
    NGX_MODULE_V1,
    &ngx_http_tenant_module_ctx,           /* module context */
    ngx_http_tenant_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_tenant_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_tenant_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_tenant_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_main_conf_t));
    if (tmcf == NULL) {
        return NULL;
    }

    tmcf->pool = cf->pool;
    tmcf->zone_size = NGX_CONF_UNSET_SIZE;
    tmcf->registry_cache_size = NGX_CONF_UNSET_SIZE;
    tmcf->token_cache_size = NGX_CONF_UNSET_SIZE;
    tmcf->fetch_timeout = NGX_CONF_UNSET_MSEC;
    tmcf->fetch_plain = NGX_CONF_UNSET;

    tmcf->names = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_names_t));
    if (tmcf->names == NULL) {
        return NULL;
    }

    tmcf->names->stale = NGX_CONF_UNSET;

    tmcf->keys_min_ttl = 300;
    tmcf->keys_max_ttl = 86400;
    tmcf->keys_stale = 86400;
    tmcf->keys_interval = 30;

    if (ngx_array_init(&tmcf->policies, cf->pool, 4,
                       sizeof(ngx_http_tenant_policies_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return tmcf;
}


static char *
ngx_http_tenant_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_tenant_main_conf_t  *tmcf = conf;

    ngx_conf_init_size_value(tmcf->zone_size, NGX_HTTP_TENANT_ZONE_SIZE);
    ngx_conf_init_size_value(tmcf->registry_cache_size,
                             NGX_HTTP_TENANT_OBJECTS_SIZE);
    ngx_conf_init_size_value(tmcf->token_cache_size,
                             NGX_HTTP_TENANT_CACHE_SIZE);

    ngx_conf_init_msec_value(tmcf->fetch_timeout, 5000);
    ngx_conf_init_value(tmcf->fetch_plain, 0);

    if (ngx_http_tenant_fetch_init(cf, tmcf) != NGX_OK
        || ngx_http_tenant_names_init(cf, tmcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (tmcf->registry_path.len == 0) {
        return ngx_http_tenant_provisioner_init(cf, tmcf) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (tmcf->zone_size < (size_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_zone of %uz bytes is too small",
                           tmcf->zone_size);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_tenant_add_zone(cf, tmcf) != NGX_OK
        || ngx_http_tenant_keys_init(cf, tmcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    tmcf->registry = ngx_http_tenant_registry_open(cf, &tmcf->registry_path,
                                           &tmcf->registry_seed,
                                           ngx_http_tenant_identity_init_keys);

    if (tmcf->registry == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_tenant_registry_live(tmcf->registry)
        && ngx_http_tenant_writer_init(cf, tmcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_tenant_provisioner_init(cf, tmcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_tenant_add_zone(ngx_conf_t *cf, ngx_http_tenant_main_conf_t *tmcf)
{
    static ngx_str_t  name = ngx_string("tenant");

    tmcf->zone = ngx_shared_memory_add(cf, &name, tmcf->zone_size,
                                       &ngx_http_tenant_module);
    if (tmcf->zone == NULL) {
        return NGX_ERROR;
    }

    tmcf->zone->init = ngx_http_tenant_counters_init_zone;

    return NGX_OK;
}


static void *
ngx_http_tenant_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_srv_conf_t));
}


static void *
ngx_http_tenant_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_tenant_loc_conf_t  *tlcf;

    /*
     * set by ngx_pcalloc():
     *
     *     tlcf->realm = { 0, NULL };
     *     tlcf->resource = NULL;
     *     tlcf->agent = NULL;
     *     tlcf->action = NULL;
     *     tlcf->policy_files = NULL;
     *     tlcf->policies = NULL;
     */

    tlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_loc_conf_t));
    if (tlcf == NULL) {
        return NULL;
    }

    tlcf->auth = NGX_CONF_UNSET_UINT;
    tlcf->policy = NGX_CONF_UNSET_UINT;
    tlcf->no_route = NGX_CONF_UNSET_UINT;
    tlcf->sources = NGX_CONF_UNSET_PTR;
    tlcf->servers = NGX_CONF_UNSET_PTR;
    tlcf->scopes = NGX_CONF_UNSET_PTR;
    tlcf->token_upstream = NGX_CONF_UNSET_PTR;
    tlcf->introspection = NGX_CONF_UNSET_PTR;
    tlcf->decision_log = NGX_CONF_UNSET_PTR;
    tlcf->header_set = NGX_CONF_UNSET_UINT;
    tlcf->headers = NGX_CONF_UNSET_PTR;

    return tlcf;
}


static char *
ngx_http_tenant_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_tenant_loc_conf_t *prev = parent;
    ngx_http_tenant_loc_conf_t *conf = child;

    ngx_conf_merge_uint_value(conf->auth, prev->auth,
                              NGX_HTTP_TENANT_AUTH_OFF);
    ngx_conf_merge_str_value(conf->realm, prev->realm, "tenant");
    ngx_conf_merge_uint_value(conf->policy, prev->policy,
                              NGX_HTTP_TENANT_POLICY_ENFORCE);
    ngx_conf_merge_uint_value(conf->no_route, prev->no_route,
                              NGX_HTTP_SERVICE_UNAVAILABLE);
    ngx_conf_merge_ptr_value(conf->sources, prev->sources, NULL);
    ngx_conf_merge_ptr_value(conf->servers, prev->servers, NULL);
    ngx_conf_merge_ptr_value(conf->scopes, prev->scopes, NULL);
    ngx_conf_merge_ptr_value(conf->token_upstream, prev->token_upstream,
                             NULL);
    ngx_conf_merge_ptr_value(conf->introspection, prev->introspection, NULL);
    ngx_conf_merge_ptr_value(conf->decision_log, prev->decision_log, NULL);
    ngx_conf_merge_ptr_value(conf->headers, prev->headers, NULL);

    ngx_http_tenant_headers_init(conf);

    if (conf->resource == NULL) {
        conf->resource = prev->resource;
    }

    if (conf->agent == NULL) {
        conf->agent = prev->agent;
    }

    if (conf->action == NULL) {
        conf->action = prev->action;
    }

    /* unset stays unset: what it means depends on tenant_auth of the level */

    ngx_conf_merge_uint_value(conf->header_set, prev->header_set,
                              NGX_CONF_UNSET_UINT);

    ngx_conf_merge_str_value(conf->policy_schema, prev->policy_schema, "");

    /* the parent of servers, the http level, is never merged itself */

    if (ngx_http_tenant_compile_policies(cf, prev) != NGX_OK
        || ngx_http_tenant_compile_policies(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->policies == NULL) {
        conf->policies = prev->policies;
    }

    if (ngx_http_tenant_check_realm(cf, &conf->realm) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->auth == NGX_HTTP_TENANT_AUTH_OFF && !conf->metrics
        && !conf->api)
    {
        return NGX_CONF_OK;
    }

    return ngx_http_tenant_check_location(cf, conf);
}


static ngx_int_t
ngx_http_tenant_compile_policies(ngx_conf_t *cf,
    ngx_http_tenant_loc_conf_t *tlcf)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    if (tlcf->policy_files == NULL || tlcf->policies) {
        return NGX_OK;
    }

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);

    tlcf->policies = ngx_http_tenant_policies_compile(cf, tmcf,
                                                      tlcf->policy_files,
                                                      &tlcf->policy_schema);

    return tlcf->policies ? NGX_OK : NGX_ERROR;
}


/*
 * Sent as a quoted-string, RFC 9110, section 5.6.4, in which nothing needs
 * to be escaped if what would need it is refused.
 */

static ngx_int_t
ngx_http_tenant_check_realm(ngx_conf_t *cf, ngx_str_t *realm)
{
    u_char       c;
    size_t       i;
    const char  *what;

    for (i = 0; i < realm->len; i++) {
        c = realm->data[i];

        what = c == '"' ? "a quote"
               : c == '\\' ? "a backslash"
               : c < 0x20 || c == 0x7f ? "a control character" : NULL;

        if (what) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_realm: \"%V\" has %s in it",
                               realm, what);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Nobody runs open, or closed, by forgetting. */

static char *
ngx_http_tenant_check_location(ngx_conf_t *cf,
    ngx_http_tenant_loc_conf_t *tlcf)
{
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (tmcf->registry == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s needs \"tenant_registry\"",
                           tlcf->metrics ? "tenant_metrics"
                           : tlcf->api ? "tenant_api" : "tenant_auth");
        return NGX_CONF_ERROR;
    }

    if (tlcf->auth == NGX_HTTP_TENANT_AUTH_OFF) {
        return NGX_CONF_OK;
    }

    /* an agent or an issuer of a database may come later */

    if (!ngx_http_tenant_registry_live(tmcf->registry)
        && ngx_http_tenant_introspect_check(cf, tmcf, tlcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (tlcf->agent && tlcf->agent->lengths == NULL
        && !ngx_http_tenant_registry_live(tmcf->registry)
        && ngx_http_tenant_registry_peek(tmcf->registry,
                                         NGX_HTTP_TENANT_KIND_AGENT,
                                         &tlcf->agent->value)
           == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_agent: the registry has no agent \"%V\"",
                           &tlcf->agent->value);
        return NGX_CONF_ERROR;
    }

    /* what a server has outside of its locations is checked at run time */

    if (clcf->name.len == 0 || tlcf->policy == NGX_HTTP_TENANT_POLICY_OFF) {
        return NGX_CONF_OK;
    }

    if (tlcf->policies == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_auth without policies in location "
                           "\"%V\": needs \"tenant_policy_file\" or "
                           "\"tenant_policy off\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (tlcf->agent == NULL && !tlcf->api) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_auth with policies in location \"%V\" "
                           "needs \"tenant_agent\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_tenant_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_tenant_add_variables(cf);
}


static ngx_int_t
ngx_http_tenant_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt          *h;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_tenant_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (ngx_http_tenant_route_check(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (tmcf->registry == NULL) {
        return NGX_OK;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_tenant_metadata_phase;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_tenant_preaccess_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_tenant_precontent_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_tenant_log_handler;

    ngx_http_tenant_peer_init_filter();

    return NGX_OK;
}


static ngx_int_t
ngx_http_tenant_init_process(ngx_cycle_t *cycle)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_tenant_module);

    if (tmcf == NULL || tmcf->registry == NULL) {
        return NGX_OK;
    }

    if (ngx_http_tenant_identity_init_process(cycle, tmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_tenant_upkeep_init_process(cycle, tmcf) != NGX_OK
        || ngx_http_tenant_delivery_init_process(cycle, tmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_tenant_authz_init_process(cycle, tmcf);
}


static void
ngx_http_tenant_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_tenant_main_conf_t  *tmcf;

    tmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_tenant_module);

    if (tmcf == NULL) {
        return;
    }

    ngx_http_tenant_writer_exit(tmcf);
    ngx_http_tenant_delivery_exit_process(tmcf);

    if (tmcf->token_cache) {
        ngx_http_tenant_identity_exit_process(tmcf);
    }
}
