# What the control plane says of an issuer: where its keys are from, which they
# are and how long they are good for, and how its introspection is doing.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $Json = JSON::PP->new->canonical;
my $JSON = ['Content-Type', 'application/json'];
my $Port = free_port();
my $Url = "http://127.0.0.1:$Port";
my $Down = 'http://127.0.0.1:' . free_port() . '/jwks';
my $Broken = fixture_dir() . '/broken';


sub iss { return "https://$_[0].idp.test" }


my $Provider = Tenant::Upstream->new(port => $Port, respond => sub {
    my ($path) = $_[0]{path};

    return [503, $JSON, '{}'] if -e $Broken;
    return [200, $JSON, $Json->encode({ issuer => iss('discovered'),
            jwks_uri => "$Url/jwks" })] if $path eq '/doc';
    return [200, [@$JSON, 'Cache-Control', 'max-age=600'],
            jwks('acme_rs256', 'acme_es256',
                 { key => 'acme_es384', drop => ['kid'] })]
        if $path eq '/jwks';
    return [200, $JSON, $Json->encode({ active => JSON::PP::true,
            sub => 'alice', exp => int time + 600 })];
});

my %Entry = (
    fetched => { jwks_uri => "$Url/jwks" },
    discovered => { discovery => "$Url/doc" },
    down => { jwks_uri => $Down },
    file => { jwks_file => 'acme.jwks' },
    inline => { jwks => { keys => [jwk('acme_rs256')] },
                algorithms => ['RS256', 'PS512', 'ES256'] },
    narrow => { jwks_uri => "$Url/jwks", algorithms => ['ES256'] },
    opaque => { introspection => { endpoint => "$Url/ask",
                client_id => 'gateway', client_secret => 'secret' } },
);
my $Registry = registry(
    tenant => { map { $_ => { tier => 'basic' } } keys %Entry },
    issuer => { map { iss($_) => { tenant => $_, %{ $Entry{$_} } } }
                keys %Entry });

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"CONF",
tenant_registry ${\ fixture_dir() }/state/registry.db seed=$Registry->{path};
tenant_policy off;
tenant_keys min=1s stale=600s;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
CONF
    server => <<'CONF',
location / {
    tenant_auth on;
    tenant_introspection https://opaque.idp.test;
    try_files /none @ok;
}
location @ok { return 204; }
location /admin/ { tenant_api; }
CONF
);

ok($Server->start, 'nginx starts') or die $Server->error_log;


sub answer
{
    my ($method, $name) = @_;

    return $Server->request(
        $method => "/admin/v1/issuers/https%3A%2F%2F$name.idp.test/state");
}


# Without what there is of the entry.
sub state
{
    my $got = answer(GET => $_[0])->json;

    return { map { exists $got->{$_} ? ($_ => $got->{$_}) : () }
             qw(keys introspection) };
}


sub token_of
{
    my ($name, %opt) = @_;

    return $Server->request(GET => '/', Authorization => 'Bearer '
        . token(iss => iss($name), %opt))->status;
}


# Seconds from now; undef for null.
sub seconds
{
    my ($time) = @_;

    return undef unless defined $time;
    my ($y, $m, $d, @rest) =
        $time =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z\z/
        or return "no RFC 3339: $time";

    return timegm(reverse(@rest), $d, $m - 1, $y) - time;
}


sub within
{
    my ($time, $from, $to, $title) = @_;
    my $got = seconds($time) // 'never';

    ok($got =~ /\A-?[\d.]+\z/ && $got >= $from && $got <= $to, $title)
        or diag "$got seconds";
}


