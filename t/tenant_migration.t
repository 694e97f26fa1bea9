# A tenant moves from the pool to a silo and back while it is served.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

my $Api = free_port();
my $Pool = Tenant::Upstream->new(respond => sub { "pool\n" });
my $Silo = Tenant::Upstream->new(respond => sub { "silo\n" });
my $Registry = registry(port => $Silo->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Store = fixture_dir() . '/migration/registry.db';

my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    tenant_registry $Store seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Pool->port };
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$Api;
        location / { tenant_api; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my $Token = token(key => 'shared_rs256', tenant => 'globex');
my $Other = token(key => 'shared_rs256', tenant => 'initech');


sub ask
{
    my ($token) = @_;

    return $Server->request(GET => '/', Authorization => "Bearer $token");
}


sub routes
{
    my ($routes) = @_;

    return Tenant::HTTP::http(
        $Api, PATCH => '/v1/tenants/globex',
        'Content-Type' => 'application/merge-patch+json',
        ':body' => JSON::PP->new->encode({ routes => $routes }))->status;
}


# Asks until it is told to end; then what it was answered, and how often.
sub client
{
    pipe my $out, my $in or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    return { pid => $pid, out => $out } if $pid;

    my (%said, $end);
    my $until = time + 60;
    my $client = Tenant::HTTP->new(port => $Server->port);

    local $SIG{TERM} = sub { $end = 1 };

    until ($end || time > $until) {
        my $res = eval { $client->request(GET => '/',
                             Authorization => "Bearer $Token") };

        last if $end && !$res;      # the signal, not nginx
        $said{ !$res ? 'failed' : $res->status == 200 ? $res->body
                                                      : $res->status }++;
    }

    syswrite $in, JSON::PP->new->encode(\%said);
    POSIX::_exit(0);
}


is(ask($Token)->body, "pool\n", 'the tenant is in the pool');

my @clients = map { client() } 1 .. 4;
my %moved = (silo => { support => { model => 'silo',
                                    servers => ['127.0.0.1:' . $Silo->port] } },
             pool => { support => undef });
my ($wrong, $moves) = (0, 0);

sleep 0.2;

for my $n (1 .. 20) {
    my $to = $n % 2 ? 'silo' : 'pool';

    $moves++ if routes($moved{$to}) == 200;

    # the answer of the API is the moment
    $wrong++ for grep { ask($Token)->body ne "$to\n" } 1 .. 8;
    sleep 0.05;
}

is($moves, 20, 'it moves to a silo and back, ten times');
is($wrong, 0, '... and every request after a move goes where it should');
is(ask($Other)->body, "pool\n", 'another tenant stays');

my %said;

for my $client (@clients) {
    kill 'TERM', $client->{pid};

    my $said = JSON::PP->new->decode(scalar readline $client->{out});

    waitpid $client->{pid}, 0;
    $said{$_} += $said->{$_} for keys %$said;
}

is_deeply([sort keys %said], ["pool\n", "silo\n"],
          'meanwhile no request failed') or diag explain \%said;
cmp_ok($said{"silo\n"}, '>', 20, '... of many in the silo');
cmp_ok($said{"pool\n"}, '>', 20, '... and in the pool');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');

done_testing();
