package Test::Nginx::Check;

# The expectations of one block: what came back, and what was logged.

use strict;
use warnings;

use List::Util ();
use Test::More import => [qw(ok fail is like unlike diag)];
use Time::HiRes qw(sleep time);

# How long a log line may take after the connection has closed, in seconds.
my $SETTLE = 0.015;
my $LOG_WAIT = 0.5;


# new(block, server, accumulate, body_checks).  Accessors of a block are used
# in scalar context only: in a list, a section that is missing is no element.
sub new
{
    my ($class, %opt) = @_;
    my $name = $opt{block}->name;

    # seen: bytes of the error log that were checked already
    return bless { %opt, name => $name, seen => 0 }, $class;
}


sub is_text
{
    my ($got, $expected, $name) = @_;

    return like($got, $expected, $name) if ref $expected eq 'Regexp';
    return is($got, $expected, $name);
}


# The expectation for one of several requests.
sub of_request
{
    my ($self, $value, $index, $many) = @_;

    return $value->[$index] if ref $value eq 'ARRAY';
    die "$self->{name} - several requests need a list of expectations\n"
        if $many;
    return $value;
}


sub with_port
{
    my ($self, $text) = @_;
    my $port = $self->{server}->port;

    $text =~ s/\$ServerPort(?:ForClient)?\b/$port/g
        if defined $text && !ref $text;
    return $text;
}


# response($res, $index, $many, $round): one of the responses of a round,
# with $many it is the $index-th of several.
sub response
{
    my ($self, $res, $index, $many, $round) = @_;
    my ($block, $name) = @$self{qw(block name)};
    my $want = sub {
        my ($section) = @_;
        my $value = $block->$section;

        return undef if !defined $value;
        return $self->of_request($value, $index, $many);
    };

    if (defined(my $like = $want->('error_code_like'))) {
        like($res->status, qr/$like/sm, "$name - status code ok");

    } else {
        is($res->status, $want->('error_code') // 200,
           "$name - status code ok");
    }

    if (defined(my $like = $want->('raw_response_headers_like'))) {
        like($res->{raw}, qr/$like/s, "$name - raw response headers like");
    }

    if (defined(my $unlike = $want->('raw_response_headers_unlike'))) {
        unlike($res->{raw}, qr/$unlike/s,
               "$name - raw response headers unlike");
    }

    $self->headers($res, $want);
    $self->body($res, $want);

    for my $check (@{ $self->{body_checks} }) {
        $check->($block, $res->body, $index, $round, 0);
    }
}


sub headers
{
    my ($self, $res, $want) = @_;
    my $name = $self->{name};
    my $exact = $want->('response_headers');
    my $like = defined $exact ? undef : $want->('response_headers_like');

    # a later line for the same header replaces the one before
    my %expected = map { /^\s*!\s*(.*?)\s*$/ ? ($1 => undef)
                         : /^\s*(.+?)\s*:\s*(.*?)\s*$/ ? ($1 => $2)
                         : die "$name - bad header line: $_\n" }
                   grep { /\S/ } split /\n/, $exact // $like // '';

    for my $header (sort keys %expected) {
        my $value = $expected{$header};
        my $got = $res->header($header) // '';

        if (!defined $value) {
            unlike($res->{raw}, qr/^\s*\Q$header\E\s*:/mi,
                   "$name - header $header is absent");

        } elsif (defined $like) {
            like($got, qr/^$value$/, "$name - header $header like");

        } else {
            is($got, $self->with_port($value), "$name - header $header ok");
        }
    }
}


sub body
{
    my ($self, $res, $want) = @_;
    my ($block, $name) = @$self{qw(block name)};

    if (defined $block->response_body) {
        is_text($res->body, $self->with_port($want->('response_body')),
               "$name - response body ok");

    } elsif (defined $block->response_body_like) {
        my $like = $self->with_port($want->('response_body_like'));
        like($res->body, qr/$like/s, "$name - response body like");

    } elsif (defined $block->response_body_unlike) {
        my $unlike = $self->with_port($want->('response_body_unlike'));
        unlike($res->body, qr/$unlike/s, "$name - response body unlike");
    }
}


