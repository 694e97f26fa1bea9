# What the control plane tells of routes: where requests go now, and why, and
# how the servers there are doing; and that what it changes is so at once.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::DNS;
use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Json = JSON::PP->new->canonical;
my $Port = free_port();
my $Dead = free_port();
my %Agent = map { my $name = $_;
                  $name => Tenant::Upstream->new(respond => sub { $name }) }
                qw(one two pool);
my %At = map { $_ => '127.0.0.1:' . $Agent{$_}->port } keys %Agent;
my $Dns = Tenant::DNS->new(
    'agent.test' => { A => ['127.0.0.1'] },
    'local.test' => { A => ['169.254.1.1'] });
my $Named = 'agent.test:' . $Agent{two}->port;

my %Routes = (
    support => { model => 'silo', tls => \0, server_name => 'acme.test',
                 servers => [$At{one},
                             { address => $At{two}, weight => 3,
                               max_fails => 2, fail_timeout => 5,
                               backup => \1 }] },
    down  => { model => 'silo', servers => ["127.0.0.1:$Dead", $At{one}] },
    named => { model => 'silo', servers => [$Named, 'local.test:1',
                                            'nowhere.test:1'] },
    drain => { model => 'silo', servers => [
        $At{one}, { address => $At{two}, drain => \1 }] },
    pooled => { model => 'pool' },
);

my $Registry = registry(
    tier => { premium => { routes => { tiered => { model => 'pool' } } } },
    tenant => { acme => { routes => \%Routes } },
    agent => { map { $_ => {} } qw(down named drain pooled tiered none) });
my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my $Token = token();


sub gateway
{
    my ($port, $more) = @_;
    my $gateway = Tenant::Server->new(
        workers => 2,
        http => <<"EOF_HTTP",
    $more
    tenant_registry ${\ fixture_dir() }/state/registry.db
                    seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server $At{pool};
    }

    server {
        listen 127.0.0.1:$port reuseport;

        location /admin/ { tenant_api; }

        location ~ ^/(?<agent>[a-z]+)\$ {
            tenant_auth on;
            tenant_agent \$agent;
            proxy_pass http://agents;
        }
    }
EOF_HTTP
    );

    $gateway->start or die $gateway->error_log;
    return $gateway;
}


my $Gateway = gateway($Port, "resolver 127.0.0.1:${\ $Dns->port };"
                             . ' tenant_route_allow 127.0.0.0/8;');


sub ask
{
    my ($agent) = @_;
    my $res = Tenant::HTTP::http($Port, GET => "/$agent",
                                 Authorization => "Bearer $Token");

    return $res->status == 200 ? $res->body : $res->status;
}


sub api
{
    my ($method, $path, $body) = @_;

    return Tenant::HTTP::http($Port, $method => "/admin/v1/$path", $body ? (
        'Content-Type' => $method eq 'PATCH' ? 'application/merge-patch+json'
                                             : 'application/json',
        ':body' => $Json->encode($body)) : ());
}


sub state
{
    return api(GET => 'tenants/acme/state')->json->{routes};
}


ask($_) for (qw(down named)) x 20;      # by both workers

my $state = state();

is_deeply($state->{support}, {
    model => 'silo', why => 'tenant route', tls => JSON::PP::false,
    server_name => 'acme.test', servers => [
        { address => $At{one}, weight => 1, max_fails => 1,
          fail_timeout => 10, backup => JSON::PP::false,
          drain => JSON::PP::false, addresses => [
            { address => $At{one}, fails => 0, down => JSON::PP::false,
              down_until => undef, failed => undef }] },
        { address => $At{two}, weight => 3, max_fails => 2,
          fail_timeout => 5, backup => JSON::PP::true,
          drain => JSON::PP::false, addresses => [
            { address => $At{two}, fails => 0, down => JSON::PP::false,
              down_until => undef, failed => undef }] },
    ] }, 'a silo is told with all that its servers are');

{
    my ($down, $up) = map { $_->{addresses}[0] }
                          @{ $state->{down}{servers} };

    is($down->{down}, JSON::PP::true, 'a server that is down is told');
    cmp_ok($down->{fails}, '>=', 1, '... with its failures');
    like($down->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, "... $_")
        for qw(down_until failed);
    cmp_ok($down->{down_until}, 'gt', $down->{failed}, '... which is later');
    is($up->{down}, JSON::PP::false, '... and one that is not');
}

{
    my ($named, $local, $nowhere) = @{ $state->{named}{servers} };

    is($named->{resolved}, 'ok', 'a name that is known is told');
    is_deeply([map { $_->{address} } @{ $named->{addresses} }], [$At{two}],
              '... with its addresses');
    is($local->{resolved}, 'refused', '... one that leads where it must not');
    is($nowhere->{resolved}, 'failing', '... and one that does not exist');
    is_deeply([map { @{ $_->{addresses} } } $local, $nowhere], [],
              '... which have none');
}

is_deeply([map { $_->{drain} } @{ $state->{drain}{servers} }],
          [JSON::PP::false, JSON::PP::true], 'a draining server is told');

is_deeply([map { [@{ $state->{$_} }{qw(model why)}] }
               qw(pooled tiered none)],
          [['pool', 'tenant route'], ['pool', 'tier route'],
           ['none', 'tier model']],
          'the pool and no route are told, and why');


# Changes, in force with the next request

is(join('', map { ask('drain') } 1 .. 4), 'one' x 4,
   'a server drains');
is(api(PATCH => 'tenants/acme', { routes => { drain => { servers => [
           { address => $At{one}, drain => \1 }, $At{two}] } } })->status,
   200, 'the API lets another one drain');
is(join('', map { ask('drain') } 1 .. 8), 'two' x 8,
   '... which is so with the next request, in every worker');
is(api(PATCH => 'tenants/acme', { routes => { drain => { servers => [
           { address => $At{one}, weight => 3 }, $At{two}] } } })->status,
   200, 'the API changes weights');

{
    my %seen;

    $seen{ ask('drain') }++ for 1 .. 40;
    cmp_ok($seen{one}, '>=', 24, '... and three of four go to the heavier');
    cmp_ok($seen{two}, '>=', 6, '... and the others to the other');
}

is(api(PATCH => 'tenants/acme',
       { routes => { none => { model => 'pool' } } })->status, 200,
   'the API gives the tenant a route');
is(ask('none'), 'pool', '... which it has');
is(state()->{none}{why}, 'tenant route', '... and the state says why');
is(api(PATCH => 'tenants/acme', { routes => { none => undef } })->status,
   200, 'the API takes it away');
is(ask('none'), 503, '... and it is gone');

$Gateway->quit;
is_deeply([$Gateway->faults], [], 'no sanitizer has found anything');
$Gateway->remove;


# Without a resolver the API takes no host names.
{
    $Port = free_port();
    my $gateway = gateway($Port, '');
    my $res = api(PATCH => 'tenants/globex', { routes => { support => {
        model => 'silo', servers => [$At{one}, 'other.test:1'] } } });

    cmp_ok($res->status, '>=', 400, 'a host name is refused');
    cmp_ok($res->status, '<', 500, '... as a fault of the request');
    like($res->body, qr{/routes/support/servers/1}, '... at its place');
    like($res->body, qr/needs .*resolver/, '... and why');

    $gateway->quit;
    is_deeply([$gateway->faults], [], 'no sanitizer has found anything');
    $gateway->remove;
}

done_testing();
