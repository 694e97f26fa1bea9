# Internal redirects: who calls is kept, what is allowed is decided anew, and
# no way leads around a refusal.

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

# what reached an agent: path, and the headers that matter
our $Agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    my @seen = grep { $_->[0] =~ /^(?:x-tenant-(?:id|agent)|x-key|x-a|x-b
                                  |authorization)$/ix }
                    @{ $request->{headers} };

    return [200, ['X-Accel-Redirect', $1], ''] if $request->{path}
                                                  =~ m{^/accel(/.*)};
    return [500, [], 'broken'] if $request->{path} =~ m{^/broken};
    return join ' ', $request->{path},
                     map { "$_->[0]=" . ($_->[1] =~ s/^Bearer .*/Bearer/r) }
                         @seen;
});
$ENV{TEST_NGINX_AGENT_PORT} = $Agent->port;

our $Bearer = bearer();
our $Denied = qr/^\{"type":"urn:ngx-tenant:problem:policy-denied"/;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy_file $TEST_NGINX_POLICY;
    upstream agents { tenant_route; server 127.0.0.1:$TEST_NGINX_AGENT_PORT; }
CONF
    $block->set_value(config => <<'CONF' . ($block->config // ''));
    tenant_agent support;

    location /support/ {
        tenant_auth on;
        proxy_pass http://agents/support/;
    }

    location /admin/ {
        tenant_auth on;
        tenant_agent admin;
        proxy_pass http://agents/admin/;
    }
CONF
    $block->set_value(more_headers => $Bearer)
        if !defined $block->more_headers;
});

plan tests => repeat_each() * 90;
run_tests();

__DATA__

=== the base case: one agent is permitted
--- request
GET /support/x
--- response_body chomp
/support/x Authorization=Bearer X-Tenant-Id=acme X-Tenant-Agent=support
--- no_error_log
[error]
[warn]


=== the base case: the other is not
--- request
GET /admin/x
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== a rewrite to a permitted agent is decided where it arrives
--- config
    location /t/ { rewrite ^/t/(.*) /support/$1 last; }
--- request
GET /t/x
--- response_body chomp
/support/x Authorization=Bearer X-Tenant-Id=acme X-Tenant-Agent=support
--- no_error_log
[error]
[warn]


=== a rewrite to a forbidden agent is refused
--- config
    location /t/ { tenant_auth on; rewrite ^/t/(.*) /admin/$1 last; }
--- request
GET /t/x
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== X-Accel-Redirect to a forbidden agent is refused
--- request
GET /support/../support/%61ccel
--- config
    location /accel/ {
        tenant_auth on;
        proxy_pass http://agents/accel/admin/;
    }
    location = /support/accel {
        tenant_auth on;
        proxy_pass http://agents/accel/admin/x;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== X-Accel-Redirect to a permitted agent keeps the identity
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        proxy_pass http://agents/accel/support/x;
    }
--- response_body chomp
/support/x Authorization=Bearer X-Tenant-Id=acme X-Tenant-Agent=support
--- no_error_log
[error]
[warn]


=== X-Accel-Redirect out of a public location needs a token where it arrives
--- request
GET /t
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT/accel/support/x;
    }
--- more_headers
X-Nothing: 1
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body_like: urn:ngx-tenant:problem:no-token
--- error_log
tenant refused (no-token)
--- no_error_log
[error]


=== try_files that falls through to a forbidden agent is refused
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        try_files /nowhere /admin/x;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== try_files finds no file for a denied request
--- request
GET /t
--- user_files
>>> t
secret
--- config
    location = /t {
        tenant_auth on;
        tenant_agent admin;
        root $TEST_NGINX_HTML_DIR;
        try_files /t =404;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== a named location is decided for itself
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        try_files /nowhere @admin;
    }
    location @admin {
        tenant_auth on;
        tenant_agent admin;
        proxy_pass http://agents;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== error_page answers a missing token, with the challenge once
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        error_page 401 /login;
        proxy_pass http://agents;
    }
    location = /login { return 200 "please log in, $tenant_refusal\n"; }
--- more_headers
X-Nothing: 1
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
--- response_body
please log in, no-token
--- error_log
tenant refused (no-token)
--- no_error_log
[error]


=== error_page with a status of its own answers a denial
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        tenant_agent admin;
        error_page 403 =404 @nothing;
        proxy_pass http://agents;
    }
    location @nothing { return 404 "nothing here for $tenant_id\n"; }
--- error_code: 404
--- response_body
nothing here for acme
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== an error_page that is protected itself sends one challenge
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        error_page 401 /support/login;
        proxy_pass http://agents;
    }
--- more_headers
X-Nothing: 1
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"
Content-Type: application/problem+json
--- response_body_like: urn:ngx-tenant:problem:no-token
--- error_log
tenant refused (no-token)
--- no_error_log
[error]


=== error_page cannot turn a denial into another agent's answer
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        tenant_agent admin;
        error_page 403 =200 /admin/x;
        proxy_pass http://agents;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== error_page after a failure of the agent decides for the next agent
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        proxy_intercept_errors on;
        error_page 500 /admin/fallback;
        proxy_pass http://agents/broken;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== after a redirect the headers are those of the new location
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        tenant_header X-A "a for $tenant_id";
        tenant_header X-Key secret-of-a;
        proxy_intercept_errors on;
        error_page 500 = @b;
        proxy_pass http://agents/broken;
    }
    location @b {
        tenant_auth on;
        tenant_header X-B "b for $tenant_id";
        proxy_pass http://agents;
    }
--- response_body chomp
/t Authorization=Bearer X-Tenant-Id=acme X-Tenant-Agent=support X-B=b for acme
--- no_error_log
[error]
removed the client's header


=== a redirect out of the module takes none of its headers along
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header X-Key secret-of-a;
        proxy_intercept_errors on;
        error_page 500 = @public;
        proxy_pass http://agents/broken;
    }
    location @public {
        tenant_header X-Unused "";
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body chomp
/t Authorization=Bearer
--- no_error_log
[error]
removed the client's header


=== nor does one to a location that never heard of headers
--- request
GET /t
--- config
    location = /t {
        tenant_auth on;
        tenant_header X-Key secret-of-a;
        proxy_intercept_errors on;
        error_page 500 = @public;
        proxy_pass http://agents/broken;
    }
    location @public {
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body chomp
/t Authorization=Bearer
--- no_error_log
[error]
removed the client's header


=== an index is decided at the file it leads to
--- request
GET /dir/
--- user_files
>>> dir/index.html
secret
--- config
    location = /dir/ {
        tenant_auth on;
        root $TEST_NGINX_HTML_DIR;
        index index.html;
    }
    location = /dir/index.html {
        tenant_auth on;
        tenant_agent admin;
        root $TEST_NGINX_HTML_DIR;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
--- response_body_like eval: $main::Denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]
