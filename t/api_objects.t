# The control plane: objects are made, read, changed and removed one by one.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Json = JSON::PP->new->canonical;
my $Path = fixture_dir() . '/store/registry.db';
my $Acme = 'https://acme.idp.test';

my $server = Tenant::Server->new(
    workers => 2,
    http => "tenant_registry $Path seed=${\ registry()->{path} };",
    server => 'location /admin/ { tenant_api; }');

$server->start or die $server->error_log;


# ask(method, path below /v1/, body, header => value ...)
sub ask
{
    my ($method, $path, $body, %header) = @_;

    if (defined $body) {
        $header{'Content-Type'} //= $method eq 'PATCH'
            ? 'application/merge-patch+json' : 'application/json';
        $header{':body'} = ref $body ? $Json->encode($body) : $body;
    }

    return $server->request($method => "/admin/v1/$path", %header);
}


# The status, and of a problem its reason.
sub outcome
{
    my ($answer) = @_;
    my $type = $answer->header('Content-Type') // '';

    return $answer->status if $type ne 'application/problem+json';
    return $answer->status . ' '
           . ($answer->json->{type} =~ s/^urn:ngx-tenant:problem://r);
}


sub pointers
{
    return join ' ', map { $_->{pointer} } @{ $_[0]->json->{errors} // [] };
}


# One object

my $made = ask(PUT => 'tenants/new', { tier => 'basic', name => 'New' });
my $version = $made->json->{version};

is($made->status, 201, 'a PUT makes what is not there');
is($made->header('Location'), '/admin/v1/tenants/new', '... and says where');
is($made->header('ETag'), "\"$version\"", '... and which version it is');
is($made->json->{status}, 'active', 'a tenant of the pool is active at once');
like($made->json->{created}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
     '... and since when');

my $got = ask(GET => 'tenants/new');
is_deeply($got->json, $made->json, 'a GET has what the PUT said');
is($got->header('ETag'), "\"$version\"", '... with the same ETag');
is(ask(HEAD => 'tenants/new')->header('ETag'), "\"$version\"",
   'a HEAD has it, too');
is(ask(HEAD => 'tenants/new')->body, '', '... and nothing else');

my $same = ask(PUT => 'tenants/new', $got->json);
is($same->status, 200, 'what was got can be put');
is($same->json->{version}, $version, '... and is no change');

my $patched = ask(PATCH => 'tenants/new',
                  { name => undef, attributes => { seats => 5 } });
is($patched->status, 200, 'a PATCH changes members');
is_deeply([sort keys %{ $patched->json }],
          [qw(attributes created id status tier updated version)],
          '... and removes those that are null');
cmp_ok($patched->json->{version}, '>', $version, '... in another version');

is(outcome(ask(DELETE => 'agents/support')), '409 in-use',
   'an agent that routes name is not removed');
is_deeply(ask(DELETE => 'agents/support')->json->{referrers},
          [{ kind => 'tenants', id => 'acme' }], '... and they are named');
is(outcome(ask(DELETE => 'tiers/basic')), '409 in-use',
   'nor is a tier that has tenants');
is(ask(PUT => 'agents/spare', {})->status, 201, 'an agent needs no more');
is(ask(DELETE => 'agents/spare')->status, 204, '... and goes when unused');
is(outcome(ask(GET => 'agents/spare')), '404 not-found', '... for good');
is(outcome(ask(DELETE => 'agents/spare')), '404 not-found', '... and once');
is(outcome(ask(PATCH => 'agents/spare', {})), '404 not-found',
   'what is not there is not patched');


# POST

my $posted = ask(POST => 'tiers', { id => 'gold', model => 'pool' });
is($posted->status, 201, 'a POST makes one');
is($posted->header('Location'), '/admin/v1/tiers/gold', '... and says where');
is(outcome(ask(POST => 'tiers', { id => 'gold', model => 'pool' })),
   '409 exists', '... once');
is(outcome(ask(POST => 'tiers', { model => 'pool' })), '422 invalid-object',
   'a POST needs an id');
is(outcome(ask(POST => 'tiers/gold', {})), '405 method-not-allowed',
   'an object is not posted to');
is(ask(POST => 'tiers/gold', {})->header('Allow'),
   'GET, HEAD, PUT, PATCH, DELETE', '... and Allow says what is');


# ids that need encoding

my $iss = 'https://login.new.test/realms/a b';
my $encoded = $iss =~ s/([^A-Za-z0-9.-])/sprintf '%%%02X', ord $1/ger;

is(ask(PUT => "issuers/$encoded",
       { tenant_claim => 'tenant', jwks_uri => 'https://login.new.test/k' })
   ->status, 201, 'an issuer is a URL in one segment');
is(ask(GET => "issuers/$encoded")->json->{iss}, $iss, '... and is found');
is(outcome(ask(GET => 'issuers/https://login.new.test')), '404 not-found',
   'without encoding it is another path');
is(outcome(ask(PUT => 'tenants/new', { id => 'other', tier => 'basic' })),
   '422 invalid-object', 'a body may not be of another object');
is(ask(GET => 'tenants/a%00b')->status, 400, 'no id has a NUL');
is(outcome(ask(GET => 'tenants?after=%zz')), '400 invalid-request',
   'broken encoding is refused');
is(outcome(ask(PUT => 'tenants/Not%20One', { tier => 'basic' })),
   '422 invalid-object', 'an id is checked where it comes from the path');


# Secrets

my $secretive = { iss => 'https://s.test', tenant_claim => 't',
                  introspection => { endpoint => 'https://s.test/i',
                                     client_id => 'gateway',
                                     client_secret => 'sesame' } };
my $concealed = ask(POST => 'issuers', $secretive);
is($concealed->status, 201, 'an issuer with a secret is made');
for my $path ('issuers/https%3A%2F%2Fs.test', 'issuers', 'export') {
    my $text = ask(GET => $path)->body;
    like($text, qr/"client_id":"gateway"/, "$path has the issuer");
    unlike($text, qr/sesame/, '... but not its secret');
}
unlike($concealed->body, qr/sesame/, '... nor has the answer to the POST');
like(ask(GET => 'export?secrets=true')->body, qr/"client_secret":"sesame"/,
     'a backup has it');
is(ask(PUT => 'issuers/https%3A%2F%2Fs.test', $concealed->json)
   ->json->{version}, $concealed->json->{version},
   'what was got and is put keeps the secret');
is(ask(PATCH => 'issuers/https%3A%2F%2Fs.test', { leeway => 5 })->status, 200,
   '... and so does a patch');
is(outcome(ask(PATCH => 'issuers/https%3A%2F%2Fs.test',
               { introspection => { endpoint => 'https://evil.test' } })),
   '422 invalid-object', '... but not for another endpoint');
{
    my $other = { %$secretive, leeway => 9, introspection => {
        %{ $secretive->{introspection} }, client_secret => 'abracadabra' } };
    my $diff = ask(POST => 'apply?dry_run=true', { issuers => [$other] });

    is_deeply([@{ $diff->json->{changes}[0] }{qw(patch before)}],
              [{ leeway => 9 }, { leeway => 5 }],
              'a difference has the values of before and after');
    unlike($diff->body, qr/sesame|abracadabra/, '... but no secret of either');
}
is(ask(DELETE => 'issuers/https%3A%2F%2Fs.test')->status, 204, '... gone');


# What is refused

my @invalid = (
    ['a tier that is not there', 'tenants/x', { tier => 'none' }, '/tier'],
    ['a tenant without tier', 'tenants/x', {}, ''],
    ['a member nobody knows', 'tenants/x', { tier => 'basic', a => 1 }, '/a'],
    ['an agent that is not there', 'tenants/x',
     { tier => 'basic', routes => { 'a' => { model => 'pool' } } },
     '/routes/a'],
    ['a server without port', 'tenants/x',
     { tier => 'basic', routes => { support => { model => 'silo',
                                                 servers => ['10.0.0.1'] } } },
     '/routes/support/servers/0'],
    ['a host name where nothing resolves it', 'tenants/x',
     { tier => 'basic', routes => { support => { model => 'silo',
                                                 servers => ['a.test:80'] } } },
     '/routes/support/servers/0'],
    ['an issuer that is not there', 'tenants/x',
     { tier => 'basic', issuers => ['https://x.test'] }, '/issuers/0'],
    ['an issuer bound to another', 'tenants/x',
     { tier => 'basic', issuers => [$Acme] }, '/issuers/0'],
    ['an issuer of no tenant', 'issuers/x', { tenant => 'nobody',
     jwks_uri => 'https://x.test/k' }, '/tenant'],
    ['an issuer that would take another tenant\'s name space', 'issuers/x',
     { tenant => 'acme', jwks_uri => 'https://x.test/k' }, ''],
    ['an issuer without a usable key', 'issuers/x',
     { tenant_claim => 't', jwks => { keys => [] } }, ''],
    ['a shared issuer that is bound to one tenant',
     'issuers/https%3A%2F%2Fshared.idp.test',
     { tenant => 'acme', jwks_uri => 'https://x.test/k',
       subject_namespace => 's' }, '/tenant'],
    ['a price of words', 'prices/m', { input => 'cheap', output => 1 },
     '/input'],
    ['a revocation that is over', 'revocations/tenant%3Aacme',
     { tenant => 'acme', issued_before => 1, expires => 1 }, '/expires'],
    ['a revocation by another name', 'revocations/tenant%3Aglobex',
     { tenant => 'acme', issued_before => 1 }, '/id'],
);

for my $case (@invalid) {
    my ($title, $path, $body, $pointer) = @$case;
    my $answer = ask(PUT => $path, $body);

    is(outcome($answer), '422 invalid-object', "$title is refused");
    is(pointers($answer), $pointer, '... with its place');
}

my $broken = ask(PUT => 'tenants/x', "{\"tier\":\n \"basic\",,}");
is(outcome($broken), '400 invalid-json', 'broken JSON is refused');
is($broken->json->{line} . ':' . $broken->json->{column}, '2:10',
   '... with its place');
is(outcome(ask(PUT => 'tenants/x', '{"tier":"basic","tier":"premium"}')),
   '400 invalid-json', 'a member may not be repeated');
is(outcome(ask(PUT => 'tenants/x', '[]')), '400 invalid-json',
   'a list is no object');
is(outcome(ask(PUT => 'tenants/x', '')), '400 invalid-json',
   'nothing is no object');
is(outcome(ask(PUT => 'tenants/x', '{}', 'Content-Type' => 'text/plain')),
   '415 unsupported-media-type', 'text is no object');
is(ask(PUT => 'tenants/x', { tier => 'basic' },
       'Content-Type' => 'application/json; charset=utf-8')->status, 201,
   'a media type may have parameters');
is(outcome(ask(PATCH => 'tenants/x', {},
               'Content-Type' => 'application/json')),
   '415 unsupported-media-type', 'a merge patch has to be called one');
is(outcome(ask(GET => 'tenants?colour=red')), '400 invalid-request',
   'an argument that nobody knows is refused');
is(outcome(ask(GET => 'tenants?limit=1&limit=2')), '400 invalid-request',
   'so is one that is repeated');
is(outcome(ask(GET => 'tenants/x?limit=1')), '400 invalid-request',
   'and one that does not belong there');
is(outcome(ask(GET => "tenants?limit=$_")), '400 invalid-request',
   "a page of $_ is refused") for qw(0 1001 -1 x);
is(outcome(ask(PUT => 'tenants', {})), '405 method-not-allowed',
   'a collection is not put');
is(outcome(ask(GET => $_)), '404 not-found', "$_ is nothing")
    for qw(nothing tenants/ tenants/a/b tenants/x/keys tiers/basic/state);
is(outcome($server->request(GET => '/admin/v2/tenants')), '404 not-found',
   'there is no other version');


# Conditions

my $etag = ask(GET => 'tenants/x')->header('ETag');

is(ask(GET => 'tenants/x', undef, 'If-None-Match' => $etag)->status, 304,
   'what the client has is not sent again');
is(ask(GET => 'tenants/x', undef, 'If-None-Match' => "W/$etag")->status, 304,
   '... also if a proxy has weakened its tag');
is(ask(GET => 'tenants/x', undef, 'If-None-Match' => '"0"')->status, 200,
   '... unless it has something else');
is(outcome(ask(PUT => 'tenants/x', { tier => 'gold' }, 'If-Match' => '"1"')),
   '412 precondition-failed', 'a version that is not current is not replaced');
is(outcome(ask(DELETE => 'agents/support', undef, 'If-Match' => '"1"')),
   '412 precondition-failed', '... nor removed');
is(ask(PUT => 'tenants/x', { tier => 'gold' },
       'If-Match' => "\"7\", $etag")->status, 200, '... but the current one');
is(outcome(ask(PUT => 'tenants/x', { tier => 'gold' }, 'If-Match' => $etag)),
   '412 precondition-failed', '... once');
is(outcome(ask(PUT => 'tenants/x', {}, 'If-None-Match' => '*')),
   '412 precondition-failed', 'If-None-Match: * makes only what is new');
is(ask(PUT => 'tenants/y', { tier => 'gold' }, 'If-None-Match' => '*')->status,
   201, '... which this is');
is(outcome(ask(PUT => 'tenants/z', { tier => 'gold' }, 'If-Match' => '*')),
   '412 precondition-failed', 'If-Match: * makes nothing new');


# Dry run

my $dry = ask(PUT => 'tenants/dry?dry_run=true', { tier => 'gold' });
is($dry->status, 201, 'a dry run is answered as if');
is($dry->header('Tenant-Dry-Run'), 'true', '... and says that it is one');
is(outcome(ask(GET => 'tenants/dry')), '404 not-found', '... and does nothing');
is(outcome(ask(PUT => 'tenants/dry?dry_run=true', { tier => 'none' })),
   '422 invalid-object', '... but notices what is wrong');


# Idempotency-Key

my @key = ('Idempotency-Key' => 'k 1');
my $first = ask(POST => 'tenants', { id => 'once', tier => 'gold' }, @key);
is($first->status, 201, 'a POST with a key does what it says');
my $again = ask(POST => 'tenants', { id => 'once', tier => 'gold' }, @key);
is($again->status, 201, '... and is answered again as it was');
is($again->body, $first->body, '... with the same body');
is($again->header($_), $first->header($_), "... and the same $_")
    for qw(ETag Location);
is(outcome(ask(POST => 'tenants', { id => 'twice', tier => 'gold' }, @key)),
   '422 idempotency-key-reused', '... but not to another request');
is(outcome(ask(POST => 'tenants', { id => 'k2', tier => 'none' },
               'Idempotency-Key' => 'k2')), '422 invalid-object',
   'a refusal is not kept');
is(ask(POST => 'tenants', { id => 'k2', tier => 'gold' },
       'Idempotency-Key' => 'k2')->status, 201, '... so that it can be right');
is(outcome(ask(POST => 'tenants', {}, 'Idempotency-Key' => 'x' x 256)),
   '400 invalid-request', 'a key has at most 255 bytes');


# Pages

my ($url, @ids) = ('tenants?limit=2');
my $pages = 0;

while (defined $url) {
    my $page = ask(GET => $url);
    my $next = $page->json->{next};

    is($page->header('Link'), defined $next ? "<$next>; rel=\"next\"" : undef,
       'Link and next agree');
    push @ids, map { $_->{id} } @{ $page->json->{items} };
    $url = defined $next ? $next =~ s{^/admin/v1/}{}r : undef;
    last if ++$pages > 10;
}

is_deeply(\@ids, [qw(acme globex initech k2 new once x y)],
          'pages have everything once, in order');
is_deeply([map { $_->{id} } @{ ask(GET => 'tenants?tier=gold&limit=2')
                               ->json->{items} }], [qw(k2 once)],
          'tenants of a tier');
is_deeply([map { $_->{id} } @{ ask(GET => 'tenants?prefix=in')
                               ->json->{items} }], ['initech'],
          'tenants whose id begins so');
is_deeply(ask(GET => 'tenants?status=suspended')->json->{items}, [],
          'tenants of a status');
is(outcome(ask(GET => 'tenants?status=happy')), '400 invalid-request',
   '... that there is');
is_deeply([map { $_->{iss} } @{ ask(GET => 'issuers?tenant=globex')
                                ->json->{items} }],
          ['https://shared.idp.test'], 'issuers that a tenant lists');
is_deeply([map { $_->{iss} } @{ ask(GET => 'issuers?tenant=acme')
                                ->json->{items} }], [$Acme],
          'issuers bound to a tenant');

is(ask(POST => 'revocations', { issuer => $Acme, jti => 'a/b c' })
   ->header('Location'),
   '/admin/v1/revocations/jti%3Ahttps%3A%2F%2Facme.idp.test%20a%2Fb%20c',
   'a revocation is named by what it revokes');
is(ask(GET => 'revocations/jti%3Ahttps%3A%2F%2Facme.idp.test%20a%2Fb%20c')
   ->json->{jti}, 'a/b c', '... and found');
is(ask(POST => 'revocations', { tenant => 'acme', issued_before => 5 })
   ->status, 201, 'a tenant\'s tokens can be revoked');
is(scalar @{ ask(GET => "revocations?issuer=$Acme")->json->{items} }, 1,
   'revocations of an issuer');
is(scalar @{ ask(GET => 'revocations?tenant=acme')->json->{items} }, 1,
   'revocations of a tenant');
is(outcome(ask(GET => 'revocations?tenant=acme&issuer=x')),
   '400 invalid-request', '... one or the other');


# Changes, health, state

my $changes = ask(GET => 'changes?limit=1000')->json;
is($changes->{items}[-1]{seq}, $changes->{newest}, 'changes end with the newest');
is_deeply($changes->{items}[-1]{id}, 'tenant:acme', '... and name what it was');
my $seq = $changes->{newest} - 2;
is(scalar @{ ask(GET => "changes?after=$seq")->json->{items} }, 2,
   'changes after one that is known');
is(outcome(ask(GET => 'changes?after=' . ($changes->{newest} + 1))),
   '410 changes-gone', 'a number that was never given is refused');

my $health = ask(GET => 'health')->json;
is($health->{status}, 'ok', 'the registry is healthy');
is($health->{registry}{objects}{tenants}, 8, '... and says what it has');
is($health->{registry}{changes}, $changes->{newest}, '... and how far it is');

my $state = ask(GET => 'tenants/acme/state')->json;
is($state->{routes}{support}{why}, 'tenant route',
   'state says why an agent routes where it does');
is_deeply($state->{issuers}, [$Acme], '... and who speaks for the tenant');
is(ask(GET => 'issuers/https%3A%2F%2Facme.idp.test/state')
   ->json->{keys}{status}, 'static', 'state says what keys there are');
is(outcome(ask(GET => 'tenants/nobody/state')), '404 not-found',
   'nobody has no state');

like($server->error_log,
     qr/\[notice\].*tenant api: created tenants "new", version \d+, operator: "-"/,
     'a change is logged');
like($server->error_log,
     qr/\[warn\].*tenant api refused \(in-use\): "support" is referred to by others/,
     'and so is a refusal');
unlike($server->error_log, qr/\[(?:error|alert|emerg)\]/, 'nothing went wrong');

$server->quit;
is_deeply([$server->faults], [], 'no sanitizer has found anything');

done_testing();
