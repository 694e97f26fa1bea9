# What the rules of an issuer make of good signatures: times, audience,
# client, token use, scopes and required claims.

use Test::Nginx::Socket;
use Tenant::Fixtures;

my %rules = (
    strict   => {},
    leeway   => { leeway => 60 },
    forever  => { require_exp => JSON::PP::false() },
    aged     => { max_age => 300 },
    audience => { audiences => ['gateway', 'other'] },
    access   => { client_ids => ['web'], token_use => 'access' },
    id       => { audiences => ['web'], token_use => 'id' },
    scoped   => { scopes => ['agents.read', 'agents.write'] },
    required => { required_claims => [
        { claim => 'email_verified', equals => JSON::PP::true() },
        { claim => 'plan', one_of => ['pro', 7] },
        { claim => 'cognito:groups', contains => 'staff' },
        { claim => 'email', matches => '*@acme.test' },
        { claim => 'revoked', present => JSON::PP::false() },
    ] },
);

$ENV{TEST_NGINX_REGISTRY} = registry(issuer => {
    map { ("https://$_.idp.test" => {
        tenant => 'acme', jwks_file => 'acme.jwks',
        subject_namespace => $_, %{ $rules{$_} } }) } keys %rules,
})->{path};

my $now = time;

# each: issuer, options of the token, what is wrong with it
our @Times = (
    [strict => { exp_in => -1 }, 'the token has expired'],
    [strict => { exp_in => 0 }, 'the token has expired'],
    [strict => { claims => { exp => $now - 0.5 } }, 'the token has expired'],
    [leeway => { exp_in => -120 }, 'the token has expired'],
    [strict => { drop => ['exp'] }, 'the token has no expiry'],
    [strict => { claims => { nbf => $now + 60 } },
     'the token is not valid yet'],
    [leeway => { claims => { nbf => $now + 120 } },
     'the token is not valid yet'],
    [strict => { claims => { iat => $now + 60 } },
     'the token was issued in the future'],
    [aged => { claims => { iat => $now - 400 } }, 'the token is too old'],
    [aged => { drop => ['iat'] }, 'the token is too old'],
    [strict => { claims => { exp => 9223372036854775807 } },
     'a claim has the wrong type or range'],
    [strict => { claims => { exp => 1e30 } },
     'a claim has the wrong type or range'],
    [strict => { claims => { exp => 'never' } },
     'a claim has the wrong type or range'],
    [forever => { claims => { exp => undef } },
     'a claim has the wrong type or range'],
    [forever => { exp_in => -1 }, 'the token has expired'],
    [strict => { claims => { nbf => JSON::PP::true() } },
     'a claim has the wrong type or range'],
);

our @Timely = (
    [strict => { exp_in => 30 }],
    [strict => { claims => { exp => $now + 60.5 } }],
    [strict => { claims => { nbf => $now, iat => $now } }],
    [strict => { claims => { nbf => $now - 0.5 } }],
    [strict => { drop => ['iat'] }],
    [leeway => { exp_in => -30 }],
    [leeway => { claims => { nbf => $now + 30, iat => $now + 30 } }],
    [forever => { drop => ['exp', 'iat'] }],
    [aged => { claims => { iat => $now - 200 } }],
);

our @Meant = (
    [audience => { aud => 'gateway' }],
    [audience => { aud => ['api', 'other'] }],
    [access => { client_id => 'web', token_use => 'access' }],
    [access => { claims => { azp => 'web' }, token_use => 'access' }],
    [id => { aud => 'web', token_use => 'id' }],
    [scoped => { scope => 'agents.write x agents.read' }],
    [scoped => { claims => { scp => ['agents.read', 'agents.write'] } }],
);

our @NotMeant = (
    [audience => {}, 'the audience is not accepted'],
    [audience => { aud => 'gateway2' }, 'the audience is not accepted'],
    [audience => { aud => 'Gateway' }, 'the audience is not accepted'],
    [audience => { aud => 'x gateway' }, 'the audience is not accepted'],
    [audience => { aud => [] }, 'a claim has the wrong type or range'],
    [audience => { aud => { gateway => 1 } },
     'a claim has the wrong type or range'],
    [audience => { aud => ['gateway', 1] },
     'a claim has the wrong type or range'],
    [access => { token_use => 'access' }, 'the client is not accepted'],
    [access => { client_id => 'mobile', token_use => 'access' },
     'the client is not accepted'],
    [access => { client_id => 'web', token_use => 'id' },
     'the token use is not accepted'],
    [access => { client_id => 'web' }, 'the token use is not accepted'],
    [id => { aud => 'web', token_use => 'access' },
     'the token use is not accepted'],
    [strict => { drop => ['sub'] }, 'the token has no subject'],
    [strict => { sub => '' }, 'the token has no subject'],
    [strict => { claims => { sub => 1 } }, 'the token has no subject'],
);

our @Scopeless = map { [scoped => $_, 'a required scope is missing'] } (
    {}, { scope => 'agents.read' }, { scope => 'agents.reads agents.write' },
    { scope => '' }, { claims => { scp => ['agents.read agents.write2'] } },
);

