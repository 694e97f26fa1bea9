/*
 * The decision log: one JSON object a line, gathered in a buffer of the
 * worker and written when that is full, when it is old, when the log is
 * reopened and when the worker ends.
 */

#include "ngx_http_tenant_policies.h"
#include "../identity/ngx_http_tenant_identity.h"


#define NGX_HTTP_TENANT_LOG_BUFFER  (64 * 1024)
#define NGX_HTTP_TENANT_LOG_LINE    8192    /* bytes of one line */
#define NGX_HTTP_TENANT_LOG_FLUSH   1000    /* milliseconds */


struct ngx_http_tenant_decision_log_s {
    ngx_open_file_t   *file;
    ngx_int_t          request_id;      /* index of the variable */
    ngx_uint_t         denied_only;
    u_char            *start;
    u_char            *pos;
    u_char            *last;
    ngx_event_t        event;
    ngx_msec_t         flush;
    time_t             disk_full;
};


/*
 * A line in the making.  A member or element that does not fit is left out
 * as a whole, so that what is written is always JSON.
 */
typedef struct {
    u_char       *pos;
    u_char       *last;
    unsigned      full:1;        /* the piece in the making did not fit */
    unsigned      truncated:1;   /* some piece did not */
} ngx_http_tenant_line_t;


/* Of string literals, whose length the compiler knows. */

#define ngx_http_tenant_log_raw(line, text)                                   \
    ngx_http_tenant_log_text(line, text, sizeof(text) - 1)

#define ngx_http_tenant_log_member(line, name, data, len)                     \
    ngx_http_tenant_log_named(line, name, sizeof(name) - 1, data, len)


static void ngx_http_tenant_log_line(ngx_http_request_t *r,
    ngx_http_tenant_line_t *line, ngx_http_tenant_ctx_t *ctx,
    const policy_request_t *request, const policy_result_t *result);
static void ngx_http_tenant_log_reasons(ngx_http_tenant_line_t *line,
    const policy_result_t *result);
static void ngx_http_tenant_log_errors(ngx_http_tenant_line_t *line,
    const policy_result_t *result);
static void ngx_http_tenant_log_text(ngx_http_tenant_line_t *line,
    const char *data, size_t len);
static ngx_uint_t ngx_http_tenant_log_plain(u_char *data, size_t len);
static void ngx_http_tenant_log_json(ngx_http_tenant_line_t *line,
    const char *data, size_t len);
static void ngx_http_tenant_log_escaped(ngx_http_tenant_line_t *line,
    u_char *data, size_t len);
static void ngx_http_tenant_log_named(ngx_http_tenant_line_t *line,
    const char *name, size_t name_len, const char *data, size_t len);
static ngx_int_t ngx_http_tenant_log_piece(ngx_http_tenant_line_t *line,
    u_char *mark);
static void ngx_http_tenant_log_append(ngx_http_request_t *r,
    ngx_http_tenant_decision_log_t *log, u_char *data, size_t len);
static void ngx_http_tenant_log_write(ngx_http_tenant_decision_log_t *log,
    ngx_log_t *errlog);
static void ngx_http_tenant_log_flush(ngx_open_file_t *file, ngx_log_t *log);
static void ngx_http_tenant_log_timer(ngx_event_t *ev);


