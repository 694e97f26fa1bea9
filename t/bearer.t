# How the token comes: the Authorization header of RFC 6750, section 2.1, and
# nothing else.

use Test::Nginx::Socket;
use Tenant::Fixtures;

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};

our $Token = token();
our @NoToken = ("X-Nothing: 1\n", "Authorization: Basic YTpi\n",
                "Authorization: $Token\n", "Authorization: Bearer$Token\n",
                "Authorization: Bearer:$Token\n", "Authorization: Bearer\n",
                "Authorization: \n", "Authorization: Bearer\t$Token\n",
                "Authorization: DPoP $Token\n",
                "Proxy-Authorization: Bearer $Token\n",
                "Cookie: access_token=$Token; Authorization=$Token\n",
                "X-Authorization: Bearer $Token\n",
                "X-Forwarded-Access-Token: $Token\n");
our @Spelt = map { "Authorization: $_$Token\n" }
                 'Bearer ', 'bearer ', 'BEARER ', 'bEaReR ', 'Bearer    ';
our @Garbage = map { "Authorization: Bearer $_\n" }
                   "$Token x", "$Token,$Token", "\"$Token\"", 'x', '.', '...',
                   "$Token\x7f", "$Token\xff", 'Bearer ' . $Token;

our @Methods = qw(GET POST PUT DELETE PATCH OPTIONS PROPFIND MADE-UP);

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    log_format reached 'reached';
CONF
    $block->set_value(config => <<'CONF' . ($block->config // ''));
    location /t {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent {
        access_log logs/error.log reached;
        return 200 "$http_x_tenant_id\n";
    }
CONF
});

plan tests => repeat_each() * (7 * (@NoToken + 2 * @Methods + @Garbage)
                               + 4 * (@Spelt + 2) + 7 + 4 * 6 + 2);
run_tests();

__DATA__

=== without a bearer token the challenge has no error code
--- request eval: [('GET /t') x @main::NoToken]
--- more_headers eval: \@main::NoToken
--- error_code eval: [(401) x @main::NoToken]
--- response_headers eval
[(qq{WWW-Authenticate: Bearer realm="tenant"\n}
  . "Content-Type: application/problem+json\n") x @main::NoToken]
--- response_body eval
[('{"type":"urn:ngx-tenant:problem:no-token","title":"Unauthorized",'
  . '"status":401,"detail":"a bearer token is needed"}' . "\n")
 x @main::NoToken]
--- error_log
tenant refused (no-token): a bearer token is needed, tenant: "-"
--- no_error_log
[error]
reached


=== the scheme is found in any case, with any number of spaces
--- request eval: [('GET /t') x @main::Spelt]
--- more_headers eval: \@main::Spelt
--- response_body eval: [("acme\n") x @main::Spelt]
--- no_error_log
[error]
[warn]


=== what is not one token is refused as one
--- request eval: [('GET /t') x @main::Garbage]
--- more_headers eval: \@main::Garbage
--- error_code eval: [(401) x @main::Garbage]
--- response_headers_like eval
[(qq{WWW-Authenticate: Bearer realm="tenant", error="invalid_token", }
  . qq{error_description=".+"\n}
  . "Content-Type: application/problem.json\n") x @main::Garbage]
--- response_body_like eval
[('\A\{"type":"urn:ngx-tenant:problem:invalid-token"') x @main::Garbage]
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== a scheme with nothing but spaces after it is no token
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
. "Authorization: Bearer   \r\n\r\n"
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body_like: urn:ngx-tenant:problem:no-token
--- error_log
tenant refused (no-token)
--- no_error_log
reached


=== two Authorization headers are refused before anything is verified
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
. "Authorization: Bearer $main::Token\r\n" x 2 . "\r\n"
--- error_code: 400
--- no_error_log
reached


=== a token in the query is no token, and is not logged by the refusal
--- request eval: "GET /t?access_token=$main::Token"
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body_like: urn:ngx-tenant:problem:no-token
--- error_log
tenant refused (no-token)
--- no_error_log
[error]
reached


=== a token in the body is no token
--- request eval
"POST /t\naccess_token=$main::Token"
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body_like: urn:ngx-tenant:problem:no-token
--- error_log
tenant refused (no-token)
--- no_error_log
reached


=== the realm is the location's
--- config
    location /realm {
        tenant_auth on;
        tenant_realm "agents of acme";
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- request
GET /realm
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="agents of acme"
Content-Type: application/problem+json
--- response_body_like: urn:ngx-tenant:problem:no-token
--- error_log
tenant refused (no-token)
--- no_error_log
reached


=== no method is excepted
--- request eval: [map { "$_ /t" } @main::Methods]
--- error_code eval: [(401) x @main::Methods]
--- response_headers eval
[(qq{WWW-Authenticate: Bearer realm="tenant"\n}
  . "Content-Type: application/problem+json\n") x @main::Methods]
--- response_body_like eval
[('"urn:ngx-tenant:problem:no-token"') x @main::Methods]
--- error_log
tenant refused (no-token)
--- no_error_log
[error]
reached


=== a CORS preflight is a request like any other
--- request eval: [map { "$_ /t" } @main::Methods]
--- more_headers
Origin: https://app.test
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization
--- error_code eval: [(401) x @main::Methods]
--- response_headers eval
[(qq{WWW-Authenticate: Bearer realm="tenant"\n}
  . "Content-Type: application/problem+json\n") x @main::Methods]
--- response_body_like eval
[('"urn:ngx-tenant:problem:no-token"') x @main::Methods]
--- error_log
tenant refused (no-token)
--- no_error_log
[error]
reached


=== HEAD is refused with the same header and no body
--- request
HEAD /t
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body
--- error_log
tenant refused (no-token)
--- no_error_log
reached


=== HTTP/1.0 makes no difference
--- request eval: ['GET /t HTTP/1.0', 'GET /t HTTP/1.0']
--- more_headers eval: ['', "Authorization: Bearer $main::Token\n"]
--- error_code eval: [401, 200]
--- response_body_like eval: ['problem:no-token', '\Aacme\n\z']
--- no_error_log
[error]
[alert]
