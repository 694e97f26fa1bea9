# The control plane: what becomes of a tenant, and what goes with it.

use strict;
use warnings;

use lib 't/lib';

use DBI ();
use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Json = JSON::PP->new->canonical;
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Policy = write_fixture('open.cedar', "permit(principal, action, resource);\n");
my $Path = fixture_dir() . '/store/registry.db';

my $server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Path seed=${\ registry(port => $Agent->port)->{path} };
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }
EOF_HTTP
    server => <<'EOF_SERVER');
        location /admin/ { tenant_api; }

        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
EOF_SERVER

$server->start or die $server->error_log;

my $Db = DBI->connect("dbi:SQLite:dbname=$Path", '', '',
                      { RaiseError => 1, sqlite_busy_timeout => 5000 });


sub ask
{
    my ($method, $path, $body) = @_;
    my $type = $method eq 'PATCH' ? 'application/merge-patch+json'
                                  : 'application/json';

    return $server->request($method => "/admin/v1/$path", defined $body
        ? ('Content-Type' => $type, ':body' => $Json->encode($body)) : ());
}


sub outcome
{
    my ($answer) = @_;
    my $json = $answer->body eq '' ? {} : $answer->json;

    return $json->{status} if $answer->status == 200 || $answer->status == 201;
    return $answer->status if !defined $json->{type};
    return $json->{type} =~ s/^urn:ngx-tenant:problem://r
           . (defined $json->{from} ? " $json->{from} $json->{to}" : '');
}


# What requests of acme get, of several connections: of both workers, surely.
sub served
{
    my %status = map { $_ => 1 } map {
        $server->request(GET => '/', Authorization => 'Bearer ' . token())
               ->status } 1 .. 8;

    return join ' ', sort keys %status;
}


# Rows of the database, as a program beside nginx sees them.
sub rows { return @{ $Db->selectall_arrayref($_[0]) } }


# Every transition

my %transitions = (
    provisioning => { activate => 'active', offboard => 'offboarding' },
    active => { suspend => 'suspended', offboard => 'offboarding',
                activate => 'active' },
    suspended => { activate => 'active', offboard => 'offboarding',
                   suspend => 'suspended' },
    offboarding => { offboard => 'offboarding' },
);

my %status = (activate => 'active', suspend => 'suspended',
              offboard => 'offboarding');

for my $from (sort keys %transitions) {
    for my $action (qw(activate suspend offboard)) {
        my $to = $transitions{$from}{$action};
        my $expected = $to // "invalid-transition $from $status{$action}";
        my $as = $to ? "becomes $to" : 'is refused';

        for my $how (qw(action PATCH PUT)) {
            my $id = lc "$from-$action-$how";
            my $made = ask(PUT => "tenants/$id", { tier => 'basic',
                                                   status => $from });
            is(outcome($made), $from, "a tenant can be made $from")
                if $how eq 'action' && $action eq 'activate';

            is(outcome($how eq 'action' ? ask(POST => "tenants/$id:$action")
                       : ask($how => "tenants/$id", { tier => 'basic',
                             status => $status{$action} })),
               $expected, "$action of what is $from, by $how, $as");
        }
    }
}

is(outcome(ask(PUT => 'tenants/active-suspend-action', { tier => 'basic' })),
   'suspended', 'a body without status leaves it as it is');
is(outcome(ask(PATCH => 'tenants/active-suspend-action',
               { status => 'provisioning' })),
   'invalid-transition suspended provisioning', 'nothing is provisioned again');
is(outcome(ask(PATCH => 'tenants/active-suspend-action',
               { status => 'gone' })), 'invalid-object',
   'a status nobody knows is refused');
is(outcome(ask(POST => 'tenants/active-suspend-action:resume')), 'not-found',
   'an action nobody knows is no resource');
is(outcome(ask(POST => 'tenants/nobody:suspend')), 'not-found',
   'nobody is not suspended');
is(ask(GET => 'tenants/a:suspend')->status, 405, 'an action is posted');


# Effect

is(served(), '200', 'an active tenant is served');
ask(POST => 'tenants/acme:suspend');
is(served(), '403', 'a suspended one is not, by any worker');
ask(POST => 'tenants/acme:activate');
is(served(), '200', '... and is again when it is active');


# Silo tenants wait for their servers

my $silo = ask(POST => 'tenants', { id => 'silo', tier => 'premium',
                                    name => "Silo \"1\"" });
is(outcome($silo), 'provisioning', 'a silo tenant without servers is provisioned');
is(outcome(ask(POST => 'tenants', { id => 'silo2', tier => 'premium',
                                    status => 'active' })),
   'provisioning', '... whatever it says');
is(outcome(ask(POST => 'tenants', {
       id => 'ready', tier => 'premium', routes => { support => {
           model => 'silo', servers => ['127.0.0.1:1'] } } })),
   'active', '... but not one that brings them');

