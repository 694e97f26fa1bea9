# Where the token may stand, and what the agent gets of it.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $Agent = Tenant::Upstream->new;
my $To = '127.0.0.1:' . $Agent->port;
my $Registry = registry();

my %Sources = (
    bearer => 'bearer',
    header => 'header=X-Token',
    cookie => 'cookie=sid',
    arg => 'arg=access_token',
    all => 'bearer header=X-Token cookie=sid arg=access_token',
);
my %Upstream = (
    default => '',
    pass => 'tenant_token_upstream pass;',
    drop => 'tenant_token_upstream drop;',
    move => 'tenant_token_upstream header=X-Moved-Token;',
);

my $Locations = join '', map {
    my $source = $_;
    map { <<"CONF" } sort keys %Upstream;
location /$source/$_ {
    tenant_auth on;
    tenant_token $Sources{$source};
    $Upstream{$_}
    proxy_pass http://$To;
}
CONF
} sort keys %Sources;

my $Server = Tenant::Server->new(
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
CONF
    server => <<"CONF",
$Locations
location /optional {
    tenant_auth optional;
    tenant_token cookie=sid;
    tenant_token_upstream drop;
    proxy_pass http://$To;
}
location /rewritten {
    tenant_auth on;
    tenant_token arg=access_token;
    tenant_token_upstream drop;
    proxy_pass http://$To/other;
}
location /variable {
    tenant_auth on;
    tenant_token arg=access_token;
    tenant_token_upstream drop;
    proxy_pass http://$To\$uri\$is_args\$args;
}
location /off {
    tenant_auth off;
    tenant_token cookie=sid;
    tenant_token_upstream drop;
    proxy_pass http://$To;
}
CONF
);

$Server->start or die $Server->error_log;

my $Token = token();
my $Other = token(sub => 'somebody-else');


# (status, what the agent saw, its request line, the answer) of one request.
sub ask
{
    my ($path, @headers) = @_;
    my $before = $Agent->requests;
    my $res = $Server->request(GET => $path, @headers);
    my @seen = $Agent->requests($res->status == 200 ? $before + 1 : 0);

    return { status => $res->status, res => $res,
             raw => @seen > $before ? $seen[-1]{raw} : undef,
             path => @seen > $before ? $seen[-1]{path} : undef };
}


# The values of a field of the request as the agent got it.
sub field
{
    my ($seen, $name) = @_;

    return join '|', $seen->{raw} =~ /^\Q$name\E:[ ]?(.*)\r$/mig;
}


# Each source alone

for my $case (
    ['bearer', '/x?a=1', Authorization => "Bearer $Token"],
    ['header', '/x?a=1', 'X-Token' => $Token],
    ['header', '/x?a=1', 'x-token' => "Bearer $Token"],
    ['cookie', '/x?a=1', Cookie => "sid=$Token"],
    ['cookie', '/x?a=1', Cookie => "a=1; sid=$Token; b=2"],
    ['cookie', '/x?a=1', Cookie => "asid=1;sid=$Token"],
    ['cookie', '/x?a=1', Cookie => 'a=1', Cookie => "sid=$Token"],
    ['arg', "/x?access_token=$Token&a=1"],
    ['arg', "/x?a=1&access_token=$Token"],
    ['arg', "/x?access_token=$Token"],
) {
    my ($source, $path, @headers) = @$case;
    my $where = join ' ', $source, map { s/\Q$Token\E/TOKEN/gr } $path,
                                       @headers;
    my $seen;

    for my $upstream (qw(default pass)) {
        $seen = ask("/$source/$upstream$path", @headers);
        is($seen->{status}, 200, "$where: accepted");
        is(field($seen, 'X-Tenant-Id'), 'acme', '... with its tenant');
        is(() = $seen->{raw} =~ /\Q$Token\E/g, 1, '... passed on as it came');
        is($seen->{path}, "/$source/$upstream$path", '... with the same URI');
    }

    $seen = ask("/$source/drop$path", @headers);
    is($seen->{status}, 200, "$where, drop: accepted");
    unlike($seen->{raw}, qr/\Q$Token\E/, '... and taken out');
    unlike($seen->{raw}, qr/access_token|\bsid=|^X-Token/mi,
           '... with its name');
    is(field($seen, 'X-Tenant-Id'), 'acme', '... the tenant stays');
    like($seen->{path}, qr/[?&]a=1$/, '... and other arguments')
        if $path =~ /a=1/;
    unlike($seen->{path}, qr/[?&]$/, '... without a separator left');

    for my $cookie (qw(a=1 b=2 asid=1)) {
        next unless "@headers" =~ /\b$cookie\b/;
        like(field($seen, 'Cookie'), qr/(?:^|[;| ])$cookie(?:$|[;|])/,
             "... and the cookie $cookie");
    }

    $seen = ask("/$source/move$path", @headers, 'X-Moved-Token' => 'forged',
                'x-moved-token' => $Other);
    is($seen->{status}, 200, "$where, header=: accepted");
    is(field($seen, 'X-Moved-Token'), $Token,
       '... and moved, over what the client sent');
    is(() = $seen->{raw} =~ /\Q$Token\E/g, 1, '... and nowhere else');
}

