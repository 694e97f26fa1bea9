# tenant_policy_schema: policies are validated when the configuration is
# read.

use Test::Nginx::Socket;
use Tenant::Fixtures;

my $registry = registry();

$ENV{TEST_NGINX_REGISTRY} = $registry->{path};
$ENV{TEST_NGINX_SCHEMA} =
    Tenant::Server::project_root() . '/conf/schema/tenant.cedarschema';
our $Bob = bearer(sub => 'bob', iss => 'https://shared.idp.test',
                  key => 'shared_rs256',
                  claims => { 'custom:tenantId' => 'globex' });

my %Policy = (
    GOOD      => 'permit (principal is User, action, resource);',
    ACTION    => "\npermit (principal, action == Action::\"Fly\", resource);",
    OPTIONAL  => 'permit (principal is User, action, resource)'
                 . "\nwhen { principal.client_id == \"app\" };",
    WARNING   => 'permit (principal is User, action, resource);'
                 . "\n" . 'forbid (principal, action, resource is User);',
    BROKEN    => 'entity User = { name String };',
);

for my $name (keys %Policy) {
    $ENV{"TEST_NGINX_$name"} = write_fixture(lc "$name.cedar",
                                             $Policy{$name});
}

plan tests => repeat_each() * 14;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $lines = $block->lines // '';

    $block->set_value(http_config =>
        "tenant_registry \$TEST_NGINX_REGISTRY;\n$lines");
    $block->set_value(config => <<'CONF');
    location = /t {
        tenant_auth on;
        tenant_agent support;
        try_files /none =204;
    }
CONF
    $block->set_value(request => 'GET /t');
});

run_tests();

__DATA__

=== policies that hold to the schema are loaded
--- lines
tenant_policy_schema $TEST_NGINX_SCHEMA;
tenant_policy_file $TEST_NGINX_GOOD;
--- more_headers eval: $::Bob
--- error_code: 204
--- no_error_log
[error]


=== an action that nobody declared is refused at its place
--- lines
tenant_policy_schema $TEST_NGINX_SCHEMA;
tenant_policy_file $TEST_NGINX_ACTION;
--- must_die
--- error_log eval
qr/\[emerg\] .*tenant_policy_schema: \S+action\.cedar:2:\d+: policy "policy0": /


=== an optional attribute without "has" is refused
--- lines
tenant_policy_schema $TEST_NGINX_SCHEMA;
tenant_policy_file $TEST_NGINX_OPTIONAL;
--- must_die
--- error_log eval
qr/\[emerg\] .*optional\.cedar:2:\d+: policy "policy0": .*client_id/


=== what can never apply is a warning
--- lines
tenant_policy_schema $TEST_NGINX_SCHEMA;
tenant_policy_file $TEST_NGINX_WARNING;
--- more_headers eval: $::Bob
--- error_code: 204
--- no_error_log
[emerg]


=== off leaves a level without validation
--- lines
tenant_policy_schema off;
tenant_policy_file $TEST_NGINX_ACTION;
--- more_headers eval: $::Bob
--- error_code: 403
--- no_error_log
[error]


=== a schema that is none is refused at its place
--- lines
tenant_policy_schema $TEST_NGINX_BROKEN;
tenant_policy_file $TEST_NGINX_GOOD;
--- must_die
--- error_log eval
qr/\[emerg\] .*tenant_policy_schema: \S+broken\.cedar:1:22: /


=== a schema that is not there is refused
--- lines
tenant_policy_schema nowhere.cedarschema;
tenant_policy_file $TEST_NGINX_GOOD;
--- must_die
--- error_log
tenant_policy_schema: cannot open
