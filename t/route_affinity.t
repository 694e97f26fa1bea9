# Sessions: at their server in every worker, where a server made them, and
# elsewhere only when that server is down or is asked for no more.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Dir = fixture_dir() . '/live';
my $Port = free_port();
my @Names = qw(one two three);
my %Agent = map { $_ => agent($_) } @Names;
my %Port = map { $_ => $Agent{$_}->port } @Names;


# Says its name; /new makes a session, /fixed one that is always the same,
# /deny knows none.
sub agent
{
    my ($name, $port) = @_;
    my $count = 0;

    return Tenant::Upstream->new(
        $port ? (port => $port) : (),
        respond => sub {
            my ($request) = @_;
            my $path = $request->{path};
            my ($id) = Tenant::Upstream::header($request, 'Mcp-Session-Id');

            $id = "$name-$request->{connection}-" . ++$count . rand
                if $path =~ /new/;
            $id = 'fixed' if $path =~ /fixed/;

            return [$path =~ /deny/ ? 404 : 200,
                    [defined $id ? ('Mcp-Session-Id' => $id) : ()], $name];
        });
}


sub rewrite
{
    my (%server) = @_;
    my $route = { model => 'silo', servers => [
        map { { address => "127.0.0.1:$Port{$_}", fail_timeout => 1,
                %{ $server{$_} // {} } } } @Names] };

    return registry(
        dir => $Dir,
        tenant => {
            acme => { routes => { support => $route, second => $route } },
            hooli => { tier => 'basic',
                       issuers => ['https://shared.idp.test'],
                       routes => { support => $route } },
        },
        agent => { second => {} });
}


my $Registry = rewrite();
my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = (acme => token(),
             map { $_ => token(key => 'shared_rs256', tenant => $_) }
                 qw(globex initech hooli));
my $Pool = join "\n", map { "server 127.0.0.1:$Port{$_} fail_timeout=1s;" }
                          @Names;

my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    log_format routes '\$request_uri \$tenant_session';
    access_log %PREFIX%/logs/routes.log routes;

    upstream agents {
        tenant_route session=\$http_mcp_session_id
                     session=\$http_x_runtime_session
                     learn=\$upstream_http_mcp_session_id;
        $Pool
        keepalive 8;
    }

    upstream least {
        least_conn;
        zone least 64k;
        tenant_route session=\$http_mcp_session_id;
        $Pool
    }

    server {
        listen 127.0.0.1:$Port reuseport;

        location / {
            tenant_auth on;
            tenant_agent support;
            add_header X-Worker \$pid always;
            add_header X-Session \$tenant_session always;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";

            location /second/ {
                tenant_agent second;
                proxy_pass http://agents;
            }

            location /least/ { proxy_pass http://least; }
        }
    }
EOF_HTTP
);

$Server->start or die $Server->error_log;


my %Workers;

# ask($tenant, $path, %headers): (answer, session that the server named,
# $tenant_session).
sub ask
{
    my ($tenant, $path, %header) = @_;
    my $res = Tenant::HTTP::http($Port, GET => $path,
                                 Authorization => "Bearer $Token{$tenant}",
                                 %header);

    $Workers{ $res->header('X-Worker') // '' }++;
    my $body = $res->status == 200 || $res->status == 404 ? $res->body
                                                          : $res->status;
    return wantarray ? ($body, $res->header('Mcp-Session-Id') // '',
                        $res->header('X-Session') // '')
                     : $body;
}


sub mcp { return ('Mcp-Session-Id' => $_[0]) }


# The different answers of several requests of a session.
sub answers
{
    my ($tenant, $path, $session, $times) = @_;
    my %seen;

    $seen{ scalar ask($tenant, $path, mcp($session)) }++
        for 1 .. $times // 6;
    return join ' ', sort keys %seen;
}


for my $case (['a silo', 'acme', '/'], ['the pool', 'globex', '/'],
              ['the pool behind least_conn', 'globex', '/least/'])
{
    my ($what, $tenant, $path) = @$case;
    my %at = map { $_ => answers($tenant, $path, "s$_") } 1 .. 24;
    my %seen = map { $_ => 1 } values %at;

    is_deeply([sort keys %seen], [sort @Names],
              "$what: each session stays at one server, and all have some");
}

cmp_ok(scalar(keys %Workers), '==', 2, '... in both workers');

{
    my @sessions = map { "s$_" } 1 .. 12;
    my %by_header = map { $_ => scalar ask('acme', '/',
                                           'X-Runtime-Session' => $_) }
                        @sessions;
    my %by_first = map { $_ => scalar ask('acme', '/', mcp($_),
                                          'X-Runtime-Session' => 'other') }
                       @sessions;

    is_deeply(\%by_first, \%by_header,
              'the first session of those named that is not empty counts');
}

for my $case (['a silo', 'acme'], ['the pool', 'globex']) {
    my ($what, $tenant) = @$case;
    my (%made, @wrong);

    for (1 .. 12) {
        my ($name, $session, $state) = ask($tenant, '/new');
        $made{$name}++;
        push @wrong, "$session: $state" if $state ne 'created';
        my $at = answers($tenant, '/', $session, 3);
        push @wrong, "$session of $name is at $at" if $at ne $name;
        $state = (ask($tenant, '/', mcp($session)))[2];
        push @wrong, "$session: $state" if $state ne 'kept';
    }

    is_deeply(\@wrong, [],
              "$what: a session that a server made stays with that server");
    is(scalar(keys %made), 3, '... of whichever made it');
}

is((ask('acme', '/'))[2], '', 'a request without a session has none');
is((ask('acme', '/', mcp('brandnew')))[2], 'new', 'a new session is new');
is((ask('acme', '/', mcp('brandnew')))[2], 'kept', '... and then kept');

is((ask('acme', '/deny', mcp('unknown')))[2], 'new',
   'a session that its server does not know is not remembered');
is((ask('acme', '/', mcp('unknown')))[2], 'new', '... as one that is there');


# "fixed" is made by one server after the other for one tenant; where those
# of others are has nothing to do with that.
{
    my %at;
    my @others = (['globex', '/'], ['initech', '/'], ['acme', '/second/'],
                  ['hooli', '/']);
    my $where = sub {
        return join ' ', map { answers(@$_, 'fixed', 2) } @others };
    my $before = $where->();

    for (1 .. 9) {
        my $name = ask('acme', '/fixed');
        $at{$name}++;
        is(answers('acme', '/', 'fixed', 2), $name,
           "acme's session is at $name") if $at{$name} == 1;
        is($where->(), $before,
           '... and equal ones of other tenants and agents where they were')
            if $at{$name} == 1;
    }

    is(scalar(keys %at), 3, 'every server has made it once');
}


# A server goes down, and comes back.
for my $case (['a silo', 'acme'], ['the pool', 'globex']) {
    my ($what, $tenant) = @$case;
    my ($name, $session) = ask($tenant, '/new');

    $Agent{$name}->stop;

    my ($other, undef, $state) = ask($tenant, '/', mcp($session));
    isnt($other, $name, "$what: a session moves when its server is down");
    is($state, 'moved', '... and the variable says so');
    is(answers($tenant, '/', $session), $other, '... to one other server');

    $Agent{$name} = agent($name, $Port{$name});
    is(answers($tenant, '/', $session), $other,
       '... where it stays when the server is back');

    # and all know that it is back
    $Server->wait_until(sub { ask($tenant, '/') eq $name })
        or die "$name is not asked again";
}


# Nobody answers

for my $case (['a silo', 'acme'], ['the pool', 'globex']) {
    my ($what, $tenant) = @$case;

    $_->stop for values %Agent;
    is(scalar ask($tenant, '/', mcp('nowhere')), 502,
       "$what: a session finds no server");
    $Agent{$_} = agent($_, $Port{$_}) for @Names;
    ok($Server->wait_until(sub { ask($tenant, '/') ne '502' }),
       '... until there is one');
    is((ask($tenant, '/', mcp('nowhere')))[2], 'new',
       '... and is not remembered for one that did not answer');
    ok($Server->wait_until(sub {
           my %seen = map { scalar ask($tenant, '/') => 1 } 1 .. 6;
           return keys %seen == 3;
       }), '... all are asked again');
}


# Draining

{
    my (%made, @left);

    for (1 .. 60) {
        my ($name, $session) = ask('acme', '/new');
        push @{ $made{$name} }, $session;
        last if 3 == grep { @{ $made{$_} // [] } >= 2 } @Names;
    }

    rewrite(two => { drain => \1 });
    $Server->reload or die $Server->error_log;

    is(answers('acme', '/', $_), 'two',
       'a draining server keeps the sessions that it made')
        for @{ $made{two} }[0, 1];
    is(answers('acme', '/', $made{$_}[0]), $_, "... and $_ those that it has")
        for qw(one three);

    my %new = map { answers('acme', '/', "d$_", 1) => 1 } 1 .. 24;
    is_deeply([sort keys %new], [qw(one three)],
              '... but gets no new ones');
    %new = map { scalar ask('acme', '/') => 1 } 1 .. 12;
    is_deeply([sort keys %new], [qw(one three)],
              '... and no requests without a session');

    rewrite(map { $_ => { drain => \1 } } @Names);
    $Server->reload or die $Server->error_log;

    is(ask('acme', '/'), 502, 'a silo that drains altogether takes no more');
    is(answers('acme', '/', $made{two}[0]), 'two',
       '... but goes on with what it has');

    rewrite(two => { weight => 100 });
    $Server->reload or die $Server->error_log;

    %new = ();
    $new{ scalar ask('acme', '/') }++ for 1 .. 40;
    cmp_ok($new{two} // 0, '>=', 34,
           'a weight holds from its change on, for requests');
    %new = ();
    $new{ answers('acme', '/', "w$_", 1) }++ for 1 .. 40;
    cmp_ok($new{two} // 0, '>=', 34, '... and for new sessions');
    is(answers('acme', '/', $made{one}[0]), 'one',
       '... but moves none that there is');
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;


# Without room to remember sessions, and on another gateway: where a session
# goes is computed, the same by all.
{
    my @at;

    rewrite();

    for my $zone ('tenant_zone 64k;', 'tenant_zone 64k;', '') {
        my $port = free_port();
        my $gateway = Tenant::Server->new(
            workers => 2,
            http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;
    $zone

    upstream agents {
        tenant_route session=\$http_mcp_session_id;
        server 127.0.0.1:1;
    }

    server {
        listen 127.0.0.1:$port reuseport;

        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
    }
EOF_HTTP
        );

        $gateway->start or die $gateway->error_log;

        push @at, join ' ', map {
            my $session = "h$_";
            my %seen = map { Tenant::HTTP::http(
                $port, GET => '/', mcp($session),
                Authorization => "Bearer $Token{acme}")->body => 1 } 1 .. 4;
            join '+', sort keys %seen;
        } 1 .. 16;

        $gateway->quit;
        is_deeply([$gateway->faults], [],
                  'no sanitizer has found anything');
        $gateway->remove;
    }

    unlike($at[0], qr/\+/, 'without room a session is at one server, too');
    is($at[1], $at[0], '... the same one on another gateway');
    is($at[2], $at[0], '... and where there is room');
    is(scalar(keys %{ { map { $_ => 1 } split / /, $at[0] } }), 3,
       '... and all servers have some');
}


# Configurations that are none

for my $case (
    ['session=abc', 'tenant_route: "session=abc" has no variable'],
    ['learn=', 'tenant_route: "learn=" has no variable'],
    ['learn=$arg_a learn=$arg_b',
     'tenant_route: invalid parameter "learn=$arg_b"'],
    ['session=$nothing', 'unknown "nothing" variable'],
    ['sticky', 'tenant_route: invalid parameter "sticky"'])
{
    my ($parameters, $message) = @$case;
    my $broken = Tenant::Server->new(http => <<"EOF_HTTP");
    upstream agents { tenant_route $parameters; server 127.0.0.1:1; }
EOF_HTTP

    ok(!$broken->start, "tenant_route $parameters is refused");
    like($broken->error_log, qr/\[emerg\].*\Q$message\E/, '... and why');
    $broken->remove;
}

done_testing();
