# An issuer whose entry names no introspection endpoint is asked where its
# discovery document says, by the rules of everything that is fetched.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $Json = JSON::PP->new->canonical;
my $JSON = ['Content-Type', 'application/json'];
my $Gate = fixture_dir() . '/gate';
my $Secret = 'tell-only-the-issuer';
my $Basic = 'Basic ' . encode_base64("gateway:$Secret", '');
my $Port = free_port();
my $Url = "http://127.0.0.1:$Port";


sub iss { return "https://$_[0].idp.test" }


# What a document says besides, by the name of its issuer; or all of it.
my %Faults = (
    status => [[500, $JSON, '{}'], qr/discovery document: unexpected status/],
    redirect => [[302, ['Location', "$Url/honest/doc"], ''],
                 qr/discovery document: unexpected status \(status 302\)/],
    html => [[200, ['Content-Type', 'text/html'], '<html>'],
             qr/discovery document: .*syntax/],
    huge => [[200, $JSON, ' ' x 70_000],
             qr/discovery document: the answer is too large/],
    other => [{ issuer => iss('honest') },
              qr/discovery document: is of another issuer/],
    none => [{ introspection_endpoint => undef },
             qr/discovery document: has no introspection_endpoint/],
    list => [{ introspection_endpoint => ["$Url/list/ask"] },
             qr/discovery document: has no introspection_endpoint/],
    scheme => [{ introspection_endpoint => 'ftp://127.0.0.1/' },
               qr/has an introspection_endpoint that may not be asked/],
    user => [{ introspection_endpoint => 'http://a@127.0.0.1/' },
             qr/has an introspection_endpoint that may not be asked/],
    private => [{ introspection_endpoint => 'http://[::ffff:10.0.0.1]/' },
                qr/: the address is private and not allowed/],
);

# Discovery documents and endpoints of everybody; files say what to do.
my $Provider = Tenant::Upstream->new(port => $Port, respond => sub {
    my ($name, $what) = $_[0]{path} =~ m{^/([^/]+)/(\w+)$};

    return [200, $JSON, $Json->encode({ keys => [jwk('acme_rs256')] })]
        if $what eq 'jwks';

    if ($what ne 'doc') {
        my ($basic) = Tenant::Upstream::header($_[0], 'Authorization');

        return [401, $JSON, '{}'] unless ($basic // '') eq $Basic;
        return [200, $JSON, $Json->encode({ active => JSON::PP::true,
                sub => "$name-$what", exp => int time + 600 })];
    }

    if ($name eq 'gated') {
        sleep 0.01 until -e $Gate;
    }

    my $say = $Faults{$name} ? $Faults{$name}[0] : {};
    my $fixture = fixture_dir() . "/$name.says";

    if (open my $in, '<', $fixture) {
        local $/;
        $say = $Json->decode(scalar <$in>);
    }

    return $say if ref $say eq 'ARRAY';

    my %doc = (issuer => iss($name), jwks_uri => "$Url/$name/jwks",
               introspection_endpoint => "$Url/$name/ask", %$say);
    delete @doc{grep { !defined $doc{$_} } keys %doc};

    return [200, [@$JSON, 'Cache-Control', 'max-age='
                  . ($name eq 'brief' ? 1 : 600)], $Json->encode(\%doc)];
});


sub issuer
{
    my ($name, %opt) = @_;

    return { iss => iss($name), tenant => $name,
             discovery => "$Url/$name/doc", introspection => {
             client_id => 'gateway', client_secret => $Secret }, %opt };
}


my @Names = (keys %Faults, qw(honest gated late brief));
my $Registry = registry(
    tenant => { map { $_ => { tier => 'basic' } } @Names },
    issuer => { map { iss($_) => issuer($_) } @Names });
my $Store = fixture_dir() . '/discovery/registry.db';


sub server
{
    my ($registry) = @_;

    return Tenant::Server->new(
        workers => 1,
        http => <<"CONF",
tenant_registry $registry;
tenant_policy off;
tenant_keys min=1s stale=2s interval=1s;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
CONF
        server => <<'CONF',
location / {
    tenant_auth on;
    tenant_introspection https://$arg_iss.idp.test;
    try_files /none @ok;
}
location @ok { add_header X-Who "$tenant_id $tenant_subject"; return 204; }
location /admin/ { tenant_api; }
CONF
    );
}


my $Server = server("$Store seed=$Registry->{path}");

ok($Server->start, 'nginx starts and asks nobody') or die $Server->error_log;


sub asked
{
    my ($path) = @_;

    return scalar grep { $_->{path} eq $path } $Provider->requests;
}


sub send_request
{
    my ($name, $token) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $Server->port)
        or die "connect: $!\n";

    print {$sock} "GET /?iss=$name HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nAuthorization: Bearer $token\r\n\r\n";

    return $sock;
}


