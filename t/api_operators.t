# The control plane for operators: their own issuer, their own policies, and
# nobody else's tokens.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

my $Ops = 'https://ops.idp.test';
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Registry = registry(port => $Agent->port, issuer => {
    $Ops => { operators => JSON::PP::true(), jwks_file => 'shared.jwks',
              claims => { roles => 'groups' } } });
my $Agents = write_fixture('agents.cedar', <<'EOF_CEDAR');
permit (principal, action == Action::"InvokeAgent", resource);
EOF_CEDAR
my $Operators = write_fixture('operators.cedar', <<'EOF_CEDAR');
@id("everybody-reads")
permit (principal is Operator, action in [Action::"tenants:read",
        Action::"tiers:read", Action::"registry:read"], resource);

@id("administrators")
permit (principal in Role::"admin", action, resource)
unless { action == Action::"registry:secrets" };

@id("onboarding")
permit (principal in Role::"onboarding", action == Action::"tenants:write",
        resource);

@id("not-premium")
forbid (principal in Role::"onboarding", action == Action::"tenants:write",
        resource is Tenant)
when { resource has tier && resource.tier == "premium" };

@id("nor-of-a-tier")
forbid (principal in Role::"basic-is-taboo", action, resource in Tier::"basic");

@id("of-globex")
permit (principal in Role::"globex", action == Action::"tenants:write",
        resource == Tenant::"globex");
EOF_CEDAR

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    tenant_registry ${\ fixture_dir() }/operators/registry.db seed=$Registry->{path};
    tenant_policy_file $Agents;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }
EOF_HTTP
    server => <<"EOF_SERVER",
        location /control/ {
            tenant_auth on;
            tenant_realm control;
            tenant_policy_file $Operators;
            tenant_decision_log logs/decisions.log flush=20ms;
            tenant_api;
        }

        location /agent {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }

        location /maybe {
            tenant_auth optional;
            tenant_policy off;
            tenant_agent support;
            proxy_pass http://127.0.0.1:${\ $Agent->port };
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub operator
{
    my (@roles) = @_;

    return token(key => 'shared_rs256', iss => $Ops, sub => 'olga',
                 claims => { groups => [@roles] });
}


# The status, with the reason of a refusal.
sub ask
{
    my ($token, $method, $path, $value) = @_;
    my $res = $Server->request($method => $path,
        $token ? (Authorization => "Bearer $token") : (),
        defined $value ? ('Content-Type' => $method eq 'PATCH'
                                            ? 'application/merge-patch+json'
                                            : 'application/json',
                          ':body' => JSON::PP->new->encode($value)) : ());

    return $res->status if $res->status < 400;
    return $res->status . ' ' . $res->json->{type} =~ s/.*://r;
}


my $tenants = '/control/v1/tenants';
my $new = { id => 'new', tier => 'basic' };

is(ask(undef, GET => $tenants), '401 no-token', 'nobody comes without a token');
is(ask('x.y.z', GET => $tenants), '401 invalid-token', '... or with any token');
is(ask(token(), GET => $tenants), '403 tenant-isolation',
   'a token of a tenant is not for the control plane');
like($Server->error_log, qr/control plane is for tokens of operators/,
     '... which the log calls a violation');

is(ask(operator(), GET => $tenants), 200, 'an operator reads');
is(ask(operator(), GET => "$tenants/globex"), 200, '... one, too');
is(ask(operator(), GET => "$tenants/globex/state"), 200, '... and its state');
is(ask(operator(), GET => '/control/v1/health'), 200, '... and the health');
is(ask(operator(), GET => '/control/v1/issuers'), '403 policy-denied',
   '... what policies permit');
is(ask(operator(), POST => $tenants, $new), '403 policy-denied',
   '... and writes nothing');
is(ask(operator(), GET => "$tenants/new"), '404 not-found', '... indeed');

is(ask(operator('admin'), POST => $tenants, $new), 201,
   'an administrator does');
like($Server->error_log, qr/tenant api: .*operator: "\Q$Ops\E#olga"/,
     '... under a name that the log has');
is(ask(operator('admin'), GET => '/control/v1/export'), 200,
   '... and exports');
is(ask(operator('admin'), GET => '/control/v1/export?secrets=true'),
   '403 policy-denied', '... but no secrets');
is(ask(operator('admin'), GET => '/control/v1/nothing'), '404 not-found',
   'what is not there is not there');

is(ask(operator('onboarding'), PUT => "$tenants/fresh", { tier => 'basic' }),
   201, 'a tenant that is not there has no attributes to forbid by');
is(ask(operator('onboarding'), PATCH => "$tenants/fresh", { name => 'F' }), 200,
   '... one that is has those of the registry');
is(ask(operator('onboarding'), PATCH => "$tenants/acme", { name => 'A' }),
   '403 policy-denied', '... by which it can be forbidden');
is(ask(operator('onboarding'), POST => "$tenants/acme:suspend", {}),
   '403 policy-denied', '... with all that can be done to it');
is(ask(operator('admin', 'basic-is-taboo'), PATCH => "$tenants/fresh",
       { name => 'G' }), '403 policy-denied', '... or by its tier');
is(ask(operator('admin'), PATCH => "$tenants/fresh", { tier => 'premium' }),
   200, 'once it has changed');
is(ask(operator('onboarding'), PATCH => "$tenants/fresh", { name => 'H' }),
   '403 policy-denied', '... the next decision is another');
is(ask(operator('globex'), PATCH => "$tenants/globex", { name => 'Globex' }),
   200, 'an operator of a tenant changes it');
is(ask(operator('globex'), PATCH => "$tenants/gl%6fbex", { name => 'Globex' }),
   200, '... however its name is written');
is(ask(operator('globex'), PATCH => "$tenants/acme", { name => 'Mine' }),
   '403 policy-denied', '... and no other');
is(ask(operator('globex'), POST => "$tenants/globex:suspend", {}), 200,
   '... all of its life');
is(ask(operator('globex'), POST => '/control/v1/import', ''),
   '403 policy-denied', '... but not by an import');

ok($Server->wait_until(sub { log_text('decisions.log') =~
       /"principal":"\Q$Ops\E#olga","action":"tenants:write","resource":"acme"/ }),
   'decisions are logged');

is(ask(operator('admin'), GET => '/agent'), '403 tenant-isolation',
   'an operator\'s token is for the control plane');
is(ask(operator('admin'), GET => '/maybe'), '403 tenant-isolation',
   '... also where a token need not be');
is(ask(token(), GET => '/agent'), 200, '... and a tenant\'s for agents');


# what a registry may say of them

sub complaint
{
    my $registry = registry(@_);
    my $server = Tenant::Server->new(
        http => "tenant_registry $registry->{path};", may_fail => 1);
    my $log = $server->start ? '' : $server->error_log;

    $server->quit if $server->pid;
    $server->remove;
    return $log;
}

for my $bad (
    [{ tenant => 'acme' }, qr{/issuers/\d/operators" operators are no tenant's}],
    [{ tenant_claim => 't' }, qr{/operators" operators are no tenant's}],
    [{ operators => JSON::PP::false() }, qr{/operators" must be true}])
{
    like(complaint(issuer => { $Ops => {
             operators => JSON::PP::true(), jwks_file => 'shared.jwks',
             %{ $bad->[0] } } }),
         $bad->[1], join ' ', 'operators with', %{ $bad->[0] });
}

like(complaint(issuer => { $Ops => { operators => JSON::PP::true(),
                                     jwks_file => 'shared.jwks' } },
               tenant => { globex => { issuers => [$Ops] } }),
     qr{/tenants/1/issuers/0" is an issuer of operators: "\Q$Ops\E"},
     'a tenant cannot list them');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');

done_testing();


sub log_text
{
    my ($name) = @_;

    open my $in, '<', $Server->prefix . "/logs/$name" or return '';
    local $/;
    return scalar(<$in>) // '';
}
