# Routes of tenants that a database has, which come and go in a worker's
# memory: what is known of servers, names and sessions outlives them.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::DNS;
use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Tenants = 60;
my $Dead = free_port();
my $Port = free_port();
my $Shared = 'https://shared.idp.test';
my %Agent = map { my $name = $_;
                  $name => Tenant::Upstream->new(respond => sub { $name }) }
                qw(one two);
my $Dns = Tenant::DNS->new(
    'agent.test' => { A => ['127.0.0.1'], ttl => 1 });

my @Live = map { '127.0.0.1:' . $_->port } @Agent{qw(one two)};
my $Named = 'agent.test:' . $Agent{one}->port;
my %Routes = (
    support => { model => 'silo', servers => [@Live] },
    half    => { model => 'silo', servers => [
        { address => "127.0.0.1:$Dead", fail_timeout => 600 }, $Live[0]] },
    named   => { model => 'silo', servers => [$Named, $Live[1]] },
);

my $Registry = registry(
    tenant => { map { ("t$_" => { tier => 'basic', issuers => [$Shared],
                                  routes => \%Routes }) } 1 .. $Tenants },
    tier => { basic => { routes => {
        cell => { model => 'silo', servers => [$Named] } } } },
    agent => { half => {}, named => {}, cell => {} });

my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = map { ("t$_" => token(key => 'shared_rs256', tenant => "t$_")) }
                1 .. $Tenants;
my $Database = fixture_dir() . '/database/registry.db';

# room for a few tenants only
my $Server = Tenant::Server->new(
    workers => 2,
    http => <<"EOF_HTTP",
    resolver 127.0.0.1:${\ $Dns->port };
    resolver_timeout 2s;
    tenant_route_allow 127.0.0.1;

    tenant_registry $Database seed=$Registry->{path};
    tenant_registry_cache 32k;
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route session=\$http_mcp_session_id;
        server 127.0.0.1:1;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$Port reuseport;

        location ~ ^/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent \$agent;
            add_header X-Session \$tenant_session always;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://agents;
        }
    }
EOF_HTTP
);

$Server->start or die $Server->error_log;


sub ask
{
    my ($tenant, $agent, %header) = @_;
    my $res = Tenant::HTTP::http($Port, GET => "/$agent",
                                 Authorization => "Bearer $Token{$tenant}",
                                 %header);

    return wantarray ? ($res->status == 200 ? $res->body : $res->status,
                        $res->header('X-Session') // '')
                     : $res->status == 200 ? $res->body : $res->status;
}


sub session { return ('Mcp-Session-Id' => $_[0]) }


# Makes workers forget the tenant.
sub forget
{
    my @wrong;

    for my $n (2 .. $Tenants) {
        for my $agent (qw(support named cell)) {
            my $answer = ask("t$n", $agent);
            push @wrong, "t$n $agent: $answer" if $answer !~ /^(?:one|two)$/;
        }
    }

    return \@wrong;
}


my $At = ask('t1', 'support', session('abc'));
ask('t1', 'half') for 1 .. 20;
my $Failed = () = $Server->error_log =~ /tenant "t1": silo server .* failed/g;
is($Failed, 1, 'a server of a tenant is down');

is_deeply(forget(), [], 'more tenants than there is room for are served');
is_deeply(forget(), [], '... again and again, also by name');

is_deeply([ask('t1', 'support', session('abc'))], [$At, 'kept'],
          'a session is where it was, though its tenant had to go meanwhile');
ask('t1', 'half') for 1 .. 20;
is(scalar(() = $Server->error_log =~ /tenant "t1": silo server .* failed/g),
   1, '... and the server is still known to be down');

$Server->reload or die $Server->error_log;
ask('t1', 'half') for 1 .. 20;
is(scalar(() = $Server->error_log =~ /tenant "t1": silo server .* failed/g),
   1, '... also after a reload');
is_deeply([ask('t1', 'support', session('abc'))], [$At, 'kept'],
          '... as is the session');

$Server->kill_worker;
ask('t1', 'half') for 1 .. 20;
is(scalar(() = $Server->error_log =~ /tenant "t1": silo server .* failed/g),
   1, '... and after a worker crashed');
is_deeply(forget(), [], '... whose successor serves as it did');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;


# The resolver that the names need is taken out of the configuration.
{
    my $server = Tenant::Server->new(
        http => <<"EOF_HTTP",
    tenant_registry $Database;
    tenant_policy_file $Policy;
    upstream agents { tenant_route; server 127.0.0.1:1; }
EOF_HTTP
        server => <<'EOF_SERVER',
        location ~ ^/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent $agent;
            proxy_pass http://agents;
        }
EOF_SERVER
    );

    $server->start or die $server->error_log;

    my $ask = sub {
        my $res = $server->request(GET => "/$_[0]",
                                   Authorization => "Bearer $Token{t1}");
        return $res->status == 200 ? $res->body : $res->status;
    };

    is($ask->('cell'), 502, 'a name without a resolver is a 502');
    ok($server->wait_log(qr/\[error\].*"agent\.test"\ could\ not\ be\ resolved
                            \ \(there\ is\ no\ "resolver"\)/x, 2),
       '... and the log says why');
    is($ask->('named'), 'two', '... unless another server has an address');

    $server->quit;
    is_deeply([$server->faults], [], 'no sanitizer has found anything');
    $server->remove;
}

done_testing();
