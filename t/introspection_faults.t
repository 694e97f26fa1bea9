# Endpoints that are slow, down, lying, huge, or refuse us: their tokens are
# answered 503 with the reason in the log, once, and nobody else's are.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $JSON = ['Content-Type', 'application/json'];
my $Active = JSON::PP->new->encode({ active => JSON::PP::true,
                                     sub => 'alice', exp => time + 600 });
my $Secret = 'tell-nobody';

# name of the issuer => [the endpoint's answer, what the log says of it]
my %Faults = (
    'status-500' => [sub { [500, $JSON, $Active] },
                     qr/unexpected status \(status 500\)/],
    'status-401' => [sub { [401, $JSON, '{"error":"invalid_client"}'] },
                     qr/unexpected status \(status 401\)/],
    'status-403' => [sub { [403, $JSON, $Active] }, qr/\(status 403\)/],
    'status-404' => [sub { [404, $JSON, $Active] }, qr/\(status 404\)/],
    'status-429' => [sub { [429, $JSON, $Active] }, qr/\(status 429\)/],
    'status-201' => [sub { [201, $JSON, $Active] }, qr/\(status 201\)/],
    'status-204' => [sub { [204, $JSON, ''] }, qr/\(status 204\)/],
    redirect => [sub { [307, ['Location', '/honest'], ''] },
                 qr/\(status 307\)/],
    html => [sub { [200, ['Content-Type', 'text/html'], '<html>'] },
             qr{is not application/json}],
    untyped => [sub { [200, [], $Active] }, qr{is not application/json}],
    jsonish => [sub { [200, ['Content-Type', 'application/json5'],
                       $Active] }, qr{is not application/json}],
    jwt => [sub { [200, ['Content-Type',
                         'application/token-introspection+jwt'],
                   token()] }, qr{is not application/json}],
    garbage => [sub { [200, $JSON, 'active'] }, qr/: .*syntax error/],
    empty => [sub { [200, $JSON, ''] }, qr/: .*syntax error/],
    list => [sub { [200, $JSON, "[$Active]"] },
             qr/: .*not an? (?:JSON )?object/],
    twice => [sub { [200, $JSON,
                     '{"active":false,"active":true,"sub":"a"}'] },
              qr/: .*(?:twice|duplicate)/],
    silent => [sub { [200, $JSON, '{"sub":"alice"}'] },
               qr/has no "active" that is true or false/],
    text => [sub { [200, $JSON, '{"active":"true"}'] },
             qr/has no "active" that is true or false/],
    huge => [sub { [200, $JSON, $Active . ' ' x 66_000] },
             qr/the answer is too large/],
    endless => [sub {
        my (undef, $connection) = @_;
        $connection->send_header(200, @$JSON,
                                 'Transfer-Encoding' => 'chunked');
        $connection->send_chunk(' ' x 10_000) for 1 .. 100;
        $connection->last_chunk;
        return undef;
    }, qr/the answer is too large/],
    halfway => [sub {
        my (undef, $connection) = @_;
        $connection->send_header(200, @$JSON, 'Content-Length' => 1000);
        $connection->send($Active);
        $connection->{close} = 1;
        return undef;
    }, qr/bytes remaining/],
    atonce => [sub { $_[1]{close} = 1; undef }, qr/Empty reply/],
    slow => [sub { sleep 3; undef }, qr/Operation timed out/],
);

# What the endpoint says while a gate is shut.
my $Gate = fixture_dir() . '/gate';

my $Provider = Tenant::Upstream->new(respond => sub {
    my ($name) = $_[0]{path} =~ m{^/([^/?]*)};
    my ($token) = $_[0]{body} =~ /^token=([^&]*)/;

    return [400, $JSON, '{"error":"invalid_request"}']
        if $token =~ /^gagging/;
    return [500, $JSON, ''] if $name eq 'gated' && !-e $Gate;
    return $Faults{$name}[0]->(@_) if $Faults{$name};
    return [200, $JSON, $Active];
});
my $Port = $Provider->port;

