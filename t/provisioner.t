# Events of tenants reach the provisioner: signed, in order, until they are
# accepted, whoever dies meanwhile.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

my $Dir = fixture_dir();
my $Api = free_port();
my $Json = JSON::PP->new->utf8->canonical;
my $Key = 'k' x 24;
my $Secret = write_fixture("$Dir/secret",
                           'whsec_' . encode_base64($Key, '') . "\n");

# what the receiver does is in a file, "PATTERN STATUS [SECONDS] [HEADER]" a
# line, the first whose pattern is in the body
my $Rules = write_fixture("$Dir/rules", '');
my $Receiver = Tenant::Upstream->new(respond => sub {
    my ($request, $connection) = @_;

    open my $in, '<', $Rules or return;

    while (my $line = <$in>) {
        my ($pattern, $status, $seconds, $header) = split ' ', $line, 4;

        next if index($request->{body}, $pattern) < 0;
        $connection->sleep($seconds) if $seconds;
        chomp($header //= '');
        return [$status, [$header ? split /: /, $header : ()], ''];
    }

    return [202, [], ''];
});
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");


sub configuration
{
    my ($provisioner) = @_;

    return <<"EOF_HTTP";
    tenant_registry $Dir/provisioner/registry.db seed=$Registry->{path};
    tenant_policy_file $Policy;
    $provisioner

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }

    server {
        listen 127.0.0.1:$Api;
        location / { tenant_api; }
    }
EOF_HTTP
}


