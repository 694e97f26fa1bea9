# What is wrong with a registry document is said with the place in it: a JSON
# Pointer (RFC 6901) for what was read, line and column for what was not.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my %KeySet = (keys => [jwk('shared_rs256')]);
my $Acme = 'https://acme.idp.test';
my $Shared = 'https://shared.idp.test';
my $Second = 'https://second.idp.test';


# Starts nginx with a document: what it complained of, '' if it started.
sub complaint
{
    my ($path) = @_;
    my $server = Tenant::Server->new(
        http => "tenant_registry $path;", may_fail => 1);
    my $log = $server->start ? '' : $server->error_log;

    $server->quit if $server->pid;
    push @main::faults, $server->faults;
    $server->remove;
    return $log;
}


# the longest path that has room for a tag behind it
my $Long = 'unix:/' . 'a' x 90;

sub tenant { return (tenant => { acme => { @_ } }) }
sub tier { return (tier => { premium => { @_ } }) }
sub issuer { return (issuer => { $Shared => { @_ } }) }
sub prices { return (set => { prices => [@_] }) }
sub revocation { return (set => { revocations => [{ @_ }] }) }
sub agent { return (agent => { support => { @_ } }) }

sub servers
{
    return tenant(routes => { support => { model => 'silo',
                                           servers => [@_] } });
}

sub server
{
    return servers({ address => '127.0.0.1:1', @_ });
}

sub required
{
    return issuer(required_claims => [@_]);
}


