# Providers that are slow, down, lying, huge, or close half-way: their own
# tokens are answered 503 with the reason in the log, and nobody else's are.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $JSON = ['Content-Type', 'application/json'];
my $Keys = jwks('acme_rs256');

# title => [the provider's answer, what the log says of it]
my %Lies = (
    'half-way' => [sub {
        my (undef, $connection) = @_;
        $connection->send_header(200, @$JSON,
                                 'Content-Length' => length $Keys);
        $connection->send(substr $Keys, 0, 100);
        $connection->{close} = 1;
        return undef;
    }, qr/key set of issuer .*: .*bytes remaining/],
    'at-once' => [sub { $_[1]{close} = 1; undef },
                  qr/key set of issuer .*: Empty reply/],
    'drip' => [sub {
        my (undef, $connection) = @_;
        $connection->send_header(200, @$JSON,
                                 'Content-Length' => length $Keys);
        for my $byte (split //, $Keys) {
            $connection->send($byte);
            sleep 0.1;
        }
        return undef;
    }, qr/key set of issuer .*: Operation timed out/],
    'silent' => [sub { sleep 3; undef }, qr/: Operation timed out/],
    'huge' => [sub { [200, $JSON, ' ' x 10_000_000] },
               qr/: the answer is too large/],
    'endless' => [sub {
        my (undef, $connection) = @_;
        $connection->send_header(200, @$JSON,
                                 'Transfer-Encoding' => 'chunked');
        $connection->send_chunk(' ' x 10_000) for 1 .. 1_000;
        $connection->last_chunk;
        return undef;
    }, qr/: the answer is too large/],
    'many' => [sub {
        my $one = JSON::PP->new->encode(jwk('acme_ed25519'));
        return [200, $JSON, '{"keys":[' . join(',', ($one) x 10_000) . ']}'];
    }, qr/key set of issuer .*: (?:the answer is too large|too many)/],
    'html' => [sub { [200, ['Content-Type', 'text/html'],
                      '<html>Sign in</html>'] },
               qr/key set of issuer .*: .*syntax error/],
    'broken' => [sub { [200, $JSON, substr $Keys, 0, -5] },
                 qr/key set of issuer .*: .* \(status 200\)/],
    'array' => [sub { [200, $JSON, '[]'] }, qr/\(status 200\)/],
    'no-keys' => [sub { [200, $JSON, '{}'] }, qr/\(status 200\)/],
    'empty' => [sub { [200, $JSON, '{"keys":[]}'] }, qr/no usable key/],
    'nothing' => [sub { [200, $JSON, ''] }, qr/\(status 200\)/],
    'private' => [sub { [200, $JSON, jwks({ key => 'acme_rs256',
                                            private => 1 })] },
                  qr/no usable key/],
    'encryption' => [sub { [200, $JSON, jwks({ key => 'acme_rs256',
                                               set => { use => 'enc' } })] },
                     qr/no usable key/],
    '404' => [sub { [404, $JSON, $Keys] },
              qr/unexpected status \(status 404\)/],
    '500' => [sub { [500, $JSON, $Keys] },
              qr/unexpected status \(status 500\)/],
    '204' => [sub { [204, [], ''] }, qr/\(status 204\)/],
    'redirect' => [sub { [302, [Location => '/honest'], $Keys] },
                   qr/unexpected status \(status 302\)/],
    'no-http' => [sub { $_[1]->send("SSH-2.0\r\n"); $_[1]{close} = 1; undef },
                  qr/key set of issuer .*: /],
    'long-header' => [sub { [200, ['X-Long', 'x' x 400_000], $Keys] },
                      qr/key set of issuer .*: /],
);

# What an honest provider may do
my %Fine = (
    'honest' => sub { [200, $JSON, $Keys] },
    'text' => sub { [200, ['Content-Type', 'text/plain'], $Keys] },
    'no-type' => sub { [200, [], $Keys] },
    'chunked' => sub {
        my (undef, $connection) = @_;
        $connection->send_header(200, @$JSON,
                                 'Transfer-Encoding' => 'chunked');
        $connection->send_chunk($_) for $Keys =~ /(.{1,50})/gs;
        $connection->last_chunk;
        return undef;
    },
    'slow' => sub { sleep 0.3; [200, $JSON, $Keys] },
    'mixed' => sub { [200, $JSON, jwks(
        'acme_rs256', { jwk => { kty => 'oct', k => 'AA' } },
        { jwk => { kty => 'XYZ' } })] },
    'odd-cache' => sub { [200, [@$JSON, 'Cache-Control',
                                'max-age=99999999999999999999999'], $Keys] },
);

