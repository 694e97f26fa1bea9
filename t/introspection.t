# Opaque tokens: the issuer's endpoint says whether they are active, and what
# it says is held against the same rules as a JWT.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $Json = JSON::PP->new->canonical;
my $Acme = 'https://acme.idp.test';
my $Shared = 'https://shared.idp.test';

# What a client cannot have written: the secret of the gateway.
my $Secret = 'p:a&s=s w%rd+';


# What the endpoint says of a token, by its name.
my %Said = (
    active => { sub => 'alice', team => 'blue' },
    'with-iss' => { sub => 'alice', iss => $Acme },
    inactive => { active => JSON::PP::false, sub => 'alice' },
    'other-iss' => { sub => 'alice', iss => $Shared },
    'no-iss' => { sub => 'alice', iss => undef },
    'no-sub' => {},
    expired => { sub => 'alice', exp => time - 10 },
    'no-exp' => { sub => 'alice', exp => undef },
    'not-yet' => { sub => 'alice', nbf => time + 100 },
    future => { sub => 'alice', iat => time + 100 },
    'text-exp' => { sub => 'alice', exp => '' . (time + 100) },
    globex => { sub => 'alice', 'custom:tenantId' => 'globex' },
    nobody => { sub => 'alice', 'custom:tenantId' => 'nobody' },
    scoped => { sub => 'alice', scope => 'agents:use other' },
    unscoped => { sub => 'alice', scope => 'other' },
    aud => { sub => 'alice', aud => ['else', 'agents'] },
    'other-aud' => { sub => 'alice', aud => 'else' },
    client => { sub => 'alice', client_id => 'app' },
    'other-client' => { sub => 'alice', client_id => 'else' },
    service => { client_id => 'app' },
    strict => { sub => 'alice', aud => 'agents', client_id => 'app',
                scope => 'agents:use', exp => undef },
    roles => { sub => 'alice', 'cognito:groups' => ['a', 'b'] },
    '~+/2==' => { sub => 'odd' },
    'abc.def.ghi' => { sub => 'dotted' },
    'eyJhbGciOiJkaXIifQ.a.b.c.d' => { sub => 'jwe' },
);


sub decoded { return $_[0] =~ tr/+/ /r =~ s/%([0-9A-F]{2})/chr hex $1/ger }


# The form's parameters; dies where one is there twice.
sub form
{
    my %form;

    for (split /&/, $_[0]) {
        my ($name, $value) = map { decoded($_) } split /=/, $_, 2;
        die "$name twice\n" if exists $form{$name};
        $form{$name} = $value;
    }

    return \%form;
}


