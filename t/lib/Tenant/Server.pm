package Tenant::Server;

# One nginx in a prefix of its own, stopped by pid when the test ends however
# it ends.  For tests of reload, several workers, crashes and several
# instances; the Test::Nginx runner starts its nginx with it too.

use strict;
use warnings;

use Exporter 'import';
use Fcntl qw(:flock);
use File::Basename ();
use File::Path ();
use File::Spec ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Tenant::HTTP ();

our @EXPORT_OK = qw(free_port project_root build_dir http sanitizer_reports);

*http = \&Tenant::HTTP::http;

# What a sanitizer writes when it has found something.
my $REPORT = qr/runtime\ error:
                |ERROR:\ (?:Address|Leak|Thread)Sanitizer
                |SUMMARY:\ \w+Sanitizer/x;

my $ROOT = File::Spec->rel2abs(
    File::Basename::dirname(__FILE__) . '/../../..');
$ROOT =~ s{/[^/]+/\.\.(?=/|$)}{} while $ROOT =~ m{/(?!\.\.)[^/]+/\.\.(?=/|$)};

my %Running;      # object address => object, for END
my %PortLocks;    # port => handle; the lock lasts as long as the process
my $Sequence = 0;


sub project_root
{
    return $ROOT;
}


sub build_dir
{
    return $ENV{TEST_BUILD_DIR} // "$ROOT/build";
}


# A TCP port that is free on 127.0.0.1 and that no other test process of this
# checkout will pick while this one lives.  Below the kernel's ephemeral
# range, so that no outgoing connection takes it meanwhile.
sub free_port
{
    my $dir = build_dir() . '/t/ports';
    File::Path::make_path($dir);

    for (1 .. 2000) {
        my $port = 12000 + int rand 20000;
        next if $PortLocks{$port};

        open my $lock, '>>', "$dir/$port" or die "$dir/$port: $!\n";
        flock $lock, LOCK_EX | LOCK_NB or next;

        my $sock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port,
            Proto     => 'tcp',       Listen    => 1, ReuseAddr => 1,
        ) or next;

        $PortLocks{$port} = $lock;
        return $port;
    }

    die "no free port\n";
}


# new(%opt), all optional:
#
#   name         names the prefix, default: the test's file name
#   prefix       default build/t/<name>.<pid>.<n>, removed by the last stop()
#                unless TEST_NGINX_NO_CLEAN is set; a given one is kept
#   port         default free_port(); 127.0.0.1 only
#   conf         a whole nginx.conf; else one is made of:
#   main, http, server   contents of these three blocks
#   workers      with it a master process runs; 0 (default): a single process
#   connections  of a worker, default 256
#   log_level    default info
#   modules      default TEST_NGINX_LOAD_MODULES, split at white space
#   preload      default TEST_NGINX_PRELOAD: LD_PRELOAD of nginx alone
#   env          {NAME => value} added to its environment
#   timeout      seconds for a start, a reload, a stop; default 10
#
# %PORT% and %PREFIX% are replaced in every piece of configuration, and in
# conf %TEMP_PATHS%, which belongs into its http block, by directives that let
# an ordinary user run a packaged nginx.
sub new
{
    my ($class, %opt) = @_;
    my $self = bless {
        binary    => $ENV{TEST_NGINX_BINARY} || 'nginx',
        preload   => $ENV{TEST_NGINX_PRELOAD},
        modules   => $ENV{TEST_NGINX_LOAD_MODULES} // '',
        log_level => 'info',
        workers   => 0,
        connections => 256,
        timeout   => 10,
        %opt,
    }, $class;

    if (!defined $self->{prefix}) {
        my $name = $self->{name} // File::Basename::basename($0, '.t');
        $self->{prefix} = build_dir() . "/t/$name.$$." . ++$Sequence;
        $self->{own_prefix} = 1;
    }

    $self->{port} //= free_port();
    $self->{conf} = $self->conf_text(%$self) if !defined $self->{conf};

    return $self;
}


sub port { return $_[0]{port} }
sub prefix { return $_[0]{prefix} }
sub pid { return $_[0]{pid} }

# wait status of the last run, undef while running
sub status { return $_[0]{status} }


sub request
{
    my ($self, @request) = @_;

    return http($self->{port}, @request);
}


