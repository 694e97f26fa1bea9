package Test::Nginx::Request;

# From the sections of a block to the bytes that go out and the files that
# nginx finds.  Errors are died with, without the name of the block.

use strict;
use warnings;

use Tenant::Server ();

# TEST_NGINX_RAND_PORT_<n> => port, for the block at hand
our %RandPorts;


# The environment's value for each $TEST_NGINX_... of a text.
sub expand
{
    my ($text) = @_;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{ env_value($1) }ge;
    return $text;
}


sub env_value
{
    my ($name) = @_;

    return $RandPorts{$name} //= Tenant::Server::free_port()
        if $name =~ /^TEST_NGINX_RAND_PORT_\d+$/;

    return $ENV{$name} // die "no environment variable $name\n";
}


# user_files: [[name, body, date], ...], or text in which a line
# ">>> name [date]" starts each file.
sub user_files
{
    my ($value) = @_;

    return [] if !defined $value || $value eq '';
    return $value if ref $value eq 'ARRAY';
    die "user_files is neither a text nor a list\n" if ref $value;

    my @files;

    for my $line (split /^/, $value) {
        if ($line =~ /^>>> (\S+)(?:\s+(\S+))?\s*$/) {
            push @files, [$1, '', $2];

        } elsif (@files) {
            $files[-1][1] .= $line;

        } elsif ($line =~ /\S/) {
            die "user_files: text before the first >>> line\n";
        }
    }

    return \@files;
}


# A list of connections; each is a list of packets [bytes, seconds before].
sub of_block
{
    my ($block, $host) = @_;
    my $delay = $block->raw_request_middle_delay;

    if (defined(my $raw = $block->raw_request)) {
        my @packets = ref $raw ? @$raw : ($raw);
        return [[map { [$packets[$_], $_ ? $delay : 0] } 0 .. $#packets]];
    }

    my $headers = $block->more_headers // '';

    if (my $list = $block->pipelined_requests) {
        die "pipelined_requests is not a list\n" if ref $list ne 'ARRAY';

        my $bytes = join '', map {
            my $last = $_ == $#$list;
            join '', map { $_->[0] }
                build($list->[$_], header_text($headers, $_), $host,
                      $last ? 'close' : 'keep-alive');
        } 0 .. $#$list;

        return [[[$bytes, 0]]];
    }

    my $request = $block->request // die "no request\n";
    my @requests = ref $request eq 'ARRAY' ? @$request
                                           : (without_comments($request));
    die "no request\n" unless @requests;

    return [map {
        [build($requests[$_], header_text($headers, $_), $host, 'close',
               $delay)]
    } 0 .. $#requests];
}


# Empty lines and # lines before the request line are not sent.
sub without_comments
{
    my ($text) = @_;

    1 while $text =~ s/\A\s+// || $text =~ s/\A#[^\n]*(?:\n|\z)//;
    return $text;
}


# The headers for the n-th request: one text for all or a list of texts.
sub header_text
{
    my ($headers, $index) = @_;

    return $headers if ref $headers ne 'ARRAY';
    return $headers->[$index] // die "more_headers lacks request $index\n";
}


# build($request, $headers, $host, $connection, $delay)
#
# A request is text, "METHOD [URL [VERSION]]" and the body after that line, or
# a list of packets, text or {value, delay_before}, that make such a text.
# Completes the request line and adds headers, keeping the cuts between
# packets.
sub build
{
    my ($request, $headers, $host, $connection, $delay) = @_;
    my @packets = map { ref ? $_ : { value => $_ } }
                      ref $request eq 'ARRAY' ? @$request : ($request);
    my $text = join '', map { $_->{value} } @packets;

    my ($line, $body) = $text =~ /\A([^\n]*\n?)(.*)\z/s;
    my ($method, $url, $version, $more) = $line =~ /\S+/g;

    die "empty request line\n" unless defined $method;
    die "bad request line: $line\n" if defined $more;

    my $chunked = 0;
    my $extra = '';

    for my $header (grep { /\S/ && !/^\s*#/ } split /\n+/, $headers) {
        my ($name, $value) = split /:\s*/, $header, 2;
        $value //= '';
        $chunked = 1 if lc $name eq 'transfer-encoding'
                        && $value =~ /^chunked\r?$/;
        $extra .= "$name: $value" . ($value =~ /\r\z/ ? "\n" : "\r\n");
    }

    my $cut = 0;

    if ($body ne '' && !$chunked && $extra !~ /^Content-Length:/m) {
        # the line end that a section's text has is not part of the body
        $cut = length($body) - length($body =~ s/\A\s+//r);
        $body =~ s/\A\s+|\s+\z//g;
        $extra .= 'Content-Length: ' . length($body) . "\r\n";
    }

    my $head = join ' ', $method, $url // '/', $version // 'HTTP/1.1';
    $head .= "\r\n";
    $head .= "Host: $host\r\n" unless $extra =~ /^Host:/mi;
    $head .= "Connection: $connection\r\n" unless $extra =~ /^Connection/mi;
    $head .= "$extra\r\n";

    return cut_again($head . $body, length($head) - length($line) - $cut,
                     length $line, $delay, @packets);
}


# Cuts the complete text where the packets were cut: those in the request
# line stay where they are, the others move by $shift.
sub cut_again
{
    my ($text, $shift, $line_end, $delay, @packets) = @_;
    my ($at, $done, @out) = (0, 0);

    for my $i (0 .. $#packets) {
        my $wait = $packets[$i]{delay_before} // ($i ? $delay : 0);
        $at += length $packets[$i]{value};

        my $end = $i == $#packets ? length $text
                : $at < $line_end ? $at : $at + $shift;
        $end = $done if $end < $done;
        $end = length $text if $end > length $text;

        push @out, [substr($text, $done, $end - $done), $wait];
        $done = $end;
    }

    return @out;
}


1;
