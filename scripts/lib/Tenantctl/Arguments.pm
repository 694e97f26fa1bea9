package Tenantctl::Arguments;

# What a person writes at the command line: kinds, times, members and their
# values.  What makes no sense is an exception with a text.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(@KINDS id kind nearest no_more patch seconds usage);

our @KINDS = qw(tiers agents tenants issuers prices revocations);

my $Json = JSON::PP->new->canonical->allow_nonref;


sub usage { die "$_[0]\n" }


sub no_more
{
    usage("what is \"$_[0]\"?") if @_;
}


sub kind
{
    my ($kind) = @_;

    usage('which of ' . join(', ', @KINDS) . '?') if !defined $kind;

    for my $known (@KINDS) {
        return $known if $kind eq $known || "${kind}s" eq $known;
    }

    usage("no kind \"$kind\": one of " . join(', ', @KINDS));
}


sub id
{
    my ($id) = @_;

    usage('an id is missing') if !defined $id || $id eq '';
    return $id;
}


sub seconds
{
    my ($option, $text) = @_;
    my %unit = ('' => 1, s => 1, m => 60, h => 3600, d => 86400);
    my ($n, $unit) = $text =~ /^(\d+)([smhd]?)$/
        or usage("--$option $text: 90, 10m, 2h or 7d");

    return $n * $unit{$unit};
}


# A merge patch (RFC 7396) of members: a.b=value, or a= to remove it.
sub patch
{
    my (@members) = @_;
    my %patch;

    for my $member (@members) {
        my ($name, $text) = $member =~ /^([^=]+)=(.*)\z/s
            or usage("$member: MEMBER=VALUE");
        my @names = names($name);
        my $last = pop @names;
        my $at = \%patch;

        for my $step (@names) {
            $at = $at->{$step} //= {};
            usage("$member: $step has been set before") if ref $at ne 'HASH';
        }

        usage("$member: $last has been set before") if exists $at->{$last};
        $at->{$last} = $text eq '' ? undef : value($text);
    }

    return \%patch;
}


# The way to a member: a.b, or a JSON Pointer (RFC 6901) where names have dots.
sub names
{
    my ($name) = @_;
    my @names = $name =~ m{^/} ? map { s{~1}{/}gr =~ s{~0}{~}gr }
                                     split m{/}, substr($name, 1), -1
                               : split /\./, $name, -1;

    usage("$name: a name is missing") if !@names || grep { $_ eq '' } @names;
    return @names;
}


# JSON, or else text; what begins as JSON and is none is a slip.
sub value
{
    my ($text) = @_;
    my $value = eval { $Json->decode($text) };

    return $value if !$@;
    usage("$text is no JSON") if $text =~ /^\s*["{\[]/;
    return $text;
}


# The word that is meant, if one is near.
sub nearest
{
    my ($word, @words) = @_;
    my ($near) = sort { distance($word, $a) <=> distance($word, $b)
                        || $a cmp $b } @words;

    return distance($word, $near) <= 2 ? $near : undef;
}


# Of Levenshtein.
sub distance
{
    my ($from, $to) = @_;
    my @row = 0 .. length $to;

    for my $i (1 .. length $from) {
        my @next = ($i);

        for my $j (1 .. length $to) {
            my $same = substr($from, $i - 1, 1) eq substr($to, $j - 1, 1);
            my ($least) = sort { $a <=> $b } $row[$j] + 1, $next[$j - 1] + 1,
                                             $row[$j - 1] + !$same;
            push @next, $least;
        }

        @row = @next;
    }

    return $row[-1];
}


1;