char *
ngx_http_tenant_decision_log_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_tenant_loc_conf_t  *tlcf = conf;

    size_t                           size;
    ngx_str_t                       *value, s, name;
    ngx_uint_t                       i;
    ngx_http_tenant_decision_log_t  *log;

    if (tlcf->decision_log != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        tlcf->decision_log = NULL;
        return cf->args->nelts == 2 ? NGX_CONF_OK : "has parameters for off";
    }

    log = ngx_pcalloc(cf->pool, sizeof(ngx_http_tenant_decision_log_t));
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    size = NGX_HTTP_TENANT_LOG_BUFFER;
    log->flush = NGX_HTTP_TENANT_LOG_FLUSH;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "deny") == 0) {
            log->denied_only = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "buffer=", 7) == 0) {
            s.len = value[i].len - 7;
            s.data = value[i].data + 7;

            size = ngx_parse_size(&s);

            if (size != (size_t) NGX_ERROR
                && size >= NGX_HTTP_TENANT_LOG_LINE)
            {
                continue;
            }

        } else if (ngx_strncmp(value[i].data, "flush=", 6) == 0) {
            s.len = value[i].len - 6;
            s.data = value[i].data + 6;

            log->flush = ngx_parse_time(&s, 0);

            if (log->flush != (ngx_msec_t) NGX_ERROR && log->flush) {
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant_decision_log: invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    /* indexed, so that the access log has the same one */

    ngx_str_set(&name, "request_id");

    log->request_id = ngx_http_get_variable_index(cf, &name);
    if (log->request_id == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    log->file = ngx_conf_open_file(cf->cycle, &value[1]);
    if (log->file == NULL) {
        return NGX_CONF_ERROR;
    }

    if (log->file->data) {

        /* the same file at another level: one buffer for both */

        if (log->file->flush != ngx_http_tenant_log_flush) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_decision_log: \"%V\" is another log's "
                               "file", &value[1]);
            return NGX_CONF_ERROR;
        }

        tlcf->decision_log = log->file->data;

        if (tlcf->decision_log->denied_only != log->denied_only
            || tlcf->decision_log->flush != log->flush
            || (size_t) (tlcf->decision_log->last
                         - tlcf->decision_log->start)
               != size)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant_decision_log: \"%V\" was given other "
                               "parameters before", &value[1]);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    log->start = ngx_pnalloc(cf->pool, size);
    if (log->start == NULL) {
        return NGX_CONF_ERROR;
    }

    log->pos = log->start;
    log->last = log->start + size;

    log->event.cancelable = 1;
    log->event.handler = ngx_http_tenant_log_timer;
    log->event.data = log;
    log->event.log = &cf->cycle->new_log;

    log->file->flush = ngx_http_tenant_log_flush;
    log->file->data = log;

    tlcf->decision_log = log;

    return NGX_CONF_OK;
}


void
ngx_http_tenant_decision_log(ngx_http_request_t *r,
    ngx_http_tenant_ctx_t *ctx, const policy_request_t *request,
    const policy_result_t *result)
{
    u_char                           buf[NGX_HTTP_TENANT_LOG_LINE];
    ngx_http_tenant_line_t           line;
    ngx_http_tenant_loc_conf_t      *tlcf;
    ngx_http_tenant_decision_log_t  *log;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);
    log = tlcf->decision_log;

    if (log->denied_only && ctx->allowed) {
        return;
    }

    ngx_memzero(&line, sizeof(ngx_http_tenant_line_t));

    /* what closes an array or the object always finds room */

    line.pos = buf;
    line.last = buf + sizeof(buf) - 64;

    ngx_http_tenant_log_line(r, &line, ctx, request, result);

    line.pos = ngx_sprintf(line.pos, "%s}\n",
                           line.truncated ? ",\"truncated\":true" : "");

    ngx_http_tenant_log_append(r, log, buf, line.pos - buf);
}


static void
ngx_http_tenant_log_line(ngx_http_request_t *r, ngx_http_tenant_line_t *line,
    ngx_http_tenant_ctx_t *ctx, const policy_request_t *request,
    const policy_result_t *result)
{
    ngx_str_t                   *tenant;
    const char                  *mode;
    ngx_http_variable_value_t   *id;
    ngx_http_tenant_loc_conf_t  *tlcf;

    tlcf = ngx_http_get_module_loc_conf(r, ngx_http_tenant_module);

    line->pos = ngx_slprintf(line->pos, line->last, "{\"time\":\"%V\"",
                             &ngx_cached_http_log_iso8601);

    id = ngx_http_get_indexed_variable(r, tlcf->decision_log->request_id);

    if (id && !id->not_found) {
        ngx_http_tenant_log_member(line, "request_id", (char *) id->data,
                                   id->len);
    }

    if (ctx->caller->identity) {
        tenant = &ctx->caller->identity->tenant->sn.str;
        ngx_http_tenant_log_member(line, "tenant", (char *) tenant->data,
                                   tenant->len);
    }

    mode = tlcf->policy == NGX_HTTP_TENANT_POLICY_SHADOW ? "shadow"
                                                         : "enforce";

    ngx_http_tenant_log_member(line, "decision",
                               ctx->allowed ? "allow" : "deny",
                               ctx->allowed ? 5 : 4);
    ngx_http_tenant_log_member(line, "mode", mode, ngx_strlen(mode));

    if (result->limit) {
        ngx_http_tenant_log_member(line, "limit", result->limit,
                                   ngx_strlen(result->limit));
    }

    ngx_http_tenant_log_member(line, "principal", request->principal->id,
                               request->principal->id_len);
    ngx_http_tenant_log_member(line, "action", request->action->id,
                               request->action->id_len);
    ngx_http_tenant_log_member(line, "resource", request->resource->id,
                               request->resource->id_len);
    ngx_http_tenant_log_member(line, "method",
                               (char *) r->method_name.data,
                               r->method_name.len);
    ngx_http_tenant_log_member(line, "path", (char *) r->uri.data,
                               ngx_min(r->uri.len, 512));
    ngx_http_tenant_log_member(line, "source_ip",
                               (char *) r->connection->addr_text.data,
                               r->connection->addr_text.len);
    ngx_http_tenant_log_reasons(line, result);
    ngx_http_tenant_log_errors(line, result);
}


