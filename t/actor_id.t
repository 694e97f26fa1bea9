# $tenant_actor_id: a name for tenant and subject that is safe as a partition
# key, and that no two principals share.

use Test::Nginx::Socket;
use Tenant::Fixtures;

my $shared = 'https://shared.idp.test';

$ENV{TEST_NGINX_REGISTRY} = registry(
    tenant => { globex => { issuers => [$shared, 'https://staff.idp.test'] } },
    issuer => {
        'https://staff.idp.test' => {
            tenant_claim => 'custom:tenantId', jwks_file => 'shared.jwks',
            subject_namespace => 'staff' },
    },
)->{path};

# subject, how it is spelt; pairs that a careless encoding would merge
our @Subjects = (
    ['alice', 'alice'],
    ['Alice', 'Alice'],
    ['a-b', 'a-b'],
    ['a_b', 'a_5Fb'],
    ['a_5Fb', 'a_5F5Fb'],
    ['auth0|42', 'auth0_7C42'],
    ['a@acme.test', 'a_40acme_2Etest'],
    ['a:b', 'a_3Ab'],
    ['staff:alice', 'staff_3Aalice'],
    ['a b', 'a_20b'],
    [' a', '_20a'],
    ['a%20b', 'a_2520b'],
    ["a\r\nX-Tenant-Id: x", 'a_0D_0AX-Tenant-Id_3A_20x'],
    ["\x{e9}", '_C3_A9'],
    ["e\x{301}", 'e_CC_81'],
    ['../etc', '_2E_2E_2Fetc'],
    ['_x' . '0' x 64, '_5Fx' . '0' x 64],
);

our @Long = ('x' x 249, 'x' x 250, '@' x 84, 'x' x 2000);


sub globex
{
    my (%opt) = @_;

    return bearer(key => 'shared_rs256', tenant => 'globex', %opt);
}


sub sha256_hex { require Digest::SHA; return Digest::SHA::sha256_hex(@_) }

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
CONF
    $block->set_value(config => <<'CONF');
    location /t {
        tenant_auth on;
        tenant_header X-Partition TENANT#$tenant_actor_id;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent {
        return 200 "$http_x_tenant_actor_id $http_x_partition\n";
    }
CONF
});

plan tests => repeat_each() * 4 * (@Subjects + @Long + 4 + 2);
run_tests();

__DATA__

=== every byte of a subject but letters, digits and "-" is spelt out
--- request eval: [('GET /t') x @main::Subjects]
--- more_headers eval
[map { main::globex(sub => $_->[0]) } @main::Subjects]
--- response_body eval
[map { "globex:$_->[1] TENANT#globex:$_->[1]\n" } @main::Subjects]
--- no_error_log
[error]
[warn]


=== a subject too long for 256 bytes becomes its digest
--- request eval: [('GET /t') x @main::Long]
--- more_headers eval: [map { main::globex(sub => $_) } @main::Long]
--- response_body eval
[map { length($_) == 249 ? "globex:$_ TENANT#globex:$_\n"
       : map { "globex:$_ TENANT#globex:$_\n" } '_x' . main::sha256_hex($_) }
     @main::Long]
--- no_error_log
[error]
[warn]


=== the same subject of two issuers is two principals
--- request eval: [('GET /t') x 4]
--- more_headers eval
[main::globex(sub => 'alice'),
 main::globex(sub => 'alice', iss => 'https://staff.idp.test'),
 main::globex(sub => 'staff:alice'),
 main::globex(sub => 'staff:alice', iss => 'https://staff.idp.test')]
--- response_body eval
[map { "globex:$_ TENANT#globex:$_\n" }
     'alice', 'staff:alice', 'staff_3Aalice', 'staff:staff_3Aalice']
--- no_error_log
[error]
[warn]


=== the same subject of two tenants is two principals
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
[main::globex(sub => 'alice'),
 main::bearer(key => 'shared_rs256', tenant => 'initech', sub => 'alice')]
--- response_body eval
["globex:alice TENANT#globex:alice\n",
 "initech:alice TENANT#initech:alice\n"]
--- no_error_log
[error]
[warn]
