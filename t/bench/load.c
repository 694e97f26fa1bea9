/*
 * The load of scripts/bench: a fixed number of GET requests over a fixed
 * number of connections, one outstanding on each, with bearer tokens taken
 * in turn.  It ends as soon as something is not the answer it should be, so
 * that no figure is of refusals.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define CONNECTIONS_MAX  1024
#define TOKENS_MAX       (1024 * 1024)
#define LINE_LEN_MAX     65536      /* bytes of a token */
#define ANSWER_MAX       16384      /* bytes, headers and body */
#define SILENCE          10000      /* milliseconds until a hang is one */


/* The bytes of one request, sent as often as its turn comes. */
typedef struct {
    char    *data;
    size_t   len;
} request_t;


typedef struct {
    int               fd;
    uint64_t          since;        /* when the request was sent, ns */
    const request_t  *request;
    size_t            sent;
    size_t            got;
    char              answer[ANSWER_MAX + 1];
} connection_t;


typedef struct {
    request_t     *requests;
    size_t         nrequests;
    uint64_t       total;
    uint64_t       started;
    uint64_t       done;
    uint32_t      *latency;         /* one for each request done, ns */
    connection_t  *connections;
    unsigned       nconnections;
    int            epoll;
} load_t;


_Noreturn static void
fail(const char *what, const char *detail)
{
    fprintf(stderr, "bench-load: %s%s%s\n", what, *detail ? ": " : "",
            detail);
    exit(1);
}


static uint64_t
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


static void
add_request(load_t *load, const char *path, const char *token)
{
    int         len;
    request_t  *request;

    if (load->nrequests == TOKENS_MAX) {
        fail("too many tokens", "");
    }

    load->requests = realloc(load->requests,
                             (load->nrequests + 1) * sizeof(request_t));
    if (load->requests == NULL) {
        fail("no memory", "");
    }

    request = &load->requests[load->nrequests++];

    len = asprintf(&request->data,
                   "GET %s HTTP/1.1\r\n"
                   "Host: localhost\r\n"
                   "User-Agent: bench-load\r\n"
                   "Accept: application/json\r\n"
                   "Authorization: Bearer %s\r\n"
                   "\r\n", path, token);
    if (len < 0) {
        fail("no memory", "");
    }

    request->len = (size_t) len;
}


/* A token a line. */
static void
read_tokens(load_t *load, const char *path, const char *name)
{
    FILE  *file;
    char  *line;

    file = fopen(name, "r");
    if (file == NULL) {
        fail(name, strerror(errno));
    }

    line = malloc(LINE_LEN_MAX);
    if (line == NULL) {
        fail("no memory", "");
    }

    while (fgets(line, LINE_LEN_MAX, file)) {
        line[strcspn(line, "\r\n")] = '\0';

        if (*line) {
            add_request(load, path, line);
        }
    }

    free(line);
    fclose(file);

    if (load->nrequests == 0) {
        fail(name, "no tokens in it");
    }
}


static void
open_connection(load_t *load, connection_t *c, uint16_t port)
{
    int                 on = 1;
    struct sockaddr_in  addr = { .sin_family = AF_INET,
                                 .sin_port = htons(port) };
    struct epoll_event  event = { .events = EPOLLIN, .data.ptr = c };

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &addr, sizeof(addr)) == -1
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) == -1)
    {
        fail("connect", strerror(errno));
    }
}


/* The socket blocks, and a request always fits into its buffer. */
static void
send_request(load_t *load, connection_t *c)
{
    ssize_t  n;

    c->request = &load->requests[load->started++ % load->nrequests];
    c->got = 0;
    c->since = now();

    for (c->sent = 0; c->sent < c->request->len; c->sent += (size_t) n) {
        n = send(c->fd, c->request->data + c->sent,
                 c->request->len - c->sent, MSG_NOSIGNAL);

        if (n == -1) {
            fail("send", strerror(errno));
        }
    }
}


