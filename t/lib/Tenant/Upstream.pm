package Tenant::Upstream;

# Agents to stand behind the gateway: nginx text that echoes what it can see,
# and a forking server for what nginx cannot show.

use strict;
use warnings;

use Exporter 'import';
use Fcntl qw(O_APPEND O_CREAT O_WRONLY O_TRUNC);
use File::Path ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Socket ();
use Time::HiRes qw(sleep time);

use Tenant::Server qw(free_port);

our @EXPORT_OK = qw(echo_agent);

my %Running;    # object address => object, for END


# echo_agent($port, @headers): a server block for http_config that answers
# "METHOD URI", then "Name: value" for each of the headers named that the
# request has, one a line.  Of duplicates nginx shows what $http_ does.
sub echo_agent
{
    my ($port, @headers) = @_;
    my ($maps, $lines) = ('', '');

    # a map for each header: absent ones leave no line.  The port keeps the
    # variables of two agents apart.
    for my $header (@headers) {
        (my $name = lc $header) =~ tr/-/_/;
        my $var = "echo_${port}_$name";
        $maps .= <<"CONF";
map \$http_$name \$$var {
    ""      "";
    default "$header: \$http_$name\\n";
}
CONF
        $lines .= "\${$var}";
    }

    return <<"CONF";
$maps
server {
    listen 127.0.0.1:$port;
    location / {
        default_type text/plain;
        return 200 "\$request_method \$request_uri\\n$lines";
    }
}
CONF
}


# new(%opt): a server on 127.0.0.1 in a process of its own, running when new
# returns and stopped at the end of the test.
#
#   port      default free_port()
#   respond   sub ($request, $connection), default echo; see below
#
# $request: {method, path, version, headers => [[name, value], ...], raw (the
# header as it came), body, connection (1, 2, ...), request (in its
# connection)}.
#
# respond runs in the server's process and returns one of
#   text                             200 with that body, text/plain
#   [status, [name, value, ...], body]   as given; Content-Length is added
# or writes to $connection (send, send_header, send_chunk, last_chunk, sleep)
# and returns undef.  After {close} is set in $connection it is closed.
sub new
{
    my ($class, %opt) = @_;
    my $self = bless { port => $opt{port} // free_port(),
                       respond => $opt{respond} // \&echo }, $class;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port},
        Proto     => 'tcp',       Listen    => 128, ReuseAddr => 1,
    ) or die "listen on 127.0.0.1:$self->{port}: $!\n";

    # appended to by every connection's process, a line a write
    my $dir = Tenant::Server::build_dir() . '/t';
    my $log = "$dir/upstream.$self->{port}.$$.log";
    File::Path::make_path($dir);
    sysopen my $write, $log, O_CREAT | O_WRONLY | O_TRUNC | O_APPEND
        or die "$log: $!\n";
    open my $read, '<:raw', $log or die "$log: $!\n";
    unlink $log;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        # neither the test's END blocks nor its plan are this process's
        eval { serve($listen, $self->{respond}, $write) };
        warn $@ if $@;
        POSIX::_exit(1);
    }

    close $write;
    @$self{qw(pid owner log)} = ($pid, $$, $read);
    $self->{seen} = [];
    $self->{partial} = '';
    $Running{$self} = $self;

    return $self;
}


sub port { return $_[0]{port} }


# requests(): every request so far, as above without connection objects, in
# the order of arrival.  requests($n, $seconds) waits until there are $n.
sub requests
{
    my ($self, $n, $seconds) = @_;
    my $end = time + ($seconds // 3);

    while (1) {
        if (sysread $self->{log}, my $bytes, 65536) {
            $self->{partial} .= $bytes;
            push @{ $self->{seen} }, JSON::PP->new->latin1->decode($1)
                while $self->{partial} =~ s/\A([^\n]*)\n//;
            next;
        }

        last if @{ $self->{seen} } >= ($n // 0) || time > $end;
        sleep 0.005;
    }

    return @{ $self->{seen} };
}


# How many connections have carried a request.
sub connections
{
    my %seen = map { $_->{connection} => 1 } $_[0]->requests;

    return scalar keys %seen;
}


# Values of a header of a request from requests(), duplicates included.
sub header
{
    my ($request, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
               @{ $request->{headers} };
}


sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;

    # the process group: its connections are processes too
    kill 'KILL', -$pid, $pid;
    waitpid $pid, 0;
    delete $Running{$self};
}


# The default answer: the request as it came, byte by byte.
sub echo
{
    my ($request) = @_;

    return $request->{raw} . $request->{body};
}


# sse($gap, @events): a respond that streams events, $gap seconds apart.
sub sse
{
    my ($gap, @events) = @_;

    return sub {
        my (undef, $connection) = @_;

        $connection->send_header(200, 'Content-Type' => 'text/event-stream',
                                 'Transfer-Encoding' => 'chunked');

        for my $i (0 .. $#events) {
            sleep $gap if $i;
            $connection->send_chunk("data: $events[$i]\n\n");
        }

        $connection->last_chunk;
        return undef;
    };
}


sub serve
{
    my ($listen, $respond, $log) = @_;
    my $count = 0;

    POSIX::setpgid(0, 0);
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{INT} = $SIG{TERM} = 'DEFAULT';

    while (1) {
        my $sock = $listen->accept or next;
        $count++;

        # header and body are two writes: not 40 ms apart
        $sock->setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1);

        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            close $listen;
            eval {
                Tenant::Upstream::Connection->new($sock, $count)
                    ->run($respond, $log);
            };
            warn "upstream: $@" if $@;
            POSIX::_exit(0);
        }

        close $sock;
    }
}