# Patterns of a log section: text is one plain string a line, else regular
# expressions or strings.
sub patterns
{
    my ($value) = @_;

    return () if !defined $value;
    return grep { defined } @$value if ref $value eq 'ARRAY';
    return ($value) if ref $value;
    return grep { length } split /\n+/, $value;
}


sub matches
{
    my ($line, $pattern) = @_;

    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}


# logs($round): what has been logged since the last call.
sub logs
{
    my ($self, $round) = @_;
    my ($block, $name) = @$self{qw(block name)};
    my @wanted = patterns($block->error_log);
    my @lines = $self->new_error_lines(@wanted);

    $self->grep_log($round, \@lines);
    check_patterns($name, 'error_log', \@wanted, \@lines);
    check_no_patterns($name, 'no_error_log', [patterns($block->no_error_log)],
                      \@lines);

    if (defined $block->access_log || defined $block->no_access_log) {
        my @access = split /^/, $self->{server}->access_log;
        check_patterns($name, 'access_log', [patterns($block->access_log)],
                       \@access);
        check_no_patterns($name, 'no_access_log',
                          [patterns($block->no_access_log)], \@access);
    }

    $self->warn_severe(\@lines);
}


# Lines since the last check, or all with check_accum_error_log.  A line of
# the log phase may come after the client has seen the end: those asked for
# are waited for.
sub new_error_lines
{
    my ($self, @wanted) = @_;
    my $end = time + $LOG_WAIT;
    my $from = $self->{accumulate} ? 0 : $self->{seen};
    my ($text, @lines);

    do {
        sleep $SETTLE;
        $text = $self->{server}->error_log;
        @lines = split /^/, substr $text, $from;
        @wanted = grep { my $p = $_; !grep { matches($_, $p) } @lines }
                       @wanted;
    } while (@wanted && time < $end);

    $self->{seen} = length $text;
    return @lines;
}


sub check_patterns
{
    my ($name, $section, $patterns, $lines) = @_;

    for my $pattern (@$patterns) {
        ok(scalar(grep { matches($_, $pattern) } @$lines),
           "$name - $section has \"$pattern\"");
    }
}


sub check_no_patterns
{
    my ($name, $section, $patterns, $lines) = @_;

    for my $pattern (@$patterns) {
        my @hits = grep { matches($_, $pattern) } @$lines;
        ok(!@hits, "$name - $section \"$pattern\"");
        diag @hits[0 .. List::Util::min($#hits, 9)] if @hits;
    }
}


sub grep_log
{
    my ($self, $round, $lines) = @_;
    my $block = $self->{block};
    my ($name, $grep) = map { scalar $block->$_ } qw(name grep_error_log);
    my $expected = $block->grep_error_log_out;

    die "$name - grep_error_log and grep_error_log_out go together\n"
        if defined $grep != defined $expected;
    return if !defined $grep;

    ($grep, $expected) = map { ref eq 'ARRAY' ? $_->[$round] : $_ }
                             ($grep, $expected);
    my $pattern = ref $grep ? $grep : qr/\Q$grep\E/;
    my $out = join '', map { /($pattern)/ && $1 !~ /\n/ ? "$1\n" : () }
                           @$lines;

    is_text($out, $expected, "$name - grep_error_log_out");
}


# As the real one does: a warning, unless the test speaks of that level.
sub warn_severe
{
    my ($self, $lines) = @_;
    my ($block, $name) = @$self{qw(block name)};
    my $spoken = join "\n", patterns($block->error_log),
                            patterns($block->no_error_log);

    for my $level (qw(alert crit emerg)) {
        next if $spoken =~ /\\?\[$level/ || defined $block->must_die;

        for my $line (grep { /\[$level\]/ } @$lines) {
            diag "WARNING: $name - $line";
        }
    }

    for my $line (grep { /\bAssertion .*?failed\b/ } @$lines) {
        fail("$name - $line");
    }
}


1;