my $Port = free_port();
my $Provider = Tenant::Upstream->new(port => $Port, respond => sub {
    my ($request, $connection) = @_;
    my ($name) = $request->{path} =~ m{([^/]+)$};
    my ($issuer, $uri) = ("https://$name.idp.test",
                          "http://127.0.0.1:$Port/honest");

    return $Lies{$name}[0]->($request, $connection) if $Lies{$name};
    return $Fine{$name}->($request, $connection) if $Fine{$name};

    # discovery
    my %document = (
        'd-good' => { issuer => $issuer, jwks_uri => $uri },
        'd-other' => { issuer => "$issuer/", jwks_uri => $uri },
        'd-none' => { jwks_uri => $uri },
        'd-no-uri' => { issuer => $issuer },
        'd-number' => { issuer => $issuer, jwks_uri => 1 },
        'd-file' => { issuer => $issuer, jwks_uri => 'file:///etc/passwd' },
        'd-user' => { issuer => $issuer,
                      jwks_uri => "http://a\@127.0.0.1:$Port/honest" },
        'd-metadata' => { issuer => $issuer,
                          jwks_uri => 'http://169.254.169.254/keys' },
        'd-mapped' => { issuer => $issuer,
                        jwks_uri => 'http://[::ffff:10.0.0.1]/keys' },
        'd-decimal' => { issuer => $issuer,
                         jwks_uri => 'http://2886729729/keys' },
        'd-lies' => { issuer => $issuer,
                      jwks_uri => "http://127.0.0.1:$Port/empty" },
    );

    return [200, $JSON, '<html>'] if $name eq 'd-html';
    return [200, $JSON, JSON::PP->new->encode($document{$name})];
});

my %Discovered = (
    'd-other' => qr/discovery document of issuer .* is of another issuer/,
    'd-none' => qr/discovery document of issuer .* is of another issuer/,
    'd-no-uri' => qr/has no jwks_uri/,
    'd-number' => qr/has no jwks_uri/,
    'd-html' => qr/discovery document of issuer .*: .*syntax error/,
    'd-file' => qr/has a jwks_uri that may not be fetched/,
    'd-user' => qr/has a jwks_uri that may not be fetched/,
    'd-metadata' => qr/the address is private and not allowed/,
    'd-mapped' => qr/the address is private and not allowed/,
    'd-decimal' => qr/the address is private and not allowed/,
    'd-lies' => qr/key set of issuer .*: no usable key/,
);


# TLS: an authority of our own, and what can be wrong with its certificates

sub openssl
{
    my (@arguments) = @_;
    my $dir = fixture_dir();

    system("cd $dir && openssl @arguments >openssl.log 2>&1") == 0
        or die "openssl @arguments: see $dir/openssl.log\n";
}


sub certificate
{
    my ($name, $ca, $subject, $days) = @_;

    write_fixture("$name.ext", "subjectAltName=$subject");
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
            "-keyout $name.key -subj /CN=$name -out $name.csr");
    openssl("x509 -req -in $name.csr -CA $ca.crt -CAkey $ca.key",
            "-CAcreateserial -days $days -extfile $name.ext -out $name.crt");
}


for my $ca (qw(ca other)) {
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
            "-keyout $ca.key -subj /CN=$ca -days 30 -out $ca.crt");
}

certificate('tls-good', 'ca', 'IP:127.0.0.1', 30);
certificate('tls-name', 'ca', 'DNS:elsewhere.test', 30);
certificate('tls-expired', 'ca', 'IP:127.0.0.1', -1);
certificate('tls-stranger', 'other', 'IP:127.0.0.1', 30);

my %Tls = map { $_ => free_port() }
              qw(tls-good tls-name tls-expired tls-stranger);
