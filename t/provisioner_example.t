# The example provisioner: an agent for each tenant that waits for one, told
# to the control plane, stopped when the tenant or the provisioner goes.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Provisioner;
use Tenant::Server;
use Tenant::Upstream;

my $Json = JSON::PP->new->utf8->canonical;
my $Port = free_port();
my $Secret = 'whsec_' . encode_base64('s' x 32, '');
my $File = write_fixture('example.secret', "$Secret\n");
my $Mood = write_fixture('example.mood', '200 200 provisioning');

# the control plane, as far as it is asked: "STATUS of GET, of PATCH, of the
# tenant"
my $Api = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;

    open my $in, '<', $Mood or return [500, [], ''];
    my ($get, $patch, $status) = split ' ', scalar <$in>;

    return [$request->{method} eq 'GET' ? $get : $patch, [ETag => '"7"'],
            qq({"status":"$status"})];
});

my $End;
my $Pid = start();


sub start
{
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', fixture_dir() . '/example.log';
        open STDERR, '>&', \*STDOUT;
        delete @ENV{qw(LD_PRELOAD)};
        { no warnings 'exec';
          exec $^X, Tenant::Server::project_root()
                    . '/conf/provisioner/provisioner.pl',
               '--listen', "127.0.0.1:$Port", '--secret', $File, '--api',
               'http://127.0.0.1:' . $Api->port, '--agents', 'support'; }
        POSIX::_exit(127);
    }

    my $end = time + 10;

    sleep 0.02 until listens($Port) || time > $end;
    return $pid;
}


sub listens
{
    return !!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                   PeerPort => $_[0], Timeout => 2);
}


# Sends an event: the status. %opt: header => value in place of the right one
sub send_event
{
    my ($type, $tenant, %opt) = @_;
    my $body = $opt{body} // $Json->encode({
        specversion => '1.0', id => "id-$type-$tenant", subject => $tenant,
        source => 'urn:ngx-tenant:registry',
        type => "com.ngx-tenant.tenant.$type",
        data => { tenant => { id => $tenant } } });
    my %header = ('webhook-id' => "id-$type-$tenant",
                  'webhook-timestamp' => $opt{time} // int time);

    $header{'webhook-signature'} = $opt{signature}
        // Tenant::Provisioner::signature(
               { headers => [map { [$_ => $header{$_}] } keys %header],
                 body => $opt{signed} // $body }, $opt{secret} // $Secret);

    return Tenant::HTTP::http($Port, POST => '/events', %header,
        'Content-Type' => 'application/cloudevents+json',
        ':timeout' => 10, ':body' => $body)->status;
}


sub patches
{
    return map { { path => $_->{path}, %{ $Json->decode($_->{body}) },
                   if_match => (Tenant::Upstream::header($_, 'If-Match'))[0] } }
           grep { $_->{method} eq 'PATCH' } $Api->requests;
}


# How many agents run.
sub agents { return scalar Tenant::Server::children($Pid) }


sub agent_port
{
    my ($patch) = @_;

    return (split /:/, $patch->{routes}{support}{servers}[0])[1];
}


# who may tell it something

is(send_event(onboarding => 'acme',
              secret => 'whsec_' . encode_base64('x' x 32, '')), 401,
   'an event that another secret has signed is refused');
is(send_event(onboarding => 'acme', signed => '{}'), 401,
   '... and so is one that was changed');
is(send_event(onboarding => 'acme', time => int(time) - 3600), 401,
   '... one that is old');
is(send_event(onboarding => 'acme', signature => 'v1,'), 401, '... one unsigned');
is(send_event(onboarding => '../acme'), 400, 'a tenant that cannot be is refused');
is(send_event(onboarding => 'acme', body => '[]'), 400, '... and what is no event');
is(scalar patches(), 0, 'none of them changes anything');


# onboarding

is(send_event(onboarding => 'acme'), 200, 'a tenant is onboarded');

my ($patch) = patches();
my $port = agent_port($patch);

is($patch->{path}, '/v1/tenants/acme', '... and the control plane told');
is($patch->{if_match}, '"7"', '... as it was seen');
is($patch->{status}, 'active', '... that it is active');
is($patch->{routes}{support}{model}, 'silo', '... with a route of its own');
is(Tenant::HTTP::http($port, GET => '/ping')->json->{status}, 'Healthy',
   '... to an agent that is healthy');
is(Tenant::HTTP::http($port, POST => '/invocations', ':body' => '{}')
   ->json->{agent}, 'silo of acme, provisioned', '... and its own');

is(send_event(onboarding => 'acme'), 200, 'an event that comes twice');
is(agent_port((patches())[1]), $port, '... finds the agent that runs');

is(send_event(onboarding => 'globex'), 200, 'another tenant');
my $other = agent_port((patches())[2]);
isnt($other, $port, '... has another agent');

is(send_event(suspended => 'acme'), 200, 'what needs nothing to be done');
ok(listens($port), '... leaves the agent alone');


# the control plane has trouble

for my $mood ('200 503 provisioning', '200 412 provisioning',
              '503 200 provisioning')
{
    write_fixture('example.mood', $mood);
    is(send_event(onboarding => 'initech'), 503,
       "what fails with $mood is to be sent again");
}

write_fixture('example.mood', '200 200 provisioning');
is(send_event(onboarding => 'initech'), 200, '... and then it is done');

write_fixture('example.mood', '200 200 suspended');
is(send_event(onboarding => 'initech'), 200,
   'an event that comes when its tenant was suspended');
is((patches())[-1]{status}, undef, '... does not activate it');

my $n = patches();
my $before = agents();

for my $mood ('404 404 gone', '200 200 offboarding') {
    write_fixture('example.mood', $mood);
    is(send_event(onboarding => 'late'), 200,
       "a tenant with $mood does not come again");
    is(agents(), $before, '... nor does its agent stay');
}

is(scalar patches(), $n, '... and nothing is changed');
write_fixture('example.mood', '200 200 provisioning');


# the end

is(send_event(removed => 'acme'), 200, 'a tenant is removed');
ok(!listens($port), '... its agent is stopped');
ok(listens($other), "... another's is not");
is(send_event(removed => 'acme'), 200, '... and again');

my @agents = Tenant::Server::children($Pid);
cmp_ok(scalar @agents, '>=', 2, 'agents run');
kill 'TERM', $Pid;
waitpid $Pid, 0;
is($?, 0, 'the provisioner ends');
is(scalar(grep { kill 0, $_ } @agents), 0, '... with all agents');

# killed, it leaves agents behind, but not its address

$Pid = start();
is(send_event(onboarding => 'acme'), 200, 'a provisioner with an agent');
@agents = Tenant::Server::children($Pid);
kill 'KILL', $Pid;
waitpid $Pid, 0;
$Pid = start();
is(send_event(onboarding => 'acme'), 200, '... is followed by another');
kill 'TERM', @agents, $Pid;
waitpid $Pid, 0;
ok(!listens($Port), '... and does not listen');

$End = 1;
done_testing();


END {
    local $?;
    kill 'TERM', $Pid if !defined $End && kill 0, $Pid;
}
