# Each section of the format once, met.  failures.t has them missed.

use Test::Nginx::Socket;

our $Header = "X-From: a variable\n";
our $Text = join '', map { chr } 0x20 .. 0x7e;

$ENV{TEST_NGINX_GREETING} = 'good morning';
$ENV{RUNNER_TEST_VALUE} = 'from the environment';

env_to_nginx('RUNNER_TEST_VALUE');
repeat_each(2);
no_long_string();

add_block_preprocessor {
    my ($block) = @_;

    $block->set_value('config', "location = /made { return 200 'made'; }")
        if defined $block->made_config;
};

# the sum of what the blocks say of themselves; SKIP leaves its block out
plan tests => repeat_each() * eval {
    my $n = 0;
    $n += $_->assertions for blocks();
    $n;
};

run_tests();

__DATA__

=== config, request, response_body: a location answers
--- assertions: 2
--- config
    location = /t {
        return 200 "hello\n";
    }
--- request
GET /t
--- response_body
hello



=== defaults: a request line without version, a root location
--- assertions: 2
--- config
--- request
GET
--- response_body_like: It works!



=== http_config and main_config: both reach nginx.conf
--- assertions: 3
--- main_config
    worker_rlimit_core 0;
--- http_config
    map $arg_x $y {
        default "";
        1       one;
    }
--- config
    location = /t {
        return 200 "$y\n";
    }
--- request
GET /t?x=1
--- response_body
one
--- no_error_log
[error]



=== environment: $TEST_NGINX_ variables are replaced in configurations
--- assertions: 2
--- http_config
    map $uri $greeting {
        default "$TEST_NGINX_GREETING";
    }
--- config
    location = /t {
        return 200 "$greeting $TEST_NGINX_SERVER_PORT\n";
    }
--- request
GET /t
--- response_body
good morning $ServerPort



=== a random port: one for all of its mentions
--- assertions: 2
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        return 200 "other\n";
    }
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- request
GET /t
--- response_body
other



=== user_files: text, with a directory and a date
--- assertions: 3
--- config
--- user_files
>>> dir/a.txt 201501020304.05
first
>>> b.txt
second
--- request
GET /dir/a.txt
--- response_body
first
--- response_headers
Last-Modified: Fri, 02 Jan 2015 03:04:05 GMT



=== user_files: a list of files, binary bytes kept
--- assertions: 2
--- config
--- user_files eval
[["bin", "\x{00}\x{ff}\r\n"], ["b.txt" => "x"]]
--- request
GET /bin
--- response_body eval
"\x{00}\x{ff}\r\n"



=== comments before the request line are not sent
--- assertions: 2
--- config
    location = /t { return 200 "$request_method\n"; }
--- request

# a comment
  PUT /t HTTP/1.0
--- response_body
PUT



=== a body: Content-Length is added, the section's line end is not sent
--- assertions: 2
--- config
    location = /t {
        client_body_in_single_buffer on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/back;
    }
    location = /back { return 200 "$content_length\n"; }
--- request
POST /t
hello world
--- response_body
11



=== several requests: expectations are lists
--- assertions: 6
--- config
    location = /a { return 201 "a\n"; }
    location = /b { return 202 "b $http_x\n"; }
--- request eval
["GET /a", "GET /b"]
--- more_headers eval
["X: 1", "X: 2"]
--- error_code eval
[201, 202]
--- response_body eval
["a\n", "b 2\n"]
--- response_headers_like eval
["Content-Type: text/.*", "Content-Type: text/.*"]



=== packets: a request in pieces
--- assertions: 2
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/back;
    }
    location = /back { return 200 "$content_length $http_x\n"; }
--- more_headers
X: 7
--- request eval
[["PO", "ST /t\nab", { value => "cd", delay_before => 0.01 }, "ef"]]
--- response_body
6 7



=== pipelined_requests: one connection
--- assertions: 6
--- config
    location /t { return 200 "$connection_requests $uri\n"; }
--- pipelined_requests eval
["GET /t1", "GET /t2", "GET /t3"]
--- response_body eval
["1 /t1\n", "2 /t2\n", "3 /t3\n"]



=== raw_request: bytes as they are
--- assertions: 2
--- config
    location /t { return 200 "$http_x\n"; }
--- raw_request eval
"GET /t HTTP/1.1\r\nhost: x\r\nx:  odd \r\nConnection: close\r\n\r\n"
--- response_body
odd



=== raw_request: a list, with a delay between
--- assertions: 2
--- config
    location /t { return 200 "$http_x\n"; }
--- raw_request eval
["GET /t HTTP/1.0\r\nX: in ", "pieces\r\n\r\n"]
--- raw_request_middle_delay: 0.02
--- response_body
in pieces



=== a chunked body is taken as it is
--- assertions: 2
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/back;
    }
    location = /back { return 200 "$content_length\n"; }
--- more_headers
Transfer-Encoding: chunked
--- request eval
"POST /t
5\r
hello\r
0\r
\r
"
--- response_body
5



=== a chunked response is put together
--- assertions: 3
--- config
    location = /t {
        proxy_http_version 1.1;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/html;
        sub_filter a b;
        sub_filter_types *;
        sub_filter_once off;
    }
    location = /html { return 200 "banana\n"; }
--- request
GET /t
--- response_body
bbnbnb
--- response_headers
Transfer-Encoding: chunked



