# claims.attributes of an issuer: nested claims as attributes of the
# principal and as variables.

use Test::Nginx::Socket;
use Tenant::Fixtures;

my $registry = registry(
    issuer => {
        'https://shared.idp.test' => {
            claims => {
                attributes => {
                    department => 'org.unit',
                    level      => '/org/level',
                    regions    => 'https://x.test/regions',
                    missing    => 'org.nothing',
                },
            },
        },
    },
);

$ENV{TEST_NGINX_REGISTRY} = $registry->{path};
$ENV{TEST_NGINX_POLICY} = write_fixture('map.cedar', <<'CEDAR');
@id("staff")
permit (principal, action, resource)
when {
    principal.department == "hr" && principal.level > 2
    && principal.regions.contains("eu") && !(principal has missing)
};
CEDAR

our %Claims = (
    'custom:tenantId' => 'globex', 'https://x.test/regions' => ['eu', 'us'],
);

sub staff
{
    my ($unit, $level) = @_;

    return bearer(sub => 'bob', iss => 'https://shared.idp.test',
                  key => 'shared_rs256',
                  claims => { %Claims,
                              org => { unit => $unit, level => $level } });
}

our $Hr = staff('hr', 3);
our $It = staff('it', 3);
our $Low = staff('hr', 2);

plan tests => repeat_each() * 3 * blocks();

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy_file $TEST_NGINX_POLICY;
    server {
        listen unix:$TEST_NGINX_HTML_DIR/agent.sock;
        location / { return 200 "$http_x_seen\n"; }
    }
CONF
    $block->set_value(config => <<'CONF');
    location = /t {
        tenant_auth on;
        tenant_agent support;
        tenant_header X-Seen "$tenant_claim_department $tenant_claim_level $tenant_claim_regions [$tenant_claim_missing]";
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/agent.sock;
    }
CONF
    $block->set_value(request => 'GET /t');
});

run_tests();

__DATA__

=== nested claims are attributes and variables
--- more_headers eval: $::Hr
--- response_body
hr 3 eu,us []
--- no_error_log
[error]


=== a mapped string decides
--- more_headers eval: $::It
--- error_code: 403
--- response_body_like: no policy permits this
--- no_error_log
[error]


=== a mapped integer decides
--- more_headers eval: $::Low
--- error_code: 403
--- response_body_like: no policy permits this
--- no_error_log
[error]
