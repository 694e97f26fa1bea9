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
    agent => { other => { attributes => { open => JSON::PP::true } } },
    tenant => { acme => { attributes => { plan => 'full' },
                          routes => { map { $_ => { model => 'pool' } }
                                      qw(support other) } } });

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

# location, policies, action
sub location
{
    my ($name, $policies, $action) = @_;

    return <<"EOF_LOCATION";
        location ~ ^/$name/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent \$agent;
            tenant_policy_file $policies;
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

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }
EOF_HTTP
    server => location(main => $Main, '')
              . location(closed => $Closed, '')
              . location(named => $Main, 'tenant_action $arg_action;')
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

# Another token of the same user and of another tenant's.

is(ask('/main/support', undef, token(sub => 'bob')), '200 support',
   'another user');
is(ask('/main/support', 'outside', token(sub => 'bob')), '403 office',
   '... not from outside');

done_testing();
