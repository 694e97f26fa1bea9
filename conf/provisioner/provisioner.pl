#!/usr/bin/env perl

# An example provisioner: for each tenant that waits for its servers it starts
# an agent on this machine, tells the control plane where it is, and stops it
# when the tenant is removed.
#
#   provisioner.pl --listen 127.0.0.1:8110 --api http://127.0.0.1:8081
#                  --secret FILE [--agents support,analyst]
#
# A real one would call a cloud's API in start_agent() and stop_agent(), and
# remember what it started.  This one stops its agents when it ends.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Getopt::Long;
use HTTP::Tiny ();
use IO::Socket::INET ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep);

use constant {
    TOO_OLD => 300,             # seconds a signed request may be late
    MAX_BODY => 1024 * 1024,
};

my %Opt = (listen => '127.0.0.1:8110', api => 'http://127.0.0.1:8081',
           agents => 'support,analyst');

GetOptions(\%Opt, 'listen=s', 'api=s', 'secret=s', 'agents=s') && !@ARGV
    or die "see the head of $0\n";

my $Json = JSON::PP->new->utf8->canonical;
my $Secret = defined $Opt{secret} ? secret($Opt{secret}) : undef;
my %Agents;                     # tenant => {pid, port}
my ($Listen, $Client);
my $End;

$SIG{TERM} = $SIG{INT} = sub { $End = 1 };
$SIG{PIPE} = 'IGNORE';
$| = 1;

serve();


sub secret
{
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!\n";

    my $text = <$in> // '';

    $text =~ s/\s+\z//;
    return $text =~ /^whsec_(.*)/ ? decode_base64($1) : $text;
}


sub serve
{
    $Listen = IO::Socket::INET->new(LocalAddr => $Opt{listen},
                                    Listen => 16, ReuseAddr => 1)
        or die "$Opt{listen}: $!\n";

    print "provisioner on $Opt{listen}\n";

    while (!$End) {
        $Client = $Listen->accept or next;
        my ($status, $text) = eval { answer($Client) };

        ($status, $text) = (500, $@) if !$status;
        print $text =~ s/\n*\z/\n/r;
        print {$Client} "HTTP/1.1 $status -\r\nContent-Length: 0\r\n"
                        . "Connection: close\r\n\r\n";
        close $Client;
    }

    stop_agent($_) for keys %Agents;
}


