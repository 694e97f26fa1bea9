# The secret of a client is in a worker's memory as long as its issuer is, and
# no longer: nothing that was copied on the way to the endpoint is left behind.

use strict;
use warnings;

use lib 't/lib';

use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my $Largest = 512 * 1024 * 1024;     # of a mapping: not a sanitizer's shadow

# what is freed without being wiped keeps most of it
my $Secret = 'a-secret-of-the-gateway-' . 'x' x 100;
my $Acme = 'https://acme.idp.test';
my $Encoded = 'https%3A%2F%2Facme.idp.test';

my $Provider = Tenant::Upstream->new(respond => sub {
    [200, ['Content-Type', 'application/json'], '{"active":false}']
});

my $Registry = registry();
write_fixture("$Registry->{dir}/client.secret", "$Secret\n");

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"CONF",
tenant_registry $Registry->{dir}/registry.db seed=$Registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
CONF
    server => <<"CONF",
location /t {
    tenant_auth on;
    tenant_introspection $Acme/\$arg_iss;
    try_files /none \@ok;
}
location \@ok { return 204; }
location /admin/ { tenant_api; }
CONF
);

$Server->start or die $Server->error_log;


sub put
{
    my ($name) = @_;

    return $Server->request(
        PUT => "/admin/v1/issuers/$Encoded%2F$name",
        'Content-Type' => 'application/json',
        ':body' => <<"JSON")->status;
{ "tenant": "acme", "subject_namespace": "$name",
  "introspection": { "endpoint": "http://127.0.0.1:${\ $Provider->port }/",
                     "client_id": "gateway", "client_secret_file":
                     "$Registry->{dir}/client.secret" } }
JSON
}


# How often the worker has the secret in its memory.
sub copies
{
    my ($worker) = $Server->workers;
    my $n = 0;

    open my $maps, '<', "/proc/$worker/maps" or die "maps: $!\n";
    open my $mem, '<:raw', "/proc/$worker/mem" or die "mem: $!\n";

    no warnings 'portable';      # addresses of 64 bits

    while (<$maps>) {
        my ($from, $to) = map { hex } /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
        next if $to - $from > $Largest;

        sysseek $mem, $from, 0 or next;
        my $text = '';
        1 while sysread $mem, $text, $to - $from - length $text, length $text;
        $n += () = $text =~ /\Q$Secret\E/g;
    }

    return $n;
}


is(copies(), 0, 'nobody knows the secret yet');

is(put('basic'), 201, 'an issuer is made');
is($Server->request(GET => '/t?iss=basic', Authorization => 'Bearer opaque')
          ->status, 401, '... and asked');
is(scalar $Provider->requests(1), 1, '... once');
is(copies(), 1, '... by a worker that has its secret once');

is($Server->request(DELETE => "/admin/v1/issuers/$Encoded%2Fbasic")->status,
   204, 'the issuer is removed');

{
    my $end = time + 5;
    my $n;

    while (($n = copies()) && time < $end) {
        $Server->request(GET => '/t?iss=basic',
                         Authorization => 'Bearer other');
        sleep 0.1;
    }

    is($n, 0, '... and so is the secret');
}

is(scalar $Provider->requests, 1, 'nobody was asked any more');

ok($Server->quit, 'nginx quits');
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
unlike($Server->error_log, qr/\Q$Secret\E/, 'no log has the secret');
$Server->remove;

done_testing();
