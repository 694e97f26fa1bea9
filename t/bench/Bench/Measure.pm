package Bench::Measure;

# Runs the load and reads what it cost: CPU time of the gateway's worker from
# the scheduler's account, which counts in nanoseconds.

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes ();

use Bench::Setup qw(PATH);
use Tenant::Server ();

our @EXPORT_OK = qw(load account pair verification cache_counts median spread);


sub output
{
    my (@command) = @_;

    open my $out, '-|', @command or die "$command[0]: $!\n";
    local $/;
    my $text = <$out>;

    close $out or die "$command[0] failed\n";
    return $text;
}


# load($server, %opt): connections, requests and tokens (a file).  Returns
# {requests, seconds, rps, p50_us, p99_us}; dies when an answer is not 200.
sub load
{
    my ($server, %opt) = @_;
    my $text = output(Tenant::Server::build_dir() . '/bench-load',
                      $server->port, $opt{connections}, $opt{requests},
                      PATH, $opt{tokens});

    return { $text =~ /(\w+)=([\d.]+)/g };
}


# Nanoseconds on a CPU since the process started.
sub cpu
{
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/schedstat"
        or die "/proc/$pid/schedstat: $!: the kernel keeps no account\n";

    return (split ' ', <$in>)[0];
}


# As load(), with cpu_us, the worker's microseconds for each request.
sub account
{
    my ($server, %opt) = @_;
    my ($worker) = $server->workers;
    my $before = cpu($worker);
    my $result = load($server, %opt);

    # what a request leaves to be done after its answer was sent
    Time::HiRes::sleep(0.01);

    $result->{cpu_us} = (cpu($worker) - $before) / 1000 / $opt{requests};
    return $result;
}


# pair($bare, $full, $round, %opt): one round, {bare, full}.  Who is first
# takes turns, so that a drift of the machine favours neither.
sub pair
{
    my ($bare, $full, $round, %opt) = @_;
    my (%result, %server);

    @server{qw(bare full)} = ($bare, $full);

    for my $name ($round % 2 ? qw(full bare) : qw(bare full)) {
        $result{$name} = account($server{$name}, %opt);
    }

    return \%result;
}


# Microseconds of CPU for one signature verification.
sub verification
{
    my ($alg, $key, $tokens, $count) = @_;
    my $text = output(Tenant::Server::build_dir() . '/bench-verify',
                      $alg, $key, $tokens, $count);

    $text =~ /^ns=(\d+)$/ or die "bench-verify: $text\n";
    return $1 / 1000;
}


# {hits, misses} of the token cache so far.
sub cache_counts
{
    my ($server) = @_;
    my $text = $server->request('GET', '/metrics')->body;
    my %count = $text =~ /^tenant_token_cache_(hits|misses)_total (\d+)/mg;

    die "no counters in /metrics\n" if keys %count != 2;
    return \%count;
}


sub median
{
    my @sorted = sort { $a <=> $b } @_;
    my $middle = int(@sorted / 2);

    return @sorted % 2 ? $sorted[$middle]
                       : ($sorted[$middle - 1] + $sorted[$middle]) / 2;
}


# The quartiles: half of the rounds were between them.
sub spread
{
    my @sorted = sort { $a <=> $b } @_;

    return @sorted[int(@sorted / 4), int((3 * @sorted - 1) / 4)];
}


1;