my %held = (email_verified => JSON::PP::true(), plan => 'pro',
            'cognito:groups' => ['guests', 'staff'],
            email => 'a@acme.test');

our @Held = map { [required => { claims => { %held, %$_ } }] } (
    {}, { plan => 7 }, { 'cognito:groups' => 'guests staff' },
);

our @NotHeld = map {
    [required => $_, 'a required claim does not hold']
} (
    { claims => {} },
    { claims => { %held, email_verified => 'true' } },
    { claims => { %held, email_verified => 1 } },
    { claims => { %held, plan => '7' } },
    { claims => { %held, plan => 'free' } },
    { claims => { %held, 'cognito:groups' => ['staffing'] } },
    { claims => { %held, 'cognito:groups' => 'staffing' } },
    { claims => { %held, email => 'a@acme.test.evil.test' } },
    { claims => { %held, email => "a\@acme.testx" } },
    { claims => { %held, revoked => JSON::PP::false() } },
);


sub requests { return [map { "GET /t?$_->[0]" } @_] }
sub tokens { return [map { bearer(iss => "https://$_->[0].idp.test",
                                  %{ $_->[1] }) } @_] }
sub each_of { my ($value, @rows) = @_; return [($value) x @rows] }


sub refused
{
    my ($error, @rows) = @_;

    return [map {
        qq{WWW-Authenticate: Bearer realm="tenant", error="$error", }
        . qq{error_description="$_->[2]"\n}
        . "Content-Type: application/problem+json\n" } @rows];
}


sub problems
{
    my ($reason, $status, $title, @rows) = @_;

    return [map { sprintf '{"type":"urn:ngx-tenant:problem:%s",'
                          . '"title":"%s","status":%d,"detail":"%s"}' . "\n",
                          $reason, $title, $status, $_->[2] } @rows];
}


add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    log_format reached 'reached';
CONF
    $block->set_value(config => <<'CONF');
    location /t {
        tenant_auth on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/agent;
    }

    location /agent {
        access_log logs/error.log reached;
        return 200 "$http_x_tenant_id\n";
    }
CONF
});

# refused rows have 7 assertions, accepted ones 5
plan tests => repeat_each() * (7 * (@Times + @NotMeant + @Scopeless + @NotHeld)
                               + 5 * (@Timely + @Meant + @Held));
run_tests();

__DATA__

=== a token outside of its time is refused
--- request eval: main::requests(@main::Times)
--- more_headers eval: main::tokens(@main::Times)
--- error_code eval: main::each_of(401, @main::Times)
--- response_headers eval: main::refused('invalid_token', @main::Times)
--- response_body eval
main::problems('invalid-token', 401, 'Unauthorized', @main::Times)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== a token within its time is accepted, leeway and fractions counted in
--- request eval: main::requests(@main::Timely)
--- more_headers eval: main::tokens(@main::Timely)
--- response_body eval: main::each_of("acme\n", @main::Timely)
--- error_log
reached
--- no_error_log
[error]
[warn]


=== audience, client, token use and scopes are read as providers issue them
--- request eval: main::requests(@main::Meant)
--- more_headers eval: main::tokens(@main::Meant)
--- response_body eval: main::each_of("acme\n", @main::Meant)
--- error_log
reached
--- no_error_log
[error]
[warn]


=== a token meant for another audience, client or use is refused
--- request eval: main::requests(@main::NotMeant)
--- more_headers eval: main::tokens(@main::NotMeant)
--- error_code eval: main::each_of(401, @main::NotMeant)
--- response_headers eval: main::refused('invalid_token', @main::NotMeant)
--- response_body eval
main::problems('invalid-token', 401, 'Unauthorized', @main::NotMeant)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== a token without a scope its issuer must grant is 403 insufficient_scope
--- request eval: main::requests(@main::Scopeless)
--- more_headers eval: main::tokens(@main::Scopeless)
--- error_code eval: main::each_of(403, @main::Scopeless)
--- response_headers eval
main::refused('insufficient_scope', @main::Scopeless)
--- response_body eval
main::problems('insufficient-scope', 403, 'Forbidden', @main::Scopeless)
--- error_log
tenant refused (insufficient-scope): a required scope is missing
--- no_error_log
[error]
reached


=== required claims that hold let the token pass
--- request eval: main::requests(@main::Held)
--- more_headers eval: main::tokens(@main::Held)
--- response_body eval: main::each_of("acme\n", @main::Held)
--- error_log
reached
--- no_error_log
[error]
[warn]


=== one required claim that does not hold is enough to refuse
--- request eval: main::requests(@main::NotHeld)
--- more_headers eval: main::tokens(@main::NotHeld)
--- error_code eval: main::each_of(401, @main::NotHeld)
--- response_headers eval: main::refused('invalid_token', @main::NotHeld)
--- response_body eval
main::problems('invalid-token', 401, 'Unauthorized', @main::NotHeld)
--- error_log
tenant refused (invalid-token): a required claim does not hold
--- no_error_log
[error]
reached
