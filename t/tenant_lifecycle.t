# Tenants that are suspended, activated, offboarded and removed while requests
# of theirs run.

use strict;
use warnings;

use lib 't/lib';

use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Api = free_port();
my $Agent = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;

    if ($request->{raw} =~ m{^GET /slow}) {
        $connection->sleep(5);
        return "late\n";
    }

    return "served\n" if $request->{raw} !~ m{^GET /stream};

    $connection->send_header(200, 'Content-Type' => 'text/event-stream',
                             'Transfer-Encoding' => 'chunked');

    for (1 .. 300) {
        $connection->send_chunk("data: tick\n\n");
        $connection->sleep(0.1);
    }

    $connection->last_chunk;
    return undef;
});

my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Store = fixture_dir() . '/store/registry.db';

my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Store seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
        keepalive 4;
    }

    server {
        listen 127.0.0.1:$Api;
        location / { tenant_api; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location = /metrics { tenant_metrics; }
        location / {
            tenant_auth on;
            tenant_agent support;
            add_header X-Worker $pid always;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my %Token = (acme => token(), globex => token(
    key => 'shared_rs256', iss => 'https://shared.idp.test',
    tenant => 'globex'));


sub ask
{
    my ($tenant) = @_;
    my $res = $Server->request(GET => '/',
                               Authorization => "Bearer $Token{$tenant}");

    return 200 if $res->status == 200;
    return $res->status . ' ' . $res->json->{type} =~ s/.*://r;
}


# What both workers say, asked until each has answered.
sub everywhere
{
    my ($tenant) = @_;
    my (%said, %worker);

    for (1 .. 100) {
        my $res = $Server->request(GET => '/',
                                   Authorization => "Bearer $Token{$tenant}");
        my $said = $res->status == 200 ? 200
                 : $res->status . ' ' . $res->json->{type} =~ s/.*://r;

        $said{$said}++;
        $worker{ $res->header('X-Worker') }++;
        last if keys %worker == 2;
    }

    return join ', ', sort keys %said;
}


sub api
{
    my ($method, $path, $value, @more) = @_;
    my @body = defined $value
        ? ('Content-Type' => $method eq 'PATCH'
                             ? 'application/merge-patch+json'
                             : 'application/json',
           ':body' => JSON::PP->new->encode($value))
        : ();

    return Tenant::HTTP::http($Api, $method, "/v1$path", @more, @body);
}


sub status { return api(GET => "/tenants/$_[0]")->json->{status} }


# A request whose answer goes on for half a minute, after its first piece.
sub stream
{
    my $sock = ask_raw('/stream', @_);

    read_some($sock, 5) =~ m{^HTTP/1.1 200} or die "no stream\n";
    return $sock;
}


sub ask_raw
{
    my ($path, $tenant) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $Server->port,
        Proto => 'tcp') or die "connect: $!\n";

    print {$sock} "GET $path HTTP/1.1\r\nHost: localhost\r\n"
                  . "Authorization: Bearer $Token{$tenant}\r\n\r\n";
    $sock->flush;
    return $sock;
}


# A piece; '' at the end of the connection, undef if there is neither.
sub read_some
{
    my ($sock, $seconds) = @_;
    my $n;

    IO::Select->new($sock)->can_read($seconds) or return undef;
    $n = sysread $sock, my $data, 65536;
    return $n ? $data : '';
}


# Whether the connection is closed within so many seconds.
sub ends
{
    my ($sock, $seconds) = @_;
    my $until = time + $seconds;

    while ((my $left = $until - time) > 0) {
        my $data = read_some($sock, $left) // last;
        return 1 if $data eq '';
    }

    return 0;
}


sub running
{
    my ($sock) = @_;

    # what has arrived meanwhile does not count
    1 while IO::Select->new($sock)->can_read(0)
            && (read_some($sock, 0) // return 0) ne '';
    return (read_some($sock, 2) // '') ne '';
}


# suspended

is(everywhere($_), '200', "$_ is served") for qw(acme globex);

my @streams = map { stream('acme') } 1 .. 6;
my $other = stream('globex');

is(api(POST => '/tenants/acme:suspend')->status, 200, 'acme is suspended');
is(everywhere('acme'), '403 tenant-suspended',
   '... and the next request of either worker is refused');
is(scalar(grep { ends($_, 2) } @streams), 6, '... and its streams end');
ok(!ends($other, 0.5), '... but not another tenant\'s');
like($Server->error_log,
     qr/tenant request ended \(tenant-suspended\): .* tenant: "acme"/,
     '... which the log says');
is(everywhere('globex'), '200', '... which is served');

is(api(POST => '/tenants/acme:suspend')->status, 200,
   'suspended twice is suspended');
is(api(POST => '/tenants/acme:activate')->status, 200, 'acme is activated');
is(everywhere('acme'), '200', '... and the next request is served');


# who waits for an answer gets one

my $waiting = ask_raw('/slow', 'acme');

ok(!defined read_some($waiting, 0.3), 'a request waits for its agent');
is(api(POST => '/tenants/acme:suspend')->status, 200, '... when acme is');
like(read_some($waiting, 2), qr{^HTTP/1.1 403 .*tenant-suspended}s,
     '... suspended, which is the answer');
is(api(POST => '/tenants/acme:activate')->status, 200, 'acme is back');


# a stream outlives changes that are none of its end

my $kept = stream('acme');
is(api(PATCH => '/tenants/acme', { name => 'Acme Inc' })->status, 200,
   'a change of the name');
is(api(PATCH => '/tiers/premium', { attributes => { a => 1 } })->status, 200,
   '... and of the tier');
ok(!ends($kept, 0.5), '... ends no stream');
is(api(POST => '/tenants/acme:suspend')->status, 200,
   '... that ends with the suspension which follows');
ok(ends($kept, 2), '... within two seconds');
api(POST => '/tenants/acme:activate');
is(everywhere('acme'), '200', 'acme is back');


# offboarded

sub counted
{
    my ($tenant) = @_;

    return $Server->request(GET => '/metrics')->body
           =~ /^tenant_requests_total\{tenant="$tenant"/m ? 1 : 0;
}

my $last = stream('acme');
is(api(POST => '/tenants/acme:offboard', { deadline => 2 })->status, 200,
   'acme is offboarded within two seconds');
is(everywhere('acme'), '403 tenant-offboarding',
   '... and its next request is refused');
ok(running($last), '... but what runs goes on');
ok(ends($last, 6), '... until the deadline');
ok($Server->wait_until(sub { api(GET => '/tenants/acme')->status == 404 }),
   '... when the tenant is gone');
is(api(GET => '/issuers/https%3A%2F%2Facme.idp.test')->status, 404,
   '... with its issuer');
is(everywhere('acme'), '401 invalid-token', '... so that nobody is known');
ok(counted('acme'), 'what was counted stays');

my $globex = stream('globex');
is(api(POST => '/tenants/globex:offboard',
       { deadline => 0, purge_usage => JSON::PP::true() })->status, 200,
   'globex is offboarded at once, with its usage');
ok(ends($globex, 4), '... and its stream ends');
ok($Server->wait_until(sub { api(GET => '/tenants/globex')->status == 404 }),
   '... and it is gone');
ok($Server->wait_until(sub { !counted('globex') }),
   '... with what was counted');


# again under the same name

is(api(POST => '/tenants', { id => 'globex', tier => 'basic',
                             issuers => ['https://shared.idp.test'] })->status,
   201, 'the name is free for another');
is(everywhere('globex'), '200', '... that is served at once');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');

done_testing();
