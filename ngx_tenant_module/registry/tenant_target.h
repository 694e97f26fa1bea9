/*
 * What a request to the control plane is about: its path and arguments, as
 * they came.  Plain C, and no byte of it trusted.
 */

#ifndef TENANT_TARGET_H
#define TENANT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../identity/tenant_str.h"


typedef enum {
    TENANT_TARGET_COLLECTION = 0,   /* /v1/tenants */
    TENANT_TARGET_OBJECT,           /* /v1/tenants/acme */
    TENANT_TARGET_ACTION,           /* /v1/tenants/acme:suspend */
    TENANT_TARGET_STATE,            /* /v1/tenants/acme/state */
    TENANT_TARGET_IMPORT,           /* /v1/import, … */
    TENANT_TARGET_APPLY,
    TENANT_TARGET_EXPORT,
    TENANT_TARGET_CHANGES,
    TENANT_TARGET_HEALTH
} tenant_resource_t;


typedef enum {
    TENANT_ACTION_ACTIVATE = 0,
    TENANT_ACTION_SUSPEND,
    TENANT_ACTION_OFFBOARD
} tenant_action_t;


/* Arguments of the query, as bits of "given". */
#define TENANT_ARG_DRY_RUN  0x001
#define TENANT_ARG_ATOMIC   0x002
#define TENANT_ARG_PRUNE    0x004
#define TENANT_ARG_LIMIT    0x008
#define TENANT_ARG_AFTER    0x010
#define TENANT_ARG_STATUS   0x020
#define TENANT_ARG_TIER     0x040
#define TENANT_ARG_PREFIX   0x080
#define TENANT_ARG_ISSUER   0x100
#define TENANT_ARG_TENANT   0x200
#define TENANT_ARG_SECRETS  0x400

#define TENANT_LIMIT_DEFAULT  100
#define TENANT_LIMIT_MAX      1000


typedef struct {
    tenant_resource_t  resource;
    tenant_str_t       collection;  /* "tenants", …; empty for the others */
    tenant_str_t       id;          /* decoded */
    tenant_action_t    action;

    unsigned           given;
    bool               dry_run;
    bool               atomic;
    bool               prune;
    bool               secrets;
    unsigned           limit;
    tenant_str_t       after;       /* these are decoded, too */
    tenant_str_t       status;
    tenant_str_t       tier;
    tenant_str_t       prefix;
    tenant_str_t       issuer;
    tenant_str_t       tenant;
} tenant_target_t;


typedef enum {
    TENANT_TARGET_OK = 0,
    TENANT_TARGET_NONE,             /* no such resource */
    TENANT_TARGET_ENCODING,         /* %-encoding that is none, or of NUL */
    TENANT_TARGET_UNKNOWN,          /* an argument nobody knows */
    TENANT_TARGET_REPEATED,
    TENANT_TARGET_VALUE             /* an argument's value cannot be */
} tenant_target_result_t;


/*
 * path: below the location, "/v1/…", encoded; args: behind the "?".  buf has
 * room for both; what the target holds points there, to the path, or to
 * static text.  arg: the argument that is wrong, if it is one.
 */
tenant_target_result_t tenant_target_parse(const char *path, size_t len,
    const char *args, size_t args_len, char *buf, tenant_target_t *target,
    tenant_str_t *arg);


#endif /* TENANT_TARGET_H */