my $Provider = Tenant::Upstream->new(respond => sub {
    my ($request) = @_;
    my $token = form($request->{body})->{token};
    my $said = $Said{$token =~ s/^jwt-.*|^ey[^.]*\.[^.]*\.[^.]*$/active/r};
    my %answer = (active => JSON::PP::true, exp => time + 600,
                  %{ $said // { active => JSON::PP::false } });

    delete $answer{exp} unless defined $answer{exp};

    return [200, ['Content-Type', 'application/json;charset=UTF-8'],
            $Json->encode(\%answer)];
});

my $Page = Tenant::Upstream->new(respond => sub {
    '<!--# echo var="tenant_claim_made_up" default="nothing" -->'
});

my $Endpoint = 'http://127.0.0.1:' . $Provider->port . '/introspect';


sub introspection
{
    my (%opt) = @_;

    return { introspection => {
        endpoint => "$Endpoint?tenant=1", client_id => 'gate way',
        client_secret => $Secret, %opt } };
}


my $Registry = registry(
    tenant => { acme => { tier => 'basic' },
                globex => { issuers => [$Shared, "$Shared/opaque"] } },
    issuer => {
        $Acme => introspection(),
        "$Acme/post" => {
            tenant => 'acme', subject_namespace => 'post',
            %{ introspection(auth => 'client_secret_post') } },
        "$Acme/strict" => {
            tenant => 'acme', subject_namespace => 'strict',
            audiences => ['agents'], client_ids => ['app'],
            scopes => ['agents:use'], require_exp => JSON::PP::false,
            %{ introspection() } },
        "$Acme/service" => {
            tenant => 'acme', subject_namespace => 'service',
            claims => { subject => 'client_id' }, %{ introspection() } },
        "$Shared/opaque" => {
            tenant_claim => 'custom:tenantId', subject_namespace => 'opaque',
            %{ introspection() } },
    });

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
large_client_header_buffers 4 32k;
map \$arg_iss \$issuer {
    ""      "";
    default "$Acme/\$arg_iss";
}
CONF
    server => <<"CONF",
location / {
    tenant_auth on;
    tenant_introspection $Acme;
    error_page 418 = \@ok;
    try_files /none \@ok;

    location /jwt { tenant_introspection $Acme jwt=introspect;
                    try_files /none \@ok; }
    location /off { tenant_introspection off; try_files /none \@ok; }
    location /shared { tenant_introspection $Shared/opaque;
                       try_files /none \@ok; }
    location /by { tenant_introspection \$issuer; try_files /none \@ok; }
    location /optional { tenant_auth optional; try_files /none \@ok; }
    location /echo {
        tenant_introspection $Acme jwt=introspect;
        ssi on;
        ssi_types *;
        add_header X-Claims "\$tenant_claim_team";
        proxy_pass http://127.0.0.1:${\ $Page->port };
    }
    location /scopes { tenant_scopes agents:use; try_files /none \@ok; }
    location /cookie { tenant_token cookie=t arg=t;
                       try_files /none \@ok; }
    location /redirected { tenant_introspection off;
                           try_files /none \@jwt; }
}
location \@ok {
    add_header X-Who "\$tenant_id/\$tenant_subject/\$tenant_client_id";
    add_header X-Actor \$tenant_actor_id;
    return 204;
}
location \@jwt {
    tenant_auth on;
    tenant_introspection $Acme jwt=introspect;
    try_files /none \@ok;
}
location /metrics { tenant_metrics; }
CONF
);

ok($Server->start, 'nginx starts') or die $Server->error_log;


sub ask
{
    my ($path, $token, @header) = @_;

    push @header, Authorization => "Bearer $token" if defined $token;

    return $Server->request(GET => $path, @header);
}


sub accepted
{
    my ($path, $token, $who, $title, @header) = @_;
    my $res = ask($path, $token, @header);

    is($res->status, 204, "$title is accepted");
    is($res->header('X-Who'), $who, "... as $who");
}


sub refused
{
    my ($path, $token, $status, $reason, $detail, $title) = @_;
    my $res = ask($path, $token);

    is($res->status, $status, "$title is refused");
    my $body = eval { $res->json } // {};
    is($body->{type}, "urn:ngx-tenant:problem:$reason", "... for $reason");
    is($body->{detail}, $detail, "... saying what");
    like($res->header('WWW-Authenticate') // '',
         qr/error="\w+", error_description="\Q$detail\E"/,
         '... also to an OAuth client') if $status == 401;
}


# What is asked

accepted('/', 'active', 'acme/alice/', 'an active opaque token');

{
    my ($request) = $Provider->requests(1);

    is($request->{method}, 'POST', 'the endpoint is asked by POST');
    is($request->{path}, '/introspect?tenant=1', '... at its URL');
    is_deeply([Tenant::Upstream::header($request, 'Content-Type')],
              ['application/x-www-form-urlencoded'], '... with a form');
    is_deeply(form($request->{body}),
              { token => 'active', token_type_hint => 'access_token' },
              '... of the token and no more');
    is_deeply([Tenant::Upstream::header($request, 'Accept')],
              ['application/json'], '... for JSON');

    my ($basic) = map { /^Basic (.*)$/ ? decode_base64($1) : () }
                  Tenant::Upstream::header($request, 'Authorization');
    is_deeply([map { decoded($_) } split /:/, $basic, 2],
              ['gate way', $Secret], '... with the credentials, encoded');
}

accepted('/by?iss=post', 'active', 'acme/alice/',
         'a token of an issuer that wants the secret in the form');

{
    my ($request) = ($Provider->requests)[-1];

    is_deeply(form($request->{body}),
              { token => 'active', token_type_hint => 'access_token',
                client_id => 'gate way', client_secret => $Secret },
              '... which has it');
    is_deeply([Tenant::Upstream::header($request, 'Authorization')], [],
              '... and no other credentials');
}

# What tokens are asked about

accepted('/', '~+/2==', 'acme/odd/', 'a token of all characters there are');
accepted('/', 'abc.def.ghi', 'acme/dotted/',
         'a token of three parts that is no JWS');
accepted('/', 'eyJhbGciOiJkaXIifQ.a.b.c.d', 'acme/jwe/', 'an encrypted JWT');
accepted('/cookie', undef, 'acme/alice/', 'a token in a cookie',
         Cookie => 't=active');
accepted('/cookie?t=active', undef, 'acme/alice/', 'a token in an argument');

{
    my $asked = $Provider->requests;

    accepted('/', token(), 'acme/user-1/', 'a JWT');
    is(ask('/', token(tamper => 'signature'))->status, 401,
       'a JWT with a bad signature is refused');
    is(ask('/', token(iss => 'https://nobody.test'))->status, 401,
       'a JWT of nobody known is refused');
    is(ask('/', 'eyJhbGciOiJSUzI1NiJ9.~.+')->status, 401,
       'what only begins as a JWT is refused');
    is(ask('/')->status, 401, 'no token is refused');
    is(ask('/optional')->status, 204, 'no token is no token where none need '
       . 'be');
    is(ask('/', 'a,b')->status, 401, 'what is no b64token is refused');
    is(ask('/cookie', undef, Cookie => 't=a%41')->status, 401,
       '... from a cookie, too');
    is(ask('/', 'a' x 8193)->status, 401, 'a long token is refused');
    is(ask('/off', 'active')->status, 401,
       'an opaque token is refused where nobody is asked');
    is(ask('/by', 'active')->status, 401, '... or the issuer is empty');
    is(scalar $Provider->requests, $asked, 'nobody was asked about those');
}

refused('/by?iss=unknown', 'active', 401, 'invalid-token',
        'the issuer is not known here', 'a token of an unknown issuer');

{
    my $asked = $Provider->requests;
    my $jwt = token(sub => 'user-2');

    accepted('/jwt', $jwt, 'acme/alice/', 'a JWT that is to be asked about');
    is(scalar $Provider->requests, $asked + 1, '... was asked about');
    accepted('/', $jwt, 'acme/user-2/', '... and elsewhere is itself');
    accepted('/jwt', $jwt, 'acme/alice/', '... both remembered');
    is(scalar $Provider->requests, $asked + 1, '... apart');
    is(ask('/jwt', token(tamper => 'signature'))->status, 204,
       'the endpoint alone decides');

    # a redirect to where more is asked for
    $asked = $Provider->requests;
    accepted('/redirected', token(sub => 'user-3'), 'acme/alice/',
             'a JWT redirected to where it is to be asked about');
    is(scalar $Provider->requests, $asked + 1, '... is asked about there');
    is(ask('/redirected', 'inactive')->status, 401,
       'an opaque token is refused before');
}

# Claims are those of the answer, not those that the token has

{
    my $jwt = token(claims => { team => 'red', made_up => 'forged' },
                    tamper => 'signature');
    my $res = ask('/echo', $jwt);

    is($res->status, 200, 'a JWT that the endpoint is asked about');
    is($res->header('X-Claims') // '', 'blue', '... has the claims it says');
    is($res->body, 'nothing', '... and none of its own');
}

# One text, two issuers

{
    my $asked = $Provider->requests;

    accepted('/shared', 'globex', 'globex/alice/', 'a token of a shared '
             . 'issuer');
    refused('/', 'globex', 403, 'tenant-isolation',
            'isolation violation: the token claims a tenant its issuer is '
            . 'not bound to', 'the same text at another issuer');
    accepted('/shared', 'globex', 'globex/alice/', '... still the first');
    is(scalar $Provider->requests, $asked + 2, 'each was asked once');
}

# The rules

my $Invalid = 'invalid-token';

accepted('/', 'with-iss', 'acme/alice/', 'a response that names its issuer');
accepted('/by?iss=strict', 'strict', 'acme/alice/app',
         'a token that fits strict rules');
accepted('/by?iss=service', 'service', 'acme/app/app',
         'a service without a subject');
accepted('/scopes', 'scoped', 'acme/alice/', 'a token with the scope');

refused('/', @$_[0 .. 3], "a token that is $$_[0]") for
    ['inactive', 401, $Invalid, 'the token is not active'],
    ['unheard-of', 401, $Invalid, 'the token is not active'],
    ['other-iss', 401, $Invalid, 'the issuer is not accepted'],
    ['no-iss', 401, $Invalid, 'the issuer is not accepted'],
    ['no-sub', 401, $Invalid, 'the token has no subject'],
    ['expired', 401, $Invalid, 'the token has expired'],
    ['no-exp', 401, $Invalid, 'the token has no expiry'],
    ['not-yet', 401, $Invalid, 'the token is not valid yet'],
    ['future', 401, $Invalid, 'the token was issued in the future'],
    ['text-exp', 401, $Invalid, 'a claim has the wrong type or range'];
refused('/by?iss=strict', @$_[0 .. 3], "a token that is $$_[0]") for
    ['other-aud', 401, $Invalid, 'the audience is not accepted'],
    ['active', 401, $Invalid, 'the audience is not accepted'],
    ['aud', 401, $Invalid, 'the client is not accepted'],
    ['other-client', 401, $Invalid, 'the audience is not accepted'];
refused('/shared', 'active', 403, 'no-tenant', 'the token names no tenant',
        'a token without a tenant at a shared issuer');
refused('/shared', 'nobody', 403, 'unknown-tenant',
        'the tenant is not known here', 'a token of an unknown tenant');
refused('/scopes', 'unscoped', 403, 'insufficient-scope',
        'the token lacks a scope', 'a token without the scope');

# What is left of it

cmp_ok($Provider->connections, '<', $Provider->requests / 2,
       'connections to the endpoint are kept alive');

like($Server->request(GET => '/metrics')->body,
     qr/^tenant_introspections_total\{result="active"\}\ [1-9]\d*\n
        tenant_introspections_total\{result="inactive"\}\ [1-9]\d*\n
        tenant_introspections_total\{result="failure"\}\ 0\n/mx,
     'introspections are counted by result');

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
unlike($Server->error_log, qr/\Q$Secret\E|p%3Aa|gate(?:%20| )way/,
       'no credentials are in the log');
unlike($Server->error_log, qr/unheard-of|eyJ/, '... nor tokens');

done_testing();
