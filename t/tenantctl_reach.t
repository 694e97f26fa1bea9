# scripts/tenantctl: how it reaches the API, and what it makes of what is
# there instead; texts of every kind.

use strict;
use warnings;
use utf8;

use lib 't/lib', 'scripts/lib';

use Encode qw(decode encode);
use IO::Socket::INET ();
use JSON::PP ();
use POSIX ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenantctl::Text ();

my $Dir = fixture_dir();
my $Https = free_port();
my $Guarded = free_port();
my $Socket = "/tmp/tenantctl.$$.sock";
my $Json = JSON::PP->new->utf8->canonical;
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Registry = registry(issuer => {
    'https://operators.test' => { operators => JSON::PP::true(),
                                  jwks_file => 'shared.jwks' } });

binmode $_, ':encoding(UTF-8)'
    for map { Test::More->builder->$_ } qw(output failure_output todo_output);

delete @ENV{qw(TENANTCTL_TOKEN TENANTCTL_API http_proxy https_proxy
               HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy)};

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
       . " -nodes -days 1 -subj /CN=localhost"
       . " -addext subjectAltName=DNS:localhost"
       . " -keyout $Dir/tls.key -out $Dir/tls.pem 2>/dev/null") == 0
    or die "no certificate\n";

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    tenant_registry $Dir/reach/registry.db seed=$Registry->{path};
    tenant_policy_file $Policy;
    client_max_body_size 0;

    server {
        listen unix:$Socket;
        location / { tenant_api; }
        location /below/ { tenant_api; }
    }

    server {
        listen 127.0.0.1:$Https ssl;
        ssl_certificate $Dir/tls.pem;
        ssl_certificate_key $Dir/tls.key;
        ssl_client_certificate $Dir/tls.pem;
        ssl_verify_client on;
        location / { tenant_api; }
    }

    server {
        listen 127.0.0.1:$Guarded;
        location / {
            tenant_auth on;
            tenant_policy off;
            tenant_api;
        }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location / { return 200 "<p>hello"; }
        location /gone/ { return 404 "nobody"; }
        location /full/ { return 413 "too much"; }
        location /down/ { return 502 "no gateway"; }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my $Plain = 'http://127.0.0.1:' . $Server->port;


# ctl(@arguments): {status, out, err} of a run, in characters.
sub ctl
{
    my (@arguments) = @_;
    my ($out, $err) = map { "$Dir/ctl.$_" } qw(out err);
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>', $err;
        exec $^X, 'scripts/tenantctl', map { encode('UTF-8', $_) } @arguments
            or die "exec: $!\n";
    }

    waitpid $pid, 0;
    return { status => $? >> 8, out => slurp($out), err => slurp($err) };
}


sub slurp
{
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return decode('UTF-8', <$in> // '');
}


sub local_ctl { return ctl('--api', "unix:$Socket", @_) }


sub shown
{
    my ($kind, $id) = @_;

    return $Json->decode(encode('UTF-8',
                                local_ctl('show', $kind, $id)->{out}));
}


# A server of its own for the answers of @answers: each is sent to a
# connection, undef closes one without.  The requests, when it has ended.
sub serve
{
    my ($run, @answers) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
        or die "listen: $!\n";
    my $log = "$Dir/served";
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open my $out, '>', $log or die "$log: $!\n";
        $SIG{ALRM} = sub { POSIX::_exit(1) };
        alarm 60;

        for my $answer (@answers) {
            my $peer = $listen->accept or last;
            my $head = '';

            while (defined(my $line = <$peer>)) {
                $head .= $line;
                last if $line =~ /^\r?\n/;
            }

            my ($length) = $head =~ /^Content-Length: (\d+)/mi;
            read $peer, my $body, $length if $length;
            print {$out} $head;
            print {$peer} $answer if defined $answer;
            close $peer;
        }

        close $out;
        POSIX::_exit(0);
    }

    my $result = $run->('http://127.0.0.1:' . $listen->sockport);

    close $listen;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return ($result, slurp($log));
}


