# A live tenant goes from the pool to a silo, between the servers of silos,
# and back, while its clients go on: no request fails, and none goes where
# the tenant is no more.

use strict;
use warnings;

use lib 't/lib';

use DBI ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Dir = fixture_dir();
my $Store = "$Dir/migrate/registry.db";
my $Port = free_port();
my $Iss = 'https://shared.idp.test';
my $Json = JSON::PP->new->canonical;

# who answers, in pieces: a change comes while answers are under way
my %Agent = map { my $name = $_;
                  $name => Tenant::Upstream->new(respond => sub {
                      my (undef, $connection) = @_;
                      $connection->send_header(
                          200, 'Transfer-Encoding' => 'chunked');
                      $connection->send_chunk($name);
                      $connection->sleep(0.02);
                      $connection->send_chunk(" done");
                      $connection->last_chunk;
                      return undef;
                  }) } qw(pool one two);

my $Registry = registry();
my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my $Token = token(key => 'shared_rs256', tenant => 'globex');
my $Other = token(key => 'shared_rs256', tenant => 'initech');

my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Store seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route session=\$http_mcp_session_id;
        server 127.0.0.1:${\ $Agent{pool}->port };
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$Port reuseport;

        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
    }
EOF_HTTP
);

$Server->start or die $Server->error_log;

my $Db = DBI->connect("dbi:SQLite:dbname=$Store", '', '',
                      { RaiseError => 1, sqlite_busy_timeout => 5000 });


sub put
{
    my ($route) = @_;
    my $body = $Json->encode({
        id => 'globex', tier => 'basic', status => 'active',
        issuers => [$Iss], routes => $route ? { support => $route } : {} });

    $Db->begin_work;
    $Db->do('INSERT INTO changes (kind, id, op, time) VALUES (3, ?, ?, ?)',
            undef, 'globex', 'put', time);
    $Db->do('INSERT OR REPLACE INTO objects (kind, id, version, created,'
            . ' updated, body) VALUES (3, ?, ?, 0, 0, ?)', undef, 'globex',
            $Db->last_insert_id('', '', 'changes', ''), $body);
    $Db->commit;
}


sub silo
{
    return { model => 'silo', servers => [
        map { ref $_ ? { address => '127.0.0.1:' . $Agent{$_->[0]}->port,
                         %{ $_->[1] } }
                     : '127.0.0.1:' . $Agent{$_}->port } @_ ] };
}


sub ask
{
    my ($token, @more) = @_;
    my $res = Tenant::HTTP::http($Port, @more ? ('POST') : ('GET'), '/',
                                 Authorization => "Bearer $token", @more);

    return $res->status == 200 ? $res->body : 'status ' . $res->status;
}


# A client: asks all the time, and writes what is no answer, with the time.
sub client
{
    my ($n) = @_;
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;

    my $count = 0;
    open my $out, '>', "$Dir/client.$n" or POSIX::_exit(1);
    $out->autoflush(1);

    # a file, as a signal would look like an answer that does not come
    until (-e "$Dir/stop") {
        my $answer = eval {
            ask($n == 3 ? $Other : $Token,
                $n == 1 ? (':body' => 'x' x 20000)
                : $n == 2 ? ('Mcp-Session-Id' => "s$count", ':body' => 'y')
                          : ()) } // "died: $@";
        my $good = $n == 3 ? qr/^pool done$/ : qr/^(?:pool|one|two) done$/;

        print {$out} "$answer\n" if $answer !~ $good;
        $count++;
    }

    print {$out} "count $count\n";
    POSIX::_exit(0);
}


# What the tenant's requests are answered by once nothing else is.
sub settles
{
    my ($want) = @_;
    my $end = time + 8;
    my %seen;

    while (time < $end) {
        %seen = map { ask($Token) => 1 } 1 .. 8;
        return $want if join(' ', sort keys %seen) eq $want;
    }

    return join ' ', sort keys %seen;
}


my @Clients = map { client($_) } 1 .. 4;

is(settles('pool done'), 'pool done', 'a tenant is in the pool');

for my $turn (1 .. 2) {
    put(silo('one'));
    is(settles('one done'), 'one done', 'it moves to a silo');

    put(silo('one', 'two'));
    is(settles('one done two done'), 'one done two done',
       '... which gets another server');

    my $before = () = $Agent{pool}->requests;
    ask($Token) for 1 .. 10;
    is(scalar(grep { Tenant::Upstream::header($_, 'X-Tenant-Id')
                     eq 'globex' } ($Agent{pool}->requests)[$before .. -1]),
       0, '... and nothing goes to the pool any more');

    put(silo(['one', { drain => \1 }], 'two'));
    is(settles('two done'), 'two done', '... then one of them drains');

    put(silo('two'));
    is(settles('two done'), 'two done', '... and goes');

    put(undef);
    is(settles('pool done'), 'pool done', '... and it moves back to the pool');
}

write_fixture('stop', '');
waitpid $_, 0 for @Clients;

for my $n (1 .. 4) {
    open my $in, '<', "$Dir/client.$n" or die "client.$n: $!";
    my @lines = map { s/\n//r } readline $in;
    my ($count) = (pop(@lines) // '') =~ /^count (\d+)$/;

    cmp_ok($count // 0, '>', 20, "client $n has asked all the time");
    is_deeply(\@lines, [], '... and no request has failed');
}

unlike($Server->error_log, qr/\[(?:error|alert|crit|emerg)\]/,
       'the error log is clean');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
