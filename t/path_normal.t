# Policies see the path that routing uses: normalised, decoded, once.

use Test::Nginx::Socket;
use Tenant::Fixtures;

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};
$ENV{TEST_NGINX_POLICY} = write_fixture('path.cedar', <<'CEDAR');
@id("open")
permit(principal, action, resource) when { context.path like "/t/open/*" };
@id("exact")
permit(principal, action, resource) when { context.path == "/t/a b" };
@id("secret")
forbid(principal, action, resource) when { context.path like "*secret*" };
CEDAR

our $Bearer = bearer();

# spellings that arrive at /t/open/x
our @Open = ('/t/open/x', '/t//open///x', '/t/./open/x', '/t/x/../open/x',
             '/t/%6fpen/x', '/t/%6Fpen%2Fx', '/t/secret/../open/x',
             '/t/secret/%2e%2e/open/x', '/t/open/x?secret', '/x/../t/open/x',
             '/t/open/x#secret');

# and at /t/secret, or somewhere that nothing permits
our @Shut = ('/t/secret', '/t/open/../secret', '/t/open/%2e%2e/secret',
             '/t/open/%2E./secret', '/t/open/..%2fsecret',
             '/t/open/..%2Fsecret', '/t/open//../secret',
             '/t/open/%73ecret', '/t/open/sec%72et', '/t/open/./secret',
             '/t/open/;/secret', '/t/open;v=1/x', '/t/OPEN/x', '/t/open',
             '/t/open/x/../../', '/t/openx/', '/t/open%252fx',
             '/t/open/x/..%2f..%2f..%2ft/secret');

our @Bad = ('/t/open/../../../secret', '/t/open/x%00', '/t/open/x%',
            '/t/open/x%zz', '/%2e%2e/t/open/x');

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy_file $TEST_NGINX_POLICY;
    tenant_agent support;
    merge_slashes on;
    log_format reached 'reached';
CONF
    $block->set_value(config => ($block->config // '') . <<'CONF');
    location /t/ {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent/;
    }

    location /agent/ {
        access_log logs/error.log reached;
        return 200 "$uri\n";
    }
CONF
    $block->set_value(more_headers => $Bearer);
});

plan tests => repeat_each() * (5 * @Open + 6 * @Shut + 3 * @Bad
                               + 5 + 2 * 3 + 5);
run_tests();

__DATA__

=== spellings of a permitted path are that path, and reach it
--- request eval: [map { "GET $_" } @main::Open]
--- response_body eval: [("/agent/open/x\n") x @main::Open]
--- error_log
reached
--- no_error_log
[error]
[warn]


=== no spelling of a forbidden path is permitted
--- request eval: [map { "GET $_" } @main::Shut]
--- error_code eval: [(403) x @main::Shut]
--- response_headers eval
[("Content-Type: application/problem+json\n") x @main::Shut]
--- response_body_like eval
[('"urn:ngx-tenant:problem:policy-denied"') x @main::Shut]
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]
reached


=== paths that nginx cannot make sense of go nowhere
--- request eval: [map { "GET $_" } @main::Bad]
--- error_code eval: [(400) x @main::Bad]
--- response_body_like eval: [('400 Bad Request') x @main::Bad]
--- no_error_log
reached


=== a path is decoded once, not twice
--- request
GET /t/a%20b
--- response_body
/agent/a b
--- error_log
reached
--- no_error_log
[error]
[warn]


=== after a rewrite the policy sees the path that is used
--- config
    location /old/ { tenant_auth on; rewrite ^/old/(.*) /t/$1 last; }
--- request eval: ['GET /old/open/x', 'GET /old/secret']
--- error_code eval: [200, 403]
--- response_body_like eval: ['\A/agent/open/x\n\z', 'policy-denied']
--- no_error_log
[error]


=== an absolute URI makes no difference
--- raw_request eval
"GET http://localhost/t/open/../secret HTTP/1.1\r\nHost: localhost\r\n"
. "Connection: close\r\n$main::Bearer\r\n" =~ s/\n\r\n\z/\r\n\r\n/r
--- error_code: 403
--- response_body_like: policy-denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]
reached
