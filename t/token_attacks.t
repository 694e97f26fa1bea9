# Every attack on a token that Tenant::Fixtures knows, against a key set of
# each family of algorithms.

use Test::Nginx::Socket;
use Tenant::Fixtures;

$ENV{TEST_NGINX_REGISTRY} = registry(
    keys => { acme => [qw(rs256 es256)] },
    issuer => {
        map { ("https://$_->[0].idp.test" => {
                  tenant => 'acme', jwks_file => "$_->[0].jwks",
                  algorithms => [$_->[1]], subject_namespace => $_->[0] }) }
            ['es', 'ES256'], ['ps', 'PS256'], ['ed', 'EdDSA'],
            ['hs', 'HS256']
    },
    tenant => { acme => { issuers => [
        map { "https://$_.idp.test" } qw(es ps ed hs)] } },
    jwks => { 'es.jwks' => jwks('es_es256'), 'ps.jwks' => jwks('ps_ps256'),
              'ed.jwks' => jwks('ed_ed25519'),
              'hs.jwks' => jwks('hs_hs256') },
)->{path};

our @All = attacks();

# those that say something about any family
our @Any = attacks(qr/^(?:none|alg_(?:lower|empty|null|missing|unknown)|other_
                         |crit|b64|kid|signature_(?:tampered|missing|short)
                         |payload_tampered|header_tampered|padded|dots|json
                         |exp_past\z|iss_(?:slash|case))/x);
our @Long = attacks(qr/^long_/);


sub requests { return [map { "GET /t?$_" } @_] }
sub tokens { my ($key, @names) = @_;
             return [map { bearer(attack => $_, key => $key) } @names] }
sub each_of { my ($value, @names) = @_; return [($value) x @names] }

our $Headers = qq{WWW-Authenticate: Bearer realm="tenant", }
             . qq{error="invalid_token", error_description=".+"\n}
             . "Content-Type: application/problem\\+json\n";
our $Problem = qr{\A\{"type":"urn:ngx-tenant:problem:invalid-token",
                  "title":"Unauthorized","status":401,
                  "detail":"[ -!#-~]+"\}\n\z}x;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'CONF');
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    large_client_header_buffers 4 2m;
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

# per request: status, two headers, body, one line wanted, three not
plan tests => repeat_each() * (8 * (@All + @Long + 4 * @Any)
                               + 3 * 2 * @All);
run_tests();

__DATA__

=== every attack on an RSA key is refused, logged and goes no further
--- request eval: main::requests(@main::All)
--- more_headers eval: main::tokens('acme_rs256', @main::All)
--- error_code eval: main::each_of(401, @main::All)
--- response_headers_like eval: main::each_of($main::Headers, @main::All)
--- response_body_like eval: main::each_of($main::Problem, @main::All)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
[alert]
reached


=== an attack changes nothing for the good token that follows
--- request eval: main::requests(map { ($_, 'good') } @main::All)
--- more_headers eval
[map { (main::bearer(attack => $_), main::bearer()) } @main::All]
--- error_code eval: [(401, 200) x @main::All]
--- response_body_like eval: [($main::Problem, '\Aacme\n\z') x @main::All]
--- no_error_log
[error]


=== attacks on an ECDSA key are refused
--- request eval: main::requests(@main::Any)
--- more_headers eval: main::tokens('es_es256', @main::Any)
--- error_code eval: main::each_of(401, @main::Any)
--- response_headers_like eval: main::each_of($main::Headers, @main::Any)
--- response_body_like eval: main::each_of($main::Problem, @main::Any)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
[alert]
reached


=== attacks on an RSASSA-PSS key are refused
--- request eval: main::requests(@main::Any)
--- more_headers eval: main::tokens('ps_ps256', @main::Any)
--- error_code eval: main::each_of(401, @main::Any)
--- response_headers_like eval: main::each_of($main::Headers, @main::Any)
--- response_body_like eval: main::each_of($main::Problem, @main::Any)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
[alert]
reached


=== attacks on an Ed25519 key are refused
--- request eval: main::requests(@main::Any)
--- more_headers eval: main::tokens('ed_ed25519', @main::Any)
--- error_code eval: main::each_of(401, @main::Any)
--- response_headers_like eval: main::each_of($main::Headers, @main::Any)
--- response_body_like eval: main::each_of($main::Problem, @main::Any)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
[alert]
reached


=== attacks on an HMAC key are refused
--- request eval: main::requests(@main::Any)
--- more_headers eval: main::tokens('hs_hs256', @main::Any)
--- error_code eval: main::each_of(401, @main::Any)
--- response_headers_like eval: main::each_of($main::Headers, @main::Any)
--- response_body_like eval: main::each_of($main::Problem, @main::Any)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
[alert]
reached


=== a token above 8192 bytes is refused whatever is in it
--- request eval: main::requests(@main::Long)
--- more_headers eval: main::tokens('acme_rs256', @main::Long)
--- error_code eval: main::each_of(401, @main::Long)
--- response_headers_like eval: main::each_of($main::Headers, @main::Long)
--- response_body_like eval: main::each_of($main::Problem, @main::Long)
--- error_log
tenant refused (invalid-token)
--- no_error_log
[error]
[alert]
reached