# A source that is not named is none

for my $case (
    ['header', Authorization => "Bearer $Token"],
    ['cookie', 'X-Token' => $Token],
    ['bearer', Cookie => "sid=$Token"],
    ['cookie', Cookie => "SID=$Token"],
    ['cookie', Cookie => "xsid=$Token; sidx=$Token; sid $Token"],
    ['arg', 'X-Token' => $Token],
) {
    my ($source, @headers) = @$case;
    my $seen = ask("/$source/default", @headers);

    is($seen->{status}, 401, "$source: $headers[0] is not looked at");
    is($seen->{raw}, undef, '... and nothing proxied');
    unlike($seen->{res}->header('WWW-Authenticate'), qr/error=/,
           '... there was no token');
}

is(ask("/arg/default?ACCESS_TOKEN=$Token")->{status}, 401,
   'names of arguments have a case');
is(ask("/bearer/default?access_token=$Token")->{status}, 401,
   'arguments are no source by default');

# More than one token is none (RFC 6750, section 2)

for my $case (
    ['/all/drop', Authorization => "Bearer $Token", 'X-Token' => $Token],
    ['/all/drop', Authorization => "Bearer $Token", Cookie => "sid=$Other"],
    ['/all/drop', Cookie => "sid=$Token; sid=$Token"],
    ['/all/drop', Cookie => "sid=$Token", Cookie => "sid=$Other"],
    ['/all/drop', 'X-Token' => $Token, 'X-Token' => $Other],
    ['/all/drop', 'X-Token' => '', Cookie => "sid=$Token"],
    ["/all/drop?access_token=$Token", 'X-Token' => $Token],
    ["/all/drop?access_token=$Token&access_token=$Other"],
    ["/arg/pass?access_token=$Token&access_token=$Token"],
    ['/all/drop?access_token=', Authorization => "Bearer $Token"],
) {
    my ($path, @headers) = @$case;
    my $where = join ' ', map { s/eyJ[^;& ]*/TOKEN/gr } $path, @headers;
    my $seen = ask($path, @headers);

    is($seen->{status}, 400, "$where is 400");
    is($seen->{raw}, undef, '... and nothing proxied');
    is($seen->{res}->header('WWW-Authenticate'),
       'Bearer realm="tenant", error="invalid_request", '
       . 'error_description="more than one token"', '... invalid_request');
}

for my $case (['/header/pass', 'X-Token' => ''],
              ['/cookie/pass', Cookie => 'sid='],
              ['/arg/pass?access_token='],
              ['/header/pass', 'X-Token' => 'Bearer ']) {
    my ($path, @headers) = @$case;
    my $seen = ask($path, @headers);

    like($seen->{status}, qr/^40[01]$/, "@$case is refused");
    is($seen->{raw}, undef, '... and nothing proxied');
}

# Others

{
    my $seen = ask('/all/drop', Authorization => "Basic YTpi",
                   'X-Token' => $Token);
    is($seen->{status}, 200, 'another scheme is no token');
    is(field($seen, 'Authorization'), 'Basic YTpi', '... and stays');

    $seen = ask('/cookie/drop', Cookie => "sid=$Token",
                Authorization => "Bearer $Other");
    is(field($seen, 'Authorization'), "Bearer $Other",
       'what is not the token is not taken out');

    $seen = ask("/rewritten/x%2fy?a=1&access_token=$Token&b=2");
    is($seen->{path}, '/other/x/y?a=1&b=2', 'proxy_pass with a URI');

    $seen = ask("/variable/x?access_token=$Token");
    is($seen->{path}, '/variable/x', 'proxy_pass with variables');

    $seen = ask('/optional/x', Cookie => 'a=1');
    is($seen->{status}, 200, 'an anonymous request passes where it may');
    is(field($seen, 'Cookie'), 'a=1', '... with its cookies');

    $seen = ask('/optional/x', Cookie => 'a=1; sid=x');
    is($seen->{status}, 401, '... but not with a bad token');

    $seen = ask('/off/x', Cookie => "sid=$Token");
    is(field($seen, 'Cookie'), "sid=$Token", 'off is off');
}

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:error|alert|emerg)\]/, 'no error');

for my $case (['tenant_token', 'basic'], ['tenant_token', 'cookie='],
              ['tenant_token_upstream', 'remove'],
              ['tenant_token_upstream', 'header='],
              ['tenant_token_upstream', '"header=a b"'])
{
    my ($name, $value) = @$case;
    my $bad = Tenant::Server->new(server => "$name $value;");

    ok(!$bad->start, "$name $value is refused");
    like($bad->error_log, qr/\[emerg\].*$name/, '... by name');
    $bad->remove;
}

$Server->remove;

done_testing();
