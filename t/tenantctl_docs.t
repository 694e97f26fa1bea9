# What docs/tenantctl.md shows works, as it is written there.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Dir = fixture_dir();
my $Api = free_port();
my $Root = Tenant::Server::project_root();

# what the page has nobody make: the issuer of whom it revokes; and its
# tenant is a new one
my $Registry = registry(
    tenant => { acme => undef },
    issuer => { 'https://acme.idp.test' => undef,
                'https://login.example.com' => { tenant_claim => 't',
                                                 jwks_file => 'shared.jwks' }
    });

my $Server = Tenant::Server->new(
    workers => 1,
    http => <<"CONF");
tenant_registry $Dir/docs/registry.db seed=$Registry->{path};

server {
    listen 127.0.0.1:$Api;
    location / { tenant_api; }
}
CONF

$Server->start or die $Server->error_log;


sub slurp
{
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}


# The commands of the page, each with the lines that it goes on in.
my ($block) = slurp("$Root/docs/tenantctl.md") =~ /^```\n(.*?)^```/ms;
my @commands = ($block // '') =~ /^((?:.*\\\n)*.*\S.*)\n/mg;

cmp_ok(scalar(grep { /^tenantctl / } @commands), '>', 6,
       'the page has commands');

mkdir "$Dir/bin";
symlink "$Root/scripts/tenantctl", "$Dir/bin/tenantctl" or die "symlink: $!\n";
$ENV{PATH} = "$Dir/bin:$ENV{PATH}";
delete @ENV{qw(TENANTCTL_API TENANTCTL_TOKEN)};

# what a command says => what shows that it was done
my %Says = (
    onboard => qr/^tenant acme: active$/,
    list => qr/^ID +STATUS/,
    status => qr/^tenant +acme\n/,
    set => qr/^tenant acme is set$/,
    suspend => qr/^tenant acme is suspended$/,
    activate => qr/^tenant acme is active$/,
    revoke => qr/^revoked: sub:/,
    offboard => qr/^tenant acme is removed$/,
);

my $before = '';

for my $command (@commands) {

    # where it listens here; and nobody waits for ten minutes
    $command =~ s/127\.0\.0\.1:8081/127.0.0.1:$Api/g;
    $command =~ s/--deadline 10m --wait=900/--deadline 0 --wait=20/;

    if ($command =~ /^export /) {
        $before .= "$command\n";
        next;
    }

    my ($name) = $command =~ /^tenantctl (\w+)/;

    write_fixture("$Dir/command", "$before$command\n");
    my $said = qx(sh -e $Dir/command 2>&1 < /dev/null);

    is($?, 0, $command);
    like($said, $Says{$name // ''} // qr/\A\z/, '... which is done');
}

like($before, qr/^export TENANTCTL_API=/, 'where the API is is said first');

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;

done_testing();
