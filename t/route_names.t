# Servers of silos by host name: resolved without holding anyone up, asked
# for again, all of their addresses used but those that nobody may reach.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::IP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::DNS;
use Tenant::Fixtures;
use Tenant::Server;

my $Port = free_port();
my $H2 = free_port();
my $Ipv6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0,
                               Listen => 1) ? 1 : 0;
my $Dns = Tenant::DNS->new(
    'many.test'   => { A => ['127.0.0.2', '127.0.0.3'],
                       AAAA => $Ipv6 ? ['::1'] : [] },
    'late.test'   => { A => ['127.0.0.2'], delay => 0.5 },
    'silent.test' => { silent => 1 },
    'moves.test'  => { A => ['127.0.0.2'], ttl => 1 },
    'fails.test'  => { A => ['127.0.0.2'], ttl => 1 },
    'gone.test'   => { A => ['127.0.0.2'], ttl => 1 },
    'meta.test'   => { A => ['169.254.169.254'] },
    'self.test'   => { A => ['127.0.0.1', '127.0.0.2'],
                       AAAA => ['::ffff:127.0.0.1', 'fe80::1', '::',
                                '64:ff9b::127.0.0.1'] },
    'h2.test'     => { A => ['127.0.0.2'], delay => 0.4 },
    'sub.test'    => { A => ['127.0.0.2'], delay => 0.4 },
    'left.test'   => { A => ['127.0.0.2'], delay => 0.4 },
    'reload.test' => { A => ['127.0.0.2'], delay => 0.8 },
    'half.test'   => { A => ['127.0.0.9', '127.0.0.2'] },
);

my @Names = qw(many late silent moves fails gone meta self left half h2 sub
               reload nowhere);
my $Registry = registry(
    tenant => { acme => { routes => {
        (map { $_ => { model => 'silo', servers => ["\U$_\E.test:$Port"] } }
             @Names),
        literal => { model => 'silo', servers => ["127.0.0.1:$Port"] },
        both => { model => 'silo', servers => [
            "127.0.0.1:$Port",
            { address => "silent.test:$Port", weight => 100 }] },
        backup => { model => 'silo', servers => [
            "nowhere.test:$Port",
            { address => "many.test:$Port", backup => \1 }] },
    } } },
    agent => { map { $_ => {} } @Names, qw(literal both backup) });

