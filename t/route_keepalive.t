# Connections to upstream servers: kept, and never shared between tenants,
# though nginx's keepalive looks at nothing but addresses.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::IP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Agent = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    return "$request->{connection}";
});

# every second request of a connection finds it closed
my $Fickle = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;

    if ($request->{request} == 2) {
        $connection->{close} = 1;
        return undef;
    }

    return "$request->{connection}";
});

my $Socket = fixture_dir() . '/agent.sock';
my $Ipv6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0,
                               Listen => 1) ? 1 : 0;
my $Port6 = free_port();

my %Server = (
    tcp    => '127.0.0.1:' . $Agent->port,
    unix   => "unix:$Socket",
    fickle => '127.0.0.1:' . $Fickle->port,
    ipv6   => "[::1]:$Port6",
);

my @tenants = qw(acme globex initech);
my $Shared = ['https://shared.idp.test'];
my $Registry = registry(
    tier => { basic => { routes => {
        cell => { model => 'silo', servers => [$Server{tcp}] } } } },
    tenant => { map { $_ => {
        tier => 'basic', $_ eq 'acme' ? () : (issuers => $Shared),
        routes => { map { $_ => { model => 'silo',
                                  servers => [$Server{$_}] } }
                        keys %Server } } } @tenants },
    agent => { map { $_ => {} } keys %Server, 'pooled', 'cell' });

my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = (acme => token(),
             map { $_ => token(key => 'shared_rs256', tenant => $_) }
                 qw(globex initech));

my $Listen6 = $Ipv6 ? "listen [::1]:$Port6;" : '';
my $Gateway = Tenant::Server->new(
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server $Server{tcp};
        keepalive 16;
    }

    upstream shared {
        tenant_route keepalive=shared;
        server $Server{tcp};
        keepalive 16;
    }

    upstream apart {
        tenant_route keepalive=tenant;
        server unix:$Socket;
        keepalive 16;
    }

    upstream spread {
        least_conn;
        tenant_route;
        server $Server{tcp};
        server $Server{tcp};
        keepalive 16;
    }

    server {
        listen unix:$Socket;
        $Listen6
        location / { return 200 \$connection; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        proxy_http_version 1.1;
        proxy_set_header Connection "";

        location ~ ^/(?<to>agents|shared|apart|spread)/(?<agent>[a-z0-9]+) {
            tenant_auth on;
            tenant_agent $agent;
            proxy_pass http://$to;
        }
EOF_SERVER
);

$Gateway->start or die $Gateway->error_log;


# The number of the connection that a tenant's request went over.
sub connection
{
    my ($tenant, $path) = @_;
    my $res = $Gateway->request(
        GET => $path, Authorization => "Bearer $Token{$tenant}");

    return $res->status == 200 ? $res->body : "status " . $res->status;
}


# Each tenant's requests go over one connection, and no two share one.
sub kept_apart
{
    my ($path, $title) = @_;
    my %first = map { $_ => connection($_, $path) } @tenants;
    my %again = map { $_ => connection($_, $path) } reverse @tenants;

    subtest "$title: kept for one tenant, never for two" => sub {
        like($first{$_}, qr/^\d+$/, "$_ is answered") for @tenants;
        is_deeply(\%again, \%first, 'each comes back over its own');
        is(scalar(keys %{ { reverse %first } }), 3, 'and has its own');
    };
}


kept_apart('/agents/tcp', 'a silo address of three tenants');
kept_apart('/agents/cell', 'a silo of their tier');
kept_apart('/agents/unix', 'a UNIX-domain socket of three tenants');
kept_apart('/agents/pooled', 'the pool');
kept_apart('/apart/pooled', 'a pool of a UNIX-domain socket');
kept_apart('/spread/pooled', 'a pool behind least_conn');

SKIP: {
    skip 'no IPv6 on this machine', 1 unless $Ipv6;
    kept_apart('/agents/ipv6', 'an IPv6 address of three tenants');
}

{
    my %seen = map { connection($_, '/shared/pooled') => 1 }
                   @tenants, @tenants;

    is(scalar(keys %seen), 1,
       'keepalive=shared: one connection of the pool serves all');

    my %silo = map { connection($_, '/shared/tcp') => 1 } @tenants, @tenants;
    is(scalar(keys %silo), 3, '... but those of silos are not shared');
}

{
    my @numbers = map { connection('acme', '/agents/fickle') } 1 .. 4;

    is_deeply([grep { !/^\d+$/ } @numbers], [],
              'a kept connection that the server closes is replaced');
    unlike($Gateway->error_log, qr/silo server \S+ failed/,
           '... and not counted as a failure of the server');
}

$Gateway->quit;
is_deeply([$Gateway->faults], [], 'no sanitizer has found anything');
$Gateway->remove;

done_testing();
