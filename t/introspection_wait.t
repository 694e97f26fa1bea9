# Requests with an opaque token wait for its introspection, one for all that a
# worker has, whatever becomes of them meanwhile; and what was said is kept.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server ();
use Tenant::Upstream ();

my $Json = JSON::PP->new->canonical;
my $Acme = 'https://acme.idp.test';

# An endpoint that answers once the gate is open; tokens that a file names
# are revoked.  A token slow-N waits for a gate of its own.
my $Gate = fixture_dir() . '/gate';

sub open_gate { write_fixture($Gate, '') }
sub close_gate { unlink $Gate }

my $Provider = Tenant::Upstream->new(respond => sub {
    my ($token) = $_[0]{body} =~ /^token=([^&]*)/;
    my $gate = $token =~ /^slow/ ? "$Gate.slow" : $Gate;

    sleep 1 if $token =~ /^lag/;

    sleep 0.01 until -e $gate;

    my %answer = -e fixture_dir() . "/revoked.$token" || $token =~ /^bad/
                 ? (active => JSON::PP::false)
                 : (active => JSON::PP::true, sub => $token,
                    exp => time + ($token =~ /^brief/ ? 1 : 600));
    $answer{exp} = int $answer{exp} if $answer{exp};

    return [200, ['Content-Type', 'application/json'],
            $Json->encode(\%answer)];
});


sub registry_of
{
    my (%opt) = @_;

    return registry(issuer => { $Acme => { introspection => {
        endpoint => 'http://127.0.0.1:' . $Provider->port . '/introspect',
        client_id => 'gateway', client_secret => 'secret', %opt } } });
}


my $Agent = Tenant::Upstream->new(respond => sub { 'agent' });
my $H2 = free_port();
my ($Server, $Asked);


# A gateway that has asked nobody yet.
sub begin
{
    my (%opt) = @_;
    my $registry = registry_of(ttl => delete $opt{ttl} // 60);
    my $timeout = delete $opt{timeout} // '5s';
    my $more = delete $opt{more} // '';

    close_gate();
    $Asked = $Provider->requests;
    $Server = Tenant::Server->new(workers => 2, http => <<"CONF",
tenant_registry $registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
tenant_fetch_timeout $timeout;
$more
tenant_introspection $Acme;

server {
    listen 127.0.0.1:$H2 http2;
    location / {
        tenant_auth on;
        proxy_pass http://127.0.0.1:${\ $Agent->port };
    }
}
CONF
                                  server => <<"CONF", %opt);
location /t { tenant_auth on; try_files /none \@ok; }
location \@ok { add_header X-Sub \$tenant_subject; return 204; }
location /guarded {
    auth_request /check;
    proxy_pass http://127.0.0.1:${\ $Agent->port };
}
location /check {
    internal;
    tenant_auth on;
    proxy_pass http://127.0.0.1:${\ $Agent->port };
}
location /early {
    set \$early "\$tenant_id";
    tenant_auth on;
    add_header X-Early "\$early";
    add_header X-Late "\$tenant_id";
    proxy_pass http://127.0.0.1:${\ $Agent->port };
}
location = /metrics { tenant_metrics; }
CONF
    $Server->start or die $Server->error_log;
}


sub end
{
    my ($title) = @_;

    open_gate();
    ok($Server->quit, "$title: nginx quits");
    is_deeply([$Server->faults], [], '... no sanitizer has found anything');
    unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, '... no alert');
    $Server->remove;
}


sub asked { return $Provider->requests - $Asked }


# A request without waiting for its answer.
sub send_request
{
    my ($path, $token) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $Server->port)
        or die "connect: $!\n";

    print {$sock} "GET $path HTTP/1.1\r\nHost: localhost\r\n"
                  . "Connection: close\r\n"
                  . "Authorization: Bearer $token\r\n\r\n";

    return $sock;
}


# {status, text} of a request sent before.
sub answer
{
    my ($sock) = @_;

    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 20;
    local $/;
    my $text = eval { <$sock> } // '';
    alarm 0;

    return { status => $text =~ m{\AHTTP/1.1 (\d+)} ? $1 : 0,
             text => $text };
}


sub statuses { return join ' ', map { answer($_)->{status} } @_ }