sub algorithms
{
    my ($keys) = @_;

    return join ', ', sort map { ($_->{kid} // 'null') . ': '
                                 . join '/', @{ $_->{algorithms} } } @$keys;
}


{
    my $got = answer(GET => 'inline')->json;

    is_deeply([sort keys %$got],
              [qw(created iss keys tenant updated version)],
              'a state says of which entry it is, and the rest');
    is($got->{iss} . ' ' . $got->{tenant}, iss('inline') . ' inline',
       '... whose');
    within($got->{updated}, -20, 1, '... as of when');
}

# Nothing was fetched yet, and asking for the state fetches nothing

for my $name (qw(fetched discovered)) {
    my $got = state($name);

    is_deeply($got, { keys => {
        source => $name eq 'fetched' ? 'jwks_uri' : 'discovery',
        location => $name eq 'fetched' ? "$Url/jwks" : "$Url/doc",
        status => 'none', fetched => undef, expires => undef,
        refresh => undef, failures => 0, http_status => 0, keys => [] } },
        "$name: nothing is known at first");
}

is(scalar $Provider->requests, 0, 'nothing is fetched for it');

# Fetched keys

for my $name (qw(fetched discovered)) {
    is(token_of($name), 204, "$name: a token is accepted");
    my $got = state($name)->{keys};

    is($got->{status}, 'fresh', '... and the keys are fresh');
    within($got->{fetched}, -5, 1, '... as of now');
    within($got->{expires}, 590, 600, '... for as long as the answer said');
    within($got->{refresh}, 470, 600, '... but for some of it');
    is($got->{failures} . ' ' . $got->{http_status}, '0 200',
       '... after no failure');
    is(algorithms($got->{keys}), join(', ', sort 'null: ES384',
       map { (jwk($_)->{kid} // '') . ': ' . jwk($_)->{alg} }
           qw(acme_rs256 acme_es256)), '... which they are');
}

is(token_of('narrow', key => 'acme_es256'), 204, 'an issuer of one algorithm');
is(algorithms(state('narrow')->{keys}{keys}), join(', ', sort 'null: ',
   jwk('acme_es256')->{kid} . ': ES256', jwk('acme_rs256')->{kid} . ': '),
   '... has no other');

# Others

{
    my $got = state('file')->{keys};

    is($got->{source}, 'jwks_file', 'keys of a file');
    is($got->{location}, $Registry->{jwks}{'acme.jwks'}, '... have its name');
    is($got->{status}, 'static', '... and do not age');
    is_deeply([grep { exists $got->{$_} }
               qw(fetched expires refresh failures http_status)], [],
              '... so that no more is said');
    cmp_ok(scalar @{ $got->{keys} }, '>', 0, '... but which they are');
}

is_deeply(state('inline'), { keys => {
    source => 'jwks', status => 'static',
    keys => [{ kid => jwk('acme_rs256')->{kid},
               algorithms => [jwk('acme_rs256')->{alg}] }] } },
    'inline keys are nowhere else');

is(token_of('down'), 503, 'keys that are down');
{
    my $got = state('down')->{keys};

    is($got->{status}, 'none', '... are none');
    is($got->{failures} . ' ' . $got->{http_status}, '1 0',
       '... after a failure without an answer');
    is($got->{fetched}, undef, '... and never were');
    within($got->{refresh}, 0, 5, '... and are tried again before long');
    is_deeply($got->{keys}, [], '... and cannot be listed');
}

# Introspection

is_deeply(state('opaque'), {
    keys => { source => 'none', status => 'none', keys => [] },
    introspection => { endpoint => "$Url/ask", status => 'unknown',
        answered => undef, retry => undef, failures => 0, http_status => 0 },
}, 'an issuer that is asked has no keys, and nobody has asked it yet');


sub opaque
{
    return $Server->request(GET => '/', Authorization => "Bearer $_[0]")
                  ->status;
}


is(opaque('one'), 204, 'it is asked');
{
    my $got = state('opaque')->{introspection};

    is($got->{status}, 'ok', '... and does well');
    within($got->{answered}, -5, 1, '... since now');
    is_deeply([@$got{qw(retry failures http_status)}], [undef, 0, 200],
              '... without failures');
}

write_fixture('broken', '');
is(opaque('two'), 503, 'it is broken');
{
    my $got = state('opaque')->{introspection};

    is($got->{status}, 'failing', '... and said to fail');
    within($got->{answered}, -15, 1, '... after it answered');
    within($got->{retry}, -1, 5, '... and tried again before long');
    is($got->{failures} . ' ' . $got->{http_status}, '1 503',
       '... once, with a status');
}

unlink $Broken;
{
    my $end = time + 8;
    my $n = 0;

    sleep 0.1 until opaque('again-' . ++$n) == 204 || time > $end;
    my $got = state('opaque')->{introspection};
    is_deeply([@$got{qw(status retry failures http_status)}],
              ['ok', undef, 0, 200], 'then it does well again');
}

# Who has no state

is(answer(GET => 'nobody')->status, 404, 'nobody has no state');
is(answer($_ => 'fetched')->status, 405, "$_ is not for a state")
    for qw(PUT DELETE);
is($Server->request(DELETE =>
       '/admin/v1/issuers/https%3A%2F%2Ffetched.idp.test')->status, 204,
   'an issuer goes');
is(answer(GET => 'fetched')->status, 404, '... and its state');
unlike(answer(GET => 'opaque')->body, qr/secret/, 'no state has a secret');

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
$Server->remove;

done_testing();
