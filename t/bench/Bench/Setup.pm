package Bench::Setup;

# The processes that are measured: an upstream, a bare gateway, and gateways
# with the full chain that differ from it in our directives only.

use strict;
use warnings;

use Exporter 'import';
use File::Path ();

use Tenant::Fixtures;
use Tenant::Server ();

our @EXPORT_OK = qw(prepare tokens token_count issuers upstream upstream_port
                    bare full key_file conf module_path PATH);

# What is asked for: as short as a route to an agent can be.
use constant PATH => '/agents/support/invocations';

# Tokens live this long, and are made anew when half of it is over.
my $LIFETIME = 2 * 86400;

my @TENANTS = qw(globex initech umbrella acme);
my ($Dir, $Upstream, $Port);


# prepare($policies): writes the registry and at least that many policies
# below build/bench, of which the ones in policies.cedar come into question.
sub prepare
{
    my ($policies) = @_;

    $Dir = Tenant::Server::build_dir() . '/bench';
    $Dir = Tenant::Server::project_root() . "/$Dir" if $Dir !~ m{^/};
    $Port //= free_port();

    File::Path::make_path($Dir);
    registry(
        dir => $Dir, port => $Port,
        keys => { shared => [qw(rs256 es256 ed25519 hs256)] },
        tiers => [
            { id => 'premium', model => 'silo',
              attributes => { long_context => JSON::PP::true() } },
            { id => 'basic', model => 'pool',
              attributes => { long_context => JSON::PP::false() } },
        ],
        tenants => [ map { tenant($_) } @TENANTS ],
        issuers => [
            { iss => 'https://shared.idp.test', jwks_file => 'shared.jwks',
              tenant_claim => 'custom:tenantId',
              audiences => ['agents'],
              algorithms => [qw(RS256 ES256 EdDSA HS256)],
              claims => { roles => 'cognito:groups' } },
        ],
        agents => [
            { id => 'support', protocol => 'http',
              attributes => { sensitivity => 1 } },
            { id => 'analyst', protocol => 'http',
              attributes => { sensitivity => 2 } },
        ],
    );

    write_policies($policies);
}


# The last tenant has a silo, on the address of the pool: what differs is
# the way to it.
sub tenant
{
    my ($id) = @_;
    my %tenant = (id => $id, name => ucfirst $id, tier => 'basic',
                  issuers => ['https://shared.idp.test']);

    return \%tenant if $id ne 'acme';
    return { %tenant, tier => 'premium',
             routes => { support => { model => 'silo',
                                      servers => ["127.0.0.1:$Port"] } } };
}


sub write_policies
{
    my ($wanted) = @_;
    my $path = Tenant::Server::project_root() . '/t/bench/policies.cedar';

    open my $in, '<', $path or die "$path: $!\n";
    my $text = do { local $/; <$in> };
    my $count = () = $text =~ /^(?:permit|forbid)\b/mg;

    # for other agents and other roles
    for my $n ($count + 1 .. $wanted) {
        $text .= <<"CONF";

\@id("filler-$n")
permit (
    principal in Role::"role-$n",
    action == Action::"InvokeAgent",
    resource == Agent::"agent-$n"
)
when { context.method == "POST" };
CONF
    }

    write_fixture("$Dir/policies.cedar", $text);
}


# tokens($kind, $count): the path of a file with that many different tokens
# of a key of the kind (rs256, es256, ed25519, hs256), a line each.
sub tokens
{
    my ($kind, $count) = @_;
    my $path = "$Dir/tokens.$kind.$count";
    my $key = Tenant::Server::build_dir() . "/fixtures/keys/shared_$kind";

    if (-s $path && -s $key) {
        my $minted = (stat $path)[9];

        return $path if $minted > time - $LIFETIME / 2
                        && $minted >= (stat $key)[9];
    }

    # of another name than in a file of another number of them
    write_fixture("$path.new", join '', map {
        my $jti = sprintf '%08x-1111-4111-8111-%012x', $count, $_;

        user_token($kind, $_, jti => $jti) . "\n"
    } 1 .. $count);
    rename "$path.new", $path or die "$path: $!\n";

    return $path;
}


# With the claims that an access token of Cognito has.
sub user_token
{
    my ($kind, $n, %opt) = @_;

    return token(
        key => "shared_$kind", exp_in => $LIFETIME,
        sub => sprintf('%08x-0000-4000-8000-%012x', $n, $n),
        aud => 'agents', scope => 'agents/use agents/read',
        client_id => '1example23456789', token_use => 'access',
        jti => sprintf('%08x-1111-4111-8111-%012x', $n, $n),
        tenant => $TENANTS[($n - 1) % @TENANTS],
        claims => { username => "user-$n", auth_time => time,
                    'cognito:groups' => ['support', 'billing'] },
        %opt,
    );
}


