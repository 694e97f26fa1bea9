package Test::Nginx::Socket;

# A runner for suites in the format of CPAN's Test::Nginx::Socket, for
# machines that lack it.  Sections and counts of assertions are the documented
# ones, so that a suite runs unchanged under either; t/lib/README.md lists what
# differs.

use strict;
use warnings;

use Carp ();
use Cwd ();
use File::Basename ();
use File::Path ();
use List::Util ();
use POSIX ();
use Test::More import => [qw(ok is fail skip diag)];
use Time::HiRes qw(sleep);

use Tenant::HTTP ();
use Tenant::Server ();
use Test::Nginx::Check ();
use Test::Nginx::Request ();

require Test::Base;
our @ISA = ('Test::Base');

our @EXPORT = qw(
    run_tests repeat_each no_shuffle no_long_string no_root_location
    log_level master_on master_off master_process_enabled workers
    worker_connections server_root html_dir server_port
    server_port_for_client server_addr server_name timeout env_to_nginx
    config_preamble add_block_preprocessor add_cleanup_handler
    add_response_body_check check_accum_error_log bail_out is_str
);

# Sections of the real one that this runner does not have.  Ignoring one would
# let a test pass for the wrong reason.
my %Unsupported = map { $_ => 1 } qw(
    access_log_file charset curl curl_error curl_options curl_protocol
    error_log_file http09 http2 http3 init no_shutdown_error_log
    reload_fails request_eval response_body_eval response_body_filters
    server_addr_for_client shutdown_error_log skip_eval skip_nginx2
    skip_openssl skip_slave stap stap_out stap_out_like stap_out_unlike
    tcp_listen tcp_no_close tcp_query tcp_query_len tcp_reply
    tcp_reply_delay tcp_shutdown tcp_shutdown_delay todo todo_nginx
    udp_listen udp_query udp_reply udp_reply_delay
);

my %Set = (
    repeat_each  => 1,
    shuffle      => !$ENV{TEST_NGINX_NO_SHUFFLE},
    root         => 1,
    log_level    => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    master       => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
    workers      => 1,
    connections  => 64,
    addr         => '127.0.0.1',
    name         => 'localhost',
    timeout      => $ENV{TEST_NGINX_TIMEOUT} || 3,
    preamble     => '',
    accumulate   => $ENV{TEST_NGINX_CHECK_ACCUM_ERR_LOG},
    env          => [],
    preprocess   => [],
    cleanup      => [],
    body_checks  => [],
);

# Nobody else's directory and port unless the environment names them.
my $OwnRoot = !$ENV{TEST_NGINX_SERVROOT};
my $Root = $ENV{TEST_NGINX_SERVROOT} || Tenant::Server::build_dir() . '/t/'
           . File::Basename::basename($0, '.t') . ".$$";
$Root = Cwd::cwd() . "/$Root" unless $Root =~ m{^/};

my $Port = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT}
           || Tenant::Server::free_port();

$ENV{TEST_NGINX_SERVER_ROOT} = $Root;
$ENV{TEST_NGINX_SERVER_PORT} = $Port;
$ENV{TEST_NGINX_HTML_DIR} //= "$Root/html";

my $Server;        # the nginx of the block under test
my $PrevConfig;    # a block without config runs with the one before
my $Version;
my $Pid = $$;


# Reads a setting, or writes it when given a value.
sub setting
{
    my $key = shift;

    $Set{$key} = shift if @_;
    return $Set{$key};
}


sub repeat_each (@) { return setting('repeat_each', @_) }
sub log_level (@) { return setting('log_level', @_) }
sub workers (@) { return setting('workers', @_) }
sub worker_connections (@) { return setting('connections', @_) }
sub server_addr (@) { return setting('addr', @_) }
sub server_name (@) { return setting('name', @_) }
sub timeout (@) { return setting('timeout', @_) }
sub config_preamble ($) { return setting('preamble', @_) }
sub no_shuffle () { return setting('shuffle', 0) }
sub no_root_location () { return setting('root', 0) }
sub check_accum_error_log () { return setting('accumulate', 1) }
sub master_on () { return setting('master', 'on') }
sub master_off () { return setting('master', 'off') }

# differences are always shown as plain text
sub no_long_string () { }

sub server_root () { return $Root }
sub html_dir () { return "$Root/html" }


sub server_port (@)
{
    $Port = $ENV{TEST_NGINX_SERVER_PORT} = shift if @_;
    return $Port;
}


sub server_port_for_client (@)
{
    Carp::croak 'server_port_for_client is read-only here' if @_;
    return $Port;
}


sub master_process_enabled (@)
{
    return setting('master', @_ ? ($_[0] ? 'on' : 'off') : ());
}


sub env_to_nginx (@)
{
    for my $name (@_) {
        Carp::croak "env_to_nginx: bad name $name"
            unless $name =~ /^[A-Za-z_][^\n]*\z/;
    }

    push @{ $Set{env} }, @_;
}


# The one added last runs first.
sub add_block_preprocessor (&) { unshift @{ $Set{preprocess} }, shift }
sub add_cleanup_handler ($) { unshift @{ $Set{cleanup} }, shift }
sub add_response_body_check ($) { push @{ $Set{body_checks} }, shift }


