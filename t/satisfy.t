# nginx's own access rules beside the module: allow, deny, auth_basic, satisfy.
# Each can only take away.

use Test::Nginx::Socket;
use Tenant::Fixtures;

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};
$ENV{TEST_NGINX_POLICY} = write_fixture('paths.cedar', <<'CEDAR');
@id("paths")
permit(principal, action, resource) unless { context.path like "*denied*" };
CEDAR
# user "basic", password "basic"
$ENV{TEST_NGINX_USERS} = write_fixture('users', "basic:{PLAIN}basic\n");

our $Bearer = bearer();
our $None = "X-Nothing: 1\n";

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy_file $TEST_NGINX_POLICY;
    tenant_agent support;
    log_format reached 'reached';
CONF
    $block->set_value(config => $block->config . <<'CONF');
    location /agent {
        access_log logs/error.log reached;
        return 200 "agent for $http_x_tenant_id\n";
    }
CONF
    $block->set_value(more_headers => $Bearer)
        if !defined $block->more_headers;
    $block->set_value(request => 'GET /t') if !$block->request;
});

plan tests => repeat_each() * 46;
run_tests();

__DATA__

=== deny wins over a good token and a policy that permits
--- config
    location /t {
        tenant_auth on;
        deny all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- error_code: 403
--- response_headers
Content-Type: text/html
--- error_log
access forbidden by rule
--- no_error_log
tenant refused
reached


=== identity comes before deny: a denied client without a token is told so
--- config
    location /t {
        tenant_auth on;
        deny all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- more_headers eval: $main::None
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- error_log
tenant refused (no-token)
--- no_error_log
access forbidden by rule
reached


=== allow does not stand in for a token
--- config
    location /t {
        tenant_auth on;
        satisfy any;
        allow all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- more_headers eval: $main::None
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- error_log
tenant refused (no-token)
--- no_error_log
reached


=== satisfy any does not let an allowed address past a policy
--- config
    location /t {
        tenant_auth on;
        satisfy any;
        allow all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- request
GET /t/denied
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- error_log
tenant refused (policy-denied): no policy permits this, tenant: "acme"
--- no_error_log
reached


=== a good token is not what satisfy any asks for
--- config
    location /t {
        tenant_auth on;
        satisfy any;
        deny all;
        auth_basic staff;
        auth_basic_user_file $TEST_NGINX_USERS;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="staff"
--- no_error_log
tenant refused
reached


=== satisfy any with one rule that holds and a good token passes
--- config
    location /t {
        tenant_auth on;
        satisfy any;
        allow 127.0.0.1;
        deny all;
        auth_basic staff;
        auth_basic_user_file $TEST_NGINX_USERS;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- response_body
agent for acme
--- error_log
reached
--- no_error_log
[error]
[warn]


=== auth_basic credentials are no bearer token
--- config
    location /t {
        tenant_auth on;
        auth_basic staff;
        auth_basic_user_file $TEST_NGINX_USERS;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- more_headers
Authorization: Basic YmFzaWM6YmFzaWM=
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- error_log
tenant refused (no-token)
--- no_error_log
reached


=== optional authentication leaves a client without a token to the policy
--- config
    location /t {
        tenant_auth optional;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- request eval: ['GET /t', 'GET /t/denied']
--- more_headers eval: $main::None
--- error_code eval: [200, 403]
--- response_body_like eval
['\Aagent for \n\z', '"urn:ngx-tenant:problem:policy-denied"']
--- no_error_log
[error]


=== optional authentication refuses a bad token like any other
--- config
    location /t {
        tenant_auth optional;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- more_headers eval: main::bearer(exp_in => -1)
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant", error="invalid_token", error_description="the token has expired"
Content-Type: application/problem+json
--- error_log
tenant refused (invalid-token): the token has expired
--- no_error_log
reached