my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my $Token = token();
my $Listen6 = $Ipv6 ? "listen [::1]:$Port;" : '';

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    resolver 127.0.0.1:${\ $Dns->port };
    resolver_timeout 1s;
    tenant_route_allow 127.0.0.2 127.0.0.3 127.0.0.8/30 ::1;
    tenant_route_stale 2s;

    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:1;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$H2 http2;
        location / {
            tenant_auth on;
            tenant_agent h2;
            proxy_pass http://agents;
        }
    }

    server {
        listen 127.0.0.1:$Port;
        listen 127.0.0.2:$Port;
        listen 127.0.0.3:$Port;
        $Listen6
        access_log off;
        location / { return 200 "\$server_addr \$http_host"; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location = /parent {
            auth_request /child;
            tenant_auth on;
            tenant_agent literal;
            proxy_pass http://agents;
        }

        location = /child {
            tenant_auth on;
            tenant_agent sub;
            proxy_pass http://agents;
        }

        location ~ ^/(?<agent>[a-z0-9]+) {
            tenant_auth on;
            tenant_agent $agent;
            tenant_decision_log logs/decisions.log flush=20ms;
            add_header X-Endpoint "$tenant_endpoint" always;
            proxy_set_header Host $tenant_server_name;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub ask
{
    my ($agent) = @_;
    my $res = $Server->request(GET => "/$agent",
                               Authorization => "Bearer $Token",
                               ':timeout' => 8);

    return $res->status == 200 ? $res->body =~ s/ .*//r : $res->status;
}


# The answers of a number of requests, each once.
sub answers
{
    my ($agent, $times) = @_;
    my %seen = map { ask($agent) => 1 } 1 .. $times;

    return join ' ', sort keys %seen;
}


sub asked
{
    my ($name) = @_;

    return scalar(grep { /^\Q$name\E / } $Dns->asked);
}


is(answers('many', 12),
   join(' ', '127.0.0.2', '127.0.0.3', $Ipv6 ? '::1' : ()),
   'all addresses of a name are used, IPv4 and IPv6');
is(asked('many.test'), 2, '... and asked for once, A and AAAA');

{
    my $res = $Server->request(GET => '/many',
                               Authorization => "Bearer $Token");

    is($res->header('X-Endpoint'), "MANY.test:$Port",
       '$tenant_endpoint is the server as it stands in the registry');
    like($res->body, qr/ many\.test$/, '$tenant_server_name is its host');
}


# Waiting

{
    my $sock = IO::Socket::INET->new('127.0.0.1:' . $Server->port)
        or die "connect: $!";
    my $start = time;

    print {$sock} "GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  . "Authorization: Bearer $Token\r\n\r\n";
    sleep 0.01 until asked('late.test') || time > $start + 3;

    is(ask('literal'), '127.0.0.1',
       'while a request waits for its name others go on');

    my $ready = '';
    vec($ready, fileno $sock, 1) = 1;
    is(scalar(select $ready, undef, undef, 0), 0, '... and it waits');

    my $answer = join '', readline $sock;
    like($answer, qr{^HTTP/1.1 200 .*127\.0\.0\.2}s,
         'the first request for a name waits for the answer');

    $Server->wait_log(qr/nothing/, 0.1);
    is(scalar(() = $Server->log_text('decisions.log')
              =~ m{"path":"/late"}g), 1,
       '... and is decided once');
}

{
    my $sock = IO::Socket::INET->new('127.0.0.1:' . $Server->port)
        or die "connect: $!";
    my $start = time;

    print {$sock} "GET /left HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  . "Authorization: Bearer $Token\r\n\r\n";
    sleep 0.01 until asked('left.test') || time > $start + 3;
    close $sock;

    is(ask('left'), '127.0.0.2', 'a client that goes away harms no other');
}

{
    my @streams = map {
        open my $out, '-|', 'curl', '-sS', '-m', 5,
             '--http2-prior-knowledge', '-H',
             "Authorization: Bearer $Token", '--data-binary', 'x' x 10_000,
             "http://127.0.0.1:$H2/" or die "curl: $!\n";
        $out
    } 1 .. 3;

    is_deeply([map { join('', readline $_) =~ s/ .*//sr } @streams],
              [('127.0.0.2') x 3], 'streams of HTTP/2 wait, and go on');
    close $_ for @streams;

    is(ask('parent'), '127.0.0.1', 'a subrequest waits, and its parent');
    is(asked('sub.test'), 2, '... for the name that it needs');
}

is(ask('silent'), 502, 'a name that nobody answers for is a 502');
ok($Server->wait_log(qr/\[error\].*tenant_route:\ "silent\.test"\ could\ not
                        \ be\ resolved\ \(Operation\ timed\ out\)/x, 2),
   '... with its reason in the log');
is(answers('both', 4), '127.0.0.1',
   'where one server has no address another one answers');

is(ask('nowhere'), 502, 'a name that does not exist is a 502');
ok($Server->wait_log(qr/"nowhere\.test"\ could\ not\ be\ resolved
                        \ \(Host\ not\ found\)/x, 2),
   '... with its reason in the log');
isnt(ask('backup'), 502, '... and its backup is used');

is(answers('half', 4), '127.0.0.2',
   'an address that does not answer is passed over');


# Addresses that must not be reached

is(ask('meta'), 502, 'a name that leads to a link-local address is a 502');
ok($Server->wait_log(qr/\[error\].*"meta\.test"\ has\ the\ address
                        \ 169\.254\.169\.254,\ which\ tenant_route_allow\ does
                        \ not\ have/x, 2), '... and the log says why');
is(answers('self', 6), '127.0.0.2',
   'of several addresses those that are not allowed are left out');
like($Server->error_log, qr/"self\.test" has the address \Q$_\E, which/,
     "... $_ too")
    for '127.0.0.1', '::ffff:127.0.0.1', 'fe80::1', '::',
        '64:ff9b::7f00:1';


# Changes

is(ask('moves'), '127.0.0.2', 'a name has an address');
$Dns->set('moves.test' => { A => ['127.0.0.3'], ttl => 60 });
ok($Server->wait_until(sub { ask('moves') eq '127.0.0.3' }),
   'when its time is over it is asked for again');
is(answers('moves', 4), '127.0.0.3', '... and the old address is forgotten');

is(ask('fails'), '127.0.0.2', 'a name has an address');
$Dns->set('fails.test' => { code => 'SERVFAIL' });
ok($Server->wait_until(sub {
       ask('fails');
       return $Server->error_log =~ /"fails\.test"\ could\ not\ be\ resolved
                                     \ \(Server\ failure\),
                                     \ going\ on\ with\ its\ last/x;
   }), 'when the resolver fails the log says so');
is(answers('fails', 3), '127.0.0.2', '... and the last address is used');
ok($Server->wait_until(sub { ask('fails') eq '502' }),
   '... but not for ever');
ok($Server->wait_log(qr/addresses of "fails\.test" are too old/, 2),
   '... as the log says');
$Dns->set('fails.test' => { A => ['127.0.0.3'] });
ok($Server->wait_until(sub { ask('fails') eq '127.0.0.3' }),
   '... and when the resolver works again so does the silo');

is(ask('gone'), '127.0.0.2', 'a name has an address');
$Dns->set('gone.test' => { code => 'NXDOMAIN' });
ok($Server->wait_until(sub { ask('gone') eq '502' }),
   'a name that has been taken away has none any more');


# A worker that is to quit

{
    my $sock = IO::Socket::INET->new('127.0.0.1:' . $Server->port)
        or die "connect: $!";
    my $start = time;

    print {$sock} "GET /reload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  . "Authorization: Bearer $Token\r\n\r\n";
    sleep 0.01 until asked('reload.test') || time > $start + 3;

    ok($Server->reload, 'a reload while a request waits for its name');
    like(join('', readline $sock), qr{^HTTP/1.1 200 .*127\.0\.0\.2}s,
         '... takes nothing from it');
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;


# Configurations that are none

for my $case (
    ['tenant_route_allow 300.0.0.1;',
     'tenant_route_allow: invalid address "300.0.0.1"'],
    ['tenant_route_stale soon;',
     '"tenant_route_stale" directive invalid value'],
    ['tenant_route_stale 1h; tenant_route_stale 2h;',
     '"tenant_route_stale" directive is duplicate'])
{
    my ($conf, $message) = @$case;
    my $broken = Tenant::Server->new(http => $conf);

    ok(!$broken->start, "$conf is refused");
    like($broken->error_log, qr/\[emerg\].*\Q$message\E/, '... and why');
    $broken->remove;
}

done_testing();
