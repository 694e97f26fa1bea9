# What a client sends in our names is removed before ours is added: every
# name, spelling and duplicate that nginx would forward.

use Test::Nginx::Socket;
use Tenant::Fixtures;
use Tenant::Upstream ();

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};

# answers with every header it got, one a line, names in lower case
our $Agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    return join '', map { lc($_->[0]) . ": $_->[1]\n" }
                        grep { $_->[0] !~ /^(?:host|connection|content-)/i }
                        @{ $request->{headers} };
});
$ENV{TEST_NGINX_AGENT_PORT} = $Agent->port;

my $long = 'X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant-';
our @Names = ((map { ("X-Tenant-$_", "$long$_") }
                   qw(Id Tier Model Subject Actor-Id Agent Anything)),
              'X-Amzn-Bedrock-AgentCore-Runtime-User-Id',
              'X-Amz-Bedrock-AgentCore-Identity-WAT', 'WorkloadAccessToken',
              'X-Own');


sub forged
{
    my ($spell, $value) = @_;

    return join '', map { "$_: " . ($value // 'forged') . "\n" }
                    map { $spell->($_) } @Names;
}


sub mixed_case
{
    return join '', map { rand() < 0.5 ? uc : lc } split //, shift;
}

our $Mine = <<'OUT';
x-tenant-id: acme
x-tenant-tier: premium
x-tenant-model: silo
x-tenant-subject: user-1
x-tenant-actor-id: acme:user-1
x-tenant-agent: support
x-own: acme
OUT

our $Bearer = bearer();
(our $Authorization = $Bearer) =~ s/^Authorization/authorization/;
our $Seen = "$Authorization$Mine";

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF' . ($block->http_config // ''));
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
CONF
    return if $block->config;
    $block->set_value(config => <<'CONF');
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_header X-Own $tenant_id;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
CONF
});

plan tests => repeat_each() * (12 * 4 + 3 * 3);
run_tests();

__DATA__

=== without forgeries ours are there once
--- request
GET /t
--- more_headers eval: $main::Bearer
--- response_body eval: $main::Seen
--- no_error_log
[error]
removed the client's header


=== every name of both sets is removed
--- request
GET /t
--- more_headers eval
$main::Bearer . main::forged(sub { $_[0] })
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "X-Tenant-Anything"
--- no_error_log
[error]


=== names are removed in lower case
--- request
GET /t
--- more_headers eval
$main::Bearer . main::forged(sub { lc $_[0] })
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "x-own"
--- no_error_log
[error]


=== names are removed in upper case
--- request
GET /t
--- more_headers eval
$main::Bearer . main::forged(sub { uc $_[0] })
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "WORKLOADACCESSTOKEN"
--- no_error_log
[error]


=== names are removed in mixed case, twenty times each
--- http_config
    large_client_header_buffers 16 64k;
--- request
GET /t
--- more_headers eval
main::forged(\&main::mixed_case) x 10 . $main::Bearer
. main::forged(\&main::mixed_case) x 10
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header
--- no_error_log
[error]


=== a header with the value it should have is sent once all the same
--- request
GET /t
--- more_headers eval
"X-Tenant-Id: acme\n$main::Bearer"
. "X-Tenant-Id: acme\nX-Tenant-Subject: user-1\nX-Own: acme\n"
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "X-Tenant-Id"
--- no_error_log
[error]


=== an empty forgery is removed
--- request
GET /t
--- more_headers eval
$main::Bearer . main::forged(sub { $_[0] }, '')
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "X-Tenant-Id"
--- no_error_log
[error]


=== underscores for "-" are removed where nginx forwards them
--- http_config
    underscores_in_headers on;
--- request
GET /t
--- more_headers eval
$main::Bearer . main::forged(sub { $_[0] =~ tr/-/_/r })
. "X_Tenant-Id: a\nX-Tenant_Id: b\n"
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "X_Tenant_Id"
--- no_error_log
[error]


=== any other character for "-" is removed where nginx forwards it
--- http_config
    ignore_invalid_headers off;
--- request
GET /t
--- more_headers eval
$main::Bearer
. CORE::join '', map { my $c = $_;
                               main::forged(sub { $_[0] =~ s/-/$c/gr }) }
                             '.', '_', '!', '~', "'", '/', '(', '@'
--- response_body eval: $main::Seen
--- error_log
tenant: removed the client's header "X.Tenant.Id"
--- no_error_log
[error]


=== underscores are dropped by nginx itself otherwise
--- request
GET /t
--- more_headers eval
$main::Bearer . main::forged(sub { $_[0] =~ tr/-/_/r } )
=~ s/^(?:WorkloadAccessToken).*\n//mr
--- response_body eval: $main::Seen
--- no_error_log
[error]
removed the client's header


=== naming ours as hop-by-hop does not take them away
--- request
GET /t
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: x\r\n$main::Bearer"
. "Connection: close, X-Tenant-Id, X-Tenant-Tier, X-Own\r\n"
. "Connection: X-Tenant-Actor-Id\r\n"
. "Keep-Alive: X-Tenant-Id\r\nTE: trailers\r\nTrailer: X-Tenant-Id\r\n\r\n"
--- response_body_like eval
qr/^\Q$main::Mine\E\z/m
--- no_error_log
[error]
removed the client's header


=== a forged header in the trailer of a body is not a header
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n$main::Bearer"
. "Transfer-Encoding: chunked\r\n\r\n"
. "1\r\nx\r\n0\r\nX-Tenant-Id: globex\r\n\r\n"
--- response_body eval: $main::Seen
--- no_error_log
[error]
removed the client's header


=== a location with headers and without tenant_auth removes and adds nothing
--- config
    location /t {
        tenant_headers default;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- more_headers eval
main::forged(sub { $_[0] }) =~ s/^X-Own.*\n//mr . "X-Other: kept\n"
--- response_body
x-other: kept
--- no_error_log
[error]


=== optional authentication without a token removes and adds nothing
--- config
    location /t {
        tenant_auth optional;
        tenant_header X-Own $tenant_id;
        proxy_pass http://127.0.0.1:$TEST_NGINX_AGENT_PORT;
    }
--- request
GET /t
--- more_headers eval
main::forged(sub { $_[0] }) . "X-Other: kept\n"
--- response_body
x-other: kept
--- no_error_log
[error]


=== headers of others stay, in order, however many there are
--- request
GET /t
--- more_headers eval
CORE::join('', map { "X-Kept-$_: $_\nX-Tenant-$_: forged\n" } 1 .. 60)
. $main::Bearer
--- response_body eval
CORE::join('', map { "x-kept-$_: $_\n" } 1 .. 60) . $main::Seen
--- no_error_log
[error]
