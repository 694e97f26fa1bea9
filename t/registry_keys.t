# Key sets of issuers: what cannot be used is refused at the start or named in
# a warning, never passed over in silence.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Json = JSON::PP->new->utf8->canonical;
my $Iss = 'https://shared.idp.test';
my $Good = jwk('shared_rs256');
my @faults;


# What nginx logs when it starts with this text as the key set, and whether
# it does start.
sub start_with
{
    my ($text) = @_;
    my $registry = registry(jwks => { 'shared.jwks' => $text });

    return start($registry);
}


sub start
{
    my ($registry) = @_;
    my $server = Tenant::Server->new(
        http => "tenant_registry $registry->{path};", may_fail => 1);
    my $started = $server->start;
    my $log = $server->error_log;

    $server->quit if $server->pid;
    push @faults, $server->faults;
    $server->remove;
    return ($started, $log, $registry->{jwks}{'shared.jwks'});
}


sub key_set
{
    return $Json->encode({ keys => [@_] });
}


# [title, text of the file, message behind "in <file>: "]
my @refused = (
    ['an empty file', '', 'syntax error at byte 0'],
    ['a file with something else in it', '-----BEGIN CERTIFICATE-----',
     'not an object at byte 0'],
    ['a key set cut off', substr(key_set($Good), 0, 20),
     'syntax error at byte '],
    ['a key set with a member twice', '{"keys":[],"keys":[]}',
     'duplicate member name at byte'],
    ['an array of keys', '[]', 'not an object at byte 0'],
    ['an object without keys', '{}', 'key set without a "keys" array'],
    ['keys that are no array', '{"keys":{}}',
     'key set without a "keys" array'],
    ['an empty key set', key_set(), 'no usable key'],
    ['257 keys', key_set(({ kty => 'x' }) x 257),
     'key set with more than 256 keys'],
);

for my $case (@refused) {
    my ($title, $text, $message) = @$case;
    my ($started, $log, $path) = start_with($text);

    ok(!$started, "$title is refused");
    like($log, qr/\[emerg\].*key\ set\ of\ issuer\ "\Q$Iss\E"\ in
                  \ \Q$path\E:\ \Q$message\E/x, "$title: $message");
}


# Keys beside a good one: the rest of the set goes on without them.
# [title, key, reason]
my @skipped = (
    ['a key for encryption', { %$Good, use => 'enc' }, 'use is not "sig"'],
    ['a key that may not verify', { %$Good, key_ops => ['sign'] },
     'key_ops without "verify"'],
    ['a private key', { %$Good, d => 'AQAB' }, 'private key in a key set'],
    ['a key of an unknown algorithm', { %$Good, alg => 'RS1' },
     'alg is not a supported signature algorithm'],
    ['a key whose algorithm is of another type', { %$Good, alg => 'ES256' },
     'alg does not fit the key'],
    ['an RSA key of 16 bits', { kty => 'RSA', n => 'gAE', e => 'AQAB' },
     'RSA modulus not of 2048 to 8192 bits'],
    ['an RSA key without exponent', { kty => 'RSA', n => $Good->{n} },
     'e is missing'],
    ['a key on an unknown curve',
     { kty => 'EC', crv => 'P-192', x => 'AA', y => 'AA' },
     'crv is not a supported EC curve'],
    ['a point that is not on its curve',
     { kty => 'EC', crv => 'P-256', x => 'A' x 42 . 'E', y => 'A' x 42 . 'E' },
     'EC point is not on its curve'],
);

for my $case (@skipped) {
    my ($title, $key, $reason) = @$case;
    my ($started, $log) = start_with(key_set($Good, $key));

    ok($started, "$title does not take the others with it");
    like($log, qr/\[warn\].*key\ 1\ of\ issuer\ "\Q$Iss\E"\ is\ not\ used:
                  \ \Q$reason\E/x, "$title is warned of: $reason");
}

{
    my ($started, $log, $path) = start_with(key_set($skipped[2][1]));

    ok(!$started, 'a set of nothing but a private key is refused');
    like($log, qr/in \Q$path\E: no usable key/, '... with its file');
}


# Files

{
    my ($started, $log) = start(registry(
        issuer => { $Iss => { jwks_file => 'missing.keys' } }));

    ok(!$started, 'a key set that is not there is refused');
    like($log, qr{issuer\ "\Q$Iss\E":\ cannot\ open
                  \ ".*/registry\.\d+/missing\.keys"\ \(2:\ No\ such}x,
         'its path is looked for beside the registry');
}

{
    my ($started, $log) = start(registry(
        issuer => { $Iss => { jwks_file => '/' } }));

    ok(!$started, 'a directory is refused');
    like($log, qr{issuer "\Q$Iss\E": "/" is not a file}, '... as such');
}

{
    my ($started, $log, $path) =
        start_with(key_set($Good) . ' ' x 524288);

    ok(!$started, 'a key set above the limit is refused');
    like($log, qr/"\Q$path\E" is larger than 524288 bytes/,
         '... before it is read');
}

{
    my ($started, $log) = start(registry(
        issuer => { $Iss => { jwks_file => undef,
                              jwks => { keys => [$Good] } } }));

    ok($started, 'a key set may stand in the registry');
    is(join("\n", grep { /\[(warn|error|crit|alert|emerg)\]/ }
                  split /\n/, $log), '', '... without a complaint');
}

{
    my ($started, $log) = start(registry(
        issuer => { $Iss => { jwks_file => undef, jwks => {} } }));

    ok(!$started, 'a broken key set in the registry is refused');
    like($log, qr/issuer "\Q$Iss\E" in jwks: key set without a "keys" array/,
         '... as that of the registry');
}

is_deeply(\@faults, [], 'no sanitizer has found anything');

done_testing();
