# A reload takes effect, or is refused and changes nothing.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Dir = fixture_dir() . '/live';
my $Old = Tenant::Upstream->new(respond => sub { "old $_[0]{connection}" });
my $New = Tenant::Upstream->new(respond => sub { "new $_[0]{connection}" });
my $Held = Tenant::Upstream->new(respond => sub {
    my (undef, $connection) = @_;
    $connection->send_header(200, 'Transfer-Encoding' => 'chunked');
    $connection->send_chunk("one\n");
    $connection->sleep(1.5);
    $connection->send_chunk("two\n");
    $connection->last_chunk;
    return undef;
});

my %Cedar = (
    open => "permit(principal, action, resource);\n",
    closed => "permit(principal, action, resource) when { false };\n",
    broken => "permit(principal, action, resource)\nwhen { 1 };;\n",
);

sub policy { return write_fixture("$Dir/policy.cedar", $Cedar{$_[0]}) }


# The registry in use, written anew: options as of registry().
sub rewrite
{
    my (%opt) = @_;
    my $silo = delete $opt{silo} // $Old;
    my $acme = delete $opt{acme} // {};

    return registry(dir => $Dir, agent => { slow => {} }, %opt,
                    tenant => { acme => {
        routes => {
            support => { model => 'silo',
                         servers => ['127.0.0.1:' . $silo->port] },
            slow => { model => 'silo',
                      servers => ['127.0.0.1:' . $Held->port] } },
        %$acme }, %{ $opt{tenant} // {} } });
}


my $Registry = rewrite();
policy('open');

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    tenant_registry $Registry->{path};
    tenant_policy_file $Dir/policy.cedar;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Old->port };
        keepalive 4;
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location = /metrics { tenant_metrics; }
        location ~ ^/(?<agent>support|slow)$ {
            tenant_auth on;
            tenant_agent $agent;
            proxy_pass http://agents;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;

my $Token = token();


sub ask
{
    my ($token, $path, @more) = @_;
    my $res = $Server->request(
        GET => $path // '/support',
        Authorization => 'Bearer ' . ($token // $Token), @more);

    return $res->status == 200 ? $res->body =~ s/ \d+$//r
         : $res->status . ' ' . $res->json->{type} =~ s/.*://r;
}


# The sum of a metric over its labels.
sub metric
{
    my ($name) = @_;
    my $sum = 0;

    $sum += $_ for $Server->request(GET => '/metrics')->body
                   =~ /^\Q$name\E(?:\{.*\})? (\d+)$/mg;
    return $sum;
}


is(ask(), 'old', 'before any reload');

# What must be refused: what to spoil, what the log says.
my @broken = (
    ['a registry that is no JSON',
     sub { write_fixture($Registry->{path}, '{"tiers": [') },
     qr/registry\.json" line 1 column 12: syntax error/],
    ['a registry with a dangling reference',
     sub { rewrite(acme => { tier => 'gold' }) },
     qr{"/tenants/0/tier" names no tier: "gold"}],
    ['a registry that is gone', sub { unlink $Registry->{path} },
     qr/tenant_registry: cannot open/],
    ['a key set that is no JSON',
     sub { write_fixture("$Dir/acme.jwks", 'oops') },
     qr/acme\.jwks: syntax error at byte 0/],
    ['a key set that is gone', sub { unlink "$Dir/acme.jwks" },
     qr/cannot open ".*acme\.jwks"/],
    ['a policy with a syntax error', sub { policy('broken') },
     qr/policy\.cedar:2:\d+: /],
    ['a policy file that is gone', sub { unlink "$Dir/policy.cedar" },
     qr/tenant_policy_file: cannot open/],
);

for my $case (@broken) {
    my ($title, $spoil, $message) = @$case;
    my @workers = $Server->workers;

    $spoil->();
    ok(!$Server->reload, "$title: the reload is refused");
    like($Server->error_log, $message, '... with the reason');
    is_deeply([$Server->workers], \@workers, '... the workers are the same');
    is(ask(), 'old', '... and go on as before');
    is(ask(token(sub => 'somebody')), 'old', '... for new tokens too');

    rewrite();
    policy('open');
    ok($Server->reload, '... and once it is mended it takes effect');
    is(ask(), 'old', '... with the same answer');
}

# A worker that dies after a refused reload finds what it needs.
{
    policy('broken');
    ok(!$Server->reload, 'after a refused reload');
    $Server->kill_worker;
    is(ask(), 'old', '... a worker that dies is replaced by one that works');
    cmp_ok(metric('tenant_requests_total'), '>', 0, '... and counts on');
    policy('open');
}

# What a good reload changes, for a token that was verified before

rewrite(silo => $New);
ok($Server->reload, 'a silo that moves');
is(ask(), 'new', '... is found at its new address');

rewrite(silo => $New, acme => { status => 'suspended' });
ok($Server->reload, 'a tenant that is suspended');
is(ask(), '403 tenant-suspended', '... is so for verified tokens');

rewrite(silo => $New, acme => { tier => 'basic', status => 'active',
                                routes => {} });
ok($Server->reload, 'a tenant that moves into the pool');
is(ask(), 'old', '... gets its servers');

rewrite(tenant => { acme => undef }, issuer => {
    'https://acme.idp.test' => undef });
ok($Server->reload, 'a tenant and an issuer that are gone');
is(ask(), '401 invalid-token', '... are known no more');

rewrite(keys => { acme => ['es256'] });
ok($Server->reload, 'a key that is withdrawn');
is(ask(), '401 invalid-token', '... verifies nothing');
is(ask(token(key => 'acme_es256')), 'old', '... and its successor does');

rewrite();
policy('closed');
ok($Server->reload, 'policies that change');
is(ask(), '403 policy-denied', '... hold at once');

policy('open');
ok($Server->reload, '... and back');
is(ask(), 'old', '... too');

# Counters

{
    my $before = metric('tenant_requests_total');
    my $decided = metric('tenant_decisions_total');
    my $verified = metric('tenant_token_cache_misses_total');

    cmp_ok($before, '>', 20, 'counters have outlived all these reloads');
    ok($Server->reload, 'one more');
    is(metric('tenant_requests_total'), $before, '... keeps requests');
    is(metric('tenant_decisions_total'), $decided, '... decisions');
    is(metric('tenant_token_cache_misses_total'), $verified,
       '... and the totals');
    ask();
    is(metric('tenant_requests_total'), $before + 1, '... and counts on');
}

# A request that runs when the reload comes

{
    my ($reloaded, $seen) = (0, '');
    my $res = $Server->request(
        GET => '/slow', Authorization => "Bearer $Token",
        ':on_chunk' => sub {
            $seen .= $_[0];
            return 0 if $reloaded++;
            rewrite(acme => { status => 'suspended' });
            kill 'HUP', $Server->pid;
            return 0;
        });

    is($res->body, "one\ntwo\n", 'a request that runs ends as it began');
    $Server->wait_until(sub { ask() eq '403 tenant-suspended' });
    is(ask(), '403 tenant-suspended', '... while new ones see the change');
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
