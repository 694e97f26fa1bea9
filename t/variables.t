# The variables in every phase that people use them in, and claims of every
# type and name.

use Test::Nginx::Socket;
use Tenant::Fixtures;

$ENV{TEST_NGINX_REGISTRY} = registry(
    tenant => { acme => { name => 'Acme Ltd' } })->{path};
$ENV{TEST_NGINX_POLICY} = write_fixture('permit.cedar', <<'CEDAR');
@id("anyone")
permit(principal, action, resource);
@id("not-twice")
forbid(principal, action == Action::"Twice", resource);
CEDAR

our $Bearer = bearer(client_id => 'web', sub => 'alice');
our $Expired = bearer(exp_in => -1);

our %Claims = (
    email            => 'a@acme.test',
    CamelCase        => 'camel',
    'custom:plan'    => 'pro',
    'https://acme.test/roles' => ['admin', 'dev'],
    'x-y'            => 'dashed',
    level            => 7,
    ratio            => 0.5,
    yes              => JSON::PP::true(),
    no               => JSON::PP::false(),
    nothing          => undef,
    empty            => '',
    groups           => ['a,b', 'c%', ''],
    lead             => ['', 'a'],
    mixed            => [1, 'b'],
    none             => [],
    address          => { city => 'Bern', zip => ['3000'] },
    under_score      => 'exact',
    'under-score'    => 'loose',
);
our $Claims = bearer(claims => \%Claims);

