# The ready sets and tenant_header: which are sent, how they are inherited,
# and that no value can end a header or look like another value.

use Test::Nginx::Socket;
use Tenant::Fixtures;
use Tenant::Upstream ();

$ENV{TEST_NGINX_REGISTRY} = registry(
    tenant => { acme => { name => "Acm\x{e9} 100%" } })->{path};

# answers with the headers it got, but for those of every request
our $Agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    return join '', map { "$_->[0]: $_->[1]\n" }
                        grep { $_->[0] !~ /^(?:host|connection|content-
                                             |authorization)/ix }
                        @{ $request->{headers} };
});
$ENV{TEST_NGINX_AGENT_PORT} = $Agent->port;

# a claim, and what the agent gets for it
our @Values = (
    ['plain', 'plain'],
    ['a b', 'a b'],
    ['100%', '100%25'],
    ['%0D%0A', '%250D%250A'],
    ["a\r\nX-Tenant-Id: globex", 'a%0D%0AX-Tenant-Id: globex'],
    ["a\nb", 'a%0Ab'],
    ["a\tb", 'a%09b'],
    ["\x7f\x1b[2J", '%7F%1B[2J'],
    [' a', '%20a'],
    ['a ', 'a%20'],
    ['  ', '%20%20'],
    ["\x{e9}", '%C3%A9'],
    ["\x{1f600}", '%F0%9F%98%80'],
    ["\x{85}\x{2028}", '%C2%85%E2%80%A8'],
    ['"quoted", \\', '"quoted", \\'],
);

# nginx keeps 20 headers in a piece: ours cross its end at every place
our @Lengths = (11 .. 20);

our $Bearer = bearer();


sub claiming { return bearer(claims => { note => $_[0] }) }
sub each_of { my ($value, @rows) = @_; return [($value) x @rows] }

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF' . ($block->http_config // ''));
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
CONF
    $block->set_value(more_headers => $Bearer) if !$block->more_headers;
    $block->set_value(request => 'GET /t') if !$block->request;
});

plan tests => repeat_each() * (4 * @Values + 4 * 2 + 3 * 12 + 2 * 4 + 3 * @Lengths);
run_tests();

__DATA__

=== the default set is sent without being asked for
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Tenant-Id: acme
X-Tenant-Tier: premium
X-Tenant-Model: silo
X-Tenant-Subject: user-1
X-Tenant-Actor-Id: acme:user-1
X-Tenant-Agent: support
--- no_error_log
[error]


