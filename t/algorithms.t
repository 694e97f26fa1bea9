# Every algorithm, end to end; and the key that decides which.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();

my @RSA = qw(RS256 RS384 RS512 PS256 PS384 PS512);
my @HMAC = qw(HS256 HS384 HS512);
my %Elliptic = (ES256 => 'es256', ES384 => 'es384', ES512 => 'es512',
                ES256K => 'es256k', EdDSA => 'ed25519');
my @All = (@RSA, @HMAC, sort keys %Elliptic);


# The key of an owner for an algorithm; of RSA one without "alg" does all.
sub kind
{
    my ($alg) = @_;

    return $Elliptic{$alg} // ($alg =~ /^[RP]S/ ? 'rs256' : lc $alg);
}


my @Any = map { "any_$_" } 'rs256', sort(values %Elliptic),
              map { lc } @HMAC;
my $Any = jwks(map { { key => $_, drop => ['alg'] } } @Any);
my $Bound = jwks(map { "bound_$_" } qw(rs256 rs384 rs512 ps256 ps384 ps512),
                 sort(values %Elliptic), map { lc } @HMAC);


# An issuer with a tenant of its name, for each of these.
sub issuer
{
    my ($owner, %member) = @_;

    return ("https://$owner.idp.test" => { tenant => $owner, %member });
}


my @Owners = qw(any bound default ps eddsa);
my $Registry = registry(
    tenant => { map { $_ => { tier => 'basic' } } @Owners },
    issuer => {
        issuer('any', jwks_file => 'any.jwks', algorithms => \@All),
        issuer('bound', jwks_file => 'bound.jwks', algorithms => \@All),
        issuer('default', jwks_file => 'any.jwks'),
        issuer('ps', jwks_file => 'any.jwks', algorithms => ['PS256']),
        issuer('eddsa', jwks_file => 'any.jwks', algorithms => ['EdDSA']),
    },
    jwks => { 'any.jwks' => $Any, 'bound.jwks' => $Bound },
);

my $Server = Tenant::Server->new(
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
CONF
    server => <<'CONF',
location / { tenant_auth on; try_files /none @ok; }
location @ok { add_header X-Tenant $tenant_id; return 204; }
CONF
);

$Server->start or die $Server->error_log;


# 204 with the tenant of the issuer, or 401 with the description.
sub ask
{
    my ($owner, $key, $alg, %opt) = @_;
    my $res = $Server->request(GET => '/', Authorization => 'Bearer '
        . token(iss => "https://$owner.idp.test", key => $key, alg => $alg,
                %opt));

    return $res->status == 204 ? '204 ' . $res->header('X-Tenant')
         : $res->status . ' ' . ($res->header('WWW-Authenticate')
                                 =~ /error_description="([^"]*)"/)[0];
}


for my $alg (@All) {
    my $any = 'any_' . kind($alg);
    my $bound = 'bound_' . ($Elliptic{$alg} // lc $alg);

    is(ask('any', $any, $alg), '204 any', "$alg by a key of its type");
    is(ask('any', $any, $alg, kid => undef), '204 any',
       '... without a kid too');
    is(ask('bound', $bound, $alg), '204 bound', "$alg by a key for it");
    like(ask('any', $any, $alg, tamper => 'signature'), qr/^401 /,
         '... not with another signature');
    like(ask('any', $any, $alg, tamper => 'payload'), qr/^401 /,
         '... nor with other claims');
    like(ask('any', $any, $alg, kid => 'any_none'), qr/^401 .*key/,
         '... nor by a key that is not there');
    like(ask('any', 'stranger_' . kind($alg), $alg, kid => $any), qr/^401 /,
         '... nor by another key of that name');

    # keys with "alg" do nothing else
    for my $other (grep { $_ ne $alg && kind($_) eq kind($alg) } @RSA) {
        like(ask('bound', $bound, $other), qr/^401 /,
             "... which does not verify $other");
        like(ask('bound', $bound, $other, kid => undef), qr/^401 /,
             '... and nor does any other');
    }
}

# What the registry allows

for my $alg (@RSA, sort keys %Elliptic) {
    my $key = 'any_' . kind($alg);

    is(ask('default', $key, $alg), '204 default', "$alg is on by default");
    like(ask('ps', $key, $alg), $alg eq 'PS256' ? qr/^204/ : qr/^401 /,
         '... and may be the only one, or not');
    like(ask('eddsa', $key, $alg), $alg eq 'EdDSA' ? qr/^204/ : qr/^401 /,
         '... likewise');
}

like(ask('default', 'any_' . lc, $_), qr/^401 /, "$_ is off by default")
    for @HMAC;

# A header that says what the key is not

for my $case (['es256', 'ES384'], ['es384', 'ES256'], ['es256', 'ES256K'],
              ['es256k', 'ES256'], ['ed25519', 'ES256'], ['rs256', 'ES256'],
              ['es256', 'RS256'], ['rs256', 'HS256'], ['ed25519', 'Ed448'],
              ['hs512', 'RS256'], ['rs256', 'none'], ['rs256', 'rs256'],
              ['rs256', 'RSA1_5'], ['ed25519', 'eddsa'])
{
    my ($kind, $alg) = @$case;

    like(ask('any', "any_$kind", undef, header => { alg => $alg }), qr/^401 /,
         "$alg in front of a signature by $kind");
}

is(ask('any', 'any_rs256', 'RS256'), '204 any',
   'and after all that a good one passes');

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:error|alert|emerg)\]/, 'no error');
$Server->remove;

done_testing();
