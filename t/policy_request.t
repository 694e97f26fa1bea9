# What a policy can see of the caller, the agent and the request.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Acme = 'https://acme.idp.test';
my $Shared = 'https://shared.idp.test';
my $Session = 'X-Amzn-Bedrock-AgentCore-Runtime-Session-Id';

my $Registry = registry(
    tier => {
        premium => { attributes => { long_context => \1, seats => 10 } },
        basic   => { attributes => { long_context => \0 } },
    },
    tenant => {
        acme => { attributes => { seats => 50, regions => ['eu', 'us'],
                                  office => { __extn => {
                                      fn => 'ip', arg => '127.0.0.0/8' } },
                                  contract => { level => 3 } },
                  routes => { support => { model => 'pool' },
                              analyst => { model => 'pool' } } },
    },
    issuer => {
        $Acme => { claims => { roles => 'cognito:groups' } },
        $Shared => { claims => { roles => 'realm_access.roles' } },
    },
    agent => {
        support => { attributes => { sensitivity => 1 } },
        analyst => { protocol => 'mcp',
                     attributes => { sensitivity => 2 } },
    });

my %Token = (
    alice => token(sub => 'alice', client_id => 'app-1',
                   scope => 'agents/invoke agents/read', claims => {
        'cognito:groups' => ['analyst', 'staff'], department => 'hr',
        level => 7, verified => \1, ratio => 0.57, change => -1.1,
        fine => 0.12345, nothing => undef, regions => ['eu'],
        mixed => ['eu', undef], address => { city => 'Bern', zip => undef },
        'custom:plan' => 'gold' }),
    bob => token(key => 'shared_rs256', sub => 'bob', tenant => 'globex',
                 claims => { realm_access => { roles => ['contractor'] } }),
);

