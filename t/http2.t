# HTTP/2 without TLS, with prior knowledge: the same decisions, streams of one
# connection apart.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $registry = registry();
my $policy = write_fixture('h2.cedar', <<'CEDAR');
permit(principal, action, resource) unless { context.path like "*denied*" };
CEDAR
my $h2 = free_port();

my $agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    my @seen = map { "$_->[0]=$_->[1]" }
                   grep { $_->[0] =~ /^(?:x-tenant-id|x-own|workload.*)$/i }
                        @{ $request->{headers} };

    return CORE::join ' ', $request->{method}, $request->{path}, @seen,
                           length($request->{body} // '');
});

my $server = Tenant::Server->new(
    http => <<"CONF",
tenant_registry $registry->{path};
tenant_policy_file $policy;
tenant_agent support;

server {
    listen 127.0.0.1:$h2 http2;
    underscores_in_headers on;

    location / {
        tenant_auth on;
        tenant_header X-Own \$tenant_actor_id;
        proxy_pass http://127.0.0.1:@{[ $agent->port ]};
    }
}
CONF
);

$server->start or BAIL_OUT('nginx does not start: ' . $server->error_log);


# curl(@arguments): what it writes, header and body of each answer
sub curl
{
    my (@arguments) = @_;

    open my $out, '-|', 'curl', '-sS', '-i', '--http2-prior-knowledge',
        '--noproxy', '*', '--max-time', 5, @arguments
        or die "curl: $!\n";
    local $/;
    my $text = <$out> // '';
    close $out or die "curl $arguments[-1]: exit status ", $? >> 8, "\n";

    return $text;
}


sub url { return "http://127.0.0.1:$h2$_[0]" }
sub bearer_header { return ('-H', 'Authorization: Bearer ' . token(@_)) }


sub test_accepted
{
    my $text = curl(bearer_header(), url('/t'));

    like($text, qr{\AHTTP/2 200 }, 'a good token is accepted');
    like($text, qr/\r\n\r\nGET \/t X-Tenant-Id=acme X-Own=acme:user-1 0\z/,
         'the agent sees the tenant');

    $text = curl(bearer_header(), map({ ('-H', "$_: globex") }
                 qw(X-Tenant-Id x-tenant-id X_Tenant_Id X-Own X_OWN
                    WorkloadAccessToken)), url('/t'));
    like($text, qr/\r\n\r\nGET \/t X-Tenant-Id=acme X-Own=acme:user-1 0\z/,
         'and no forgeries');

    for my $length (10, 100_000) {
        my $file = write_fixture("body.$length", 'x' x $length);
        $text = curl(bearer_header(), '--data-binary', "\@$file", url('/t'));
        like($text, qr/\r\n\r\nPOST .* $length\z/, "a body of $length bytes");

        $text = curl(bearer_header(), '-T', $file, '-H', 'Expect:',
                     url('/t'));
        like($text, qr/\r\n\r\nPUT .* $length\z/, 'sent with PUT');
    }
}


sub test_refused
{
    my $before = scalar $agent->requests;
    my $text = curl(url('/t'));

    like($text, qr{\AHTTP/2 401 }, 'without a token it is 401');
    like($text, qr/^www-authenticate: Bearer realm="tenant"\r$/m,
         'with a challenge');
    like($text, qr/^content-type: application\/problem\+json\r$/m,
         'and a problem');
    ok($server->wait_log(qr/tenant refused \(no-token\)/), 'and a log line');

    $text = curl(bearer_header(exp_in => -1), url('/t'));
    like($text, qr{\AHTTP/2 401 }, 'with an expired token too');
    like($text, qr/error_description="the token has expired"/, 'with why');

    $text = curl(bearer_header(), url('/denied'));
    like($text, qr{\AHTTP/2 403 }, 'where policy denies it is 403');
    like($text, qr/"urn:ngx-tenant:problem:policy-denied"/, 'with a problem');

    $text = curl(bearer_header(), bearer_header(), url('/t'));
    like($text, qr{\AHTTP/2 400 }, 'two Authorization fields are 400');

    $text = curl('-I', url('/t'));
    like($text, qr{\AHTTP/2 401 }, 'HEAD is no exception');

    $text = curl('-X', 'OPTIONS', url('/t'));
    like($text, qr{\AHTTP/2 401 }, 'OPTIONS neither');

    is(scalar $agent->requests, $before, 'nothing reached the agent');
}


sub frame
{
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}


# RFC 7541, section 5.2: a string, not Huffman coded
sub hpack_text
{
    my ($text) = @_;
    my $n = length $text;

    return chr($n) . $text if $n < 127;

    my $length = "\x7f";

    for ($n -= 127; $n > 127; $n >>= 7) {
        $length .= chr($n & 127 | 128);
    }

    return $length . chr($n) . $text;
}


# curl 7.88 cannot use a connection twice with prior knowledge: thirty streams
# at once, written by hand (RFC 9113).
sub test_streams
{
    my @tokens = (token(), token(key => 'shared_rs256', tenant => 'globex'),
                  token(exp_in => -1));
    my @expected = ('X-Tenant-Id=acme ', 'X-Tenant-Id=globex ',
                    'problem:invalid-token');
    my $out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '');

    for my $n (0 .. 29) {
        my @fields = (':method', 'GET', ':scheme', 'http',
                      ':authority', 'localhost', ':path', "/stream/$n",
                      'authorization', "Bearer $tokens[$n % 3]");
        my $block = '';

        while (my ($name, $value) = splice @fields, 0, 2) {
            $block .= "\0" . hpack_text($name) . hpack_text($value);
        }

        # END_STREAM and END_HEADERS
        $out .= frame(1, 5, 2 * $n + 1, $block);
    }

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $h2) or die "connect: $!\n";
    print {$socket} $out;
    $socket->flush;

    my ($in, %body, $ended) = ('');
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 5;

    while (($ended // 0) < 30 && sysread $socket, $in, 16384, length $in) {
        while (length $in >= 9) {
            my $length = unpack 'N', "\0" . substr $in, 0, 3;
            my ($type, $flags, $stream) = unpack 'x3CCN', $in;
            last if length $in < 9 + $length;

            my $payload = substr $in, 9, $length;
            substr($in, 0, 9 + $length) = '';
            $body{$stream} .= $payload if $type == 0;
            $ended++ if $type <= 1 && $flags & 1;
        }
    }

    alarm 0;

    my @wrong = grep { index($body{2 * $_ + 1} // '', $expected[$_ % 3]) < 0 }
                     0 .. 29;
    is($ended, 30, 'thirty streams of one connection are answered');
    is("@wrong", '', 'each with what is its own');
}


test_accepted();
test_refused();
test_streams();

ok($server->stop, 'nginx stops');
is_deeply([$server->faults], [], 'and leaves nothing behind');
unlike($server->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
       'the log is clean');
done_testing();
