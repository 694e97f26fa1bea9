# A WebSocket is decided before the upgrade; the agent sees the tenant, and
# afterwards bytes pass both ways.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $registry = registry();
my $policy = write_fixture('ws.cedar', <<'CEDAR');
permit(principal, action, resource) when { context.path == "/ws" };
CEDAR

# 101 with the tenant as a header, then the bytes sent back
my $agent = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;
    my %header = map { (lc $_->[0] => $_->[1]) } @{ $request->{headers} };

    return [400, [], 'no upgrade']
        if lc($header{upgrade} // '') ne 'websocket';

    my $ids = CORE::join ',', map { $_->[1] }
                              grep { lc $_->[0] eq 'x-tenant-id' }
                                   @{ $request->{headers} };
    $connection->send("HTTP/1.1 101 Switching Protocols\r\n"
                      . "Upgrade: websocket\r\nConnection: upgrade\r\n"
                      . "X-Seen: $ids\r\n\r\n" . 'hello from the agent');
    $connection->sleep(0.3);
    $connection->{close} = 1;
    return undef;
});

my $server = Tenant::Server->new(
    http   => <<"CONF",
tenant_registry $registry->{path};
tenant_policy_file $policy;
tenant_agent support;
CONF
    server => <<"CONF",
location / {
    tenant_auth on;
    proxy_http_version 1.1;
    proxy_set_header Upgrade \$http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_pass http://127.0.0.1:@{[ $agent->port ]};
}
CONF
);

$server->start or BAIL_OUT('nginx does not start: ' . $server->error_log);


# What comes back for an upgrade, until the server closes.
sub upgrade
{
    my ($path, @headers) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $server->port, Proto => 'tcp',
    ) or die "connect: $!\n";
    my $text = '';

    print {$socket} CORE::join "\r\n", "GET $path HTTP/1.1", 'Host: localhost',
        'Upgrade: websocket', 'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', @headers, '', '';

    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 5;

    while (sysread $socket, my $piece, 4096) {
        $text .= $piece;
        last if $text =~ /\}\n\z/;
    }

    alarm 0;
    return $text;
}


my $authorization = 'Authorization: Bearer ' . token();
my $answer = upgrade('/ws', $authorization, 'X-Tenant-Id: globex');

like($answer, qr{\AHTTP/1\.1 101 }, 'a good token is upgraded');
like($answer, qr/^X-Seen: acme\r$/m, 'the agent sees the tenant, once');
like($answer, qr/hello from the agent\z/, 'bytes pass');

my $before = scalar $agent->requests;

$answer = upgrade('/ws');
like($answer, qr{\AHTTP/1\.1 401 }, 'without a token there is no upgrade');
like($answer, qr/^WWW-Authenticate: Bearer realm="tenant"\r$/m, 'a challenge');
like($answer, qr/"urn:ngx-tenant:problem:no-token"/, 'and a problem');

$answer = upgrade('/ws', 'Authorization: Bearer ' . token(exp_in => -1));
like($answer, qr{\AHTTP/1\.1 401 }, 'with an expired one neither');
like($answer, qr/error="invalid_token"/, 'the challenge says why');

$answer = upgrade('/other', $authorization);
like($answer, qr{\AHTTP/1\.1 403 }, 'where policy denies neither');
like($answer, qr/"urn:ngx-tenant:problem:policy-denied"/,
     'the problem says so');

$answer = upgrade('/ws', 'Sec-WebSocket-Protocol: bearer, ' . token());
like($answer, qr{\AHTTP/1\.1 401 }, 'a token as a subprotocol is no token');

is(scalar $agent->requests, $before, 'nothing of that reached the agent');
ok($server->stop, 'nginx stops');
is_deeply([$server->faults], [], 'and leaves nothing behind');
unlike($server->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
       'the log is clean');
done_testing();
