# Which key verifies which token: families of algorithms, kid, and entries of
# a key set that are not for signatures.

use Test::Nginx::Socket;
use Tenant::Fixtures;

our @Algorithms = qw(rs256 rs384 rs512 ps256 ps384 ps512 es256 es384 es512
                     ed25519);
our @Secrets = qw(hs256 hs384 hs512);

my $private = jwk('odd_rs256', private => 1, set => { kid => 'private' });


# Bound to acme, with a key set and a name space of its own.
sub issuer
{
    my ($name, $jwks, %more) = @_;

    return ("https://$name.idp.test" => {
                tenant => 'acme', jwks => $jwks,
                subject_namespace => $name, %more });
}


sub parsed { return JSON::PP->new->decode(jwks(@_)) }


$ENV{TEST_NGINX_REGISTRY} = registry(issuer => {
    issuer('all', parsed(map { "all_$_" } @Algorithms)),
    issuer('secret', parsed(map { "secret_$_" } @Secrets),
           algorithms => ['HS256', 'HS384', 'HS512']),
    issuer('silent', parsed('secret_hs256', 'all_rs256')),
    issuer('narrow', parsed('all_rs256', 'all_es256'),
           algorithms => ['ES256']),
    issuer('odd', parsed(
        'all_es256',
        { key => 'odd_rs256', set => { use => 'enc', kid => 'enc' } },
        { key => 'odd_rs256', drop => ['use'],
          set => { key_ops => ['encrypt'], kid => 'ops' } },
        { jwk => $private },
        { key => 'odd_rs256', set => { alg => 'ES256', kid => 'kty' } },
        { key => 'odd_es256', set => { crv => 'P-384', kid => 'crv' } })),
    issuer('bare', parsed(
        { key => 'bare_rs256', drop => ['alg', 'use', 'kid'] },
        { key => 'all_es256', drop => ['alg', 'use', 'kid'] })),
    issuer('left', parsed({ key => 'left_rs256', set => { kid => 'one' } })),
    issuer('right', parsed({ key => 'right_rs256',
                             set => { kid => 'one' } })),
})->{path};

$ENV{TEST_NGINX_EMPTY} = registry(issuer => {
    issuer('short', { keys => [{ kty => 'oct', k => 'c2hvcnQ',
                                 alg => 'HS256' }] }, algorithms => ['HS256']),
})->{path};

$ENV{TEST_NGINX_NO_KEY} = registry(issuer => {
    issuer('empty', { keys => [] }),
})->{path};

our @Unusable = qw(enc ops private kty);


sub from
{
    my ($issuer, $key, %opt) = @_;

    return bearer(iss => "https://$issuer.idp.test", key => $key, %opt);
}


our $Problem = qr/^\{"type":"urn:ngx-tenant:problem:invalid-token"/;
our $Headers = "Content-Type: application/problem+json\n";
our $Challenge = qr/WWW-Authenticate: Bearer realm="tenant", error="invalid/;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF') if !$block->http_config;
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
        return 200 "$http_x_tenant_subject\n";
    }
CONF
});

plan tests => repeat_each() * (4 * (2 * @Algorithms + @Secrets + 4)
                               + 7 * (9 + @Unusable) + 8 + 3 + 2);
run_tests();

__DATA__

=== every algorithm's signature is verified with the key of its kid
--- request eval: [('GET /t') x @main::Algorithms]
--- more_headers eval
[map { main::from('all', "all_$_", sub => $_) } @main::Algorithms]
--- response_body eval: [map { "$_\n" } @main::Algorithms]
--- no_error_log
[error]
tenant refused


=== without a kid every key that may verify is tried
--- request eval: [('GET /t') x @main::Algorithms]
--- more_headers eval
[map { main::from('all', "all_$_", sub => $_, kid => undef) }
     @main::Algorithms]
--- response_body eval: [map { "$_\n" } @main::Algorithms]
--- no_error_log
[error]
tenant refused


