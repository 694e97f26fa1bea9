# One token asks again and again: what is known of its decisions is that of
# the same policies, action, agent and tenant, and of no context.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Json = JSON::PP->new->canonical;
my $Path = fixture_dir() . '/again/registry.db';
my $Registry = registry(
    port => $Agent->port,
    agent => { (map { $_ => {} } qw(address method session tls path error)),
               other => { attributes => { open => JSON::PP::true } } },
    tenant => { acme => { attributes => { plan => 'full' },
                          routes => { map { $_ => { model => 'pool' } }
                                      qw(support other address method session tls path
                                         error) } } });

my $Main = write_fixture('main.cedar', <<'EOF_CEDAR');
@id("open")
permit(principal, action, resource) when { resource has open && resource.open };
@id("support")
permit(principal, action == Action::"InvokeAgent",
       resource == Agent::"support");
@id("late")
permit(principal, action == Action::"Act20", resource == Agent::"support");
@id("office")
forbid(principal, action, resource)
when { context has session && context.session == "outside" };
@id("plan")
forbid(principal, action, resource) when { principal.tenant.plan == "none" };
EOF_CEDAR
my $Closed = write_fixture('closed.cedar', <<'EOF_CEDAR');
@id("nobody")
permit(principal, action, resource) when { context.path == "/never" };
EOF_CEDAR

# Each agent of these has a policy of its own, for one thing of the context.
my $Client = write_fixture('client.cedar', <<'EOF_CEDAR');
permit(principal, action, resource);
@id("address")
forbid(principal, action, resource == Agent::"address")
unless { context.source_ip.isInRange(ip("192.0.2.0/24"))
         || context.source_ip == ip("2001:db8::7") };
@id("method")
forbid(principal, action, resource == Agent::"method")
when { context.method == "DELETE" || context.method == "SECOND" };
@id("session")
forbid(principal, action, resource == Agent::"session")
when { context has session && context.session like "out*" };
@id("tls")
forbid(principal, action, resource == Agent::"tls") unless { context.tls };
@id("path")
forbid(principal, action, resource == Agent::"path")
when { context.path like "*secret*" };
@id("error")
forbid(principal, action, resource == Agent::"error")
when { context has session && context.session > 1 };
EOF_CEDAR
my $Tls = free_port();
my $Dir = fixture_dir();
my $openssl = join ' ', qw(openssl req -x509 -newkey ec -nodes -days 2),
    qw(-pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost),
    '-keyout', "$Dir/tls.key", '-out', "$Dir/tls.pem";
my $made = qx($openssl 2>&1);
die "no certificate: $made\n" if $?;

# location, policies (none: those of the whole configuration), action
sub location
{
    my ($name, $policies, $action) = @_;

    $policies = $policies ? "tenant_policy_file $policies;" : '';

    return <<"EOF_LOCATION";
        location ~ ^/$name/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent \$agent;
            $policies
            $action
            proxy_pass http://agents;
            add_header X-Policies \$tenant_policy_ids always;
        }
EOF_LOCATION
}

my $server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    tenant_registry $Path seed=$Registry->{path};
    tenant_policy_file $Client;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }

    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;

    server {
        listen 127.0.0.1:$Tls ssl;
        ssl_certificate $Dir/tls.pem;
        ssl_certificate_key $Dir/tls.key;

${\ location(client => undef, '') }
    }
EOF_HTTP
    server => location(main => $Main, '')
              . location(client => undef, '')
              . "location /tls/ { proxy_pass https://127.0.0.1:$Tls/client/; }"
              . location(closed => $Closed, '')
              . location(named => $Main, 'tenant_action $arg_action;')
              . "location /metrics { tenant_metrics; }\n"
              . "location /admin/ { tenant_api; }\n");

$server->start or die $server->error_log;

my $Token = token(sub => 'alice');