sub is_str (@)
{
    return Test::Nginx::Check::is_text(@_);
}


# Ends this suite.  Not "Bail out!", which would end the others with it.
sub bail_out (@)
{
    $Server->stop('TERM') if $Server && $Server->pid;
    die 'bailing out: ', @_, "\n";
}


sub run_tests ()
{
    my @blocks = Test::Base::blocks();

    @blocks = List::Util::shuffle(@blocks) if $Set{shuffle};

    for my $block (@blocks) {
        for my $hook (@{ $Set{preprocess} }) {
            $hook->($block);
        }

        run_block($block);
    }

    $_->() for splice @{ $Set{cleanup} };
    remove_root() if Test::More->builder->is_passing;
}


sub remove_root
{
    return if !$OwnRoot || $ENV{TEST_NGINX_NO_CLEAN};

    File::Path::remove_tree($Root);
}


sub run_block
{
    my ($block) = @_;
    my $name = $block->name;

    return if defined $block->SKIP;
    refuse_unsupported($block);

    my $skip = skip_reason($block);

    if ($skip) {
        for (1 .. $Set{repeat_each}) {
            SKIP: { skip "$name - $skip->[1]", $skip->[0]; }
        }
        return;
    }

    write_tree($block);
    return must_die($block) if defined $block->must_die;

    if (!$Server->start) {
        diag $Server->log_text('stderr.log'), $Server->error_log;
        bail_out("$name - nginx does not start");
    }

    my $failed_before = failures();
    my $check = checker($block);

    for my $round (1 .. $Set{repeat_each}) {
        write_user_files($block) if $round > 1;
        run_requests($block, $check, $round - 1);
    }

    $Server->stop
        or fail("$name - nginx does not stop");

    check_faults($block, $failed_before);
}


sub checker
{
    my ($block) = @_;

    return Test::Nginx::Check->new(
        block       => $block,
        server      => $Server,
        accumulate  => $Set{accumulate},
        body_checks => $Set{body_checks},
    );
}


sub refuse_unsupported
{
    my ($block) = @_;

    for my $section (grep { exists $block->{$_} } sort keys %Unsupported) {
        bail_out($block->name . " - section $section is not supported");
    }
}


# skip_nginx: "N: OP VERSION: reason", N assertions are skipped a round.
sub skip_reason
{
    my ($block) = @_;
    my $spec = $block->skip_nginx // return undef;

    $spec =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+(?:\.\d+){2})
              (?:\s*:\s*(.*?))?\s*$/xs
        or bail_out($block->name . " - bad skip_nginx: $spec");

    my ($count, $op, $wanted, $reason) = ($1, $2, $3, $4);
    my $order = compare_versions(nginx_version(), $wanted);
    my $hit = $op eq '<'  ? $order < 0 : $op eq '>'  ? $order > 0
            : $op eq '<=' ? $order <= 0 : $order >= 0;

    return $hit ? [$count, $reason || "nginx version $op $wanted"] : undef;
}


sub nginx_version
{
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';

    return $Version //= do {
        Tenant::Server::nginx_version_text($binary) =~ m{/(\d+\.\d+\.\d+)}
            or bail_out("$binary -V names no version");
        $1;
    };
}


sub compare_versions
{
    my ($left, $right) = map { sprintf '%03d%03d%03d', split /\./ } @_;

    return $left cmp $right;
}


sub write_tree
{
    my ($block) = @_;

    $Server = Tenant::Server->new(
        prefix   => $Root, port => $Port, conf => '',
        may_fail => defined $block->must_die,
        timeout  => List::Util::max(timeout(), 10),
    );

    $Server->prepare;
    %Test::Nginx::Request::RandPorts = ();
    write_file("$Root/html/index.html", "<html><head><title>It works!</title>"
               . "</head><body>It works!</body></html>");
    my $conf = nginx_conf($block);
    write_user_files($block);
    $Server->{conf} = $conf;
}


sub write_file
{
    my ($path, $text) = @_;

    File::Path::make_path(File::Basename::dirname($path));
    open my $out, '>:raw', $path or bail_out("$path: $!");
    print {$out} $text;
    close $out or bail_out("$path: $!");
}


