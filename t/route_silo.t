# Where a tenant's requests go: its own servers per agent, or the pool, and
# never another's when those are down.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Dead = free_port();
my $Dead2 = free_port();
my $First = Tenant::Upstream->new(respond => \&first);
my $Second = Tenant::Upstream->new(respond => sub { 'second' });
my $Pool = Tenant::Upstream->new(respond => sub { 'pool' });
my $Socket = fixture_dir() . '/silo.sock';

my %Silo = (
    live    => [$First->port],
    two     => [$First->port, $Second->port],
    half    => [$Dead, $Second->port],
    dead    => [$Dead],
    corpses => [$Dead, $Dead2],
);

my $Registry = registry(
    tenant => {
        acme => { routes => {
            (map { $_ => { model => 'silo', servers => [
                       map { "127.0.0.1:$_" } @{ $Silo{$_} }] } }
                 keys %Silo),
            unix   => { model => 'silo', servers => ["unix:$Socket"] },
            pooled => { model => 'pool' },
        } },
        globex => { routes => {
            two => { model => 'silo',
                     servers => ['127.0.0.1:' . $Second->port] } } },
    },
    agent => { map { $_ => {} } keys %Silo, qw(unix pooled ipv6) });

my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = (
    acme   => token(),
    globex => token(key => 'shared_rs256', tenant => 'globex'),
);

my $Server = Tenant::Server->new(
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    log_format routes '\$tenant_id \$tenant_agent \$tenant_model '
                      '\$upstream_addr \$status';
    access_log %PREFIX%/logs/routes.log routes;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Pool->port };
        keepalive 8;
    }

    server {
        listen unix:$Socket;
        location / { return 200 "unix"; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location ~ ^/once/(?<once>[a-z0-9]+) {
            tenant_auth on;
            tenant_agent $once;
            proxy_next_upstream off;
            proxy_pass http://agents;
        }

        location ~ ^/busy/(?<busy>[a-z0-9]+) {
            tenant_auth on;
            tenant_agent $busy;
            proxy_next_upstream error http_503;
            proxy_pass http://agents;
        }

        location ~ ^/(?<agent>[a-z0-9]+) {
            tenant_auth on;
            tenant_agent $agent;
            proxy_pass http://agents;
        }

        location = /metrics { tenant_metrics; }

        location ^~ /open/ {
            proxy_pass http://agents;
        }

        location ^~ /anybody/ {
            tenant_auth optional;
            tenant_agent two;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub first
{
    my ($request) = @_;

    return [503, ['Content-Type', 'text/plain'], 'busy']
        if $request->{path} =~ /busy/;
    return 'first';
}


sub ask
{
    my ($tenant, $path) = @_;

    return $Server->request(GET => $path, $tenant
        ? (Authorization => "Bearer $Token{$tenant}") : ());
}


# The last line of the log of routes.
sub route
{
    my ($pattern) = @_;

    $Server->wait_until(sub { $Server->log_text('routes.log') =~ $pattern });
    my @lines = split /\n/, $Server->log_text('routes.log');
    return $lines[-1];
}


is(ask('acme', '/live')->body, 'first', 'a silo tenant gets its silo');
like(route(qr/^acme live/m),
     qr/^acme live silo 127\.0\.0\.1:${\ $First->port } 200$/,
     '... and the log says so');

is(ask('globex', '/live')->body, 'pool', 'a pool tenant gets the pool');
like(route(qr/^globex live/m), qr/^globex live pool /, '... and so here');

is(ask('acme', '/pooled')->body, 'pool',
   'a silo tenant gets the pool for an agent it shares');
is(ask('globex', '/two')->body, 'second',
   'a pool tenant gets its silo for an agent of its own');
is(ask('acme', '/unix')->body, 'unix', 'a silo may be a UNIX-domain socket');

is_deeply([sort map { ask('acme', '/two')->body } 1 .. 4],
          [qw(first first second second)],
          'requests are spread over the servers of a silo');

{
    my $before = () = $Pool->requests;
    my $res = ask('acme', '/dead');

    is($res->status, 502, 'a silo that is down is a 502');
    ok($Server->wait_log(
           qr/\[warn\].*tenant\ "acme":\ silo\ server\ 127\.0\.0\.1:$Dead
              \ failed/x, 2),
       '... that names the tenant and the server');
    is(scalar(() = $Pool->requests), $before,
       '... and sends nothing to the pool');

    is(ask('acme', '/corpses')->status, 502,
       'a silo with all its servers down is a 502');
    like(route(qr/^acme corpses/m),
         qr/^acme corpses silo 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ 502$/,
         '... after each of them was tried');
    is(scalar(() = $Pool->requests), $before,
       '... and sends nothing to the pool either');
}

is_deeply([map { ask('acme', '/half')->body } 1 .. 4], [('second') x 4],
          'a server that is down is passed over within the silo');
{
    my $failed = () = $Server->error_log =~ /silo server .*:$Dead failed/g;

    ask('acme', '/half') for 1 .. 4;
    is(scalar(() = $Server->error_log =~ /silo server .*:$Dead failed/g),
       $failed, '... and then left alone for a while');
}

{
    my %seen = map { ask('acme', '/busy/two')->body => 1 } 1 .. 4;

    is_deeply(\%seen, { second => 1 },
              'proxy_next_upstream goes on to the next server of the silo');

    is(ask('acme', '/once/dead')->status, 502,
       'proxy_next_upstream off stops at the first server');
}

{
    my $res = ask('acme', '/ipv6');

    is($res->status, 503, 'a silo tenant without servers for an agent: 503');
    is($res->header('Retry-After'), 5, '... that may be tried again');
    is($res->header('Content-Type'), 'application/problem+json',
       '... as a problem document');
    is_deeply($res->json, {
        type => 'urn:ngx-tenant:problem:no-route',
        title => 'Service Unavailable', status => 503,
        detail => 'the tenant has no server for this agent' },
        '... with its reason');
    is(ask('globex', '/ipv6')->body, 'pool', '... and a pool tenant has one');
}

for my $path ('/open/', '/anybody/') {
    my $before = () = $Pool->requests;

    is(ask(undef, $path)->status, 500,
       "$path: an upstream with tenant_route takes no stranger");
    ok($Server->wait_log(qr/tenant_route:\ no\ tenant\ or\ no\ agent\ in\ this
                            \ location,\ upstream\ "agents"\ refused/x, 2),
       '... and the log says why');
    is(scalar(() = $Pool->requests), $before, '... and nothing is sent');
}

{
    my $failed = () = $Server->error_log
                          =~ /tenant "acme": silo server \S+ failed/g;
    my $metrics = $Server->request(GET => '/metrics')->body;

    cmp_ok($failed, '>', 3, 'servers have failed');
    like($metrics, qr/^tenant_server_failures_total\{tenant="acme",
                      model="silo"\}\ $failed$/mx,
         '... and each time is counted for the tenant');
    unlike($metrics, qr/^tenant_server_failures_total\{tenant="globex"/m,
           '... and for no other');
}

# A server that was down and comes back: the silo's last one is never given
# up, whatever it did before.
{
    my $Late = Tenant::Upstream->new(port => $Dead,
                                     respond => sub { 'back' });

    is(ask('acme', '/dead')->body, 'back',
       'the only server of a silo is tried again at once');
    is(ask('acme', '/corpses')->body, 'back',
       'of two that failed the one that is back answers');
    $Late->stop;
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