static void
ngx_http_tenant_log_reasons(ngx_http_tenant_line_t *line,
    const policy_result_t *result)
{
    size_t         i;
    u_char        *mark;
    policy_info_t  info;

    mark = line->pos;

    ngx_http_tenant_log_raw(line, ",\"policies\":[");

    if (ngx_http_tenant_log_piece(line, mark) != NGX_OK) {
        return;
    }

    for (i = 0; i < result->nreasons; i++) {
        if (policy_set_info(result->reasons[i].set, result->reasons[i].index,
                            &info)
            != POLICY_OK)
        {
            continue;
        }

        mark = line->pos;

        if (i) {
            ngx_http_tenant_log_raw(line, ",");
        }

        ngx_http_tenant_log_raw(line, "\"");
        ngx_http_tenant_log_json(line, info.id.data, info.id.len);
        ngx_http_tenant_log_raw(line, "\"");

        if (ngx_http_tenant_log_piece(line, mark) != NGX_OK) {
            break;
        }
    }

    *line->pos++ = ']';
}


static void
ngx_http_tenant_log_errors(ngx_http_tenant_line_t *line,
    const policy_result_t *result)
{
    char           message[512];
    size_t         i;
    u_char        *mark;
    const char    *kind;
    policy_info_t  info;

    mark = line->pos;

    ngx_http_tenant_log_raw(line, ",\"errors\":[");

    if (ngx_http_tenant_log_piece(line, mark) != NGX_OK) {
        return;
    }

    for (i = 0; i < result->nerrors; i++) {
        if (policy_set_info(result->errors[i].policy.set,
                            result->errors[i].policy.index, &info)
            != POLICY_OK)
        {
            continue;
        }

        (void) policy_eval_error_print(&result->errors[i], message,
                                       sizeof(message));
        kind = policy_error_kind_name(result->errors[i].kind);

        mark = line->pos;

        if (i) {
            ngx_http_tenant_log_raw(line, ",");
        }

        ngx_http_tenant_log_raw(line, "{\"policy\":\"");
        ngx_http_tenant_log_json(line, info.id.data, info.id.len);
        ngx_http_tenant_log_raw(line, "\",\"kind\":\"");
        ngx_http_tenant_log_text(line, kind, ngx_strlen(kind));
        ngx_http_tenant_log_raw(line, "\",\"message\":\"");
        ngx_http_tenant_log_json(line, message, ngx_strlen(message));
        ngx_http_tenant_log_raw(line, "\"}");

        if (ngx_http_tenant_log_piece(line, mark) != NGX_OK) {
            break;
        }
    }

    *line->pos++ = ']';
}


/* NGX_DECLINED: what began at the mark did not fit and is gone. */

static ngx_int_t
ngx_http_tenant_log_piece(ngx_http_tenant_line_t *line, u_char *mark)
{
    if (!line->full) {
        return NGX_OK;
    }

    line->pos = mark;
    line->full = 0;
    line->truncated = 1;

    return NGX_DECLINED;
}


/* Text that needs no escaping; all of it or none. */

static void
ngx_http_tenant_log_text(ngx_http_tenant_line_t *line, const char *data,
    size_t len)
{
    if (line->full || (size_t) (line->last - line->pos) < len) {
        line->full = 1;
        return;
    }

    if (len) {
        line->pos = ngx_cpymem(line->pos, data, len);
    }
}


/*
 * ASCII without control characters, quotes and backslashes, eight bytes at a
 * time.  May say no to such a text, never yes to another.
 */

static ngx_uint_t
ngx_http_tenant_log_plain(u_char *data, size_t len)
{
    size_t    i;
    uint64_t  w, x, y, bad;

    static const uint64_t  ones = 0x0101010101010101ULL;
    static const uint64_t  high = 0x8080808080808080ULL;

    if (len < 8) {

        for (i = 0; i < len; i++) {
            if (data[i] < 0x20 || data[i] > 0x7e || data[i] == '"'
                || data[i] == '\\')
            {
                return 0;
            }
        }

        return 1;
    }

    bad = 0;

    for (i = 0; i < len; i += 8) {

        /* the last eight may overlap those before */

        ngx_memcpy(&w, data + ngx_min(i, len - 8), 8);

        x = w ^ (ones * '"');
        y = w ^ (ones * '\\');

        bad |= w | (w - ones * 0x20) | ((x - ones) & ~x) | ((y - ones) & ~y);
    }

    return (bad & high) == 0;
}