sub wait_for_questions
{
    my ($n) = @_;

    $Provider->requests($Asked + $n, 10);
    sleep 0.2;
    is(asked(), $n, "... asked about $n times");
}


# One question for all

begin(workers => 1);
{
    my @waiting = map { send_request('/t', 'token') } 1 .. 20;
    wait_for_questions(1);

    my $other = $Server->request(GET => '/t',
                                 Authorization => 'Bearer ' . token());
    is($other->status, 204, 'a JWT does not wait');

    my $io = '';
    for my $sock (@waiting) {
        $sock->blocking(0);
        $io .= 'x' if sysread $sock, my $buffer, 1;
        $sock->blocking(1);
    }
    is($io, '', 'those with the token do');

    open_gate();
    is(statuses(@waiting), join(' ', (204) x 20), 'then all are answered');
    is(statuses(map { send_request('/t', 'token') } 1 .. 5),
       join(' ', (204) x 5), '... and later ones at once');
    is(asked(), 1, '... of one answer');

    like(answer(send_request('/t', 'another'))->{text},
         qr/^X-Sub: another\r$/m, 'each token is itself');
}
end('afterwards');

# What is not active is remembered, too

begin(workers => 1);
{
    my @waiting = map { send_request('/t', 'bad') } 1 .. 10;
    wait_for_questions(1);
    open_gate();
    is(statuses(@waiting), join(' ', (401) x 10),
       'all who wait for a token that is not active are refused');
    is(statuses(map { send_request('/t', 'bad') } 1 .. 20),
       join(' ', (401) x 20), 'a flood of it is refused');
    is(asked(), 1, '... without a flood of questions');
}
end('afterwards');

# Each worker asks for itself, and both are right

begin(workers => 2);
{
    open_gate();
    is(statuses(map { send_request('/t', 'token') } 1 .. 40),
       join(' ', (204) x 40), 'two workers accept a token');
    cmp_ok(asked(), '<=', 2, '... and ask once each at most');
}
end('afterwards');

# For how long

begin(workers => 1, ttl => 1);
{
    open_gate();
    is(statuses(send_request('/t', 'token')), '204', 'a token is accepted');
    write_fixture('revoked.token', '');
    my $status = 204;

    for (1 .. 60) {
        $status = statuses(send_request('/t', 'token'));
        last if $status != 204;
        sleep 0.1;
    }

    is($status, 401, '... and refused once its ttl is over, when revoked');
    is(asked(), 2, '... by a second question');
    unlink fixture_dir() . '/revoked.token';
    is(statuses(send_request('/t', 'token')), '401',
       '... which holds for a while, too');
    is(asked(), 2, '... without a third one');
}
end('afterwards');

begin(workers => 1, ttl => 3600);
{
    open_gate();
    is(statuses(send_request('/t', 'brief')), '204',
       'a token that expires sooner is accepted');
    my $status = 204;

    for (1 .. 60) {
        $Server->request(GET => '/metrics');
        last if asked() > 1;
        $status = statuses(send_request('/t', 'brief'));
        sleep 0.1;
    }

    is(asked(), 2, '... and asked about again when it has');
}
end('afterwards');

# Without a token cache to speak of, nothing is asked for ever

begin(workers => 1, more => 'tenant_token_cache 4k;');
{
    my @waiting = map { send_request('/t', 'token') } 1 .. 5;
    wait_for_questions(1);
    open_gate();
    is(statuses(@waiting), join(' ', (204) x 5),
       'without room for tokens those who wait are answered');
    is(asked(), 1, '... all of one question');
}
end('afterwards');

# Subrequests, variables, HTTP/2, clients that go away

begin(workers => 1);
{
    my $guarded = send_request('/guarded', 'token');
    my $early = send_request('/early', 'token');
    my $pid = open my $h2, '-|', 'curl', '-s', '--http2-prior-knowledge',
                   '-m', '10', '-o', '/dev/null', '-w', '%{http_code}', '-H',
                   'Authorization: Bearer token', "http://127.0.0.1:$H2/t";
    die "curl: $!\n" unless $pid;

    my @gone = map { send_request('/t', 'token') } 1 .. 3;
    push @gone, send_request('/guarded', 'token');
    my $alone = send_request('/t', 'alone');
    wait_for_questions(2);
    close $_ for @gone, $alone;
    sleep 0.1;
    open_gate();

    is(answer($guarded)->{status}, 200, 'a subrequest waits');
    my $text = answer($early)->{text};
    like($text, qr/^X-Late: acme\r$/m,
         'a variable asked for too early is there later');
    unlike($text, qr/^X-Early: (?!\r)/m, '... but was empty then');
    is(<$h2>, 200, 'a stream of HTTP/2 waits');
    close $h2;
    is(statuses(send_request('/t', 'token'), send_request('/t', 'alone')),
       '204 204', 'clients that went away did no harm');
}
end('afterwards');

