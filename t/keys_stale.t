# Keys whose provider has gone: good for a while, then not at all.

use strict;
use warnings;

use lib 't/lib';

use Test::More;
use Time::HiRes qw(sleep);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

# What the provider does is in a file: it is a process of its own.
my $Mode = write_fixture('mode', 'up');

sub mode
{
    my ($mode) = @_;

    write_fixture('mode.new', $mode);
    rename fixture_dir() . '/mode.new', $Mode or die "$Mode: $!\n";
}


my $Provider = Tenant::Upstream->new(respond => sub {
    open my $in, '<', $Mode or die "$Mode: $!\n";

    return <$in> eq 'up'
        ? [200, ['Cache-Control', 'max-age=1'], jwks('acme_rs256')]
        : [500, [], 'down'];
});

my $Registry = registry(issuer => { 'https://acme.idp.test' => {
    jwks_file => undef,
    jwks_uri => 'http://127.0.0.1:' . $Provider->port . '/jwks' } });

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
tenant_keys min=1s max=1s stale=1s interval=1s;
CONF
    server => <<'CONF',
location /t { tenant_auth on; try_files /none @ok; }
location @ok { return 200 $tenant_keys_status; }
location = /metrics { tenant_metrics; }
CONF
);

$Server->start or die $Server->error_log;

my $Verified = token(sub => 'verified');


sub ask
{
    my ($token) = @_;

    return $Server->request(GET => '/t', Authorization => "Bearer $token");
}


is(ask($Verified)->body, 'fresh', 'fetched keys are fresh');

mode('down');
ok($Server->wait_until(sub { ask($Verified)->body eq 'stale' }),
   'without the provider they go stale and still verify');
ok($Server->wait_until(sub { ask($Verified)->status == 503 }),
   '... but not for ever: a token verified before is refused');

my $refused = ask(token(sub => 'new'));
is($refused->status, 503, 'so is a new token');
cmp_ok($refused->header('Retry-After'), '>', 0, '... with Retry-After');
is(scalar $refused->header('WWW-Authenticate'), undef,
   '... and no challenge: another token would not help');
like($refused->body, qr/the keys of the issuer are not available/,
     '... and the reason');
like($Server->request(GET => '/metrics')->body,
     qr{^tenant_issuer_keys_failures\{issuer="https://acme\.idp.*"\} [1-9]}m,
     'the failures are to be seen');

mode('up');
ok($Server->wait_until(sub { ask($Verified)->status == 200 }),
   'the provider is back with the same keys: they verify again');

my $fetched = $Provider->requests;
is(ask(token(sub => "new-$_"))->status, 200, "... new token $_ too")
    for 1 .. 5;
cmp_ok($Provider->requests - $fetched, '<', 4, '... without a fetch each');

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
$Server->remove;

done_testing();
