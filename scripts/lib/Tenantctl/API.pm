package Tenantctl::API;

# The control-plane API, spoken through curl: UNIX-domain sockets, TLS and
# proxies come with it, and nothing else has to be installed.  What it is
# told, the token among it, goes through a pipe: arguments are for everybody
# to see.

use strict;
use warnings;

use Fcntl ();
use File::Temp ();
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

# What curl exits with when the answer was lost, if there was one.
my %Lost = map { $_ => 1 } (
    7,      # no connection
    16,     # HTTP/2 framing
    18,     # cut short
    28,     # timeout
    35,     # TLS handshake
    52,     # no answer
    55,     # sending failed
    56,     # receiving failed
    92,     # HTTP/2 stream
);

my $NO_CONNECTION = 7;
my $TRIES = 4;

my $Json = JSON::PP->new->utf8->canonical->allow_nonref;


# new(%opt): an API, or an exception with a text that says what is wrong.
#
#   url      http://HOST[:PORT][/PATH], https://..., unix:FILE[:/PATH]
#   token    of an operator
#   cacert, cert, key    files in PEM
sub new
{
    my ($class, %opt) = @_;
    my $self = bless { %opt }, $class;

    if ($opt{url} =~ m{^(?:http://)?unix:([^:]+)(?::(/[^?#\s]*)?)?$}) {
        $self->{socket} = $1;
        $self->{base} = 'http://localhost' . ($2 // '');

    } elsif ($opt{url} =~ m{^(https?)://
                            (\[[0-9A-Fa-f:.]+\]|[^\s/?\#\@:\[\]]+)
                            (?::\d+)?(?:/[^\s?\#]*)?$}xi)
    {
        ($self->{scheme}, $self->{host}) = (lc $1, $2);
        $self->{base} = $opt{url};

    } else {
        die "--api $opt{url}: http://…, https://… or unix:FILE is needed\n";
    }

    $self->{base} =~ s{/+\z}{};

    for my $name (grep { defined $opt{$_} } qw(cacert cert key)) {
        open my $in, '<', $opt{$name} or die "--$name $opt{$name}: $!\n";
    }

    die "the token has characters that no token has\n"
        if defined $opt{token} && $opt{token} !~ /^[\x21-\x7e]+\z/;

    return $self;
}


sub is_local
{
    my ($self) = @_;

    return defined $self->{socket}
           || $self->{host} =~ /^(?:localhost|127\.[0-9.]+|\[::1\])\z/i;
}


# Whether the token goes to another machine for all on the way to read.
sub exposes_token
{
    my ($self) = @_;

    return defined $self->{token} && !$self->is_local
           && $self->{scheme} eq 'http';
}


# Text as a part of a URL.
sub escape
{
    my ($text) = @_;

    utf8::encode($text);
    $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}


# request(METHOD, path below /v1, %opt): {status, reason, headers, content}.
# The status is 0 when there was no answer, and the reason says why.
#
#   body, type   bytes, and of what media type
#   headers      {name => value}
#   again        whether to send it once more when the answer was lost; what
#                could not be sent at all is in any case, and what was
#                handed to "data" is in none
#   data         called with pieces of the content of a success, in place of
#                the content
sub request
{
    my ($self, $method, $path, %opt) = @_;
    my %headers = (Accept => 'application/json, application/problem+json',
                   Expect => '', %{ $opt{headers} // {} });

    $headers{'Content-Type'} = $opt{type} if defined $opt{body};
    $headers{Authorization} = "Bearer $self->{token}"
        if defined $self->{token};

    my $config = $self->config($method, "$self->{base}/v1$path", \%headers,
                               defined $opt{body});

    for (my $try = 1; ; $try++) {
        my ($exit, $res, $said) = run($config, @opt{qw(body data)});

        if ($exit == 0) {
            # what the answer that was lost had removed
            $res->{status} = 204
                if $method eq 'DELETE' && $try > 1 && $res->{status} == 404;
            return $res;
        }

        if (!$Lost{$exit} || $try == $TRIES
            || !($exit == $NO_CONNECTION || $opt{again} && !$res->{handed}))
        {
            my ($reason) = $said =~ /^curl: \(\d+\) (.*)/m;

            return { status => 0, reason => $exit == 127
                ? 'curl, which speaks to it, is not installed'
                : $reason // "curl ends with status $exit" };
        }

        Time::HiRes::sleep(0.2 * $try);
    }
}


# The JSON of an answer, undef if it is none.
sub decode
{
    my ($res) = @_;

    return eval { $Json->decode($res->{content}) };
}


# The request in the words of curl.
sub config
{
    my ($self, $method, $url, $headers, $has_body) = @_;
    my %option = (url => $url, request => $method, 'connect-timeout' => 5,
                  'max-time' => 600, proto => '=http,https');

    $option{'data-binary'} = '@-' if $has_body;
    $option{'unix-socket'} = $self->{socket} if defined $self->{socket};
    $option{noproxy} = '*' if $self->is_local;

    for my $name (grep { defined $self->{$_} } qw(cacert cert key)) {
        $option{$name} = $self->{$name};
    }

    return join "\n", qw(silent show-error include no-buffer globoff
                         path-as-is suppress-connect-headers),
                map({ "$_ = " . quoted($option{$_}) } sort keys %option),
                map({ 'header = ' . quoted("$_: $headers->{$_}") }
                    sort keys %$headers), '';
}


sub quoted
{
    my ($text) = @_;

    die "no line breaks, please\n" if $text =~ /[\r\n\0]/;
    utf8::encode($text);
    $text =~ s/([\\"])/\\$1/g;
    return "\"$text\"";
}


# (exit status, the answer, standard error) of one curl.
sub run
{
    my ($config, $body, $data) = @_;
    my $said = File::Temp::tempfile();
    my $in;

    if (defined $body) {
        $in = File::Temp::tempfile();
        binmode $in;
        print {$in} $body or die "a temporary file: $!\n";
        seek $in, 0, 0 or die "a temporary file: $!\n";

    } else {
        open $in, '<', '/dev/null' or die "/dev/null: $!\n";
    }

    pipe my $told, my $tell or die "pipe: $!\n";
    pipe my $from, my $to or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open(STDIN, '<&', $in) && open(STDOUT, '>&', $to)
            && open(STDERR, '>&', $said) && fcntl($told, Fcntl::F_SETFD(), 0)
            or POSIX::_exit(126);
        close $_ for $tell, $from;

        { no warnings 'exec';
          exec 'curl', '-q', '--config', '/dev/fd/' . fileno $told; }
        POSIX::_exit(127);
    }

    close $_ for $told, $to;

    {
        # one that is not there reads nothing
        local $SIG{PIPE} = 'IGNORE';
        print {$tell} $config;
        close $tell;
    }

    my $res = answer($from, $data);

    waitpid $pid, 0;
    my $exit = $? & 127 ? 126 : $? >> 8;

    seek $said, 0, 0;
    return ($exit, $res, join '', <$said>);
}


# What curl prints: headers, of interim answers too, then the content.
sub answer
{
    my ($from, $data) = @_;
    my $res = { status => 0, headers => {}, content => '' };
    my $read = '';

    binmode $from;

    while (sysread $from, $read, 65536, length $read) {
        while ($res->{status} < 200
               && $read =~ s{^HTTP/[0-9.]+\ (\d+)\ *([^\r\n]*)\r?\n(.*?)
                             ^\r?\n}{}xms)
        {
            @$res{qw(status reason)} = ($1, $2);
            $res->{headers} = { map { /^([^:]+):\s*(.*?)\s*$/
                                      ? (lc $1 => $2) : () }
                                split /\n/, $3 };
        }

        next if $res->{status} < 200;

        if ($data && $res->{status} < 300) {
            $data->($read) if length $read;
            $res->{handed} = 1;

        } else {
            $res->{content} .= $read;
        }

        $read = '';
    }

    return $res;
}


# For the Idempotency-Key of a POST that may have to be sent again.
sub new_key
{
    open my $in, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $in, my $bytes, 16;
    return unpack 'H*', $bytes;
}


1;
