# The control plane: import, export and apply.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Json = JSON::PP->new->canonical;
my $Path = fixture_dir() . '/store/registry.db';
my $Shared = 'https://shared.idp.test';

my $server = Tenant::Server->new(
    workers => 2,
    http => "tenant_registry $Path seed=${\ registry()->{path} };",
    server => <<'EOF_SERVER');
        location /admin/ {
            tenant_api;
            client_max_body_size 64m;
            client_body_buffer_size 4k;
        }
EOF_SERVER

$server->start or die $server->error_log;


sub ask
{
    my ($method, $path, $body, $type) = @_;
    my @body = defined $body
        ? ('Content-Type' => $type // 'application/json',
           ':body' => ref $body ? $Json->encode($body) : $body) : ();

    return $server->request($method => "/admin/v1/$path", @body,
                            ':timeout' => 30);
}


sub import_lines
{
    my ($args, @lines) = @_;

    return ask(POST => "import$args",
               join('', map { (ref $_ ? $Json->encode($_) : $_) . "\n" }
                            @lines), 'application/x-ndjson');
}


sub lines { return map { $Json->decode($_) } split /\n/, $_[0]->body }
sub statuses { return join ' ', map { $_->{status} } lines($_[0]) }
sub tenant { return { kind => 'tenants', object => { id => $_[0],
                                                     tier => $_[1] // 'basic' } } }
sub reason { return $_[0]->json->{type} =~ s/^urn:ngx-tenant:problem://r }
sub exists_tenant { return ask(GET => "tenants/$_[0]")->status == 200 }


# Import

my $answer = import_lines('',
    tenant('i1'),
    '',
    { %{ tenant('i1') }, op => 'create' },
    tenant('i2', 'none'),
    { kind => 'agents', op => 'delete', object => { id => 'support' } },
    { kind => 'planets', object => {} },
    { kind => 'tenants' },
    { kind => 'tenants', object => [] },
    { %{ tenant('i3') }, oops => 1 },
    'nonsense',
    { kind => 'issuers', object => { iss => 'https://i.test', tenant => 'i1',
                                     jwks_uri => 'https://i.test/k' } },
    { kind => 'issuers', op => 'delete', object => { iss => 'https://i.test' } },
    { kind => 'tenants', op => 'delete', object => {} },
    "\t" . $Json->encode(tenant('i4')) . "\r");

is($answer->status, 200, 'an import is answered');
is($answer->header('Content-Type'), 'application/x-ndjson', '... line by line');
is(statuses($answer), '201 409 422 409 422 422 422 422 400 201 204 422 201',
   'each line has the status of a request of its own');
is(join(' ', map { $_->{line} } lines($answer)),
   '1 3 4 5 6 7 8 9 10 11 12 13 14', '... and its number');

my @lines = lines($answer);
is($lines[0]{id}, 'i1', 'a line that is done names its object');
cmp_ok($lines[0]{version}, '>', 0, '... and its version');
is($lines[2]{problem}{errors}[0]{pointer}, '/object/tier',
   'a line that is refused says where');
is($lines[3]{problem}{referrers}[0]{id}, 'acme', '... and why');
ok(exists_tenant('i4'), 'what is in order is done, whatever else is not');
ok(!exists_tenant('i2'), '... and nothing else');

is(statuses(import_lines('?dry_run=true',
                         { kind => 'tiers', object => { id => 'dry',
                                                        model => 'pool' } },
                         tenant('dry', 'dry'))), '201 201',
   'a dry run knows what its lines would have made');
ok(!exists_tenant('dry'), '... but makes nothing');

$answer = import_lines('?atomic=true', tenant('a1'), tenant('a2', 'none'),
                       tenant('a3'));
is($answer->status, 422, 'an atomic import with a line that is refused is');
is(join(' ', map { "$_->{line}:$_->{status}" } lines($answer)), '2:422',
   '... and says which');
ok(!exists_tenant('a1') && !exists_tenant('a3'), '... and does nothing');
$answer = import_lines('?atomic=true', tenant('a1'), tenant('a3'));
is($answer->status . ' ' . statuses($answer), '200 201 201',
   'an atomic import in order is done');

my $long = import_lines('', { kind => 'tenants', object => {
    id => 'long', tier => 'basic', name => 'x' x 1_100_000 } }, tenant('i5'));
is(statuses($long), '413 201', 'a line that is too long is refused alone');

# what is longer than any piece in which a body is read is one line all the
# same: no part of it is a change, even if it is all that is in a piece
{
    my $piece = 17 * 65_536;
    my $line = $Json->encode(tenant('smuggled'));
    my $answer = ask(POST => 'import',
        '[' . ' ' x ($piece - 1)
        . $line . ' ' x ($piece - length $line) . "]\n"
        . join('', map { $Json->encode($_) . "\n" }
                       { kind => 'agents', object => { id => 'after' } },
                       { kind => 'agents', op => 'delete',
                         object => { id => 'after' } }),
        'application/x-ndjson');

    is(statuses($answer), '413 201 204', 'a line of many pieces is one line');
    is(($answer->body =~ /"line":(\d+)/g)[-1], 3, '... and is counted once');
    ok(!exists_tenant('smuggled'), '... nothing in it is done');
}

is(ask(POST => 'import', '{}')->status, 415, 'an import has its media type');

# more than a job, than a buffer, than the memory of the body

my $count = 3000;
$answer = import_lines('', map { tenant(sprintf 'm%05d', $_) } 1 .. $count);
is(statuses($answer), join(' ', (201) x $count), "$count lines are done");
is((lines($answer))[-1]{line}, $count, '... in order');
$answer = import_lines('', map { tenant(sprintf 'm%05d', $_) } 1 .. $count);
is(statuses($answer), join(' ', (200) x $count), '... and can be repeated');

is(statuses(ask(POST => 'import', $Json->encode(tenant('last')),
               'application/x-ndjson')), '201',
   'the last line needs no line feed');


# Export

my $export = ask(GET => 'export');
is($export->status, 200, 'an export is answered');
my $document = $export->json;
is_deeply([sort keys %$document],
          [qw(agents issuers prices revocations tenants tiers)],
          '... with every list');
is(scalar @{ $document->{tenants} }, $count + 9, '... and every tenant');
ok(!exists $document->{tenants}[0]{version}, '... without versions');

my $copy = write_fixture('copy/registry.json', $export->body);
my $second = Tenant::Server->new(http => "tenant_registry $copy;",
                                 server => 'location / { tenant_api; }');
$second->start or die $second->error_log;
is_deeply($second->request(GET => '/v1/export')->json, $document,
          'an export is a document that nginx reads');


# Apply

is_deeply(ask(POST => 'apply', $export->body)->json,
          { changes => [], unchanged => $count + 9 + 2 + 1 + 2 },
          'what was exported changes nothing');

my $wanted = $Json->decode($Json->encode($document));
my @gone = grep { $_->{id} =~ /^m/ } @{ $wanted->{tenants} };
@{ $wanted->{tenants} } = grep { $_->{id} !~ /^m/ } @{ $wanted->{tenants} };
my ($acme) = grep { $_->{id} eq 'acme' } @{ $wanted->{tenants} };
$acme->{name} = 'Acme Ltd.';
delete $acme->{routes};
push @{ $wanted->{agents} }, { id => 'fresh' };

# an issuer and a tenant that name each other
push @{ $wanted->{tenants} }, { id => 'new', tier => 'basic',
                                issuers => ['https://new.test'] };
push @{ $wanted->{issuers} }, { iss => 'https://new.test', tenant => 'new',
                                jwks_uri => 'https://new.test/k' };

my $diff = ask(POST => 'apply?dry_run=true', $wanted);
is($diff->status, 200, 'a dry run of apply is answered') or diag $diff->body;
is_deeply([map { "$_->{op} $_->{kind} $_->{id}" } @{ $diff->json->{changes} }],
          ['create agents fresh', 'update tenants acme', 'create tenants new',
           'create issuers https://new.test'], '... with the difference');
is_deeply($diff->json->{changes}[1]{patch},
          { name => 'Acme Ltd.', routes => undef }, '... of each object');
is_deeply($diff->json->{changes}[1]{before},
          { map { $_ => ask(GET => 'tenants/acme')->json->{$_} }
                qw(name routes) }, '... and what was there before');
ok(!exists_tenant('new'), '... and nothing done');

is(ask(POST => 'apply', $wanted)->status, 200, 'apply does it');
is(ask(GET => 'tenants/acme')->json->{name}, 'Acme Ltd.', '... all of it');
ok(exists_tenant('m00001'), '... and leaves alone what is not mentioned');

my $refused = ask(POST => 'apply?prune=true', $wanted);
is($refused->status . ' ' . reason($refused), '409 invalid-transition',
   'an active tenant is not pruned');
import_lines('', map { { kind => 'tenants', object => { %$_,
    status => 'suspended' } } } @gone);
my $pruned = ask(POST => 'apply?prune=true', $wanted);
is($pruned->status, 200, '... but one that is suspended') or diag $pruned->body;
is(scalar(grep { $_->{op} eq 'delete' } @{ $pruned->json->{changes} }), $count,
   '... and all of them, with their number');
ok(!exists_tenant('m03000'), '... which are gone');

for my $case (
    ['a list that is none', { tiers => {} }, '/tiers'],
    ['a list nobody knows', { planets => [] }, '/planets'],
    ['an object that is none', { tiers => [1] }, '/tiers/0'],
    ['an object twice', { tiers => [({ id => 'a', model => 'pool' }) x 2] },
     '/tiers/1'],
    ['a reference to nothing',
     { tenants => [{ id => 'r', tier => 'basic',
                     routes => { nobody => { model => 'pool' } } }] },
     '/tenants/0/routes/nobody'],
    ['a tier that is wrong', { tiers => [{ id => 'a', model => 'cloud' }] },
     '/tiers/0/model'])
{
    my ($title, $body, $pointer) = @$case;
    my $bad = ask(POST => 'apply', $body);

    is($bad->status . ' ' . reason($bad), '422 invalid-object',
       "$title is refused");
    is($bad->json->{errors}[0]{pointer}, $pointer, '... with its place');
}

is(ask(GET => 'tiers/a')->status, 404, 'of what was refused nothing is left');

my @key = ('Idempotency-Key' => 'apply');
my $once = $server->request(POST => '/admin/v1/apply', @key,
    'Content-Type' => 'application/json',
    ':body' => '{"agents":[{"id":"keyed"}]}');
my $twice = $server->request(POST => '/admin/v1/apply', @key,
    'Content-Type' => 'application/json',
    ':body' => '{"agents":[{"id":"keyed"}]}');
is($twice->body, $once->body, 'apply with a key is answered as it was');
is(scalar @{ $twice->json->{changes} }, 1, '... with what it did then');

unlike($server->error_log, qr/\[(?:error|alert|emerg)\]/, 'nothing went wrong');

for my $nginx ($server, $second) {
    $nginx->quit;
    is_deeply([$nginx->faults], [], 'no sanitizer has found anything');
}

done_testing();
