use Test::Nginx::Socket;
use Tenant::Fixtures;

# Where a token may stand, and what becomes of it on its way to the agent.

$ENV{TEST_NGINX_REGISTRY} = registry()->{path};

our $Token = token(sub => 'alice');
our $Other = token(sub => 'bob');

our $Agent = <<'EOF_AGENT';
    tenant_registry $TEST_NGINX_REGISTRY;
    tenant_policy off;
    log_format reached 'reached';

    server {
        listen unix:$TEST_NGINX_HTML_DIR/agent.sock;
        access_log logs/error.log reached;

        location / {
            set $seen "$http_x_tenant_subject|$http_authorization";
            return 200 "$seen|$http_x_token|$http_cookie|$args\n";
        }
    }
EOF_AGENT

add_block_preprocessor(sub {
    my ($block) = @_;
    my $auth = $block->auth // '';

    $block->set_value(http_config => $Agent);
    $block->set_value(config => <<"EOF_CONFIG");
    location /t {
        tenant_auth on;
        $auth
        rewrite ^/t /agent break;
        proxy_pass http://unix:\$TEST_NGINX_HTML_DIR/agent.sock;
    }

    location /raw {
        tenant_auth on;
        $auth
        proxy_pass http://unix:\$TEST_NGINX_HTML_DIR/agent.sock;
    }
EOF_CONFIG
});

our $Sources = 'tenant_token bearer header=X-Token cookie=token arg=at;';
our @Two = (
    ["/t?at=$Token", bearer(sub => 'bob')],
    ["/t?at=$Token&at=$Token", ''],
    ['/t', bearer(sub => 'bob') . "X-Token: $Token\n"],
    ['/t', "X-Token: $Token\nX-Token: $Token\n"],
    ['/t', "Cookie: token=$Token; token=$Other\n"],
    ["/t?at=$Token", "Cookie: token=$Token\n"],
);
our @None = (
    ['/t', 'Cookie: tokens=a; xtoken=b'],
    ['/t?bat=a&att=b', ''],
    ['/t', 'X-Tokens: a'],
);

plan tests => repeat_each() * (2 * (4 + 1 + 1 + 2 + 6 + 2)
                               + 3 * @Two + 2 * @None);
run_tests();

__DATA__

=== each source alone is enough
--- auth eval: $main::Sources
--- request eval
['GET /t', 'GET /t', 'GET /t', 'GET /t?x=1&at=' . $main::Token]
--- more_headers eval
["Authorization: Bearer $main::Token", "X-Token: $main::Token",
 "Cookie: a=b; token=$main::Token; c=d", '']
--- response_body_like eval
[map { qr/\Aalice\|/ } 1 .. 4]


=== a header is read with the scheme and without
--- auth eval: $main::Sources
--- request
GET /t
--- more_headers eval: "X-Token: bearer $main::Token"
--- response_body_like: ^alice\|


=== two tokens are one too many, wherever they stand
--- auth eval: $main::Sources
--- request eval: [map { "GET $_->[0]" } @main::Two]
--- more_headers eval: [map { $_->[1] } @main::Two]
--- error_code eval: [(400) x @main::Two]
--- response_headers eval
[(qq{WWW-Authenticate: Bearer realm="tenant", error="invalid_request", }
  . qq{error_description="more than one token"\n}) x @main::Two]
--- no_error_log
reached


=== names are taken whole
--- auth eval: $main::Sources
--- request eval: [map { "GET $_->[0]" } @main::None]
--- more_headers eval: [map { $_->[1] } @main::None]
--- error_code eval: [(401) x @main::None]
--- no_error_log
reached


=== a source that is not named does not count
--- auth: tenant_token header=X-Token;
--- request
GET /t
--- more_headers eval: "Authorization: Bearer $main::Token"
--- error_code: 401
--- no_error_log
reached


=== without a word about it the token goes on where it stood
--- auth eval: $main::Sources
--- request eval
['GET /t', 'GET /t?x=1&at=' . $main::Token]
--- more_headers eval: ["X-Token: $main::Token", '']
--- response_body eval
["alice||$main::Token||\n", "alice||||x=1&at=$main::Token\n"]


=== dropped, it is taken out of where it stood and the rest stays
--- auth eval: "$main::Sources tenant_token_upstream drop;"
--- request eval
['GET /t?y=2', 'GET /t', 'GET /t', "GET /t?x=1&at=$main::Token&y=2",
 "GET /t?at=$main::Token", "GET /raw?x=1&at=$main::Token"]
--- more_headers eval
["Authorization: Bearer $main::Token", "X-Token: $main::Token",
 "Cookie: a=b; token=$main::Token; c=d", '', '', '']
--- response_body eval
["alice||||y=2\n", "alice||||\n", "alice|||a=b; c=d|\n", "alice||||x=1&y=2\n",
 "alice||||\n", "alice||||x=1\n"]


=== moved, it arrives in the other header alone
--- auth
tenant_token bearer cookie=token; tenant_token_upstream header=X-Token;
--- request eval: ['GET /t', 'GET /t']
--- more_headers eval
["Authorization: Bearer $main::Token\nX-Token: forged",
 "Cookie: token=$main::Token\nx-token: forged"]
--- response_body eval
["alice||$main::Token||\n", "alice||$main::Token||\n"]
