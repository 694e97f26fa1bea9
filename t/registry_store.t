# A registry in a database: made from a document, kept, checked before use.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Agent = Tenant::Upstream->new(respond => sub {
"served\n"
});
my $Policy = write_fixture('open.cedar', "permit(principal, action, resource);\n");
my $Seed = registry(port => $Agent->port);
my $Sequence = 0;


sub store_path { return fixture_dir() . '/store.' . ++$Sequence . '/registry.db' }

sub server
{
    my ($registry, %opt) = @_;
    my $more = delete $opt{http} // "";

    return Tenant::Server->new(
        workers => 2,
        http => <<"EOF_HTTP",
    tenant_registry $registry;
    $more
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
        keepalive 4;
    }
EOF_HTTP
        server => <<'EOF_SERVER',
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
EOF_SERVER
        %opt);
}


sub ask
{
    my ($server, %claims) = @_;

    return $server->request(GET => '/',
                            Authorization => 'Bearer ' . token(%claims));
}


# Starts nginx with a registry: what it complained of, '' if it started.
sub complaint
{
    my $server = server(@_, may_fail => 1);
    my $log = $server->start ? '' : $server->error_log;

    $server->quit if $server->pid;
    push @main::faults, $server->faults;
    $server->remove;
    return $log;
}


# Four bytes of the database's header: its schema, its application.
sub patch
{
    my ($path, $offset, $number) = @_;

    open my $file, '+<:raw', $path or die "$path: $!\n";
    seek $file, $offset, 0;
    print {$file} pack 'N', $number;
    close $file or die "$path: $!\n";
}


my $path = store_path();
my $server = server("$path seed=$Seed->{path}");

$server->start or die $server->error_log;

ok(-s $path, 'the database is made from the seed');
is(ask($server)->status, 200, 'a tenant of the seed is served');
is(join(' ', map { ask($server)->status } 1 .. 8), join(' ', (200) x 8),
   '... by every worker');
is(ask($server, iss => 'https://nobody.idp.test')->status, 401,
   'an issuer that is not in the database is not known');

$server->quit;
push @main::faults, $server->faults;

my $again = server("$path seed=/nonexistent.json");
$again->start or die $again->error_log;
is(ask($again)->status, 200,
   'a database that is there needs its seed no more');
$again->quit;
push @main::faults, $again->faults;

my $small = server($path, http => 'tenant_registry_cache 1k;');
$small->start or die $small->error_log;
is(ask($small)->status, 200, 'a cache that is too small for anything serves')
    for 1 .. 4;
$small->quit;
push @main::faults, $small->faults;


# nginx -t

my $untouched = store_path();
my $test = server("$untouched seed=$Seed->{path}");
$test->prepare;
$test->write_conf;
my $prefix = $test->prefix;
my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $output = qx(LD_PRELOAD="${\ ($ENV{TEST_NGINX_PRELOAD} // '') }" $binary -t -p $prefix -c conf/nginx.conf -e stderr 2>&1);
like($output, qr/test is successful/, 'nginx -t accepts what could be made');
ok(!-e $untouched, '... but makes no database');
$test->remove;


# what is refused

my $broken = registry(set => { tiers => [{ id => 'basic' }] });
my $fresh = store_path();

like(complaint("$fresh seed=$broken->{path}"),
     qr{tenant_registry "\Q$broken->{path}\E": "/tiers/0" has no "model"},
     'what is wrong with a seed is said with its place');

my $keyless = registry(issuer => { 'https://acme.idp.test' => {
    jwks_file => undef, jwks => { keys => [] } } });
like(complaint(store_path() . " seed=$keyless->{path}"),
     qr{key set of issuer "https://acme.idp.test" in jwks: no usable key},
     'keys of a seed are looked at before it is taken');

is(complaint("$fresh seed=$Seed->{path}"), '',
   '... and nothing is left that the next start would take for whole');

like(complaint("$path sead=x"), qr{tenant_registry: invalid parameter "sead=x"},
     'an unknown parameter is refused');
like(complaint("$Seed->{path} seed=$Seed->{path}"),
     qr{"tenant_registry" directive is a document itself},
     'a document takes no seed');

my $foreign = write_fixture('foreign.db', 'not a database at all' x 100);
like(complaint($foreign), qr{tenant_registry "\Q$foreign\E": file is not a data},
     'a file that is no database is refused');

my $other = store_path();
complaint("$other seed=$Seed->{path}");
patch($other, 68, 1);
like(complaint($other), qr{"\Q$other\E" is a database of another program},
     'a database of another program is refused');

my $newer = store_path();
complaint("$newer seed=$Seed->{path}");
patch($newer, 60, 1000);
like(complaint($newer), qr{has schema 1000 of a newer version of the module},
     'a schema of the future is refused');

is_deeply(\@main::faults, [], 'no sanitizer has found anything');

done_testing();