# "STATUS WHO" of a request sent before.
sub answer
{
    my ($sock) = @_;

    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 20;
    local $/;
    my $text = eval { <$sock> } // '';
    alarm 0;

    my ($status) = $text =~ m{\AHTTP/1.1 (\d+)};
    my ($who) = $text =~ /^X-Who: (.*)\r$/m;

    return join ' ', grep { defined } $status // 0, $who;
}


sub ask { return answer(send_request(@_)) }


# The same answer, before long, with another token each time.
sub settles
{
    my ($want, $name) = @_;
    my $end = time + 8;
    my ($got, $n) = ('', 0);

    while (time < $end) {
        $got = ask($name, "$name-" . ++$n);
        last if $got eq $want;
        sleep 0.05;
    }

    return $got;
}


sub api
{
    my ($method, $name, $body, $tail) = @_;
    my $type = $method eq 'PATCH' ? 'application/merge-patch+json'
                                  : 'application/json';

    return $Server->request(
        $method => "/admin/v1/issuers/https%3A%2F%2F$name.idp.test"
                   . ($tail // ''),
        $body ? ('Content-Type' => $type, ':body' => $Json->encode($body))
              : ());
}


sub state { return api(GET => $_[0], undef, '/state')->json->{introspection} }


# One look-up for all

is(state('gated')->{endpoint}, undef, 'the endpoint is not known at first');

{
    my @waiting = map { send_request('gated', "token-$_") } 1 .. 20;

    $Provider->requests(1, 5);
    sleep 0.2;
    is(ask('honest', 'one'), '204 honest honest-ask',
       'while some wait for a document, others are served');
    is(asked('/gated/doc'), 1, '... which is fetched once');
    write_fixture($Gate, '');
    is(join(', ', map { answer($_) } @waiting),
       join(', ', ('204 gated gated-ask') x 20), '... for all that wait');
    is(asked('/gated/ask'), 20, '... each of which is asked about');
}

is(state('gated')->{endpoint}, "$Url/gated/ask", 'the state has the endpoint');
is(ask('gated', 'another'), '204 gated gated-ask', 'another token');
is(asked('/gated/doc'), 1, '... does not look for it again');
like($Server->error_log,
     qr{issuer "https://gated.idp.test" is "\Q$Url\E/gated/ask"},
     '... and the log has it');

is(ask('honest', token(iss => iss('honest'), sub => 'alice')),
   '204 honest alice', 'keys are of the document as ever');

# Documents that are no help

{
    my $start = time;
    my %sock = map { $_ => send_request($_, 'one') } sort keys %Faults;

    for my $name (sort keys %Faults) {
        is(answer($sock{$name}), '503', "$name: nobody is asked");
        my ($line) = $Server->error_log =~
            /^(.*introspection at issuer "\Q${\ iss($name)}\E".*)$/m;
        like($line // '', $Faults{$name}[1], '... and the log says why');
        is(ask($name, 'two'), '503', '... nor for the next');

        # on a busy machine this may come an interval later
        cmp_ok(asked("/$name/doc"), '<=', 1 + time - $start,
               '... at once, without looking again');
    }

    is(ask('honest', 'two'), '204 honest honest-ask',
       'others do not notice');
    is(asked('/honest/doc'), 2, '... of which keys and this have one each');
}

write_fixture('status.says', '{}');
is(settles('204 status status-ask', 'status'), '204 status status-ask',
   'a document that comes back helps');
like($Server->error_log, qr/"\Q${\ iss('status')}\E" works again/,
     '... and the log says so');

# Documents that change

is(ask('brief', 'one'), '204 brief brief-ask', 'what is good for a second');
write_fixture('brief.says', $Json->encode(
    { introspection_endpoint => "$Url/brief/moved" }));
is(settles('204 brief brief-moved', 'brief'), '204 brief brief-moved',
   '... is looked up again after it');
is(state('brief')->{endpoint}, "$Url/brief/moved", '... as the state says');

write_fixture('brief.says', $Json->encode([500, $JSON, '{}']));
{
    my $end = time + 8;
    my %seen;

    # a second that it is good for, two that it is stale
    for (my $n = 0; time < $end; $n++) {
        my $got = ask('brief', "stale-$n");
        $seen{$got}++;
        last if $got eq '503';
        sleep 0.05;
    }

    is_deeply([sort keys %seen], ['204 brief brief-moved', '503'],
              'when it cannot be, the known one is asked for a while');
    cmp_ok($seen{'204 brief brief-moved'}, '>', 10, '... which is some time');
    like($Server->error_log, qr/\[error\].*discovery\ document\ of\ issuer
                                \ "\Q${\ iss('brief')}\E":\ unexpected\ status
                                .*going\ on\ with\ the\ known/x,
         '... and the log says so');
    cmp_ok(asked('/brief/doc'), '<', 12, '... and is not fetched each time');
}

is(state('brief')->{endpoint}, undef, 'then there is none');
write_fixture('brief.says', '{}');
is(settles('204 brief brief-ask', 'brief'), '204 brief brief-ask',
   '... until it can be looked up');

# The control plane

is(api(PUT => 'late', issuer('late'))->status, 200,
   'an issuer may be put without an endpoint');
is(api(GET => 'late')->json->{introspection}{endpoint}, undef,
   '... and has none then');
is(api(PATCH => 'late', { claims => { subject => 'sub' } })->status, 200,
   '... and keeps its secret');
is(api(PATCH => 'late', { discovery => "$Url/honest/doc" })->status, 422,
   '... but not for another document, which may name another endpoint');
is(api(PATCH => 'late', { discovery => undef, jwks_uri => "$Url/late/jwks",
       introspection => { client_secret => $Secret } })->status, 422,
   'without a document it needs an endpoint');
is(api(PATCH => 'late', { introspection => {
       endpoint => "$Url/late/own", client_secret => $Secret } })->status,
   200, 'what the entry names goes before what the document does');
is(settles('204 late late-own', 'late'), '204 late late-own', '... at once');
is(state('late')->{endpoint}, "$Url/late/own", '... as the state says');
is(asked('/late/doc'), 0, '... and nobody looks for it');

# What becomes of who waits

unlink $Gate;
{
    my $put = issuer('gated', audiences => ['else']);

    is(api(PUT => 'gated', $put)->status, 200, 'an issuer changes');
    sleep 0.3;
    my $before = asked('/gated/doc');
    my @waiting = map { send_request('gated', "wait-$_") } 1 .. 3;
    my $end = time + 5;
    sleep 0.02 until asked('/gated/doc') > $before || time > $end;

    is(api(DELETE => 'gated')->status, 204, '... goes while some wait');
    is(ask('honest', 'three'), '204 honest honest-ask', '... of others not');
    sleep 0.3;
    write_fixture($Gate, '');
    is(join(', ', map { answer($_) } @waiting), join(', ', ('401') x 3),
       '... who learn that nobody knows it');
}

unlink $Gate;
{
    is(api(PUT => 'gated', issuer('gated'))->status, 201, 'it comes again');
    sleep 0.3;
    my $before = asked('/gated/doc');
    my @waiting = map { send_request('gated', "quit-$_") } 1 .. 3;
    my $end = time + 5;
    sleep 0.02 until asked('/gated/doc') > $before || time > $end;

    kill 'QUIT', $Server->pid;
    sleep 0.3;
    write_fixture($Gate, '');
    is(join(', ', map { answer($_) } @waiting),
       join(', ', ('204 gated gated-ask') x 3),
       'a worker that quits answers those who wait for a document');
    ok($Server->quit, '... and quits');
}

is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
unlike($Server->error_log, qr/\Q$Secret\E|\Q$Basic\E/, 'no secret in the log');
$Server->remove;

# A document, and a worker that ends while it looks up

{
    unlink $Gate;
    $Server = server($Registry->{path});
    ok($Server->start, 'of a registry that is a document');
    is(ask('honest', 'one'), '204 honest honest-ask', '... it works as well');

    my $before = asked('/gated/doc');
    my $gone = send_request('gated', 'gone');
    my $end = time + 5;
    sleep 0.02 until asked('/gated/doc') > $before || time > $end;
    close $gone;
    ok($Server->stop('TERM'), '... and nginx ends while it is looked up');
    is_deeply([$Server->faults], [], '... no sanitizer has found anything');
    unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, '... no alert');
    write_fixture($Gate, '');
    $Server->remove;
}

done_testing();