# The end of the worker that asks

begin();
{
    my @waiting = map { send_request('/t', "token-$_") } 1 .. 4;
    wait_for_questions(4);
    kill 'HUP', $Server->pid;
    sleep 0.2;
    open_gate();
    is(statuses(@waiting), '204 204 204 204',
       'a reload does not take from those who wait');
}
end('after the reload');

begin();
{
    my @waiting = map { send_request('/t', "token-$_") } 1 .. 4;
    wait_for_questions(4);
    kill 'QUIT', $Server->pid;
    sleep 0.2;
    open_gate();
    is(statuses(@waiting), '204 204 204 204',
       'a graceful end waits for those who wait');
}
end('after that');

begin();
{
    my @waiting = map { send_request('/t', "token-$_") } 1 .. 2;
    wait_for_questions(2);
    ok($Server->stop('TERM'), 'TERM ends nginx at once, asking or not');
    is(statuses(@waiting), '0 0', '... and leaves who waits');
}
end('after that');

begin(workers => 1);
{
    my $waiting = send_request('/t', 'token');
    wait_for_questions(1);
    close $waiting;
    sleep 0.1;
    my $begun = time;
    ok($Server->quit, 'a question nobody waits for');
    cmp_ok(time - $begun, '<', 4, '... does not hold up the end');
    is_deeply([$Server->faults], [], '... no sanitizer has found anything');
    $Server->remove;
}

begin(workers => 1, timeout => '1s');
{
    my @waiting = map { send_request('/t', 'token') } 1 .. 3;
    is(statuses(@waiting), '503 503 503',
       'an endpoint that never answers is 503 in the end');
    is(answer(send_request('/t', 'token'))->{status}, 503,
       '... for new ones at once');
    is(asked(), 1, '... without another question');
}
end('after that');

# More tokens than may be asked about at a time

begin(workers => 1);
{
    unlink "$Gate.slow";
    my @waiting = map { send_request('/t', "slow-$_") } 1 .. 60;
    wait_for_questions(16);
    write_fixture("$Gate.slow", '');
    is(statuses(@waiting), join(' ', (204) x 60),
       'sixty tokens are asked about, sixteen at a time');
    is(asked(), 60, '... each once');
}
end('afterwards');

begin(workers => 1, connections => 1024);
{
    unlink "$Gate.slow";
    my @waiting = map { send_request('/t', "slow-$_") } 1 .. 290;
    wait_for_questions(16);
    is(statuses(@waiting[280 .. 289]), join(' ', (503) x 10),
       'where too many wait for their turn others are 503');
    like($Server->error_log, qr/too many tokens wait to be asked about/,
         '... and the log says why');
    is($Server->request(GET => '/t', Authorization => 'Bearer ' . token())
              ->status, 204, '... and JWTs are accepted');
    write_fixture("$Gate.slow", '');
    is(statuses(@waiting[0 .. 271]), join(' ', (204) x 272),
       '... and those who had their place are answered');
}
end('afterwards');

# A turn that does not come in time

begin(workers => 1, timeout => '2s');
{
    open_gate();
    my %status;
    my @waiting = map { send_request('/t', "lag-$_") } 1 .. 200;

    $status{answer($_)->{status}}++ for @waiting;
    is_deeply([sort keys %status], [204, 503],
              'of more tokens than a slow endpoint can judge some are 503');
    cmp_ok($status{204}, '>=', 16, '... and some are accepted');
    is(statuses(send_request('/t', 'token')), '204',
       '... and the next one is asked about');
    unlike($Server->error_log, qr/\[error\]/, '... for nothing has failed');
}
end('afterwards');

done_testing();
