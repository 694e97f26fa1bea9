# Events survive whoever was to deliver them: workers that are killed, nginx
# that is stopped or killed, a reload, a receiver that is away.

use strict;
use warnings;

use lib 't/lib';

use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Provisioner;
use Tenant::Server;
use Tenant::Upstream;

my $p = Tenant::Provisioner->new;
my $server = $p->server;


# A worker that dies

$p->onboard('one');
ok($p->drained, 'one worker delivers');

my $first = $p->deliverer;
$server->kill_worker($first);
$p->onboard('two');
is($p->types(1, 'two'), 'onboarding', 'another takes over when it is killed');
ok($p->drained, '... to the end');
isnt($p->deliverer, $first, '... being another');

$p->mood('flight', 'hang');
$p->onboard('flight');
$p->arrived(1, 'flight');
$p->mood('flight', undef);
$server->kill_worker($p->deliverer);
is($p->types(2, 'flight'), 'onboarding onboarding',
   'what was on its way when a worker died is delivered again');
ok($p->drained, '... and accepted');

$p->mood('flight2', 'hang');
$p->onboard('flight2');
$p->arrived(1, 'flight2');
$p->ask(POST => 'tenants/flight2:offboard', { deadline => 600 });
$p->mood('flight2', undef);
$server->kill_worker($_) for $server->workers;
is($p->types(3, 'flight2'), 'onboarding onboarding offboarding',
   'all workers killed at once lose nothing and mix nothing up');
ok($p->drained, '... of what waits');


# A reload

$p->mood('reload', 'slow');
$p->onboard('reload');
$p->arrived(1, 'reload');
ok($server->reload, 'a reload while an event is on its way');
ok($p->drained('reload'), '... lets it be accepted');
$p->onboard('after');
is($p->types(1, 'after'), 'onboarding', '... and new workers deliver');
is($p->types(0, 'reload'), 'onboarding', '... it was told once');


# nginx that is gone

$p->mood($_, '500') for qw(stop kill);
$p->onboard('stop');
$p->arrived(1, 'stop');
$server->quit;
$p->mood('stop', undef);
$server->start or die $server->error_log;
is($p->types(2, 'stop'), 'onboarding onboarding',
   'what waits when nginx is stopped is delivered after its start');
ok($p->drained('stop'), '... and accepted');

$p->onboard('kill');
$p->arrived(1, 'kill');
$server->{killed}{$_} = 1 for $server->workers;
$server->stop('KILL');
$p->mood('kill', undef);
$server->start or die $server->error_log;
is($p->types(2, 'kill'), 'onboarding onboarding',
   '... and so it is when it was killed');
ok($p->drained('kill'), '... and accepted');

$server->quit;


# Nobody to tell

my $without = Tenant::Provisioner->new(conf => '');

$without->onboard('early');
$without->ask(POST => 'tenants/early:activate');
is(join(' ', map { $_->[0] } $without->rows(
            "SELECT json_extract(event, '\$.type') FROM outbox")),
   'com.ngx-tenant.tenant.onboarding',
   'without a provisioner only new tenants are remembered');

my $conf = $without->server->{conf};
my $port = $without->receiver->port;
$conf =~ s{(tenant_registry [^;]*;)}
          {$1 tenant_provisioner http://127.0.0.1:$port/events events=onboarding;};
ok($without->server->reload($conf), 'a provisioner that is named later');
is($without->types(1, 'early'), 'onboarding', '... is told of them');
ok($without->drained, '... once');

$without->ask(POST => 'tenants/early:suspend');
$without->ask(POST => 'tenants/early:offboard', { deadline => 600 });
is($without->types(2, 'early'), 'onboarding offboarding',
   'what needs nobody to act is not told with events=onboarding');
$without->server->quit;


# A receiver that is away

my $away = Tenant::Provisioner->new;
my $address = $away->receiver->port;
my @tenants = map { "t$_" } 1 .. 40;

$away->receiver->stop;
$away->onboard($_) for @tenants;
ok($away->server->wait_until(sub {
    ($away->rows('SELECT count(*) FROM outbox WHERE error IS NOT NULL'))
        [0][0] >= 8
}), 'a receiver that is away is noticed');
is(($away->rows('SELECT count(*) FROM outbox'))[0][0], 40,
   '... nothing is lost');

my $attempts = ($away->rows('SELECT sum(attempts) FROM outbox'))[0][0];
sleep 2;
my $more = ($away->rows('SELECT sum(attempts) FROM outbox'))[0][0] - $attempts;
cmp_ok($more, '<=', 5, '... and one attempt now and then is enough')
    or diag "$attempts, then $more";

my $back = Tenant::Upstream->new(port => $address, respond => sub {
    [202, [], '']
});
$away->{server}{timeout} = 40;
ok($away->server->wait_until(sub {
    ($away->rows('SELECT count(*) FROM outbox'))[0][0] == 0
}), 'when it is back all is delivered');
is(join(' ', sort map { /"subject":"(\w+)"/ } map { $_->{body} }
        $back->requests),
   join(' ', sort @tenants), '... once each');

$away->server->quit;


# Two nginx with one database and nothing else in common, as while a binary
# is upgraded

my $shared = Tenant::Provisioner->new(conf => '');
my $receiver = $shared->receiver->port;
my @both = map {
    Tenant::Server->new(workers => 2, log_level => 'info', http => <<"EOF_HTTP")
    tenant_registry $shared->{path};
    tenant_provisioner http://127.0.0.1:$receiver/events timeout=10s;
EOF_HTTP
} 1 .. 2;

# more than one nginx has on its way at a time
@tenants = map { "u$_" } 1 .. 40;

for my $tenant (@tenants) {
    $shared->mood($tenant, 'slow');
    $shared->onboard($tenant);
}

$_->start or die $_->error_log for @both;
ok($shared->drained, 'two nginx deliver from one database');
is(join(' ', sort map { $_->[0] } $shared->arrived(40)),
   join(' ', sort @tenants), '... each event once');
like($_->error_log, qr/is accepted, attempt 1$/m, '... both of them')
    for @both;

for my $nginx (@both) {
    $nginx->quit;
    is_deeply([$nginx->faults], [], 'no sanitizer has found anything');
}

$shared->server->quit;

for my $started ($p, $without, $away, $shared) {
    is_deeply([$started->server->faults], [],
              'no sanitizer has found anything');
    unlike($started->server->error_log, qr/\[(?:crit|emerg)\]/,
           'nothing worse than a refusal is in the log');
}

done_testing();