# One event.  Whatever is not 2xx comes again.
sub answer
{
    my ($client) = @_;
    my ($head, $body) = read_request($client);
    my %header = map { lc $_->[0] => $_->[1] }
                 map { [/^([\w-]+): *(.*)$/] } grep { /^[\w-]+:/ }
                     split /\r\n/, $head;

    return (401, 'an event that is not signed by our gateway')
        if defined $Secret && !signed(\%header, $body);

    my $event = eval { $Json->decode($body) };

    return (400, 'no event') if ref $event ne 'HASH';

    my ($type) = ($event->{type} // '') =~ /\.([a-z]+)\z/;
    my $tenant = $event->{subject} // '';

    return (400, 'no tenant') if $tenant !~ /^[a-z0-9][a-z0-9-]{0,62}\z/;

    return onboard($tenant) if $type eq 'onboarding';
    return (200, "tenant $tenant: $type") if $type ne 'removed';

    stop_agent($tenant);
    return (200, "tenant $tenant: removed, and its agent stopped");
}


sub read_request
{
    my ($client) = @_;
    my $text = '';

    local $SIG{ALRM} = sub { die "a request that does not come\n" };
    alarm 10;

    while ($text !~ /\r\n\r\n/) {
        sysread $client, $text, 65536, length $text or die "no request\n";
        die "a header that does not end\n" if length $text > MAX_BODY;
    }

    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($length) = $head =~ /^content-length: *(\d+)/mi;

    die "a body of no length, or too long\n"
        if !defined $length || $length > MAX_BODY;

    while (length $body < $length) {
        sysread $client, $body, $length - length $body, length $body
            or die "half a request\n";
    }

    alarm 0;
    return ($head, $body);
}


# Standard Webhooks: of id, timestamp and body.
sub signed
{
    my ($header, $body) = @_;
    my ($id, $time, $signatures) =
        @$header{qw(webhook-id webhook-timestamp webhook-signature)};

    return 0 if !defined $signatures || ($time // '') !~ /^\d+$/
                || abs(time - $time) > TOO_OLD;

    my $want = encode_base64(hmac_sha256("$id.$time.$body", $Secret), '');

    # hashed first, so that the time of the comparison tells nothing
    return grep { /^v1,(.*)/ && hmac_sha256($1, $Secret)
                                eq hmac_sha256($want, $Secret) }
                split / /, $signatures;
}


# An event may come twice: an agent that runs is told of once more.
sub onboard
{
    my ($tenant) = @_;
    my $agent = $Agents{$tenant};

    if (!$agent || waitpid($agent->{pid}, WNOHANG) != 0) {
        $agent = $Agents{$tenant} = start_agent($tenant);
    }

    healthy($agent->{port})
        or return (503, "tenant $tenant: its agent is not healthy yet");

    my ($status, $text) = announce($tenant, $agent->{port});

    # gone meanwhile: nobody needs the agent, and nothing is to come again
    if ($status == 404) {
        stop_agent($tenant);
        $status = 200;
    }

    return ($status, "tenant $tenant: $text");
}


# Tells the control plane where the agent is.  A tenant that waits becomes
# active; one that was suspended since stays so, however late an event comes.
sub announce
{
    my ($tenant, $port) = @_;
    my $url = "$Opt{api}/v1/tenants/$tenant";
    my $http = HTTP::Tiny->new(timeout => 10);
    my $res = $http->get($url);

    return ($res->{status} == 404 ? 404 : 503,
            "$res->{status} of the control plane") if !$res->{success};

    my $status = $Json->decode($res->{content})->{status};
    my %change = (routes => { map { $_ => { model => 'silo',
                                            servers => ["127.0.0.1:$port"] } }
                                  split /,/, $Opt{agents} });

    return (404, "it is $status") if $status eq 'offboarding';
    $change{status} = $status = 'active' if $status eq 'provisioning';

    # unless somebody else has changed it since
    $res = $http->request(PATCH => $url, {
        headers => { 'Content-Type' => 'application/merge-patch+json',
                     'If-Match' => $res->{headers}{etag} // '*' },
        content => $Json->encode(\%change) });

    return (503, "$res->{status} of the control plane") if !$res->{success};
    return (200, "$status, its agent on 127.0.0.1:$port");
}


sub healthy
{
    my ($port) = @_;
    my $http = HTTP::Tiny->new(timeout => 2);

    for (1 .. 50) {
        my $res = $http->get("http://127.0.0.1:$port/ping");

        return 1 if $res->{success} && $res->{content} =~ /"Healthy"/;
        sleep 0.1;
    }

    return 0;
}


sub start_agent
{
    my ($tenant) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       LocalPort => 0, Listen => 64)
        or die "no port for the agent of $tenant: $!\n";
    my $pid = fork // die "fork: $!\n";

    return { pid => $pid, port => $listen->sockport } if $pid;

    # the address is free for the next provisioner, even if we outlive this one
    close $Listen;
    close $Client;

    $SIG{TERM} = $SIG{INT} = 'DEFAULT';
    agent($tenant, $listen);
    POSIX::_exit(0);
}


sub stop_agent
{
    my ($tenant) = @_;
    my $agent = delete $Agents{$tenant} or return;

    kill 'TERM', $agent->{pid};
    waitpid $agent->{pid}, 0;
}


# What an AgentCore runtime answers; it says what reached it.
sub agent
{
    my ($tenant, $listen) = @_;

    while (1) {
        my $client = $listen->accept or next;

        eval { converse($tenant, $client) };
        close $client;
    }
}


sub converse
{
    my ($tenant, $client) = @_;
    my $text = '';

    local $SIG{ALRM} = sub { die "idle\n" };
    alarm 10;

    while (sysread $client, $text, 65536, length $text) {
        my ($head, $rest) = $text =~ /\A(.*?)\r\n\r\n(.*)\z/s or next;
        my ($length) = ($head =~ /^content-length: *(\d+)/mi, 0);

        next if length $rest < $length;

        my %header = map { /^([\w-]+): *(.*)$/ ? (lc $1 => $2) : () }
                         split /\r\n/, $head;
        my $answer = $head =~ m{^GET /ping }
            ? { status => 'Healthy', time_of_last_update => time }
            : { agent => "silo of $tenant, provisioned",
                map { $_ => $header{"x-tenant-$_"} } qw(id tier subject) };
        my $body = $Json->encode($answer) . "\n";

        print {$client} "HTTP/1.1 200 OK\r\nContent-Type: application/json"
            . "\r\nContent-Length: " . length($body)
            . "\r\nConnection: close\r\n\r\n$body";
        $client->flush;
        last;
    }

    alarm 0;
}
