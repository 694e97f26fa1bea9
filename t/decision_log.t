# The decision log: every line is one JSON object with every member, whatever
# a client sends, and none is lost.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server;

my $Iss = 'https://shared.idp.test';
my $Long = 'p' x 4000;
my $Registry = registry();
my $Policy = write_fixture('policy.cedar', <<'EOF_CEDAR');
@id("open")
permit(principal, action, resource);
@id("no-secrets")
forbid(principal, action, resource)
when { context.path like "*secret*" };
@id("careless")
forbid(principal, action, resource)
when { context.path like "*careless*" && principal.clearance < 3 };
EOF_CEDAR

# each of these forbids what has "long" in its path
my $Many = write_fixture('many.cedar', join '', map {
    "\@id(\"$Long-$_\") forbid(principal, action, resource);\n" } 1 .. 4);

my $Agent = free_port();
my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;
    tenant_agent support;

    server {
        listen 127.0.0.1:$Agent;
        location / { return 200 ok; }
    }
EOF_HTTP
    server => join('', map { my ($name, $conf) = @$_; <<"EOF_LOCATION" }
        location /$name/ {
            tenant_auth optional;
            $conf
            add_header X-Request-Id \$request_id always;
            proxy_pass http://127.0.0.1:$Agent;
        }
EOF_LOCATION
        ['all', 'tenant_decision_log logs/all.log flush=20ms;'],
        ['denied', 'tenant_decision_log logs/denied.log deny flush=20ms;'],
        ['shadow', 'tenant_decision_log logs/all.log flush=20ms; '
                   . 'tenant_policy shadow;'],
        ['long', 'tenant_decision_log logs/long.log flush=20ms; '
                 . "tenant_policy_file $Many;"],
        ['slow', 'tenant_decision_log logs/slow.log buffer=8k flush=1h;'],
        ['late', 'tenant_decision_log logs/late.log flush=1h;'],
        ['off', 'tenant_decision_log off;']));

$Server->start or die $Server->error_log;


