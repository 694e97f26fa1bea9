use Test::Nginx::Socket;
use Tenant::Fixtures;

# What becomes of a request once policies have been asked.

$ENV{TEST_NGINX_REGISTRY} = registry(
    agent => { other => {} },
    tenant => { acme => { routes => { support => { model => 'pool' },
                                      other => { model => 'pool' } } } },
)->{path};

my %cedar = (
    empty => "// nothing\n",
    open => qq{\@id("open")\npermit(principal, action, resource);\n},
    support => qq{\@id("support")\n}
               . qq{permit(principal, action, resource == Agent::"support");\n},
    'set/alice' => qq{\@id("alice")\n}
             . qq{permit(principal, action, resource)\n}
             . qq{when { principal.sub == "alice" };\n},
    'set/secret' => qq{\@id("no-secrets")\n}
             . qq{forbid(principal, action, resource)\n}
             . qq{when { context.path like "*secret*" };\n},
    broken => qq{\@id("open")\npermit(principal, action, resource);\n}
             . qq{\@id("careless")\nforbid(principal, action, resource)\n}
             . qq{when { principal.clearance < 3 };\n},
    vast => qq{\@id("open")\npermit(principal, action, resource);\n}
            . qq{\@id("vast")\nforbid(principal, action, resource)\n}
            . "when { [" . join(', ', ('context.path') x 40000)
            . "].isEmpty() };\n",
    careful => qq{\@id("careful")\nforbid(principal, action, resource)\n}
             . qq{unless { principal has clearance };\n},
);

write_fixture("$_.cedar", $cedar{$_}) for keys %cedar;

our $Alice = bearer(sub => 'alice');
our $Bob = bearer(sub => 'bob');
our $Agent = <<'EOF_AGENT';
    upstream agents {
        server 127.0.0.1:$TEST_NGINX_SERVER_PORT;
    }

    tenant_registry $TEST_NGINX_REGISTRY;
EOF_AGENT

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => $Agent . ($block->http_config // ''));
    $block->set_value(config => ($block->config // '') . <<'EOF_CONFIG');
        location /agent/ {
            return 200 "agent\n";
        }
EOF_CONFIG
    $block->set_value(more_headers => $Alice)
        unless defined $block->more_headers;
    $block->set_value(request => 'GET /t') unless defined $block->request;
});

plan tests => repeat_each() * 77;
no_long_string();
run_tests();

__DATA__

=== what no policy permits is denied
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/secret.cedar;
        proxy_pass http://agents/agent/;
    }
--- error_code: 403
--- response_headers
Content-Type: application/problem+json
! WWW-Authenticate
--- response_body
{"type":"urn:ngx-tenant:problem:policy-denied","title":"Forbidden","status":403,"detail":"no policy permits this"}
--- error_log
tenant refused (policy-denied): no policy permits this, tenant: "acme"


=== what a policy permits is passed on
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        proxy_pass http://agents/agent/;
    }
--- response_body
agent
--- no_error_log
[warn]
[error]


=== what a policy forbids is denied though another permits it
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/secret.cedar;
        add_header X-Policies "$tenant_policy_ids" always;
        proxy_pass http://agents/agent/;
    }
--- request
GET /t/secrets
--- error_code: 403
--- response_body
{"type":"urn:ngx-tenant:problem:policy-denied","title":"Forbidden","status":403,"detail":"a policy forbids this"}
--- response_headers
X-Policies: no-secrets
--- error_log
tenant refused (policy-denied): a policy forbids this, tenant: "acme"


=== the answer names no policy
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/secret.cedar;
        proxy_pass http://agents/agent/;
    }
--- request
GET /t/secrets
--- error_code: 403
--- response_body_unlike: no-secrets
--- raw_response_headers_unlike: no-secrets


