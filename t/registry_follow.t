# What somebody else writes to the database is followed, and what cannot be
# read of it refuses what needs it.

use strict;
use warnings;

use lib 't/lib';

use DBI ();
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Agent = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;

    return "served\n" if $request->{raw} !~ m{^GET /slow};
    $connection->sleep(20);
    return "late\n";
});
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Store = fixture_dir() . '/follow/registry.db';
my %Kind = (tiers => 1, agents => 2, tenants => 3, issuers => 4,
            revocations => 6);
my $Json = JSON::PP->new->canonical;

my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Store seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
        keepalive 4;
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location ~ ^/(?<agent>[a-z]+)$ {
            tenant_auth on;
            tenant_agent $agent;
            add_header X-Worker $pid always;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my $Worker;
my $Db = DBI->connect("dbi:SQLite:dbname=$Store", '', '',
                      { RaiseError => 1, sqlite_busy_timeout => 5000 });


sub ask
{
    my (%opt) = @_;
    my $agent = delete $opt{agent} // 'support';
    my %iat = !exists $opt{iat} ? ()
            : defined $opt{iat} ? (claims => { iat => int delete $opt{iat} })
            : (drop => ['iat']);

    delete $opt{iat};
    my $res = $Server->request(GET => "/$agent", ':timeout' => 25,
                               Authorization => 'Bearer '
        . token(key => 'shared_rs256', iss => 'https://shared.idp.test',
                tenant => 'globex', sub => 'bob', jti => 'one', %iat, %opt));

    $Worker = $res->header('X-Worker');

    return 200 if $res->status == 200;
    return $res->status . ' ' . $res->json->{type} =~ s/.*://r;
}


# The same answer of both workers, before long.
sub settles
{
    my ($want, %opt) = @_;
    my $end = time + 8;
    my ($got, %agree);

    while (keys %agree < 2 && time < $end) {
        $got = ask(%opt);
        %agree = $got eq $want ? (%agree, $Worker => 1) : ();
        sleep 0.01 if !%agree;
    }

    return $got;
}


sub change
{
    my ($kind, $id, $op, $code) = @_;

    $Db->begin_work;
    $Db->do('INSERT INTO changes (kind, id, op, time) VALUES (?, ?, ?, ?)',
            undef, $Kind{$kind}, $id, $op, time);
    $code->($Db->last_insert_id('', '', 'changes', ''));
    $Db->commit;
}


sub put
{
    my ($kind, $id, $body, %column) = @_;

    $body = $Json->encode($body) if ref $body;
    change($kind, $id, 'put', sub {
        $Db->do('INSERT OR REPLACE INTO objects (kind, id, version, created,'
                . ' updated, status, expires, body)'
                . ' VALUES (?, ?, ?, 0, 0, ?, ?, ?)',
                undef, $Kind{$kind}, $id, $_[0], $column{status},
                $column{expires}, $body);
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


sub tenant
{
    return { id => 'globex', tier => 'basic', status => 'active',
             issuers => ['https://shared.idp.test'], @_ };
}


is(ask(), 200, 'a tenant of the seed is served');

put(tenants => 'globex', tenant(status => 'suspended'),
    status => 'suspended');
is(settles('403 tenant-suspended'), '403 tenant-suspended',
   'another program suspends it');

put(tenants => 'globex', tenant());
is(settles(200), 200, '... and activates it');

put(agents => 'slow', { id => 'slow' });
settles('404 unknown-agent', agent => 'other');

my $pid = fork // die "fork: $!\n";

if (!$pid) {
    sleep 1.5;
    $Db->{InactiveDestroy} = 1;
    $Db = DBI->connect("dbi:SQLite:dbname=$Store", '', '',
                       { RaiseError => 1, sqlite_busy_timeout => 5000 });
    put(tenants => 'globex', tenant(status => 'suspended'),
        status => 'suspended');
    $Db->disconnect;
    POSIX::_exit(0);
}

is(ask(agent => 'slow'), '403 tenant-suspended',
   'who waits for an agent when the tenant is suspended is told so');
waitpid $pid, 0;
put(tenants => 'globex', tenant());
is(settles(200), 200, '... and it is active again');

is(ask(agent => 'new'), '404 unknown-agent', 'an agent is not known');
put(agents => 'new', { id => 'new' });
is(settles(200, agent => 'new'), 200, '... until it is written');
remove(agents => 'new');
is(settles('404 unknown-agent', agent => 'new'), '404 unknown-agent',
   '... and after it was deleted');


# revocations

my $iss = 'https://shared.idp.test';
my $now = int time;

sub revoke
{
    my ($id, %body) = @_;

    put(revocations => $id, { id => $id, %body }, expires => $now + 3600);
}

my %other = (sub => 'carol', jti => 'two');

revoke("jti:$iss one", issuer => $iss, jti => 'one');
is(settles('401 invalid-token'), '401 invalid-token',
   'a token is revoked by its jti');
is(ask(jti => 'three'), 200, '... which another of the same subject is not');
like($Server->error_log, qr/\(invalid-token\): the token was revoked/,
     '... and the log says why');
remove(revocations => "jti:$iss one");
is(settles(200), 200, '... until that is withdrawn');

# names are hashed in words and blocks
my @ids = map { substr 'abcdefghijklmnopqrstuvwxyz' x 30, 0, $_ }
              1 .. 20, 220 .. 240, 256, 700;

revoke("jti:$iss $_", issuer => $iss, jti => $_) for @ids;
settles('401 invalid-token', jti => $ids[-1]);
is(join(' ', grep { ask(jti => $_) ne '401 invalid-token' } @ids), '',
   'a jti may be of any length');
is(join(' ', grep { ask(jti => $_) ne 200 }
                  map { ($_ . '-', "-$_") } @ids), '',
   '... and what begins or ends like one is another');
remove(revocations => "jti:$iss $_") for @ids;

revoke("sub:$iss bob", issuer => $iss, sub => 'bob');
is(settles('401 invalid-token'), '401 invalid-token',
   'all tokens of a subject are revoked');
is(ask(%other), 200, '... but not those of another');
is(ask(sub => 'bob', jti => 'late', iat => $now), '401 invalid-token',
   '... whenever they were issued');
remove(revocations => "sub:$iss bob");
is(settles(200), 200, '... until that is withdrawn');

revoke("sub:$iss bob", issuer => $iss, sub => 'bob',
       issued_before => $now - 100);
is(settles('401 invalid-token', iat => $now - 200), '401 invalid-token',
   'tokens of a subject from before a time are revoked');
is(ask(iat => $now - 50), 200, '... and younger ones are not');
is(ask(iat => undef), '401 invalid-token',
   '... and those that do not say are taken for old ones');
remove(revocations => "sub:$iss bob");

for my $what (["issuer:$iss", issuer => $iss],
              ['tenant:globex', tenant => 'globex'])
{
    my ($id, @body) = @$what;

    revoke($id, @body, issued_before => $now - 100);
    is(settles('401 invalid-token', iat => $now - 200), '401 invalid-token',
       "$id: tokens from before a time are revoked");
    is(settles('401 invalid-token', %other, iat => $now - 200),
       '401 invalid-token', '... whoever\'s they are');
    is(ask(iat => $now - 50), 200, '... and younger ones are not');
    remove(revocations => $id);
    is(settles(200, iat => $now - 200), 200, '... until that is withdrawn');
}

revoke("issuer:$iss", issuer => $iss, issued_before => $now - 100);
is(settles('401 invalid-token', iat => $now - 200, tenant => 'initech'),
   '401 invalid-token', 'what an issuer revokes is revoked of every tenant');
remove(revocations => "issuer:$iss");


# what was not followed

$Db->do('DELETE FROM changes WHERE seq < (SELECT max(seq) FROM changes)');
put(tenants => 'globex', tenant(status => 'suspended'),
    status => 'suspended');
$Db->do('DELETE FROM changes WHERE seq < (SELECT max(seq) FROM changes)');
is(settles('403 tenant-suspended'), '403 tenant-suspended',
   'who missed changes begins anew');
put(tenants => 'globex', tenant());
is(settles(200), 200, '... and follows again');


# what cannot be read

for my $broken (['no JSON', '{'], ['no tenant', '{"id": "globex"}'],
                ['of a tier that is not there', tenant(tier => 'none')])
{
    my ($title, $body) = @$broken;

    put(tenants => 'globex', $body);
    is(settles('503 registry-unavailable'), '503 registry-unavailable',
       "a tenant that is $title refuses its requests");
    is(ask(tenant => 'initech'), 200, '... and no other\'s');
    like($Server->error_log, qr/an object of tenants is broken/,
         '... and the log says so');
}

put(tenants => 'globex', tenant());
is(settles(200), 200, 'written anew, it is served');

put(issuers => $iss, { iss => $iss, tenant_claim => 'custom:tenantId',
                       jwks_file => '/nonexistent/keys.jwks' });
is(settles('503 keys-unavailable'), '503 keys-unavailable',
   'an issuer whose keys cannot be read has none');

$Db->do('ALTER TABLE changes RENAME TO gone');
put_without_changes();
is(settles('503 registry-unavailable'), '503 registry-unavailable',
   'when changes cannot be read, nothing that is cached is relied on');
$Db->do('ALTER TABLE gone RENAME TO changes');
is(settles('503 keys-unavailable'), '503 keys-unavailable',
   '... until they can be');

$Db->disconnect;
$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');

done_testing();


sub put_without_changes
{
    $Db->do('UPDATE objects SET updated = 1 WHERE kind = 3');
}
