# Reports of sanitizers and deaths of nginx fail the suite they happen in.

use strict;
use warnings;

use Test::More;

use Tenant::Fixtures;
use Tenant::Server qw(sanitizer_reports);

# a shell cannot trap what was ignored when it began, as SIGQUIT is in what
# another shell runs in the background
$SIG{QUIT} = 'DEFAULT';

$ENV{TEST_NGINX_SERVROOT} = fixture_dir() . '/root';
delete @ENV{qw(TEST_NGINX_SERVER_PORT TEST_NGINX_PORT TEST_NGINX_HTML_DIR
               TEST_NGINX_PRELOAD)};

my $Nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

# [what happens, shell text before nginx starts, description]; all of it with
# requests that are answered as expected
my @Faults = (
    ['undefined behaviour', q(echo 'x.c:1:2: runtime error: overflow' >&2),
     'runtime error'],
    ['a bad access',
     q(echo '==1==ERROR: AddressSanitizer: heap-use-after-free' >&2),
     'AddressSanitizer'],
);

for my $fault (@Faults) {
    my ($what, $shell, $where) = @$fault;
    my ($tap, $status) = run_with("$shell\nexec $Nginx \"\$@\"");

    subtest $what => sub {
        isnt($status, 0, 'the suite fails');
        like($tap, qr/^not ok \d+ - a block - .*\Q$where\E/m, 'for that');
        is(scalar(() = $tap =~ /^ok /mg), 2, 'its assertions pass');
    };
}

my ($tap, $status) = run_with("exec $Nginx \"\$@\"");
is($status, 0, 'without a fault it passes') or diag $tap;

# the version is asked for first, and must work
my $only = 'case "$1" in -V) exec ' . $Nginx . ' -V;; esac';

($tap, $status) = run_with("$only\n$Nginx \"\$@\" &\n"
    . 'trap "kill -QUIT $!; wait $!; exit 3" QUIT' . "\nwait; wait");
like($tap, qr/^not ok \d+ - a block - nginx exited with status 3/m,
     'an exit status is a fault');

($tap, $status) = run_with("$only\n$Nginx \"\$@\" &\n"
    . 'trap "kill -QUIT $!; wait $!; kill -SEGV $$" QUIT' . "\nwait; wait");
like($tap, qr/^not ok \d+ - a block - nginx died of signal 11/m,
     'a death by signal is a fault');

subtest 'the preload reaches nginx alone' => sub {
    # the C library preloads into anything
    my ($libc) = map { m{(/\S+/libc\.so\.6)} } qx(ldd $^X);
    local $ENV{TEST_NGINX_PRELOAD} = $libc;
    my ($tap, $status) = run_with(
        "$only\n" . 'test "$LD_PRELOAD" = ' . "$libc || exit 9\n"
        . 'case "$ASAN_OPTIONS" in *log_path=/*/logs/sanitizer) ;;'
        . " *) exit 8;; esac\nexec $Nginx \"\$@\"");

    ok(defined $libc, 'a library to load');
    is($status, 0, 'nginx has it') or diag $tap;
    is($ENV{LD_PRELOAD}, undef, 'the test has not');
};

subtest 'whose leak it is' => sub {
    my $head = "=\n==7==ERROR: LeakSanitizer: detected memory leaks\n\n";
    my $nginx = "Indirect leak of 27648 byte(s) in 3 object(s) allocated"
        . " from:\n    #0 0x7f in malloc (libasan.so+0x1)\n"
        . "    #1 0x55 in ngx_alloc (/usr/sbin/nginx+0x4c)\n\n";
    my $ours = "Direct leak of 64 byte(s) in 1 object(s) allocated from:\n"
        . "    #0 0x7f in malloc (libasan.so+0x1)\n"
        . "    #1 0x7e in parse (/x/ngx_mod.so+0x4c)\n\n";
    my $tail = "SUMMARY: AddressSanitizer: 64 byte(s) leaked in 1"
        . " allocation(s).\n";
    my $reports = sub {
        my ($text, @modules) = @_;
        my ($own, $foreign) =
            Tenant::Server::without_foreign_leaks($text, @modules);
        return (scalar(sanitizer_reports($own)), $foreign);
    };

    my ($n, $foreign) = $reports->("$head$nginx$tail", 'ngx_mod.so');
    is($n, 0, "nginx's own is no report");
    is($foreign, 1, 'but explains an exit status');
    ($n) = $reports->("$head$nginx$ours$tail", 'ngx_mod.so');
    is($n, 2, "a module's is one, beside nginx's too");
    ($n) = $reports->("$head$ours$tail", 'other.so');
    is($n, 0, 'of a module that is loaded');
    ($n) = $reports->($head . $ours =~ s/\(.x.ngx_mod.*/(<unknown module>)/r
                      . $tail, 'ngx_mod.so');
    is($n, 2, 'or has been until the end');
    my $source = Tenant::Server::project_root() . '/ngx_tenant_module/a.c:7';
    ($n) = $reports->($head . $nginx . $ours =~ s/\(.x.ngx_mod.*/$source/r
                      . $tail, 'ngx_mod.so');
    is($n, 2, 'where the source of a frame is known, that tells');
    ($n) = $reports->("$head$nginx$tail"
        . "==8==ERROR: AddressSanitizer: heap-buffer-overflow\n",
        'ngx_mod.so');
    is($n, 1, 'other reports stay');
};

done_testing();


# A suite of two assertions that hold, run with a shell script for nginx.
sub run_with
{
    my ($shell) = @_;
    my $binary = write_fixture('nginx', "#!/bin/sh\n$shell\n");
    my $path = write_fixture('suite.t', <<'SUITE');
use Test::Nginx::Socket tests => 2;
run_tests();
__DATA__

=== a block
--- config
    location = /t { return 200 "hello\n"; }
--- request
GET /t
--- response_body
hello
SUITE

    chmod 0755, $binary;
    local $ENV{TEST_NGINX_BINARY} = $binary;
    open my $out, '-|', "exec $^X -It/lib $path 2>&1" or die $!;
    local $/;
    my $text = <$out>;
    close $out;
    return ($text, $?);
}