sub conf_text
{
    my ($self, %part) = @_;
    my $master = $part{workers} ? 'on' : 'off';
    my $workers = $part{workers} || 1;
    my $main = $part{main} // '';
    my $http = $part{http} // '';
    my $server = $part{server} // '';
    my $user = $> == 0 && $main !~ /^\s*user\s/m ? 'user root;' : '';
    my $load = join "\n", map { "load_module $_;" } split ' ', $part{modules};
    my $temp = $self->temp_paths($http);

    return <<"EOF";
$load
$user
worker_processes $workers;
master_process $master;
error_log %PREFIX%/logs/error.log $part{log_level};

$main

events {
    worker_connections $part{connections};
}

http {
    access_log %PREFIX%/logs/access.log;
    default_type text/plain;
$temp
$http

    server {
        listen 127.0.0.1:%PORT%;
        server_name localhost;

$server
    }
}
EOF
}


# A packaged nginx has absolute paths for temporary files compiled in that an
# ordinary user cannot create.  Its own list of them tells which directives it
# knows.
sub temp_paths
{
    my ($self, $http) = @_;
    my $text = '';

    for my $part (nginx_version_text($self->{binary})
                  =~ m{--http-([\w-]+)-temp-path=}g)
    {
        (my $name = "${part}_temp_path") =~ tr/-/_/;
        next if $http =~ /\b$name\b/;
        $text .= "    $name %PREFIX%/tmp/$part;\n";
    }

    return $text;
}


my %VersionText;

# What nginx -V prints.
sub nginx_version_text
{
    my ($binary) = @_;

    return $VersionText{$binary} //= do {
        open my $out, '-|', "exec $binary -V 2>&1" or die "$binary: $!\n";
        local $/;
        my $text = <$out>;
        CORE::close($out) or die "cannot run $binary -V: $text\n";
        $text;
    };
}


# Empties the prefix.  Only what an nginx of a test leaves is removed, in
# case a prefix was named by mistake.
sub prepare
{
    my ($self) = @_;
    my $prefix = $self->{prefix};

    File::Path::remove_tree(map { "$prefix/$_" } qw(conf logs html tmp));
    File::Path::make_path(map { "$prefix/$_" } qw(conf logs html tmp));
    $self->{prepared} = 1;
}


sub write_conf
{
    my ($self, $conf) = @_;

    $self->{conf} = $conf if defined $conf;
    my $text = $self->{conf};
    $text =~ s/%TEMP_PATHS%/$self->temp_paths('')/eg;
    $text =~ s/%PORT%/$self->{port}/g;
    $text =~ s/%PREFIX%/$self->{prefix}/g;

    # "daemon off" keeps the process our child: its exit status and its
    # sanitizer report are then ours to see
    $text = "daemon off;\npid $self->{prefix}/logs/nginx.pid;\n" . $text;

    my $path = "$self->{prefix}/conf/nginx.conf";
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $text;
    CORE::close($file) or die "$path: $!\n";
}


# True when nginx listens and has its workers.  False when it has exited
# instead: status() and error_log() tell why.
sub start
{
    my ($self) = @_;

    die "already started\n" if $self->{pid};
    $self->prepare unless $self->{prepared};
    $self->write_conf;

    my $pid_file = "$self->{prefix}/logs/nginx.pid";
    unlink $pid_file;
    undef $self->{status};

    # what is wrong with a configuration goes to the log even when the log
    # of this build is stderr; nginx has -e since 1.19.5
    my @args = ('-p', "$self->{prefix}/",
                '-c', "$self->{prefix}/conf/nginx.conf");
    push @args, '-e', "$self->{prefix}/logs/error.log"
        if nginx_version_text($self->{binary}) =~ /--error-log-path=stderr/;

    my $pid = fork // die "fork: $!\n";
    $self->exec_nginx(@args) if $pid == 0;

    $self->{pid} = $pid;
    $self->{owner} = $$;
    $Running{$self} = $self;

    # the pid file is written after the sockets listen, in both modes
    my $end = time + $self->{timeout};

    until (-s $pid_file) {
        return 0 if $self->reap;

        if (time > $end) {
            $self->stop('KILL');
            die "nginx did not start in $self->{timeout} s\n";
        }

        sleep 0.002;
    }

    # but before the workers are there
    $self->wait_until(sub { $self->workers >= $self->{workers} })
        or die "no workers in $self->{timeout} s\n";

    return 1;
}