my ($event) = map { $Json->decode($_->[1]) }
              rows("SELECT tenant, event FROM outbox WHERE tenant = 'silo'");
my $data = delete $event->{data};
like(delete $event->{id}, qr/^[0-9a-f]{32}$/, 'the event has an id');
like(delete $event->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
     '... a time');
is_deeply($event, { specversion => '1.0', source => 'urn:ngx-tenant:registry',
                    type => 'com.ngx-tenant.tenant.onboarding',
                    subject => 'silo', datacontenttype => 'application/json' },
          '... and what CloudEvents asks for');
is_deeply($data, { tenant => $silo->json }, '... and the tenant');
is(ask(GET => 'tenants/silo/state')->json->{events}, 1,
   'state says what waits');
is(ask(POST => 'tenants?dry_run=true', { id => 'silo3', tier => 'premium' })
   ->status, 201, 'a dry run of onboarding');
is(scalar rows("SELECT 1 FROM outbox WHERE tenant = 'silo3'"), 0,
   '... tells nobody');


# Offboarding

my $before = time;
my $off = ask(POST => 'tenants/silo:offboard', { deadline => 60,
                                                 purge_usage => \1 });
is(outcome($off), 'offboarding', 'a tenant is offboarded');
my $deadline = $off->json->{offboarding}{deadline};
ok($deadline >= $before + 60 && $deadline <= time + 60, '... until a deadline');
is_deeply([rows("SELECT expires FROM objects WHERE id = 'silo'")],
          [[$deadline]], '... by which it is found');
is(ask(POST => 'tenants/silo:offboard')->json->{offboarding}{deadline},
   $deadline, '... which stays when it is asked for again');
for my $case ([{ deadline => -1 }, '/deadline'], [{ deadline => '5' }, '/deadline'],
              [{ deadline => 86400 * 30 + 1 }, '/deadline'],
              [{ purge_usage => 1 }, '/purge_usage'], [{ when => 1 }, '/when'])
{
    is(ask(POST => 'tenants/silo:offboard', $case->[0])
       ->json->{errors}[0]{pointer}, $case->[1],
       $Json->encode($case->[0]) . ' is no way to offboard');
}
is(outcome(ask(POST => 'tenants/ready:suspend', { reason => 'x' })),
   'invalid-object', 'other actions take nothing');
is(outcome(ask(PATCH => 'tenants/ready', { offboarding => { deadline => 5 } })),
   'invalid-object', 'a deadline belongs to the status');


# Purge

ask(PUT => 'tenants/doomed', { tier => 'basic',
                               issuers => ['https://shared.idp.test'] });
ask(PUT => 'issuers/https%3A%2F%2Fdoomed.test',
    { tenant => 'doomed', jwks_uri => 'https://doomed.test/k',
      subject_namespace => 'd' });
ask(POST => 'revocations', { tenant => 'doomed', issued_before => 5 });
ask(POST => 'revocations', { issuer => 'https://doomed.test', jti => 'x' });
$server->request(POST => '/admin/v1/tenants/doomed:suspend',
                 'Idempotency-Key' => 'doomed');

is(outcome(ask(DELETE => 'tenants/acme')), 'invalid-transition active removed',
   'an active tenant is not removed');
is(ask(DELETE => 'tenants/doomed?dry_run=true')->status, 204,
   'a removal can be tried');
is(ask(GET => 'tenants/doomed')->status, 200, '... without harm');
is(ask(DELETE => 'tenants/doomed')->status, 204, 'a suspended tenant is removed');
is_deeply([rows("SELECT kind, id FROM objects WHERE body LIKE '%doomed%'")],
          [], '... with its issuer and every revocation');
is_deeply([rows("SELECT * FROM refs WHERE id LIKE '%doomed%' OR rid LIKE '%doomed%'")],
          [], '... and every reference');
is_deeply([rows("SELECT key FROM requests WHERE body LIKE '%doomed%'")], [],
          '... and the answers that were kept');
is(ask(GET => 'issuers/https%3A%2F%2Fshared.idp.test')->status, 200,
   'an issuer of others stays');
is(ask(DELETE => 'tenants/silo')->status, 204, 'one that is offboarding goes');
is_deeply([rows("SELECT op FROM changes WHERE id = 'silo' ORDER BY seq DESC LIMIT 1")],
          [['purge']], '... with its usage, as was asked for');
is_deeply([rows("SELECT * FROM outbox WHERE tenant = 'silo'")], [],
          '... and its events');

unlike($server->error_log, qr/\[(?:alert|emerg)\]/, 'nothing went wrong');

$Db->disconnect;
$server->quit;
is_deeply([$server->faults], [], 'no sanitizer has found anything');

done_testing();