# ask(path, session, token): the status and the policies that determined it
sub ask
{
    my ($path, $session, $token) = @_;
    my $answer = $server->request(GET => $path,
        Authorization => 'Bearer ' . ($token // $Token),
        $session ? ('Mcp-Session-Id' => $session) : ());
    my $policies = $answer->header('X-Policies');

    return $answer->status . ($policies ? " $policies" : '');
}


sub change
{
    my ($path, $members) = @_;
    my $answer = $server->request(PATCH => "/admin/v1/$path",
        'Content-Type' => 'application/merge-patch+json',
        ':body' => $Json->encode($members));

    is($answer->status, 200, "$path is changed");
}


# The context is looked at each time.

for my $round (1, 2) {
    is(ask('/main/support'), '200 support', "round $round: permitted");
    is(ask('/main/support', 'outside'), '403 office',
       '... not from outside');
    is(ask('/main/support', 'inside'), '200 support', '... but from inside');
}

# Agents, actions and policies in turns.

for my $round (1, 2) {
    is(ask('/main/other'), '200 open', "round $round: another agent");
    is(ask('/main/support'), '200 support', '... and the first again');
    is(ask('/main/support/ping'), 403, '... another action');
    is(ask('/main/other/ping'), '200 open', '... of the other agent');
    is(ask('/closed/support'), 403, '... other policies');
    is(ask('/main/support'), '200 support', '... and the first again');
}

# More names of actions than a worker keeps, and one that is long.

my $long = 'x' x 100;

for my $round (1, 2) {
    for my $action ((map { "Act$_" } 1 .. 20), $long) {
        is(ask("/named/support?action=$action"),
           $action eq 'Act20' ? '200 late' : 403,
           "round $round: $action by its own policies");
        is(ask("/named/other?action=$action"), '200 open',
           '... and permitted where any action is');
        is(ask("/named/other?action=$action", 'outside'), '403 office',
           '... not from outside');
    }

    is(ask('/named/support?action=Act19'), 403, 'one name after the other');
    is(ask('/named/support?action=Act20'), '200 late', '... of those');
    is(ask('/named/support?action=Act19'), 403, '... that are not kept');
    is(ask('/named/support?action=InvokeAgent'), '200 support',
       'the usual action by its name');
}

# What the decision depended on changes under the same token.

is(ask('/main/other'), '200 open', 'the agent is open');
change('agents/other', { attributes => { open => JSON::PP::false } });
is(ask('/main/other'), 403, '... and closed by a change');
change('agents/other', { attributes => { open => JSON::PP::true } });
is(ask('/main/other'), '200 open', '... and open again');

change('tenants/acme', { attributes => { plan => 'none' } });
is(ask('/main/other'), '403 plan', 'its tenant may not any more');
is(ask('/main/support'), '403 plan', '... nowhere');
change('tenants/acme', { attributes => { plan => 'full' } });
is(ask('/main/support'), '200 support', '... and may again');

# What a policy asked for of the client is looked at each time, and what none
# asked for is not.

sub client
{
    my ($what, %opt) = @_;
    my $answer = $server->request($opt{method} // 'GET',
        ($opt{at} // '/client/') . $what,
        Authorization => "Bearer $Token",
        $opt{address} ? ('X-Real-IP' => $opt{address}) : (),
        $opt{session} ? ('Mcp-Session-Id' => $opt{session}) : ());

    return $answer->status;
}

for my $round (1, 2) {
    for my $row (['192.0.2.1', 200], ['192.0.2.1', 200], ['192.0.3.1', 403],
                 ['192.0.3.1', 403], ['192.0.2.2', 200],
                 ['2001:db8::7', 200], ['2001:db8::7', 200],
                 ['2001:db8::8', 403], ['192.0.2.1', 200],
                 ['::ffff:192.0.3.1', 403], ['::ffff:192.0.2.1', 200])
    {
        is(client('address', address => $row->[0]), $row->[1],
           "round $round: from $row->[0]: $row->[1]");
    }

    for my $row ([GET => 200], [GET => 200], [DELETE => 403],
                 [DELETE => 403], [POST => 200], [FIRST => 200],
                 [SECOND => 403], [FIRST => 200], [GET => 200], [DELETE => 403])
    {
        is(client('method', method => $row->[0]), $row->[1],
           "round $round: $row->[0]: $row->[1]");
    }

    for my $row ([undef, 200], [undef, 200], ['out-1', 403], ['in', 200],
                 ['out-2', 403], [undef, 200], ['out-1', 403])
    {
        is(client('session', session => $row->[0]), $row->[1],
           "round $round: session " . ($row->[0] // 'none')
           . ": $row->[1]");
    }

    for my $row (['/client/', 403], ['/tls/', 200], ['/tls/', 200],
                 ['/client/', 403], ['/client/', 403], ['/tls/', 200])
    {
        is(client('tls', at => $row->[0]), $row->[1],
           "round $round: $row->[0]tls: $row->[1]");
    }

    for my $row (['path', 200], ['path', 200], ['path/secret', 403],
                 ['path', 200], ['path/secret', 403])
    {
        is(client($row->[0]), $row->[1],
           "round $round: $row->[0]: $row->[1]");
    }

    # a policy that fails is skipped and counted, each time
    my $before = errors();

    is(client('error'), 200, 'a policy that looks at nothing of it');
    is(client('error', session => 'x'), 200, '... fails with a session');
    is(client('error', session => 'x'), 200, '... and again');
    is(errors() - $before, 2, '... and is counted each time');
}


sub errors
{
    my ($n) = $server->request(GET => '/metrics')->body
        =~ /^tenant_policy_errors_total (\d+)$/m;

    return $n;
}

# Another token of the same user and of another tenant's.

is(ask('/main/support', undef, token(sub => 'bob')), '200 support',
   'another user');
is(ask('/main/support', 'outside', token(sub => 'bob')), '403 office',
   '... not from outside');

done_testing();
