# Users whom policies cannot tell apart have one principal together: nothing
# of one may decide about another, whoever of them comes first.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Acme = 'https://acme.idp.test';
my $Shared = 'https://shared.idp.test';
my $Second = 'https://second.idp.test';
my $Json = JSON::PP->new->canonical;

my %Claims = (roles => 'groups', attributes => { department => 'department',
                                                 level => 'level' });
my $Owner = { __entity => { type => 'User', id => "$Acme#alice" } };
my $Registry = registry(
    issuer => { $Acme => { claims => \%Claims },
                $Shared => { claims => \%Claims },
                $Second => { claims => \%Claims, jwks_file => 'shared.jwks',
                             tenant_claim => 'custom:tenantId',
                             subject_namespace => 'second' } },
    tenant => { acme => { routes => { map { $_ => { model => 'pool' } }
                                      qw(support owned plain) } },
                initech => { issuers => [$Shared, $Second] },
                umbrella => { tier => 'basic', issuers => [$Shared] },
                globex => { attributes => { boss => { __entity => {
                    type => 'User', id => "$Shared#boss" } } } } },
    agent => { owned => { attributes => { owner => $Owner } },
               plain => {} },
);
my $Number = 0;


# name => [condition, how to tell from %user of a token]
my @Seen = (
    roles_a => ['principal in Role::"a"', sub { role($_[0], 'a') }],
    roles_b => ['principal in Role::"b"', sub { role($_[0], 'b') }],
    roles_ab => ['principal in Role::"ab"', sub { role($_[0], 'ab') }],
    no_roles => ['principal.roles == []',
                 sub { !@{ $_[0]{groups} // [] } }],
    scope_a => ['principal.scopes.contains("a")', sub { scope($_[0], 'a') }],
    scope_b => ['principal.scopes.contains("b")', sub { scope($_[0], 'b') }],
    app_1 => ['principal has client_id && principal.client_id == "app-1"',
              sub { ($_[0]{client_id} // '') eq 'app-1' }],
    no_app => ['!(principal has client_id)',
               sub { !defined $_[0]{client_id} }],
    second => ["principal.iss == \"$Second\"",
               sub { $_[0]{iss} eq $Second }],
    globex => ['principal in Tenant::"globex"',
               sub { $_[0]{tenant} eq 'globex' }],
    basic => ['principal.tier == "basic"', sub { $_[0]{tenant} ne 'acme' }],
    (map {
        my ($name, $value, $cedar) = @$_;

        (department($name, $value, $cedar), tag($name, $value, $cedar))
    } (['hr', 'hr', '"hr"'], ['list', ['hr'], '["hr"]'],
       ['two', ['hr', 'it'], '["hr", "it"]'],
       ['nested', [['hr'], ['it']], '[["hr"], ["it"]]'],
       ['other', [['hr', 'it']], '[["hr", "it"]]'],
       ['mixed', [['hr'], 'it'], '[["hr"], "it"]'],
       ['record', { hr => 'it' }, '{hr: "it"}'],
       ['seven', 7, '7'], ['text', '7', '"7"'],
       ['true', JSON::PP::true, 'true'], ['false', JSON::PP::false, 'false'],
       ['none', [], '[]'], ['void', {}, '{}'], ['empty', '', '""'])),
);


sub role
{
    my ($user, $role) = @_;

    return grep { $_ eq $role } @{ $user->{groups} // [] };
}


sub scope
{
    my ($user, $scope) = @_;

    return grep { $_ eq $scope } split / /, $user->{scope} // '';
}


sub same
{
    my ($claim, $value) = @_;

    return defined $claim && $Json->encode([$claim]) eq $Json->encode([$value]);
}


sub department
{
    my ($name, $value, $cedar) = @_;

    return "is_$name" => [
        "principal has department && principal.department == $cedar",
        sub { same($_[0]{department}, $value) }];
}


sub tag
{
    my ($name, $value, $cedar) = @_;

    return "tag_$name" => [
        "principal.hasTag(\"mark\") && principal.getTag(\"mark\") == $cedar",
        sub { same($_[0]{mark}, $value) }];
}


sub values_of
{
    my ($member) = @_;

    return map { { $member => $_ } }
           'hr', ['hr'], ['hr', 'it'], [['hr'], ['it']], [['hr', 'it']],
           [['hr'], 'it'], { hr => 'it' }, 7, '7', JSON::PP::true, JSON::PP::false, [], {}, '',
           undef;
}


my @Users = map { {
    iss => $Acme, tenant => 'acme', %$_,
} } (
    {}, { groups => ['a'] }, { groups => ['b'] }, { groups => ['a', 'b'] },
    { groups => ['b', 'a'] }, { groups => ['ab'] }, { groups => [] },
    { groups => ['ab', 'c'] }, { groups => ['a', 'bc'] },
    { scope => 'a' }, { scope => 'b' }, { scope => 'a b' }, { scope => 'ab' },
    { scope => 'ab c' }, { scope => 'a bc' },
    { groups => ['a'], scope => 'b' }, { groups => ['b'], scope => 'a' },
    { groups => ['a', 'b'], scope => 'a b' },
    { client_id => 'app-1' }, { client_id => 'app-2' },
    { client_id => 'app-1', scope => 'a' },
    values_of('department'), values_of('mark'),
    { department => 'hr', mark => 7 }, { department => 7, mark => 'hr' },
    (map { { iss => $Shared, tenant => $_ },
           { iss => $Shared, tenant => $_, groups => ['a'] } }
         qw(globex initech umbrella)),
    { iss => $Second, tenant => 'initech' },
    { iss => $Second, tenant => 'initech', groups => ['a'] },
);


# Nobody's twice, so that none is known yet.
sub new_token
{
    my ($user, $sub) = @_;
    my %claims = map { $_ => $user->{$_} }
                 grep { exists $user->{$_} } qw(groups department mark level);
    my $owner = $user->{iss} eq $Acme ? 'acme' : 'shared';

    return token(key => "${owner}_es256", iss => $user->{iss},
                 sub => $sub // 'user-' . ++$Number, jti => "jti-" . ++$Number,
                 tenant => $user->{iss} eq $Acme ? undef : $user->{tenant},
                 (map { defined $user->{$_} ? ($_ => $user->{$_}) : () }
                      qw(scope client_id)),
                 claims => \%claims);
}


# The policies with ids, as permits of everything beside a condition.
sub policies
{
    my ($file, @list) = @_;
    my $text = '';

    while (my ($id, $condition) = splice @list, 0, 2) {
        $condition = $condition->[0] if ref $condition;
        $text .= "\@id(\"$id\")\npermit(principal, action, resource)\n"
                 . "when { $condition };\n";
    }

    return write_fixture($file, $text);
}


sub server
{
    my ($file, %opt) = @_;
    my $port = free_port();
    my $server = Tenant::Server->new(
        workers => 1,
        http => <<"EOF_HTTP", server => <<"EOF_SERVER");
    tenant_registry $Registry->{path};
    tenant_policy_file $file;
    ${\ ($opt{http} // '') }

    upstream agents { tenant_route; server 127.0.0.1:$port; }
    server {
        listen 127.0.0.1:$port;
        location / { return 200 served; }
    }
EOF_HTTP
        location ~ ^/(?<agent>[a-z]+) {
            tenant_auth on;
            tenant_agent \$agent;
            tenant_policy shadow;
            ${\ ($opt{location} // '') }
            proxy_pass http://agents;
            add_header X-Policies "\$tenant_decision \$tenant_policy_ids" always;
        }
EOF_SERVER

    $server->start or die $server->error_log;
    return $server;
}


sub ask
{
    my ($server, $agent, $token) = @_;
    my $answer = $server->request(GET => "/$agent",
                                  Authorization => "Bearer $token");

    return ($answer->header('X-Policies') // $answer->status) =~ s/ $//r;
}


sub expected
{
    my ($user, @list) = @_;
    my @ids;

    while (my ($id, $seen) = splice @list, 0, 2) {
        push @ids, $id if $seen->[1]->($user);
    }

    return @ids ? 'allow ' . join ',', @ids : 'shadow_deny';
}


# All of them, in several orders, each time as somebody new.

my $names = policies('seen.cedar', @Seen);

for my $cache ('', 'tenant_token_cache 64k;') {
    my $server = server($names, http => $cache);
    my $seed = 7;

    for my $order (@{ [[@Users], [reverse @Users],
                       [map { $seed = $seed * 1103515245 % 2147483648;
                              $Users[$seed % @Users] } 1 .. 3 * @Users]] })
    {
        for my $user (@$order) {
            my $token = new_token($user);
            my $what = $Json->encode($user);

            is(ask($server, 'support', $token), expected($user, @Seen),
               "as a new token: $what");
            is(ask($server, 'support', $token), expected($user, @Seen),
               '... and again');
        }
    }

    is($server->error_log =~ s/^.*\[notice\].*\n//mgr, '', 'nothing is logged');
    $server->stop('TERM');
}


# The less policies look at, the more have to be told apart by the rest.

my @Few = (
    roles_a => ['principal in Role::"a"', sub { role($_[0], 'a') }],
    scope_a => ['principal.scopes.contains("a")', sub { scope($_[0], 'a') }],
    umbrella => ['principal in Tenant::"umbrella"',
                 sub { $_[0]{tenant} eq 'umbrella' }],
);

{
    my $server = server(policies('few.cedar', @Few));

    for my $user (@Users, reverse @Users) {
        is(ask($server, 'support', new_token($user)), expected($user, @Few),
           'by few policies: ' . $Json->encode($user));
    }

    $server->stop('TERM');
}


# A policy that names a user, or finds it named, or looks at who it is.

for my $condition ("principal == User::\"$Acme#alice\"",
                   "[User::\"$Acme#alice\"].contains(principal)",
                   "principal in User::\"$Acme#alice\"",
                   'resource has owner && resource.owner == principal',
                   'principal.sub == "alice"',
                   'principal.getTag("sub") == "alice"',
                   'principal.hasTag("name") && '
                   . 'principal.getTag(principal.getTag("name")) == "alice"')
{
    my $server = server(policies('who.cedar', who => $condition));

    for my $sub (qw(bob alice bob alice carol)) {
        my $token = token(iss => $Acme, sub => $sub, jti => "jti-" . ++$Number,
                       claims => { name => 'sub' });

        my $agent = $condition =~ /owner/ ? 'owned' : 'plain';

        is(ask($server, $agent, $token) =~ s/ .*//r,
           $sub eq 'alice' ? 'allow' : 'shadow_deny', "$condition: $sub");
    }

    $server->stop('TERM');
}


# Nobody is the user without a name.

{
    my $server = server(policies('nobody.cedar',
                                 nobody => 'principal == User::""'));

    is(ask($server, 'support', new_token({ iss => $Acme })), 'shadow_deny',
       'a user is not the one without a name') for 1 .. 3;

    $server->stop('TERM');
}


# Data that names a user, who is found there as what it is.

my %Named = (
    has => ['resource has owner && resource.owner has level',
            sub { $_[1] eq 'owned' && $_[0] eq 'alice' }],
    level => ['resource has owner && resource.owner has level && '
              . 'resource.owner.level == 3',
              sub { $_[1] eq 'owned' && $_[0] eq 'alice' }],
    in => ['resource has owner && resource.owner in Role::"a"',
           sub { $_[1] eq 'owned' && $_[0] eq 'alice' }],
    anyone => ['principal has level && principal.level == 3', sub { 1 }],
);

{
    my $server = server(policies('named.cedar',
                                 map { $_ => $Named{$_} } sort keys %Named));

    for my $round (1, 2) {
        for my $sub (qw(bob alice carol alice bob)) {
            my $token = new_token({ iss => $Acme, groups => ['a'], level => 3 },
                                  $sub);

            for my $agent (qw(plain owned plain owned)) {
                is(ask($server, $agent, $token),
                   'allow ' . join(',', grep { $Named{$_}[1]->($sub, $agent) }
                                             sort keys %Named),
                   "round $round: the agent $agent, $sub");
            }
        }
    }

    $server->stop('TERM');
}

{
    my $server = server(policies('boss.cedar', boss =>
        'principal.tenant has boss && principal.tenant.boss has level'));

    for my $sub (qw(bob boss carol boss bob)) {
        my $token = new_token({ iss => $Shared, tenant => 'globex',
                                level => 3 }, $sub);

        is(ask($server, 'support', $token),
           $sub eq 'boss' ? 'allow boss' : 'shadow_deny',
           "the tenant names its boss: $sub");
    }

    $server->stop('TERM');
}


# What is written of a decision is about who asked.

{
    my $server = server(policies('log.cedar', fails => 'principal.level > 2'),
        location => 'tenant_decision_log logs/decisions.log flush=20ms;');
    my $quiet = server(policies('log.cedar', fails => 'principal.level > 2'));
    my @subs = qw(bob alice carol alice);

    for my $s ($server, $quiet) {
        for my $sub (@subs) {
            is(ask($s, 'support', new_token({ iss => $Acme }, $sub)),
               'shadow_deny',
               "$sub is denied");
        }

        for my $sub (@subs) {
            ok($s->wait_log(qr/User::"\Q$Acme\E#$sub"/),
               "the error names $sub");
        }

        unlike($s->error_log, qr/User::""/, '... and never nobody');
    }

    $server->wait_until(sub {
        my @lines = split /\n/, $server->log_text('decisions.log');
        @lines == @subs;
    });
    is(join(' ', map { $Json->decode($_)->{principal} }
                     split /\n/, $server->log_text('decisions.log')),
       join(' ', map { "$Acme#$_" } @subs), 'the decision log names each');
}

done_testing();
