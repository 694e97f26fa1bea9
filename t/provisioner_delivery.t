# Whatever the provisioner does: hang, break off, refuse, ask for patience.
# Events stay in order, and one tenant's troubles are nobody else's.

use strict;
use warnings;

use lib 't/lib';

use MIME::Base64 qw(encode_base64);
use Test::More;
use POSIX ();
use Time::HiRes qw(time);

use Tenant::Fixtures;
use Tenant::Provisioner;
use Tenant::Upstream;

my @Secrets = map { 'whsec_' . encode_base64($_ x 32, '') } 'a', 'b';
my $File = write_fixture('webhook.secret', join "\n", @Secrets, '');
my $p = Tenant::Provisioner->new(
    parameters => "secret=$File timeout=1s events=all");


# Whoever signs

$p->onboard('first');
is($p->types(1), 'onboarding', 'a new silo tenant is told to the provisioner');

my ($request) = $p->receiver->requests;
my ($time) = Tenant::Upstream::header($request, 'webhook-timestamp');

ok(abs($time - time) < 60, '... now');
is(join(' ', Tenant::Upstream::header($request, 'webhook-signature')),
   join(' ', map { Tenant::Provisioner::signature($request, $_) } @Secrets),
   '... signed with each of the secrets');
is(join(' ', Tenant::Upstream::header($request, 'Expect')), '',
   '... without waiting to be allowed to');
ok($p->drained, 'an event that was accepted is forgotten');


# What is told

$p->ask(PUT => 'tenants/shared', { tier => 'basic' });
$p->ask(POST => 'tenants/shared:suspend');
$p->ask(PATCH => 'tenants/first', { status => 'active', routes => { support =>
        { model => 'silo', servers => ['127.0.0.1:1'] } } });
$p->ask(POST => 'tenants/first:suspend');
$p->ask(POST => 'tenants/first:activate');
$p->ask(PATCH => 'tenants/first', { tier => 'basic' });
$p->ask(POST => 'tenants/first:offboard', { deadline => 600 });
$p->arrived(6, 'first');
$p->ask(DELETE => 'tenants/first');
is($p->types(7, 'first'), 'onboarding activated suspended activated updated '
   . 'offboarding removed', 'a life is told in its order');
is($p->types(2, 'shared'), 'activated suspended',
   "events=all tells of the pool's tenants too");
ok($p->drained, '... until nothing is left to tell');


# A tenant with trouble

$p->mood('bad', '500');
$p->onboard('bad');
$p->arrived(1, 'bad');
$p->ask(POST => 'tenants/bad:activate');
$p->onboard('good');
is($p->types(1, 'good'), 'onboarding',
   'what is not accepted does not hold up another tenant');
is($p->types(2, 'bad'), 'onboarding onboarding', '... it is tried again');

my $waiting = $p->state('bad')->{provisioning};
is($p->state('bad')->{events}, 2, '... both of its events are kept');
cmp_ok($waiting->{attempts}, '>=', 2, '... attempts are counted');
is($waiting->{error}, 'status 500', '... with what went wrong');
like($waiting->{next}, qr/^\d{4}-\d\d-\d\dT/, '... and when it goes on');

$p->mood('bad', undef);
my $told = $p->types(4, 'bad');
like($told, qr/^onboarding(?: onboarding)+ activated$/,
     '... the next one comes after it was accepted, and not before');
ok($p->drained, '... and then it is over');


# Answers that never come

for my $trouble (['hang', 'Operation timed out'],
                 ['break', 'Empty reply from server'],
                 ['half', '.+'])
{
    my ($mood, $error) = @$trouble;

    $p->mood($mood, $mood);
    $p->onboard($mood);
    $p->arrived(1, $mood);
    ok($p->server->wait_until(sub {
        ($p->state($mood)->{provisioning}{error} // '') =~ /^$error/
    }), "a receiver that does \"$mood\" is noticed")
        or diag explain $p->state($mood);
    $p->mood($mood, undef);
    my $n = $p->arrived(1, $mood);
    cmp_ok(scalar $p->arrived($n + 1, $mood), '>', $n, '... and asked again');
    ok($p->drained($mood), '... until it accepts');
}


# How long it waits

sub due
{
    my ($tenant, $answer) = @_;
    my $before = time;

    $p->mood($tenant, $answer);
    $p->onboard($tenant);
    $p->arrived(1, $tenant);
    $p->server->wait_until(sub {
        ($p->rows('SELECT error FROM outbox WHERE tenant = ?',
                  $tenant))[0][0];
    }) or die "no outcome for $tenant\n";

    return ($p->rows('SELECT due FROM outbox WHERE tenant = ?',
                     $tenant))[0][0] - int $before;
}


my $seconds = due('busy', '503 Retry-After: 1000');
ok($seconds >= 1000 && $seconds <= 1010, 'Retry-After is honoured')
    or diag $seconds;
$seconds = due('limited', '429 Retry-After: 500');
ok($seconds >= 500 && $seconds <= 510, '... of a 429 too') or diag $seconds;

my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime time + 2000);
$seconds = due('dated', "503 Retry-After: $date");
ok($seconds >= 1990 && $seconds <= 2010, '... as a date') or diag $seconds;

$seconds = due('refused', '422');
ok($seconds >= 60 && $seconds <= 90, 'what is refused is tried again slowly')
    or diag $seconds;
$seconds = due('moved', '307 Location: http://127.0.0.1:1/');
ok($seconds >= 60 && $seconds <= 90, '... and so is a redirect')
    or diag $seconds;
like($p->server->error_log,
     qr/\[error\].*: tenant_provisioner: an event of tenant "refused" was not accepted: status 422; attempt 1, the next one in \d\d seconds/,
     '... and said in the log');
$seconds = due('timeout', '408');
cmp_ok($seconds, '<', 60, 'but not a 408');

ok($p->server->wait_until(sub {
    $p->metric('tenant_provisioner_backlog') == 6
}), 'the backlog is counted');
cmp_ok($p->metric('tenant_provisioner_oldest_seconds'), '>=', 0,
       '... with its age');
cmp_ok($p->metric('tenant_provisioner_events_total{result="accepted"}'),
       '>=', 10, '... what was accepted is');
cmp_ok($p->metric('tenant_provisioner_events_total{result="failed"}'),
       '>=', 9, '... and so is what was not');


# A tenant that goes while it is told that it came

$p->mood('brief', 'slow');
$p->onboard('brief');
$p->arrived(1, 'brief');
$p->ask(DELETE => 'tenants/brief');
is($p->types(2, 'brief'), 'onboarding removed',
   'what is on its way arrives before what comes after');

my @log = grep { /\[(?:crit|alert|emerg)\]/ } split /\n/,
          $p->server->error_log;
is_deeply(\@log, [], 'nothing worse than a refusal is in the log');

$p->server->quit;
is_deeply([$p->server->faults], [], 'no sanitizer has found anything');

done_testing();