# Whose request, what must hold, what must not.  The condition is that of a
# permit, the only policy of its location.
my @seen = (
    ['the principal is issuer and subject', 'alice',
     "principal == User::\"$Acme#alice\"", "principal == User::\"alice\""],
    ['the principal is in its tenant', 'alice',
     'principal in Tenant::"acme"', 'principal in Tenant::"globex"'],
    ['... and through it in the tier', 'alice',
     'principal in Tier::"premium"', 'principal in Tier::"basic"'],
    ['... and in its roles', 'alice',
     'principal in Role::"staff" && principal in Role::"analyst"',
     'principal in Role::"contractor"'],
    ['roles may be nested in the token', 'bob',
     'principal in Role::"contractor" && principal.roles == ["contractor"]',
     'principal in Role::"staff"'],
    ['the principal knows its tenant', 'bob',
     'principal.tenant == Tenant::"globex" && principal.tenant.id == '
     . '"globex"', 'principal.tenant == Tenant::"acme"'],
    ['... its tier', 'bob',
     'principal.tier == "basic" && principal.tenant.tier == "basic"',
     'principal.tier == "premium"'],
    ['... its issuer and subject', 'bob',
     "principal.iss == \"$Shared\" && principal.sub == \"bob\"",
     'principal.sub == "alice"'],
    ['... its client', 'alice', 'principal.client_id == "app-1"',
     '!(principal has client_id)'],
    ['a token without client has no such attribute', 'bob',
     '!(principal has client_id)', 'principal has client_id'],
    ['... its scopes', 'alice',
     'principal.scopes.containsAll(["agents/read", "agents/invoke"])',
     'principal.scopes.contains("agents")'],
    ['a token without scopes has an empty set', 'bob',
     'principal.scopes == [] && principal.roles != []',
     'principal.scopes.contains("agents/read")'],

    ['the tenant has its status', 'alice',
     'principal.tenant.status == "active"',
     'principal.tenant.status == "suspended"'],
    ['... the attributes of its tier', 'alice',
     'principal.tenant.long_context', '!principal.tenant.long_context'],
    ['... which differ from those of another', 'bob',
     '!principal.tenant.long_context', 'principal.tenant.long_context'],
    ['... its own, which win', 'alice', 'principal.tenant.seats == 50',
     'principal.tenant.seats == 10'],
    ['... sets', 'alice', 'principal.tenant.regions.contains("us")',
     'principal.tenant.regions.contains("ap")'],
    ['... records', 'alice', 'principal.tenant.contract.level > 2',
     'principal.tenant.contract has term'],
    ['... and addresses', 'alice',
     'context.source_ip.isInRange(principal.tenant.office)',
     '!context.source_ip.isInRange(principal.tenant.office)'],

    ['the resource is the agent', 'alice', 'resource == Agent::"support"',
     'resource == Agent::"analyst"'],
    ['... with its id and protocol', 'alice',
     'resource.id == "support" && resource.protocol == "http"',
     'resource.protocol == "mcp"'],
    ['... and its attributes', 'alice', 'resource.sensitivity == 1',
     'resource.sensitivity == 2'],

    ['a claim is a tag', 'alice',
     'principal.hasTag("department") && principal.getTag("department") == '
     . '"hr"', 'principal.getTag("department") == "it"'],
    ['... an integer a Long', 'alice', 'principal.getTag("level") == 7',
     'principal.getTag("level") == "7"'],
    ['... true a Bool', 'alice', 'principal.getTag("verified")',
     '!principal.getTag("verified")'],
    ['... a fraction a decimal', 'alice',
     'principal.getTag("ratio") == decimal("0.57")',
     'principal.getTag("ratio") == decimal("0.5699")'],
    ['... a negative one too', 'alice',
     'principal.getTag("change") == decimal("-1.1")',
     'principal.getTag("change") == decimal("-1.1001")'],
    ['... one that is too fine none', 'alice', '!principal.hasTag("fine")',
     'principal.hasTag("fine")'],
    ['... null none', 'alice', '!principal.hasTag("nothing")',
     'principal.hasTag("nothing")'],
    ['... an array a Set', 'alice', 'principal.getTag("regions") == ["eu"]',
     'principal.getTag("regions") == []'],
    ['... one with null in it none', 'alice', '!principal.hasTag("mixed")',
     'principal.hasTag("mixed")'],
    ['... an object a record without its nulls', 'alice',
     'principal.getTag("address") == {city: "Bern"}',
     'principal.getTag("address") has zip'],
    ['... a name with punctuation as it is', 'alice',
     'principal.getTag("custom:plan") == "gold"',
     'principal.hasTag("custom_plan")'],
    ['... a claim that is not there none', 'bob',
     '!principal.hasTag("department")', 'principal.hasTag("department")'],
    ['a tag may be looked up by a computed name', 'alice',
     'principal.getTag(if principal.tier == "premium" then "department" '
     . 'else "level") == "hr"',
     'principal.hasTag(if principal.tier == "premium" then "none" '
     . 'else "level")'],

    ['context.method is the method', 'alice', 'context.method == "GET"',
     'context.method == "POST"'],
    ['context.path is decoded and normalised', 'alice',
     'context.path like "/allow*/x y"', 'context.path like "*%20*"',
     '/a/../x%20y?q=1'],
    ['context.source_ip is the client', 'alice',
     'context.source_ip == ip("127.0.0.1") && context.source_ip.isIpv4()',
     'context.source_ip.isIpv6()'],
    ['... after real_ip', 'alice', 'context.source_ip == ip("192.0.2.7")',
     'context.source_ip == ip("127.0.0.1")', '/', 'X-Real-IP', '192.0.2.7'],
    ['... in IPv6', 'alice', 'context.source_ip == ip("2001:db8::7")',
     'context.source_ip.isIpv4()', '/', 'X-Real-IP', '2001:db8::7'],
    ['... and an IPv4 client of a dual-stack socket is one', 'alice',
     'context.source_ip == ip("192.0.2.7")', 'context.source_ip.isIpv6()',
     '/', 'X-Real-IP', '::ffff:192.0.2.7'],
    ['context.now is the time', 'alice',
     'context.now > datetime("2024-01-01") '
     . '&& context.now < datetime("2100-01-01")',
     'context.now < datetime("2024-01-01")'],
    ['context.tls is false without TLS', 'alice', '!context.tls',
     'context.tls'],
    ['context has no session unless one is named', 'alice',
     '!(context has session)', 'context has session'],
    ['context.session is that of an AgentCore runtime', 'alice',
     'context.session == "s-1"', '!(context has session)',
     '/', $Session, 's-1'],
    ['... or that of MCP', 'alice', 'context.session == "m-1"',
     '!(context has session)', '/', 'mcp-session-id', 'm-1'],
    ['the whole context may be compared', 'alice',
     'context != {method: "GET"} && context has tls && context has path '
     . '&& context has method && context has source_ip && context has now',
     'context == {}'],

    ['nobody is the anonymous principal', undef,
     'principal == Anonymous::"anonymous" && !(principal is User)',
     'principal is User'],
    ['... with nothing to his name', undef,
     '!(principal has tenant) && !(principal in Tenant::"acme")',
     'principal has tenant'],

    # actions
    ['a request invokes the agent', 'alice',
     'action == Action::"InvokeAgent"', 'action == Action::"PingAgent"'],
    ['GET of a path that ends in /ping pings it', 'alice',
     'action == Action::"PingAgent"', 'action == Action::"InvokeAgent"',
     '/ping'],
    ['... also with arguments', 'alice', 'action == Action::"PingAgent"',
     'action == Action::"InvokeAgent"', '/ping?x=/invocations'],
    ['... but not /ping within the path', 'alice',
     'action == Action::"InvokeAgent"', 'action == Action::"PingAgent"',
     '/ping/x'],
    ['... nor a name that ends in ping', 'alice',
     'action == Action::"InvokeAgent"', 'action == Action::"PingAgent"',
     '/xping'],
    ['... nor in the arguments', 'alice',
     'action == Action::"InvokeAgent"', 'action == Action::"PingAgent"',
     '/x?y=/ping'],
);

