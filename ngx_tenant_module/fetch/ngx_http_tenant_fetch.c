#include "ngx_http_tenant_fetch.h"

#include <curl/curl.h>
#include <openssl/err.h>


/* A worker's libcurl. */
typedef struct {
    CURLM                         *multi;
    ngx_event_t                    timer;
    ngx_queue_t                    connections;
    ngx_queue_t                    fetches;
    ngx_log_t                     *log;
    ngx_http_tenant_main_conf_t   *tmcf;
    unsigned                       exiting:1;
} ngx_http_tenant_curl_t;


/* A socket of libcurl's in the event loop. */
typedef struct {
    ngx_queue_t                    queue;
    ngx_connection_t              *connection;
    ngx_http_tenant_curl_t        *curl;
} ngx_http_tenant_socket_t;


struct ngx_http_tenant_fetch_s {
    ngx_queue_t                    queue;
    ngx_http_tenant_curl_t        *curl;
    CURL                          *easy;
    struct curl_slist             *headers;
    ngx_http_tenant_fetch_pt       handler;
    void                          *data;
    ngx_str_t                      post;        /* may hold secrets */
    u_char                        *body;
    size_t                         len;
    size_t                         size;
    size_t                         max_size;
    time_t                         max_age;
    unsigned                       too_large:1;
    unsigned                       refused:1;   /* a private address */
    unsigned                       cancelled:1;
    unsigned                       trusted:1;
    char                           error[CURL_ERROR_SIZE];
};


static ngx_int_t ngx_http_tenant_fetch_setup(ngx_http_tenant_fetch_t *fetch,
    ngx_http_tenant_fetch_conf_t *conf);
static ngx_int_t ngx_http_tenant_fetch_lines(ngx_http_tenant_fetch_t *fetch,
    ngx_http_tenant_fetch_conf_t *conf);
static ngx_int_t ngx_http_tenant_fetch_basic(ngx_http_tenant_fetch_t *fetch,
    ngx_str_t *userpwd);
static ngx_int_t ngx_http_tenant_fetch_line(ngx_http_tenant_fetch_t *fetch,
    const char *line);
static void ngx_http_tenant_fetch_free(ngx_http_tenant_fetch_t *fetch);
static size_t ngx_http_tenant_fetch_write(char *data, size_t size, size_t n,
    void *userdata);
static size_t ngx_http_tenant_fetch_header(char *data, size_t size, size_t n,
    void *userdata);
static ngx_uint_t ngx_http_tenant_fetch_json(CURL *easy);
static curl_socket_t ngx_http_tenant_fetch_opensocket(void *clientp,
    curlsocktype purpose, struct curl_sockaddr *address);
static int ngx_http_tenant_curl_socket(CURL *easy, curl_socket_t fd,
    int what, void *userp, void *socketp);
static int ngx_http_tenant_curl_timer(CURLM *multi, long ms, void *userp);
static void ngx_http_tenant_curl_read(ngx_event_t *ev);
static void ngx_http_tenant_curl_write(ngx_event_t *ev);
static void ngx_http_tenant_curl_timeout(ngx_event_t *ev);
static void ngx_http_tenant_curl_act(ngx_http_tenant_curl_t *curl,
    curl_socket_t fd, int what);
static void ngx_http_tenant_curl_done(ngx_http_tenant_curl_t *curl);
static void ngx_http_tenant_socket_drop(ngx_http_tenant_socket_t *s,
    ngx_uint_t flags);


ngx_http_tenant_fetch_t *
ngx_http_tenant_fetch_start(ngx_http_tenant_main_conf_t *tmcf,
    ngx_http_tenant_fetch_conf_t *conf)
{
    ngx_http_tenant_curl_t   *curl;
    ngx_http_tenant_fetch_t  *fetch;

    curl = tmcf->curl;

    fetch = ngx_calloc(sizeof(ngx_http_tenant_fetch_t), curl->log);
    if (fetch == NULL) {
        return NULL;
    }

    fetch->curl = curl;
    fetch->handler = conf->handler;
    fetch->data = conf->data;
    fetch->max_size = conf->max_size;
    fetch->max_age = -1;
    fetch->trusted = conf->trusted;

    ngx_queue_insert_tail(&curl->fetches, &fetch->queue);

    fetch->easy = curl_easy_init();

    if (fetch->easy == NULL
        || ngx_http_tenant_fetch_setup(fetch, conf) != NGX_OK
        || curl_multi_add_handle(curl->multi, fetch->easy) != CURLM_OK)
    {
        ngx_log_error(NGX_LOG_ERR, curl->log, 0,
                      "tenant: cannot start the request for \"%V\"",
                      &conf->url);
        ngx_http_tenant_fetch_free(fetch);
        return NULL;
    }

    return fetch;
}