=== the files of a pattern are one set: a permit
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/*.cedar;
        add_header X-Policies "$tenant_policy_ids" always;
        proxy_pass http://agents/agent/;
    }
--- response_headers
X-Policies: alice
--- response_body
agent


=== the files of a pattern are one set: a forbid
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/[as]*.cedar;
        add_header X-Policies "$tenant_policy_ids" always;
        proxy_pass http://agents/agent/;
    }
--- request
GET /t/secret
--- error_code: 403
--- response_headers
X-Policies: no-secrets


=== the files of a pattern are one set: nobody else
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/?????.cedar;
        proxy_pass http://agents/agent/;
    }
--- more_headers eval: $::Bob
--- error_code: 403
--- error_log
no policy permits this


=== policies of the http block hold in every server and location
--- http_config
    tenant_policy_file $TEST_NGINX_FIXTURES/support.cedar;
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        proxy_pass http://agents/agent/;
    }
    location /other {
        tenant_auth on;
        tenant_agent other;
        proxy_pass http://agents/agent/;
    }
--- pipelined_requests eval
["GET /t", "GET /other"]
--- more_headers eval: $::Alice
--- error_code eval
[200, 403]


=== policies of the server stand in place of those of the http block
--- http_config
    tenant_policy_file $TEST_NGINX_FIXTURES/empty.cedar;
--- config
    tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
    location /t {
        tenant_auth on;
        tenant_agent support;
        proxy_pass http://agents/agent/;
    }
--- response_body
agent


=== policies of a location stand in place of those of the server
--- config
    tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/secret.cedar;
        proxy_pass http://agents/agent/;
    }
--- error_code: 403
--- error_log
no policy permits this


=== a location within another inherits from it
--- config
    location /t {
        tenant_auth on;
        tenant_agent other;
        tenant_policy_file $TEST_NGINX_FIXTURES/support.cedar;
        location /t/inner {
            tenant_agent support;
            proxy_pass http://agents/agent/;
        }
        proxy_pass http://agents/agent/;
    }
--- pipelined_requests eval
["GET /t/inner", "GET /t/outer"]
--- error_code eval
[200, 403]


=== a file without policies denies everything
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/empty.cedar;
        proxy_pass http://agents/agent/;
    }
--- error_code: 403
--- error_log
no policy permits this


=== in shadow mode a denied request passes, and says so
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy shadow;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        tenant_policy_file $TEST_NGINX_FIXTURES/set/secret.cedar;
        add_header X-Decision "$tenant_decision $tenant_policy_ids" always;
        proxy_pass http://agents/agent/;
    }
--- request
GET /t/secret
--- response_headers
X-Decision: shadow_deny no-secrets
--- response_body
agent
--- no_error_log
[error]
tenant refused


=== in shadow mode an allowed request is simply allowed
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy shadow;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        add_header X-Decision "$tenant_decision" always;
        proxy_pass http://agents/agent/;
    }
--- response_headers
X-Decision: allow
--- response_body
agent


=== an engine that stops denies, in shadow mode too
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/vast.cedar;
        proxy_pass http://agents/agent/;

        location /t/shadow/ {
            tenant_policy shadow;
            proxy_pass http://agents/agent/;
        }
    }
--- request eval
['GET /t/', 'GET /t/shadow/']
--- error_code eval: [500, 500]
--- response_body eval
[('{"type":"urn:ngx-tenant:problem:fault",'
  . '"title":"Internal Server Error","status":500,'
  . '"detail":"the policy engine met a limit"}' . "\n") x 2]
--- error_log
tenant policy: engine stopped: limit


=== a server that authenticates without policies answers nothing
--- http_config
    server {
        listen unix:$TEST_NGINX_HTML_DIR/bare.sock;
        tenant_auth on;
    }
--- config
    location /t {
        proxy_pass http://unix:$TEST_NGINX_HTML_DIR/bare.sock:/;
    }
--- error_code: 500
--- error_log
tenant_policy_file or tenant_agent is not set here


=== shadow mode does not excuse a token
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy shadow;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        proxy_pass http://agents/agent/;
    }
--- more_headers
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="tenant"


=== with policies off nothing is decided
--- http_config
    tenant_policy_file $TEST_NGINX_FIXTURES/set/secret.cedar;
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy off;
        add_header X-Decision "<$tenant_decision>" always;
        proxy_pass http://agents/agent/;
    }
--- response_headers
X-Decision: <>
--- response_body
agent
--- no_error_log
[error]


=== with policies off an agent need not be named
--- config
    location /t {
        tenant_auth on;
        tenant_policy off;
        proxy_pass http://agents/agent/;
    }
--- response_body
agent
--- no_error_log
[error]


=== an unknown agent is no question for policies
--- config
    location /t {
        tenant_auth on;
        tenant_agent $arg_agent;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        proxy_pass http://agents/agent/;
    }
--- request
GET /t?agent=nobody
--- error_code: 404
--- response_body
{"type":"urn:ngx-tenant:problem:unknown-agent","title":"Not Found","status":404,"detail":"the agent is not known here"}
--- error_log
tenant refused (unknown-agent)


=== error_page replaces the problem document
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/empty.cedar;
        error_page 403 /denied;
        proxy_pass http://agents/agent/;
    }
    location = /denied {
        internal;
        return 403 "sorry, $tenant_id: $tenant_refusal\n";
    }
--- error_code: 403
--- response_body
sorry, acme: policy-denied


=== error_page may send the caller elsewhere, where it is decided anew
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/support.cedar;
        location /t/first {
            tenant_agent other;
            error_page 403 = /t/second;
            proxy_pass http://agents/agent/;
        }
        add_header X-Decision "$tenant_agent $tenant_decision" always;
        proxy_pass http://agents/agent/;
    }
--- request
GET /t/first
--- response_headers
X-Decision: support allow
--- response_body
agent


=== an allowed request is decided anew after a redirect
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/support.cedar;
        location /t/first {
            try_files /missing /t/second;
        }
        location /t/second {
            tenant_agent other;
            proxy_pass http://agents/agent/;
        }
    }
--- request
GET /t/first
--- error_code: 403
--- error_log
no policy permits this


=== a policy that fails is skipped and named in the log
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/broken.cedar;
        add_header X-Policies "$tenant_policy_ids" always;
        proxy_pass http://agents/agent/;
    }
--- response_headers
X-Policies: open
--- error_log
tenant policy "careless" failed and was skipped
--- no_error_log
[error]


=== a forbid that asks first does not fail
--- config
    location /t {
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/open.cedar;
        tenant_policy_file $TEST_NGINX_FIXTURES/careful.cedar;
        proxy_pass http://agents/agent/;
    }
--- error_code: 403
--- no_error_log
was skipped


=== deny and auth_basic have their say before policies
--- config
    location /t {
        deny all;
        tenant_auth on;
        tenant_agent support;
        tenant_policy_file $TEST_NGINX_FIXTURES/empty.cedar;
        proxy_pass http://agents/agent/;
    }
--- error_code: 403
--- error_log
access forbidden by rule
--- no_error_log
tenant refused
