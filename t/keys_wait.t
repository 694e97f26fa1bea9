# The first tokens of an issuer wait for its keys, and only they: one fetch
# serves the requests of all workers, whatever becomes of those meanwhile.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server ();
use Tenant::Upstream ();

# A provider that answers once the gate is open.
my $Gate = fixture_dir() . '/gate';

sub open_gate { write_fixture($Gate, '') }
sub close_gate { unlink $Gate }


my $Provider = Tenant::Upstream->new(respond => sub {
    sleep 0.01 until -e $Gate;

    return [200, ['Cache-Control', 'max-age=3600'], jwks('acme_rs256')];
});
my $Uri = 'http://127.0.0.1:' . $Provider->port . '/jwks';

my $Agent = Tenant::Upstream->new(respond => sub { 'agent' });
my $Registry = registry(issuer => { 'https://acme.idp.test' => {
    jwks_file => undef, jwks_uri => $Uri } });
my $H2 = free_port();
my ($Server, $Fetches);

my $HTTP = <<"CONF";
tenant_registry $Registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
tenant_fetch_timeout 1s;

server {
    listen 127.0.0.1:$H2 http2;
    location / {
        tenant_auth on;
        proxy_pass http://127.0.0.1:${\ $Agent->port };
    }
}
CONF

