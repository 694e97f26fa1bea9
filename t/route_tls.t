# TLS to silos: each with its own name, verified, also where other tenants
# are behind the same address, and never without TLS if the route says so.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Dir = fixture_dir();
my $Tls = free_port();
my $Live = "$Dir/live";
my $Pool = Tenant::Upstream->new(respond => sub {
    return 'pool ' . join ',', Tenant::Upstream::header($_[0], 'Host');
});
my $Plain = free_port();


sub openssl
{
    my (@args) = @_;

    my $out = qx(openssl @args 2>&1);
    $? == 0 or die "openssl @args: $out";
}


# An authority, and a certificate of it for each name.
openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
        "-keyout $Dir/ca.key -out $Dir/ca.pem -days 30 -subj '/CN=ca'");

for my $name (qw(acme.agents.test globex.agents.test 127.0.0.1 other.test)) {
    write_fixture("$name.ext", "subjectAltName=DNS:$name\n");
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
            "-keyout $Dir/$name.key -out $Dir/$name.csr -subj '/CN=x'");
    openssl("x509 -req -in $Dir/$name.csr -CA $Dir/ca.pem",
            "-CAkey $Dir/ca.key -CAcreateserial -days 30",
            "-extfile $Dir/$name.ext -out $Dir/$name.pem");
}


# servers by SNI on one port; each says its name, and the one without a name
# gets who knows nobody
my $Servers = join "\n", map { my $name = $_; <<"CONF" }
    server {
        listen 127.0.0.1:$Tls ssl;
        server_name $name;
        ssl_certificate $Dir/$name.pem;
        ssl_certificate_key $Dir/$name.key;
        access_log $Dir/tls.log tls;
        location / {
            set \$said "$name sni=\$ssl_server_name host=\$host";
            return 200 "\$said \$connection \$ssl_session_reused";
        }
    }
CONF
    qw(other.test acme.agents.test globex.agents.test);


sub silo
{
    my ($more, @servers) = @_;

    return { model => 'silo', tls => \1, %$more,
             servers => [@servers ? @servers : "127.0.0.1:$Tls"] };
}


sub rewrite
{
    my ($acme) = @_;

    return registry(
        dir => $Live,
        tier => { basic => { routes => {
            cell => silo({ server_name => 'other.test' }) } } },
        tenant => {
            acme => { routes => {
                support => silo({ server_name => $acme }),
                wrong => silo({ server_name => 'wrong.agents.test' }),
                unnamed => silo({}),
                plain => { model => 'silo',
                           servers => ["127.0.0.1:$Plain"] },
                again => silo({ server_name => $acme },
                              '127.0.0.1:' . free_port(),
                              "127.0.0.1:$Tls"),
            } },
            globex => { routes => { support =>
                silo({ server_name => 'globex.agents.test.' }) } },
        },
        agent => { map { $_ => {} } qw(wrong unnamed plain again cell) });
}


my $Registry = rewrite('acme.agents.test');
my $Policy = write_fixture('open.cedar',
                           'permit(principal, action, resource);');
my %Token = (acme => token(),
             map { $_ => token(key => 'shared_rs256', tenant => $_) }
                 qw(globex initech));

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    log_format tls '\$ssl_server_name';
    $Servers

    server {
        listen 127.0.0.1:$Plain;
        location / { return 200 plain; }
    }

    tenant_registry $Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Pool->port };
        keepalive 8;
    }

    upstream closed {
        tenant_route;
        server 127.0.0.1:$Tls;
    }

    upstream shared {
        tenant_route keepalive=shared;
        server 127.0.0.1:$Tls;
    }

    proxy_ssl_server_name on;
    proxy_ssl_name \$tenant_server_name;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate $Dir/ca.pem;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host \$tenant_server_name;