my %Endpoint = (
    (map { $_ => "http://127.0.0.1:$Port/$_" } keys %Faults),
    closed => 'http://127.0.0.1:' . free_port() . '/',
    nohost => 'http://nobody.invalid/',
    private => 'http://[::ffff:10.0.0.1]/',
);
my %Log = (
    (map { $_ => $Faults{$_}[1] } keys %Faults),
    closed => qr/connect/,
    nohost => qr/Could not resolve/,
    private => qr/the address is private and not allowed/,
);
my @Fine = qw(honest gated choked);


sub iss { return "https://$_[0].idp.test" }


# A registry of issuers that are asked about tokens, each with a tenant of its
# name.
sub registry_of
{
    return registry(
        tenant => { map { $_ => { tier => 'basic' } } @_ },
        issuer => { map { iss($_) => {
            tenant => $_,
            introspection => {
                endpoint => $Endpoint{$_} // "http://127.0.0.1:$Port/$_",
                client_id => 'gateway', client_secret => $Secret } } } @_ },
    );
}


my $Registry = registry_of(keys %Log, @Fine);


sub server
{
    my ($workers, $more, $registry) = @_;

    $more //= '';
    $registry //= $Registry;

    return Tenant::Server->new(
        workers => $workers,
        http => <<"CONF",
tenant_registry $registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
tenant_fetch_timeout 1s;
$more
CONF
        server => <<'CONF',
location / {
    tenant_auth on;
    tenant_introspection https://$arg_iss.idp.test;
    try_files /none @ok;
}
location @ok { return 204; }
location = /metrics { tenant_metrics; }
CONF
    );
}


my $Server = server(1);

ok($Server->start, 'nginx starts without asking anybody')
    or die $Server->error_log;


sub ask
{
    my ($name, $token) = @_;

    return $Server->request(GET => "/?iss=$name",
                            Authorization => "Bearer $token");
}


sub lines
{
    my ($name) = @_;
    my $iss = iss($name);

    return $Server->error_log
           =~ /^(.*introspection at issuer "\Q$iss\E".*)$/mg;
}


# All at once, then the answers: what is slow is so in parallel.
{
    my %sock;

    for my $name (sort keys %Log) {
        $sock{$name} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                             PeerPort => $Server->port)
            or die "connect: $!\n";
        print {$sock{$name}} "GET /?iss=$name HTTP/1.1\r\nHost: localhost\r\n"
            . "Connection: close\r\nAuthorization: Bearer one\r\n\r\n";
    }

    is(ask('honest', "other-$_")->status, 204, 'other issuers do not notice')
        for 1 .. 3;

    for my $name (sort keys %Log) {
        local $SIG{ALRM} = sub { die "no answer for $name\n" };
        alarm 15;
        local $/;
        my $sock = $sock{$name};
        my $text = <$sock>;
        alarm 0;

        like($text, qr{\AHTTP/1.1 503 }, "$name is 503");
        like($text, qr/^Retry-After: \d+\r$/m, '... with Retry-After');
        like($text, qr/problem:introspection-unavailable"/,
             '... saying what is not there');
        my @lines = lines($name);
        is(scalar @lines, 1, '... with one line in the log');
        like($lines[0] // '', $Log{$name}, '... that has the reason');
        like($lines[0] // '', qr/\[error\].*next try in \d+ seconds/,
             '... and what comes next');
    }
}

# It is left alone for a while

{
    my $asked = $Provider->requests;

    is(ask($_, 'one')->status . ask($_, 'two')->status, '503503',
       "$_ fails again, for another token, too")
        for 'status-500', 'huge', 'closed';
    cmp_ok($Provider->requests - $asked, '<=', 2,
           '... without being asked each time');
    cmp_ok(scalar(grep { /\[error\]/ } lines('status-500')), '==', 1,
           '... and without another error in the log');
}