/* True when the whole answer is there; it has to be a 200 with a length. */
static bool
answered(connection_t *c)
{
    char                *body, *field, *end;
    size_t               head;
    unsigned long        len;
    static const char    ok[] = "HTTP/1.1 200 ";
    static const char    length[] = "\r\nContent-Length:";

    c->answer[c->got] = '\0';
    body = strstr(c->answer, "\r\n\r\n");

    if (body == NULL) {
        return false;
    }

    if (strncmp(c->answer, ok, sizeof(ok) - 1) != 0) {
        c->answer[strcspn(c->answer, "\r\n")] = '\0';
        fail("not what was expected", c->answer);
    }

    field = strcasestr(c->answer, length);

    if (field == NULL || field > body) {
        fail("answer without Content-Length", "");
    }

    len = strtoul(field + sizeof(length) - 1, &end, 10);
    head = (size_t) (body + 4 - c->answer);

    if (*end != '\r' || len > ANSWER_MAX || c->got > head + len) {
        fail("answer of another length than announced", "");
    }

    return c->got == head + len;
}


static void
receive(load_t *load, connection_t *c)
{
    ssize_t   n;
    uint64_t  took;

    n = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got, MSG_DONTWAIT);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        fail("connection lost", n == 0 ? "closed" : strerror(errno));
    }

    c->got += (size_t) n;

    if (!answered(c)) {
        if (c->got == ANSWER_MAX) {
            fail("answer too long", "");
        }

        return;
    }

    took = now() - c->since;
    load->latency[load->done++] = took > UINT32_MAX ? UINT32_MAX
                                                    : (uint32_t) took;

    if (load->started < load->total) {
        send_request(load, c);
    }
}


static void
run(load_t *load)
{
    int                 i, n;
    unsigned            k;
    struct epoll_event  events[64];

    for (k = 0; k < load->nconnections && load->started < load->total; k++) {
        send_request(load, &load->connections[k]);
    }

    while (load->done < load->total) {
        n = epoll_wait(load->epoll, events, 64, SILENCE);

        if (n == 0) {
            fail("no answer", "");
        }

        if (n == -1 && errno != EINTR) {
            fail("epoll_wait", strerror(errno));
        }

        for (i = 0; i < n; i++) {
            receive(load, events[i].data.ptr);
        }
    }
}


static int
by_value(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


/* A number of at most max, or the end of the program. */
static uint64_t
number(const char *name, const char *text, uint64_t max)
{
    char                *end;
    unsigned long long   n;

    errno = 0;
    n = strtoull(text, &end, 10);

    if (errno || *text < '0' || *text > '9' || *end || n == 0 || n > max) {
        fail(name, text);
    }

    return n;
}


int
main(int argc, char **argv)
{
    double    seconds;
    load_t    load = { 0 };
    uint16_t  port;
    unsigned  k;
    uint64_t  start;

    if (argc != 6) {
        fail("usage", "bench-load PORT CONNECTIONS REQUESTS PATH TOKENFILE");
    }

    port = (uint16_t) number("port", argv[1], UINT16_MAX);
    load.nconnections = (unsigned) number("connections", argv[2],
                                          CONNECTIONS_MAX);
    load.total = number("requests", argv[3], 100000000);
    read_tokens(&load, argv[4], argv[5]);

    load.latency = malloc(load.total * sizeof(uint32_t));
    load.connections = calloc(load.nconnections, sizeof(connection_t));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);

    if (load.latency == NULL || load.connections == NULL || load.epoll == -1)
    {
        fail("no memory", "");
    }

    for (k = 0; k < load.nconnections; k++) {
        open_connection(&load, &load.connections[k], port);
    }

    start = now();
    run(&load);
    seconds = (double) (now() - start) / 1e9;

    qsort(load.latency, load.total, sizeof(uint32_t), by_value);

    printf("requests=%llu seconds=%.6f rps=%.1f p50_us=%.1f p99_us=%.1f\n",
           (unsigned long long) load.done, seconds,
           (double) load.done / seconds,
           load.latency[load.total / 2] / 1e3,
           load.latency[load.total * 99 / 100] / 1e3);

    return 0;
}