sub answer
{
    my ($status, $body) = @_;

    return "HTTP/1.1 $status X\r\nContent-Type: application/json\r\n"
           . 'Content-Length: ' . length($body)
           . "\r\nConnection: close\r\n\r\n$body";
}


# where it is

is(local_ctl('status')->{status}, 0, 'the API is reached by its socket');
is(ctl('--api', "unix:$Socket:/below/", 'status')->{status}, 0,
   '... below a prefix');
is(ctl('--api', "http://unix:$Socket:/below", 'status')->{status}, 0,
   '... in the words of nginx');

my @tls = ('--api', "https://localhost:$Https");
my @client = ('--cert', "$Dir/tls.pem", '--key', "$Dir/tls.key");
my $res = ctl(@tls, '--cacert', "$Dir/tls.pem", @client, 'status');

is($res->{status}, 0, 'and by TLS') or diag $res->{err};
$res = ctl(@tls, @client, 'status');
is($res->{status}, 3, '... if the certificate is trusted');
like($res->{err}, qr/cannot be reached: .*certificate/i, '... and says so');
$res = ctl(@tls, '--cacert', "$Dir/tls.pem", 'status');
isnt($res->{status}, 0, '... and by nobody else');
is(ctl(@tls, '--cacert', "$Dir/nothing.pem", 'status')->{status}, 2,
   'a certificate that is not there is noticed');

for my $url ('ftp://127.0.0.1', '127.0.0.1:80', 'http://', 'unix:',
             'http://user:secret@host/', "http://127.0.0.1/\nurl = x")
{
    is(ctl('--api', $url, 'status')->{status}, 2,
       'no URL of an API: ' . $url =~ s/\n/\\n/r);
}


# operators

my $token = token(iss => 'https://operators.test', key => 'shared_rs256',
                  sub => 'op');
my $file = write_fixture("$Dir/token", "$token\n");
my @guarded = ('--api', "http://127.0.0.1:$Guarded");

is(ctl(@guarded, 'status')->{status}, 1, 'an operator has to say who it is');
is(ctl(@guarded, '--token-file', $file, 'status')->{status}, 0,
   '... with a token from a file');

{
    local $ENV{TENANTCTL_TOKEN} = $token;
    is(ctl(@guarded, 'status')->{status}, 0, '... or the environment');

    $res = ctl('--api', 'http://tenantctl.invalid', 'status');
    like($res->{err}, qr/without https/, 'a token in the clear is mentioned');
    is($res->{status}, 3, '... and there is no such host');

    $ENV{TENANTCTL_TOKEN} = "secret-text\nheader = x";
    $res = ctl(@guarded, 'status');
    is($res->{status}, 2, 'what no token can be is not sent');
    unlike("$res->{out}$res->{err}", qr/secret/, '... nor shown');
}


# what is there instead

$res = ctl('--api', $Plain, 'status');
is($res->{status}, 3, 'a web page is not the API');
like($res->{err}, qr/200 .*is not an answer of it/, '... and that is said');
is(ctl('--api', "$Plain/down", 'status')->{status}, 3,
   'a gateway without the API is not the API');
$res = ctl('--api', "$Plain/gone", 'status');
is($res->{status}, 1, 'who refuses in other words refuses');
like($res->{err}, qr/refused \(404\): Not Found/, '... with its status');


# what may be repeated

my $health = $Json->encode({ status => 'ok', registry => {
    kind => 'database', schema => 1, changes => 1, objects => {} } });
my $log;

($res, $log) = serve(sub { ctl('--api', $_[0], 'status') },
                     undef, undef, answer(200, $health));
is($res->{status}, 0, 'an answer that was lost is asked for again');
is(scalar(() = $log =~ m{^GET /v1/health}mg), 3, '... until it comes');

($res, $log) = serve(sub { ctl('--api', $_[0], 'suspend', 'acme') },
                     undef, answer(200, '{"id":"acme"}'));
is($res->{status}, 0, 'a POST is repeated');
my @keys = $log =~ /^Idempotency-Key: (\S+)/mgi;
is(scalar @keys, 2, '... with a key');
is($keys[0], $keys[1], '... which is the same');

