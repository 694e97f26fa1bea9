package Bench::Registry;

# Gateways with a database of many tenants, and what its API does.

use strict;
use warnings;

use Exporter 'import';
use File::Path ();
use JSON::PP ();
use Time::HiRes qw(time sleep);

use Bench::Setup qw(conf module_path);
use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server ();

our @EXPORT_OK = qw(gateway fill tenant_id user_tokens call memory);

use constant ISSUER => 'https://shared.idp.test';

my $Json = JSON::PP->new->canonical;
my $LIFETIME = 2 * 86400;


# gateway(%opt): name, upstream (a port), workers, fresh => 1 for an empty
# database.  The gateway and its API listen on ports of their own.
sub gateway
{
    my (%opt) = @_;
    my $dir = Tenant::Server::build_dir() . "/bench/registry";
    my $api = free_port();

    $dir = Tenant::Server::project_root() . "/$dir" if $dir !~ m{^/};
    File::Path::make_path($dir);
    File::Path::remove_tree("$dir/$opt{name}.store") if $opt{fresh};

    registry(dir => $dir, port => $opt{upstream}, keys => { shared => ['hs256', 'rs256'] },
        tiers => [{ id => 'basic', model => 'pool' }], tenants => [],
        agents => [{ id => 'support' }],
        issuers => [{ iss => ISSUER, jwks_file => 'shared.jwks',
                      tenant_claim => 'custom:tenantId',
                      algorithms => ['HS256', 'RS256'] }]);
    write_fixture("$dir/open.cedar",
                  "permit(principal, action, resource);\n");

    my $server = Tenant::Server->new(
        prefix => "$dir/$opt{name}", timeout => 60, modules => '',
        workers => $opt{workers} // 1,
        conf => conf($opt{workers} // 1, 'load_module ' . module_path() . ";\n",
                     <<"SERVER", <<"HTTP"));
        location /agents/support/ {
            tenant_auth         on;
            tenant_agent        support;
            tenant_headers      default;
            proxy_pass          http://agents;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
        }

        location = /who {
            tenant_auth         on;
            tenant_policy       off;
            tenant_agent        support;
            add_header          X-Worker \$pid always;
            proxy_pass          http://agents;
        }
SERVER
    tenant_registry     $dir/$opt{name}.store/registry.db  seed=$dir/registry.json;
    tenant_policy_file  $dir/open.cedar;

    upstream agents {
        tenant_route;
        server              127.0.0.1:$opt{upstream};
        keepalive           64;
        keepalive_requests  100000000;
    }

    server {
        listen 127.0.0.1:$api;
        client_max_body_size 0;

        location / {
            tenant_api;
        }
    }
HTTP
    my $started = time;

    $server->start or die "$opt{name}: nginx does not start:\n",
                          $server->error_log, $server->log_text('stderr.log');
    $server->{started_in} = time - $started;
    $server->{api} = $api;

    return $server;
}


sub tenant_id { return sprintf 'tenant-%07d', $_[0] }


sub tenant
{
    my ($n) = @_;

    return { id => tenant_id($n), name => "Tenant $n", tier => 'basic',
             issuers => [ISSUER], attributes => { plan => 'standard' } };
}


# call($server, $method, $path, $value, $type): an answer of the API that is no
# error, decoded.
sub call
{
    my ($server, $method, $path, $value, $type) = @_;
    my $body = ref $value ? $Json->encode($value) : $value;
    my $client = $server->{client} //= Tenant::HTTP->new(
        port => $server->{api}, timeout => 300);
    my $res = $client->request($method, $path,
        defined $body ? ('Content-Type' => $type // 'application/json',
                         ':body' => $body) : ());

    die "$method $path: ", $res->status, ' ', $res->body, "\n"
        if $res->status >= 300;

    return $res;
}


# fill($server, $from, $to): tenants by bulk import; seconds.
sub fill
{
    my ($server, $from, $to) = @_;
    my $started = time;

    while ($from <= $to) {
        my $last = $from + 49_999;
        $last = $to if $last > $to;

        my $lines = join '', map {
            $Json->encode({ kind => 'tenants', op => 'put',
                            object => tenant($_) }) . "\n" } $from .. $last;
        my $res = call($server, POST => '/v1/import', $lines,
                       'application/x-ndjson');

        die "import: ", substr($res->body, 0, 500), "\n"
            if $res->body =~ /"status":[45]/;
        $from = $last + 1;
    }

    return time - $started;
}


# user_tokens($kind, $count, $tenants): the path of a file with that many
# tokens, of as many of the first tenants as there are.
sub user_tokens
{
    my ($kind, $count, $tenants) = @_;
    my $dir = Tenant::Server::build_dir() . '/bench/registry';
    my $path = "$dir/tokens.$kind.$count.$tenants";
    my $key = Tenant::Server::build_dir() . "/fixtures/keys/shared_$kind";

    return $path if -s $path && -s $key
                    && (stat $path)[9] > time - $LIFETIME / 2
                    && (stat $path)[9] >= (stat $key)[9];

    write_fixture($path, join '', map {
        token(key => "shared_$kind", exp_in => $LIFETIME, sub => "user-$_",
              tenant => tenant_id(($_ - 1) % $tenants + 1)) . "\n"
        } 1 .. $count);

    return $path;
}


# Resident and private bytes of the first worker, in MB.
sub memory
{
    my ($server) = @_;
    my ($worker) = $server->workers;

    open my $in, '<', "/proc/$worker/smaps_rollup"
        or die "/proc/$worker/smaps_rollup: $!\n";
    my $text = do { local $/; <$in> };
    my %kb = $text =~ /^(\w+): +(\d+) kB/mg;

    return { rss => $kb{Rss} / 1024,
             own => ($kb{Private_Dirty} + $kb{Private_Clean}) / 1024 };
}


1;