# issuers($kind, $count): the path of a registry with that many issuers, each
# with one key of the kind, and that of a file with a token of each.  A tenant
# has as many of them as it may have.  The key is the same: what it is made of
# does not matter here.
sub issuers
{
    my ($kind, $count) = @_;
    my $dir = "$Dir/issuers.$kind.$count";
    my @issuers = map { {
        iss => "https://idp.test/pools/$_", jwks_file => 'issuer.jwks',
        tenant => 'tenant-' . int($_ / 32), subject_namespace => "pool-$_",
        audiences => ['agents'], claims => { roles => 'cognito:groups' },
    } } 1 .. $count;

    my $registry = registry(
        dir => $dir, port => $Port, issuers => \@issuers,
        jwks => { 'issuer.jwks' => jwks("shared_$kind") },
        tiers => [ { id => 'basic', model => 'pool' } ],
        tenants => [ map { { id => "tenant-$_", tier => 'basic' } }
                         0 .. $count / 32 ],
        agents => [ { id => 'support', protocol => 'http',
                      attributes => { sensitivity => 1 } } ],
    );

    return $registry->{path}, write_fixture("$dir/tokens",
        join '', map { user_token($kind, 1, iss => $_->{iss}, tenant => undef)
                     . "\n" }
                     @issuers);
}


# key_file($kind): what bench-verify takes, the public key or the secret.
sub key_file
{
    my ($kind) = @_;
    my $key = key("shared_$kind");
    my $form = $kind eq 'rs256' ? 'public_x509' : 'public';

    return write_fixture("$Dir/public.$kind",
                         $key->{secret}
                         // $key->{pk}->export_key_pem($form));
}


sub upstream_port { return $Port }


# The agent behind every gateway.
sub upstream
{
    return $Upstream = started(name => 'upstream', port => $Port,
                               conf => conf(1, '', <<'CONF'));
        location / {
            return  200  '{"agent":"support","answer":"hello"}\n';
        }
CONF
}


# bare(%opt), full(%opt): gateways.  Options: binary and env as of
# Tenant::Server, single => 1 for one process; for full() http, pieces of
# configuration at that level, and registry, in place of the one of prepare();
# for bare() verify, an algorithm, the path of a
# key and that of tokens: of these it verifies one for each request.
sub bare
{
    my (%opt) = @_;
    my ($main, $http) = ('', '');

    if ($opt{verify}) {
        $main = 'load_module ' . built('ngx_http_bench_verify_module.so')
                . ';';
        $http = "bench_verify @{ $opt{verify} };";
    }

    return started(name => 'bare', %opt,
                   conf => gateway($opt{single}, $main, $http, '', ''));
}


# What was built stands below a directory that may be relative.
sub built
{
    my ($file) = @_;
    my $path = Tenant::Server::build_dir() . "/$file";

    return $path =~ m{^/} ? $path
                          : Tenant::Server::project_root() . "/$path";
}


sub full
{
    my (%opt) = @_;
    my $module = module_path();
    my $http = $opt{http} // '';
    my $registry = $opt{registry} // "$Dir/registry.json";

    return started(name => 'full', %opt,
                   conf => gateway($opt{single}, "load_module $module;",
                                   <<"CONF", 'tenant_route;', <<'REST'));
    tenant_registry     $registry;
    tenant_policy_file  $Dir/policies.cedar;
    $http
CONF
            tenant_auth     on;
            tenant_agent    support;
            tenant_headers  default;
            tenant_header   X-Memory-Namespace  "/actors/$tenant_actor_id";
REST
}


sub module_path
{
    return built('ngx_http_tenant_module.so');
}


sub gateway
{
    my ($single, $main, $http, $balancer, $location) = @_;
    my $metrics = $balancer eq '' ? '' : 'tenant_metrics;';

    return conf(!$single, $main . "\n", <<"CONF", <<"REST");
        location /agents/support/ {
$location
            proxy_pass          http://agents;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
        }

        location = /metrics {
            $metrics
        }
CONF
$http
    upstream agents {
        $balancer
        server              127.0.0.1:$Port;
        keepalive           64;
        keepalive_requests  100000000;
    }
REST
}


# conf($workers, $main, $server, $http): a configuration; no workers: a
# single process.
sub conf
{
    my ($workers, $main, $server, $http) = @_;
    my $count = $workers || 1;
    my $master = $workers ? 'on' : 'off';
    my $user = $> == 0 ? 'user root;' : '';
    $http //= '';

    return <<"CONF";
$main$user
worker_processes $count;
master_process $master;
error_log %PREFIX%/logs/error.log warn;

events {
    worker_connections 2048;
}

http {
    access_log off;
    default_type application/json;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
%TEMP_PATHS%
$http

    server {
        listen 127.0.0.1:%PORT%;

$server
    }
}
CONF
}


sub started
{
    my (%opt) = @_;
    my $server = Tenant::Server->new(
        prefix => "$Dir/$opt{name}", workers => $opt{single} ? 0 : 1,
        timeout => 30, modules => '', %opt);

    if (!$server->start) {
        die "$opt{name}: nginx does not start:\n", $server->error_log,
            $server->log_text('stderr.log');
    }

    return $server;
}


1;