($res, $log) = serve(sub { ctl('--api', $_[0], 'remove', 'tier', 'x') },
                     undef, answer(404, '{"status":404,"detail":"none"}'));
is($res->{status}, 0, 'what a lost answer has removed is removed');

($res, $log) = serve(sub { ctl('--api', $_[0], '--if-match', '"1"', 'set',
                               'tenant', 'acme', 'name=x') },
                     undef, answer(200, '{"id":"acme"}'));
is($res->{status}, 3, 'a change of one version is not repeated');
is(scalar(() = $log =~ /^PATCH /mg), 1, '... indeed');

($res, $log) = serve(sub { ctl('--api', $_[0], 'onboard', 'x', '--tier',
                               'basic') },
                     undef, answer(200, '{}'));
is($res->{status}, 3, 'an import is not repeated');

($res, $log) = serve(sub { ctl('--api', $_[0], 'export', "$Dir/cut.json") },
                     (answer(200, '{"tiers": [') =~ s/Length: /$&9/r) x 5);
is($res->{status}, 3, 'an export that is cut short is none');
ok(!-e "$Dir/cut.json" && !-e "$Dir/cut.json.new", '... and leaves nothing');
is(scalar(() = $log =~ /^GET /mg), 1, '... and is not continued with another');


# texts

my $name = "Zürich 東京 \x{202e}\e[31m\x{9b}1m";

is(local_ctl('onboard', 'zrh', '--tier', 'basic', '--name', $name)->{status},
   0, 'a name may be any text');
is(shown('tenant', 'zrh')->{name}, $name, '... and stays what it is');