static ngx_int_t
ngx_http_tenant_fetch_setup(ngx_http_tenant_fetch_t *fetch,
    ngx_http_tenant_fetch_conf_t *conf)
{
    char                         *url;
    CURL                         *easy;
    CURLcode                      rc;
    ngx_http_tenant_main_conf_t  *tmcf;

    easy = fetch->easy;
    tmcf = fetch->curl->tmcf;
    rc = CURLE_OK;

    url = ngx_alloc(conf->url.len + 1, fetch->curl->log);
    if (url == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) url, conf->url.data, conf->url.len + 1);

    rc |= curl_easy_setopt(easy, CURLOPT_URL, url);
    ngx_free(url);

    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                           ngx_http_tenant_fetch_write);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION,
                           ngx_http_tenant_fetch_header);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    rc |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION,
                           ngx_http_tenant_fetch_opensocket);
    rc |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);

    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                           tmcf->fetch_plain || conf->trusted
                           ? "https,http" : "https");
    rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                           (long) (conf->timeout ? conf->timeout
                                                 : tmcf->fetch_timeout));
    rc |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                           (curl_off_t) conf->max_size);
    rc |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "ngx_tenant_module");
    rc |= curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);

    /* without it the end of a worker waits for the resolver's thread */

    rc |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);

    /* a directory is read as needed: the whole bundle takes 25 to 50 ms */

    if (tmcf->fetch_ca.len) {
        rc |= curl_easy_setopt(easy, tmcf->fetch_ca_dir ? CURLOPT_CAPATH
                                                        : CURLOPT_CAINFO,
                               tmcf->fetch_ca.data);
        rc |= curl_easy_setopt(easy, tmcf->fetch_ca_dir ? CURLOPT_CAINFO
                                                        : CURLOPT_CAPATH,
                               NULL);

    } else {
        rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
        rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    }

    if (conf->post.data) {
        fetch->post.data = ngx_alloc(conf->post.len + 1, fetch->curl->log);
        if (fetch->post.data == NULL) {
            return NGX_ERROR;
        }

        fetch->post.len = conf->post.len;
        ngx_memcpy(fetch->post.data, conf->post.data, conf->post.len);

        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) fetch->post.len);
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, fetch->post.data);
    }

    if (ngx_http_tenant_fetch_lines(fetch, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    rc |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers);

    return rc == CURLE_OK ? NGX_OK : NGX_ERROR;
}


/* The header; libcurl borrows the list. */