our $Log = '$tenant_id|$tenant_name|$tenant_tier|$tenant_status'
         . '|$tenant_subject|$tenant_issuer|$tenant_client_id'
         . '|$tenant_actor_id|$tenant_model|$tenant_agent|$tenant_action'
         . '|$tenant_decision|$tenant_policy_ids|$tenant_refusal';

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<"CONF" . ($block->http_config // ''));
    tenant_registry \$TEST_NGINX_REGISTRY;
    tenant_policy_file \$TEST_NGINX_POLICY;
    tenant_agent support;
    log_format all 'all: $Log|';
CONF
    $block->set_value(config => ($block->config // '') . <<'CONF');
    location /agent {
        tenant_auth off;
        return 200 "$http_x_seen\n";
    }
CONF
    $block->set_value(request => 'GET /t') if !$block->request;
    $block->set_value(more_headers => $Bearer)
        if !defined $block->more_headers;
});

plan tests => repeat_each() * (3 * 8 + 4 * 5 + 3 * 4 + 18 * 3);
run_tests();

__DATA__

=== the log of a request that was allowed has them all
--- config
    location /t {
        tenant_auth on;
        access_log logs/error.log all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- error_log
all: acme|Acme Ltd|premium|active|alice|https://acme.idp.test|web|acme:alice|silo|support|InvokeAgent|allow|anyone|-|
--- no_error_log
[error]
[warn]


=== the log of a denied request has the policies that forbade it
--- config
    location /t {
        tenant_auth on;
        tenant_action Twice;
        access_log logs/error.log all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- error_code: 403
--- error_log
all: acme|Acme Ltd|premium|active|alice|https://acme.idp.test|web|acme:alice|-|support|Twice|deny|not-twice|policy-denied|
tenant refused (policy-denied): a policy forbids this, tenant: "acme"
--- no_error_log
[error]


=== the log of a request without a token has the reason and nothing else
--- config
    location /t {
        tenant_auth on;
        access_log logs/error.log all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- more_headers
X-Tenant-Id: acme
--- error_code: 401
--- error_log
all: -|-|-|-|-|-|-|-|-|-|-|-|-|no-token|
--- no_error_log
[error]


=== a token that does not verify gives no variable a value
--- config
    location /t {
        tenant_auth on;
        access_log logs/error.log all;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- more_headers eval: $main::Expired
--- error_code: 401
--- error_log
all: -|-|-|-|-|-|-|-|-|-|-|-|-|invalid-token|
--- no_error_log
[error]


=== a rewrite can use them, before the module's own phase
--- config
    location /t {
        tenant_auth on;
        set $seen "$tenant_id/$tenant_tier/$tenant_claim_sub";
        proxy_set_header X-Seen $seen;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- response_body
acme/premium/alice
--- no_error_log
[error]


=== "if" can use them, and sees no tenant without a token
--- config
    location /t {
        if ($tenant_id = "") { return 418; }
        if ($tenant_tier = premium) { return 204; }
        return 500;
    }
--- request eval: ['GET /t', 'GET /t', 'GET /t']
--- more_headers eval: [$main::Bearer, $main::Expired, "X-Tenant-Id: acme\n"]
--- error_code eval: [204, 418, 418]
--- response_body eval: ["", "", ""]
--- no_error_log
[error]


=== a server's rewrite can choose a location by tier
--- config
    if ($tenant_tier = premium) { rewrite ^/t$ /premium last; }

    location /t { return 500; }

    location /premium {
        tenant_auth on;
        proxy_set_header X-Seen "premium for $tenant_id";
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- response_body
premium for acme
--- no_error_log
[error]


=== "map" can use them
--- http_config
    map $tenant_tier $limit { default none; premium 100; }
    map $tenant_claim_sub $who { default nobody; ~^al "al*"; }
--- config
    location /t {
        tenant_auth on;
        proxy_set_header X-Seen "$limit $who";
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- response_body
100 al*
--- no_error_log
[error]


=== limit_req counts by tenant, those refused not at all
--- http_config
    limit_req_zone $tenant_id zone=by_tenant:1m rate=1r/m;
--- config
    location /t {
        tenant_auth on;
        limit_req zone=by_tenant;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- request eval: [('GET /t') x 5]
--- more_headers eval
my $g = main::bearer(key => 'shared_rs256', tenant => 'globex');
[$main::Expired, $main::Bearer, $g, $main::Bearer, $g]
--- error_code eval: [401, 200, 200, 503, 503]


=== proxy_set_header sends them without any header of the module
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        proxy_set_header X-Seen "$tenant_actor_id $tenant_decision $tenant_agent";
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- response_body
acme:alice allow support
--- no_error_log
[error]


=== add_header shows the decision of a refusal
--- config
    location /t {
        tenant_auth on;
        tenant_action Twice;
        add_header X-Decision "$tenant_decision $tenant_refusal" always;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- error_code: 403
--- response_headers
X-Decision: deny policy-denied
--- error_log
tenant refused (policy-denied)
--- no_error_log
[error]


=== a location without tenant_auth can use them too
--- config
    location /t {
        return 200 "$tenant_id $tenant_decision.\n";
    }
--- response_body
acme .
--- no_error_log
[error]


=== the action can be made of variables
--- config
    location /t {
        tenant_auth on;
        tenant_action $arg_do;
        proxy_set_header X-Seen "$tenant_action";
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- request eval: ['GET /t?do=Twice', 'GET /t?do=Once', 'GET /t?do=']
--- error_code eval: [403, 200, 400]
--- response_body_like eval
['"urn:ngx-tenant:problem:policy-denied"', '\AOnce\n\z',
 '"urn:ngx-tenant:problem:invalid-request"']
--- no_error_log
[error]


=== claims of every type and name are found
--- config
    location /t {
        tenant_auth on;
        proxy_set_header X-Seen "$arg_want";
        set $value "";
        if ($arg_of = email) { set $value $tenant_claim_email; }
        if ($arg_of = camel) { set $value $tenant_claim_camelcase; }
        if ($arg_of = colon) { set $value $tenant_claim_custom_plan; }
        if ($arg_of = url) { set $value $tenant_claim_https___acme_test_roles; }
        if ($arg_of = dash) { set $value $tenant_claim_x_y; }
        if ($arg_of = int) { set $value $tenant_claim_level; }
        if ($arg_of = real) { set $value $tenant_claim_ratio; }
        if ($arg_of = yes) { set $value $tenant_claim_yes; }
        if ($arg_of = no) { set $value $tenant_claim_no; }
        if ($arg_of = null) { set $value $tenant_claim_nothing; }
        if ($arg_of = empty) { set $value $tenant_claim_empty; }
        if ($arg_of = commas) { set $value $tenant_claim_groups; }
        if ($arg_of = lead) { set $value $tenant_claim_lead; }
        if ($arg_of = mixed) { set $value $tenant_claim_mixed; }
        if ($arg_of = list) { set $value $tenant_claim_none; }
        if ($arg_of = object) { set $value $tenant_claim_address; }
        if ($arg_of = exact) { set $value $tenant_claim_under_score; }
        if ($arg_of = absent) { set $value $tenant_claim_absent; }
        proxy_set_header X-Seen "<$value>";
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }
--- request eval
[map { "GET /t?of=$_" }
     qw(email camel colon url dash int real yes no null empty commas lead
        mixed list object exact absent)]
--- more_headers eval: $main::Claims
--- response_body eval
["<a\@acme.test>\n", "<camel>\n", "<pro>\n", "<admin,dev>\n", "<dashed>\n",
 "<7>\n", "<0.5>\n", "<true>\n", "<false>\n", "<>\n", "<>\n",
 "<a%2Cb,c%25,>\n", "<,a>\n", "<[1,\"b\"]>\n", "<>\n",
 "<{\"city\":\"Bern\",\"zip\":[\"3000\"]}>\n", "<exact>\n", "<>\n"]
--- no_error_log
[error]
