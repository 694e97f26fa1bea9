# HTTP/1.1 as clients really send it: pipelining, bodies in pieces, Expect,
# and clients that go away.

use Test::Nginx::Socket;
use Tenant::Fixtures;
use Tenant::Upstream ();

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};

our $Agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    my ($id) = map { $_->[1] } grep { lc $_->[0] eq 'x-tenant-id' }
                               @{ $request->{headers} };
    return "$request->{method} $request->{path} for " . ($id // 'nobody')
           . ': ' . length($request->{body} // '');
});
$ENV{TEST_NGINX_AGENT_PORT} = $Agent->port;

our $Acme = bearer();
our $Globex = bearer(key => 'shared_rs256', tenant => 'globex');
our $Expired = bearer(exp_in => -1);
our $None = "X-Nothing: 1\n";
our $Line = $Acme =~ s/\n/\r\n/r;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    client_body_buffer_size 1k;
CONF
    $block->set_value(config => <<'CONF' . ($block->config // ''));
    location /t {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
CONF
});

plan tests => repeat_each() * 56;
run_tests();

__DATA__

=== requests on one connection are each their own caller's
--- pipelined_requests eval
['GET /t/1', 'GET /t/2', 'GET /t/3', 'GET /t/4', 'GET /t/5', 'GET /t/6']
--- more_headers eval
[$main::Acme, $main::Globex, $main::None, $main::Expired, $main::Globex,
 $main::Acme . "X-Tenant-Id: globex\n"]
--- error_code eval: [200, 200, 401, 401, 200, 200]
--- response_body_like eval
['\AGET /t/1 for acme: 0\z', '\AGET /t/2 for globex: 0\z', 'no-token',
 'invalid-token', '\AGET /t/5 for globex: 0\z', '\AGET /t/6 for acme: 0\z']
--- no_error_log
[error]


=== a refused request's body is not taken for the next request
--- raw_request eval
"POST /t/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 48\r\n\r\n"
. "GET /t/smuggled HTTP/1.1\r\nHost: x\r\nX-Y: zzzzzz\r\n"
. "GET /t/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n$main::Line\r\n"
--- error_code: 401
--- response_body_like: ^\{"type":"urn:ngx-tenant:problem:no-token"
--- no_error_log
[error]
smuggled


=== a body of known length reaches the agent
--- request eval: "POST /t\n" . 'x' x 3000
--- more_headers eval: $main::Acme
--- response_body chomp
POST /t for acme: 3000
--- no_error_log
[error]


=== a chunked body reaches the agent
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n$main::Line"
. "Transfer-Encoding: chunked\r\n\r\n"
. "5\r\nhello\r\n" . "1000\r\n" . 'x' x 4096 . "\r\n0\r\n\r\n"
--- response_body chomp
POST /t for acme: 4101
--- no_error_log
[error]


=== a chunked body of a refused request is read to its end
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
. "Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body_like: no-token
--- error_log
tenant refused (no-token)
--- no_error_log
[error]


=== a body in slow pieces is waited for
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
 "${main::Line}Content-Length: 10\r\n\r\n", "01234", "56789"]
--- raw_request_middle_delay: 0.1
--- response_body chomp
POST /t for acme: 10
--- no_error_log
[error]


=== Expect: 100-continue of a good request is met, then its body sent on
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${main::Line}"
 . "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"]
--- raw_request_middle_delay: 0.1
--- error_code: 100
--- error_log
http proxy status 200
--- no_error_log
[error]
[warn]


=== a refused request with Expect goes nowhere
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
 . "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"]
--- raw_request_middle_delay: 0.1
--- error_code: 100
--- error_log
tenant refused (no-token)
--- no_error_log
[error]
http proxy status


=== a client that leaves in the middle of its body leaves nothing behind
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\n${main::Line}Content-Length: 500\r\n\r\nhalf"
--- shutdown: 2
--- abort
--- ignore_response
--- wait: 0.2
--- no_error_log
[error]
[alert]


=== a client that leaves in the middle of its header leaves nothing behind
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer eyJ"
--- shutdown: 2
--- abort
--- ignore_response
--- wait: 0.1
--- no_error_log
[error]
[alert]


=== a body that nginx finds too large is refused by nginx, token or not
--- config
    location /t/small {
        tenant_auth on;
        client_max_body_size 10;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request eval: [("POST /t/small\n" . 'x' x 11) x 2]
--- more_headers eval: [$main::Acme, $main::None]
--- error_code eval: [413, 413]
--- no_error_log
tenant refused


=== a conflict of two lengths goes nowhere
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${main::Line}"
. "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
--- error_code: 400
--- response_body_like: 400 Bad Request
--- no_error_log
[alert]
