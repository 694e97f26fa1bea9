# Servers of a silo that fail: known to all workers, left alone, tried again
# by one request; weights and backups.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Port = free_port();
my $Small = free_port();
my %Dead = map { $_ => free_port() } qw(one many never other small slow);
my %Live = map { my $name = $_;
                 $name => Tenant::Upstream->new(respond => sub { $name }) }
               qw(a b c);
my %Address = map { $_ => '127.0.0.1:' . $Live{$_}->port } keys %Live;


sub silo
{
    return { model => 'silo', servers => [@_] };
}


sub dead
{
    my ($name, %more) = @_;

    return { address => "127.0.0.1:$Dead{$name}", %more };
}


my %Routes = (
    one    => silo(dead('one', fail_timeout => 60), $Address{a}),
    many   => silo(dead('many', max_fails => 3, fail_timeout => 60),
                   $Address{a}),
    never  => silo(dead('never', max_fails => 0), $Address{a}),
    slow   => silo(dead('slow', fail_timeout => 1, weight => 10),
                   $Address{a}),
    small  => silo(dead('small', fail_timeout => 60), $Address{a}),
    weights => silo({ address => $Address{a}, weight => 5 }, $Address{b},
                    $Address{c}),
    backup => silo($Address{a}, { address => $Address{b}, backup => \1 }),
    spare  => silo(dead('other', fail_timeout => 60),
                   { address => $Address{b}, backup => \1 }),
);

my $Registry = registry(
    tenant => {
        acme => { routes => \%Routes },
        globex => { routes => { one => $Routes{one} } },
    },
    agent => { map { $_ => {} } keys %Routes });

my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = (acme => token(),
             globex => token(key => 'shared_rs256', tenant => 'globex'));


sub gateway
{
    my ($port, $workers, $zone) = @_;
    my $gateway = Tenant::Server->new(
        workers => $workers,
        http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;
    $zone

    upstream agents {
        tenant_route;
        server 127.0.0.1:1;
    }

    server {
        listen 127.0.0.1:$port reuseport;

        location ~ ^/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent \$agent;
            add_header X-Worker \$pid always;
            proxy_pass http://agents;
        }
    }
EOF_HTTP
    );

    $gateway->start or die $gateway->error_log;
    return $gateway;
}


sub ask
{
    my ($port, $tenant, $agent) = @_;
    my $res = Tenant::HTTP::http($port, GET => "/$agent",
                                 Authorization => "Bearer $Token{$tenant}");

    return wantarray ? ($res->body, $res->header('X-Worker')) : $res->body;
}


# How often the log says that a server of a tenant failed.
sub failures
{
    my ($gateway, $name, $tenant) = @_;
    my $of = $tenant ? qr/tenant "$tenant": / : qr//;

    return scalar(() = $gateway->error_log
        =~ /${of}silo server 127\.0\.0\.1:$Dead{$name} failed/g);
}


my $Gateway = gateway($Port, 2, '');

{
    my (%workers, @wrong);

    for (1 .. 40) {
        my ($body, $worker) = ask($Port, 'acme', 'one');
        $workers{$worker}++;
        push @wrong, $body if $body ne 'a';
    }

    is(scalar(keys %workers), 2, 'both workers have had requests');
    is_deeply(\@wrong, [], '... and each of them an answer');
    is(failures($Gateway, 'one', 'acme'), 1,
       'a server that failed once is down for all workers');

    ask($Port, 'globex', 'one') for 1 .. 20;
    is(failures($Gateway, 'one', 'globex'), 1,
       '... but not for another tenant, which finds out itself');

    ask($Port, 'acme', 'many') for 1 .. 40;
    is(failures($Gateway, 'many'), 3, 'max_fails failures are needed');

    ask($Port, 'acme', 'never') for 1 .. 20;
    cmp_ok(failures($Gateway, 'never'), '>=', 9,
           'max_fails=0: a server is never down');
}

is_deeply([map { scalar ask($Port, 'acme', 'backup') } 1 .. 10],
          [('a') x 10], 'a backup is not used while another server is up');
is_deeply([map { scalar ask($Port, 'acme', 'spare') } 1 .. 10],
          [('b') x 10], '... and when none is up it is');


# A server that comes back, slowly: it answers the first request to it only
# after all the others have been sent, and have their answer from elsewhere.
{
    my $gate = fixture_dir() . '/gate';
    my $request = "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  . "Authorization: Bearer $Token{acme}\r\n\r\n";

    ask($Port, 'acme', 'slow') for 1 .. 4;
    is(failures($Gateway, 'slow'), 1, 'a server is down');

    my $back = Tenant::Upstream->new(port => $Dead{slow}, respond => sub {
        for (1 .. 500) {
            last if -e $gate;
            $_[1]->sleep(0.01);
        }

        $_[1]->send_header(200, 'Transfer-Encoding' => 'chunked');
        $_[1]->send_chunk('back');
        $_[1]->sleep(0.2);
        $_[1]->last_chunk;
        return undef;
    });

    # asked one after the other, not all at a time: the trial is taken by
    # the first that comes when its time has come
    my @trial;

    for (1 .. 500) {
        my $sock = IO::Socket::INET->new("127.0.0.1:$Port")
            or die "connect: $!";
        print {$sock} $request;

        my $ready = '';
        vec($ready, fileno $sock, 1) = 1;

        if (!select $ready, undef, undef, 0.3) {
            @trial = ($sock);
            last;
        }

        select undef, undef, undef, 0.01;
    }

    is(scalar(@trial), 1, 'after fail_timeout a request tries it again');
    is_deeply([map { scalar ask($Port, 'acme', 'slow') } 1 .. 6],
              [('a') x 6], '... and only that one: others do not wait');
    is(scalar(() = $back->requests), 1, '... and it has seen no other');

    write_fixture($gate, '');
    my $answer = join '', readline $trial[0];
    like($answer, qr/back/, 'the trial is answered');

    ok($Gateway->wait_log(qr/silo server 127\.0\.0\.1:$Dead{slow} works again/,
                          3), 'the log says that the server is back');

    # as in nginx a weight is regained step by step
    ok($Gateway->wait_until(sub {
           my %seen;
           $seen{ scalar ask($Port, 'acme', 'slow') }++ for 1 .. 11;
           return ($seen{back} // 0) >= 8;
       }), '... and it has its share again');
    $back->stop;
}

$Gateway->quit;
is_deeply([$Gateway->faults], [], 'no sanitizer has found anything');
$Gateway->remove;


{
    my $gateway = gateway($Small, 0, '');

    is(join('', map { scalar ask($Small, 'acme', 'weights') } 1 .. 14),
       'aabacaa' x 2, 'weights are those of smooth weighted round robin');

    $gateway->quit;
    is_deeply([$gateway->faults], [], 'no sanitizer has found anything');
    $gateway->remove;
}


# A zone without room: each worker for itself.
{
    my $gateway = gateway($Small, 2, 'tenant_zone 64k;');
    my %workers;

    for (1 .. 60) {
        my (undef, $worker) = ask($Small, 'acme', 'small');
        $workers{$worker}++;
    }

    is(scalar(keys %workers), 2, 'both workers have had requests');
    is(failures($gateway, 'small'), 2,
       'without room in the zone each worker finds out itself');

    $gateway->quit;
    is_deeply([$gateway->faults], [], 'no sanitizer has found anything');
    $gateway->remove;
}

done_testing();
