# scripts/tenantctl: every command, what it prints, how it ends.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Api = free_port();
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Dir = fixture_dir();
my $Json = JSON::PP->new->utf8->canonical;

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"EOF_HTTP",
    tenant_registry $Dir/ctl/registry.db seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }

    server {
        listen 127.0.0.1:$Api;
        client_max_body_size 0;
        location / { tenant_api; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;
$ENV{TENANTCTL_API} = "http://127.0.0.1:$Api";
delete $ENV{TENANTCTL_TOKEN};


# ctl(@arguments): exit status, standard output and error of a run.  A first
# argument that is a reference is the standard input.
sub ctl
{
    my $input = ref $_[0] ? ${ +shift } : '';
    my ($in, $out, $err) = map { "$Dir/ctl.$_" } qw(in out err);

    write_fixture($in, $input);

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open STDIN, '<', $in;
        open STDOUT, '>', $out;
        open STDERR, '>', $err;
        exec $^X, 'scripts/tenantctl', @_ or die "exec: $!\n";
    }

    waitpid $pid, 0;
    return ($? >> 8, slurp($out), slurp($err));
}


sub slurp
{
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar(<$file>) // '';
}


# is_ctl($title, $status, $out, $err, @arguments): regular expressions, or
# undef for nothing at all.
sub is_ctl
{
    my ($title, $status, $out, $err, @run) = @_;
    my ($got, @text) = ctl(@run);

    subtest $title => sub {
        is($got, $status, "exit status $status")
            or diag "@text";

        for my $i (0, 1) {
            my $want = ($out, $err)[$i];
            my $name = ('standard output', 'standard error')[$i];

            like($text[$i], $want, $name) if defined $want;
            is($text[$i], '', "nothing on $name") if !defined $want;
        }
    };

    return $text[0];
}


# ask(TENANT, SECONDS): what becomes of a token issued so long ago, default 0.
sub ask
{
    my ($tenant, $ago) = @_;

    return $Server->request(GET => '/', Authorization => 'Bearer '
        . token(key => 'shared_rs256', tenant => $tenant,
                claims => { iat => time - ($ago // 0) }))->status;
}


# reading

is_ctl('tenants are a table', 0,
       qr/^ID +STATUS +TIER +NAME +UPDATED\nacme +active +premium +Acme /,
       undef, 'list');
is_ctl('... by status', 0, qr/^ID .*\n\z/, undef, 'list', 'status=suspended');
is_ctl('issuers are a table', 0,
       qr{^ISS +TENANT.*\n(?:.*\n)*https://acme\.idp\.test +acme}, undef,
       'list', 'issuers');

my $list = is_ctl('programs get JSON', 0, qr/^\[/, undef, 'list', '--json');
is(scalar @{ $Json->decode($list) }, 3, '... of all');

is_ctl('an object is shown', 0, qr/"id" : "acme"/, undef, 'show', 'tenant',
       'acme');
is_ctl('... by a name with slashes', 0, qr/"tenant" : "acme"/, undef,
       'show', 'issuers', 'https://acme.idp.test');
is_ctl('what is not there is refused', 1, undef, qr/refused \(404\)/,
       'show', 'tenant', 'nobody');
is_ctl('the registry has a status', 0,
       qr/^status +ok\n(?:.*\n)*tenants +3\n/, undef, 'status');
is_ctl('a tenant has one', 0,
       qr/^tenant +acme\n(?:.*\n)*support +silo +tenant route +127/, undef,
       'status', 'acme');


# onboarding and the life of a tenant

is_ctl('a tenant and its issuer are onboarded', 0,
       qr/^tenant umbrella: active$/, undef,
       'onboard', 'umbrella', '--tier', 'basic', '--name', 'Umbrella',
       '--issuer', 'https://umbrella.idp.test', '--jwks-file',
       "$Registry->{dir}/shared.jwks", '--route', 'support=pool', '--wait',
       '--client-id', 'one', '--client-id', 'two', '--audience', 'agents',
       '--token-use', 'access');

my $issuer = $Json->decode((ctl('show', 'issuer',
                                'https://umbrella.idp.test'))[1]);
is_deeply([@$issuer{qw(tenant client_ids audiences token_use)}],
          ['umbrella', ['one', 'two'], ['agents'], 'access'],
          '... which says whose tokens are meant');

for (['--jwks-uri', 'https://keys.test/jwks', 'jwks_uri'],
     ['--discovery', 'https://keys.test/.well-known/openid-configuration',
      'discovery'])
{
    my ($option, $url, $member) = @$_;
    my $id = $member =~ tr/_/-/r;

    is_ctl("keys may be named by $option", 0, qr/^tenant $id: active$/, undef,
           'onboard', $id, '--tier', 'basic', '--issuer',
           "https://$id.idp.test", $option, $url);

    my $made = $Json->decode((ctl('show', 'issuer',
                                  "https://$id.idp.test"))[1]);
    is_deeply([@$made{qw(jwks_uri discovery jwks_file)}],
              [map { $_ eq $member ? $url : undef }
                   qw(jwks_uri discovery jwks_file)],
              '... and by nothing else');
    is_ctl('... of which one is needed', 2, undef,
           qr/--issuer needs one of --jwks-uri, --discovery, --jwks-file/,
           'onboard', 'other', '--tier', 'basic', '--issuer', 'https://o.test',
           $option, $url, '--jwks-file', 'x');
    is_ctl('... for an issuer', 2, undef, qr/$option needs --issuer/,
           'onboard', 'other', '--tier', 'basic', $option, $url);
    is_ctl('... which goes with the tenant', 0, qr/is removed/, undef,
           'offboard', $id, '--deadline', '0', '--wait=20');
    is_ctl('... indeed', 1, undef, qr/404/, 'show', 'issuer',
           "https://$id.idp.test");
}

is_ctl('... once', 4, undef, qr/tenants refused \(409\)/,
       'onboard', 'umbrella', '--tier', 'basic');
is_ctl('... and not without a tier', 2, undef, qr/--tier is missing/,
       'onboard', 'other');
is_ctl('... nor what is of an issuer without one', 2, undef,
       qr/--client-id needs --issuer/, 'onboard', 'other', '--tier', 'basic',
       '--client-id', 'one');
is_ctl('what is wrong is said with its place', 1, undef,
       qr{refused \(422\).*\n +/object/tier: }, 'onboard', 'other', '--tier',
       'none');
is_ctl('a dry run writes nothing', 0, qr/not written: dry run/, undef,
       'onboard', 'other', '--tier', 'basic', '--dry-run');
is_ctl('... indeed', 1, undef, qr/404/, 'show', 'tenant', 'other');

is_ctl('members are set', 0, qr/^tenant initech is set$/, undef, 'set',
       'tenant', 'initech', 'name=Initech Inc', 'attributes.plan=gold',
       'attributes.seats=12');

my $shown = $Json->decode((ctl('show', 'tenant', 'initech'))[1]);
is_deeply([@$shown{qw(name attributes)}],
          ['Initech Inc', { plan => 'gold', seats => 12 }],
          '... as text and as JSON');
is_ctl('... and removed', 0, qr/is set/, undef, 'set', 'tenant', 'initech',
       'attributes.plan=');
is_deeply($Json->decode((ctl('show', 'tenant', 'initech'))[1])->{attributes},
          { seats => 12 }, '... alone');
is_ctl('... unless it changed meanwhile', 4, undef, qr/refused \(412\)/,
       '--if-match', '"1"', 'set', 'tenant', 'initech', 'name=x');

is(ask('initech'), 200, 'a tenant is served');
is_ctl('it is suspended', 0, qr/^tenant initech is suspended$/, undef,
       'suspend', 'initech');
is(ask('initech'), 403, '... and not served');
is_ctl('it is activated', 0, qr/^tenant initech is active$/, undef,
       'activate', 'initech');
is(ask('initech'), 200, '... and served');
is_ctl('an active tenant is not removed', 4, undef, qr/refused \(409\)/,
       'remove', 'tenant', 'initech');
is_ctl('what others refer to is not removed', 4, undef,
       qr/refused \(409\).*\n  tenants globex refers to it/, 'remove',
       'tier', 'basic');

is_ctl('tokens are revoked', 0,
       qr{^revoked: sub:https://shared\.idp\.test user-1$}, undef,
       'revoke', '--issuer', 'https://shared.idp.test', '--sub', 'user-1',
       '--expires', '1h');
is(ask('initech'), 401, '... at once');
is_ctl('... until that is withdrawn', 0, qr/is removed/, undef, 'remove',
       'revocation', 'sub:https://shared.idp.test user-1');
is(ask('initech'), 200, '... at once, too');

{
    my @whose = ('--issuer', 'https://shared.idp.test', '--sub', 'user-1');
    my $id = 'sub:https://shared.idp.test user-1';

    # what the option says => how many seconds ago that is
    for (['now', 0], ['10m', 600], ['1d', 86_400], [time - 7200, 7200]) {
        my ($said, $ago) = @$_;
        my ($status, $out) = ctl('revoke', @whose, '--issued-before', $said,
                                 '--json');
        my $before = $status ? 'none' : $Json->decode($out)->{issued_before};

        cmp_ok(abs(time - $ago - $before), '<', 10,
               "tokens issued before $said are revoked");
        is(ask('initech', $ago + 60), 401, '... at once');
        is(ask('initech'), 200, '... and those after it are not');
        is_ctl('... until that is withdrawn', 0, qr/is removed/, undef,
               'remove', 'revocation', $id);
    }

    is_ctl('a time that is none', 2, undef, qr/--issued-before soon/,
           'revoke', @whose, '--issued-before', 'soon');
    is_ctl('all tokens of a tenant are revoked', 0, qr/^revoked: /, undef,
           'revoke', '--tenant', 'initech', '--issued-before', 'now',
           '--reason', 'lost');
    is(ask('initech', 60), 401, '... at once');
    is(ask('globex', 60), 200, '... and of no other');
    is_ctl('... for a reason', 0, qr/lost/, undef, 'list', 'revocations');
    is_ctl('... until that is withdrawn', 0, qr/is removed/, undef, 'remove',
           'revocation', 'tenant:initech');
    is(ask('initech', 60), 200, '... at once, too');
}

is_ctl('of whom has to be said', 2, undef, qr/--issuer and --tenant/,
       'revoke', '--jti', 'x');

is_ctl('a tenant is offboarded', 0, qr/^tenant initech is removed$/, undef,
       'offboard', 'initech', '--deadline', '0', '--wait=20');
is_ctl('... and gone', 1, undef, qr/404/, 'show', 'tenant', 'initech');

for my $purge (0, 1) {
    my $id = $purge ? 'purged' : 'counted';

    ctl('onboard', $id, '--tier', 'basic');
    is_ctl('a tenant is offboarded ' . ($purge ? 'with' : 'without')
           . ' --purge-usage', 0, qr/^tenant $id is being offboarded$/, undef,
           'offboard', $id, '--deadline', '1h',
           $purge ? '--purge-usage' : ());
    is($Json->decode((ctl('show', 'tenant', $id))[1])
       ->{offboarding}{purge_usage} ? 1 : 0, $purge, '... which is kept');
    is_ctl('... and removed before its time', 0, qr/is removed/, undef,
           'remove', 'tenant', $id);
}


# many at once

my @lines = map { { kind => 'tenants', object => {
    id => "bulk-$_", tier => $_ % 500 ? 'basic' : 'none' } } } 1 .. 3000;
my $file = write_fixture("$Dir/bulk.ndjson",
                         join '', map { $Json->encode($_) . "\n" } @lines);

is_ctl('an import that is refused in part', 5,
       qr/^2994 of 3000 imported, 6 refused$/,
       qr{^tenantctl: line 500: refused \(422\).*\n  /object/tier: }, 'import',
       $file);
is_ctl('an import from standard input', 0, qr/^2 of 2 imported, 0 refused$/,
       undef, \ <<'EOF_IN', 'import', '-');
{"kind": "tenants", "object": {"id": "one", "tier": "basic"}}
{"kind": "tenants", "op": "put", "object": {"id": "bulk-1", "tier": "basic"}}
EOF_IN
is_ctl('export', 0, undef, undef, 'export', "$Dir/export.json");

my $document = $Json->decode(slurp("$Dir/export.json"));
is(scalar @{ $document->{tenants} }, 2994 + 4, '... has all of it');

$list = is_ctl('a list goes on over its pages', 0, qr/^\[/, undef, 'list',
               'tenants', '--json');
is(scalar @{ $Json->decode($list) }, 2994 + 4, '... to the end');

push @{ $document->{tiers} }, { id => 'gold', model => 'pool' };
@{ $document->{tenants} } = grep { $_->{id} !~ /^bulk-[12]\d*$/ }
                                 @{ $document->{tenants} };
$_->{id} eq 'globex' and $_->{name} = "Globex\nInc"
    for @{ $document->{tenants} };
write_fixture("$Dir/wanted.json", $Json->encode($document));

is_ctl('what apply would do is shown', 0,
       qr/^\+[ ]tiers[ ]gold\n
           ~[ ]tenants[ ]globex\n
           [ ]{4}name:[ ]"Globex"[ ]->[ ]"Globex\\nInc"\n
           2[ ]changes,[ ]/mx,
       undef, 'apply', "$Dir/wanted.json", '--dry-run');
is_ctl('nobody to ask', 2, qr/2 changes/, qr/--yes is needed/, 'apply',
       "$Dir/wanted.json");
is_ctl('it is applied', 0, qr/^2 changes applied$/m, undef, 'apply',
       "$Dir/wanted.json", '--yes');
is_ctl('... once', 0, qr/^0 changes, /, undef, 'apply', "$Dir/wanted.json",
       '--yes');

for (@{ $document->{tenants} }) {
    next if $_->{id} ne 'globex';

    $_->{name} = 'Globex';
    $_->{attributes} = { 'a.b' => { c => 1 }, seats => 9 };
    $_->{routes} = {};
}
ctl('set', 'tenant', 'globex', 'attributes.plan=gold', 'attributes.seats=2',
    '/attributes/a.b/c=[0]');
write_fixture("$Dir/wanted.json", $Json->encode($document));

is_ctl('values are shown with those before, deep inside objects, too', 0,
       qr{^~[ ]tenants[ ]globex\n
          [ ]{4}/attributes/a\.b/c:[ ]\[0\][ ]->[ ]1\n
          [ ]{4}attributes\.plan:[ ]"gold"[ ]->[ ]\(removed\)\n
          [ ]{4}attributes\.seats:[ ]2[ ]->[ ]9\n
          [ ]{4}name:[ ]"Globex\\nInc"[ ]->[ ]"Globex"\n
          1[ ]changes,}mx, undef, 'apply', "$Dir/wanted.json", '--dry-run');
ctl('set', 'tenant', 'globex', 'attributes=');
is_ctl('... and of what is new', 0,
       qr/^ {4}attributes: \(none\) -> \{.*"seats":9/m, undef, 'apply',
       "$Dir/wanted.json", '--yes');

write_fixture("$Dir/fewer.json", $Json->encode({
    tiers => $document->{tiers}, prices => [] }));
is_ctl('a tier that nobody uses', 0, qr/^1 of 1 imported/, undef,
       \ $Json->encode({ kind => 'tiers', object => {
           id => 'spare', model => 'pool' } }), 'import', '-');
is_ctl('what a document does not have stays', 0, qr/^0 changes, /, undef,
       'apply', "$Dir/fewer.json", '--yes');
is_ctl('... and is removed with --prune', 0,
       qr/^- tiers spare\n1 changes, .*\n1 changes applied$/m, undef, 'apply',
       "$Dir/fewer.json", '--prune', '--yes');
is_ctl('... indeed', 1, undef, qr/404/, 'show', 'tier', 'spare');
is_ctl('... but not what is used', 4, qr/^$/, qr/refused \(409\)/, 'apply',
       write_fixture("$Dir/none.json", '{"tiers": []}'), '--prune', '--yes');
is_ctl('a document is imported, too', 0, qr/ imported, 0 refused$/, undef,
       'import', "$Dir/wanted.json");


# usage

is_ctl('help', 0, qr/^scripts\/tenantctl .*\n(?:.*\n)* +offboard ID/, undef,
       'help');
is_ctl('help of a command', 0, qr/^  offboard ID.*\n\z/, undef, 'help',
       'offboard');
is_ctl('a command that is not there', 2, undef,
       qr/no command "supend", but "suspend"/, 'supend', 'acme');
is_ctl('an option that is not there', 2, undef, qr/[Uu]nknown option: x/,
       '--x', 'list');
is_ctl('a kind that is not there', 2, undef, qr/no kind "teants"/, 'show',
       'teants', 'acme');
is_ctl('too much', 2, undef, qr/what is "b"/, 'suspend', 'a', 'b');
is_ctl('a time that is none', 2, undef, qr/--deadline soon/, 'offboard',
       'acme', '--deadline', 'soon');

my $nobody = free_port();
is_ctl('nobody there', 3, undef, qr/cannot be reached/, '--api',
       "http://127.0.0.1:$nobody", 'list');

my $token = write_fixture("$Dir/token", "secret-of-an-operator\n");
my @said = ctl('--token-file', $token, '--api', "http://127.0.0.1:$nobody",
               'list');
unlike("@said", qr/secret-of/, 'a token is never printed');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');

done_testing();
