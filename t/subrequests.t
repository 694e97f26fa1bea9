# Subrequests: auth_request, mirror, SSI.  The caller is the client's, the
# decision is each location's own.

use Test::Nginx::Socket;
use Tenant::Fixtures;
use Tenant::Upstream ();

$ENV{TEST_NGINX_REGISTRY} = registry(
    agent => { admin => { protocol => 'http' } },
    tenant => { acme => { routes => {
        map { ($_ => { model => 'pool' }) } qw(support admin) } } },
)->{path};
$ENV{TEST_NGINX_POLICY} = write_fixture('support.cedar', <<'CEDAR');
@id("support")
permit(principal, action, resource == Agent::"support");
CEDAR

our $Agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    my @seen = grep { $_->[0] =~ /^x-/i } @{ $request->{headers} };

    return '<!--# include virtual="/support/part" -->'
           . '<!--# include virtual="/admin/part" -->'
        if $request->{path} eq '/page';
    return CORE::join ' ', $request->{path},
                           map { "$_->[0]=$_->[1]" } @seen;
});
$ENV{TEST_NGINX_AGENT_PORT} = $Agent->port;

our $Bearer = bearer();
our $None = "X-Nothing: 1\n";

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy_file $TEST_NGINX_POLICY;
    tenant_agent support;
    log_format mirrored 'mirrored $request_uri for "$http_x_tenant_id" at $http_x_tenant_agent, key "$http_x_key"';
CONF
    $block->set_value(config => $block->config . <<'CONF');
    location /support/ {
        tenant_auth on;
        tenant_headers none;
        tenant_header X-Part $tenant_id;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }

    location /admin/ {
        tenant_auth on;
        tenant_agent admin;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
CONF
    $block->set_value(more_headers => $Bearer)
        if !defined $block->more_headers;
});

plan tests => repeat_each() * 42;
run_tests();

__DATA__

=== auth_request to a location that permits lets the request pass
--- config
    location /t {
        auth_request /support/check;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- response_body chomp
/t
--- no_error_log
[error]
removed the client's header


=== auth_request and the module both decide, each for its location
--- config
    location /t {
        tenant_auth on;
        auth_request /support/check;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- response_body chomp
/t X-Tenant-Id=acme X-Tenant-Tier=premium X-Tenant-Model=pool X-Tenant-Subject=user-1 X-Tenant-Actor-Id=acme:user-1 X-Tenant-Agent=support
--- no_error_log
[error]
removed the client's header


=== auth_request to a location that denies stops the request
--- config
    location /t {
        auth_request /admin/check;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- error_code: 403
--- error_log
tenant refused (policy-denied): no policy permits this, tenant: "acme"
--- no_error_log
[alert]


=== auth_request without a token passes the challenge on
--- config
    location /t {
        auth_request /support/check;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- more_headers eval: $main::None
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
--- error_log
tenant refused (no-token)
--- no_error_log
[error]


=== an auth_request that permits does not outvote the module
--- config
    location = /open { return 204; }
    location /t {
        tenant_auth on;
        tenant_agent admin;
        auth_request /open;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body
{"type":"urn:ngx-tenant:problem:policy-denied","title":"Forbidden","status":403,"detail":"no policy permits this"}
--- error_log
tenant refused (policy-denied)


=== auth_request_set sees the identity
--- config
    location = /open { tenant_auth on; tenant_policy off; return 204; }
    location = /check { tenant_auth on; try_files /none @ok; }
    location @ok { return 204; }
    location /t {
        auth_request /check;
        auth_request_set $who $tenant_actor_id;
        proxy_set_header X-Who $who;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- response_body chomp
/t X-Who=acme:user-1
--- no_error_log
[error]


=== a mirror gets the tenant, and the request none of the mirror's headers
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        mirror /copy;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
    location = /copy {
        internal;
        tenant_auth on;
        tenant_header X-Key of-the-copy;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/mirrored;
    }
    location = /mirrored {
        access_log logs/error.log mirrored;
        return 200;
    }
--- request
GET /t
--- more_headers eval: $main::Bearer . "X-Tenant-Id: globex\nX-Key: forged\n"
--- response_body chomp
/t X-Key=forged
--- error_log
mirrored /mirrored for "acme" at support, key "of-the-copy"
--- no_error_log
[error]


=== a mirror of a forbidden agent gets nothing, the request goes on
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        mirror /copy;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
    location = /copy {
        internal;
        tenant_auth on;
        tenant_agent admin;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/mirrored;
    }
    location = /mirrored {
        access_log logs/error.log mirrored;
        return 200;
    }
--- request
GET /t
--- response_body chomp
/t
--- error_log
tenant refused (policy-denied)
--- no_error_log
mirrored /mirrored
[alert]


=== a page that is refused is not mirrored
--- config
    location /t {
        tenant_auth on;
        mirror /copy;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/mirrored;
    }
    location = /mirrored {
        access_log logs/error.log mirrored;
        return 200;
    }
--- request
GET /t
--- more_headers eval: $main::None
--- error_code: 401
--- error_log
tenant refused (no-token)
--- no_error_log
mirrored /mirrored


=== a request that policy denies is not mirrored
--- config
    location /t {
        tenant_auth on;
        tenant_agent admin;
        mirror /copy;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/mirrored;
    }
    location = /mirrored {
        access_log logs/error.log mirrored;
        return 200;
    }
--- request
GET /t
--- error_code: 403
--- error_log
tenant refused (policy-denied)
--- no_error_log
mirrored /mirrored


=== an SSI page has the parts that are permitted and only those
--- config
    location = /page {
        ssi on;
        ssi_types text/plain;
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /page
--- response_body_like eval
qr{\A/support/part X-Part=acme<html>.*403 Forbidden.*</html>\s*\z}s
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]
removed the client's header