my $TlsServers = join '', map { <<"CONF" } sort keys %Tls;
server {
    listen 127.0.0.1:$Tls{$_} ssl;
    ssl_certificate ${\ fixture_dir() }/$_.crt;
    ssl_certificate_key ${\ fixture_dir() }/$_.key;
    location / { proxy_pass http://127.0.0.1:$Port; }
}
CONF

my %Refused = (
    (map { $_ => $Lies{$_}[1] } keys %Lies),
    %Discovered,
    'tls-name' => qr/key set of issuer .*: .*subject name/,
    'tls-expired' => qr/key set of issuer .*: .*certificate/,
    'tls-stranger' => qr/key set of issuer .*: .*certificate/,
    'closed-port' => qr/key set of issuer .*: .*connect/,
    'no-host' => qr/key set of issuer .*: Could not resolve/,
);
my @Accepted = (keys %Fine, 'd-good', 'tls-good');

my %Uri = (
    (map { $_ => "http://127.0.0.1:$Port/$_" } keys %Lies, keys %Fine),
    (map { $_ => "https://127.0.0.1:$Tls{$_}/honest" } keys %Tls),
    'closed-port' => 'http://127.0.0.1:' . free_port() . '/',
    'no-host' => 'http://nobody.invalid/',
);


# A registry of issuers, each with a tenant of its name.
sub registry_of
{
    my (%issuer) = @_;

    return registry(
        tenant => { map { $_ => { tier => 'basic' } } keys %issuer },
        issuer => { map { ("https://$_.idp.test" => {
            tenant => $_, %{ $issuer{$_} } }) } keys %issuer },
    );
}


my $Registry = registry_of(map {
    $_ => { $Uri{$_} ? (jwks_uri => $Uri{$_})
                     : (discovery => "http://127.0.0.1:$Port/$_") }
} keys %Refused, @Accepted);


sub server
{
    my (%opt) = @_;
    my $registry = $opt{registry} // $Registry;
    my $allow = $opt{allow} // 'tenant_fetch_allow 127.0.0.0/8;';
    my $plain = $opt{plain} // 'on';

    return Tenant::Server->new(
        workers => 1,
        http => <<"CONF",
tenant_registry $registry->{path};
tenant_policy off;
tenant_fetch_plain_http $plain;
tenant_fetch_timeout 1s;
tenant_fetch_trusted_certificate ${\ fixture_dir() }/ca.crt;
$allow
$TlsServers
CONF
        server => <<'CONF',
location /t { tenant_auth on; try_files /none @ok; }
location @ok { return 204; }
location = /metrics { tenant_metrics; }
CONF
    );
}


sub finish
{
    my ($server) = @_;

    ok($server->quit, '... nginx quits');
    is_deeply([$server->faults], [], '... no sanitizer has found anything');
    unlike($server->error_log, qr/\[(?:alert|emerg)\]/, '... no alert');
    $server->remove;
}


# A request with a token of that issuer, without waiting for its answer.
sub ask
{
    my ($server, $name) = @_;
    my $token = token(iss => "https://$name.idp.test");
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $server->port)
        or die "connect: $!\n";

    print {$sock} "GET /t HTTP/1.1\r\nHost: localhost\r\n"
                  . "Connection: close\r\n"
                  . "Authorization: Bearer $token\r\n\r\n";

    return $sock;
}


# All at once, then the answers: what is slow is so in parallel.
sub ask_all
{
    my ($server, @names) = @_;
    my %sock = map { $_ => ask($server, $_) } @names;

    # requests of others are answered while those wait
    my %other;
    $other{$server->request(GET => '/t', Authorization => 'Bearer '
        . token(key => 'shared_rs256', tenant => 'globex', sub => "user-$_"))
        ->status}++ for 1 .. 20;
    is(join(' ', %other), '204 20', 'issuers with keys do not wait');

    my %answer;
    for my $name (@names) {
        local $SIG{ALRM} = sub { die "no answer for $name\n" };
        alarm 15;
        local $/;
        my $sock = $sock{$name};
        $answer{$name} = <$sock>;
        alarm 0;
    }

    return \%answer;
}


# Whatever a provider does, the requests of other issuers take no longer than
# otherwise: how long is measured, that they are answered is demanded.

{
    my $server = server();
    $server->start or die $server->error_log;

    my @waiting = map { ask($server, $_) } sort keys %Lies;
    my ($longest, %status) = (0);

    for my $n (1 .. 40) {
        my $token = token(key => 'shared_rs256', tenant => 'globex',
                          sub => "user-$n");
        my $start = time;

        $status{$server->request(GET => '/t', Authorization =>
                                 "Bearer $token")->status}++;
        $longest = time - $start if $longest < time - $start;
        sleep 0.02;
    }

    is(join(' ', %status), '204 40', 'other issuers are served meanwhile');
    note(sprintf 'the longest of them took %.1f ms', $longest * 1000);
    close $_ for @waiting;
    finish($server);
}

