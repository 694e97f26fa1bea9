# A verified token is remembered by each worker: what a repeated token costs
# and gets, and for how long.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server ();

my $registry = registry();


sub gateway
{
    my (%opt) = @_;
    my $size = $opt{size} ? "tenant_token_cache $opt{size};" : '';

    my $server = Tenant::Server->new(
        workers => $opt{workers} // 0,
        http    => <<"CONF",
tenant_registry $registry->{path};
tenant_policy off;
$size
CONF
        server  => <<'CONF',
location /t {
    tenant_auth on;
    add_header X-Subject $tenant_subject;
    proxy_pass http://127.0.0.1:%PORT%/agent;
}
location /agent { return 200 "$http_x_tenant_actor_id\n"; }
location /metrics { tenant_metrics; }
CONF
    );

    $server->start or BAIL_OUT('nginx does not start: ' . $server->error_log);
    return $server;
}


# status and body for a token
sub ask
{
    my ($server, $token) = @_;
    my $res = Tenant::HTTP::http($server->port, 'GET', '/t',
                                 Authorization => "Bearer $token");

    return $res->status . ' ' . $res->body;
}


# tokens found in the cache, and tokens verified
sub counts
{
    my ($server) = @_;
    my $text = Tenant::HTTP::http($server->port, 'GET', '/metrics')->body;
    my ($hits) = $text =~ /^tenant_token_cache_hits_total (\d+)$/m;
    my ($misses) = $text =~ /^tenant_token_cache_misses_total (\d+)$/m;

    return join '/', $hits // 'none', $misses // 'none';
}


sub globex
{
    return token(key => 'shared_rs256', tenant => 'globex', @_);
}


sub finish
{
    my ($server) = @_;

    ok($server->stop, 'nginx stops');
    is_deeply([$server->faults], [], 'and leaves nothing behind');

    # what the counters log is not this suite's business
    my @bad = grep { /\[(?:error|crit|alert|emerg)\]/ && !m{GET /metrics} }
                   split /^/, $server->error_log;
    is_deeply(\@bad, [], 'the log is clean');
}


sub test_repeated
{
    my $server = gateway();
    my ($acme, $globex) = (token(sub => 'alice'), globex(sub => 'bob'));

    is(ask($server, $acme), "200 acme:alice\n", 'the first request');
    is(counts($server), '0/1', 'verifies the token');
    is(ask($server, $acme), "200 acme:alice\n", 'the second request');
    is(counts($server), '1/1', 'does not');
    is(ask($server, $globex), "200 globex:bob\n", 'another token in between');
    is(ask($server, $acme), "200 acme:alice\n", 'the third request');
    is(counts($server), '2/2', 'finds its own identity');

    finish($server);
}


# A cache that compared less than the whole token would say yes here.
sub test_lookalikes
{
    my $server = gateway();
    my $good = token(sub => 'alice');
    my ($header, $payload, $signature) = split /\./, $good;
    my ($other) = (split /\./, token(sub => 'root'))[1];
    my $last = substr $signature, -1;

    is(ask($server, $good), "200 acme:alice\n", 'a token in the cache');

    my @lookalikes = (
        "$header.$other.$signature", "$header.$payload.",
        "$header.$payload", "$good.", $good . 'A', substr($good, 0, -1),
        "$header.$payload." . reverse($signature),
        substr($good, 0, -1) . ($last eq 'A' ? 'B' : 'A'),
        lc $good,
    );

    for my $n (0 .. $#lookalikes) {
        like(ask($server, $lookalikes[$n]), qr/^401 .*invalid-token/,
             "does not vouch for lookalike $n");
        is(ask($server, $good), "200 acme:alice\n", 'which changes nothing');
    }

    finish($server);
}


