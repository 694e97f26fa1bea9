# Workers, and nginx as a whole, are killed while the registry is written to:
# whatever was answered is there afterwards, and nothing is there by half.
#
# CRASH_SECONDS (default 8) and CRASH_SEED make it longer and repeat it.

use strict;
use warnings;

use lib 't/lib';

use DBI ();
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

my $Seconds = $ENV{CRASH_SECONDS} || 8;
my $Seed = $ENV{CRASH_SEED} || time ^ $$;
my $Clients = 6;
my $Shared = 'https://shared.idp.test';
my $Json = JSON::PP->new->canonical;

srand $Seed;
diag "CRASH_SEED=$Seed" if $ENV{CRASH_SECONDS};

my $Api = free_port();
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Dir = fixture_dir();
my $Store = "$Dir/crash/registry.db";

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

    server {
        listen 127.0.0.1:$Api reuseport;
        location / { tenant_api; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my @clients = map { client($_) } 1 .. $Clients;
my $end = time + $Seconds;
my ($workers, $masters) = (0, 0);

while (time < $end) {
    sleep 0.05 + rand 0.25;

    if (rand() < 0.2) {
        my @pids = ($Server->pid, $Server->workers);

        # a worker that outlived its master would go on with the old memory
        kill 'KILL', @pids;
        $Server->wait_until(sub { $Server->reap });
        $masters++;
        restart();

    } else {
        my ($pid) = (sort { rand() <=> 0.5 } $Server->workers)[0];

        next if !$pid;
        kill 'KILL', $pid;
        $workers++;
    }
}

my %want;

for my $client (@clients) {
    kill 'TERM', $client->{pid};
    waitpid $client->{pid}, 0;
    read_log($client->{log});
}

ok($workers, "$workers workers were killed");
ok($masters, "... and nginx as a whole, $masters times");

for my $kind (qw(tenants issuers revocations)) {
    my $n = grep { m{^/$kind/} } keys %want;

    cmp_ok($n, '>', 10, "$n $kind written");
}

$Server->quit;
restart();


# what was answered

my (@lost, @back, @other);

for my $path (sort keys %want) {
    my $want = $want{$path};
    my $res = api(GET => $path);
    my $got = $res->status == 200 ? $res->json->{ member($path) } : undef;
    my @could = ($want->{last}, @{ $want->{unknown} });

    next if grep { defined $_ ? defined $got && $got eq $_ : !defined $got }
                 @could;
    push @lost, $path if !defined $got;
    push @back, $path if defined $got && !defined $want->{last};
    push @other, "$path: $got, not $want->{last}"
        if defined $got && defined $want->{last};
}

is_deeply(\@lost, [], 'what was written and answered is there');
is_deeply(\@back, [], 'what was deleted and answered is not');
is_deeply(\@other, [], 'what was changed is as it was answered last');


# nothing by half

my $Db = DBI->connect("dbi:SQLite:dbname=$Store", '', '',
                      { RaiseError => 1, sqlite_busy_timeout => 5000 });

is($Db->selectrow_array('PRAGMA integrity_check'), 'ok',
   'the database is whole');
is_deeply(refs(), $Db->selectcol_arrayref(
              "SELECT kind || ' ' || id || ' ' || rkind || ' ' || rid"
              . ' FROM refs ORDER BY 1'),
          'references are those of the objects');
is($Db->selectrow_array('SELECT count(*) FROM objects WHERE version >'
                        . ' (SELECT max(seq) FROM changes)'),
   0, 'no object is newer than the newest change');
is($Db->selectrow_array('SELECT count(*) FROM objects o WHERE EXISTS'
                        . ' (SELECT 1 FROM changes c WHERE c.kind = o.kind'
                        . ' AND c.id = o.id AND c.seq > o.version)'),
   0, '... nor older than its own');
is($Db->selectrow_array(
       'SELECT count(*) FROM counts c WHERE n <>'
       . ' (SELECT count(*) FROM objects o WHERE o.kind = c.kind)'),
   0, 'objects are counted right');

for my $kind ([3, 'tenants'], [4, 'issuers'], [6, 'revocations']) {
    my $ids = $Db->selectcol_arrayref('SELECT id FROM objects WHERE kind = ?',
                                      undef, $kind->[0]);

    is(scalar(grep { api(GET => "/$kind->[1]/" . escaped($_))->status != 200 }
              @$ids), 0, "every one of the $kind->[1] can be read");
}

# tokens of which it was answered that they are revoked, or not any more
my %revoked = map { $_ => 1 } @{ $Db->selectcol_arrayref(
    q{SELECT json_extract(body, '$.jti') FROM objects WHERE kind = 6}) };
my %wrong;

$Db->disconnect;

for my $jti (map { m{^/revocations/.*%20(.*)\z} ? $1 : () } sort keys %want) {
    my $status = $Server->request(GET => '/', Authorization => 'Bearer '
        . token(key => 'shared_rs256', tenant => 'globex', jti => $jti))
        ->status;

    $wrong{$jti} = $status if $status != ($revoked{$jti} ? 401 : 200);
}

is_deeply(\%wrong, {},
          'revocations hold, and those that were withdrawn do not');

is($Server->request(GET => '/', Authorization => 'Bearer ' . token())->status,
   200, 'and requests are served');

$Server->quit;
done_testing();


sub restart
{
    for (1 .. 50) {
        return if $Server->start;
        sleep 0.1;
    }

    die $Server->error_log;
}


sub api
{
    my ($method, $path, $value, @more) = @_;
    my @body = defined $value
        ? ('Content-Type' => $method eq 'PATCH'
                             ? 'application/merge-patch+json'
                             : 'application/json',
           ':body' => $Json->encode($value))
        : ();

    return Tenant::HTTP::http($Api, $method, "/v1$path", @more, @body);
}


sub escaped
{
    return $_[0] =~ s/([^A-Za-z0-9.-])/sprintf '%%%02X', ord $1/ger;
}


# The member by which one can see who wrote an object last.
sub member
{
    my ($path) = @_;

    return $path =~ m{^/tenants/} ? 'name'
         : $path =~ m{^/issuers/} ? 'max_age' : 'reason';
}


# An object of a kind that nobody else has: its collection and its id, and two
# bodies that say the same of it, but for the member that changes.
sub object
{
    my ($kind, $key) = @_;

    return { kind => 'tenants', id => "t$key", bodies => [
        { id => "t$key", tier => 'basic', status => 'suspended',
          issuers => [$Shared] },
        { id => "t$key", tier => 'basic', status => 'suspended',
          routes => { support => { model => 'pool' } } }] } if $kind == 0;

    return { kind => 'issuers', id => "https://i$key.test", bodies => [
        { iss => "https://i$key.test", tenant_claim => 'tenant',
          jwks_file => $Registry->{jwks}{'shared.jwks'} },
        { iss => "https://i$key.test", jwks_uri => 'https://i.test/jwks',

          # a tenant has 32 issuers at most
          $key =~ /0$/ ? (tenant => 'acme', subject_namespace => "i$key")
                       : (tenant_claim => 'org') }] }
        if $kind == 1;

    return { kind => 'revocations', id => "jti:$Shared r$key", bodies => [
        map { { issuer => $Shared, jti => "r$key",
                expires => int(time) + $_ } } 10_000, 20_000] };
}


# Writes until it is told to end.  Each line of its log is an intention, "?",
# or what was answered, "=", with the path and what the member is then.
sub client
{
    my ($number) = @_;
    my $log = "$Dir/client.$number";
    my $seed = int rand 1e9;
    my $pid = fork // die "fork: $!\n";

    return { pid => $pid, log => $log } if $pid;

    my $stop;

    srand $seed;
    $SIG{TERM} = sub { $stop = 1 };
    open my $out, '>', $log or POSIX::_exit(1);
    $out->autoflush(1);

    my @objects;

    for (my $n = 1; !$stop; $n++) {
        my $what = @objects < 5 ? 0 : int rand 4;
        my $object = $what == 0 ? object($n % 3, "$number-$n")
                                : $objects[rand @objects];
        my $path = "/$object->{kind}/" . escaped($object->{id});
        my $name = $object->{kind} eq 'issuers' ? $n : "name $n";
        my %member = (member($path) => $name);
        my ($first, $second) = @{ $object->{bodies} };
        my @request =
            $what == 0 ? (POST => "/$object->{kind}", { %$first, %member })
          : $what == 1 ? (PUT => $path, { %$second, %member })
          : $what == 2 ? (PATCH => $path, \%member)
                       : (DELETE => $path);
        my $then = $what == 3 ? '-' : $name;

        print {$out} "? $path $then\n";

        my $res = eval { api(@request) };

        if (!$res || $res->status >= 500) {
            sleep 0.02;
            next;
        }

        # it may have been deleted by a request that had no answer
        next if $res->status == 404 || $res->status == 409;

        # refused, which says that it was not
        if ($res->status == 422 && $res->body =~ /has more than 32 issuers/) {
            print {$out} "- $path $then\n";
            next;
        }

        print {$out} "= $path $then\n" if $res->status < 300;
        print {$out} "! ", $res->status, ' ', $res->body, "\n"
            if $res->status >= 300;
        push @objects, $object if $what == 0;
        @objects = grep { $_ != $object } @objects if $what == 3;
    }

    POSIX::_exit(0);
}


# What the log says: the newest answer of each path, and the intentions after it
# that may have been carried out.  "-" takes the last of them back.
sub read_log
{
    my ($log) = @_;

    open my $in, '<', $log or die "$log: $!\n";

    while (my $line = <$in>) {
        my ($sign, $path, $name) = $line =~ /^([-?=!]) (\S+) (.*)$/ or next;
        my $entry = $want{$path} //= { last => undef, unknown => [] };

        fail("refused: $line") if $sign eq '!';
        $name = undef if $name eq '-';
        push @{ $entry->{unknown} }, $name if $sign eq '?';
        pop @{ $entry->{unknown} } if $sign eq '-';
        @$entry{qw(last unknown)} = ($name, []) if $sign eq '=';
    }
}


# From the bodies, as the module does.
sub refs
{
    my @refs;

    for my $row (@{ $Db->selectall_arrayref(
                        'SELECT kind, id, body FROM objects') })
    {
        my ($kind, $id, $body) = @$row;
        my $object = JSON::PP->new->decode($body);
        my %seen;

        push @refs, grep { !$seen{$_}++ }
            (map { defined $object->{ $_->[0] }
                       ? "$kind $id $_->[1] $object->{ $_->[0] }" : () }
                 ['tier', 1], ['tenant', 3], ['issuer', 4]),
            (map { "$kind $id 4 $_" } @{ $object->{issuers} // [] }),
            (map { "$kind $id 2 $_" } keys %{ $object->{routes} // {} });
    }

    return [sort @refs];
}
