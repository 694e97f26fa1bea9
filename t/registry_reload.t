# nginx is reloaded, again and again, while it serves, streams and its
# registry is written to.

use strict;
use warnings;

use lib 't/lib';

use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

my $Reloads = 6;
my $Json = JSON::PP->new->canonical;

my $Api = free_port();
my $Agent = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;

    return "served\n" if $request->{raw} !~ m{^GET /stream};

    $connection->send_header(200, 'Content-Type' => 'text/event-stream',
                             'Transfer-Encoding' => 'chunked');

    for (1 .. 600) {
        $connection->send_chunk("data: tick\n\n");
        $connection->sleep(0.1);
    }

    $connection->last_chunk;
    return undef;
});
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Store = fixture_dir() . '/reload/registry.db';

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
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my %Token = (acme => token(), map {
    $_ => token(key => 'shared_rs256', iss => 'https://shared.idp.test',
                tenant => $_) } qw(globex initech));
my @Clients = ((map { client(writer($_)) } 1 .. 4),
               (map { client(reader()) } 1 .. 2));


# Each generation of workers is left with streams of its own

my @generations = ([stream('acme'), stream('acme')]);
my @other = (stream('globex'));
my ($reloaded, $refused) = (0, 0);

for my $n (1 .. $Reloads) {
    sleep 0.15;
    $reloaded++ if $Server->reload;

    is(api(POST => '/tenants/initech:suspend')->status, 200,
       "reload $n: a tenant is suspended") if $n % 2;
    is(api(POST => '/tenants/initech:activate')->status, 200,
       "reload $n: it is activated") if $n % 2 == 0;

    # as often as both workers need to be asked
    $refused++ for grep { ask('initech') != ($n % 2 ? 403 : 200) } 1 .. 10;

    push @generations, [stream('acme'), stream('acme')];
    push @other, stream('globex');
}

is($reloaded, $Reloads, 'nginx is reloaded');
is($refused, 0, '... and new workers act on what they are told meanwhile');
is(scalar(grep { running($_) } map { @$_ } @generations),
   2 * @generations, '... while streams of all workers go on');


# Old workers follow

is(api(POST => '/tenants/acme:suspend')->status, 200,
   'their tenant is suspended');

my $until = time + 2;
my @left = grep { !ends($_, $until) } map { @$_ } @generations;

is(scalar @left, 0, '... and the streams end, also those of old workers');
is(scalar(grep { running($_) } @other), scalar @other,
   '... but not those of another tenant');
is(ask('acme'), 403, '... and new requests are refused');


# Nothing has failed, and nothing is lost

my (%want, %said);

for my $client (@Clients) {
    kill 'TERM', $client->{pid};

    my $told = $Json->decode(scalar readline $client->{out});

    waitpid $client->{pid}, 0;
    %want = (%want, %{ $told->{want} });
    $said{$_} += $told->{said}{$_} for keys %{ $told->{said} };
}

is_deeply([sort keys %said], [qw(read written)],
          'no request failed') or diag explain \%said;
cmp_ok($said{written}, '>', 100, '... of many that wrote');
cmp_ok($said{read}, '>', 100, '... and many that did not');

my @wrong = grep { name($_) ne $want{$_} } sort keys %want;
is_deeply(\@wrong, [], '... and all that was written is as it was left');

$_->close for map { @$_ } @generations, \@other;

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
is_deeply([$Server->error_log =~ /^.*\[(?:alert|emerg|crit)\].*$/mg], [],
          'nothing worse than an error in the log');

$Server->start or die $Server->error_log;
@wrong = grep { name($_) ne $want{$_} } sort keys %want;
is_deeply(\@wrong, [], 'after another start all of it is there, too');
$Server->quit;

done_testing();


sub api
{
    my ($method, $path, $value) = @_;
    my @body = defined $value
        ? ('Content-Type' => $method eq 'PATCH'
                             ? 'application/merge-patch+json'
                             : 'application/json',
           ':body' => $Json->encode($value))
        : ();

    return Tenant::HTTP::http($Api, $method, "/v1$path", @body);
}


sub ask
{
    my ($tenant) = @_;

    return $Server->request(GET => '/',
                            Authorization => "Bearer $Token{$tenant}")->status;
}


# The name of a tenant; '-' without one.
sub name
{
    my $res = api(GET => "/tenants/$_[0]");

    return $res->status == 200 ? $res->json->{name} : '-';
}


# Calls a function until it is told to end; what it wanted to be there, and
# what was said to it, how often.
sub client
{
    my ($step) = @_;

    pipe my $out, my $in or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    return { pid => $pid, out => $out } if $pid;

    my (%want, %said, $end);
    my $until = time + 60;

    $SIG{TERM} = sub { $end = 1 };

    until ($end || time > $until) {
        my $said = $step->(\%want);

        # the signal, not nginx
        $said{$said}++ if !$end || $said =~ /^(?:read|written)$/;
    }

    syswrite $in, $Json->encode({ want => \%want, said => \%said }) . "\n";
    POSIX::_exit(0);
}


sub reader
{
    return sub {
        my $status = eval { ask('globex') } // $@;

        return $status eq 200 ? 'read' : $status;
    };
}


sub writer
{
    my ($number) = @_;
    my ($n, @ids) = (0);

    return sub {
        my ($want) = @_;
        my $what = @ids < 3 ? 0 : int rand 4;
        my $id = $what == 0 ? "w$number-" . ++$n : $ids[rand @ids];
        my $name = 'name ' . ++$n;
        my @request =
            $what == 0 ? (POST => '/tenants', { id => $id, tier => 'basic',
                              name => $name, status => 'suspended' })
          : $what == 1 ? (PUT => "/tenants/$id", { id => $id, tier => 'basic',
                              name => $name, status => 'suspended' })
          : $what == 2 ? (PATCH => "/tenants/$id", { name => $name })
                       : (DELETE => "/tenants/$id");

        # whatever it is now, if there is no answer
        delete $want->{$id};

        my $res = eval { api(@request) };

        return $@ || 'no answer' if !$res;
        return "$request[0] " . $res->status if $res->status >= 300;

        $want->{$id} = $what == 3 ? '-' : $name;
        push @ids, $id if $what == 0;
        @ids = grep { $_ ne $id } @ids if $what == 3;

        # others are to have a turn, too
        sleep 0.002;
        return 'written';
    };
}


# A request whose answer goes on for a minute, after its first piece.
sub stream
{
    my ($tenant) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $Server->port,
        Proto => 'tcp') or die "connect: $!\n";

    print {$sock} "GET /stream HTTP/1.1\r\nHost: localhost\r\n"
                  . "Authorization: Bearer $Token{$tenant}\r\n\r\n";
    $sock->flush;

    (read_some($sock, 5) // '') =~ m{^HTTP/1.1 200} or die "no stream\n";
    return $sock;
}


# A piece; '' at the end of the connection, undef if there is neither.
sub read_some
{
    my ($sock, $seconds) = @_;

    my $data;

    IO::Select->new($sock)->can_read($seconds) or return undef;
    return sysread($sock, $data, 65536) ? $data : '';
}


sub ends
{
    my ($sock, $until) = @_;

    while ((my $left = $until - time) > 0) {
        return 1 if (read_some($sock, $left) // last) eq '';
    }

    return 0;
}


sub running
{
    my ($sock) = @_;

    # what has arrived meanwhile does not count
    while (IO::Select->new($sock)->can_read(0)) {
        return 0 if read_some($sock, 0) eq '';
    }

    return (read_some($sock, 2) // '') ne '';
}