{
    my $server = server();
    ok($server->start, 'nginx starts without asking anybody')
        or die $server->error_log;
    my $answer = ask_all($server, sort(keys %Refused), @Accepted);

    for my $name (sort keys %Refused) {
        like($answer->{$name}, qr{\AHTTP/1.1 503 }, "$name is 503");
        like($answer->{$name}, qr/^Retry-After: \d+\r$/m,
             '... with Retry-After');
        my ($line) = $server->error_log =~
            m{^(.*\[error\].*issuer "https://\Q$name\E\.idp.*next try.*)$}m;
        like($line, $Refused{$name}, '... and the reason in the log');
        like($line // '', qr/in \d+ seconds, no keys/, '... and what next');
    }

    for my $name (sort @Accepted) {
        like($answer->{$name}, qr{\AHTTP/1.1 204 }, "$name is accepted");
    }

    my $before = $Provider->requests;
    my $again = ask_all($server, grep { $Lies{$_} } keys %Refused);
    is(scalar(grep { /\AHTTP\/1.1 503 / } values %$again), keys %Lies,
       'all are 503 again');
    cmp_ok($Provider->requests - $before, '<', keys %Lies,
           '... without a request to each provider');

    my $text = $server->request(GET => '/metrics')->body;
    like($text, qr{^tenant_issuer_keys_failures\{.*//html\..*\} [1-9]}m,
         'failures are visible by issuer');
    unlike($server->error_log, qr/eyJ/, 'no token is in the log');
    finish($server);
}

# Private addresses are private unless allowed

{
    my $server = server(allow => '');
    ok($server->start, 'without tenant_fetch_allow');
    my $answer = ask_all($server, 'honest', 'tls-good', 'd-good');
    like($answer->{$_}, qr{\AHTTP/1.1 503 }, "$_ at 127.0.0.1 is not asked")
        for sort keys %$answer;
    is(() = $server->error_log =~ /the address is private and not allowed/g,
       3, '... and the log says why');
    finish($server);
}

# http is for tests

{
    my $server = server(plain => 'off');
    ok(!$server->start, 'http is refused at the start');
    like($server->error_log, qr{keys\ of\ issuer\ ".*":\ "http://.*"\ must\ be
                                \ https}x, '... with the place');
    $server->remove;

    my $tls = registry_of('tls-good' => { jwks_uri => $Uri{'tls-good'} });
    $server = server(plain => 'off', registry => $tls);
    ok($server->start, 'https is not');
    like(ask_all($server, 'tls-good')->{'tls-good'}, qr{\AHTTP/1.1 204 },
         '... and verified by our authority');
    finish($server);

    for my $uri ('ftp://a.test/', 'file:///etc/passwd', 'a.test/keys', '',
                 'https://user@a.test/', "https://a.test/\tkeys",
                 'https://a.test/#keys')
    {
        $server = server(registry => registry(issuer => {
            'https://acme.idp.test' => { jwks_file => undef,
                                         jwks_uri => $uri } }));
        ok(!$server->start, "jwks_uri \"$uri\" is refused at the start");
        like($server->error_log, qr/\[emerg\].*(?:acme\.idp|jwks_uri)/,
             '... with the place');
        $server->remove;
    }
}

# A zone that is too small for an issuer's keys

{
    my $zone = server(allow => 'tenant_fetch_allow 127.0.0.0/8;
                                tenant_zone 32k;',
        registry => registry_of(map {
            ("crowd-$_" => { jwks_uri => $Uri{honest} }) } 1 .. 300));
    ok($zone->start, 'with too small a zone nginx starts');
    my $answer = ask_all($zone, map { "crowd-$_" } 1 .. 60, 99);
    is(scalar(grep { /\AHTTP\/1.1 (?:204|503) / } values %$answer), 61,
       '... answers everybody');
    like($answer->{'crowd-99'}, qr{\AHTTP/1.1 503 },
         '... with 503 where there is no room');
    like($zone->error_log, qr/tenant_zone is full/, '... and says why');
    finish($zone);
}

done_testing();
