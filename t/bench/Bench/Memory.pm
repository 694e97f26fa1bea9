package Bench::Memory;

# What a worker takes for each token that it keeps, and for each issuer: its
# private memory with few and with many of them, with one connection, so that
# nothing else grows.

use strict;
use warnings;

use Exporter 'import';

use Bench::Measure qw(load cache_counts);
use Bench::Setup qw(full issuers tokens);

our @EXPORT_OK = qw(token_memory issuer_memory);

# Enough that pages, large ones too, and the doubling of a table are small
# beside them.
my ($FEW, $MANY) = (500, 60000);

# What a worker takes for the first of all is not an issuer's.
my $ISSUERS_FEW = 24;


# token_memory($kind): {count, bytes}: bytes of a token and all that hangs on
# it.
sub token_memory
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

    return { count => $MANY, bytes => int(($size[1] - $size[0]) / $MANY) };
}


# issuer_memory($kind, $count): {count, bytes, used}: bytes of an issuer of a
# registry document with a key of the kind, and after a token of each.
sub issuer_memory
{
    my ($kind, $count) = @_;
    my ($few, $many) = map { issuers_of($kind, $_) }
                           $ISSUERS_FEW, $ISSUERS_FEW + $count;

    return { count => $count, map {
        $_ => int(($many->{$_} - $few->{$_}) / $count) } qw(bytes used) };
}


# The worker's memory with that many issuers.  Hardly a token is kept: they
# have figures of their own.
sub issuers_of
{
    my ($kind, $count) = @_;
    my ($registry, $tokens) = issuers($kind, $count);
    my $server = full(name => 'memory', registry => $registry,
                      http => 'tenant_token_cache 64k;');
    my %size = (bytes => anonymous(($server->workers)[0]));

    load($server, tokens => $tokens, connections => 1, requests => $count);
    $size{used} = anonymous(($server->workers)[0]);
    $server->stop('TERM');

    return \%size;
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
