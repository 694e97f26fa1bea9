# A thousand issuers whose keys all have the same kid: each one's tokens are
# verified by its own key and by no other.  They are more than a worker has
# prepared keys (TENANT_VERIFIER_KEYS) and come in turns, so each key has left
# when it is needed again.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server ();

my $COUNT = 1000;

# RSA keys are slow to make: a few of each type, dealt in turn
my @Keys = map { ("deal${_}_es256", "deal${_}_ed25519") } 1 .. 7;
push @Keys, 'deal1_rs256', 'deal2_rs256';


sub key_of { return $Keys[$_[0] % @Keys] }
sub iss_of { return "https://idp.test/pool/$_[0]" }


my $Registry = registry(
    tiers => [{ id => 'basic', model => 'pool' }],
    tenants => [map { { id => "t$_", tier => 'basic' } } 1 .. $COUNT],
    issuers => [map { {
        iss => iss_of($_), tenant => "t$_",
        jwks => { keys => [jwk(key_of($_), set => { kid => 'key-1' })] } }
    } 1 .. $COUNT],
);

my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
tenant_token_cache 1m;
CONF
    server => <<'CONF',
keepalive_requests 100000;
location / { tenant_auth on; try_files /none @ok; }
location @ok { add_header X-Tenant $tenant_id; return 204; }
CONF
);

$Server->start or die $Server->error_log;

my $Client = Tenant::HTTP->new(port => $Server->port);


sub ask
{
    my ($issuer, $key, %opt) = @_;
    my $res = $Client->request(GET => '/', Authorization => 'Bearer '
        . token(iss => iss_of($issuer), key => $key, kid => 'key-1', %opt));

    return $res->status . ' ' . ($res->header('X-Tenant') // '-');
}


# Each by its own key: the tenant is its own

my @wrong = grep { ask($_, key_of($_)) ne "204 t$_" } 1 .. $COUNT;
is("@wrong", '', 'each issuer speaks for its tenant');

# The next issuer's key has the same kid, and another type or value

@wrong = grep { ask($_, key_of($_ + 1)) ne '401 -' } 1 .. $COUNT;
is("@wrong", '', 'none by the key of the next');

@wrong = grep { ask($_, key_of($_ + 2)) ne '401 -' } 1 .. $COUNT;
is("@wrong", '', 'none by the key after that, mostly of the same type');

@wrong = grep { ask($_, key_of($_), kid => undef) ne "204 t$_" }
              map { $_ * 50 } 1 .. $COUNT / 50;
is("@wrong", '', 'a kid is not needed for that');

@wrong = grep { ask($_, key_of($_ + 1), kid => undef) ne '401 -' }
              map { $_ * 50 } 1 .. $COUNT / 50;
is("@wrong", '', '... and none is no way around it');

# Two issuers that share a key are two nonetheless

is(ask(1, key_of(1)), '204 t1', 'a key that two issuers share');
is(ask(1 + @Keys, key_of(1)), '204 t' . (1 + @Keys),
   '... makes each its own tenant');
is(ask(1, key_of(1), tenant => 't' . (1 + @Keys)), '403 -',
   '... which no claim changes');

is(ask('0', key_of(1)), '401 -', 'an issuer that is not there');
is(ask('01', key_of(1)), '401 -', '... or spelt otherwise');
is(ask($COUNT + 1, key_of(1)), '401 -', '... or one too many');

ok($Server->reload, 'a reload with a thousand issuers');
$Client->close;
@wrong = grep { ask($_, key_of($_)) ne "204 t$_" }
              map { $_ * 50 } 1 .. $COUNT / 50;
is("@wrong", '', '... changes nothing');
$Client->close;

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
$Server->remove;

done_testing();