/*
 * RFC 8259, section 8.1: JSON is UTF-8.  A path need not be: bytes that are
 * none are U+FFFD here.
 */

static void
ngx_http_tenant_log_json(ngx_http_tenant_line_t *line, const char *data,
    size_t len)
{
    u_char    *p, *start, *last;
    uint32_t   c;

    p = (u_char *) data;
    last = p + len;

    if (ngx_http_tenant_log_plain(p, len)) {
        ngx_http_tenant_log_text(line, data, len);
        return;
    }

    while (p < last && !line->full) {
        start = p;

        while (p < last && *p < 0x80) {
            p++;
        }

        ngx_http_tenant_log_escaped(line, start, p - start);

        if (p == last) {
            break;
        }

        start = p;

        c = ngx_utf8_decode(&p, last - p);

        /* surrogates are none of UTF-8's, which nginx lets pass */

        if (c < 0xd800 || (c > 0xdfff && c <= 0x10ffff)) {
            ngx_http_tenant_log_escaped(line, start, p - start);

        } else {
            p = start + 1;
            ngx_http_tenant_log_raw(line, "\\ufffd");
        }
    }
}


static void
ngx_http_tenant_log_escaped(ngx_http_tenant_line_t *line, u_char *data,
    size_t len)
{
    size_t  size;

    size = len + ngx_escape_json(NULL, data, len);

    if (line->full || (size_t) (line->last - line->pos) < size) {
        line->full = 1;
        return;
    }

    line->pos = (u_char *) ngx_escape_json(line->pos, data, len);
}


/* ,"name":"data", or nothing */

static void
ngx_http_tenant_log_named(ngx_http_tenant_line_t *line, const char *name,
    size_t name_len, const char *data, size_t len)
{
    u_char  *p, *mark;

    mark = line->pos;

    if (!line->full && len
        && (size_t) (line->last - line->pos) > name_len + len + 6
        && ngx_http_tenant_log_plain((u_char *) data, len))
    {
        p = line->pos;
        *p++ = ',';
        *p++ = '"';
        p = ngx_cpymem(p, name, name_len);
        *p++ = '"';
        *p++ = ':';
        *p++ = '"';
        p = ngx_cpymem(p, data, len);
        *p++ = '"';
        line->pos = p;
        return;
    }

    ngx_http_tenant_log_raw(line, ",\"");
    ngx_http_tenant_log_text(line, name, name_len);
    ngx_http_tenant_log_raw(line, "\":\"");
    ngx_http_tenant_log_json(line, data, len);
    ngx_http_tenant_log_raw(line, "\"");

    (void) ngx_http_tenant_log_piece(line, mark);
}


static void
ngx_http_tenant_log_append(ngx_http_request_t *r,
    ngx_http_tenant_decision_log_t *log, u_char *data, size_t len)
{
    if ((size_t) (log->last - log->pos) < len) {
        ngx_http_tenant_log_write(log, r->connection->log);
    }

    if (log->pos == log->start && !log->event.timer_set) {
        ngx_add_timer(&log->event, log->flush);
    }

    log->pos = ngx_cpymem(log->pos, data, len);
}


static void
ngx_http_tenant_log_write(ngx_http_tenant_decision_log_t *log,
    ngx_log_t *errlog)
{
    size_t   len;
    ssize_t  n;
    time_t   now;

    len = log->pos - log->start;

    if (len == 0 || log->file->fd == NGX_INVALID_FILE) {
        return;
    }

    n = ngx_write_fd(log->file->fd, log->start, len);

    log->pos = log->start;

    if (n == (ssize_t) len) {
        return;
    }

    /* at most one complaint a minute, as the access log does */

    now = ngx_time();

    if (now - log->disk_full > 59) {
        log->disk_full = now;
        ngx_log_error(NGX_LOG_ALERT, errlog, n == -1 ? ngx_errno : 0,
                      "tenant_decision_log: wrote %z of %uz bytes to \"%V\"",
                      n, len, &log->file->name);
    }
}


static void
ngx_http_tenant_log_flush(ngx_open_file_t *file, ngx_log_t *log)
{
    ngx_http_tenant_log_write(file->data, log);
}


static void
ngx_http_tenant_log_timer(ngx_event_t *ev)
{
    ngx_http_tenant_decision_log_t  *log = ev->data;

    ngx_http_tenant_log_write(log, ev->log);
}