$res = local_ctl('list', 'prefix=zrh');
like($res->{out}, qr/Zürich 東京 \Q\x{202e}\x1b[31m\x9b1m\E  \d/,
     '... but is no command to a terminal');

local_ctl('onboard', 'zz', '--tier', 'basic', '--name', 'plain');
my @at = map { my $line = $_;
               $line =~ /^(.*)\d{4}-/ ? Tenantctl::Text::width($1) : () }
         split /\n/, local_ctl('list', 'prefix=z')->{out};
is(scalar @at, 2, 'both are listed');
is($at[0], $at[1], 'wide characters keep columns in line');

is(local_ctl('set', 'tenant', 'zz', 'name=Genève', 'attributes.a.b=["ä"]',
             '/attributes/c.d~1e=1')->{status}, 0, 'members are set');
is_deeply([@{ shown('tenant', 'zz') }{qw(name attributes)}],
          ['Genève', { a => { b => ['ä'] }, 'c.d/e' => 1 }],
          '... at the places that were said');

for my $wrong (['name={"a"'], ['name=["a"'], ['a=1', 'a.b=2'],
               ['a.b=2', 'a=1'], ['a..b=1'], ['=1'], ['name'])
{
    is(local_ctl('set', 'tenant', 'zz', @$wrong)->{status}, 2,
       "set @$wrong makes no sense");
}


# documents and many lines

my $wanted = write_fixture("$Dir/wanted.json", $Json->encode({
    tiers => [{ id => 'gold', model => 'pool' }],
    tenants => [{ id => 'bound', tier => 'gold' },
                { id => 'listed', tier => 'gold',
                  issuers => ['https://new.idp.test'] }],
    issuers => [{ iss => 'https://bound.idp.test', tenant => 'bound',
                  jwks_file => $Registry->{jwks}{'shared.jwks'} },
                { iss => 'https://new.idp.test', tenant_claim => 't',
                  jwks_file => $Registry->{jwks}{'shared.jwks'} }] }));

$res = local_ctl('import', $wanted);
is($res->{out}, "5 of 5 imported, 0 refused\n",
   'a document is imported in the order in which it can be')
    or diag $res->{err};

my $bulk = write_fixture("$Dir/bulk.ndjson", join '', map {
    $_ % 1000 == 500 ? "{\"kind\": \"tenants\"\n"
    : $Json->encode({ kind => 'tenants', object => {
          id => "bulk-$_", tier => $_ % 1000 ? 'gold' : 'lead' } }) . "\n"
} 1 .. 10000);

$res = local_ctl('import', $bulk, '--dry-run');
is($res->{status}, 5, 'ten thousand lines are tried');
$res = local_ctl('import', $bulk);
is($res->{status}, 5, '... and done in part');
is($res->{out}, "9980 of 10000 imported, 20 refused\n", '... which is told');
is(scalar(() = $res->{err} =~ /^tenantctl: line \d*500: refused/mg), 10,
   '... with the lines that are no JSON');
is(scalar(() = $res->{err} =~ m{^  /object/tier: }mg), 10,
   '... and the places in those that are');
is(scalar @{ $Json->decode(local_ctl('list', 'tier=gold', '--json')->{out}) },
   9982, 'all pages are listed');

$res = local_ctl('import', write_fixture("$Dir/empty", ''));
is("$res->{status} $res->{out}", "0 nothing to import\n",
   'nothing is imported from nothing');


# a person at a terminal

sub at_terminal
{
    my ($answer, @arguments) = @_;
    my $command = join ' ', map { "'$_'" } $^X, 'scripts/tenantctl',
                                           '--api', "unix:$Socket",
                                           @arguments;

    write_fixture("$Dir/answer", "$answer\n");
    my $said = qx(script -qec "$command" /dev/null < $Dir/answer 2>&1);

    return { status => $? >> 8, out => $said };
}

my $tier = write_fixture("$Dir/tier.json",
                         '{"tiers": [{"id": "asked", "model": "pool"}]}');

$res = at_terminal('n', 'apply', $tier);
is($res->{status}, 1, 'who says no is obeyed');
like($res->{out}, qr/^\+ tiers asked\r\n1 changes.*Apply\? /ms,
     '... after seeing what it is about');
is(local_ctl('show', 'tier', 'asked')->{status}, 1, '... and nothing is done');
is(at_terminal('y', 'apply', $tier)->{status}, 0, 'who says yes, too');
is(local_ctl('show', 'tier', 'asked')->{status}, 0, '... and it is done');

for (['remove', 'tier', 'asked'], ['offboard', 'zz', '--deadline', 0]) {
    my ($command, @what) = @$_;
    my $kind = $command eq 'remove' ? 'tier' : 'tenant';
    my $id = $what[$command eq 'remove'];
    my $before = local_ctl('show', $kind, $id)->{out};

    $res = at_terminal('n', $command, @what);
    is($res->{status}, 1, "$command asks");
    like($res->{out}, qr{^\u$command $kind $id\? \[y/N\] }m,
         '... whether to');
    is(at_terminal('', $command, @what)->{status}, 1,
       '... takes nothing for no');
    is(local_ctl('show', $kind, $id)->{out}, $before, '... and does nothing');
    is(at_terminal('n', $command, @what, '--dry-run')->{status}, 0,
       '... does not ask to try');
    is(at_terminal('n', $command, 'a', 'b', 'c')->{status}, 2,
       '... nor what makes no sense');
    is(local_ctl('show', $kind, $id)->{out}, $before, '... and does nothing');
    is(at_terminal('y', $command, @what)->{status}, 0,
       '... and can be told to');
    isnt(local_ctl('show', $kind, $id)->{out}, $before, '... indeed');
}

local_ctl('onboard', 'sure', '--tier', 'basic');
$res = at_terminal('n', 'offboard', 'sure', '--deadline', 0, '--wait=20',
                   '--yes');
is($res->{status}, 0, 'who is sure is not asked');
unlike($res->{out}, qr/\?/, '... indeed');
is(local_ctl('show', 'tenant', 'sure')->{status}, 1, '... and obeyed');

like(at_terminal('', 'import', $bulk)->{out}, qr/\r\d+ of 10000\e\[K/,
     'progress is shown');

is(local_ctl('export', "$Dir/secret.json", '--secrets')->{status}, 0,
   'an export with secrets');
is((stat "$Dir/secret.json")[2] & 077, 0, '... is for its owner');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlink $Socket;

done_testing();
