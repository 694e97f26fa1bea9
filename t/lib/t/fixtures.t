# Tokens verify with the keys published for them, and attacks are what their
# names say.

use strict;
use warnings;

use Crypt::PK::ECC ();
use Crypt::PK::Ed25519 ();
use Crypt::PK::RSA ();
use Digest::SHA ();
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::More;

use Tenant::Fixtures;

my %Verify = (
    RSA => sub {
        my ($jwk, $alg, $bytes, $sig) = @_;
        my ($family, $bits) = $alg =~ /^(..)(\d+)$/;
        my @padding = $family eq 'PS' ? ('pss', $bits / 8) : ('v1.5');
        return Crypt::PK::RSA->new($jwk)
            ->verify_message($sig, $bytes, "SHA$bits", @padding);
    },
    EC => sub {
        my ($jwk, $alg, $bytes, $sig) = @_;
        my ($bits) = $alg =~ /(\d+)/;
        return Crypt::PK::ECC->new($jwk)
            ->verify_message_rfc7518($sig, $bytes, "SHA$bits");
    },
    OKP => sub {
        my ($jwk, undef, $bytes, $sig) = @_;
        return Crypt::PK::Ed25519->new($jwk)->verify_message($sig, $bytes);
    },
    oct => sub {
        my ($jwk, $alg, $bytes, $sig) = @_;
        my ($bits) = $alg =~ /(\d+)/;
        return $sig eq Digest::SHA->can("hmac_sha$bits")
            ->($bytes, decode_base64url($jwk->{k}));
    },
);

# An algorithm and what a signature of it measures in bytes.
my %Kinds = (rs256 => 256, rs384 => 256, rs512 => 256, ps256 => 256,
             es256 => 64, es384 => 96, es512 => 132, es256k => 64,
             ed25519 => 64, hs256 => 32, hs384 => 48, hs512 => 64);

for my $kind (sort keys %Kinds) {
    my ($jwk) = @{ decode_json(jwks("acme_$kind"))->{keys} };
    my ($bytes, $sig) = parts(token(key => "acme_$kind"));

    subtest $kind => sub {
        is(length $sig, $Kinds{$kind}, 'length of the signature');
        ok(verifies($jwk, $bytes, $sig), 'verifies with the published key');
        ok(!verifies($jwk, "$bytes.", $sig), 'other bytes do not');
        is($jwk->{kid}, "acme_$kind", 'kid');
        is($jwk->{use}, 'sig', 'use');
        ok(!exists $jwk->{d}, 'nothing private');
    };
}

subtest 'a token has what was asked for' => sub {
    my ($header, $claims) = decoded(token(
        key => 'shared_es256', tenant => 'globex', sub => 'auth0|1',
        aud => ['a', 'b'], exp_in => 60, claims => { roles => ['x'] },
        kid => 'other', header => { extra => 1 }, drop => ['iat']));

    is_deeply($header, { alg => 'ES256', kid => 'other', typ => 'JWT',
                         extra => 1 }, 'header');
    my $exp = delete $claims->{exp};
    cmp_ok(abs($exp - time - 60), '<=', 2, 'exp');
    is_deeply($claims, {
        iss => 'https://shared.idp.test', sub => 'auth0|1',
        'custom:tenantId' => 'globex', aud => ['a', 'b'], roles => ['x'],
    }, 'claims');

    ($header) = decoded(token(kid => undef));
    ok(!exists $header->{kid}, 'no kid');
    is((decoded(token(raw_header => '{"alg":"RS256"}')))[0]{alg}, 'RS256',
       'a raw header');
    is((parts(token(signature => 'abc')))[1], 'abc', 'a raw signature');
    like(bearer(token => 'abc'), qr/^Authorization: Bearer abc\n\z/,
         'as a request header');
    ok(!eval { token(tamper => 'nothing'); 1 }, 'no such tampering');
    ok(!eval { key('acme_rs1'); 1 }, 'no such key');
};

subtest 'keys stay the same' => sub {
    my $print = 'print jwks("acme_rs256")';
    my $again = qx($^X -It/lib -MTenant::Fixtures -e '$print');

    is($again, jwks('acme_rs256'), 'in another process');
    isnt(jwk('globex_rs256')->{n}, jwk('acme_rs256')->{n}, 'by their owner');
};

subtest 'jwks with what it should not have' => sub {
    my ($one, $two, $three) = @{ decode_json(jwks(
        { key => 'acme_rs256', private => 1 },
        { key => 'acme_es256', set => { use => 'enc' }, drop => ['kid'] },
        { jwk => { kty => 'oct', k => '' } }))->{keys} };

    ok($one->{d}, 'private members');
    is($two->{use}, 'enc', 'another use');
    ok(!exists $two->{kid}, 'no kid');
    is_deeply($three, { kty => 'oct', k => '' }, 'any key');
};

# Attacks on something other than the signature must have a good one, or
# they would be refused for the wrong reason.
my $Forged = qr/^(?:none(?!_signed)|rs_hs_|hs_|other_key
    |header_(?:jwk|jku|x5|tampered)|signature_|payload_tampered
    |es256_|padded_|standard_|trailing_|space_
    |tab_|junk_|dots_|empty_header|alg_(?:other_hash|pss))/x;

