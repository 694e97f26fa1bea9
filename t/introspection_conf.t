# What configurations say of introspection: bad ones are refused with the
# place, secrets come from files, and are shown by nothing.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $Acme = 'https://acme.idp.test';
my $Secret = 'nothing-for-logs';

my $Provider = Tenant::Upstream->new(respond => sub {
    my ($basic) = map { /^Basic (.*)$/ ? decode_base64($1) : () }
                  Tenant::Upstream::header($_[0], 'Authorization');

    return [401, [], ''] unless ($basic // '') eq "gateway:$Secret";
    return [200, ['Content-Type', 'application/json'],
            '{"active":true,"sub":"alice","exp":' . (time + 600) . '}'];
});


# A registry whose acme has an introspection of these members.
sub registry_of
{
    my (%member) = @_;
    my %in = (endpoint => 'http://127.0.0.1:' . $Provider->port . '/',
              client_id => 'gateway', client_secret => $Secret, %member);

    delete @in{grep { !defined $in{$_} } keys %in};

    return registry(issuer => { $Acme => {
        jwks_file => undef, introspection => \%in } });
}


sub server
{
    my ($registry, $directive, %opt) = @_;

    return Tenant::Server->new(
        workers => 1,
        http => <<"CONF",
tenant_registry $registry;
tenant_policy off;
tenant_fetch_plain_http ${\ ($opt{plain} // 'on') };
tenant_fetch_allow 127.0.0.0/8;
CONF
        server => <<"CONF",
location /t {
    tenant_auth on;
    $directive
    add_header X-Keys \$tenant_keys_status always;
    try_files /none \@ok;
}
location \@ok {
    add_header X-Keys \$tenant_keys_status;
    return 204;
}
CONF
    );
}


sub refused
{
    my ($server, $what, $title) = @_;

    ok(!$server->start, "$title is refused");
    like($server->error_log, qr/\[emerg\].*$what/, '... with the place');
    unlike($server->error_log, qr/\Q$Secret\E/, '... and without the secret');
    $server->remove;
}


my $Use = "tenant_introspection $Acme;";
my $At = qr{/issuers/0/introspection};

refused(server(registry_of(%{ $$_[0] })->{path}, $Use), $$_[1], $$_[2]) for
    [{ endpoint => undef }, qr/$At.* has no "endpoint"/, 'no endpoint'],
    [{ endpoint => 1 }, qr{$At/endpoint.* must be a string}, 'a number'],
    [{ endpoint => '' }, qr/introspection of issuer "$Acme": "" must be an/,
     'an empty endpoint'],
    [{ endpoint => 'ftp://a.test/' }, qr{"ftp://a.test/" must be an https},
     'another scheme'],
    [{ client_id => undef }, qr/$At.* has no "client_id"/, 'no client_id'],
    [{ client_id => '' }, qr{$At/client_id.* must not be empty},
     'an empty client_id'],
    [{ client_secret => undef },
     qr/$At.* needs one of "client_secret" and "client_secret_file"/,
     'no secret'],
    [{ client_secret_file => 's' },
     qr/$At.* has both "client_secret" and "client_secret_file"/,
     'two secrets'],
    [{ client_secret => '' }, qr{$At/client_secret.* not empty},
     'an empty secret'],
    [{ client_secret => [$Secret] }, qr{$At/client_secret.* must be a string},
     'a list of secrets'],
    [{ client_secret => undef, client_secret_file => 'absent' },
     qr{client secret of issuer "$Acme": .*/absent.*No such file},
     'a secret file that is not there'],
    [{ client_secret => undef, client_secret_file => '' },
     qr{$At/client_secret_file.* is no file name}, 'an empty file name'],
    [{ client_secret => undef,
       client_secret_file => write_fixture('empty', "\r\n") },
     qr{client secret of issuer "$Acme": ".*/empty" is empty},
     'an empty secret file'],
    [{ client_secret => undef,
       client_secret_file => write_fixture('large', $Secret x 1000) },
     qr{client secret of issuer "$Acme": .*/large}, 'a large secret file'],
    [{ auth => 'none' }, qr{$At/auth.* unknown value "none"},
     'another way to authenticate'],
    [{ ttl => 0 }, qr{$At/ttl.* integer from 1 to 3600}, 'a ttl of 0'],
    [{ ttl => 3601 }, qr{$At/ttl.* integer from 1 to 3600}, 'a long ttl'],
    [{ ttl => '60' }, qr{$At/ttl.* integer from 1 to 3600}, 'a text as ttl'],
    [{ tls => 'off' }, qr{$At/tls.* unknown member}, 'an unknown member'];

refused(server(registry_of()->{path}, $Use, plain => 'off'),
        qr/introspection of issuer "$Acme": "http:.* must be https/,
        'an endpoint without TLS');
refused(server(registry(issuer => { $Acme => { introspection => 'on' } })
               ->{path}, $Use), qr/$At.* must be an object/,
        'what is no object');
refused(server(registry(issuer => { $Acme => { jwks_file => undef } })
               ->{path}, ''), qr{/issuers/0.* has no keys},
        'an issuer with neither keys nor introspection');

my $Good = registry_of();

refused(server($Good->{path}, $$_[0]), $$_[1], $$_[2]) for
    ['tenant_introspection https://nobody.test;',
     qr{tenant_introspection: the registry has no issuer "https://nobody},
     'an unknown issuer'],
    ['tenant_introspection https://shared.idp.test;',
     qr{tenant_introspection: issuer ".*" has no "introspection"},
     'an issuer without introspection'],
    ["tenant_introspection $Acme jwt=verify;",
     qr{tenant_introspection: invalid parameter "jwt=verify"},
     'another parameter'],
    ["$Use $Use", qr/"tenant_introspection" directive is duplicate/,
     'a repetition'],
    ['tenant_introspection;', qr/invalid number of arguments/, 'nothing'],
    ['tenant_introspection $nothing;', qr/unknown "nothing" variable/,
     'an unknown variable'];


sub serves
{
    my ($registry, $title) = @_;
    my $server = server($registry, $Use);

    ok($server->start, "$title: nginx starts") or die $server->error_log;

    my $res = $server->request(GET => '/t', Authorization => 'Bearer opaque');

    is($res->status, 204, '... and asks with the secret');
    is($res->header('X-Keys'), 'none', '... as there are no keys');
    is($server->request(GET => '/t', Authorization => 'Bearer ' . token())
              ->status, 401, '... so that its JWTs are refused');
    like($server->error_log, qr/the issuer has no keys here/, '... for that');
    ok($server->quit, '... nginx quits');
    is_deeply([$server->faults], [], '... no sanitizer has found anything');
    unlike($server->error_log, qr/\[(?:alert|emerg|error)\]/, '... no error');
    unlike($server->error_log, qr/\Q$Secret\E/, '... nor the secret');
    $server->remove;
}


serves($Good->{path}, 'a secret in the registry');

for my $end ("\n", "\r\n", '') {
    my $registry = registry_of(client_secret => undef,
                               client_secret_file => 'acme.secret');
    write_fixture("$registry->{dir}/acme.secret", "$Secret$end");
    serves($registry->{path},
           'a secret in a file with ' . length($end) . ' bytes at the end');
}

# A database keeps the whole name of the file

{
    my $registry = registry_of(client_secret => undef,
                               client_secret_file => 'acme.secret');
    write_fixture("$registry->{dir}/acme.secret", $Secret);
    my $db = fixture_dir() . '/registry.db';
    serves("$db seed=$registry->{path}", 'a registry in a database');
    serves($db, '... found again');

    unlink "$registry->{dir}/acme.secret";
    my $server = server($db, $Use);

    ok($server->start, 'without its secret, nginx starts');
    is($server->request(GET => '/t', Authorization => 'Bearer opaque')
              ->status, 503, '... and nobody is asked');
    like($server->error_log,
         qr{\[error\].*client secret of issuer "$Acme": .*/acme.secret},
         '... and the log says why');
    ok($server->quit, '... nginx quits');
    is_deeply([$server->faults], [], '... no sanitizer has found anything');
    $server->remove;
}

done_testing();
