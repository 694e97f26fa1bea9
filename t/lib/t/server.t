# Tenant::Server, Tenant::HTTP and Tenant::Upstream against plain nginx.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Tenant::HTTP ();
use Tenant::Server qw(free_port http);
use Tenant::Upstream qw(echo_agent);

my %Ports = map { free_port() => 1 } 1 .. 50;
is(scalar keys %Ports, 50, 'free ports are not handed out twice');

subtest 'one process' => sub {
    # with a sanitizer loaded, nginx's own leaks change the status
    delete local $ENV{TEST_NGINX_PRELOAD};
    my $server = Tenant::Server->new(
        server => 'location / { return 200 "$http_x"; }');
    my $prefix = $server->prefix;

    ok($server->start, 'it starts');
    is(http($server->port, 'GET', '/', 'X' => 'seen')->body, 'seen',
       'it answers');
    is($server->workers, 0, 'it has no workers');
    ok($server->quit, 'it stops at once');
    is($server->status, 0, 'with status 0');
    is_deeply([$server->faults], [], 'and nothing went wrong');
    is($server->pid, undef, 'it is gone');
    ok(!eval { http($server->port, 'GET', '/'); 1 }, 'nothing listens');
    $server->remove;
    ok(!-e $prefix, 'its prefix is removed');
};

subtest 'a configuration that is refused' => sub {
    my $server = Tenant::Server->new(main => 'no_such;');

    ok(!$server->start, 'it does not start');
    is($server->status >> 8, 1, 'the status tells');
    like($server->error_log, qr/unknown directive "no_such"/, 'the log too');
    $server->remove;
};

subtest 'reload' => sub {
    my $conf = sub { 'events {} http { %TEMP_PATHS% access_log off;'
                     . " server { listen 127.0.0.1:%PORT%;"
                     . " return 200 '$_[0]'; } } worker_processes 2;"
                     . ' error_log logs/error.log info;'
                     . ($> ? '' : ' user root;') };
    my $server = Tenant::Server->new(conf => $conf->('one'), workers => 2);

    ok($server->start, 'it starts');
    my @first = $server->workers;
    is(scalar @first, 2, 'two workers');
    is($server->request('GET', '/')->body, 'one', 'the first configuration');

    ok($server->reload($conf->('two')), 'a reload succeeds');
    my %second = map { $_ => 1 } $server->workers;
    is(scalar(grep { $second{$_} } @first), 0, 'the workers are new');
    is($server->request('GET', '/')->body, 'two', 'the second configuration');

    ok(!$server->reload('broken'), 'a broken one is refused');
    is($server->request('GET', '/')->body, 'two', 'the second still answers');

    my ($victim) = $server->workers;
    my $new = $server->kill_worker($victim);
    ok($new && $new != $victim, 'a killed worker is replaced');
    is($server->request('GET', '/')->body, 'two', 'and requests go on');

    my ($other) = grep { $_ != $new } $server->workers;
    kill 'KILL', $other;
    ok($server->wait_log(qr/process $other exited on signal 9/),
       'the log is waited for');
    $server->stop;
    is(scalar(grep { /exited on signal 9/ } $server->faults), 1,
       'a death that the test did not ask for is a fault');
    $server->remove;
};

subtest 'two instances' => sub {
    my @servers = map { Tenant::Server->new(
        server => "location / { return 200 'server $_'; }") } 1 .. 2;

    $_->start for @servers;
    is($servers[0]->request('GET', '/')->body, 'server 1', 'the first');
    is($servers[1]->request('GET', '/')->body, 'server 2', 'the second');
    $servers[0]->stop;
    is($servers[1]->request('GET', '/')->body, 'server 2',
       'the second without the first');
    $_->remove for @servers;
};

subtest 'no nginx outlives its test' => sub {
    my $pid = open my $out, '-|',
        $^X, '-It/lib', '-MTenant::Server', '-e',
        '$| = 1; $s = Tenant::Server->new; $s->start;'
        . 'print $s->pid, " ", $s->prefix, "\n"; sleep 60' or die $!;
    my ($nginx, $prefix) = split ' ', scalar <$out>;

    ok(kill(0, $nginx), 'it runs');
    kill 'TERM', $pid;
    close $out;
    ok(!kill(0, $nginx), 'it ends with a test that is terminated');
    File::Path::remove_tree($prefix);
};

my $agent = Tenant::Upstream->new;
my $echo_port = free_port();
my $sse = Tenant::Upstream->new(
    respond => Tenant::Upstream::sse(0.15, 'one', 'two', 'three'));
my $odd = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;

    return [201, ['X-Path' => $request->{path}], 'made']
        if $request->{path} eq '/made';

    $connection->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
    $connection->{close} = 1;
    return undef;
});
my ($agent_port, $sse_port, $odd_port) =
    map { $_->port } $agent, $sse, $odd;