my $Server = Tenant::Server->new(
    workers => 2,
    http => configuration('tenant_provisioner http://127.0.0.1:'
                          . $Receiver->port
                          . "/events secret=$Secret timeout=1s;"),
    server => <<'EOF_SERVER',
        location = /metrics { tenant_metrics; }
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub api
{
    my ($method, $path, $value) = @_;
    my @body = defined $value
        ? ('Content-Type' => $method eq 'PATCH'
                             ? 'application/merge-patch+json'
                             : 'application/json',
           ':body' => $Json->encode($value))
        : ();

    return Tenant::HTTP::http($Api, $method, "/v1$path", @body);
}


sub onboard
{
    my ($id) = @_;

    return api(POST => '/tenants', { id => $id, tier => 'premium' });
}


# What the receiver was sent of a tenant: types, in order.
sub sent
{
    my ($id) = @_;

    return map { $_->{event}{type} =~ s/.*\.//r }
           grep { $_->{event}{subject} eq $id } requests();
}


sub requests
{
    return map { { %$_, event => $Json->decode($_->{body}) } }
           $Receiver->requests;
}


sub waits_for
{
    my ($title, $code) = @_;

    ok($Server->wait_until($code), $title);
}


# one

my $res = onboard('one');

is($res->status, 201, 'a tenant of a silo tier');
is($res->json->{status}, 'provisioning', '... waits for its servers');
waits_for('... of which the provisioner is told', sub { sent('one') });

my ($request) = requests();
my $event = $request->{event};
my %header = map { lc } $request->{raw} =~ /^([\w-]+): (.*?)\r$/mg;

like($header{'content-type'}, qr{^application/cloudevents\+json},
     '... by a CloudEvent');
is_deeply([@$event{qw(specversion type subject source)}],
          ['1.0', 'com.ngx-tenant.tenant.onboarding', 'one',
           'urn:ngx-tenant:registry'], '... that says what and of whom');
is($event->{data}{tenant}{tier}, 'premium', '... and has the tenant');

my ($signature) = $request->{raw} =~ /^webhook-signature: v1,(\S+)\r$/mi;
is($header{'webhook-id'}, lc $event->{id}, '... with its id');
is($signature, encode_base64(hmac_sha256(
       "$event->{id}.$header{'webhook-timestamp'}.$request->{body}", $Key),
   ''), '... signed');

waits_for('... and accepted, it is kept no more', sub {
    api(GET => '/health')->json->{registry}{outbox} == 0 });

is(api(PATCH => '/tenants/one', { status => 'active', routes => { support => {
       model => 'silo', servers => ['127.0.0.1:' . $Agent->port] } } })
   ->status, 200, 'the provisioner answers through the API');
waits_for('... and is told that the tenant is active',
          sub { join(' ', sent('one')) eq 'onboarding activated' });


# not accepted

write_fixture($Rules, "\"subject\":\"two\" 503\n");
onboard('two');
waits_for('what is not accepted is sent again', sub { sent('two') >= 2 });

my $state = api(GET => '/tenants/two/state')->json;
is($state->{events}, 1, '... and kept');
cmp_ok($state->{provisioning}{attempts}, '>=', 1, '... with its attempts');
like($state->{provisioning}{error}, qr/status 503/, '... and why');

api(POST => '/tenants/two:offboard', { deadline => 600 });
onboard('three');
waits_for('other tenants do not wait', sub { sent('three') });
is_deeply([grep { $_ ne 'onboarding' } sent('two')], [],
          'but the next event of the tenant does');
like($Server->error_log, qr/an event of tenant "two" was not accepted: /,
     'the log says so');
is(() = $Server->error_log =~ /was not accepted/g, 1, '... once');

write_fixture($Rules, '');
waits_for('accepted, it is followed by the next',
          sub { (sent('two'))[-1] eq 'offboarding' });
is(scalar(grep { $_ eq 'offboarding' } sent('two')), 1, '... which is sent once');
like($Server->request(GET => '/metrics')->body,
     qr/^tenant_provisioner_events_total\{result="failed"\} [1-9]/m,
     'attempts are counted');

write_fixture($Rules, "\"subject\":\"patient\" 429 0 Retry-After: 1800\n");
onboard('patient');
waits_for('Retry-After', sub {
    (api(GET => '/tenants/patient/state')->json->{provisioning}{attempts}
     // 0) == 1 });
like(api(GET => '/tenants/patient/state')->json->{provisioning}{next},
     qr/^2\d\d\d-/, '... puts the next attempt off');
sleep 1.5;
is(scalar(sent('patient')), 1, '... so that it is not sent meanwhile');


# who delivers dies

write_fixture($Rules, "\"subject\":\"killed\" 503\n");
onboard('killed');
waits_for('an event that is not accepted', sub { sent('killed') });
$Server->kill_worker($_) for $Server->workers;
write_fixture($Rules, '');
waits_for('... survives the workers', sub {
    my $left = eval { api(GET => '/tenants/killed/state')->json->{events} };
    defined $left && $left == 0 });

write_fixture($Rules, "\"subject\":\"restarted\" 503\n");
onboard('restarted');
waits_for('another', sub { sent('restarted') });
$Server->stop('KILL');
write_fixture($Rules, '');
$Server->start or die $Server->error_log;
waits_for('... survives nginx', sub {
    my $left = eval { api(GET => '/tenants/restarted/state')->json->{events} };
    defined $left && $left == 0 });


# removed

api(POST => '/tenants/three:offboard', { deadline => 0 });
waits_for('that a tenant was removed is the last event of it',
          sub { ((sent('three'))[-1] // '') eq 'removed' });

$Server->quit;


# configuration

for my $bad (['ftp://x', qr/"ftp:\/\/x" is no http or https URL/],
             ['http://x secret=', qr/invalid parameter "secret="/],
             ['http://x secret=/nonexistent', qr/cannot open "\/nonexistent"/],
             ["http://x secret=" . write_fixture("$Dir/empty", "\n"),
              qr/has no secret/],
             ['http://x; tenant_provisioner http://y', qr/is duplicate/])
{
    my $server = Tenant::Server->new(
        http => configuration("tenant_provisioner $bad->[0];"),
        may_fail => 1);

    ok(!$server->start, "tenant_provisioner $bad->[0]");
    like($server->error_log, $bad->[1], '... says what is wrong');
    $server->remove;
}

done_testing();