# A token that the endpoint chokes on is its own fault

{
    my $asked = $Provider->requests;

    for (1 .. 3) {
        my $res = ask('choked', 'gagging');

        is($res->status, 503, 'a token that is answered 400 is 503');
        is($res->json->{detail}, 'the issuer would not judge the token',
           '... saying so');
    }

    is($Provider->requests - $asked, 1, '... asked about once');
    is(ask('choked', 'another')->status, 204,
       '... and others are asked about');
    is_deeply([lines('choked')], [],
              '... with nothing of the issuer in the log');
}

# The end of a fault

{
    is(ask('gated', 'one')->status, 503, 'an endpoint fails');
    write_fixture($Gate, '');
    my $asked = $Provider->requests;
    my $status = 503;

    for (1 .. 100) {
        $status = ask('gated', 'one')->status;
        last if $status != 503;
        sleep 0.1;
    }

    is($status, 204, '... and works again');
    is($Provider->requests - $asked, 1, '... found out by one question');
    my @lines = lines('gated');
    is(scalar @lines, 2, '... with one more line in the log');
    like($lines[1] // '', qr/\[notice\].*works again after 1 failures/,
         '... that says so');
}

{
    my $text = $Server->request(GET => '/metrics')->body;

    like($text, qr/^tenant_introspections_total\{result="failure"\} [1-9]/m,
         'failures are counted');
    like($text, qr/^tenant_issuer_introspection_failures
                   \{issuer="https:\/\/huge.idp.test"\}\ [1-9]/mx,
         '... by issuer');
    like($text, qr/^tenant_issuer_introspection_failures
                   \{issuer="https:\/\/gated.idp.test"\}\ 0$/mx,
         '... until it works again');
    like($text, qr/^tenant_refused_requests_total
                   \{reason="introspection-unavailable"\}\ [1-9]/mx,
         '... and what was refused for them');
}

# What one worker has found out the others know, and those after a reload

{
    my $two = server(2);

    ok($two->start, 'with two workers') or die $two->error_log;
    my $asked = $Provider->requests;
    my %status;

    for my $n (1 .. 40) {
        $status{$two->request(GET => '/?iss=status-500',
                              Authorization => "Bearer many-$n")->status}++;
        $two->reload if $n == 20;
    }

    is_deeply(\%status, { 503 => 40 }, '... forty tokens are refused');
    cmp_ok($Provider->requests - $asked, '<=', 3,
           '... and next to none is asked about');
    is(() = $two->error_log =~ /\[error\].*introspection at issuer/g, 1,
       '... with one error in the log');
    ok($two->quit, '... nginx quits');
    is_deeply([$two->faults], [], '... no sanitizer has found anything');
    unlike($two->error_log, qr/\[(?:alert|emerg)\]/, '... no alert');
    $two->remove;
}

# A zone that is too small for what is known of endpoints

{
    my @crowd = map { "crowd-$_" } 1 .. 300;
    my $small = server(1, 'tenant_zone 32k;', registry_of(@crowd));

    ok($small->start, 'with too small a zone nginx starts')
        or die $small->error_log;
    my %status;

    $status{$small->request(GET => "/?iss=$_", Authorization => 'Bearer one')
                  ->status}++ for @crowd[0 .. 9, 290 .. 299];
    is_deeply(\%status, { 204 => 20 }, '... and asks all the same');
    ok($small->quit, '... nginx quits');
    is_deeply([$small->faults], [], '... no sanitizer has found anything');
    unlike($small->error_log, qr/\[(?:alert|emerg)\]/, '... no alert');
    $small->remove;
}

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
unlike($Server->error_log, qr/\Q$Secret\E|Z2F0ZXdheT/,
       'no credentials are in the log');
unlike($Server->error_log, qr/gagging|token=/, '... nor tokens');

done_testing();