my $gateway = Tenant::Server->new(
    http => echo_agent($echo_port, 'X-Tenant-Id', 'X-Other') . <<"CONF",
upstream agent { server 127.0.0.1:$agent_port; keepalive 8; }
CONF
    server => <<"CONF");
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_buffering off;
location /agent { proxy_pass http://agent; }
location /sse { proxy_pass http://127.0.0.1:$sse_port; }
client_max_body_size 1m;
location /echo { proxy_pass http://127.0.0.1:$echo_port; }
CONF
$gateway->start or die $gateway->error_log;

subtest 'an agent sees all that came' => sub {
    my $client = Tenant::HTTP->new(port => $gateway->port);
    my $res = $client->request('POST', '/agent?q=1', 'X-A' => 1, 'x-a' => 2,
                               'Transfer-Encoding' => 'chunked',
                               ':body' => "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");

    is($res->status, 200, 'it answers');
    like($res->body, qr{^POST /agent\?q=1 HTTP/1.1\r\n}, 'the request line');
    like($res->body, qr{^X-A: 1\r\nx-a: 2\r\n}m,
         'duplicates in order, as they were spelt');
    like($res->body, qr{^abcde\z}m, 'the body');

    $client->request('GET', '/agent') for 1 .. 3;
    is($client->connections, 1, 'one connection to nginx');
    is($agent->connections, 1, 'one connection to the agent');

    my @requests = $agent->requests(4);
    is(scalar @requests, 4, 'every request is kept');
    is_deeply([Tenant::Upstream::header($requests[0], 'X-A')], [1, 2],
              'with its headers');
    is($requests[0]{body}, 'abcde', 'and its body');
    is_deeply([map { $_->{request} } @requests], [1 .. 4],
              'numbered in their connection');
};

subtest 'a stream arrives in pieces' => sub {
    my @live;
    my $res = http($gateway->port, 'GET', '/sse',
                   ':on_chunk' => sub { push @live, $_[0]; 0 });
    my @chunks = $res->chunks;

    is($res->header('content-type'), 'text/event-stream', 'its type');
    is(join('', map { $_->[1] } @chunks),
       "data: one\n\ndata: two\n\ndata: three\n\n", 'its events');
    is(scalar @chunks, 3, 'three pieces');
    cmp_ok($chunks[2][0], '>', 0.29, 'the last when it was sent');
    cmp_ok($chunks[0][0], '<', $chunks[2][0] - 0.1, 'the first before');
    is_deeply(\@live, [map { $_->[1] } @chunks], 'seen while they came');

    my $start = time;
    http($gateway->port, 'GET', '/sse', ':on_chunk' => sub { 1 });
    cmp_ok(time - $start, '<', 0.29, 'a client may leave early');
};

subtest 'echo of nginx' => sub {
    my $body = http($gateway->port, 'PUT', '/echo/x', 'X-Tenant-Id' => 'a',
                    ':body' => 'abc')->body;

    is($body, "PUT /echo/x\nX-Tenant-Id: a\n", 'names what came, no more');
};

subtest 'answers of other kinds' => sub {
    my $made = http($odd_port, 'GET', '/made');
    is($made->status, 201, 'a status');
    is($made->header('X-Path'), '/made', 'a header');
    is($made->body, 'made', 'a body');

    ok(!eval { http($odd_port, 'GET', '/short'); 1 },
       'a body cut short is an error');
    like($@, qr/shorter than Content-Length/, 'of that name');

    my $early = http($gateway->port, 'POST', '/agent',
                     ':body' => 'x' x 5_000_000);
    is($early->status, 413, 'an answer before the body was read');

    my $head = http($gateway->port, 'HEAD', '/agent');
    is($head->status, 200, 'HEAD');
    is($head->body, '', 'has no body');

    my $client = Tenant::HTTP->new(port => $gateway->port, timeout => 0.1);
    ok(!eval { $client->exchange("GET / HTTP/1.1\r\n", 0); 1 },
       'silence is an error');
    like($@, qr/no answer/, 'of that name');
};

subtest 'responses are parsed strictly' => sub {
    my %cases = (
        'chunk size' =>
            ["Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 'bad chunk size'],
        'chunk end' =>
            ["Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
             'chunk without its CRLF'],
        'chunk data' =>
            ["Transfer-Encoding: chunked\r\n\r\n5\r\nabc", 'chunk broken off'],
        'last chunk' =>
            ["Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
             'last chunk missing'],
        'header end' => ["X: 1\r\n", 'header broken off'],
    );

    for my $what (sort keys %cases) {
        my ($res) = Tenant::HTTP::parse_response(
            "HTTP/1.1 200 OK\r\n$cases{$what}[0]");
        is($res->{error}, $cases{$what}[1], $what);
    }

    my ($res, $left) = Tenant::HTTP::parse_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        . "3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\nHTTP/1.1");
    is($res->body, 'abc', 'a good one');
    is($res->{trailer}, "T: 1\r\n", 'with a trailer');
    is($left, 'HTTP/1.1', 'and what follows');
};

$gateway->stop;
is_deeply([$gateway->faults], [], 'nothing went wrong in the gateway');
$gateway->remove;
done_testing();
