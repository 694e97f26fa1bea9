# Several workers: what they share, what each has for itself, and what is
# left when one dies.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Port = free_port();
my $Dead = free_port();
my $Live = Tenant::Upstream->new(respond => sub { $_[0]{connection} });

my $Registry = registry(
    tenant => { acme => { routes => { support => {
        model => 'silo', servers => ["127.0.0.1:$Dead",
                                     '127.0.0.1:' . $Live->port] } } } });
my $Policy = write_fixture('open.cedar',
                           "\@id(\"open\") permit(principal, action, "
                           . "resource);\n");

# reuseport gives each worker a queue of its own: both get connections
my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:$Dead;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$Port reuseport;

        location = /metrics {
            add_header X-Worker \$pid;
            tenant_metrics;
        }

        location / {
            tenant_auth on;
            tenant_agent support;
            tenant_decision_log logs/decisions.log flush=20ms;
            add_header X-Worker \$pid always;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
EOF_HTTP
);

$Server->start or die $Server->error_log;

my $Token = token();


sub ask
{
    my ($path) = @_;

    return Tenant::HTTP::http($Port, GET => $path // '/',
                              Authorization => "Bearer $Token");
}


# Asks until each worker has answered $n times: {pid => [responses]}.
sub ask_all
{
    my ($n, $path) = @_;
    my (%answers, $asked);
    my @workers = $Server->workers;

    while (grep { @{ $answers{$_} // [] } < $n } @workers) {
        die "not every worker gets connections\n" if ++$asked > 400;
        my $res = ask($path);
        push @{ $answers{ $res->header('X-Worker') } }, $res;
    }

    return \%answers;
}


sub total
{
    my ($answers) = @_;

    return scalar map { @$_ } values %$answers;
}


# The values of a metric that each worker gives.
# The metric once it is $wanted, or what it is after three seconds: a worker
# counts a request after its answer has been sent.
sub settled
{
    my ($name, $wanted) = @_;
    my $end = time + 3;
    my $value = metric($name);

    while ($value ne $wanted && time < $end) {
        select undef, undef, undef, 0.02;
        $value = metric($name);
    }

    return $value;
}


sub metric
{
    my ($name) = @_;
    my $answers = ask_all(1, '/metrics');
    my %value = map { my ($v) = $_->body =~ /^\Q$name\E (\d+)$/m;
                      ($v // 'none') => 1 } map { $_->[0] } values %$answers;

    return join ' ', sort keys %value;
}


my $Requests = 'tenant_requests_total{tenant="acme",code="2xx"}';
my $answers = ask_all(5);
my $asked = total($answers);

is(scalar keys %$answers, 2, 'both workers answer');
is_deeply([grep { $_->status != 200 } map { @$_ } values %$answers], [],
          'each passes over the server that is down by itself');

{
    my %workers_of;

    for my $pid (keys %$answers) {
        $workers_of{ $_->body }{$pid} = 1 for @{ $answers->{$pid} };
    }

    is(scalar keys %workers_of, 2, 'each keeps one connection to the silo');
    is_deeply([grep { keys %$_ > 1 } values %workers_of], [],
              '... that no other worker uses');
}

is(settled($Requests, $asked), $asked,
   'both give the same counters: those of all');
is(metric('tenant_token_cache_misses_total'), 2,
   'each worker verifies a token once');
is(metric('tenant_token_cache_hits_total'), $asked - 2,
   '... and knows it from then on');

{
    $Server->wait_until(sub {
        ($Server->log_text('decisions.log') =~ tr/\n//) >= $asked });
    my @lines = split /\n/, $Server->log_text('decisions.log');

    is(scalar @lines, $asked, 'both write into one decision log');
    is_deeply([grep { !eval { JSON::PP->new->utf8->decode($_) } } @lines],
              [], '... whole lines');
}

# A worker that dies

{
    my ($victim) = sort keys %$answers;
    my $new = $Server->kill_worker($victim);
    my $after = ask_all(3);

    $asked += total($after);
    ok($after->{$new}, 'a worker that died is replaced');
    is_deeply([grep { $_->status != 200 } map { @$_ } values %$after], [],
              '... and all answer');
    is(settled($Requests, $asked), $asked,
       '... with the counters going on');
    is(metric('tenant_token_cache_misses_total'), 3,
       '... after the new one has verified the token itself');
}

{
    my @all = $Server->workers;
    $Server->kill_worker($_, 'ABRT') for @all;
    my $after = ask_all(2);

    $asked += total($after);
    is(settled($Requests, $asked), $asked,
       'counters outlive all workers dying one after the other');
}

# A reload with both at work

{
    ok($Server->reload, 'a reload replaces both');
    my $after = ask_all(2);

    $asked += total($after);
    is(settled($Requests, $asked), $asked, '... and loses no count');
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