# [title, registry() options, JSON Pointer, message]
my @refused = (
    ['unknown member of the document', [set => { tenant => [] }],
     '/tenant', 'unknown member'],
    ['unknown member of a tier', [tier(modell => 'pool')],
     '/tiers/0/modell', 'unknown member'],
    ['unknown member of a tenant', [tenant(teir => 'basic')],
     '/tenants/0/teir', 'unknown member'],
    ['unknown member of an issuer', [issuer(jwks_url => 'https://a.test')],
     '/issuers/1/jwks_url', 'unknown member'],
    ['unknown member of an agent', [agent(url => 'x')],
     '/agents/0/url', 'unknown member'],
    ['unknown member of a route',
     [tenant(routes => { support => { model => 'pool', weight => 1 } })],
     '/tenants/0/routes/support/weight', 'unknown member'],
    ['"~" and "/" in a member name are escaped', [tenant('a/b~c' => 1)],
     '/tenants/0/a~1b~0c', 'unknown member'],

    ['tiers that are no array', [set => { tiers => {} }],
     '/tiers', 'must be an array'],
    ['tenants that are no array', [set => { tenants => {} }],
     '/tenants', 'must be an array'],
    ['a tier that is no object', [set => { tiers => [1] }],
     '/tiers/0', 'must be an object'],
    ['a tenant that is no object', [set => { tenants => ['acme'] }],
     '/tenants/0', 'must be an object'],
    ['an issuer that is no object', [set => { issuers => [undef] }],
     '/issuers/0', 'must be an object'],
    ['an agent that is no object', [set => { agents => [[]] }],
     '/agents/0', 'must be an object'],

    ['a tier without id', [set => { tiers => [{ model => 'pool' }] }],
     '/tiers/0', 'has no "id"'],
    ['a tier without model', [set => { tiers => [{ id => 'a' }] }],
     '/tiers/0', 'has no "model"'],
    ['a tier with a model nobody knows', [tier(model => 'bridge')],
     '/tiers/0/model', 'unknown value "bridge"'],
    ['a tier whose model is no string', [tier(model => 1)],
     '/tiers/0/model', 'must be a string'],
    ['an id that is no string', [set => { tiers => [{ id => 7 }] }],
     '/tiers/0/id', 'must be a string'],
    ['an empty id', [set => { tiers => [{ id => '' }] }],
     '/tiers/0/id', '"" does not match [a-z0-9][a-z0-9-]{0,62}'],
    ['an id with a capital letter', [set => { tiers => [{ id => 'Basic' }] }],
     '/tiers/0/id', '"Basic" does not match [a-z0-9][a-z0-9-]{0,62}'],
    ['an id that starts with "-"', [set => { tenants => [{ id => '-a' }] }],
     '/tenants/0/id', '"-a" does not match [a-z0-9][a-z0-9-]{0,62}'],
    ['an id of 64 characters',
     [set => { tenants => [{ id => 'a' x 64 }] }],
     '/tenants/0/id', 'does not match', 'a' x 64],
    ['an id with the colon that parts actor names',
     [set => { tenants => [{ id => 'a:b' }] }],
     '/tenants/0/id', '"a:b" does not match [a-z0-9][a-z0-9-]{0,62}'],
    ['an agent id that starts with "."',
     [set => { tenants => [], issuers => [], agents => [{ id => '.a' }] }],
     '/agents/0/id', '".a" does not match [A-Za-z0-9][A-Za-z0-9_.-]{0,127}'],
    ['an agent id with "/"',
     [set => { tenants => [], issuers => [], agents => [{ id => 'a/b' }] }],
     '/agents/0/id', '"a/b" does not match [A-Za-z0-9][A-Za-z0-9_.-]{0,127}'],
    ['an agent id of 129 characters',
     [set => { tenants => [], issuers => [],
               agents => [{ id => 'a' x 129 }] }],
     '/agents/0/id', 'does not match', 'a' x 129],
    ['an agent with a protocol nobody knows', [agent(protocol => 'soap')],
     '/agents/0/protocol', 'unknown value "soap"'],

    ['two tiers of one id',
     [set => { tiers => [{ id => 'a', model => 'pool' },
                         { id => 'a', model => 'silo' }] }],
     '/tiers/1', 'repeats the tier "a"'],
    ['two agents of one id',
     [set => { agents => [{ id => 'support' }, { id => 'support' }] }],
     '/agents/1', 'repeats the agent "support"'],
    ['two tenants of one id',
     [set => { tenants => [({ id => 'acme', tier => 'basic' }) x 2] }],
     '/tenants/1', 'repeats the tenant "acme"'],
    ['two issuers of one iss',
     [set => { issuers => [({ iss => $Acme, tenant => 'acme',
                              jwks => \%KeySet }) x 2] }],
     '/issuers/1', "repeats the issuer \"$Acme\""],

    ['a price without "output"', [prices({ id => 'm', input => 1 })],
        '/prices/0', 'has no "output"'],
    ['a price of another currency\'s spelling',
     [prices({ id => 'm', input => '1,5', output => 1 })],
        '/prices/0/input', 'must be 0 to 1000000 USD'],
    ['a price with ten decimals',
     [prices({ id => 'm', input => 1, output => '0.0000000001' })],
        '/prices/0/output', 'must be 0 to 1000000 USD'],
    ['a negative price', [prices({ id => 'm', input => -1, output => 1 })],
        '/prices/0/input', 'must be 0 to 1000000 USD'],
    ['a price whose model has a space',
     [prices({ id => 'a b', input => 1, output => 1 })],
        '/prices/0/id', 'must be printable ASCII'],
    ['two prices of one model',
     [prices(({ id => 'm', input => 1, output => 1 }) x 2)],
        '/prices/1', 'repeats the price "m"'],
    ['a revocation of nothing', [revocation(expires => 9_000_000_000)],
        '/revocations/0', 'needs "issuer" or "tenant", and not both'],
    ['a revocation of a whole issuer without a time',
     [revocation(issuer => $Acme, expires => 9_000_000_000)],
        '/revocations/0', 'needs "issued_before"'],
    ['a revocation of one token and a subject',
     [revocation(issuer => $Acme, jti => 'a', sub => 'b', expires => 9_000_000_000)],
        '/revocations/0', 'of a "jti" takes neither'],
    ['a revocation of a tenant\'s token',
     [revocation(tenant => 'acme', jti => 'a', expires => 9_000_000_000)],
        '/revocations/0', 'of a tenant takes neither'],
    ['a revocation of an issuer that is not there',
     [revocation(issuer => 'https://x.test', jti => 'a', expires => 9_000_000_000)],
        '/revocations/0/issuer', 'names no issuer: "https://x.test"'],
    ['a revocation that never ends', [revocation(issuer => $Acme, jti => 'a')],
        '/revocations/0', 'has no "expires"'],
    ['a revocation under another one\'s id',
     [revocation(id => 'jti:x', issuer => $Acme, jti => 'a', expires => 9_000_000_000)],
        '/revocations/0/id', "has to be \"jti:$Acme a\""],
    ['a revocation of fractions of a second',
     [revocation(issuer => $Acme, issued_before => 1.5, expires => 9_000_000_000)],
        '/revocations/0/issued_before', 'must be a NumericDate'],

    ['a tenant without tier', [tenant(tier => undef)],
     '/tenants/0', 'has no "tier"'],
    ['a tenant whose tier is no string', [tenant(tier => [])],
     '/tenants/0/tier', 'must be a string'],
    ['a tenant of a tier that is not there', [tenant(tier => 'gold')],
     '/tenants/0/tier', 'names no tier: "gold"'],
    ['a tenant whose name is no string', [tenant(name => 1)],
     '/tenants/0/name', 'must be a string'],
    ['a tenant with a status nobody knows', [tenant(status => 'deleted')],
     '/tenants/0/status', 'unknown value "deleted"'],
    ['a tenant whose issuers are no array', [tenant(issuers => $Acme)],
     '/tenants/0/issuers', 'must be an array'],
    ['a tenant whose issuer is no string', [tenant(issuers => [$Acme, 1])],
     '/tenants/0/issuers/1', 'must be a string'],
    ['a tenant of an issuer that is not there',
     [tenant(issuers => [$Acme, 'https://nobody.test'])],
     '/tenants/0/issuers/1', 'names no issuer: "https://nobody.test"'],
    ['a tenant that lists the issuer bound to another',
     [tenant => { globex => { issuers => [$Shared, $Acme] } }],
     '/tenants/1/issuers/1', 'is bound to another tenant: "acme"'],
    ['a tenant with 33 issuers',
     [tenant(issuers => [($Shared) x 33])],
     '/tenants/0', 'has more than 32 issuers'],
    ['two issuers whose subjects would be the same people',
     [tenant(issuers => [$Acme, $Shared])],
     '/tenants/0/issuers/1', "issuers \"$Acme\" and \"$Shared\" need "
     . 'different "subject_namespace"s'],
    ['two issuers with the same name space',
     [tenant(issuers => [$Shared]),
      issuer => { $Acme => { subject_namespace => 'x' },
                  $Shared => { subject_namespace => 'x' } }],
     '/tenants/0', 'need different "subject_namespace"s', $Shared],

    ['routes that are no object', [tenant(routes => [])],
     '/tenants/0/routes', 'must be an object'],
    ['a route that is no object', [tenant(routes => { support => 'pool' })],
     '/tenants/0/routes/support', 'must be an object'],
    ['a route to what is no agent id',
     [tenant(routes => { 'a b' => { model => 'pool' } })],
     '/tenants/0/routes/a b', '"a b" is no agent id'],
    ['a route to an agent that is not there',
     [tenant(routes => { other => { model => 'pool' } })],
     '/tenants/0/routes/other', 'names no agent: "other"'],
    ['a route without model', [tenant(routes => { support => {} })],
     '/tenants/0/routes/support', 'has no "model"'],
    ['a silo without servers',
     [tenant(routes => { support => { model => 'silo' } })],
     '/tenants/0/routes/support', 'is a silo without "servers"'],
    ['a silo with an empty list of servers', [servers()],
     '/tenants/0/routes/support/servers',
     'must be an array of 1 to 64 servers'],
    ['a silo whose servers are no array',
     [tenant(routes => { support => { model => 'silo',
                                      servers => '127.0.0.1:1' } })],
     '/tenants/0/routes/support/servers',
     'must be an array of 1 to 64 servers'],
    ['a silo of 65 servers', [servers(map { "127.0.0.1:$_" } 1 .. 65)],
     '/tenants/0/routes/support/servers',
     'must be an array of 1 to 64 servers'],
    ['a pool with servers',
     [tenant(routes => { support => { model => 'pool',
                                      servers => ['127.0.0.1:1'] } })],
     '/tenants/0/routes/support/servers', 'belongs to a silo'],
    ['a server that is no string', [servers('127.0.0.1:1', 8080)],
     '/tenants/0/routes/support/servers/1',
     'must be a string or an object'],
    ['a server without address', [servers({ weight => 1 })],
     '/tenants/0/routes/support/servers/0', 'has no "address"'],
    ['a server whose address is no string', [servers({ address => 1 })],
     '/tenants/0/routes/support/servers/0/address', 'must be a string'],
    ['a server with a bad address', [servers({ address => '127.0.0.1' })],
     '/tenants/0/routes/support/servers/0/address', 'has no port'],
    ['an unknown member of a server', [server(slow_start => 1)],
     '/tenants/0/routes/support/servers/0/slow_start', 'unknown member'],
    (map { my ($name, $value, $from, $to) = @$_;
           ["a server with $name $value", [server($name => $value)],
            "/tenants/0/routes/support/servers/0/$name",
            "must be an integer from $from to $to"] }
         ['weight', 0, 1, 100], ['weight', 101, 1, 100],
         ['weight', '5', 1, 100], ['weight', 1.5, 1, 100],
         ['max_fails', -1, 0, 1000], ['max_fails', 1001, 0, 1000],
         ['fail_timeout', 0, 1, 86400], ['fail_timeout', '10s', 1, 86400],
         ['fail_timeout', 86401, 1, 86400]),
    (map { ["a server whose $_ is no boolean", [server($_ => 1)],
            "/tenants/0/routes/support/servers/0/$_",
            'must be true or false'] } qw(backup drain)),
    ['a silo of backup servers', [server(backup => \1)],
     '/tenants/0/routes/support/servers', 'has nothing but backup servers'],
    ['a route with tls that is no boolean',
     [tenant(routes => { support => { model => 'silo', tls => 'on',
                                      servers => ['127.0.0.1:1'] } })],
     '/tenants/0/routes/support/tls', 'must be true or false'],
    ['a route with a server_name that is none',
     [tenant(routes => { support => { model => 'silo',
                                      server_name => 'a b',
                                      servers => ['127.0.0.1:1'] } })],
     '/tenants/0/routes/support/server_name', '"a b" is no host name'],
    ['a pool with tls',
     [tenant(routes => { support => { model => 'pool', tls => \1 } })],
     '/tenants/0/routes/support/tls', 'belongs to a silo'],
    ['no route with servers',
     [tenant(routes => { support => { model => 'none',
                                      servers => ['127.0.0.1:1'] } })],
     '/tenants/0/routes/support/servers', 'belongs to a silo'],
    ['a tier without routes for any agent there is',
     [tier(routes => { other => { model => 'pool' } })],
     '/tiers/0/routes/other', 'names no agent: "other"'],
    ['a server without port', [servers('127.0.0.1')],
     '/tenants/0/routes/support/servers/0', '"127.0.0.1" has no port'],
    ['a server by host name', [servers('agent.test:80')],
     '/tenants/0/routes/support/servers/0',
     '"agent.test" is a host name, which needs "resolver" in the http '
     . 'block'],
    ['a host name among the servers of a tier',
     [tier(routes => { support => {
          model => 'silo', servers => ['127.0.0.1:1', 'agent.test:80'] } })],
     '/tiers/0/routes/support/servers/1', '"agent.test" is a host name'],
    (map { ["\"$_\" as a server", [servers("$_:80")],
            '/tenants/0/routes/support/servers/0',
            "\"$_:80\" is neither an IP address nor a host name, with a "
            . 'port'] }
         'agent..test', '-agent.test', 'agent-.test', 'agent.test-',
         'ag ent.test', 'a' x 64 . '.test', 'a.' x 127 . 'a', '10.1',
         '2130706433', 'agent.9', 'agent,test', '.', '*'),
    ['a server with a port that is none', [servers('127.0.0.1:65536')],
     '/tenants/0/routes/support/servers/0', 'invalid port'],
    ['a server with a range of ports', [servers('127.0.0.1:80-82')],
     '/tenants/0/routes/support/servers/0', 'invalid port'],
    ['the wildcard address as a server', [servers('0.0.0.0:80')],
     '/tenants/0/routes/support/servers/0',
     '"0.0.0.0:80" is no address of a server'],
    ['the IPv6 wildcard address as a server', [servers('[::]:80')],
     '/tenants/0/routes/support/servers/0',
     '"[::]:80" is no address of a server'],
    ['a server with a path', [servers('127.0.0.1:80/x')],
     '/tenants/0/routes/support/servers/0', '"127.0.0.1:80/x" has a path'],
    ['a UNIX-domain socket with a path behind it',
     [servers('unix:/run/a.sock:/x')],
     '/tenants/0/routes/support/servers/0',
     '"unix:/run/a.sock:/x" has a path'],
    ['an empty server', [servers('')],
     '/tenants/0/routes/support/servers/0', 'no host in ""'],
    ['a UNIX-domain socket without path', [servers('unix:')],
     '/tenants/0/routes/support/servers/0', 'no path in the unix domain'],

    ['a UNIX-domain socket of 92 bytes',
     [servers('127.0.0.1:1', $Long . 'x')],
     '/tenants/0/routes/support/servers/1',
     "\"${Long}x\": the path is longer than 91 bytes"],

    ['attributes that are no object', [agent(attributes => [])],
     '/agents/0/attributes', 'must be an object'],
    ['a tenant with an attribute of the module',
     [tenant(attributes => { status => 'x' })],
     '/tenants/0/attributes/status', "is an attribute of the module's own"],
    ['a tier with an attribute of the module',
     [tier(attributes => { tier => 'x' })],
     '/tiers/0/attributes/tier', "is an attribute of the module's own"],
    ['an agent with an attribute of the module',
     [agent(attributes => { protocol => 'x' })],
     '/agents/0/attributes/protocol', "is an attribute of the module's own"],
    ['null is no Cedar value', [agent(attributes => { a => undef })],
     '/agents/0/attributes/a', 'is no Cedar value'],
    ['a fraction is no Cedar value', [agent(attributes => { a => 1.5 })],
     '/agents/0/attributes/a', 'is no Cedar value'],
    ['null within a set is no Cedar value',
     [tenant(attributes => { a => [1, undef] })],
     '/tenants/0/attributes/a', 'is no Cedar value'],
    ['a broken extension value is no Cedar value',
     [tier(attributes => { a => { __extn => { fn => 'ip',
                                              arg => 'nowhere' } } })],
     '/tiers/0/attributes/a', 'is no Cedar value'],

    ['an issuer without iss', [set => { issuers => [{ tenant => 'acme' }] }],
     '/issuers/0', 'has no "iss"'],
    ['an issuer with an empty iss', [set => { issuers => [{ iss => '' }] }],
     '/issuers/0/iss', 'must be neither empty nor have a fragment ("#")'],
    ['an issuer with a fragment',
     [set => { issuers => [{ iss => 'https://a.test#b' }] }],
     '/issuers/0/iss', 'must be neither empty nor have a fragment ("#")'],
    ['an issuer that can produce no tenant', [issuer(tenant_claim => undef)],
     '/issuers/1', 'needs "tenant" (bound), "tenant_claim" or "operators"'],
    ['an issuer bound to a tenant that is not there',
     [issuer => { $Second => { tenant => 'nobody', jwks => \%KeySet } }],
     '/issuers/2/tenant', 'names no tenant: "nobody"'],
    ['a bound tenant that is no string', [issuer(tenant => 1)],
     '/issuers/1/tenant', 'must be a string'],
    ['a name space that is no id', [issuer(subject_namespace => 'A:')],
     '/issuers/1/subject_namespace', 'must match [a-z0-9][a-z0-9-]{0,62}'],
    ['a claim map that takes an attribute of the principal',
     [issuer(claims => { attributes => { tenant => 'x' } })],
     '/issuers/1/claims/attributes/tenant', 'is an attribute of the module'],
    ['an issuer without keys', [issuer(jwks_file => undef)],
     '/issuers/1', 'has no keys: needs one of "jwks_file"'],
    ['an issuer with two key sets', [issuer(jwks => \%KeySet)],
     '/issuers/1', 'has more than one of "jwks_file"'],
    ['a key set that is no object',
     [issuer(jwks_file => undef, jwks => [])],
     '/issuers/1/jwks', 'must be an object'],
    ['a key file that is no string', [issuer(jwks_file => \1)],
     '/issuers/1/jwks_file', 'must be a string'],

    ['algorithms that are no array', [issuer(algorithms => 'RS256')],
     '/issuers/1/algorithms', 'not an array of 1 to 64 entries'],
    ['no algorithm at all', [issuer(algorithms => [])],
     '/issuers/1/algorithms', 'not an array of 1 to 64 entries'],
    ['the algorithm none', [issuer(algorithms => ['RS256', 'none'])],
     '/issuers/1/algorithms/1', 'not a supported signature'],
    ['an algorithm in the wrong case', [issuer(algorithms => ['rs256'])],
     '/issuers/1/algorithms/0', 'not a supported signature'],
    ['audiences that are no array', [issuer(audiences => 'agents')],
     '/issuers/1/audiences', 'not an array of 1 to 64 entries'],
    ['an empty audience', [issuer(audiences => [''])],
     '/issuers/1/audiences/0', 'not a string of 1 to 2048 bytes'],
    ['an audience that is no string', [issuer(audiences => ['a', 1])],
     '/issuers/1/audiences/1', 'not a string of 1 to 2048 bytes'],
    ['65 client ids', [issuer(client_ids => [map { "c$_" } 1 .. 65])],
     '/issuers/1/client_ids', 'not an array of 1 to 64 entries'],
    ['a scope with a space', [issuer(scopes => ['a b'])],
     '/issuers/1/scopes/0', 'a scope has no spaces'],
    ['a token use that is no string', [issuer(token_use => 1)],
     '/issuers/1/token_use', 'not '],
    ['a leeway below zero', [issuer(leeway => -1)],
     '/issuers/1/leeway', 'not an integer of 0 to 600'],
    ['a leeway above its limit', [issuer(leeway => 601)],
     '/issuers/1/leeway', 'not an integer of 0 to 600'],
    ['a leeway in a string', [issuer(leeway => '60')],
     '/issuers/1/leeway', 'not an integer of 0 to 600'],
    ['a maximum age of nothing', [issuer(max_age => 0)],
     '/issuers/1/max_age', 'not an integer of 1 to 31536000'],
    ['require_exp that is no boolean', [issuer(require_exp => 'yes')],
     '/issuers/1/require_exp', 'not a boolean'],
    ['a required claim that is no object', [required('email_verified')],
     '/issuers/1/required_claims/0', 'not an object'],
    ['a required claim without operator', [required({ claim => 'a' })],
     '/issuers/1/required_claims/0', 'needs "claim" and one operator'],
    ['a required claim with two operators',
     [required({ claim => 'a', equals => 'b', present => \1 })],
     '/issuers/1/required_claims/0/present', 'more than one operator'],
    ['a required claim with an operator nobody knows',
     [required({ claim => 'a', equal => 'b' })],
     '/issuers/1/required_claims/0/equal', 'unknown member'],
    ['a claim map that is no object', [issuer(claims => [])],
     '/issuers/1/claims', 'not an object'],
    ['a claim map with an unknown name', [issuer(claims => { role => 'x' })],
     '/issuers/1/claims/role', 'unknown member'],
    ['two places for the tenant claim',
     [issuer(claims => { tenant => 'org' })],
     '/issuers/1/tenant_claim', 'claims.tenant says it already'],
);