sub test_refused
{
    my $server = gateway();
    my $bad = token(tamper => 'signature');

    like(ask($server, $bad), qr/^401 /, 'a bad token is refused');
    like(ask($server, $bad), qr/^401 /, 'and refused again');
    is(counts($server), '0/2', 'and never in the cache');
    like(ask($server, token(tenant => 'globex')), qr/^403 .*isolation/,
         'a violation is refused') for 1 .. 2;
    is(counts($server), '0/4', 'and never in the cache either');

    $server->stop;
}


sub test_expiry
{
    my $server = gateway();
    my $token = token(exp_in => 3, sub => 'brief');
    my $end = time + 3;

    is(ask($server, $token), "200 acme:brief\n", 'a token about to expire');
    is(ask($server, $token), "200 acme:brief\n", 'is found in the cache');
    is(counts($server), '1/1', 'once');
    sleep 0.1 while time < $end + 0.6;
    like(ask($server, $token), qr/^401 .*the token has expired/,
         'and refused once expired, cached or not');

    finish($server);
}


# Room for a few identities: the oldest leave, every answer stays right.
sub test_full
{
    my $server = gateway(size => '64k');
    my @tokens = map { globex(sub => "user$_") } 1 .. 120;

    for my $round (1, 2) {
        my @wrong = grep { ask($server, $tokens[$_])
                           ne '200 globex:user' . ($_ + 1) . "\n" }
                         0 .. $#tokens;
        is("@wrong", '', "120 tokens through a full cache, round $round");
    }

    finish($server);
}


# A request that is under way keeps what its token said, though the cache
# has others in its place.
sub test_under_way
{
    my $server = gateway(size => '16k');
    my $token = token(sub => 'patient');
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $server->port)
        or die "connect: $!";
    my $until = time + 10;

    $sock->syswrite("POST /t HTTP/1.1\r\nHost: localhost\r\n"
                    . "Authorization: Bearer $token\r\n"
                    . "Connection: close\r\nContent-Length: 4\r\n\r\n");
    sleep 0.02 while counts($server) ne '0/1' && time < $until;
    is(counts($server), '0/1', 'a request whose body is still to come');

    my @wrong = grep { ask($server, globex(sub => "other$_"))
                       ne "200 globex:other$_\n" } 1 .. 250;
    is("@wrong", '', '250 other tokens');
    ask($server, $token);
    is(counts($server), '0/252', 'push its token out of the cache');

    $sock->syswrite('body');
    my $answer = do { local $/; <$sock> };
    like($answer, qr/^HTTP\S+ 200 /, 'it is answered');
    like($answer, qr/^X-Subject: patient\r$/m, 'with its subject');
    like($answer, qr/^acme:patient$/m, 'and its actor');

    finish($server);
}


sub test_workers
{
    my $server = gateway(workers => 2);
    my @tokens = map { globex(sub => "user$_") } 1 .. 10;
    my @wrong;

    for my $round (1 .. 8) {
        for my $n (1 .. 10) {
            push @wrong, $n if ask($server, $tokens[$n - 1])
                               ne "200 globex:user$n\n";
        }
        push @wrong, 'bad'
            if ask($server, token(tamper => 'payload')) !~ /^401 /;
    }

    is("@wrong", '', 'two workers give the same answers');
    my ($hits, $misses) = split m{/}, counts($server);
    is($hits + $misses, 88, 'each request is counted once');
    cmp_ok($misses, '<=', 28, 'each worker verifies a token once');

    my $old = ($server->workers)[0];
    $server->kill_worker($old);
    is(ask($server, $tokens[0]), "200 globex:user1\n",
       'a new worker starts with nothing and verifies') for 1 .. 4;

    ok($server->reload, 'after a reload');
    is(ask($server, $tokens[0]), "200 globex:user1\n", 'tokens are good');
    $server->stop;
    is_deeply([$server->faults], [], 'and nothing is left behind');
}


test_repeated();
test_lookalikes();
test_refused();
test_expiry();
test_full();
test_under_way();
test_workers();
done_testing();