=== secrets verify for an issuer that names HMAC algorithms
--- request eval: [('GET /t') x @main::Secrets]
--- more_headers eval
[map { main::from('secret', "secret_$_", sub => $_) } @main::Secrets]
--- response_body eval: [map { "$_\n" } @main::Secrets]
--- no_error_log
[error]
tenant refused


=== secrets verify nothing for an issuer that names no algorithms
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
[main::from('silent', 'secret_hs256'),
 main::from('silent', 'secret_hs256', kid => 'all_rs256')]
--- error_code eval: [401, 401]
--- response_headers eval: [($main::Headers) x 2]
--- raw_response_headers_like eval: [($main::Challenge) x 2]
--- response_body_like eval: [($main::Problem) x 2]
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== an algorithm that the issuer does not name is refused, key or not
--- request
GET /t
--- more_headers eval: main::from('narrow', 'all_rs256')
--- error_code: 401
--- response_headers
Content-Type: application/problem+json
--- raw_response_headers_like eval: $main::Challenge
--- response_body_like eval: $main::Problem
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== keys for encryption, private ones and misfits verify nothing
--- request eval: [('GET /t') x @main::Unusable]
--- more_headers eval
[map { main::from('odd', 'odd_rs256', kid => $_) } @main::Unusable]
--- error_code eval: [(401) x @main::Unusable]
--- response_headers eval: [($main::Headers) x @main::Unusable]
--- raw_response_headers_like eval: [($main::Challenge) x @main::Unusable]
--- response_body_like eval: [($main::Problem) x @main::Unusable]
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== the good key beside them is used, and start-up names those left out
--- request
GET /t
--- more_headers eval: main::from('odd', 'all_es256')
--- response_body
user-1
--- error_log eval
[map { qr/\[warn\].*key $_ of issuer "https:\/\/odd.idp.test" is not used: / }
     1 .. 5]
--- no_error_log
[error]


=== keys without kid, use and alg are tried by type
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
[main::from('bare', 'bare_rs256', kid => undef),
 main::from('bare', 'all_es256', kid => undef)]
--- response_body eval: ["user-1\n", "user-1\n"]
--- no_error_log
[error]
tenant refused


=== a kid that two issuers share stands for each issuer's own key
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
[main::from('left', 'left_rs256', kid => 'one', sub => 'l'),
 main::from('right', 'right_rs256', kid => 'one', sub => 'r')]
--- response_body eval: ["l\n", "r\n"]
--- no_error_log
[error]
tenant refused


=== the other issuer's key of the same kid verifies nothing
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
[main::from('left', 'right_rs256', kid => 'one'),
 main::from('right', 'left_rs256', kid => 'one')]
--- error_code eval: [401, 401]
--- response_headers eval: [($main::Headers) x 2]
--- raw_response_headers_like eval: [($main::Challenge) x 2]
--- response_body_like eval: [($main::Problem) x 2]
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== a token that one issuer signed in another's name is refused
--- request eval: [('GET /t') x 4]
--- more_headers eval
[main::from('acme', 'shared_rs256'),
 main::from('acme', 'shared_es256', kid => undef),
 main::from('shared', 'acme_rs256', tenant => 'globex'),
 main::from('all', 'acme_es256', kid => 'all_es256')]
--- error_code eval: [(401) x 4]
--- response_headers eval: [($main::Headers) x 4]
--- raw_response_headers_like eval: [($main::Challenge) x 4]
--- response_body_like eval: [($main::Problem) x 4]
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
reached


=== a key set of nothing but a short secret is a configuration error
--- http_config
    tenant_registry $TEST_NGINX_EMPTY;
    log_format reached 'reached';
--- must_die
--- error_log eval
[qr/\[warn\].*key 0 of issuer "https:\/\/short.idp.test" is not used: /,
 qr/\[emerg\].*key set of issuer "https:\/\/short.idp.test".*no usable key/]


=== an empty key set is a configuration error
--- http_config
    tenant_registry $TEST_NGINX_NO_KEY;
    log_format reached 'reached';
--- must_die
--- error_log eval
qr/\[emerg\].*key set of issuer "https:\/\/empty.idp.test"/