# The objects of a log once it has $n lines; a line that is no JSON fails.
sub lines
{
    my ($name, $n, $seconds) = @_;
    my $end = time + ($seconds // 3);
    my $text;

    while (1) {
        $text = $Server->log_text("$name.log");
        last if ($text =~ tr/\n//) >= $n || time > $end;
        sleep 0.01;
    }

    return map { my $line = $_;
                 eval { JSON::PP->new->utf8->decode($line) }
                 // do { fail("a line of $name.log is JSON: $line"); {} } }
           split /\n/, $text;
}


sub ask
{
    my ($path, %claims) = @_;
    my $sub = delete $claims{sub} // 'bob';

    return $Server->request(GET => $path, Authorization => 'Bearer '
        . token(key => 'shared_rs256', tenant => 'globex', sub => $sub,
                claims => \%claims));
}


# The last of the $n lines of a log, without what differs from run to run.
sub last_line
{
    my ($name, $n) = @_;
    my @lines = lines($name, $n);

    is(scalar @lines, $n, "$name.log has $n lines");
    return $lines[-1];
}


my %base = (
    tenant => 'globex', mode => 'enforce', principal => "$Iss#bob",
    action => 'InvokeAgent', resource => 'support', method => 'GET',
    source_ip => '127.0.0.1', errors => [],
);

my $n = 0;

{
    my $res = ask('/all/x?secret=1');
    my $line = last_line(all => ++$n);
    my $time = delete $line->{time};

    is($res->status, 200, 'an allowed request');
    like($time, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/,
         '... is logged with the time (ISO 8601)');
    is_deeply($line, { %base, decision => 'allow', path => '/all/x',
                       policies => ['open'],
                       request_id => $res->header('X-Request-Id') },
              '... and every other member');
}

{
    is(ask('/all/secret')->status, 403, 'a denied request');
    my $line = last_line(all => ++$n);
    delete @$line{qw(time request_id)};
    is_deeply($line, { %base, decision => 'deny', path => '/all/secret',
                       policies => ['no-secrets'] },
              '... is logged with the policy that forbids it');
}

{
    is(ask('/shadow/secret')->status, 200, 'a request denied in shadow mode');
    my $line = last_line(all => ++$n);
    delete @$line{qw(time request_id)};
    is_deeply($line, { %base, decision => 'deny', mode => 'shadow',
                       path => '/shadow/secret', policies => ['no-secrets'] },
              '... is logged as what it is');
}

{
    is(ask('/all/careless')->status, 200, 'a policy that fails');
    my $line = last_line(all => ++$n);
    my $errors = delete $line->{errors};

    is($line->{decision}, 'allow', '... is skipped');
    is(scalar @$errors, 1, '... and is an error of the decision');
    is($errors->[0]{policy}, 'careless', '... with its id');
    is(join(' ', sort keys %{ $errors->[0] }), 'kind message policy',
       '... its kind and a message');
    like($errors->[0]{message}, qr/clearance/, '... that names the attribute');
}

{
    is($Server->request(GET => '/all/x')->status, 200,
       'a caller without token');
    my $line = last_line(all => ++$n);
    delete @$line{qw(time request_id)};
    my %nobody = (%base, principal => 'anonymous');
    delete $nobody{tenant};
    is_deeply($line, { %nobody, decision => 'allow', path => '/all/x',
                       policies => ['open'] },
              '... is anonymous and of no tenant');
}

# What a client may put into a line.  [what, path, as logged]
for my $case (
    ['quotes and backslashes', '/all/%22%5c%22', '/all/"\\"'],
    ['line ends', '/all/%0a%0d{"decision":"allow"}',
     "/all/\n\r{\"decision\":\"allow\"}"],
    ['control characters', '/all/%01%1f%7f', "/all/\x01\x1f\x7f"],
    ['characters beyond ASCII', '/all/%c3%a9%e2%82%ac%f0%9f%98%80',
     "/all/\x{e9}\x{20ac}\x{1f600}"],
    ['bytes that are no UTF-8', '/all/%ff%c3(%e2%82',
     "/all/\x{fffd}\x{fffd}(\x{fffd}\x{fffd}"],
    ['an overlong "/"', '/all/%c0%af', "/all/\x{fffd}\x{fffd}"],
    ['a surrogate', '/all/%ed%a0%80', "/all/" . "\x{fffd}" x 3],
    ['a path beyond its limit', '/all/' . 'x' x 1000,
     '/all/' . 'x' x 507],
    ['a path cut within a character', '/all/' . 'x' x 506 . '%c3%a9',
     '/all/' . 'x' x 506 . "\x{fffd}"],
) {
    my ($what, $path, $logged) = @$case;

    is(ask($path)->status, 200, "$what in a path");
    is(last_line(all => ++$n)->{path}, $logged, '... are data in the log');
}

{
    my $sub = "\"},\n{\"principal\":\"admin\"}\x{1f600}\\";

    is(ask('/all/x', sub => $sub)->status, 200, 'a hostile subject');
    is(last_line(all => ++$n)->{principal}, "$Iss#$sub",
       '... is data in the log');
}

{
    is(ask('/all/x', sub => 's' x 5000)->status, 200, 'a very long subject');
    my $line = last_line(all => ++$n);
    is($line->{principal}, "$Iss#" . 's' x 5000, '... is logged whole');
    ok(!$line->{truncated}, '... while the line has room for it');
}

{
    is(ask('/long/x')->status, 403, 'more than a line can hold');
    my $line = last_line(long => 1);
    is($line->{truncated}, JSON::PP::true, '... is said to be truncated');
    is_deeply($line->{policies}, ["$Long-1"], '... and holds whole pieces');
    is_deeply($line->{errors}, [], '... with every member there');
    cmp_ok(length $Server->log_text('long.log'), '<=', 8192,
           '... in 8 KB at most');
}

{
    is(ask('/long/x', sub => "\x01" x 800)->status, 403,
       'a subject that grows when it is escaped');
    my $line = last_line(long => 2);
    is($line->{truncated}, JSON::PP::true, '... leaves the rest out');
    is($line->{principal}, "$Iss#" . "\x01" x 800, '... itself whole');
}

{
    ask('/denied/x');
    ask('/denied/secret');
    my $line = last_line(denied => 1);
    is($line->{decision}, 'deny', 'with "deny" only denials are logged');
}

{
    my $before = $Server->log_text('all.log');
    ask('/off/secret');
    sleep 0.1;
    is($Server->log_text('all.log'), $before, 'off is off');
}

# Buffers

{
    ask("/slow/$_") for 1 .. 5;
    sleep 0.1;
    is($Server->log_text('slow.log'), '', 'lines wait in the buffer');

    my $asked = 5;
    ask('/slow/' . ++$asked) while $asked < 40;
    my @lines = lines(slow => 1);
    cmp_ok(scalar @lines, '>=', 15, 'a full buffer is written');
    cmp_ok(scalar @lines, '<', 40, '... up to what came after');

    # reopening writes what waits to the old file, and the rest to a new one
    my $logs = $Server->prefix . '/logs';
    rename "$logs/slow.log", "$logs/old.log" or die "rename: $!\n";
    kill 'USR1', $Server->pid;
    $Server->wait_until(sub { -e "$logs/slow.log" });
    is(scalar(lines(old => 40)), 40, 'USR1 writes what waits');

    # the worker reopens its own descriptor a moment after the master
    sleep 0.2;
    ask('/slow/after');
    ask('/late/1') for 1 .. 3;
}

$Server->quit;

is_deeply([map { $_->{path} } lines(slow => 1)], ['/slow/after'],
          'after USR1 a new file is written, at the latest at the end');
is(scalar(lines(late => 3)), 3, 'a worker that ends loses nothing');

is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