=== more_headers: order and duplicates
--- assertions: 2
--- config
    location = /t { return 200 "$http_a|$http_cookie\n"; }
--- more_headers
Cookie: a=1
# not sent
A: x
Cookie: b=2
--- request
GET /t
--- response_body
x|a=1; b=2



=== sections from variables, in one line and in several
--- assertions: 2
--- config
    location = /t { return 200 "$http_x_from"; }
--- more_headers eval: $::Header
--- request
GET /t
--- response_body chomp
a variable



=== user_files from a variable, every printable character
--- assertions: 2
--- config
--- user_files eval
[["text", $::Text]]
--- request
GET /text
--- response_body eval
$::Text



=== error_code
--- assertions: 1
--- config
--- request
GET /nothing
--- error_code: 404



=== error_code_like
--- assertions: 1
--- config
--- request
GET /nothing
--- error_code_like: ^40\d$



=== response_body_unlike
--- assertions: 2
--- config
    location = /t { return 200 "abc"; }
--- request
GET /t
--- response_body_unlike: [x-z]



=== response_body: a regular expression
--- assertions: 2
--- config
    location = /t { return 200 "abc"; }
--- request
GET /t
--- response_body eval
qr/^a.c$/



=== response_headers: present, joined, absent
--- assertions: 4
--- config
    location = /t {
        add_header X-Many one;
        add_header X-Many two;
        return 200 "";
    }
--- request
GET /t
--- response_headers
X-Many: one, two
Content-Length: 0
! X-None



=== response_headers_like matches the whole value
--- assertions: 2
--- config
--- request
GET /
--- response_headers_like
Server: nginx/[\d.]+



=== raw_response_headers_like and _unlike
--- assertions: 3
--- config
    location = /t {
        add_header X-B 2;
        return 200 "";
    }
--- request
GET /t
--- raw_response_headers_like: ^HTTP/1\.1 200 OK\r\n.*X-B: 2\r\n
--- raw_response_headers_unlike: X-C



=== HEAD has no body
--- assertions: 3
--- config
    location = /t { return 200 "abc"; }
--- request
HEAD /t
--- response_headers
Content-Length: 3
--- response_body



=== error_log and no_error_log: texts and patterns
--- assertions: 5
--- config
    location = /t { root /nowhere; }
--- request
GET /t
--- error_code: 404
--- error_log eval
["open() \"/nowhere/t\" failed", qr/\[error\] .*No such file/]
--- no_error_log
[alert]
[emerg]



=== access_log
--- assertions: 3
--- config
    location = /t { return 200; }
--- request
GET /t?x=unique
--- access_log
GET /t?x=unique
--- no_access_log
GET /u



=== grep_error_log
--- assertions: 2
--- config
    location = /t {
        root /nowhere;
        error_page 404 = /u;
    }
    location = /u { internal; return 200; }
--- request
GET /t
--- grep_error_log eval
qr/open\(\) "[^"]+"/
--- grep_error_log_out
open() "/nowhere/t"



=== log_level, server_name and env_to_nginx reach the configuration
--- assertions: 3
--- log_level: warn
--- server_name: special.test
--- config
    location = /t { return 200 "$server_name\n"; }
--- request
GET /t
--- response_body
special.test
--- no_error_log
[debug]



=== must_die
--- assertions: 2
--- config
    no_such_directive;
--- must_die
--- error_log
unknown directive "no_such_directive"



=== must_die with an exit status
--- assertions: 1
--- config
    return;
--- must_die: 1



=== timeout, abort and ignore_response: an answer that never comes
--- assertions: 1
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/slow;
    }
    location = /slow {
        limit_rate 1;
        root html;
    }
--- timeout: 100ms
--- abort
--- ignore_response
--- request
GET /t
--- no_error_log
[alert]



=== ignore_response: a connection closed without answer
--- assertions: 1
--- config
    location = /t { return 444; }
--- ignore_response
--- request
GET /t
--- no_error_log
[error]



=== wait: a log line that comes late
--- assertions: 2
--- config
    location = /t { return 200; }
--- wait: 0.05
--- request
GET /t
--- error_log
GET /t



=== shutdown of the sending side
--- assertions: 2
--- config
    location = /t { return 200 "x"; }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
--- shutdown: 1
--- response_body: x



=== a preprocessor makes the configuration
--- assertions: 2
--- made_config
--- request
GET /made
--- response_body: made



=== skip_nginx: a version that is too new
--- assertions: 5
--- config
    no_such_directive_yet;
--- request
GET /
--- skip_nginx: 5: < 99.0.0: of the future



=== skip_nginx: one that is not
--- assertions: 1
--- config
--- request
GET /
--- skip_nginx: 5: < 0.8.0



=== SKIP leaves a block out
--- SKIP
--- assertions: 1000
--- config
    broken
--- request
GET /



=== a large body goes out whole and comes back whole
--- assertions: 2
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/back;
    }
    location = /back { return 200 "$content_length $request_body_file"; }
--- request eval
"POST /t\n" . "x" x 1000000
--- response_body_like: ^1000000



=== an early answer to a large body is read
--- assertions: 1
--- config
    location = /t { client_max_body_size 1k; proxy_pass http://127.0.0.1:9; }
--- request eval
"POST /t\n" . "x" x 3000000
--- error_code: 413
