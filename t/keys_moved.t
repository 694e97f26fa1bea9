# An issuer whose jwks_uri changes with a reload: the keys of the old URL are
# none of its keys any more, from the first request on.

use strict;
use warnings;

use Test::More;
use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $iss = 'https://acme.idp.test';

sub provider
{
    my ($key) = @_;

    return Tenant::Upstream->new(respond => sub {
        return [200, ['Content-Type', 'application/json',
                      'Cache-Control', 'max-age=86400'], jwks($key)];
    });
}

my ($old, $new) = (provider('acme_rs256'), provider('acme_es256'));
my $dir = fixture_dir() . '/moved';

sub name
{
    my ($provider) = @_;

    return registry(dir => $dir, issuer => { $iss => {
        jwks_file => undef,
        jwks_uri  => 'http://127.0.0.1:' . $provider->port . '/jwks',
    } });
}

my $path = name($old)->{path};

my $server = Tenant::Server->new(
    workers => 2,
    http    => <<"CONF",
tenant_registry $path;
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
CONF
    server  => <<'CONF',
location = /t {
    tenant_auth on;
    tenant_agent support;
    try_files /none =204;
}
CONF
);
$server->start;

sub status
{
    my ($key) = @_;
    my ($name, $value) = split /: /, bearer(sub => 'alice', iss => $iss,
                                            key => $key), 2;
    chomp $value;

    return $server->request('GET', '/t', $name => $value)->status;
}

is(status('acme_rs256'), 204, 'a key of the first provider verifies');
is(status('acme_es256'), 401, '... and no other');

name($new);
$server->reload;

is(status('acme_es256'), 204, 'after the move the second provider\'s does');
is(status('acme_rs256'), 401, '... and the first one\'s no longer');
is(status('acme_es256'), 204, '... which stays so');
is(scalar(grep { $_->{path} eq '/jwks' } $new->requests), 1,
   'one fetch served all of it, the unknown key within the interval too');

name($old);
$server->reload;

is(status('acme_rs256'), 204, 'and back again');
is(status('acme_es256'), 401, '... with nothing of the second left');

$server->quit;
unlike($server->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');
is($server->reports // '', '', 'no sanitizer report');

$_->stop for $old, $new;

done_testing();
