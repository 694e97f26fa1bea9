# The examples of docs/providers.md work as they are written there, each for
# its own kind of token.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Root = Tenant::Server::project_root();
my $Port = free_port();


sub slurp
{
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}


# Of each heading: the issuer, the claims, and what becomes of them.
sub examples
{
    my ($text) = @_;
    my @examples;

    for my $part (split /^## /m, $text) {
        my ($name) = $part =~ /^(.*, (?:access|id) tokens)\n/ or next;
        my ($issuer, $claims, $result) = $part =~ /^```\w*\n(.*?)^```$/msg;

        push @examples, { name => $name,
                          issuer => JSON::PP::decode_json($issuer),
                          claims => JSON::PP::decode_json($claims),
                          result => { $result =~ /^(\w+) +(.*)$/mg } };
    }

    return @examples;
}


my @Examples = examples(slurp("$Root/docs/providers.md"));

is(join(' ', sort map { $_->{name} =~ s/, (\w+) tokens/ $1/r =~ tr/ /-/r }
                      @Examples),
   'Amazon-Cognito-access Amazon-Cognito-id Auth0-access Auth0-id '
   . 'Keycloak-access Keycloak-id Microsoft-Entra-ID-access '
   . 'Microsoft-Entra-ID-id Okta-access Okta-id',
   'access and id tokens of five providers');

# keys are known, in place of the provider's
my @Issuers = map {
    my %issuer = (%{ $_->{issuer} }, jwks_file => 'acme.jwks',
                  subject_namespace => lc $_->{name} =~ s/\W+/-/gr);

    like(delete $issuer{discovery},
         qr{^\Q@{[ $issuer{iss} =~ s{/$}{}r ]}\E/\.well-known/openid-config},
         "$_->{name}: keys come by discovery of the issuer");
    \%issuer;
} @Examples;

my $Registry = registry(
    tiers => [{ id => 'basic', model => 'pool' }],
    tenants => [{ id => 'acme', tier => 'basic',
                  issuers => [map { $_->{iss} }
                              grep { !$_->{tenant} } @Issuers] }],
    issuers => \@Issuers,
    agents => [{ id => 'support', protocol => 'http' }]);

# a policy for each role, whose ids say which ones there are
my $Policies = write_fixture('roles.cedar', join '', map {
    "\@id(\"$_\")\npermit(principal in Role::\"$_\", action, resource);\n"
} sort keys %{ { map { $_ => 1 } map { split / /, $_->{result}{roles} }
                                     @Examples } });

my $Server = Tenant::Server->new(http => <<"HTTP", server => <<'SERVER');
    tenant_registry $Registry->{path};
    tenant_policy_file $Policies;

    upstream agents { tenant_route; server 127.0.0.1:$Port; }
    server {
        listen 127.0.0.1:$Port;
        location / { return 200 served; }
    }
HTTP
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
            add_header X-Seen "$tenant_id $tenant_subject $tenant_client_id $tenant_policy_ids";
        }
SERVER

$Server->start or die $Server->error_log;


sub ask
{
    my ($claims, %changes) = @_;
    my %claims = (%$claims, %changes);

    delete @claims{grep { !defined $claims{$_} } keys %claims};
    return $Server->request(GET => '/', Authorization => 'Bearer '
        . token(claims => \%claims,
                drop => [grep { !defined $changes{$_} } keys %changes]));
}


for my $example (@Examples) {
    my ($name, $claims, $result) = @$example{qw(name claims result)};
    my $answer = ask($claims);

    is($answer->status, 200, "$name: accepted");
    is($answer->header('X-Seen'),
       join(' ', @$result{qw(tenant subject client)},
            join ',', sort split / /, $result->{roles}),
       '... and becomes what the page says');

    is(ask($claims, exp => time - 1)->status, 401, '... refused when over');
    is(ask($claims, exp => undef)->status, 401, '... and without an end');

    if ($claims->{aud}) {
        is(ask($claims, aud => 'another')->status, 401,
           '... refused for another audience');

    } else {
        is(ask($claims, client_id => 'another')->status, 401,
           '... refused of another client');
    }

    # the other kind of token of the same provider
    my ($kind) = $name =~ /(access|id) tokens/;
    my $other = $kind eq 'id' ? 'access' : 'id';
    my ($wrong) = grep { $_->{name} eq ($name =~ s/$kind tokens/$other tokens/r) }
                       @Examples;

    is(ask($wrong->{claims}, iss => $claims->{iss})->status, 401,
       "... which takes no $other token");

    # the same for this audience and client, but for its form
    is(ask($wrong->{claims}, iss => $claims->{iss},
           tid => $claims->{tid},
           aud => $claims->{aud}, client_id => $claims->{client_id},
           cid => $kind eq 'id' ? $wrong->{claims}{cid} : undef)->status
       =~ s/^403$/401/r, 401,
       "... nor one for this audience");
}

done_testing();