sub exec_nginx
{
    my ($self, @args) = @_;

    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$self->{prefix}/logs/stderr.log";
    open STDERR, '>&', \*STDOUT;

    $SIG{PIPE} = $SIG{INT} = $SIG{TERM} = 'DEFAULT';
    $ENV{$_} = $self->{env}{$_} for keys %{ $self->{env} // {} };

    if ($self->{preload}) {
        $ENV{LD_PRELOAD} = $self->{preload};
        # a file for each process: reports of two workers would mix
        my $path = "log_path=$self->{prefix}/logs/sanitizer";
        $ENV{$_} = join ':', grep { length } $ENV{$_} // '', $path
            for qw(ASAN_OPTIONS UBSAN_OPTIONS);
    }

    { no warnings 'exec';
      exec $self->{binary}, @args; }

    print STDERR "cannot run $self->{binary}: $!\n";
    POSIX::_exit(127);
}


# True once the process is gone.
sub reap
{
    my ($self) = @_;

    return 1 unless $self->{pid};
    return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;

    $self->{status} = $?;
    delete $self->{pid};
    delete $Running{$self};
    return 1;
}


# stop($signal): QUIT by default, which finishes requests first.  Escalates
# when that takes longer than the timeout, and then returns false.
sub stop
{
    my ($self, $signal) = @_;
    my @workers = $self->{pid} ? children($self->{pid}) : ();
    my $clean = 1;

    for my $sig ($signal // 'QUIT', 'TERM', 'KILL') {
        last unless $self->{pid};
        kill $sig, $self->{pid};
        last if $self->wait_until(sub { $self->reap });
        $clean = 0;
    }

    # a killed master leaves its workers behind
    kill 'KILL', @workers if !$clean || ($signal // '') eq 'KILL';

    return $clean;
}


sub quit
{
    return $_[0]->stop('QUIT');
}


# Removes a prefix that new() made up.
sub remove
{
    my ($self) = @_;

    $self->stop('TERM') if $self->{pid};
    return if $ENV{TEST_NGINX_NO_CLEAN} || !$self->{own_prefix};
    File::Path::remove_tree($self->{prefix});
}


# reload($conf): HUP with a new configuration, if given.  True when every
# worker that takes requests is a new one; false when nginx refused the
# configuration and the old workers go on.  Needs workers > 0.
sub reload
{
    my ($self, $conf) = @_;
    my %old = map { $_ => 1 } $self->workers;
    my $seen = length $self->error_log;

    die "reload needs a master process\n" unless %old;
    $self->write_conf($conf) if defined $conf;
    kill 'HUP', $self->{pid};

    my $refused;
    $self->wait_until(sub {
        my @now = $self->workers;
        $refused = substr($self->error_log, $seen) =~ /\[emerg\]/;
        return $refused || (@now && !grep { $old{$_} } @now);
    }) or die "no reload in $self->{timeout} s\n";

    return !$refused;
}


# Pids of the workers that take requests: not those shutting down.
sub workers
{
    my ($self) = @_;

    return () unless $self->{pid};
    return grep { (command($_) // '') eq 'nginx: worker process' }
               children($self->{pid});
}


# kill_worker($pid, $signal): kills a worker (default: the first, with KILL)
# and waits for its replacement, whose pid is returned.
sub kill_worker
{
    my ($self, $pid, $signal) = @_;
    my @before = $self->workers;
    my %before = map { $_ => 1 } @before;
    my @new;

    $pid //= $before[0];
    $self->{killed}{$pid} = 1;
    kill $signal // 'KILL', $pid;
    $self->wait_until(sub {
        my @now = $self->workers;
        @new = grep { !$before{$_} } @now;
        return @new && @now >= @before;
    }) or die "no new worker in $self->{timeout} s\n";

    return $new[0];
}


sub children
{
    my ($parent) = @_;
    my @pids;

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $stat or next;
        my $line = <$in> // next;
        # the command, in parentheses, may hold spaces
        push @pids, $1 if $line =~ /^(\d+) .*\) \S (\d+) / && $2 == $parent;
    }

    return sort { $a <=> $b } @pids;
}


sub command
{
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/cmdline" or return undef;
    local $/;
    my $text = <$in> // return undef;
    $text =~ s/[\0 ]+\z//;
    return $text;
}


sub wait_until
{
    my ($self, $done) = @_;
    my $end = time + $self->{timeout};

    until ($done->()) {
        return 0 if time > $end;
        sleep 0.002;
    }

    return 1;
}


sub error_log
{
    return $_[0]->log_text('error.log');
}


sub access_log
{
    return $_[0]->log_text('access.log');
}


sub log_text
{
    my ($self, $name) = @_;

    open my $in, '<', "$self->{prefix}/logs/$name" or return '';
    local $/;
    return <$in> // '';
}


# wait_log(qr/.../, $seconds): true when a line that matches has appeared.
sub wait_log
{
    my ($self, $pattern, $seconds) = @_;
    local $self->{timeout} = $seconds // $self->{timeout};

    return $self->wait_until(sub { $self->error_log =~ $pattern });
}


# What went wrong beneath nginx in the run so far: sanitizer reports and
# processes that died unless kill_worker() did it.  Complete only after
# stop().
sub faults
{
    my ($self) = @_;
    my @modules = map { s{.*/}{}r } split ' ', $self->{modules};
    my $status = $self->{status} // 0;
    my (@faults, $foreign);

    $self->{reports} = '';

    for my $name (qw(error.log stderr.log), $self->report_files) {
        my ($own, $left) =
            without_foreign_leaks($self->log_text($name), @modules);
        my @found = sanitizer_reports($own);

        push @faults, @found;
        $foreign ||= $left;
        $self->{reports} .= $own if @found && $name =~ /^sanitizer/;
    }

    push @faults, grep { !(/worker process (\d+) / && $self->{killed}{$1}) }
                      $self->error_log =~ /^.*exited on signal \d+.*$/mg;

    if ($status & 127) {
        push @faults, 'nginx died of signal ' . ($status & 127);

    } elsif ($status && !$foreign && !$self->{may_fail}) {
        push @faults, 'nginx exited with status ' . ($status >> 8);
    }

    return @faults;
}


# The files that TEST_NGINX_PRELOAD's sanitizers have written, one a process.
sub report_files
{
    my ($self) = @_;

    return map { s{.*/}{}r } glob "$self->{prefix}/logs/sanitizer.*";
}


# The text of the reports that the last faults() found.
sub reports
{
    return $_[0]{reports} // '';
}


# nginx does not free all at exit, its event arrays for one.  A leak is ours
# when a module that was loaded is on the stack of the allocation; modules are
# unloaded before leaks are looked for, so code of a place that is not known
# any more counts as one.  Returns the text without the other records, and
# whether there were any.
sub without_foreign_leaks
{
    my ($text, @modules) = @_;
    # a frame names the source where it is known, else the object
    my $ours = join '|', '<unknown module>',
                    map { quotemeta } "$ROOT/", @modules;
    my ($own, $foreign) = (0, 0);

    return ($text, 0) unless $text =~ /ERROR: LeakSanitizer/;

    $text =~ s{^((?:Direct|Indirect)\ leak\ of\ .*\n(?:[ ]+\#.*\n)*)}{
        my $record = $1;
        my $keep = $record =~ /$ours/;
        $keep ? $own++ : $foreign++;
        $keep ? $record : '' }gmex;

    # with no record left, the frame around them is no report either
    my $frame = qr/ERROR: LeakSanitizer|SUMMARY: \w+Sanitizer: \d+ byte/;
    $text =~ s/^.*$frame.*\n?//mg if $foreign && !$own;

    return ($text, $foreign);
}


# The lines of a text that announce a sanitizer's finding.
sub sanitizer_reports
{
    my ($text) = @_;

    return grep { $_ =~ $REPORT } split /\n/, $text;
}


# Also on ^C, so that no nginx outlives its test.
for my $signal (qw(INT TERM)) {
    $SIG{$signal} = sub { exit 130 } unless $SIG{$signal};
}

END {
    local ($?, $!);

    for my $server (values %Running) {
        next if $server->{owner} != $$;
        $server->{timeout} = 2;
        $server->stop('TERM');
    }
}


1;
