# tenant_provisioner: what it takes, and what is wrong with what it does not.

use strict;
use warnings;

use lib 't/lib';

use MIME::Base64 qw(encode_base64);
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Seed = registry();
my $Store = fixture_dir() . '/conf/registry.db';


# What the log of a start with the directive has to say, '' if it started
# without a warning.
sub complaint
{
    my ($directive, $registry) = @_;
    my $server = Tenant::Server->new(
        workers => 1,
        http => join "\n", $directive,
                     $registry // "tenant_registry $Store seed=$Seed->{path};");
    my $started = $server->start;
    my ($line) = $server->error_log
                 =~ /\[(?:warn|emerg)\] \d+#\d+: (.*?)(?: in \/|$)/m;

    if ($started) {
        $server->quit;
        push @main::faults, $server->faults;
    }

    $server->remove;
    return ($started ? '' : 'refused: ') . ($line // '');
}


sub secret
{
    my ($name, @lines) = @_;

    return write_fixture($name, join '', map { "$_\n" } @lines);
}


sub whsec { return 'whsec_' . encode_base64('k' x $_[0], '') }


my $url = 'http://127.0.0.1:1/events';
my $good = secret('good.secret', whsec(24));

is(complaint("tenant_provisioner $url;"), '', 'a URL is enough');
is(complaint("tenant_provisioner $_;"), '', "$_ is taken") for
    "$url secret=$good timeout=30s events=all",
    "$url events=onboarding", 'https://provisioner.example.com/',
    'http://[::1]:1/', 'http://localhost/';

is(complaint("tenant_provisioner http://provisioner.example.com/;"),
   'tenant_provisioner: events go to "http://provisioner.example.com/" '
   . 'without TLS', 'events that leave the machine in clear are warned of');
is(complaint("tenant_provisioner http://127.0.0.1.example.com/;"),
   'tenant_provisioner: events go to "http://127.0.0.1.example.com/" '
   . 'without TLS', '... whatever the name begins with');

is(complaint("tenant_provisioner $url; tenant_provisioner $url;"),
   'refused: "tenant_provisioner" directive is duplicate',
   'there is one provisioner');
is(complaint("tenant_provisioner ftp://127.0.0.1/;"),
   'refused: tenant_provisioner: "ftp://127.0.0.1/" is no http or https URL',
   'another scheme is refused');
is(complaint("tenant_provisioner http://a:b\@127.0.0.1/;"),
   'refused: tenant_provisioner: "http://a:b@127.0.0.1/" has a space, a '
   . 'fragment or a user in it', 'a password in the URL is refused');

for my $bad ('timeout=', 'timeout=0', 'timeout=99ms', 'timeout=61s',
             'timeout=x', 'events=none', 'secret=', 'retry=5')
{
    is(complaint("tenant_provisioner $url $bad;"),
       qq{refused: tenant_provisioner: invalid parameter "$bad"},
       "$bad is refused");
}

is(complaint("tenant_provisioner $url secret=$good secret=$good;"),
   'refused: "tenant_provisioner" directive has more than one "secret"',
   'two files of secrets are refused');
like(complaint("tenant_provisioner $url secret=/nonexistent;"),
     qr{^refused: tenant_provisioner: cannot open "/nonexistent"},
     'a file that is not there is refused');

my %bad = (
    'an empty one' => ['no secret', ''],
    'one that is no base64' => ['a secret that is no base64',
                                'whsec_*' . 'A' x 40],
    'one with nothing behind the prefix' => ['a secret that is no base64',
                                             'whsec_'],
    'one whose second is broken' => ['a secret that is no base64', whsec(24),
                                     'whsec_*'],
    'one with too many' => ['more than four secrets',
                            map { whsec($_) } 24 .. 28],
);

for my $what (sort keys %bad) {
    my ($why, @lines) = @{ $bad{$what} };
    my $file = secret('bad.secret', @lines);

    is(complaint("tenant_provisioner $url secret=$file;"),
       qq{refused: tenant_provisioner: "$file" has $why},
       "of files with secrets $what is refused");
}

is(complaint("tenant_provisioner $url secret="
             . secret('text.secret', 'a text', whsec(32)) . ';'), '',
   'a secret may be text, and there may be two');

my $needs = 'refused: tenant_provisioner needs a "tenant_registry" that is a '
            . 'database';
is(complaint("tenant_provisioner $url;", ''), $needs,
   'without a registry there is nothing to tell');
is(complaint("tenant_provisioner $url;",
             "tenant_registry $Seed->{path};"), $needs,
   '... nor with a document');

is_deeply(\@main::faults, [], 'no sanitizer has found anything');

done_testing();
