# Scopes that a location needs, and the challenge that names what is missing.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();

my $Registry = registry(issuer => {
    'https://acme.idp.test' => { scopes => ['base'] } });

my $Server = Tenant::Server->new(
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
CONF
    server => <<'CONF',
location / { tenant_auth on; try_files /none @ok; }
location /one { tenant_auth on; tenant_scopes mcp:tools; try_files /none @ok; }
location /two {
    tenant_auth on;
    tenant_scopes read write;
    try_files /none @ok;
    location /two/none { tenant_scopes base; try_files /none @ok; }
    location /two/same { try_files /none @ok; }
}
location /optional {
    tenant_auth optional;
    tenant_scopes read;
    try_files /none @ok;
}
location @ok { return 204; }
CONF
);

$Server->start or die $Server->error_log;


sub ask
{
    my ($path, %opt) = @_;

    return $Server->request(GET => $path, Authorization => 'Bearer '
        . token(key => 'shared_rs256', tenant => 'globex', %opt));
}


my $LACKS = 'Bearer realm="tenant", error="insufficient_scope", '
            . 'error_description="the token lacks a scope: ';

# path, claims, what is missing
for my $case (
    ['/', {}, ''],
    ['/one', { scope => 'mcp:tools' }, ''],
    ['/one', { scope => 'a mcp:tools b' }, ''],
    ['/one', { scp => ['a', 'mcp:tools'] }, ''],
    ['/one', { scope => ['mcp:tools'] }, ''],
    ['/one', { scp => 'mcp:tools a' }, ''],
    ['/one', {}, 'mcp:tools'],
    ['/one', { scope => '' }, 'mcp:tools'],
    ['/one', { scope => 'mcp:tool' }, 'mcp:tools'],
    ['/one', { scope => 'mcp:tools:x' }, 'mcp:tools'],
    ['/one', { scope => 'MCP:TOOLS' }, 'mcp:tools'],
    ['/one', { scope => 'xmcp:tools' }, 'mcp:tools'],
    ['/one', { scope => "mcp:tools\tx" }, 'mcp:tools'],
    ['/one', { roles => 'mcp:tools' }, 'mcp:tools'],
    ['/two', { scope => 'write read' }, ''],
    ['/two', { scope => 'read' }, 'write'],
    ['/two', { scope => 'write' }, 'read'],
    ['/two', { scope => 'base' }, 'read write'],
    ['/two', { scope => 'readwrite' }, 'read write'],
    ['/two/none', { scope => 'base' }, ''],
    ['/two/same', { scope => 'read' }, 'write'],
    ['/optional', { scope => 'write' }, 'read'],
) {
    my ($path, $claims, $missing) = @$case;
    my $res = ask($path, claims => $claims);
    my $what = "$path with " . JSON::PP->new->canonical->encode($claims);
    my %needs = ('/one' => 'mcp:tools', '/optional' => 'read');

    if ($missing eq '') {
        is($res->status, 204, "$what is enough");
        next;
    }

    my $scope = $needs{$path} // 'read write';
    is($res->status, 403, "$what is not enough");
    is($res->header('WWW-Authenticate'), qq($LACKS$missing", scope="$scope"),
       '... for the one reason');
    is($res->json->{status}, 403, '... as the problem says');
}

for my $claims ({ scope => 1 }, { scope => { 'mcp:tools' => 1 } },
                { scope => undef }, { scp => [['mcp:tools'], 'a'] })
{
    my $res = ask('/one', claims => $claims);

    is($res->status, 401, 'a scope claim that is no list of words');
    like($res->header('WWW-Authenticate'),
         qr/error="invalid_token", error_description="a claim has the wrong/,
         '... makes the token invalid');
}

# Without a token the client learns what to ask for

is($Server->request(GET => '/two')->header('WWW-Authenticate'),
   'Bearer realm="tenant", scope="read write"', 'no token: the scopes');
is($Server->request(GET => '/optional')->status, 204,
   'an anonymous request needs no scope where it may pass');
is(ask('/one', exp_in => -10)->header('WWW-Authenticate'),
   'Bearer realm="tenant", error="invalid_token", '
   . 'error_description="the token has expired", scope="mcp:tools"',
   'a bad token is bad before it lacks anything');

# Scopes of the issuer come before those of the location

{
    my $res = $Server->request(GET => '/one', Authorization => 'Bearer '
        . token(scope => 'mcp:tools'));
    is($res->status, 403, 'a scope that the issuer needs');
    like($res->header('WWW-Authenticate'), qr/error="insufficient_scope"/,
         '... is missed likewise');
    $res = $Server->request(GET => '/one', Authorization => 'Bearer '
        . token(scope => 'base mcp:tools'));
    is($res->status, 204, '... both are enough');
}

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
like($Server->error_log,
     qr/tenant refused \(insufficient-scope\): the token lacks a scope/,
     'refusals are in the log');
unlike($Server->error_log, qr/\[(?:error|alert|emerg)\]/, 'errors are not');
$Server->remove;

for my $value ('a"b', 'a\\\\b', "\xc3\xa4", '""', '"a b"') {
    my $bad = Tenant::Server->new(server => "tenant_scopes '$value';");
    $bad = Tenant::Server->new(server => "tenant_scopes $value;")
        if $value =~ /^"/;

    ok(!$bad->start, "tenant_scopes $value is refused");
    like($bad->error_log, qr/\[emerg\] .*tenant_scopes: ".*" is no scope/,
         '... with the value');
    $bad->remove;
}

done_testing();