for my $case (@refused) {
    my ($title, $options, $pointer, @messages) = @$case;
    my $registry = registry(@$options);
    my $log = complaint($registry->{path});
    my ($line) = grep { /\[emerg\]/ } split /\n/, $log;
    my $start = "tenant_registry \"$registry->{path}\": \"$pointer\" ";

    subtest "$title is refused at its place" => sub {
        isnt($log, '', 'nginx does not start');
        like($line // $log, qr/\Q$start\E/, $start);
        like($line // $log, qr/\Q$_\E/, $_) for @messages;
    };
}


# Documents that are no JSON, or not the JSON that everyone reads the same.
# [title, text, line, column, message]
my @unread = (
    ['an empty document', '', 1, 1, 'syntax error'],
    ['a member without value', "{\n  \"tiers\":\n}", 3, 1, 'syntax error'],
    ['a comma before the end', "{\"tiers\": [],\n}", 2, 1, 'syntax error'],
    ['a comment', "{ // tiers\n}", 1, 3, 'syntax error'],
    ['an unfinished document', "{\n\"tiers\": [", 2, 11, 'syntax error'],
    ['an array', '[]', 1, 1, 'not an object'],
    ['a member twice', "{\"tiers\": [],\n \"tiers\": []}", 2, 2,
     'duplicate member name'],
    ['text after the object', "{}\n{}", 2, 1, 'text after the value'],
    ['a byte order mark', "\xef\xbb\xbf{}", 1, 1, 'byte order mark'],
    ['bytes that are no UTF-8', "{\"tiers\xff\": []}", 1, 8,
     'invalid UTF-8'],
    ['a number out of range', '{"tiers": [1e999]}', 1, 12,
     'number out of range'],
    ['a NUL in a name', '{"tiers\u0000": []}', 1, 8, 'NUL in a string'],
    ['33 arrays in each other', '{"a": ' . '[' x 33 . ']' x 33 . '}', 1, 38,
     'nested too deep'],
);

for my $case (@unread) {
    my ($title, $text, $line, $column, $message) = @$case;
    my $path = write_fixture('unread.json', $text);

    like(complaint($path),
         qr/\[emerg\].*"\Q$path\E" line $line column $column: \Q$message\E/,
         "$title is refused with line and column");
}


# Files

my $dir = fixture_dir();

like(complaint("$dir/missing.json"),
     qr{cannot open "\Q$dir/missing.json\E" \(2: No such file},
     'a document that is not there is named');

like(complaint($dir), qr{tenant_registry: "\Q$dir\E" is not a file},
     'a directory is no document');

# a hole: nothing is written, and nothing is read
my $large = write_fixture('large.json', '{}');
truncate $large, 64 * 1024 * 1024 + 1 or die "$large: $!\n";

like(complaint($large),
     qr{tenant_registry: "\Q$large\E" is larger than 67108864 bytes},
     'a document above the limit is refused unread');


# Documents that are in order

my @accepted = (
    ['an empty registry', registry(set => { tiers => [], tenants => [],
                                            issuers => [], agents => [] })],
    ['the default registry of these tests', registry()],
    ['attributes of every Cedar type', registry(agent(attributes => {
        a => 1, b => 'text', c => \1, d => [1, 2], e => { f => 'g' },
        h => { __extn => { fn => 'ip', arg => '10.0.0.0/8' } },
        i => { __extn => { fn => 'decimal', arg => '1.5' } },
        j => { __entity => { type => 'Tier', id => 'basic' } } }))],
    ['two issuers with name spaces of their own',
     registry(tenant(issuers => [$Shared]),
              issuer => { $Shared => { subject_namespace => 'login' } })],
    ['servers of every kind of address',
     registry(servers('127.0.0.1:1', '[::1]:1', 'unix:/run/agent.sock',
                      $Long))],
    ['servers with all that they can have',
     registry(servers({ address => '127.0.0.1:1', weight => 100,
                        max_fails => 0, fail_timeout => 86400,
                        backup => \0, drain => \1 },
                      { address => '127.0.0.1:2', backup => \1 }))],
    ['routes of a tier, with and without servers', registry(
        tier => { basic => { routes => {
            support => { model => 'silo', tls => \1,
                         server_name => 'agent.test' },
            other => { model => 'silo', servers => ['127.0.0.1:1'] },
            third => { model => 'none' } } } },
        agent => { other => {}, third => {} })],
    ['prices in numbers and strings', registry(prices(
        { id => 'claude-*', input => '3', output => 15.25,
          cache_read => '0.000000001', cache_write => 0 }))],
    ['revocations of every kind', registry(set => { revocations => [
        { issuer => $Acme, jti => 'a', expires => 9_000_000_000, reason => 'lost' },
        { issuer => $Acme, sub => 'alice', expires => 9_000_000_000 },
        { issuer => $Acme, sub => 'bob', issued_before => 1,
          expires => 9_000_000_000 },
        { issuer => $Acme, issued_before => 1, expires => 9_000_000_000 },
        { tenant => 'acme', issued_before => 1, expires => 9_000_000_000,
          id => 'tenant:acme' }] })],
    ['ids at the limit of their length', registry(
        tier => { 'a' x 63 => { model => 'pool' } },
        tenant => { 'b' x 63 => { tier => 'a' x 63 } },
        agent => { 'c' x 128 => {} })],
);

for my $case (@accepted) {
    my ($title, $registry) = @$case;

    is(complaint($registry->{path}), '', "$title is accepted");
}

my $empty = write_fixture('empty.json', '{}');
is(complaint($empty), '', 'every list may be left out');

is_deeply(\@main::faults, [], 'no sanitizer has found anything');

done_testing();