my $locations = '';

for my $i (0 .. $#seen) {
    my (undef, undef, $holds, $fails) = @{ $seen[$i] };

    for my $pair (['allow', $holds], ['deny', $fails]) {
        my ($name, $condition) = @$pair;
        my $file = write_fixture("$name$i.cedar",
            "permit(principal, action, resource)\nwhen { $condition };\n");

        $locations .= <<"EOF_LOCATION";
        location /$name$i/ {
            tenant_policy_file $file;
            tenant_agent support;
            proxy_pass http://127.0.0.1:%AGENT%;
        }
EOF_LOCATION
    }
}

my $Named = write_fixture('named.cedar', <<'EOF_CEDAR');
permit(principal, action == Action::"tools:read", resource);
permit(principal, action == Action::"InvokeAgent", resource)
when { context.tls };
permit(principal, action == Action::"PingAgent", resource)
when { context.method == "POST" };
EOF_CEDAR

my $Agent = free_port();
my $Tls = free_port();
my $Gate = free_port();
my $dir = fixture_dir();

my $openssl = join ' ', qw(openssl req -x509 -newkey ec -nodes -days 2),
    qw(-pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost),
    '-keyout', "$dir/tls.key", '-out', "$dir/tls.pem";
my $made = qx($openssl 2>&1);
die "no certificate: $made\n" if $?;

$locations =~ s/%AGENT%/$Agent/g;

my $Server = Tenant::Server->new(
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;

    server {
        listen 127.0.0.1:$Agent;
        location / { return 200 ok; }
    }

    server {
        listen 127.0.0.1:$Tls ssl;
        ssl_certificate $dir/tls.pem;
        ssl_certificate_key $dir/tls.key;

        location / {
            tenant_auth on;
            tenant_policy_file $Named;
            tenant_agent support;
            proxy_pass http://127.0.0.1:$Agent;
        }
    }

    server {
        listen 127.0.0.1:$Gate;
        location / { proxy_pass https://127.0.0.1:$Tls; }
    }
EOF_HTTP
    server => <<"EOF_SERVER",
        tenant_auth optional;
$locations
        location /action/ {
            tenant_auth on;
            tenant_policy_file $Named;
            tenant_agent support;
            tenant_action \$arg_action;
            proxy_pass http://127.0.0.1:$Agent;
        }

        location /method/ {
            tenant_auth on;
            tenant_policy_file $Named;
            tenant_agent support;
            proxy_pass http://127.0.0.1:$Agent;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub ask
{
    my ($who, $path, @headers) = @_;

    push @headers, Authorization => "Bearer $Token{$who}" if $who;
    return $Server->request(GET => $path, @headers);
}


for my $i (0 .. $#seen) {
    my ($title, $who, $holds, $fails, $rest, @headers) = @{ $seen[$i] };

    is(ask($who, "/allow$i" . ($rest // '/'), @headers)
           ->status, 200, "$title: $holds");
    is(ask($who, "/deny$i" . ($rest // '/'), @headers)->status, 403,
       "... and not: $fails");
}

is($Server->error_log =~ s/^(?!.*failed and was skipped).*\n//mgr, '',
   'no policy has failed on the way');

is(ask('alice', '/action/?action=tools:read')->status, 200,
   'tenant_action names the action');
is(ask('alice', '/action/ping?action=tools:write')->status, 403,
   '... whatever method and path say');

{
    my @auth = (Authorization => "Bearer $Token{alice}");

    is($Server->request(POST => '/action/?action=PingAgent', @auth)->status,
       200, 'a POST may ping if tenant_action says so');
    is($Server->request(POST => '/method/ping', @auth)->status, 403,
       '... but of itself it invokes, whatever the path');
}

for my $action ('', 'a' x 129) {
    my $res = ask('alice', "/action/?action=$action");

    is($res->status, 400,
       length($action) . ' bytes are no name of an action');
    is($res->json->{type}, 'urn:ngx-tenant:problem:invalid-request',
       '... and the problem says so');
}

is(ask('alice', '/action/?action=' . 'a' x 128)->status, 403,
   '128 bytes are one');

is(Tenant::HTTP::http($Gate, GET => '/', Authorization =>
                      "Bearer $Token{alice}")->status, 200,
   'context.tls is true with TLS');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
