package Tenant::Token;

# Tokens: good ones, and every bad one that a gateway must refuse.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64 encode_base64url);

use Tenant::Keys qw(jwk key sign);

our @EXPORT_OK = qw(token bearer attack attacks);

my $Json = JSON::PP->new->utf8->canonical;


# token(%opt): a compact JWS (RFC 7515, section 3.1).
#
#   key          name of the signing key, default acme_rs256
#   iss          default https://<owner of the key>.idp.test
#   sub, aud, scope, jti, client_id, token_use   claims of that name; sub
#                defaults to user-1
#   tenant       the claim custom:tenantId
#   exp_in       seconds from now to exp, default 3600; iat is now
#   claims       {name => value} over all of these; undef is null
#   drop         [claims] to leave out
#   kid          default the key's name, undef for none
#   alg          default the key's; signs with it too
#   header       {name => value} over alg, kid and typ, after signing's
#                choice of the algorithm
#   drop_header  [members] to leave out
#   raw_header, raw_payload   bytes in place of the JSON
#   signature    bytes in place of the signature
#   tamper       signature, payload or header: changed after signing
sub token
{
    my (%opt) = @_;
    my $name = $opt{key} // 'acme_rs256';
    my $alg = $opt{alg} // key($name)->{alg};
    my $header = encode_base64url($opt{raw_header} // header($name, %opt));
    my $payload = encode_base64url($opt{raw_payload}
                                   // $Json->encode(claims($name, %opt)));
    my $signature = $opt{signature} // sign($name, $alg, "$header.$payload");
    my $tamper = $opt{tamper} // '';

    if ($tamper eq 'signature') {
        substr($signature, length($signature) / 2, 1) ^= "\x01";

    } elsif ($tamper eq 'payload') {
        $payload = encode_base64url($Json->encode(
            claims($name, %opt, sub => 'somebody-else')));

    } elsif ($tamper eq 'header') {
        $header = encode_base64url(header($name, %opt,
            header => { %{ $opt{header} // {} }, typ => 'tampered' }));

    } elsif ($tamper ne '') {
        die "tamper: $tamper?\n";
    }

    return join '.', $header, $payload, encode_base64url($signature);
}


sub header
{
    my ($name, %opt) = @_;
    my %header = (
        alg => $opt{alg} // key($name)->{alg},
        kid => exists $opt{kid} ? $opt{kid} : $name,
        typ => 'JWT',
        %{ $opt{header} // {} },
    );

    delete $header{kid} if !defined $header{kid};
    delete @header{@{ $opt{drop_header} // [] }};
    return $Json->encode(\%header);
}


sub claims
{
    my ($name, %opt) = @_;
    my $now = time;
    my %claims = (
        iss => issuer(key($name)->{owner}),
        sub => 'user-1',
        iat => $now,
        exp => $now + ($opt{exp_in} // 3600),
    );

    for my $claim (qw(iss sub aud scope jti client_id token_use)) {
        $claims{$claim} = $opt{$claim} if defined $opt{$claim};
    }

    $claims{'custom:tenantId'} = $opt{tenant} if defined $opt{tenant};
    %claims = (%claims, %{ $opt{claims} // {} });
    delete @claims{@{ $opt{drop} // [] }};
    return \%claims;
}


sub issuer
{
    my ($owner) = @_;

    return "https://$owner.idp.test";
}


# bearer(%opt): the request header line (RFC 6750, section 2.1) for
# more_headers.  attack => NAME takes that attack's token, token => TEXT any.
sub bearer
{
    my (%opt) = @_;
    my $attack = delete $opt{attack};
    my $token = delete $opt{token}
                // ($attack ? attack($attack, %opt) : token(%opt));

    return "Authorization: Bearer $token\n";
}


# The claims as JSON text, to be spoilt by hand.
sub payload_text
{
    my (%opt) = @_;

    return $Json->encode(claims($opt{key} // 'acme_rs256', %opt));
}


# One more member at the front of the claims' text.
sub with_member
{
    my ($member, %opt) = @_;

    return token(%opt, raw_payload => payload_text(%opt) =~ s/^\{/{$member,/r);
}


# A token whose named part (0 header, 1 payload, 2 signature) is rewritten.
sub respelt
{
    my ($part, $code, %opt) = @_;
    my @parts = split /\./, token(%opt), -1;

    $parts[$part] = $code->($parts[$part]);
    return join '.', @parts;
}


# HMAC keyed with bytes that are public (RFC 8725, section 2.1).
sub keyed_with
{
    my ($secret, %opt) = @_;
    my @parts = split /\./, token(%opt, header => { alg => 'HS256' }), -1;

    $parts[2] = encode_base64url(
        Tenant::Keys::hmac(256, $secret, "$parts[0].$parts[1]"));
    return join '.', @parts;
}


sub rsa_key
{
    my (%opt) = @_;

    return key($opt{key} // 'acme_rs256')->{pk};
}


# RFC 8017, appendix A.1.1: what the SubjectPublicKeyInfo of a key of 2048
# bits wraps in 24 bytes.
sub pkcs1_der
{
    return substr rsa_key(@_)->export_key_der('public'), 24;
}


sub unsigned
{
    my ($alg, %opt) = @_;

    return token(%opt, header => { alg => $alg }, signature => '');
}


# An ES256 token with r and s of our choosing, 32 bytes each.
sub es256_with
{
    my ($code, %opt) = @_;
    my $owner = key($opt{key} // 'acme_rs256')->{owner};
    my %es = (%opt, key => "${owner}_es256");
    my (undef, undef, $sig) = split /\./, token(%es);

    return token(%es, signature => $code->(unpack 'a32 a32',
                                           decode_base64url($sig)));
}


# The order of P-256: r and s must be below it.
my $P256_N = pack 'H*', 'ffffffff00000000ffffffffffffffff'
                        . 'bce6faada7179e84f3b9cac2fc632551';

# An attacker's key, and how to offer it inside the token.
my $EVIL = 'attacker_rs256';


sub self_made
{
    my ($members, %opt) = @_;
    my $name = $opt{key} // 'acme_rs256';

    return token(iss => issuer(key($name)->{owner}), kid => $name, %opt,
                 key => $EVIL, header => $members);
}


sub with_iss
{
    my ($change, %opt) = @_;
    my $iss = $opt{iss} // issuer(key($opt{key} // 'acme_rs256')->{owner});

    return token(%opt, iss => $change->($iss));
}


# name => token; all are to be refused.  The signature is right wherever the
# attack is not on the signature.
my %ATTACKS = (
    # algorithm and key
    none              => sub { unsigned('none', @_) },
    none_capitalised  => sub { unsigned('None', @_) },
    none_mixed_case   => sub { unsigned('nOnE', @_) },
    none_upper_case   => sub { unsigned('NONE', @_) },
    none_signed       => sub { token(@_, header => { alg => 'none' }) },
    alg_lower_case    => sub { token(@_, header => { alg => 'rs256' }) },
    alg_empty         => sub { token(@_, header => { alg => '' }) },
    alg_number        => sub { token(@_, header => { alg => 256 }) },
    alg_list          => sub { token(@_, header => { alg => ['RS256'] }) },
    alg_null          => sub { token(@_, header => { alg => undef }) },
    alg_missing       => sub { token(@_, drop_header => ['alg']) },
    alg_unknown       => sub { token(@_, header => { alg => 'RS257' }) },
    alg_other_hash    => sub { token(@_, alg => 'RS384') },
    alg_pss_on_rs256  => sub { token(@_, alg => 'PS256') },
    alg_of_other_kty  => sub { token(@_, header => { alg => 'ES256' }) },
    rs_hs_confusion_pem => sub {
        keyed_with(rsa_key(@_)->export_key_pem('public_x509'), @_) },
    rs_hs_confusion_pem_pkcs1 => sub {
        my $base64 = encode_base64(pkcs1_der(@_));
        keyed_with("-----BEGIN RSA PUBLIC KEY-----\n$base64"
                   . "-----END RSA PUBLIC KEY-----\n", @_) },
    rs_hs_confusion_pem_no_newline => sub {
        keyed_with(rsa_key(@_)->export_key_pem('public_x509') =~ s/\s+\z//r,
                   @_) },
    rs_hs_confusion_der => sub {
        keyed_with(rsa_key(@_)->export_key_der('public'), @_) },
    rs_hs_confusion_der_pkcs1 => sub { keyed_with(pkcs1_der(@_), @_) },
    rs_hs_confusion_jwk => sub {
        my %opt = @_;
        keyed_with($Json->encode(jwk($opt{key} // 'acme_rs256')), @_) },
    hs_empty_key      => sub { keyed_with('', @_) },
    other_key         => sub { self_made({}, @_) },
    other_issuers_key => sub {
        token(iss => 'https://acme.idp.test', @_, key => 'shared_rs256') },

    # keys the token brings along (RFC 7515, section 4.1)
    header_jwk => sub { self_made({ jwk => jwk($EVIL), kid => $EVIL }, @_) },
    header_jku => sub {
        self_made({ jku => 'https://attacker.test/jwks', kid => $EVIL }, @_) },
    header_x5u => sub {
        self_made({ x5u => 'https://attacker.test/cert', kid => $EVIL }, @_) },
    header_x5c => sub {
        self_made({ x5c => [encode_base64(key($EVIL)->{pk}
                                          ->export_key_der('public'), '')],
                    kid => $EVIL }, @_) },
    crit_unknown => sub {
        token(@_, header => { crit => ['example'], example => 1 }) },
    crit_empty   => sub { token(@_, header => { crit => [] }) },
    crit_text    => sub { token(@_, header => { crit => 'exp' }) },
    b64_false    => sub {
        token(@_, header => { b64 => JSON::PP::false(), crit => ['b64'] }) },

    # kid is the attacker's to choose
    kid_unknown => sub { token(@_, kid => 'no-such-key') },
    kid_path    => sub { token(@_, kid => '../../../../../../etc/passwd') },
    kid_nul     => sub { token(@_, kid => "acme_rs256\0") },
    kid_number  => sub { token(@_, header => { kid => 1 }) },
    kid_list    => sub { token(@_, header => { kid => ['acme_rs256'] }) },
    kid_sql     => sub { token(@_, kid => "' OR '1'='1' --") },
    kid_newline => sub { token(@_, kid => "x\r\nX-Injected: 1") },

    # signature
    signature_tampered => sub { token(@_, tamper => 'signature') },
    payload_tampered   => sub { token(@_, tamper => 'payload') },
    header_tampered    => sub { token(@_, tamper => 'header') },
    signature_missing  => sub { token(@_, signature => '') },
    signature_short    => sub { token(@_, signature => 'x') },
    signature_zero     => sub { token(@_, signature => "\0" x 256) },
    signature_extended => sub {
        respelt(2, sub { encode_base64url(decode_base64url($_[0]) . "\0") },
                @_) },
    es256_r_zero  => sub { es256_with(sub { "\0" x 32 . $_[1] }, @_) },
    es256_s_zero  => sub { es256_with(sub { $_[0] . "\0" x 32 }, @_) },
    es256_both_zero => sub { es256_with(sub { "\0" x 64 }, @_) },
    es256_r_order => sub { es256_with(sub { $P256_N . $_[1] }, @_) },
    es256_s_order => sub { es256_with(sub { $_[0] . $P256_N }, @_) },
    es256_long    => sub { es256_with(sub { "\0$_[0]\0$_[1]" }, @_) },
    es256_short   => sub {
        es256_with(sub { $_[0] . substr $_[1], 0, 31 }, @_) },
    es256_der     => sub {
        es256_with(sub {
            my $ints = join '', map {
                my $n = s/^\0+//r;
                $n = "\0$n" if $n eq '' || ord($n) > 127;
                "\x02" . chr(length $n) . $n } @_;
            "\x30" . chr(length $ints) . $ints }, @_) },

    # spelling: one token has one (RFC 7515, section 2)
    padded_header    => sub { respelt(0, sub { "$_[0]=" }, @_) },
    padded_payload   => sub { respelt(1, sub { "$_[0]=" }, @_) },
    padded_signature => sub { respelt(2, sub { "$_[0]=" }, @_) },
    standard_base64  => sub {
        my $token;
        # until the signature has a character that the alphabets spell
        # differently
        for my $n (1 .. 100) {
            $token = respelt(2, sub { $_[0] =~ tr{-_}{+/}r }, @_,
                             jti => "standard-$n");
            last if $token =~ m{[+/]};
        }
        $token },
    trailing_bits => sub {
        # the last character of 64 or 256 bytes has four bits to spare
        respelt(2, sub {
            my ($text) = @_;
            die "no trailing bits\n" if length($text) % 4 == 0;
            my $alphabet = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-_';
            my $at = index $alphabet, substr $text, -1;
            substr($text, -1) = substr $alphabet, $at ^ 1, 1;
            $text }, @_) },
    space_inside => sub {
        respelt(1, sub { substr($_[0], 0, 10) . ' ' . substr $_[0], 10 },
                @_) },
    tab_inside   => sub {
        respelt(1, sub { substr($_[0], 0, 10) . "\t" . substr $_[0], 10 },
                @_) },
    junk_in_signature => sub {
        respelt(2, sub { substr($_[0], 0, 10) . '!' . substr $_[0], 10 },
                @_) },
    dots_none   => sub { token(@_) =~ tr/.//dr },
    dots_1      => sub { token(@_) =~ s/\.[^.]*\z//r },
    dots_3      => sub { token(@_) . '.' },
    dots_3_part => sub { token(@_) . '.e30' },
    dots_4_jwe  => sub { token(@_) . '.e30.e30' },
    dots_1000   => sub { token(@_) . '.' x 998 },
    dots_only   => sub { '..' },
    empty_header  => sub { respelt(0, sub { '' }, @_) },
    empty_payload => sub { token(@_, raw_payload => '') },
    long_8k  => sub { token(@_, claims => { pad => 'x' x 8192 }) },
    long_64k => sub { token(@_, claims => { pad => 'x' x 65536 }) },
    long_kid => sub { token(@_, kid => 'k' x 10240) },
    long_1m  => sub { token(@_, claims => { pad => 'x' x 1048576 }) },

    # JSON (RFC 8259), signed as it is
    json_array     => sub { token(@_, raw_payload => '[1]') },
    json_string    => sub { token(@_, raw_payload => '"acme"') },
    json_null      => sub { token(@_, raw_payload => 'null') },
    json_broken    => sub { token(@_, raw_payload => '{"iss":') },
    json_trailing  => sub {
        token(@_, raw_payload => payload_text(@_) . ' x') },
    json_two       => sub {
        token(@_, raw_payload => payload_text(@_) . payload_text(@_)) },
    json_bom       => sub {
        token(@_, raw_payload => "\xef\xbb\xbf" . payload_text(@_)) },
    json_deep      => sub {
        with_member('"deep":' . '[' x 1000 . ']' x 1000, @_) },
    json_bad_utf8  => sub { with_member(qq{"name":"\xff\xfe"}, @_) },
    json_overlong_utf8 => sub { with_member(qq{"name":"\xc0\xaf"}, @_) },
    json_lone_surrogate => sub { with_member('"name":"\ud800"', @_) },
    json_nul_escaped => sub { with_member('"name":"a\u0000b"', @_) },
    json_nul_raw   => sub { with_member(qq{"name":"a\0b"}, @_) },
    json_huge_number => sub { with_member('"n":1' . '0' x 400, @_) },
    json_duplicate => sub { with_member('"sub":"admin"', @_) },
    json_duplicate_iss => sub {
        with_member('"iss":"https://globex.idp.test"', @_) },
    json_duplicate_escaped => sub { with_member('"s\u0075b":"admin"', @_) },
    json_duplicate_header => sub {
        my %opt = @_;
        token(%opt, raw_header => header($opt{key} // 'acme_rs256', %opt)
                                  =~ s/^\{/{"alg":"none",/r) },
    header_array   => sub { token(@_, raw_header => '["RS256"]') },
    header_broken  => sub { token(@_, raw_header => '{"alg":') },

    # claims
    exp_missing  => sub { token(@_, drop => ['exp']) },
    exp_past     => sub { token(@_, exp_in => -3600) },
    exp_zero     => sub { token(@_, claims => { exp => 0 }) },
    exp_negative => sub { token(@_, claims => { exp => -1 }) },
    exp_text     => sub {
        token(@_, claims => { exp => '' . (time + 3600) }) },
    exp_null     => sub { token(@_, claims => { exp => undef }) },
    exp_list     => sub { token(@_, claims => { exp => [time + 3600] }) },
    exp_true     => sub { token(@_, claims => { exp => JSON::PP::true() }) },
    exp_past_float => sub { token(@_, claims => { exp => 1000000000.5 }) },
    nbf_future   => sub { token(@_, claims => { nbf => time + 3600 }) },
    nbf_text     => sub { token(@_, claims => { nbf => 'tomorrow' }) },
    iat_future   => sub { token(@_, claims => { iat => time + 3600 }) },
    iat_text     => sub { token(@_, claims => { iat => 'now' }) },
    iss_missing  => sub { token(@_, drop => ['iss']) },
    iss_number   => sub { token(@_, claims => { iss => 1 }) },
    iss_list     => sub {
        token(@_, claims => { iss => ['https://acme.idp.test'] }) },
    iss_unknown  => sub { with_iss(sub { 'https://nobody.idp.test' }, @_) },
    iss_slash    => sub { with_iss(sub { "$_[0]/" }, @_) },
    iss_prefix   => sub { with_iss(sub { substr $_[0], 0, -1 }, @_) },
    iss_suffix   => sub { with_iss(sub { "$_[0].evil.test" }, @_) },
    iss_case     => sub { with_iss(sub { uc $_[0] }, @_) },
    iss_nul      => sub { with_iss(sub { "$_[0]\0" }, @_) },
);


# attack($name, %opt): a token to be refused; %opt as for token(), key and
# claims mostly.
sub attack
{
    my ($name, %opt) = @_;
    my $make = $ATTACKS{$name} // die "no attack $name\n";

    return $make->(%opt);
}


# The names of the attacks that match a pattern; without one, of all but the
# long_ ones, to which nginx itself may answer 400.
sub attacks
{
    my ($pattern) = @_;

    $pattern //= qr/^(?!long_)/;
    return grep { /$pattern/ } sort keys %ATTACKS;
}


1;