static ngx_int_t
ngx_http_tenant_fetch_lines(ngx_http_tenant_fetch_t *fetch,
    ngx_http_tenant_fetch_conf_t *conf)
{
    char         type[128];
    ngx_str_t   *line;
    ngx_uint_t   i;

    if (ngx_http_tenant_fetch_line(fetch, "Accept: application/json")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->post.data) {
        *ngx_snprintf((u_char *) type, sizeof(type) - 1, "Content-Type: %s",
                      conf->type) = '\0';

        /* a long text does not wait for "100 Continue" */

        if (ngx_http_tenant_fetch_line(fetch, type) != NGX_OK
            || ngx_http_tenant_fetch_line(fetch, "Expect:") != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; conf->headers && i < conf->headers->nelts; i++) {
        line = (ngx_str_t *) conf->headers->elts + i;

        if (ngx_http_tenant_fetch_line(fetch, (char *) line->data) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return conf->userpwd.data
           ? ngx_http_tenant_fetch_basic(fetch, &conf->userpwd) : NGX_OK;
}


/*
 * Not as CURLOPT_USERPWD: libcurl keeps copies of that with the connection,
 * and does not wipe them.
 */

static ngx_int_t
ngx_http_tenant_fetch_basic(ngx_http_tenant_fetch_t *fetch,
    ngx_str_t *userpwd)
{
    u_char     *p, *line;
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t   encoded;

    static const char  name[] = "Authorization: Basic ";

    len = sizeof(name) + ngx_base64_encoded_length(userpwd->len);

    line = ngx_alloc(len, fetch->curl->log);
    if (line == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(line, name, sizeof(name) - 1);
    encoded.data = p;

    ngx_encode_base64(&encoded, userpwd);
    p[encoded.len] = '\0';

    rc = ngx_http_tenant_fetch_line(fetch, (char *) line);

    ngx_explicit_memzero(line, len);
    ngx_free(line);

    return rc;
}


static ngx_int_t
ngx_http_tenant_fetch_line(ngx_http_tenant_fetch_t *fetch, const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(fetch->headers, line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    fetch->headers = list;

    return NGX_OK;
}


void
ngx_http_tenant_fetch_cancel(ngx_http_tenant_fetch_t *fetch)
{
    /* libcurl may be calling right now: it is dropped when that is over */

    fetch->cancelled = 1;
    fetch->handler = NULL;

    if (!fetch->curl->timer.timer_set) {
        ngx_add_timer(&fetch->curl->timer, 1);
    }
}


static void
ngx_http_tenant_fetch_free(ngx_http_tenant_fetch_t *fetch)
{
    struct curl_slist  *line;

    ngx_queue_remove(&fetch->queue);

    if (fetch->easy) {
        (void) curl_multi_remove_handle(fetch->curl->multi, fetch->easy);
        curl_easy_cleanup(fetch->easy);
    }

    /* credentials, signatures */

    for (line = fetch->headers; line; line = line->next) {
        ngx_explicit_memzero(line->data, ngx_strlen(line->data));
    }

    curl_slist_free_all(fetch->headers);

    if (fetch->post.data) {
        ngx_explicit_memzero(fetch->post.data, fetch->post.len);
        ngx_free(fetch->post.data);
    }

    if (fetch->body) {
        ngx_free(fetch->body);
    }

    ngx_free(fetch);
}


static size_t
ngx_http_tenant_fetch_write(char *data, size_t size, size_t n,
    void *userdata)
{
    ngx_http_tenant_fetch_t  *fetch = userdata;

    u_char  *p;
    size_t   len, grown;

    len = size * n;

    if (fetch->max_size == 0) {
        return len;
    }

    /* MAXFILESIZE knows only what Content-Length says */

    if (len > fetch->max_size - fetch->len) {
        fetch->too_large = 1;
        return 0;
    }

    if (fetch->len + len > fetch->size) {
        grown = ngx_max(fetch->size * 2, fetch->len + len);
        grown = ngx_min(ngx_max(grown, 4096), fetch->max_size);

        p = ngx_alloc(grown, fetch->curl->log);
        if (p == NULL) {
            return 0;
        }

        if (fetch->body) {
            ngx_memcpy(p, fetch->body, fetch->len);
            ngx_free(fetch->body);
        }

        fetch->body = p;
        fetch->size = grown;
    }

    ngx_memcpy(fetch->body + fetch->len, data, len);
    fetch->len += len;

    return len;
}


/* RFC 9111, section 5.2.2: the directives that say how long */

static size_t
ngx_http_tenant_fetch_header(char *data, size_t size, size_t n,
    void *userdata)
{
    ngx_http_tenant_fetch_t  *fetch = userdata;

    u_char     *p, *last, *q;
    size_t      len;
    ngx_int_t   age;

    len = size * n;
    p = (u_char *) data;
    last = p + len;

    if (len < sizeof("cache-control:") - 1
        || ngx_strncasecmp(p, (u_char *) "cache-control:",
                           sizeof("cache-control:") - 1)
           != 0)
    {
        return len;
    }

    p += sizeof("cache-control:") - 1;

    if (ngx_strlcasestrn(p, last, (u_char *) "no-store", 8 - 1)
        || ngx_strlcasestrn(p, last, (u_char *) "no-cache", 8 - 1))
    {
        fetch->max_age = 0;
        return len;
    }

    p = ngx_strlcasestrn(p, last, (u_char *) "max-age=", 8 - 1);
    if (p == NULL) {
        return len;
    }

    p += 8;

    if (p < last && *p == '"') {
        p++;
    }

    for (q = p; q < last && *q >= '0' && *q <= '9'; q++) { /* void */ }

    age = ngx_atoi(p, q - p);

    if (age != NGX_ERROR) {
        fetch->max_age = age;
    }

    return len;
}


/* RFC 9110, section 8.3.1: any case, and parameters may follow. */

static ngx_uint_t
ngx_http_tenant_fetch_json(CURL *easy)
{
    char    *type;
    size_t   len;

    static const char  json[] = "application/json";

    type = NULL;
    len = sizeof(json) - 1;

    if (curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK
        || type == NULL
        || ngx_strncasecmp((u_char *) type, (u_char *) json, len) != 0)
    {
        return 0;
    }

    return type[len] == '\0' || type[len] == ';' || type[len] == ' '
           || type[len] == '\t';
}


/*
 * The check stands where the connection is made: a name can resolve to
 * anything, and to something else at each time.
 */

static curl_socket_t
ngx_http_tenant_fetch_opensocket(void *clientp, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    ngx_http_tenant_fetch_t  *fetch = clientp;

    ngx_array_t  *allow;

    allow = fetch->curl->tmcf->fetch_allow;

    if (!fetch->trusted && ngx_http_tenant_fetch_private(&address->addr)
        && (allow == NULL
            || ngx_cidr_match(&address->addr, allow) != NGX_OK))
    {
        fetch->refused = 1;
        return CURL_SOCKET_BAD;
    }

    return socket(address->family, address->socktype|SOCK_CLOEXEC,
                  address->protocol);
}


static int
ngx_http_tenant_curl_socket(CURL *easy, curl_socket_t fd, int what,
    void *userp, void *socketp)
{
    ngx_http_tenant_curl_t    *curl = userp;
    ngx_http_tenant_socket_t  *s = socketp;

    ngx_connection_t  *c;

    if (curl->exiting) {
        return 0;
    }

    if (what == CURL_POLL_REMOVE) {
        if (s) {
            (void) curl_multi_assign(curl->multi, fd, NULL);
            ngx_http_tenant_socket_drop(s, 0);
        }

        return 0;
    }

    if (s == NULL) {
        s = ngx_calloc(sizeof(ngx_http_tenant_socket_t), curl->log);
        if (s == NULL) {
            return -1;
        }

        c = ngx_get_connection(fd, curl->log);
        if (c == NULL) {
            ngx_free(s);
            return -1;
        }

        c->data = s;
        c->read->handler = ngx_http_tenant_curl_read;
        c->write->handler = ngx_http_tenant_curl_write;
        c->read->log = curl->log;
        c->write->log = curl->log;

        s->connection = c;
        s->curl = curl;

        ngx_queue_insert_tail(&curl->connections, &s->queue);
        (void) curl_multi_assign(curl->multi, fd, s);
    }

    c = s->connection;

    if ((what & CURL_POLL_IN) && !c->read->active) {
        if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT)
            != NGX_OK)
        {
            return -1;
        }

    } else if (!(what & CURL_POLL_IN) && c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    if ((what & CURL_POLL_OUT) && !c->write->active) {
        if (ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT)
            != NGX_OK)
        {
            return -1;
        }

    } else if (!(what & CURL_POLL_OUT) && c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    return 0;
}


static void
ngx_http_tenant_socket_drop(ngx_http_tenant_socket_t *s, ngx_uint_t flags)
{
    ngx_connection_t  *c;

    c = s->connection;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    /* the descriptor is libcurl's to close; -1 makes late events stale */

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    ngx_queue_remove(&s->queue);
    ngx_free(s);
}


static int
ngx_http_tenant_curl_timer(CURLM *multi, long ms, void *userp)
{
    ngx_http_tenant_curl_t  *curl = userp;

    if (curl->exiting) {
        return 0;
    }

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }

    if (ms >= 0) {

        /* never from in here: libcurl does not want to be called back */

        ngx_add_timer(&curl->timer, ms ? ms : 1);
    }

    return 0;
}


static void
ngx_http_tenant_curl_read(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_tenant_socket_t  *s;

    c = ev->data;
    s = c->data;

    ngx_http_tenant_curl_act(s->curl, c->fd, CURL_CSELECT_IN);
}


static void
ngx_http_tenant_curl_write(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_tenant_socket_t  *s;

    c = ev->data;
    s = c->data;

    ngx_http_tenant_curl_act(s->curl, c->fd, CURL_CSELECT_OUT);
}


static void
ngx_http_tenant_curl_timeout(ngx_event_t *ev)
{
    ngx_http_tenant_curl_act(ev->data, CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_http_tenant_curl_act(ngx_http_tenant_curl_t *curl, curl_socket_t fd,
    int what)
{
    int                       running;
    ngx_queue_t              *q, *next;
    ngx_http_tenant_fetch_t  *fetch;

    (void) curl_multi_socket_action(curl->multi, fd, what, &running);

    ngx_http_tenant_curl_done(curl);

    for (q = ngx_queue_head(&curl->fetches);
         q != ngx_queue_sentinel(&curl->fetches);
         q = next)
    {
        next = ngx_queue_next(q);
        fetch = ngx_queue_data(q, ngx_http_tenant_fetch_t, queue);

        if (fetch->cancelled) {
            ngx_http_tenant_fetch_free(fetch);
        }
    }

    /* nginx would take libcurl's leftovers for those of its next handshake */

    ERR_clear_error();
}


static void
ngx_http_tenant_curl_done(ngx_http_tenant_curl_t *curl)
{
    int                         left;
    long                        status;
    CURL                       *easy;
    CURLMsg                    *msg;
    CURLcode                    rc;
    ngx_http_tenant_fetch_t    *fetch;
    curl_off_t                  wait;
    ngx_http_tenant_answer_t    answer;

    while ((msg = curl_multi_info_read(curl->multi, &left)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        easy = msg->easy_handle;
        rc = msg->data.result;

        fetch = NULL;
        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &fetch);

        ngx_memzero(&answer, sizeof(ngx_http_tenant_answer_t));
        answer.max_age = fetch->max_age;

        wait = 0;
        (void) curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait);
        answer.retry_after = wait;

        if (rc == CURLE_OK) {
            status = 0;
            (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);

            answer.status = status;
            answer.body.data = fetch->body;
            answer.body.len = fetch->len;
            answer.json = ngx_http_tenant_fetch_json(easy);

            if (status < 200 || status > 299) {
                answer.error = "unexpected status";
            }

        } else if (fetch->refused) {
            answer.error = "the address is private and not allowed";

        } else if (fetch->too_large || rc == CURLE_FILESIZE_EXCEEDED) {
            answer.error = "the answer is too large";

        } else if (fetch->error[0]) {
            answer.error = fetch->error;

        } else {
            answer.error = curl_easy_strerror(rc);
        }

        if (fetch->handler) {
            fetch->handler(fetch->data, &answer);
        }

        ngx_http_tenant_fetch_free(fetch);
    }
}


ngx_int_t
ngx_http_tenant_fetch_init_process(ngx_cycle_t *cycle,
    ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_http_tenant_curl_t  *curl;

    curl = ngx_pcalloc(cycle->pool, sizeof(ngx_http_tenant_curl_t));
    if (curl == NULL) {
        return NGX_ERROR;
    }

    /* nginx has set up OpenSSL */

    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        return NGX_ERROR;
    }

    ngx_queue_init(&curl->connections);
    ngx_queue_init(&curl->fetches);

    curl->tmcf = tmcf;
    curl->log = cycle->log;
    curl->timer.handler = ngx_http_tenant_curl_timeout;
    curl->timer.data = curl;
    curl->timer.log = cycle->log;
    curl->timer.cancelable = 1;

    curl->multi = curl_multi_init();

    if (curl->multi == NULL) {
        return NGX_ERROR;
    }

    (void) curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_http_tenant_curl_socket);
    (void) curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    (void) curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION,
                             ngx_http_tenant_curl_timer);
    (void) curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    (void) curl_multi_setopt(curl->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                             64L);
    (void) curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, 32L);

    tmcf->curl = curl;

    return NGX_OK;
}


void
ngx_http_tenant_fetch_exit_process(ngx_http_tenant_main_conf_t *tmcf)
{
    ngx_queue_t               *q;
    ngx_http_tenant_curl_t    *curl;
    ngx_http_tenant_fetch_t   *fetch;
    ngx_http_tenant_socket_t  *s;

    curl = tmcf->curl;

    if (curl == NULL) {
        return;
    }

    curl->exiting = 1;

    /* before libcurl closes the descriptors under epoll's feet */

    while (!ngx_queue_empty(&curl->connections)) {
        q = ngx_queue_head(&curl->connections);
        s = ngx_queue_data(q, ngx_http_tenant_socket_t, queue);
        ngx_http_tenant_socket_drop(s, NGX_CLOSE_EVENT);
    }

    while (!ngx_queue_empty(&curl->fetches)) {
        q = ngx_queue_head(&curl->fetches);
        fetch = ngx_queue_data(q, ngx_http_tenant_fetch_t, queue);
        ngx_http_tenant_fetch_free(fetch);
    }

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }

    (void) curl_multi_cleanup(curl->multi);
    curl_global_cleanup();

    tmcf->curl = NULL;
}
