# A wrong expectation fails, for each section: the runner runs in a child on
# a block that is wrong in one place, and must report that place and no other.

use strict;
use warnings;

use Test::More;

use Tenant::Fixtures;

my $Config = <<'CONF';
--- config
    location = /t {
        add_header X-Real yes;
        return 200 "hello\n";
    }
    location = /missing { root /nowhere; }
    location = /close { return 444; }
    location = /slow { proxy_pass http://127.0.0.1:$TEST_NGINX_SILENT_PORT; }
CONF
my $Get = "--- request\nGET /t\n";

# the other end of /slow: accepts through its backlog and never answers
my $Silent = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 5) or die $!;

$ENV{TEST_NGINX_SILENT_PORT} = $Silent->sockport;
$ENV{TEST_NGINX_SERVROOT} = fixture_dir() . '/root';
delete @ENV{qw(TEST_NGINX_SERVER_PORT TEST_NGINX_PORT TEST_NGINX_HTML_DIR)};

# [what is wrong, block, the one description that is "not ok", assertions]
my @Wrong = (
    ['status', "$Config$Get--- error_code: 404", 'status code', 1],
    ['status by default', "$Config--- request\nGET /missing", 'status code',
     1],
    ['status pattern', "$Config$Get--- error_code_like: ^4", 'status code',
     1],
    ['status, second request',
     "$Config--- request eval\n['GET /t', 'GET /t']\n"
     . "--- error_code eval\n[200, 201]", 'status code', 2],
    ['status, pipelined',
     "$Config--- pipelined_requests eval\n['GET /t', 'GET /missing']\n"
     . "--- error_code eval\n[200, 200]", 'status code', 2],
    ['body', "$Config$Get--- response_body\nother", 'response body', 2],
    ['body, line end', "$Config$Get--- response_body chomp\nhello",
     'response body', 2],
    ['body pattern', "$Config$Get--- response_body_like: ^bye",
     'response body', 2],
    ['body pattern that matches', "$Config$Get--- response_body_unlike: ell",
     'response body', 2],
    ['header value', "$Config$Get--- response_headers\nX-Real: no",
     'header X-Real', 2],
    ['header absent', "$Config$Get--- response_headers\nX-None: no",
     'header X-None', 2],
    ['header present', "$Config$Get--- response_headers\n! x-real",
     'header x-real', 2],
    ['header pattern, part of the value',
     "$Config$Get--- response_headers_like\nX-Real: ye", 'header X-Real', 2],
    ['raw header', "$Config$Get--- raw_response_headers_like: X-None",
     'raw response headers', 2],
    ['raw header that matches',
     "$Config$Get--- raw_response_headers_unlike: X-Real",
     'raw response headers', 2],
    ['error log', "$Config$Get--- error_log\nno such line", 'error_log', 2],
    ['error log, second line',
     "$Config--- request\nGET /missing\n--- error_code: 404\n"
     . "--- error_log\nopen()\nclosed by", 'error_log has "closed by"', 3],
    ['error log, line that must not be',
     "$Config--- request\nGET /missing\n--- error_code: 404\n"
     . "--- no_error_log\n[error]", 'no_error_log', 2],
    ['access log', "$Config$Get--- access_log\nGET /u", 'access_log', 2],
    ['access log, line that must not be',
     "$Config$Get--- no_access_log\nGET /t", 'no_access_log', 2],
    ['grep of the error log',
     "$Config--- request\nGET /missing\n--- error_code: 404\n"
     . "--- grep_error_log chomp\nNo such file\n"
     . "--- grep_error_log_out\nNo such file\nNo such file",
     'grep_error_log_out', 2],
    ['a configuration that is accepted', "$Config--- must_die",
     'refuses to start', 1],
    ['exit status', "--- config\nbroken;\n--- must_die: 3", 'exits with', 1],
    ['log of a refusal', "--- config\nbroken;\n--- must_die\n"
     . "--- error_log\nno such line", 'error_log', 2],
    ['an answer that never comes',
     "$Config--- request\nGET /slow\n--- timeout: 50ms\n"
     . '--- ignore_response', 'timed out', 0],
    ['a connection closed without answer',
     "$Config--- request\nGET /close", 'status code', 1],
);

# [what is wrong, block, what the run dies of]
my @Fatal = (
    ['a section that this runner lacks', "$Config$Get--- stap\nx",
     'section stap is not supported'],
    ['no request', $Config, 'no request'],
    ['a variable that the environment lacks',
     "--- config\nset \$x \$TEST_NGINX_NO_SUCH;\n$Get",
     'no environment variable TEST_NGINX_NO_SUCH'],
    ['a configuration that nginx refuses', "--- config\nbroken;\n$Get",
     'nginx does not start'],
    ['no configuration', $Get, 'no config'],
    ['one expectation for two requests',
     "$Config--- request eval\n['GET /t', 'GET /t']\n"
     . '--- response_body_like: hello', 'list of expectations'],
    ['headers for one of two requests',
     "$Config--- request eval\n['GET /t', 'GET /t']\n"
     . "--- more_headers eval\n['A: 1']\n--- error_code eval\n[200, 200]",
     'more_headers lacks request 1'],
    ['a bad skip_nginx', "$Config$Get--- skip_nginx: 2", 'bad skip_nginx'],
    ['text before the first file', "$Config$Get--- user_files\nx",
     'before the first >>>'],
    ['grep without its output', "$Config$Get--- grep_error_log\nx",
     'go together'],
);

for my $case (@Wrong) {
    my ($what, $block, $where, $plan) = @$case;
    my ($tap, $status) = run_suite($block, $plan);
    my @failed = $tap =~ /^not ok \d+ - (.*)$/mg;

    subtest "$what: reported" => sub {
        isnt($status, 0, 'the suite fails');
        is(scalar @failed, 1, 'one assertion fails') or diag $tap;
        like($failed[0] // '', qr/\Q$where\E/, 'it is the right one');
        is(scalar(() = $tap =~ /^ok /mg), $plan - ($plan ? 1 : 0),
           'the others pass') or diag $tap;
    };
}

for my $case (@Fatal) {
    my ($what, $block, $why) = @$case;
    my ($tap, $status) = run_suite($block, 2);

    subtest "$what: fatal" => sub {
        isnt($status, 0, 'the suite fails');
        like($tap, qr/\Q$why\E/, 'the reason is told');
    };
}

my ($tap, $status) = run_suite("$Config$Get--- response_body\nhello", 2);
is($status, 0, 'the same block without a fault passes') or diag $tap;

# a second run of a round sees only its own part of the log
($tap, $status) = run_suite("$Config$Get--- error_log\nusing the", 4,
                            'repeat_each(2);');
like($tap, qr/^ok 2 .*^not ok 4 /ms, 'a line of the start is not seen twice');

done_testing();


sub run_suite
{
    my ($block, $plan, $setup) = @_;

    $setup //= '';
    my $path = write_fixture('suite.t', <<"SUITE" . "=== a block\n$block\n");
use Test::Nginx::Socket;
use Test::More;
plan tests => $plan || 1;
$setup
run_tests();
__DATA__

SUITE

    open my $out, '-|', "exec $^X -It/lib $path 2>&1" or die $!;
    local $/;
    my $text = <$out>;
    close $out;
    return ($text, $?);
}
