# Whose token it is: bound and unbound issuers, tenants that do not accept an
# issuer, and tenants that are not active.

use Test::Nginx::Socket;
use Tenant::Fixtures;

my $shared = 'https://shared.idp.test';

$ENV{TEST_NGINX_REGISTRY} = registry(
    tenant => {
        globex => { issuers => [$shared, 'https://url.idp.test'] },
        map { ($_ => { tier => 'basic', status => $_,
                       issuers => [$shared] }) }
            qw(suspended provisioning offboarding),
    },
    issuer => {
        'https://nested.idp.test' => {
            tenant_claim => 'org.tenant', jwks_file => 'shared.jwks',
            subject_namespace => 'nested' },
        'https://url.idp.test' => {
            tenant_claim => 'https://gateway.test/tenant',
            jwks_file => 'shared.jwks', subject_namespace => 'url' },
        $shared => { subject_namespace => 'shared' },
    },
)->{path};


sub shared
{
    my (%opt) = @_;

    return bearer(key => 'shared_rs256', %opt);
}


our @BadTenants = map { shared(claims => { 'custom:tenantId' => $_ }) }
                      1, ['globex'], { id => 'globex' }, undef,
                      JSON::PP::true(), '';
our @Unknown = map { shared(tenant => $_) }
                   'nobody', 'Globex', 'globex ', ' globex', 'globex/..',
                   'globex%00';

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    log_format reached 'reached';
CONF
    $block->set_value(config => <<'CONF');
    location /t {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent {
        access_log logs/error.log reached;
        return 200 "$http_x_tenant_id $http_x_tenant_tier\n";
    }
CONF
});

plan tests => repeat_each() * (5 * 3 + 6 * (8 + @BadTenants + @Unknown));
run_tests();

__DATA__

=== a bound issuer's token is its tenant's without claiming one
--- request
GET /t
--- more_headers eval: main::bearer()
--- response_body
acme premium
--- no_error_log
[warn]


=== a bound issuer's token may claim the tenant it is bound to
--- request
GET /t
--- more_headers eval: main::bearer(tenant => 'acme')
--- response_body
acme premium
--- no_error_log
[warn]


=== an unbound issuer's token is the claimed tenant's, at the registry's tier
--- request
GET /t
--- more_headers eval
main::shared(tenant => 'initech', claims => { tier => 'premium' })
--- response_body
initech basic
--- no_error_log
[warn]


=== a bound issuer's token that claims another tenant is a violation
--- request
GET /t
--- more_headers eval: main::bearer(tenant => 'globex')
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:tenant-isolation","title":"Forbidden","status":403,"detail":"isolation violation: the token claims a tenant its issuer is not bound to"}
--- error_log eval
qr/\[error\].*tenant refused \(tenant-isolation\): isolation violation/
--- no_error_log
reached


=== a bound issuer's token that claims no string for a tenant is one too
--- request
GET /t
--- more_headers eval
main::bearer(claims => { 'custom:tenantId' => ['acme'] })
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:tenant-isolation","title":"Forbidden","status":403,"detail":"isolation violation: the token claims a tenant its issuer is not bound to"}
--- error_log eval
qr/\[error\].*tenant refused \(tenant-isolation\): isolation violation/
--- no_error_log
reached


=== an unbound issuer cannot produce a tenant that does not list it
--- request
GET /t
--- more_headers eval: main::shared(tenant => 'acme')
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:tenant-isolation","title":"Forbidden","status":403,"detail":"isolation violation: the tenant does not accept this issuer"}
--- error_log eval
qr/\[error\].*tenant refused \(tenant-isolation\): isolation violation/
--- no_error_log
reached


=== a token of an unbound issuer needs a tenant claim
--- request
GET /t
--- more_headers eval: main::shared()
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:no-tenant","title":"Forbidden","status":403,"detail":"the token names no tenant"}
--- error_log
tenant refused (no-tenant): the token names no tenant
--- no_error_log
reached


=== a tenant claim that is no text names no tenant
--- request eval: [('GET /t') x @main::BadTenants]
--- more_headers eval: \@main::BadTenants
--- error_code eval: [(403) x @main::BadTenants]
--- response_headers eval
[("Content-Type: application/problem+json\n! WWW-Authenticate\n")
 x @main::BadTenants]
--- response_body_like eval
[('"urn:ngx-tenant:problem:(?:no|unknown)-tenant".*"status":403')
 x @main::BadTenants]
--- error_log eval: qr/tenant refused \((?:no|unknown)-tenant\)/
--- no_error_log
reached


=== a tenant that the registry does not know letter by letter is refused
--- request eval: [('GET /t') x @main::Unknown]
--- more_headers eval: \@main::Unknown
--- error_code eval: [(403) x @main::Unknown]
--- response_headers eval
[("Content-Type: application/problem+json\n! WWW-Authenticate\n")
 x @main::Unknown]
--- response_body eval
[('{"type":"urn:ngx-tenant:problem:unknown-tenant","title":"Forbidden",'
  . '"status":403,"detail":"the tenant is not known here"}' . "\n")
 x @main::Unknown]
--- error_log
tenant refused (unknown-tenant): the tenant is not known here, tenant: "-"
--- no_error_log
reached


=== a suspended tenant's users are refused
--- request
GET /t
--- more_headers eval: main::shared(tenant => 'suspended')
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:tenant-suspended","title":"Forbidden","status":403,"detail":"the tenant is suspended"}
--- error_log
tenant refused (tenant-suspended): the tenant is suspended, tenant: "suspended"
--- no_error_log
reached


=== a tenant still being provisioned is refused
--- request
GET /t
--- more_headers eval: main::shared(tenant => 'provisioning')
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:tenant-provisioning","title":"Forbidden","status":403,"detail":"the tenant is still being provisioned"}
--- error_log
tenant refused (tenant-provisioning): the tenant is still being provisioned
--- no_error_log
reached


=== a tenant being offboarded is refused
--- request
GET /t
--- more_headers eval: main::shared(tenant => 'offboarding')
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:tenant-offboarding","title":"Forbidden","status":403,"detail":"the tenant is being offboarded"}
--- error_log
tenant refused (tenant-offboarding): the tenant is being offboarded
--- no_error_log
reached


=== a nested claim names the tenant only for tenants that list the issuer
--- request
GET /t
--- more_headers eval
main::shared(iss => 'https://nested.idp.test',
             claims => { org => { tenant => 'globex' } })
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body_like: "urn:ngx-tenant:problem:tenant-isolation"
--- error_log
the tenant does not accept this issuer
--- no_error_log
reached


=== a tenant is served under each issuer it lists
--- request
GET /t
--- more_headers eval: main::shared(tenant => 'globex')
--- response_body
globex basic
--- no_error_log
[warn]


=== a claim whose name is a URL names the tenant where the issuer says so
--- request
GET /t
--- more_headers eval
main::shared(iss => 'https://url.idp.test',
             claims => { 'https://gateway.test/tenant' => 'globex' })
--- response_body
globex basic
--- no_error_log
[warn]
