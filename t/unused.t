# Loaded and not asked for anything, the module does nothing.

use Test::Nginx::Socket;
use Tenant::Fixtures;

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};

our $Forged = "X-Tenant-Id: globex\nX-Tenant-Subject: root\n"
            . "WorkloadAccessToken: x\n";
our $Bad = "Authorization: Bearer x.y.z\n";
our $Good = bearer();

my $agent = <<'CONF';
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent {
        return 200 "$http_x_tenant_id $http_x_tenant_subject $http_workloadaccesstoken $tenant_id|$tenant_decision|$tenant_claim_sub\n";
    }
CONF

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => $agent) if !$block->config;
    $block->set_value(request => 'GET /t') if !$block->request;
});

plan tests => repeat_each() * 28;
run_tests();

__DATA__

=== without a directive requests pass as they are
--- more_headers eval: $main::Forged
--- response_body
globex root x ||
--- no_error_log
[error]
[warn]
tenant


=== without a directive no token is looked at
--- more_headers eval: $main::Forged . $main::Bad
--- response_body
globex root x ||
--- no_error_log
[error]
[warn]
tenant


=== without a registry variables have no value, token or not
--- more_headers eval: $main::Forged . $main::Good
--- response_body
globex root x ||
--- no_error_log
[error]
[warn]
tenant


=== with a registry and no tenant_auth requests pass as they are
--- http_config
    tenant_registry $TEST_NGINX_REGISTRY;
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent { return 200 "$http_x_tenant_id\n"; }
--- more_headers eval: $main::Forged . $main::Bad
--- response_body
globex
--- no_error_log
[error]
[warn]
tenant refused
removed


=== tenant_auth off switches off what the server has switched on
--- http_config
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    tenant_auth on;
--- config
    tenant_agent support;

    location /t {
        tenant_auth off;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent { tenant_auth off; return 200 "$http_x_tenant_id\n"; }
--- more_headers eval: $main::Forged . $main::Bad
--- response_body
globex
--- no_error_log
[error]
[warn]
tenant refused


=== tenant_auth without a registry is a configuration error
--- config
    location /t {
        tenant_auth on;
        tenant_policy off;
    }
--- must_die
--- error_log
tenant_auth needs "tenant_registry"