=== headers of unknown value are left out
--- config
    location /t {
        tenant_auth on;
        tenant_header X-Claim $tenant_claim_absent;
        tenant_header X-Empty "";
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Tenant-Id: acme
X-Tenant-Tier: premium
X-Tenant-Subject: user-1
X-Tenant-Actor-Id: acme:user-1
--- no_error_log
[error]


=== the agentcore set has the names an AgentCore runtime hands to its agent
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_headers agentcore;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Id: acme
X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Tier: premium
X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Model: silo
X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Subject: user-1
X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Actor-Id: acme:user-1
X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-Agent: support
--- no_error_log
[error]


=== with none nothing is sent, and forgeries are removed all the same
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_headers none;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- more_headers eval
$main::Bearer . "X-Tenant-Id: globex\nWorkloadAccessToken: x\nX-Other: 1\n"
--- response_body
X-Other: 1
--- no_error_log
[error]


=== with none the module's own headers are still sent
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header DynamoDB-Leading-Key TENANT#$tenant_id;
        tenant_header S3-Prefix tenants/$tenant_id/$tenant_actor_id/;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
DynamoDB-Leading-Key: TENANT#acme
S3-Prefix: tenants/acme/acme:user-1/
--- no_error_log
[error]


=== tenant_headers and tenant_header are inherited from the outer levels
--- http_config
    tenant_headers agentcore;
    tenant_header X-Http $tenant_id;
--- config
    tenant_headers none;

    location /t {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Http: acme
--- no_error_log
[error]


=== a tenant_header of a level replaces those of the levels above
--- http_config
    tenant_headers none;
    tenant_header X-Http $tenant_id;
--- config
    tenant_header X-Server $tenant_id;

    location /t {
        tenant_auth on;
        tenant_header X-Location $tenant_id;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Location: acme
--- no_error_log
[error]


=== texts, fields of the caller and other variables go together in any way
--- http_config
    tenant_headers none;
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_header X-1 "text";
        tenant_header X-2 "";
        tenant_header X-3 "$tenant_id$tenant_tier";
        tenant_header X-4 "a/${tenant_ID}b/$tenant_agent/c";
        tenant_header X-5 "$tenant_id $request_method";
        tenant_header X-6 " $tenant_id";
        tenant_header X-7 "50%$tenant_id";
        tenant_header X-8 "$tenant_ids";
        tenant_header X-9 "é$tenant_id";
        set $tenant_ids "-$tenant_id-";
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-1: text
X-3: acmepremium
X-4: a/acmeb/support/c
X-5: acme GET
X-6: %20acme
X-7: 50%25acme
X-8: -acme-
X-9: %C3%A9acme
--- no_error_log
[error]


=== the ready set is whole however many headers a client sends
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request eval
[map { 'GET /t' } @::Lengths]
--- more_headers eval
[map { $::Bearer . join('', map { "\nContent-$_: x" } 1 .. $_) } @::Lengths]
--- response_body eval
[map { <<'HEADERS' } @::Lengths]
X-Tenant-Id: acme
X-Tenant-Tier: premium
X-Tenant-Model: silo
X-Tenant-Subject: user-1
X-Tenant-Actor-Id: acme:user-1
X-Tenant-Agent: support
HEADERS
--- no_error_log
[error]


=== a header of the ready set can be given another value
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header X-Tenant-Id "prod-$tenant_id";
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- more_headers eval: "$main::Bearer" . "X-Tenant-Id: prod-globex\n"
--- response_body
X-Tenant-Id: prod-acme
--- no_error_log
[error]


=== proxy_set_header goes over what the module sends
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header X-Mine $tenant_id;
        proxy_set_header X-Mine "$tenant_id of $tenant_subject";
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Mine: acme of user-1
--- no_error_log
[error]


=== a tenant_header can take the place of the client's credentials
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header Authorization "ApiKey of-$tenant_id";
        tenant_header X-User $tenant_subject;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent {
        return 200 "$http_authorization $http_x_user\n";
    }
--- response_body
ApiKey of-acme user-1
--- no_error_log
[error]


=== no claim can split a header, and no two claims give one value
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header X-Note $tenant_claim_note;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request eval: [('GET /t') x @main::Values]
--- more_headers eval: [map { main::claiming($_->[0]) } @main::Values]
--- response_body eval: [map { "X-Note: $_->[1]\n" } @main::Values]
--- no_error_log
[error]
[warn]


=== a subject cannot split a header of the ready set
--- config
    location /t {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
[map { main::bearer(sub => $_) } "a\r\nX-Tenant-Id: globex", "\x{e9}%"]
--- response_body eval
["X-Tenant-Id: acme\nX-Tenant-Tier: premium\n"
 . "X-Tenant-Subject: a%0D%0AX-Tenant-Id: globex\n"
 . "X-Tenant-Actor-Id: acme:a_0D_0AX-Tenant-Id_3A_20globex\n",
 "X-Tenant-Id: acme\nX-Tenant-Tier: premium\n"
 . "X-Tenant-Subject: %C3%A9%25\n"
 . "X-Tenant-Actor-Id: acme:_C3_A9_25\n"]
--- no_error_log
[error]
[warn]


=== a value of the registry is encoded like any other
--- config
    location /t {
        tenant_auth on;
        tenant_headers none;
        tenant_header X-Name $tenant_name;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- response_body
X-Name: Acm%C3%A9 100%25
--- no_error_log
[error]


=== a name with a colon is a configuration error
--- config
    location /t {
        tenant_header "X-A:" b;
    }
--- must_die
--- error_log
tenant_header: invalid name "X-A:"


=== a name with an underscore is a configuration error
--- config
    location /t {
        tenant_header X_A b;
    }
--- must_die
--- error_log
tenant_header: invalid name "X_A"


=== a header of the framing is a configuration error
--- config
    location /t {
        tenant_header Transfer-Encoding chunked;
    }
--- must_die
--- error_log
tenant_header: "Transfer-Encoding" is nginx's own to set


=== an unknown set is a configuration error
--- config
    location /t {
        tenant_headers all;
    }
--- must_die
--- error_log
invalid value "all"
