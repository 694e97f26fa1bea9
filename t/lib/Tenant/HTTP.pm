package Tenant::HTTP;

# An HTTP/1.1 client that hides nothing: duplicates, order and arrival times
# of what a server sent stay visible, and nothing is retried or followed.

use strict;
use warnings;

use Exporter 'import';
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes ();

our @EXPORT_OK = qw(http parse_response send_raw);


# http($port, $method, $path, Name => value, ..., ':body' => bytes)
#
# One request on a connection of its own, to 127.0.0.1.  Names may repeat and
# keep their order.  ':timeout' is seconds of silence (default 5), ':on_chunk'
# as in request().  Returns a Tenant::HTTP::Response; dies when nothing
# listens or the answer breaks off.
sub http
{
    my ($port, $method, $path, @rest) = @_;
    my $client = Tenant::HTTP->new(port => $port);
    my @names = @rest[grep { $_ % 2 == 0 } 0 .. $#rest];

    unshift @rest, 'Connection' => 'close'
        unless grep { lc eq 'connection' } @names;
    return $client->request($method, $path, @rest);
}


# new(port => N, host => '127.0.0.1', timeout => 5)
#
# A connection that is opened by the first request and kept as long as the
# server keeps it.  The next request after a close opens another one, so
# connections() tells whether keepalive worked.
sub new
{
    my ($class, %opt) = @_;

    return bless {
        host        => $opt{host} // '127.0.0.1',
        port        => $opt{port} // die('port missing'),
        timeout     => $opt{timeout} // 5,
        connections => 0,
        buf         => '',
    }, $class;
}


sub connections
{
    return $_[0]{connections};
}


sub close
{
    my ($self) = @_;

    $self->{sock}->close if $self->{sock};
    delete $self->{sock};
    $self->{buf} = '';
}


# request($method, $path, Name => value, ..., ':body' => bytes,
#         ':timeout' => seconds, ':on_chunk' => sub { my ($data, $t) = @_ })
#
# ':on_chunk' sees every piece of the body when it arrives; a true value
# stops reading and drops the connection.  Host is added unless given, and
# Content-Length with a body unless it or Transfer-Encoding is given.
sub request
{
    my ($self, $method, $path, @pairs) = @_;
    my (%special, %seen, @headers);

    while (my ($name, $value) = splice @pairs, 0, 2) {
        if ($name =~ /^:(body|timeout|on_chunk)$/) {
            $special{$1} = $value;
            next;
        }

        $seen{lc $name} = 1;
        push @headers, "$name: $value\r\n";
    }

    unshift @headers, "Host: localhost\r\n" unless $seen{host};

    if (defined $special{body} && !$seen{'content-length'}
        && !$seen{'transfer-encoding'})
    {
        push @headers, 'Content-Length: ' . length($special{body}) . "\r\n";
    }

    my $out = join '', "$method $path HTTP/1.1\r\n", @headers, "\r\n",
                       $special{body} // '';

    local $self->{timeout} = $special{timeout} // $self->{timeout};
    return $self->exchange($out, $method eq 'HEAD', $special{on_chunk});
}


# exchange($bytes, $is_head, $on_chunk): sends bytes as they are and reads
# one final response.
sub exchange
{
    my ($self, $bytes, $is_head, $on_chunk) = @_;

    my $start = Time::HiRes::time();
    $self->connect unless $self->{sock};
    local $SIG{PIPE} = 'IGNORE';

    for (my $done = 0; $done < length $bytes; ) {
        # a server that has closed may have answered before it did
        my $n = $self->{sock}->syswrite($bytes, length($bytes) - $done,
                                        $done) // last;
        $done += $n;
    }

    my $res;
    do {
        $res = read_response($self, $is_head, $start, $on_chunk);
    } while (!$res->{error} && $res->{status} =~ /^1\d\d$/
             && $res->{status} != 101);

    if ($res->{error} && !$res->{stopped}) {
        $self->close;
        die "response to $bytes: $res->{error}\n";
    }

    $self->close if $res->{close} || $res->{stopped};
    return $res;
}


sub connect
{
    my ($self) = @_;

    $self->{sock} = IO::Socket::INET->new(
        PeerAddr => $self->{host}, PeerPort => $self->{port},
        Proto    => 'tcp',         Timeout  => $self->{timeout},
    ) or die "connect to $self->{host}:$self->{port}: $!\n";

    $self->{connections}++;
    $self->{buf} = '';
}


# Appends what arrives next to the buffer: its length, 0 at the end.
sub fill
{
    my ($self) = @_;

    return 0 unless $self->{sock};
    IO::Select->new($self->{sock})->can_read($self->{timeout})
        or die "no answer from port $self->{port} in $self->{timeout} s\n";

    # A reset counts as an end: the framing tells whether it came too early.
    return $self->{sock}->sysread($self->{buf}, 65536, length $self->{buf})
           // 0;
}


# parse_response($bytes, $is_head): the first response in a text that is
# complete, and what follows it.  A broken one has {error} set.
sub parse_response
{
    my ($bytes, $is_head) = @_;
    my $source = bless { buf => $bytes }, __PACKAGE__;
    my $res = read_response($source, $is_head, 0);

    return ($res, $source->{buf});
}


# RFC 9112, section 6.3: how long a response body is.
sub read_response
{
    my ($src, $is_head, $start, $on_chunk) = @_;
    my $res = Tenant::HTTP::Response->empty;

    until ($src->{buf} =~ /\r\n\r\n/) {
        next if $src->fill;
        $res->{error} = length $src->{buf} ? 'header broken off'
                                           : 'connection closed, no answer';
        $res->{close} = 1;
        return $res;
    }

    $src->{buf} =~ s/\A(.*?\r\n)\r\n//s;
    $res->parse_header($1);

    my $take = sub {
        my ($data) = @_;
        return 1 if $data eq '';

        my $t = Time::HiRes::time() - $start;
        $res->{body} .= $data;
        push @{ $res->{chunks} }, [$t, $data];
        $res->{stopped} = 1 if $on_chunk && $on_chunk->($data, $t);
        return !$res->{stopped};
    };

    my $length = $res->header('Content-Length');

    if ($is_head || $res->{status} =~ /^(?:1\d\d|204|304)$/) {
        # never a body, whatever the header says

    } elsif (lc($res->header('Transfer-Encoding') // '') eq 'chunked') {
        read_chunked($src, $res, $take);

    } elsif (defined $length && $length =~ /^\d+$/) {
        read_counted($src, $length, $take)
            or $res->{truncated} = 1;

    } else {
        1 while $take->(substr $src->{buf}, 0, length $src->{buf}, '')
                && $src->fill;
        $res->{close} = 1;
    }

    if ($res->{truncated}) {
        $res->{error} = 'body shorter than Content-Length' if $src->{sock};
        $res->{close} = 1;
    }

    $res->{close} = 1
        if ($res->header('Connection') // '') =~ /\bclose\b/i
           || $res->{version} eq '1.0';

    return $res;
}


# Passes on the next $length bytes as they arrive; false when cut short.
sub read_counted
{
    my ($src, $length, $take) = @_;

    while ($length > 0) {
        if (length $src->{buf} == 0) {
            $src->fill or return 0;
        }

        my $data = substr $src->{buf}, 0, $length, '';
        $length -= length $data;
        $take->($data) or return 0;
    }

    return 1;
}


sub read_chunked
{
    my ($src, $res, $take) = @_;

    while (1) {
        until ($src->{buf} =~ /\r\n/) {
            $src->fill or return $res->{error} = 'last chunk missing';
        }

        $src->{buf} =~ s/\A[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n//
            or return $res->{error} = 'bad chunk size';
        my $size = hex $1;

        if ($size == 0) {
            # trailers, then the empty line
            until ($src->{buf} =~ /\A(?:[^\r\n]+\r\n)*\r\n/) {
                $src->fill or return $res->{error} = 'trailer broken off';
            }

            $src->{buf} =~ s/\A((?:[^\r\n]+\r\n)*)\r\n//;
            $res->{trailer} = $1;
            return;
        }

        while (length $src->{buf} < $size + 2) {
            $src->fill or return $res->{error} = 'chunk broken off';
        }

        my $data = substr $src->{buf}, 0, $size, '';
        $src->{buf} =~ s/\A\r\n//
            or return $res->{error} = 'chunk without its CRLF';
        $take->($data) or return;
    }
}


# send_raw($port, $packets, %opt)
#
# Sends packets, [bytes, seconds to wait before it] each, and collects all
# that comes back until the server closes.  Reads while it writes, as a
# server may answer a long body early.  Options: addr, timeout (seconds of
# silence), shutdown (how, after the last byte).  Returns the bytes and undef
# or the reason why they may be incomplete.
sub send_raw
{
    my ($port, $packets, %opt) = @_;
    my $in = '';
    my @queue = @$packets;
    my ($out, $offset) = ('', 0);

    my $sock = IO::Socket::INET->new(
        PeerAddr => $opt{addr} // '127.0.0.1', PeerPort => $port,
        Proto    => 'tcp',                     Timeout  => $opt{timeout},
    ) or return ('', "cannot connect to port $port: $!");

    $sock->blocking(0);
    local $SIG{PIPE} = 'IGNORE';
    my $read = IO::Select->new($sock);

    while (1) {
        if ($offset == length $out && @queue) {
            my $packet = shift @queue;
            Time::HiRes::sleep($packet->[1]) if $packet->[1];
            ($out, $offset) = ($packet->[0], 0);
        }

        my $write = $offset < length $out ? $read : undef;
        my ($can_read, $can_write) =
            IO::Select->select($read, $write, undef, $opt{timeout});

        if (!$can_read) {
            return ($in, "client socket timed out after $opt{timeout} s");
        }

        if (@$can_write) {
            my $n = syswrite $sock, $out, length($out) - $offset, $offset;

            if (defined $n) {
                $offset += $n;

            } elsif (!$!{EAGAIN}) {
                # the server has closed: what it said is still to be read
                ($out, $offset, @queue) = ('', 0);
            }

            if ($offset == length $out && !@queue && defined $opt{shutdown}) {
                $sock->shutdown($opt{shutdown});
            }
        }

        if (@$can_read) {
            my $n = sysread $sock, $in, 65536, length $in;
            next if !defined $n && $!{EAGAIN};
            return ($in, undef) unless $n;
        }
    }
}


package Tenant::HTTP::Response;

use overload '""' => sub { $_[0]{status} . ' ' . $_[0]{body} },
             'bool' => sub { 1 };


sub empty
{
    return bless { status => '', reason => '', version => '1.1', raw => '',
                   headers => [], body => '', chunks => [] }, $_[0];
}


sub parse_header
{
    my ($self, $raw) = @_;
    my ($first, @lines) = split /\r?\n/, $raw;

    $self->{raw} = $raw;

    if ($first =~ m{^HTTP/(\d\.\d) (\d{3})(?: (.*))?$}) {
        @$self{qw(version status reason)} = ($1, $2, $3 // '');
    }

    for my $line (@lines) {
        my ($name, $value) = split /:[ \t]*/, $line, 2;
        push @{ $self->{headers} }, [$name, $value // ''];
    }
}


sub status { return $_[0]{status} }
sub body { return $_[0]{body} }

# [seconds since the request, data] for each piece of the body
sub chunks { return @{ $_[0]{chunks} } }

# every value of a header, in order
sub headers
{
    my ($self, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
               @{ $self->{headers} };
}


# the values joined by ", ", undef without any (RFC 9110, section 5.3)
sub header
{
    my @values = headers(@_);

    return @values ? join(', ', @values) : undef;
}


sub json
{
    return JSON::PP->new->utf8->decode($_[0]{body});
}


1;
