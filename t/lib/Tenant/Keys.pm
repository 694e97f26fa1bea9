package Tenant::Keys;

# Signing keys by name, "<owner>_<algorithm>": acme_rs256, shared_hs256.
# Made on demand and kept below build/fixtures/keys, as RSA keys are slow to
# make; never committed.

use strict;
use warnings;

use Crypt::PK::ECC ();
use Crypt::PK::Ed25519 ();
use Crypt::PK::RSA ();
use Crypt::PRNG ();
use Digest::SHA ();
use Exporter 'import';
use File::Path ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

use Tenant::Server ();

our @EXPORT_OK = qw(key jwk jwks sign);

# RFC 7518, section 6.2.1.1; RFC 8812, section 3.1
my %CURVES = (
    es256  => ['P-256',     'secp256r1', 'SHA256'],
    es384  => ['P-384',     'secp384r1', 'SHA384'],
    es512  => ['P-521',     'secp521r1', 'SHA512'],
    es256k => ['secp256k1', 'secp256k1', 'SHA256'],
);

my %Loaded;
my $Json = JSON::PP->new->utf8->canonical;


# key($name): {name, owner, kind, alg, pk} with a Crypt::PK object, or
# {..., secret} for hs*.  The same name is the same key in every test until
# build/ is removed.
sub key
{
    my ($name) = @_;

    return $Loaded{$name} //= load($name);
}


sub load
{
    my ($name) = @_;
    my ($owner, $kind) = $name =~
        /^([A-Za-z0-9-]+)_((?:rs|ps|hs)(?:256|384|512)
                          |es(?:256k?|384|512)|ed25519)$/x
        or die "key name $name: not <owner>_<algorithm>\n";

    my $dir = Tenant::Server::build_dir() . '/fixtures/keys';
    my $path = "$dir/$name";
    my $alg = $kind eq 'ed25519' ? 'EdDSA' : uc $kind;

    if (!-e $path) {
        File::Path::make_path($dir);
        create_file($path, generate($kind));
    }

    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    my $text = <$in>;
    my %key = (name => $name, owner => $owner, kind => $kind, alg => $alg);

    if ($kind =~ /^hs/) {
        $key{secret} = pack 'H*', $text;

    } else {
        $key{pk} = pk_class($kind)->new(\$text);
    }

    return \%key;
}


# Two tests may make a key at once: the first one wins for both.
sub create_file
{
    my ($path, $text) = @_;
    my $temp = "$path.$$";

    open my $out, '>:raw', $temp or die "$temp: $!\n";
    print {$out} $text;
    close $out or die "$temp: $!\n";
    link $temp, $path or -e $path or die "$path: $!\n";
    unlink $temp;
}


sub pk_class
{
    my ($kind) = @_;

    return $kind =~ /^[rp]s/ ? 'Crypt::PK::RSA'
         : $kind =~ /^es/    ? 'Crypt::PK::ECC' : 'Crypt::PK::Ed25519';
}


sub generate
{
    my ($kind) = @_;

    return unpack 'H*', Crypt::PRNG::random_bytes($1 / 8)
        if $kind =~ /^hs(\d+)$/;

    my $pk = pk_class($kind)->new;

    $pk->generate_key($kind =~ /^[rp]s/ ? (256, 65537)
                      : $kind =~ /^es/ ? $CURVES{$kind}[1] : ());
    return $pk->export_key_pem('private');
}


# jwk($name, %opt): the public JWK as a hash, with kid, use and alg (RFC
# 7517, section 4).  Options: set => {member => value}, drop => [members],
# private => 1 for the private members too.
sub jwk
{
    my ($name, %opt) = @_;
    my $key = key($name);
    my $jwk = $key->{secret}
        ? { kty => 'oct', k => encode_base64url($key->{secret}) }
        : $key->{pk}->export_key_jwk($opt{private} ? 'private' : 'public', 1);

    $jwk->{crv} = $CURVES{$key->{kind}}[0] if $CURVES{$key->{kind}};
    @$jwk{qw(kid use alg)} = ($name, 'sig', $key->{alg});
    %$jwk = (%$jwk, %{ $opt{set} // {} });
    delete @$jwk{@{ $opt{drop} // [] }};

    return $jwk;
}


# jwks(NAME | {key => NAME, set => {}, drop => [], private => 0} |
#      {jwk => {...}}, ...): a JWK Set as JSON text.
sub jwks
{
    my @keys = map { !ref $_ ? jwk($_) : $_->{jwk} // jwk($_->{key}, %$_) }
                   @_;

    return $Json->encode({ keys => \@keys });
}


# sign($name, $alg, $bytes): the signature as RFC 7518 section 3 has it.  An
# algorithm that is not the key's works as far as the mathematics go.
sub sign
{
    my ($name, $alg, $bytes) = @_;
    my $key = key($name);
    my ($family, $bits) = $alg =~ /^([A-Z]S)(\d{3})K?$/;
    my $hash = $bits ? "SHA$bits" : undef;

    if ($key->{secret}) {
        die "$name cannot sign $alg\n" if ($family // '') ne 'HS';
        return hmac($bits, $key->{secret}, $bytes);
    }

    return $key->{pk}->sign_message($bytes) if $key->{kind} eq 'ed25519';
    die "$name cannot sign $alg\n" if !$hash;

    return $key->{pk}->sign_message_rfc7518($bytes, $hash)
        if $key->{kind} =~ /^es/;

    # RFC 7518, section 3.5: the salt is as long as the hash
    return $family eq 'PS'
        ? $key->{pk}->sign_message($bytes, $hash, 'pss', $bits / 8)
        : $key->{pk}->sign_message($bytes, $hash, 'v1.5');
}


# HMAC-SHA2 of 256, 384 or 512 bits; the secret may be empty.
sub hmac
{
    my ($bits, $secret, $bytes) = @_;

    return Digest::SHA->can("hmac_sha$bits")->($bytes, $secret);
}


1;