EOF_HTTP
    server => <<'EOF_SERVER',
        location ~ ^/mixed/(?<mixed>[a-z]+) {
            tenant_auth on;
            tenant_agent $mixed;
            proxy_pass $tenant_scheme://agents;
        }

        location ~ ^/tls/(?<tls>[a-z]+) {
            tenant_auth on;
            tenant_agent $tls;
            proxy_pass https://agents;
        }

        location ~ ^/closed/(?<closed>[a-z]+) {
            tenant_auth on;
            tenant_agent $closed;
            proxy_pass https://closed;
        }

        location ~ ^/named/(?<named>[a-z]+) {
            tenant_auth on;
            tenant_agent $named;
            proxy_ssl_name other.test;
            proxy_pass https://closed;
        }

        location ~ ^/shared/(?<shared>[a-z]+) {
            tenant_auth on;
            tenant_agent $shared;
            proxy_ssl_name other.test;
            proxy_pass https://shared;
        }

        location ~ ^/http/(?<http>[a-z]+) {
            tenant_auth on;
            tenant_agent $http;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub ask
{
    my ($tenant, $path) = @_;
    my $res = $Server->request(
        GET => $path, Authorization => "Bearer $Token{$tenant}");

    return $res->status == 200 ? $res->body : $res->status;
}


sub handshakes
{
    open my $in, '<', "$Dir/tls.log" or return '';
    local $/;
    return <$in> // '';
}


my %Number;

for my $path ('/mixed/support', '/tls/support') {
    for my $tenant (qw(acme globex)) {
        my $name = "$tenant.agents.test";

        for my $turn (1, 2) {
            my $body = ask($tenant, $path);

            like($body, qr/^\Q$name sni=$name host=$name\E /,
                 "$path: $tenant reaches its server, verified by its name");
            my ($number, $reused) = $body =~ /(\d+) (\S)$/;
            $Number{$tenant}{$number}++;
            is($reused, '.', '... with no TLS session of another');
        }
    }
}

is_deeply([map { scalar keys %{ $Number{$_} } } qw(acme globex)], [1, 1],
          'a connection is kept for each, also with $tenant_scheme');
is_deeply([grep { $Number{acme}{$_} } keys %{ $Number{globex} }], [],
          '... and not shared, though the address is one');

is(ask('initech', '/mixed/support'), 'pool agents',
   'the pool is asked without TLS in the same location');
is(ask('initech', '/http/support'), 'pool agents',
   '... by the name of the block, also where that is fixed');
is(ask('acme', '/mixed/plain'), 'plain', '... and so is a silo without tls');

like(ask('acme', '/mixed/again'), qr/^acme\.agents\.test /,
     'after a server that is down the next is verified by the name too');

{
    my $before = handshakes();

    is(ask('acme', '/mixed/wrong'), 502,
       'a server that cannot prove its name is a 502');
    ok($Server->wait_log(qr/certificate does not match "wrong\.agents\.test"/,
                         2), '... and the log says why');
    is(ask('acme', '/mixed/unnamed'), 502,
       'without server_name it has to prove the host of its address');
    ok($Server->wait_log(qr/certificate does not match "127\.0\.0\.1"/, 2),
       '... as the log says');
    is(handshakes(), $before, '... and no request is sent to either');
}

{
    my $before = handshakes();

    is(ask('acme', '/http/support'), 500,
       'a route with tls is not served without');
    ok($Server->wait_log(qr/\[error\].*tenant\ "acme":\ the\ silo\ has\ "tls",
                            \ but\ this\ location\ has\ no\ https/x, 2),
       '... and the log says so');
    is(handshakes(), $before, '... and nothing is sent');
}

is(ask('acme', '/tls/plain'), 502,
   'a location that insists on TLS does not go without');


# TLS sessions: "r" is a resumed one.

sub resumed
{
    my ($tenant, $path) = @_;
    my ($reused) = ask($tenant, $path) =~ / (\S)$/;

    return $reused;
}

is(join('', map { resumed($_, '/closed/support') }
                qw(acme acme globex globex acme globex)), '.r.rrr',
   'a silo resumes its own TLS sessions, and nobody else does');
is(resumed('acme', '/closed/support'), 'r', '... once more');
like(ask('acme', '/named/support'), qr/ sni=other\.test .* \.$/,
     '... and not by another name, which is verified anew');
is(join('', map { resumed($_, '/closed/cell') } qw(globex initech globex)),
   '...', 'what tenants of a tier have in common resumes none');
is(join('', map { resumed($_, '/named/support') } qw(initech initech)),
   '..', 'the pool resumes none');
is(join('', map { resumed('initech', '/shared/support') } 1, 2), '.r',
   '... unless connections are shared');


# A name that changes: nothing goes over the old connection any more.
{
    my ($number) = ask('acme', '/mixed/support') =~ /(\d+) .$/;

    rewrite('globex.agents.test');
    $Server->reload or die $Server->error_log;

    my $body = ask('acme', '/mixed/support');
    like($body, qr/^globex\.agents\.test sni=globex\.agents\.test /,
         'a new server_name is a new connection');

    rewrite('wrong.agents.test');
    $Server->reload or die $Server->error_log;
    is(ask('acme', '/mixed/support'), 502, '... and is verified anew');
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
