package Tenant::DNS;

# A name server on 127.0.0.1, UDP only, whose answers a test changes as it
# goes: what `resolver` of nginx asks.

use strict;
use warnings;

use Fcntl qw(O_APPEND O_CREAT O_WRONLY O_TRUNC);
use File::Path ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Socket qw(AF_INET6 inet_aton inet_pton);
use Time::HiRes qw(sleep time);

use Tenant::Server qw(free_port);

my %Type = (1 => 'A', 28 => 'AAAA');
my %Code = (NOERROR => 0, FORMERR => 1, SERVFAIL => 2, NXDOMAIN => 3,
            REFUSED => 5);
my %Running;    # object address => object, for END
my $Json = JSON::PP->new->canonical;


# new(%names): a server in a process of its own, stopped at the end of the
# test.  Names are those of set().
sub new
{
    my ($class, %names) = @_;
    my $dir = Tenant::Server::build_dir() . '/t';
    my $self = bless { port => free_port(), names => {} }, $class;
    my $sock = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Proto => 'udp')
        or die "bind 127.0.0.1:$self->{port}: $!\n";

    File::Path::make_path($dir);
    $self->{zone} = "$dir/dns.$self->{port}.$$.json";
    $self->set(%names);

    my $log = "$dir/dns.$self->{port}.$$.log";
    sysopen my $write, $log, O_CREAT | O_WRONLY | O_TRUNC | O_APPEND
        or die "$log: $!\n";
    open $self->{log}, '<', $log or die "$log: $!\n";
    unlink $log;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        eval { serve($sock, $self->{zone}, $write) };
        warn $@ if $@;
        POSIX::_exit(1);
    }

    @$self{qw(pid owner asked)} = ($pid, $$, []);
    $Running{$self} = $self;

    return $self;
}


sub port { return $_[0]{port} }


# set(name => {A => [addresses], AAAA => [addresses], ttl => seconds (60),
# code => 'NXDOMAIN', delay => seconds, silent => 1}, ...): from now on.
# Unknown names are NXDOMAIN, other types of known ones have no records.
sub set
{
    my ($self, %names) = @_;

    $self->{names} = { %{ $self->{names} }, %names };
    open my $out, '>', "$self->{zone}.new" or die "$self->{zone}: $!\n";
    print {$out} $Json->encode($self->{names});
    close $out or die "$self->{zone}: $!\n";
    rename "$self->{zone}.new", $self->{zone}
        or die "$self->{zone}: $!\n";
}


# The questions so far, "name type" each.
sub asked
{
    my ($self) = @_;
    my $log = $self->{log};

    seek $log, 0, 1;
    push @{ $self->{asked} }, map { chomp; $_ } readline $log;
    return @{ $self->{asked} };
}


sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;

    kill 'KILL', $pid;
    waitpid $pid, 0;
    unlink $self->{zone};
    delete $Running{$self};
}


sub serve
{
    my ($sock, $zone, $log) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{INT} = $SIG{TERM} = 'DEFAULT';

    while (1) {
        my $from = $sock->recv(my $query, 512) // next;
        my ($name, $type, $end) = question($query) or next;

        $type = $Type{$type} // $type;
        syswrite $log, "$name $type\n";

        open my $in, '<', $zone or die "$zone: $!\n";
        my $names = $Json->decode(do { local $/; <$in> });
        my $entry = $names->{$name} // { code => 'NXDOMAIN' };
        next if $entry->{silent};

        my $answer = answer($query, $end, $entry, $type);

        # a slow answer keeps no other waiting
        if ($entry->{delay}) {
            my $pid = fork // die "fork: $!\n";
            next if $pid;
            sleep $entry->{delay};
            $sock->send($answer, 0, $from);
            POSIX::_exit(0);
        }

        $sock->send($answer, 0, $from);
    }
}


# (name, number of the type, where the question ends).
sub question
{
    my ($query) = @_;
    my ($at, @labels) = 12;

    while (my $len = ord(substr $query, $at, 1)) {
        push @labels, substr $query, $at + 1, $len;
        $at += 1 + $len;
        return if $at >= length $query;
    }

    my ($type) = unpack 'n', substr $query, $at + 1, 2;
    return (lc join('.', @labels), $type, $at + 5);
}


sub answer
{
    my ($query, $end, $entry, $type) = @_;
    my @data = map { $type eq 'A' ? inet_aton($_) : inet_pton(AF_INET6, $_) }
                   @{ $entry->{$type} // [] };
    my $code = $Code{ $entry->{code} // 'NOERROR' };
    my $out = substr($query, 0, 2)
              . pack('n5', 0x8180 | $code, 1, $code ? 0 : scalar @data, 0, 0)
              . substr($query, 12, $end - 12);

    return $out if $code;

    $out .= pack 'n n n N n/a*', 0xc00c, $type eq 'A' ? 1 : 28, 1,
                 $entry->{ttl} // 60, $_
        for @data;
    return $out;
}


END {
    local ($?, $!);
    $_->stop for grep { $_->{owner} == $$ } values %Running;
}


1;
