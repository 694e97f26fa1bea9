# scripts/prove counts what passes and what fails, and its exit status tells.

use strict;
use warnings;

use Test::More;

use Tenant::Fixtures;

# [what, suite, last line, true when it passes]
my @Cases = (
    ['all pass', 'print "1..2\nok 1\nok 2\n";', '2 passed, 0 failed', 1],
    ['one fails', 'print "1..2\nok 1\nnot ok 2\n";', '1 passed, 1 failed'],
    ['skipped ones are not passed',
     'print "1..2\nok 1\nok 2 # skip why\n";', '1 passed, 0 failed', 1],
    ['a plan that is not kept', 'print "1..4\nok 1\n";',
     '1 passed, 3 failed'],
    ['an exit status', 'print "1..1\nok 1\n"; exit 3', '1 passed, 1 failed'],
    ['nothing at all', '', '0 passed, 1 failed'],
    ['only a crash', 'kill 9, $$', '0 passed, 1 failed'],
    ['bailing out', 'print "1..1\nBail out!\n";', '0 passed, 1 failed'],
);

$ENV{TEST_NGINX_LOAD_MODULES} = '';

for my $case (@Cases) {
    my ($what, $code, $last, $good) = @$case;
    my $path = write_fixture('case.t', "$code\n");
    my ($out, $status) = prove($path);

    subtest $what => sub {
        is((split /\n/, $out)[-1], $last, 'the last line') or diag $out;
        is($status == 0, !!$good, 'the exit status');
    };
}

my @two = map { write_fixture("$_.t", 'print "1..2\nok 1\nok 2\n";') }
              qw(first second);
my ($out) = prove('-j2', @two);
like($out, qr/^4 passed, 0 failed$/m, 'two suites add up');

($out, my $status) = prove('/nonexistent.t');
isnt($status, 0, 'a suite that is missing is an error');

{
    my $env = write_fixture('env.t', q(print "1..1\nok 1 - ",
        join(' ', map { "[$_=" . ($ENV{$_} // '') . ']' }
        qw(TEST_NGINX_LOAD_MODULES TEST_NGINX_PRELOAD LD_PRELOAD)), "\n";));

    ($out) = prove('-v', '--asan', $env);
    like($out, qr{\[TEST_NGINX_PRELOAD=/\S*libasan\S* /\S*libubsan\S*\]},
         '--asan names the libraries');
    like($out, qr/\[LD_PRELOAD=\]/, 'and loads them into nginx only');

    delete local $ENV{TEST_NGINX_LOAD_MODULES};
    local $ENV{TEST_BUILD_DIR} = fixture_dir() . '/build';
    ($out, $status) = prove($env);
    isnt($status, 0, 'a module that is not built is an error');
    like($out, qr/ngx_http_tenant_module\.so: not built yet/, 'of that name');

    write_fixture("build/$_/ngx_http_tenant_module.so", '') for '.', 'asan';
    ($out) = prove('-v', $env);
    like($out, qr{MODULES=/\S*/build/ngx_http_tenant_module\.so\]},
         'the module is loaded');
    ($out) = prove('-v', '--asan', $env);
    like($out, qr{MODULES=/\S*/build/asan/ngx_http_tenant_module\.so\]},
         'or that of the sanitizers');
}

subtest 'another Test::Nginx comes first, with places of its own' => sub {
    my $suite = write_fixture('real.t', <<'SUITE');
use Test::Nginx::Socket;
print "1..1\nok 1 - @Test::Nginx::Socket::Is @{[map { qq([$_=$ENV{$_}]) }
    qw(TEST_NGINX_SERVROOT TEST_NGINX_PORT TEST_NGINX_BINARY)]}\n";
SUITE
    my $module = write_fixture('lib/Test/Nginx/Socket.pm',
                               "package Test::Nginx::Socket;\n"
                               . "our \@Is = 'another'; 1;\n");
    my ($out) = prove('-v', '--real', $module =~ s{/Test/.*}{}r, $suite);

    like($out, qr/ok 1 - another/, 'it is the other one');
    like($out, qr{\[TEST_NGINX_SERVROOT=/\S+\]}, 'a server root');
    like($out, qr{\[TEST_NGINX_PORT=\d+\]}, 'a port');
    like($out, qr{\[TEST_NGINX_BINARY=/\S+\]}, 'a binary');
};

done_testing();


sub prove
{
    my (@args) = @_;

    open my $out, '-|', 'sh', '-c', 'exec scripts/prove "$@" 2>&1', 'sh', @args
        or die $!;
    local $/;
    my $text = <$out>;
    close $out;
    return ($text, $?);
}
