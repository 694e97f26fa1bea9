package Bench::Memory;

# What a worker takes for each token that it keeps: its private memory before
# and after it has seen many, with one connection, so that nothing else
# grows.

use strict;
use warnings;

use Exporter 'import';

use Bench::Measure qw(load cache_counts);
use Bench::Setup qw(full tokens);

our @EXPORT_OK = qw(memory);

# Enough that pages and the doubling of a table are small beside them.
my ($FEW, $MANY) = (500, 20000);


# memory($kind): {tokens, bytes}: bytes of a token and all that hangs on it.
sub memory
{
    my ($kind) = @_;
    my $server = full(name => 'memory', http => 'tenant_token_cache 256m;');
    my @size;

    for my $count ($FEW, $MANY) {
        load($server, tokens => tokens($kind, $count), connections => 1,
             requests => $count);
        push @size, anonymous(($server->workers)[0]);
    }

    my $counts = cache_counts($server);

    $server->stop('TERM');

    die "$counts->{misses} tokens of " . ($FEW + $MANY) . " were new\n"
        if $counts->{misses} != $FEW + $MANY;

    return { tokens => $MANY, bytes => int(($size[1] - $size[0]) / $MANY) };
}


sub anonymous
{
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!\n";

    while (my $line = <$in>) {
        return $1 * 1024 if $line =~ /^RssAnon:\s+(\d+) kB/;
    }

    die "/proc/$pid/status: no RssAnon\n";
}


1;
