package Tenantctl::Text;

# What a registry holds, made fit for a terminal and for tables.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(cell complain print_changes print_tenant printable
                    table);

my $Json = JSON::PP->new->canonical->allow_nonref;


# A terminal must not obey what a registry holds: control characters, and
# those that turn the direction of writing, are named.
sub printable
{
    my ($text) = @_;

    return '' if !defined $text;

    $text =~ s/([\x00-\x1f\x7f-\x9f])/sprintf '\\x%02x', ord $1/ge;
    $text =~ s/([\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}])
              /sprintf '\\x{%x}', ord $1/gex;
    return $text;
}


sub cell
{
    my ($value) = @_;

    return '-' if !defined $value;
    return printable(ref $value ? $Json->encode($value) : $value);
}


# Columns that a terminal needs for a text.
sub width
{
    my ($text) = @_;
    my $wide = () = $text =~ /[\p{EastAsianWidth=Wide}\p{EastAsianWidth=F}]/g;
    my $none = () = $text =~ /[\p{Mn}\p{Me}\x{200b}-\x{200d}]/g;

    return length($text) + $wide - $none;
}


# Prints rows of texts in columns.
sub table
{
    my (@rows) = @_;
    my @width;

    for my $row (@rows) {
        for my $i (0 .. $#$row) {
            my $width = width($row->[$i]);

            $width[$i] = $width if $width > ($width[$i] // 0);
        }
    }

    for my $row (@rows) {
        my $line = join '', map {
            $row->[$_] . ' ' x ($width[$_] - width($row->[$_]) + 2)
        } 0 .. $#$row;

        print $line =~ s/ *\z/\n/r;
    }
}


# A problem document (RFC 9457), for a person.
sub complain
{
    my ($where, $problem) = @_;
    my $place = defined $problem->{line}
        ? " at line $problem->{line} column " . ($problem->{column} // 1) : '';

    print STDERR "tenantctl: ${where}refused ($problem->{status}): ",
        printable($problem->{detail} // $problem->{title}), "$place\n";
    print STDERR "  ", printable($_->{pointer}) || '/', ": ",
        printable($_->{detail}), "\n" for @{ $problem->{errors} // [] };
    print STDERR "  $_->{kind} ", printable($_->{id}), " refers to it\n"
        for @{ $problem->{referrers} // [] };
}


# What apply would change, or has.
sub print_changes
{
    my ($plan) = @_;
    my %sign = (create => '+', update => '~', delete => '-');

    for my $change (@{ $plan->{changes} }) {
        print "$sign{ $change->{op} } $change->{kind} ",
            printable($change->{id}), "\n";

        print_patch('', $change->{patch} // {}, $change->{before} // {});
    }

    print scalar(@{ $plan->{changes} }), ' changes, ',
        $plan->{unchanged} // 0, " unchanged\n";
}


# The members that a merge patch (RFC 7396) changes, with their values before;
# what is an object in both is changed member by member.
sub print_patch
{
    my ($place, $patch, $before) = @_;

    for my $name (sort keys %$patch) {
        my ($new, $old) = ($patch->{$name}, $before->{$name});
        my $at = "$place/" . $name =~ s/~/~0/gr =~ s{/}{~1}gr;

        if (ref $new eq 'HASH' && ref $old eq 'HASH') {
            print_patch($at, $new, $old);
            next;
        }

        print '    ', printable($at =~ m{[.~]|\A/\z} ? $at
                                : substr($at, 1) =~ tr{/}{.}r), ': ',
            join(' -> ', defined $old ? printable($Json->encode($old))
                         : '(none)',
                 defined $new ? printable($Json->encode($new))
                 : '(removed)'), "\n";
    }
}


# The state of a tenant: itself, where its requests go, its issuers.
sub print_tenant
{
    my ($state, @issuers) = @_;

    table(['tenant', cell($state->{id})], ['status', cell($state->{status})],
          ['tier', cell($state->{tier})], ['updated', cell($state->{updated})],
          map { ['events', cell($_)] } grep { defined } $state->{events});
    print "\n";

    my @rows = (['AGENT', 'ROUTE', 'WHY', 'SERVER', 'HEALTH']);

    for my $agent (sort keys %{ $state->{routes} }) {
        my $route = $state->{routes}{$agent};
        my @servers = map { servers($_) } @{ $route->{servers} // [] };
        my @of = (printable($agent), map { cell($_) }
                                     @$route{qw(model why)});

        push @rows, [@of, '', ''] if !@servers;
        push @rows, [@of, @{ shift @servers }] if @servers;
        push @rows, map { ['', '', '', @$_] } @servers;
    }

    table(@rows);
    print "\n";

    table([qw(ISSUER KEYS STATUS FETCHED)], map { keys_of($_) } @issuers)
        if @issuers;
}


sub servers
{
    my ($server) = @_;
    my @known = @{ $server->{addresses} // [] };

    @known = ({ address => $server->{address} }) if !@known;

    return map { [
        printable($_->{address}),
        join ', ', $_->{down} ? 'down' : 'up',
                   $_->{fails} ? "failed $_->{fails}" : (),
                   $server->{drain} ? 'draining' : (),
                   $server->{backup} ? 'backup' : () ] } @known;
}


sub keys_of
{
    my ($issuer) = @_;
    my $keys = $issuer->{keys} // {};

    return [printable($issuer->{iss}), scalar @{ $keys->{keys} // [] },
            cell($keys->{status}), cell($keys->{fetched})];
}


1;