subtest 'attacks keep the signature right where it is not the point' => sub {
    for my $name (grep { !/$Forged/ } attacks(qr/./)) {
        my $key = $name eq 'other_issuers_key' ? 'shared_rs256'
                                               : 'acme_rs256';
        my ($bytes, $sig) = parts(attack($name));
        ok(Crypt::PK::RSA->new(jwk($key))
           ->verify_message($sig, $bytes, 'SHA256', 'v1.5'), $name);
    }
};

subtest 'attacks on the signature do not have it right' => sub {
    for my $name (grep { /$Forged/ } attacks(qr/./)) {
        my @parts = split /\./, attack($name), -1;
        my $kind = $name =~ /^es256/ ? 'es256' : 'rs256';
        my $strict = @parts == 3 && !grep { !canonical($_) } @parts;

        ok(!$strict || !verifies_as(jwk("acme_$kind"), join('.', @parts)),
           $name);
    }
};

subtest 'particular attacks' => sub {
    my $pem = key('acme_rs256')->{pk}->export_key_pem('public_x509');
    my ($bytes, $sig) = parts(attack('rs_hs_confusion_pem'));
    is($sig, Digest::SHA::hmac_sha256($bytes, $pem),
       'confusion: an HMAC keyed with the PEM');

    my ($header) = decoded(attack('header_jwk'));
    ($bytes, $sig) = parts(attack('header_jwk'));
    ok(verifies({ %{ $header->{jwk} }, alg => 'RS256' }, $bytes, $sig),
       'header_jwk: verifies with the key it brings');

    is((attack('dots_1000') =~ tr/.//), 1000, 'dots_1000');
    is((attack('dots_4_jwe') =~ tr/.//), 4, 'dots_4_jwe');
    is((decoded(attack('none_mixed_case')))[0]{alg}, 'nOnE', 'none');

    my ($good, $bits) = map { (parts($_))[1] }
        token(claims => { iat => 1, exp => 2 }),
        attack('trailing_bits', claims => { iat => 1, exp => 2 });
    is($good, $bits, 'trailing_bits: decodes to the same');
    isnt(attack('trailing_bits', claims => { iat => 1, exp => 2 }),
         token(claims => { iat => 1, exp => 2 }), 'but is spelt otherwise');

    my $dup = decode_base64url((split /\./, attack('json_duplicate'))[1]);
    is(scalar(() = $dup =~ /"sub"/g), 2, 'json_duplicate');
    cmp_ok(length attack('long_1m'), '>', 1 << 20, 'long_1m');
    ok(!grep({ /^long_/ } attacks()), 'long ones are asked for by name');

    (undef, my $claims) = decoded(attack('iss_slash', key => 'shared_rs256',
                                         tenant => 'globex'));
    is($claims->{iss}, 'https://shared.idp.test/', 'options reach the token');
    is($claims->{'custom:tenantId'}, 'globex', 'all of them');
    ok(!eval { attack('no_such'); 1 }, 'no such attack');
};

subtest 'registry' => sub {
    my $plain = registry(port => 4711);

    is_deeply(decode_json($plain->{text}), $plain->{data}, 'text and data');
    is(slurp($plain->{path}), $plain->{text}, 'the file');
    is(slurp($plain->{jwks}{'acme.jwks'}), jwks('acme_rs256', 'acme_es256'),
       'the key set');
    is($plain->{data}{tenants}[0]{routes}{support}{servers}[0],
       '127.0.0.1:4711', 'the port');

    my $other = registry(
        tenant => { acme => { status => 'suspended', name => undef },
                    initech => undef,
                    umbrella => { tier => 'basic' } },
        issuer => { 'https://acme.idp.test' => { audiences => ['a'] } },
        agents => [{ id => 'tools', protocol => 'mcp' }],
        keys => { acme => ['ed25519'] },
        jwks => { 'shared.jwks' => 'not JSON' });
    my %tenants = map { $_->{id} => $_ } @{ $other->{data}{tenants} };

    isnt($other->{dir}, $plain->{dir}, 'a directory of its own');
    is_deeply([sort keys %tenants], [qw(acme globex umbrella)], 'tenants');
    is($tenants{acme}{status}, 'suspended', 'a changed member');
    ok(!exists $tenants{acme}{name}, 'a removed one');
    is($tenants{acme}{tier}, 'premium', 'one that stays');
    is_deeply($other->{data}{issuers}[0]{audiences}, ['a'], 'an issuer');
    is($other->{data}{agents}[0]{id}, 'tools', 'other agents');
    is(slurp($other->{jwks}{'acme.jwks'}), jwks('acme_ed25519'),
       'other keys');
    is(slurp($other->{jwks}{'shared.jwks'}), 'not JSON', 'another text');
};

done_testing();


# What is signed and the signature.
sub parts
{
    my ($header, $payload, $sig) = split /\./, $_[0], -1;

    return ("$header.$payload", decode_base64url($sig));
}


sub decoded
{
    return map { decode_json(decode_base64url($_)) }
               (split /\./, $_[0])[0, 1];
}


sub verifies
{
    my ($jwk, $bytes, $sig) = @_;

    return $Verify{$jwk->{kty}}->($jwk, $jwk->{alg}, $bytes, $sig);
}


sub verifies_as
{
    my ($jwk, $token) = @_;
    my ($bytes, $sig) = parts($token);

    # an empty or odd signature makes some versions die instead
    return eval { verifies($jwk, $bytes, $sig) };
}


sub canonical
{
    my ($text) = @_;

    return $text =~ /^[\w-]+\z/
        && encode_base64url(decode_base64url($text)) eq $text;
}


sub slurp
{
    open my $in, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$in>;
}
