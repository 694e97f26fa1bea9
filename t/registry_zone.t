# Issuers that go give their room in tenant_zone back, once no worker can look
# at it any more: there may come and go more than there is room for.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

# a sanitizer has to be loaded first
plan skip_all => 'not together with a sanitizer' if $ENV{TEST_NGINX_PRELOAD};

my $Crowd = 200;             # more than there is room for
my $Rest = 61;               # seconds
my $Json = JSON::PP->new->canonical;
my $Dir = fixture_dir();
my $Clock = write_fixture('clock', '0');
my $Shim = "$Dir/clock.so";
my $Cc = $ENV{CC} || 'gcc';

system("$Cc -shared -fPIC -O1 -Wall -o $Shim t/tools/clock.c -ldl") == 0
    or BAIL_OUT('the library of the clock does not compile');

my $Provider = Tenant::Upstream->new(respond => sub {
    return [200, ['Content-Type', 'application/json'],
            $_[0]{method} eq 'POST' ? '{"active":false}'
                                    : jwks('acme_rs256')];
});
my $Url = 'http://127.0.0.1:' . $Provider->port;

my $Server = Tenant::Server->new(
    workers => 2,
    preload => $Shim,
    env => { TEST_CLOCK => $Clock },
    main => 'env TEST_CLOCK;',
    http => <<"CONF",
tenant_registry $Dir/zone/registry.db seed=${\ registry()->{path} };
tenant_zone 32k;
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
CONF
    server => <<'CONF',
location /t {
    tenant_auth on;
    tenant_introspection https://$arg_iss.test;
    try_files /none @ok;
}
location @ok { return 204; }
location /admin/ { tenant_api; }
location = /metrics { tenant_metrics; }
CONF
);

$Server->start or die $Server->error_log;


# What is known of issuers, by the name of the metric.
sub known
{
    my ($metric) = @_;

    return scalar(() = $Server->request(GET => '/metrics')->body
                       =~ /^tenant_issuer_\Q$metric\E\{/mg);
}


sub import_lines
{
    my (@lines) = @_;
    my $answer = $Server->request(
        POST => '/admin/v1/import', 'Content-Type' => 'application/x-ndjson',
        ':body' => join '', map { $Json->encode($_) . "\n" } @lines);

    return scalar grep { /"status":20[014]\b/ } split /\n/, $answer->body;
}


# Makes a crowd whose names begin so, has the workers know them, and returns
# how many of them there was room for.
sub come
{
    my ($name, $metric, $token, %member) = @_;

    my $made = import_lines(map { {
        kind => 'issuers', op => 'put', object => {
            iss => "https://$name-$_.test", tenant_claim => 'tenant',
            subject_namespace => "$name-$_", %member } } } 1 .. $Crowd);
    is($made, $Crowd, "$made issuers come");

    for my $n (1 .. $Crowd) {
        $Server->request(GET => "/t?iss=$name-$n", Authorization =>
                         'Bearer ' . $token->("https://$name-$n.test"));
    }

    return known($metric);
}


sub go
{
    my ($name, $metric) = @_;

    my $gone = import_lines(map { {
        kind => 'issuers', op => 'delete', object => {
            iss => "https://$name-$_.test" } } }
        1 .. $Crowd);
    is($gone, $Crowd, '... and go');

    my $end = time + 5;
    sleep 0.05 while known($metric) && time < $end;
    is(known($metric), 0, '... and nothing is known of them');
}


my $Ahead = 0;

for (['introspection_failures', sub { 'opaque' },
      introspection => { endpoint => "$Url/", client_id => 'gateway',
                         client_secret => 'secret' }],
     ['keys_failures', sub { token(iss => $_[0]) }, jwks_uri => "$Url/jwks"])
{
    my ($metric, $token, @member) = @$_;
    my $room = come("$metric-1" =~ tr/_/-/r, $metric, $token, @member);

    cmp_ok($room, '>', 20, "there is room for some $metric");
    cmp_ok($room, '<', $Crowd, '... and not for all');
    go("$metric-1" =~ tr/_/-/r, $metric);

    cmp_ok(come("$metric-2" =~ tr/_/-/r, $metric, $token, @member), '<',
           $room / 2, 'what somebody may still look at is nobody else\'s');
    go("$metric-2" =~ tr/_/-/r, $metric);

    for my $round (3 .. 5) {
        write_fixture('clock', $Ahead += $Rest);
        sleep 0.3;       # for nginx to look at it

        cmp_ok(come("$metric-$round" =~ tr/_/-/r, $metric, $token, @member),
               '>=', $room * 0.9, 'later there is as much room as before');
        go("$metric-$round" =~ tr/_/-/r, $metric);
    }

    write_fixture('clock', $Ahead += $Rest);
    sleep 0.3;
}

ok($Server->quit, 'nginx quits');
unlike($Server->error_log, qr/\[(?:alert|emerg)\]/, 'no alert');
$Server->remove;

done_testing();
