# The demo gateway: it starts with one command, gives the answers it says it
# gives, and is gone afterwards.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET ();
use Test::More;

use Tenant::Server;

chdir Tenant::Server::project_root();

my @Ports = (8080, 8081, 8100 .. 8103, 8110);


sub open_ports
{
    return grep { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                        PeerPort => $_, Timeout => 2) }
                @Ports;
}


# nginx of another module and another library path than the demo's
delete @ENV{qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS MAKEFLAGS MAKELEVEL)};

my $output = qx(scripts/run --once 2>&1);
my $status = $?;
my @answers = $output =~ /^(ok |BAD) +\d+\. /mg;

is($status, 0, 'scripts/run --once succeeds') or diag($output);
cmp_ok(scalar @answers, '>=', 22, '... with an answer for each of its cases');
is(scalar(grep { $_ eq 'BAD' } @answers), 0, '... none of them wrong');
like($output, qr/^(\d+) of \1 answers as expected$/m, '... and says so');
like($output, qr/ok  17\. wayne is onboarded.*\n.*\n +tenant wayne: active$/m,
     'a tenant is onboarded while it runs');
like(log_text('provisioner.log'), qr/^tenant wayne: removed, and its agent/m,
     '... and its agent stopped when it leaves');
is_deeply([open_ports()], [], '... and leaves nothing listening');

unlike(log_text('error.log'), qr/\[(?:crit|alert|emerg)\]/,
       'the error log has nothing that is worse than a refusal');


sub log_text
{
    my ($name) = @_;

    open my $in, '<', "build/demo/logs/$name" or return '[emerg] no log';
    local $/;
    return <$in>;
}


END {
    local $?;
    system('scripts/run stop') if defined $status && open_ports();
}


done_testing();