END {
    local ($?, $!);
    $_->stop for grep { $_->{owner} == $$ } values %Running;
}


package Tenant::Upstream::Connection;

use Time::HiRes ();


sub new
{
    my ($class, $sock, $number) = @_;

    return bless { sock => $sock, number => $number, buf => '',
                   requests => 0 }, $class;
}


sub run
{
    my ($self, $respond, $log) = @_;

    while (my $request = $self->read_request) {
        syswrite $log, JSON::PP->new->latin1->encode($request) . "\n";

        my $answer = $respond->($request, $self);
        $answer = [200, ['Content-Type' => 'text/plain'], $answer]
            if defined $answer && !ref $answer;

        if ($answer) {
            my ($status, $headers, $body) = @$answer;
            $self->send_header($status, @$headers,
                               'Content-Length' => length $body);
            $self->send($body) unless $request->{method} eq 'HEAD';
        }

        my @tokens = map { lc } Tenant::Upstream::header($request,
                                                         'Connection');
        last if $self->{close} || $request->{version} eq '1.0';
        last if grep { $_ eq 'close' } @tokens;
    }
}


sub fill
{
    my ($self) = @_;

    return sysread $self->{sock}, $self->{buf}, 65536, length $self->{buf};
}


sub read_request
{
    my ($self) = @_;

    until ($self->{buf} =~ /\r\n\r\n/) {
        $self->fill or return undef;
    }

    $self->{buf} =~ s/\A(.*?\r\n)\r\n//s;
    my $raw = $1;
    my ($line, @lines) = split /\r\n/, $raw;
    my ($method, $path, $version) = $line =~ m{^(\S+) (\S+) HTTP/(\S+)$}
        or die "bad request line: $line\n";
    my @headers = map { [split /:[ \t]*/, $_, 2] } @lines;
    my %last = map { lc $_->[0] => $_->[1] } @headers;
    my $body = '';

    if (lc($last{'transfer-encoding'} // '') eq 'chunked') {
        $body = $self->read_chunked // return undef;

    } elsif (my $length = $last{'content-length'}) {
        while (length $self->{buf} < $length) {
            $self->fill or return undef;
        }

        $body = substr $self->{buf}, 0, $length, '';
    }

    return {
        method => $method, path => $path, version => $version,
        headers => \@headers, raw => $raw, body => $body,
        connection => $self->{number}, request => ++$self->{requests},
    };
}


sub read_chunked
{
    my ($self) = @_;
    my $body = '';

    while (1) {
        until ($self->{buf} =~ /\A[0-9A-Fa-f]+[^\r\n]*\r\n/) {
            $self->fill or return undef;
        }

        $self->{buf} =~ s/\A([0-9A-Fa-f]+)[^\r\n]*\r\n//;
        my $size = hex $1;

        while (length $self->{buf} < $size + 2) {
            $self->fill or return undef;
        }

        $body .= substr $self->{buf}, 0, $size, '';
        substr($self->{buf}, 0, 2) = '';
        return $body if $size == 0;
    }
}


sub send
{
    my ($self, @bytes) = @_;
    my $out = join '', @bytes;

    while (length $out) {
        my $n = syswrite($self->{sock}, $out) // die "client has gone\n";
        substr($out, 0, $n) = '';
    }
}


sub send_header
{
    my ($self, $status, @pairs) = @_;
    my $out = "HTTP/1.1 $status Status\r\n";

    while (my ($name, $value) = splice @pairs, 0, 2) {
        $out .= "$name: $value\r\n";
    }

    $self->send("$out\r\n");
}


sub send_chunk
{
    my ($self, $data) = @_;

    $self->send(sprintf("%x\r\n", length $data), $data, "\r\n");
}


sub last_chunk
{
    $_[0]->send("0\r\n\r\n");
}


sub sleep
{
    Time::HiRes::sleep($_[1]);
}


1;
