# Bridge: a tier's routes and its tenants' own, agent by agent, and what a
# tenant gets that has none.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my %Agent = map { my $name = $_;
                  $name => Tenant::Upstream->new(respond => sub { $name }) }
                qw(pool cell own);


sub silo
{
    my ($name, %more) = @_;

    return { model => 'silo',
             servers => ['127.0.0.1:' . $Agent{$name}->port], %more };
}


my $Registry = registry(
    tier => {
        basic => { routes => {
            shared => { model => 'pool' },
            cell   => silo('cell'),
            closed => { model => 'none' },
            byo    => { model => 'silo' },
        } },
        premium => { routes => { shared => { model => 'pool' } } },
    },
    tenant => {
        acme     => { routes => { own => silo('own'),
                                  closed => silo('own') } },
        globex   => { routes => { cell => silo('own'),
                                  closed => silo('own'),
                                  byo => silo('own'),
                                  shared => { model => 'none' } } },
        initech  => { routes => { cell => { model => 'pool' } } },
        hooli    => { tier => 'basic',
                      issuers => ['https://shared.idp.test'] },
    },
    agent => { map { $_ => {} } qw(shared cell closed byo own) });

my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = (acme => token(),
             map { $_ => token(key => 'shared_rs256', tenant => $_) }
                 qw(globex initech hooli));

my $Server = Tenant::Server->new(
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    log_format routes '\$tenant_id \$tenant_agent \$tenant_model/'
                      '\$tenant_route \$tenant_endpoint \$status';
    access_log %PREFIX%/logs/routes.log routes;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent{pool}->port };
        keepalive 8;
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        tenant_no_route 404;

        location ~ ^/late/(?<late>[a-z]+) {
            tenant_auth on;
            tenant_agent $late;
            tenant_no_route 503;
            proxy_pass http://agents;
        }

        location ~ ^/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent $agent;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub ask
{
    my ($tenant, $path) = @_;
    my $res = $Server->request(
        GET => $path, Authorization => "Bearer $Token{$tenant}");

    return $res->status == 200 ? $res->body : $res->status;
}


my @Table = (
    #  tenant    agent     answer  why
    ['hooli',   'shared', 'pool', 'pool/tier route'],
    ['hooli',   'cell',   'cell', 'silo/tier route'],
    ['hooli',   'closed', 404,    '-/tier route'],
    ['hooli',   'byo',    404,    '-/tier route'],
    ['hooli',   'own',    'pool', 'pool/tier model'],
    ['globex',  'cell',   'own',  'silo/tenant route'],
    ['globex',  'closed', 'own',  'silo/tenant route'],
    ['globex',  'byo',    'own',  'silo/tenant route'],
    ['globex',  'shared', 404,    '-/tenant route'],
    ['initech', 'cell',   'pool', 'pool/tenant route'],
    ['initech', 'closed', 404,    '-/tier route'],
    ['acme',    'shared', 'pool', 'pool/tier route'],
    ['acme',    'own',    'own',  'silo/tenant route'],
    ['acme',    'cell',   404,    '-/tier model'],
);

for my $row (@Table) {
    my ($tenant, $agent, $answer, $why) = @$row;

    is(ask($tenant, "/$agent"), $answer,
       "$tenant gets $answer for $agent ($why)");
}

$Server->wait_until(sub {
    my $lines = () = $Server->log_text('routes.log') =~ /\n/g;
    return $lines >= @Table;
});

my @Lines = split /\n/, $Server->log_text('routes.log');

for my $row (@Table) {
    my ($tenant, $agent, $answer, $why) = @$row;
    my $port = $answer =~ /\d/ ? '' : '127.0.0.1:' . $Agent{$answer}->port;
    my $status = $answer =~ /\d/ ? $answer : 200;
    my ($line) = grep { /^$tenant $agent / } @Lines;

    $why =~ s/^-.*/-\/-/;
    is($line, "$tenant $agent $why " . ($port || '-') . " $status",
       "the log says why $tenant goes where it goes for $agent");
}

{
    my $res = $Server->request(
        GET => '/closed', Authorization => "Bearer $Token{hooli}");

    is_deeply($res->json, {
        type => 'urn:ngx-tenant:problem:no-route', title => 'Not Found',
        status => 404, detail => 'the tenant has no server for this agent' },
        'no route is a problem document, also as a 404');
    is($res->header('Retry-After'), undef,
       '... that nobody should try again');
}

is(ask('hooli', '/late/closed'), 503,
   'tenant_no_route of the location wins over that of the server');

is_deeply([map { $_->requests } $Agent{cell}],
          [grep { $_->{path} =~ /cell/ } $Agent{cell}->requests],
          'no other request than those for its agent has come to the cell');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
