# nginx is replaced by another while it serves and its registry changes.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

my $Api = free_port();
my $Port = free_port();
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Dir = fixture_dir() . '/upgrade';

# it is executed again by the name that it was started with
my ($Binary) = grep { -x } map { m{/} ? $_ : map("$_/nginx",
                           split(/:/, $ENV{PATH}), '/usr/sbin') }
                   $ENV{TEST_NGINX_BINARY} || 'nginx';

# what is not detached from its parent does not take USR2
my $Layout = Tenant::Server->new(prefix => $Dir, port => $Port,
    workers => 2, main => join("\n", map { "env $_;" }
                              qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS)),
    http => <<"EOF_HTTP", server => <<'EOF_SERVER');
    tenant_registry $Dir/store/registry.db seed=$Registry->{path};
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
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
EOF_SERVER

$Layout->prepare;
$Layout->write_conf;
write_fixture("$Dir/conf/nginx.conf",
              slurp("$Dir/conf/nginx.conf") =~ s/^daemon off;//mr);

my $Token = token();
my @Pids;

run("$Binary -p $Dir -c conf/nginx.conf -e $Dir/logs/error.log");

my $old = wait_pid("$Dir/logs/nginx.pid");
ok($old, 'nginx runs') or BAIL_OUT(slurp("$Dir/logs/error.log"));
is(served(), 200, 'a tenant is served');


# load goes on through all of it

my @load = map { load() } 1 .. 3;

kill 'USR2', $old;

my $new = wait_pid("$Dir/logs/nginx.pid", $old);
ok($new, 'another nginx begins') or diag slurp("$Dir/logs/error.log");

is(api(PATCH => '/tenants/globex', { name => 'during' }), 200,
   'the registry is written to while both run');
is(api(POST => '/tenants/globex:suspend'), 200, '... twice');
ok(settles(sub { served('globex') == 403 }),
   '... and all workers of both act on it');
is(api(POST => '/tenants/globex:activate'), 200, 'and back');
ok(settles(sub { served('globex') == 200 }), '... also');

kill 'WINCH', $old;
sleep 0.3;
kill 'QUIT', $old;
ok(gone($old), 'the old one quits');

is(api(PATCH => '/tenants/globex', { name => 'after' }), 200,
   'the registry is written to by the one that is left');

sleep 0.3;
my ($requests, $failed) = (0, 0);

for my $load (@load) {
    kill 'TERM', $load->{pid};
    my ($n, $bad) = split ' ', readline $load->{out};
    waitpid $load->{pid}, 0;
    $requests += $n;
    $failed += $bad;
}

cmp_ok($requests, '>', 50, 'requests were made all the while');
is($failed, 0, '... and none failed');

kill 'QUIT', $new;
ok(gone($new), 'it quits');

run("$Binary -p $Dir -c conf/nginx.conf -e $Dir/logs/error.log");
my $last = wait_pid("$Dir/logs/nginx.pid");
is(Tenant::HTTP::http($Api, GET => '/v1/tenants/globex')->json->{name},
   'after', 'what was written is there after a start');
kill 'QUIT', $last;
ok(gone($last), '... and the end');

unlike(slurp("$Dir/logs/error.log"), qr/\[(?:emerg|alert|crit)\]/,
       'nothing worse than an error in the log');

done_testing();


sub slurp
{
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return scalar <$in>;
}


sub run
{
    my ($command) = @_;

    local $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD}
        if $ENV{TEST_NGINX_PRELOAD};
    system("$command </dev/null >>$Dir/logs/stderr.log 2>&1") == 0
        or BAIL_OUT("$command: " . slurp("$Dir/logs/stderr.log"));
}


# The pid in the file, of a process that is not $other; undef after a while.
sub wait_pid
{
    my ($path, $other) = @_;
    my $end = time + 10;

    while (time < $end) {
        my ($pid) = slurp($path) =~ /^(\d+)$/;

        if ($pid && $pid != ($other // 0) && kill 0, $pid) {
            push @Pids, $pid;
            return $pid;
        }

        sleep 0.02;
    }

    return undef;
}


sub gone
{
    my ($pid) = @_;
    my $end = time + 10;

    sleep 0.02 while kill(0, $pid) && time < $end;
    return !kill 0, $pid;
}


sub served
{
    my ($tenant) = @_;
    my $token = !$tenant ? $Token
        : token(key => 'shared_rs256', iss => 'https://shared.idp.test',
                tenant => $tenant);

    return eval { Tenant::HTTP::http($Port, GET => '/',
                      Authorization => "Bearer $token")->status } // 0;
}


sub api
{
    my ($method, $path, $value) = @_;
    my @body = ('Content-Type' => $method eq 'PATCH'
                                  ? 'application/merge-patch+json'
                                  : 'application/json',
                ':body' => JSON::PP->new->encode($value // {}));

    return Tenant::HTTP::http($Api, $method, "/v1$path", @body)->status;
}


# True forty times in a row, before long.
sub settles
{
    my ($check) = @_;
    my $end = time + 8;

    for (my $n = 0; $n < 40; ) {
        return 0 if time > $end;
        $n = $check->() ? $n + 1 : 0;
    }

    return 1;
}


# A client that asks until it is told to end, and then says how often, and
# how often in vain.
sub load
{
    my ($out, $in);

    pipe $out, $in or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        my ($n, $failed, $end) = (0, 0, 0);
        my $until = time + 60;

        local $SIG{TERM} = sub { $end = 1 };

        until ($end || time > $until) {
            $n++;
            my $status = served();
            $failed++ if $status != 200 && !$end;
            sleep 0.005;
        }

        syswrite $in, "$n $failed\n";
        POSIX::_exit(0);
    }

    close $in;
    push @Pids, $pid;
    return { pid => $pid, out => $out };
}


END {
    local ($?, $!);
    kill 'TERM', grep { kill 0, $_ } @Pids;
}