sub expand
{
    my ($block, $text) = @_;
    my $result = eval { Test::Nginx::Request::expand($text // '') };

    bail_out($block->name . " - $@") if $@;
    return $result;
}


sub nginx_conf
{
    my ($block) = @_;
    my $name = $block->name;
    my $config = $block->config // $PrevConfig
                 // bail_out("$name - no config, and no block before it");
    my $server_name = $block->server_name // $Set{name};
    my $level = $block->log_level || $Set{log_level};

    $PrevConfig = $config;
    $server_name =~ s/(['\\])/\\$1/g;

    my $http = expand($block, $block->http_config);
    my $main = expand($block, $block->main_config);
    my $post = expand($block, $block->post_main_config);
    $config = expand($block, $config);

    my $temp = $Server->temp_paths($http);
    my $load = join '', map { "load_module $_;\n" }
                        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $env = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" }
                       @{ $Set{env} };
    # as root: workers must reach files below a directory of root's
    my $user = $> == 0 ? 'user root;' : '';
    my $root = $Set{root} ? "location / {\nroot $Root/html;\n"
                            . "index index.html index.htm;\n}" : '';

    return <<"CONF";
worker_processes $Set{workers};
master_process $Set{master};
error_log $Root/logs/error.log $level;
env ASAN_OPTIONS;
env LSAN_OPTIONS;
env UBSAN_OPTIONS;
$env$user
$load
$main

http {
    access_log $Root/logs/access.log;
    default_type text/plain;
    keepalive_timeout 68;
$temp
$http

    server {
        listen $Set{addr}:$Port;
        server_name '$server_name';
        client_max_body_size 30M;

$Set{preamble}
$config
$root
    }
}

$post

events {
    accept_mutex off;
    worker_connections $Set{connections};
}
CONF
}


sub write_user_files
{
    my ($block) = @_;
    my $files = eval { Test::Nginx::Request::user_files($block->user_files) };

    bail_out($block->name . " - $@") if $@;

    for my $file (@$files) {
        my ($name, $body, $date) = @$file;
        my $path = $name =~ m{^/} ? $name : "$Root/html/$name";

        write_file($path, expand($block, $body));

        if (defined $date) {
            local $ENV{TZ} = 'GMT';
            system('touch', '-t', $date, $path) == 0
                or bail_out($block->name . " - user_files: bad date $date");
        }
    }
}


# The configuration must be refused; a number names the exit status.
sub must_die
{
    my ($block) = @_;
    my ($name, $expected) = map { scalar $block->$_ } qw(name must_die);

    my $failed_before = failures();
    my $check = checker($block);

    for my $round (1 .. $Set{repeat_each}) {
        my $started = $Server->start;
        $Server->stop if $started;

        if (!$started && $expected =~ /^\s*(\d+)\s*$/) {
            is($Server->status >> 8, $1,
               "$name - exits with the status expected");

        } else {
            ok(!$started, "$name - nginx refuses to start");
        }

        $check->logs($round - 1);
    }

    check_faults($block, $failed_before);
}


# Not counted in plans: each is one failure more than planned.
sub check_faults
{
    my ($block, $failed_before) = @_;

    for my $fault ($Server->faults) {
        fail($block->name . " - $fault");
    }

    return if failures() == $failed_before;
    my @report = split /^/, $Server->reports;
    diag @report[0 .. List::Util::min($#report, 80)] if @report;

    my @log = grep { /\[(?:warn|error|crit|alert|emerg)\]/ }
                   split /^/, $Server->error_log;
    splice @log, 0, -10 if @log > 10;
    diag "from $Root/logs/error.log:\n", @log if @log;
}


sub failures
{
    return scalar grep { !$_ } Test::More->builder->summary;
}


sub run_requests
{
    my ($block, $check, $round) = @_;
    my $name = $block->name;
    my $requests = eval { Test::Nginx::Request::of_block($block, $Set{name}) }
                   // bail_out("$name - $@");
    my $timeout = seconds($block->timeout) // $Set{timeout};
    my $pipelined = $block->pipelined_requests;
    my $expected = $pipelined ? scalar @$pipelined : scalar @$requests;
    my $left = '';

    for my $index (0 .. $expected - 1) {
        my $raw = $left;
        my $packets = $requests->[$pipelined ? 0 : $index];

        if (!$pipelined || $index == 0) {
            ($raw, my $why) = Tenant::HTTP::send_raw(
                $Port, $packets, addr => $Set{addr}, timeout => $timeout,
                shutdown => shutdown_mode($block));
            fail("$name - $why") if $why && !defined $block->abort;
        }

        my $is_head = $packets->[0][0] =~ /^\s*HEAD\s/;
        my ($res, $rest) = Tenant::HTTP::parse_response($raw, $is_head);
        $left = $rest;

        if (!defined $block->ignore_response) {
            fail("$name - $res->{error}") if $res->{error} && length $raw;
            diag "WARNING: $name - body shorter than Content-Length"
                if $res->{truncated};
            diag "WARNING: $name - unexpected bytes after the response: $left"
                if !$pipelined && length $left;
            $check->response($res, $index, $expected > 1, $round);
        }

        sleep seconds($block->wait) if $block->wait;
        $check->logs($round);
    }
}


# "--- shutdown" without a value closes the sending side.
sub shutdown_mode
{
    my ($block) = @_;
    my $how = $block->shutdown // return undef;

    return $how =~ /^\s*(\d)/ ? $1 : 1;
}


# "1.5", "2s" or "300ms"
sub seconds
{
    my ($text) = @_;

    return undef if !defined $text;
    $text =~ /^\s*([\d.]+)\s*(ms|s)?\s*$/ or bail_out("bad time: $text");
    return ($2 // '') eq 'ms' ? $1 / 1000 : $1;
}


END {
    if ($$ == $Pid) {
        local ($?, $!);
        $_->() for splice @{ $Set{cleanup} };
        $Server->stop('TERM') if $Server && $Server->pid;
    }
}


1;
