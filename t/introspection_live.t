# Issuers of a database that change, go and come while requests wait for what
# they say of a token, and while it is kept.

use strict;
use warnings;

use lib 't/lib';

use DBI ();
use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Json = JSON::PP->new->canonical;
my %Kind = (tenants => 3, issuers => 4, revocations => 6);
my $Acme = 'https://acme.idp.test';
my $Gate = fixture_dir() . '/gate';


# An endpoint that says who it is, of wait-... once the gate is open.
sub provider
{
    my ($name) = @_;

    return Tenant::Upstream->new(respond => sub {
        my ($token) = $_[0]{body} =~ /^token=([^&]*)/;

        if ($token =~ /^wait/) {
            sleep 0.01 until -e $Gate;
        }

        return [200, ['Content-Type', 'application/json'], $Json->encode({
            active => JSON::PP::true, sub => $name, jti => "id-$token",
            exp => int time + 600 })];
    });
}


my $Old = provider('old');
my $New = provider('new');


sub issuer
{
    my ($provider, %opt) = @_;

    return { iss => $Acme, tenant => 'acme', introspection => {
        endpoint => 'http://127.0.0.1:' . $provider->port . '/',
        client_id => 'gateway', client_secret => 'secret', ttl => 3600 },
        %opt };
}


my $Registry = registry(
    tenant => { map { $_ => { tier => 'basic' } } 'acme',
                map { "crowd-$_" } 1 .. 40 },
    issuer => {
        $Acme => { jwks_file => undef, %{ issuer($Old) } },
        map { ("https://crowd-$_.idp.test" => { %{ issuer($Old) },
               iss => "https://crowd-$_.idp.test",
               tenant => "crowd-$_" }) } 1 .. 40 });
my $Store = fixture_dir() . '/live/registry.db';

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"CONF",
tenant_registry $Store seed=$Registry->{path};
tenant_registry_cache 16k;
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
CONF
    server => <<"CONF",
location / {
    tenant_auth on;
    tenant_introspection https://\$arg_iss.idp.test;
    try_files /none \@ok;
}
location \@ok { add_header X-Who "\$tenant_id \$tenant_subject"; return 204; }
CONF
);

ok($Server->start, 'nginx starts') or die $Server->error_log;

my $Db = DBI->connect("dbi:SQLite:dbname=$Store", '', '',
                      { RaiseError => 1, sqlite_busy_timeout => 5000 });


sub change
{
    my ($kind, $id, $op, $code) = @_;

    $Db->begin_work;
    $Db->do('INSERT INTO changes (kind, id, op, time) VALUES (?, ?, ?, ?)',
            undef, $Kind{$kind}, $id, $op, int time);
    $code->($Db->last_insert_id('', '', 'changes', ''));
    $Db->commit;
}


sub put
{
    my ($kind, $id, $body, %column) = @_;

    change($kind, $id, 'put', sub {
        $Db->do('INSERT OR REPLACE INTO objects (kind, id, version, created,'
                . ' updated, status, expires, body)'
                . ' VALUES (?, ?, ?, 0, 0, ?, ?, ?)',
                undef, $Kind{$kind}, $id, $_[0], $column{status},
                $column{expires}, $Json->encode($body));
    });
}


sub remove
{
    my ($kind, $id) = @_;

    change($kind, $id, 'delete', sub {
        $Db->do('DELETE FROM objects WHERE kind = ? AND id = ?', undef,
                $Kind{$kind}, $id);
    });
}


sub send_request
{
    my ($token, $name) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $Server->port)
        or die "connect: $!\n";

    $name //= 'acme';
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
    my ($type) = $text =~ /"urn:ngx-tenant:problem:([^"]+)"/;

    return join ' ', grep { defined } $status // 0, $who, $type;
}


sub ask { return answer(send_request(@_)) }


# The same answer, before long.
sub settles
{
    my ($want, @request) = @_;
    my $end = time + 8;
    my $got = '';

    while (time < $end) {
        $got = ask(@request);
        last if $got eq $want;
        sleep 0.02;
    }

    return $got;
}


# Requests that wait, while something else becomes of their issuer.
sub while_waiting
{
    my ($code) = @_;

    unlink $Gate;
    my $asked = $Old->requests;
    my @waiting = map { send_request('wait-' . int $asked) } 1 .. 3;
    $Old->requests($asked + 1, 5);

    $code->();
    write_fixture($Gate, '');

    return join ', ', map { answer($_) } @waiting;
}


is(ask('token'), '204 acme old', 'a token is accepted');
is(scalar $Old->requests, 1, '... as its issuer says');

# Kept tokens

put(issuers => $Acme, issuer($New));
is(settles('204 acme new', 'token'), '204 acme new',
   'an issuer that moved is asked anew');

put(issuers => $Acme, issuer($New, audiences => ['agents']));
is(settles('401 invalid-token', 'token'), '401 invalid-token',
   'what is kept is held against rules that changed');

put(issuers => $Acme, issuer($Old));
is(settles('204 acme old', 'token'), '204 acme old', '... at once');

put(tenants => 'acme', { id => 'acme', tier => 'basic',
                         status => 'suspended' }, status => 'suspended');
is(settles('403 tenant-suspended', 'token'), '403 tenant-suspended',
   'a tenant that is suspended is refused');
put(tenants => 'acme', { id => 'acme', tier => 'basic', status => 'active' },
    status => 'active');
is(settles('204 acme old', 'token'), '204 acme old',
   '... until it is active again');

put(revocations => "jti:$Acme id-token",
    { id => "jti:$Acme id-token", issuer => $Acme, jti => 'id-token' },
    expires => int time + 3600);
is(settles('401 invalid-token', 'token'), '401 invalid-token',
   'a token is revoked by the jti that its issuer tells');
is(ask('another'), '204 acme old', '... and no other is');
like($Server->error_log, qr/\(invalid-token\): the token was revoked/,
     '... as the log says');
remove(revocations => "jti:$Acme id-token");
is(settles('204 acme old', 'token'), '204 acme old',
   '... until that is withdrawn');

# Requests that wait

is(while_waiting(sub {
    put(issuers => $Acme, issuer($New));
    settles('204 acme new', 'moved');
}), '204 acme new, 204 acme new, 204 acme new',
   'an issuer that moved while requests wait is asked anew for them');

put(issuers => $Acme, issuer($Old));
settles('204 acme old', 'token');

is(while_waiting(sub {
    remove(issuers => $Acme);
    settles('401 invalid-token', 'gone');
}), '401 invalid-token, 401 invalid-token, 401 invalid-token',
   'an issuer that went while requests wait is not known any more');

put(issuers => $Acme, issuer($Old));
settles('204 acme old', 'token');

is(while_waiting(sub {
    put(issuers => $Acme, { iss => $Acme, tenant => 'acme',
                            jwks => { keys => [jwk('acme_rs256')] } });
    settles('401 invalid-token', 'token');
}), '401 invalid-token, 401 invalid-token, 401 invalid-token',
   'an issuer that is not asked any more is not, while requests wait');

put(issuers => $Acme, issuer($Old));
is(settles('204 acme old', 'token'), '204 acme old', '... until it is');

# No room for all the issuers that are being asked

{
    unlink $Gate;
    my @waiting = map { send_request("wait-crowd", "crowd-$_") } 1 .. 40;
    is(ask('token'), '204 acme old', 'while forty issuers are asked');
    write_fixture($Gate, '');
    is(join(', ', map { answer($_) } @waiting),
       join(', ', map { "204 crowd-$_ old" } 1 .. 40),
       '... for which there is no room, all are answered');
}

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');

done_testing();
