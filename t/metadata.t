# Protected resource metadata (RFC 9728): what a client needs to log in is
# found with nothing but the 401.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();

my $Registry = registry();

my $Server = Tenant::Server->new(
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
CONF
    server => <<'CONF',
tenant_auth on;

location ~ "^/t/(?<t>[a-z0-9-]+)/mcp$" {
    tenant_resource https://gw.test/t/$t/mcp;
    tenant_scopes mcp:tools mcp:read;
    tenant_authorization_servers tenant=$t;
    return 204;
}
location = / { tenant_resource https://gw.test/; try_files /none @ok; }
location /host { tenant_resource https://gw.test; try_files /none @ok; }
location /port { tenant_resource https://gw.test:8443/a/b; deny all; }
location /query { tenant_resource https://gw.test/a?b=c; try_files /none @ok; }
location /listed {
    tenant_resource https://gw.test/listed;
    tenant_authorization_servers https://a.test https://b.test/x;
    try_files /none @ok;
}
location /variable {
    tenant_resource https://gw.test/$arg_x;
    try_files /none @ok;
}
location /bytes { tenant_resource https://gw.test$uri; try_files /none @ok; }
location /none { try_files /none @ok; }
location /off { tenant_auth off; tenant_resource https://gw.test/off; }
location /plain { tenant_auth off; return 200 secret; }
location @ok { return 204; }

location ^~ /.well-known/oauth-protected-resource {
    tenant_auth off;
    tenant_metadata;
}
CONF
);

$Server->start or die $Server->error_log;

my $WELL_KNOWN = '/.well-known/oauth-protected-resource';
my $ALL = ['https://acme.idp.test', 'https://shared.idp.test'];
my @SCOPES = ('mcp:tools', 'mcp:read');


# The challenge's parameters.
sub challenge
{
    my ($path, @headers) = @_;
    my $text = $Server->request(GET => $path, @headers)
                      ->header('WWW-Authenticate') // '';

    return { $text =~ /(\w+)="([^"]*)"/g };
}


# path => [resource, authorization servers, scopes]
my %Resources = (
    '/t/acme/mcp' => ['https://gw.test/t/acme/mcp',
                      ['https://acme.idp.test'], \@SCOPES],
    '/t/globex/mcp' => ['https://gw.test/t/globex/mcp',
                        ['https://shared.idp.test'], \@SCOPES],
    '/' => ['https://gw.test/', $ALL],
    '/host' => ['https://gw.test', $ALL],
    '/port' => ['https://gw.test:8443/a/b', $ALL],
    '/listed' => ['https://gw.test/listed',
                  ['https://a.test', 'https://b.test/x']],
);

for my $path (sort keys %Resources) {
    my ($resource, $servers, $scopes) = @{ $Resources{$path} };
    my $res = $Server->request(GET => "$WELL_KNOWN$path");

    is($res->status, 200, "$path has metadata");
    is($res->header('Content-Type'), 'application/json', '... in JSON');
    my $got = $res->json;
    $got->{authorization_servers} =
        [sort @{ $got->{authorization_servers} }];
    is_deeply($got, {
        resource => $resource, authorization_servers => $servers,
        bearer_methods_supported => ['header'],
        $scopes ? (scopes_supported => $scopes) : (),
    }, '... that say what it is');

    $res = $Server->request(HEAD => "$WELL_KNOWN$path");
    is($res->status . $res->body, '200', '... HEAD has no body');
    is($Server->request(GET => "$WELL_KNOWN$path", Authorization => 'Bearer x')
              ->status, 200, '... a token does not matter');
}

is($Server->request(GET => $WELL_KNOWN)->json->{resource},
   'https://gw.test/', 'nothing after the well-known path is the root');

# Section 5.1: the challenge leads there; section 3.1: between host and path

is_deeply(challenge('/listed'), {
    realm => 'tenant',
    resource_metadata => "https://gw.test$WELL_KNOWN/listed",
}, 'the challenge names the URL of the metadata');
is(challenge('/')->{resource_metadata}, "https://gw.test$WELL_KNOWN",
   'of a host with a slash');
is(challenge('/host')->{resource_metadata}, "https://gw.test$WELL_KNOWN",
   'of a host without one');
is(challenge('/port')->{resource_metadata},
   "https://gw.test:8443$WELL_KNOWN/a/b", 'of one with a port');
is(challenge('/query')->{resource_metadata},
   "https://gw.test$WELL_KNOWN/a?b=c", 'of one with a query');
is_deeply(challenge('/none'), { realm => 'tenant' },
          'a location that is no resource has none');

is_deeply(challenge('/listed', Authorization => 'Bearer x.y.z'), {
    %{ challenge('/listed', Authorization => 'Bearer x.y.z') },
    error => 'invalid_token',
    resource_metadata => "https://gw.test$WELL_KNOWN/listed",
}, 'a bad token is led there too');

# What a client sends does not get out of the quotes

for my $x ('a%22', 'a"b', 'a\\b', "a\x80") {
    my $text = $Server->request(GET => "/variable?x=$x")
                      ->header('WWW-Authenticate');
    like($text, qr/\ABearer[ ]realm="tenant"
                   (?:,[ ]resource_metadata="[^"\\\x80-\xff]*")?\z/x,
         "x=$x stays where it is");
}

# Where there is nothing to say

for my $path ('/none', '/off', '/plain', '/missing/x', 'x', '/t/nobody/mcp',
              '/t/acme/mcp/more', "$WELL_KNOWN/listed",
              '/bytes/%ff')
{
    my $res = $Server->request(GET => "$WELL_KNOWN$path");

    is($res->status, 404, "$path has no metadata");
    unlike($res->body, qr/secret/, '... nor is it executed');
}

is($Server->request(POST => "$WELL_KNOWN/listed", ':body' => 'x')->status,
   405, 'POST is not allowed');
is($Server->request(GET => "$WELL_KNOWN/t/hooli/mcp")->status,
   $Server->request(GET => "$WELL_KNOWN/t/nobody-else/mcp")->status,
   'tenants that do not exist look alike');

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
$Server->remove;

# Who operates the gateway is nobody's to learn: issuers of operators are
# listed nowhere, and take no place in the list from others

{
    my $staff = registry(issuer => { map { ("https://a-$_.staff.test" => {
        operators => JSON::PP::true, jwks_file => 'acme.jwks' }) } 1 .. 70 });

    for my $path ($staff->{path},
                  "$staff->{dir}/registry.db seed=$staff->{path}")
    {
        my $kind = $path =~ /seed/ ? 'a database' : 'a document';
        my $server = Tenant::Server->new(
            http => "tenant_registry $path; tenant_policy off;",
            server => <<'CONF');
location /all { tenant_auth on; tenant_resource https://gw.test/all; }
location /staff {
    tenant_auth on;
    tenant_resource https://gw.test/staff;
    tenant_authorization_servers https://a-1.staff.test;
}
location ^~ /.well-known/oauth-protected-resource { tenant_metadata; }
CONF
        $server->start or die $server->error_log;

        my $got = $server->request(GET => "$WELL_KNOWN/all");
        is($got->status, 200, "with operators in $kind there are metadata");
        is_deeply([sort @{ $got->json->{authorization_servers} }], $ALL,
                  '... that list no issuer of theirs');
        is_deeply($server->request(GET => "$WELL_KNOWN/staff")
                         ->json->{authorization_servers},
                  ['https://a-1.staff.test'],
                  '... unless the location names it');
        ok($server->quit, '... nginx quits');
        is_deeply([$server->faults], [],
                  '... no sanitizer has found anything');
        $server->remove;
    }
}

{
    my $bad = Tenant::Server->new(
        server => 'tenant_authorization_servers a.test;');
    ok(!$bad->start, 'an authorization server is a URL');
    like($bad->error_log, qr/tenant_authorization_servers: "a.test" is no URL/,
         '... or an error');
    $bad->remove;
}

done_testing();
