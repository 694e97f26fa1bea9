package Bench::Instructions;

# Instructions of one request, counted by callgrind in the gateway alone.
# Two runs that differ in the number of requests are subtracted, so that what
# nginx does to start and to stop cancels.

use strict;
use warnings;

use Exporter 'import';

use Bench::Measure qw(load);
use Bench::Setup qw(bare full);
use Tenant::Server ();

our @EXPORT_OK = qw(count functions gate);

# Requests of the two runs, after every token was seen once.  Both are past
# the first of everything: caches filled, upstream connection open.
my @REQUESTS = (500, 3500);


# count($which, %opt): what a request costs, {total, function => {name =>
# instructions}}.  which: bare or full; tokens a file, seen the number of
# tokens in it, http as of full(), verify as of bare().  One connection, so
# that every request takes the same turns of the event loop.
sub count
{
    my ($which, %opt) = @_;
    my @runs = map { run($which, $opt{seen} + $_, %opt) } @REQUESTS;
    my $requests = $REQUESTS[1] - $REQUESTS[0];
    my %result = (total => ($runs[1]{total} - $runs[0]{total}) / $requests);

    for my $name (keys %{ $runs[1]{function} }) {
        $result{function}{$name} = ($runs[1]{function}{$name}
            - ($runs[0]{function}{$name} // 0)) / $requests;
    }

    return \%result;
}


sub run
{
    my ($which, $requests, %opt) = @_;
    my $root = Tenant::Server::project_root();
    my $out = Tenant::Server::build_dir() . "/bench/callgrind.$which";

    $out = "$root/$out" if $out !~ m{^/};
    unlink $out;

    my $server = ($which eq 'bare' ? \&bare : \&full)->(
        single => 1, name => "$which.callgrind", http => $opt{http},
        verify => $opt{verify},
        binary => "$root/t/bench/under-callgrind",
        env => { CALLGRIND_OUT => $out });

    load($server, tokens => $opt{tokens}, connections => 1,
         requests => $requests);

    # nginx without a master sees a signal only at its next event, when it
    # came while it was about to wait: stop() then sends another
    $server->{timeout} = 5;
    $server->stop('TERM');

    return parse($out);
}


# The format is callgrind's own ("Callgrind Format Specification"): names are
# written once and then referred to by number; the line after calls= is the
# inclusive cost of the callee and is not counted here.
sub parse
{
    my ($path) = @_;
    my (%object, %name, %function, $object, $function, $total);

    open my $in, '<', $path or die "$path: $!\n";

    while (my $line = <$in>) {
        if ($line =~ /^(c?)(ob|fn)=\((\d+)\)(?: (.*))?$/) {
            my $names = $2 eq 'ob' ? \%object : \%name;

            $names->{$3} = $4 if defined $4;
            next if $1;

            if ($2 eq 'ob') {
                $object = $names->{$3};

            } else {
                $function = function_name($object, $names->{$3});
            }

        } elsif ($line =~ /^calls=/) {
            <$in>;

        } elsif ($line =~ /^(?:[+-]?\d+|\*) (\d+)$/) {
            $function{$function} += $1;
            $total += $1;
        }
    }

    close $in;
    die "$path: no instructions in it\n" if !$total;

    return { total => $total, function => \%function };
}


# A packaged nginx has no names: it is one function then.
sub function_name
{
    my ($object, $name) = @_;
    my $file = $object =~ s{.*/}{}r;

    $name =~ s/'\d+$//;
    return $name =~ /^0x/ ? "($file, no names)" : "$name ($file)";
}


# functions($bare, $full, $n): where full() spends more than bare(), the n
# greatest, as [name, instructions].
sub functions
{
    my ($bare, $full, $n) = @_;
    my %more = %{ $full->{function} };

    $more{$_} = ($more{$_} // 0) - $bare->{function}{$_}
        for keys %{ $bare->{function} };

    my @names = sort { $more{$b} <=> $more{$a} || $a cmp $b } keys %more;

    $n = @names if $n > @names;
    return map { [$_, $more{$_}] } @names[0 .. $n - 1];
}


# gate($row, $bare, $full): compares with t/bench/ceiling, whose lines are the
# name of a row, what of it, and a number.  Returns [title, measured, ceiling,
# ok] for each line of the row.
sub gate
{
    my ($row, $bare, $full) = @_;
    my $path = Tenant::Server::project_root() . '/t/bench/ceiling';
    my %measured = (full => $full->{total},
                    difference => $full->{total} - $bare->{total});
    my @gates;

    open my $in, '<', $path or die "$path: $!\n";

    while (my $line = <$in>) {
        next if $line =~ /^\s*(?:#|$)/;
        $line =~ /^(\w+)\s+(full|difference)\s+(\d+)$/
            or die "$path: line $.: no ceiling\n";
        push @gates, ["$1 $2", $measured{$2}, $3, $measured{$2} <= $3]
            if $1 eq $row;
    }

    die "$path: no line for $row\n" if !@gates;
    return @gates;
}


1;