my $LOCATIONS = <<"CONF";
location /t { tenant_auth on; proxy_pass http://127.0.0.1:${\ $Agent->port }; }
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
CONF


# A gateway that knows no keys yet.
sub begin
{
    my (%opt) = @_;

    close_gate();
    $Fetches = $Provider->requests;
    $Server = Tenant::Server->new(workers => 2, http => $HTTP,
                                  server => $LOCATIONS, %opt);
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


sub fetches { return $Provider->requests - $Fetches }


# A request without waiting for its answer.
sub send_request
{
    my ($path, %opt) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $Server->port)
        or die "connect: $!\n";
    my $token = token(iss => 'https://acme.idp.test', %opt);

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
    alarm 15;
    local $/;
    my $text = eval { <$sock> } // '';
    alarm 0;

    return { status => $text =~ m{\AHTTP/1.1 (\d+)} ? $1 : 0,
             text => $text };
}


sub statuses { return join ' ', map { answer($_)->{status} } @_ }


# Workers that hold connections of clients that wait.
sub wait_for_waiters
{
    my ($n) = @_;

    $Provider->requests($Fetches + 1, 10);
    sleep 0.1;
    is(fetches(), $n // 1, '... one request at the provider');
}


# One fetch for all

begin();
{
    my @waiting = map { send_request('/t', sub => "user-$_") } 1 .. 20;
    wait_for_waiters();

    # the keys of others are there: none of these waits
    my @other = map {
        $Server->request(GET => '/t', Authorization => 'Bearer '
            . token(key => 'shared_rs256', tenant => 'globex',
                    sub => "user-$_"))->status } 1 .. 20;
    is("@other", join(' ', (200) x 20), 'other issuers do not wait');
    is($Server->request(GET => '/t')->status, 401, 'nor does no token');

    my $io = '';
    for my $sock (@waiting) {
        $sock->blocking(0);
        $io .= 'x' if sysread $sock, my $buffer, 1;
        $sock->blocking(1);
    }
    is($io, '', 'those that need the keys still wait');

    open_gate();
    is(statuses(@waiting), join(' ', (200) x 20), 'then all are answered');
    is(fetches(), 1, 'of one fetch for both workers');

    ok($Server->reload, 'a reload');
    is(statuses(map { send_request('/t') } 1 .. 10),
       join(' ', (200) x 10), '... keeps the keys');
    is(fetches(), 1, '... without another fetch');

    $Server->kill_worker;
    is(statuses(map { send_request('/t') } 1 .. 10),
       join(' ', (200) x 10), '... as a worker does that takes over');
    is(fetches(), 1, '... likewise');
}
ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
is_deeply([grep { !/exited on signal 9/ }
           $Server->error_log =~ /^.*\[(?:alert|emerg)\].*$/mg], [],
          'no alert but that of the killing');
$Server->remove;

# Workers that see at the same moment that nobody fetches: the zone's mutex is
# held by this test while they look, so that each of them has seen it.

{
    # first in the zone: the word that is locked, and how many wait for it
    sub mutex
    {
        my ($value) = @_;
        my ($pid) = $Server->workers;

        open my $maps, '<', "/proc/$pid/maps" or die "maps: $!\n";
        my ($at) = grep { defined } map {
            /^([0-9a-f]+)-([0-9a-f]+) rw-s / && hex($2) - hex($1) == 5 << 20
                ? hex $1 : undef } <$maps>;

        open my $mem, '+<:raw', "/proc/$pid/mem" or return;
        sysseek $mem, $at, 0 or die "seek: $!\n";

        if (defined $value) {
            return syswrite $mem, pack 'Q', $value;
        }

        sysread $mem, my $words, 16 or die "read: $!\n";

        return (unpack 'QQ', $words)[1];
    }

    begin(workers => 3, http => $HTTP . "tenant_zone 5m;\n");

    # a machine may forbid that: then they are as much at once as they are
    my $held = mutex(1);

    note('the memory of a worker cannot be written') if !$held;

    my @waiting;

    for my $n (1, 2) {
        push @waiting, send_request('/t', sub => "user-$n");
        ok($Server->wait_until(sub { !$held || mutex() >= $n }),
           "$n workers want to fetch");
    }

    # the third of them is the one that lets the others on
    mutex(0) if $held;
    push @waiting, send_request('/t', sub => 'user-3');
    wait_for_waiters();
    open_gate();
    is(statuses(@waiting), '200 200 200', 'one did, and all are answered');
    is(fetches(), 1, '... of one fetch');
}
end('afterwards');

# Subrequests, variables, HTTP/2

begin(workers => 1);
{
    my $guarded = send_request('/guarded');
    my $early = send_request('/early');
    my $h2;
    my $pid = open $h2, '-|', 'curl', '-s', '--http2-prior-knowledge', '-m',
                   '10', '-o', '/dev/null', '-w', '%{http_code}', '-H',
                   'Authorization: Bearer ' . token(),
                   "http://127.0.0.1:$H2/t";
    die "curl: $!\n" unless $pid;

    my @gone = map { send_request('/t') } 1 .. 3;
    push @gone, send_request('/guarded');
    wait_for_waiters();
    close $_ for @gone;
    sleep 0.05;
    open_gate();

    is(answer($guarded)->{status}, 200, 'a subrequest waits');
    my $text = answer($early)->{text};
    like($text, qr/^X-Late: acme\r$/m,
         'a variable asked for too early is there later');
    unlike($text, qr/^X-Early: (?!\r)/m, '... but was empty then');
    is(<$h2>, 200, 'a stream of HTTP/2 waits');
    close $h2;
    is($Server->request(GET => '/t', Authorization => 'Bearer ' . token())
              ->status, 200, 'clients that went away did no harm');
    is(fetches(), 1, 'all that with one fetch');
}
end('afterwards');

# The end of the worker that fetches

begin();
{
    my @waiting = map { send_request('/t') } 1 .. 4;
    wait_for_waiters();
    kill 'HUP', $Server->pid;
    sleep 0.2;
    open_gate();
    is(statuses(@waiting), '200 200 200 200',
       'a reload does not take from those who wait');
}
end('after the reload');

begin();
{
    my @waiting = map { send_request('/t') } 1 .. 6;
    wait_for_waiters();
    kill 'QUIT', $Server->pid;
    sleep 0.2;
    open_gate();
    is(statuses(@waiting), '200 200 200 200 200 200',
       'a graceful end waits for those who wait');
}
end('after that');

begin();
{
    my @waiting = map { send_request('/t') } 1 .. 2;
    wait_for_waiters();
    is(statuses(@waiting), '503 503',
       'a provider that never answers is 503 in the end');
    is(answer(send_request('/t'))->{status}, 503, '... for new ones too');
}
end('after that');

begin();
{
    my @waiting = map { send_request('/t') } 1 .. 2;
    wait_for_waiters();
    ok($Server->stop('TERM'), 'TERM ends nginx at once, fetching or not');
    is(statuses(@waiting), '0 0', '... and leaves who waits');
}
end('after that');

# Nobody answers a worker's clients when it is killed, but its lease ends

begin(workers => 1);
{
    my $waiting = send_request('/t');
    wait_for_waiters();
    $Server->kill_worker;
    is(answer($waiting)->{status}, 0, 'a worker dies while it fetches');
    open_gate();
    is(answer(send_request('/t'))->{status}, 200,
       '... and the next one takes over');
    is(fetches(), 2, '... with a fetch of its own');
}
ok($Server->quit, '... nginx quits');
is_deeply([$Server->faults], [], '... no sanitizer has found anything');
$Server->remove;

# A refresh that hangs holds nobody up

{
    my $slow = registry(issuer => { 'https://acme.idp.test' => {
        jwks_file => undef, jwks_uri => $Uri } });
    (my $http = $HTTP) =~ s/tenant_registry .*;/tenant_registry $slow->{path};
        tenant_keys min=1s max=1s interval=1s;/;
    $http =~ s/timeout 1s/timeout 60s/;
    begin(http => $http);
    open_gate();
    is(answer(send_request('/t'))->{status}, 200, 'there are keys');
    close_gate();
    $Provider->requests($Fetches + 2, 5);
    cmp_ok(fetches(), '>=', 2, 'they are being fetched anew');
    is(answer(send_request('/t', sub => "user-$_"))->{status}, 200,
       '... which no request waits for') for 1 .. 3;
    ok($Server->quit, 'nor does the end of nginx');
    is_deeply([$Server->faults], [], 'no sanitizer has found anything');
    unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
    $Server->remove;
}

done_testing();
