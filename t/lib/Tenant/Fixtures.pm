package Tenant::Fixtures;

# What a suite needs to speak to the gateway as a tenant's user: tokens, keys
# and a registry.  One import for Tenant::Keys, Tenant::Token and this.

use strict;
use warnings;

use Exporter 'import';
use File::Basename ();
use File::Path ();
use JSON::PP ();

use Tenant::Keys qw(key jwk jwks sign);
use Tenant::Server qw(free_port);
use Tenant::Token qw(token bearer attack attacks);

our @EXPORT = qw(token bearer attack attacks key jwk jwks sign registry
                 fixture_dir write_fixture free_port);

my $Json = JSON::PP->new->utf8->canonical->pretty->indent_length(2);
my $Owner = $$;
my ($Dir, $Registries);

# Suites name it in configurations, and only one of the two runners sets it.
if (Test::Nginx::Socket->can('html_dir')) {
    $ENV{TEST_NGINX_HTML_DIR} //= Test::Nginx::Socket::html_dir();
}


# A directory of this process for generated files, outside the server root,
# which runners empty for each block.  Removed at the end unless
# TEST_NGINX_NO_CLEAN is set; also exported as $TEST_NGINX_FIXTURES.
sub fixture_dir
{
    return $Dir if $Dir;

    $Dir = Tenant::Server::build_dir() . '/t/'
           . File::Basename::basename($0, '.t') . ".$$.fixtures";
    File::Path::remove_tree($Dir);
    File::Path::make_path($Dir);
    $ENV{TEST_NGINX_FIXTURES} = $Dir;

    return $Dir;
}


# write_fixture($name, $bytes): the path of the file written.
sub write_fixture
{
    my ($name, $bytes) = @_;
    my $path = $name =~ m{^/} ? $name : fixture_dir() . "/$name";

    File::Path::make_path(File::Basename::dirname($path));
    open my $out, '>:raw', $path or die "$path: $!\n";
    print {$out} $bytes;
    close $out or die "$path: $!\n";

    return $path;
}


sub defaults
{
    my ($port) = @_;

    return {
        tiers => [
            { id => 'premium', model => 'silo' },
            { id => 'basic', model => 'pool' },
        ],
        tenants => [
            { id => 'acme', name => 'Acme', status => 'active',
              tier => 'premium', attributes => {},
              routes => { support => { model => 'silo',
                                       servers => ["127.0.0.1:$port"] } } },
            { id => 'globex', name => 'Globex', status => 'active',
              tier => 'basic', issuers => ['https://shared.idp.test'],
              routes => {}, attributes => {} },
            { id => 'initech', name => 'Initech', status => 'active',
              tier => 'basic', issuers => ['https://shared.idp.test'],
              routes => {}, attributes => {} },
        ],
        issuers => [
            { iss => 'https://acme.idp.test', tenant => 'acme',
              jwks_file => 'acme.jwks' },
            { iss => 'https://shared.idp.test',
              tenant_claim => 'custom:tenantId',
              jwks_file => 'shared.jwks' },
        ],
        agents => [
            { id => 'support', protocol => 'http' },
        ],
    };
}


# registry(%opt): writes a registry document and the key sets it names, by
# default that of two issuers and three tenants above.
#
#   port         of acme's silo, default a free one
#   tier, tenant, issuer, agent   {id => {member => value}} merged into the
#                object of that id (iss for issuers), which is added if new;
#                {id => undef} removes it, an undef member that member
#   tiers, tenants, issuers, agents   lists in place of the default ones
#   set          {member => value} at the top of the document
#   keys         {owner => [algorithms]} in the key set <owner>.jwks,
#                default rs256 and es256
#   jwks         {file => JSON text} in place of a generated key set
#   dir          where to write, default a new directory each call
#
# Returns {text, data, dir, path, port, jwks => {file => path}}.
sub registry
{
    my (%opt) = @_;
    my $port = $opt{port} // free_port();
    my $dir = $opt{dir} // fixture_dir() . '/registry.' . ++$Registries;
    my $data = defaults($port);

    for my $kind (qw(tier tenant issuer agent)) {
        my $list = "${kind}s";
        $data->{$list} = $opt{$list} if $opt{$list};
        $data->{$list} = merge($kind eq 'issuer' ? 'iss' : 'id',
                               $data->{$list}, $opt{$kind} // {});
    }

    %$data = (%$data, %{ $opt{set} // {} });

    my $text = $Json->encode($data);
    my %jwks = %{ $opt{jwks} // {} };

    for my $issuer (grep { defined $_->{jwks_file} } @{ $data->{issuers} }) {
        my $file = $issuer->{jwks_file};
        next if exists $jwks{$file};

        my ($owner) = $file =~ m{([A-Za-z0-9-]+)\.jwks$} or next;
        my $algorithms = $opt{keys}{$owner} // ['rs256', 'es256'];
        $jwks{$file} = jwks(map { "${owner}_$_" } @$algorithms);
    }

    my %paths = map { $_ => write_fixture(in_dir($dir, $_), $jwks{$_}) }
                    keys %jwks;

    return {
        text => $text, data => $data, dir => $dir, port => $port,
        path => write_fixture("$dir/registry.json", $text),
        jwks => \%paths,
    };
}


sub in_dir
{
    my ($dir, $file) = @_;

    return $file =~ m{^/} ? $file : "$dir/$file";
}


sub merge
{
    my ($id, $list, $changes) = @_;
    my %left = %$changes;
    my @out;

    for my $object (@$list) {
        my $name = $object->{$id};

        if (!exists $left{$name}) {
            push @out, $object;
            next;
        }

        my $change = delete $left{$name} // next;
        my %new = (%$object, %$change);
        delete @new{grep { !defined $change->{$_} } keys %$change};
        push @out, \%new;
    }

    for my $name (sort keys %left) {
        push @out, { $id => $name, %{ $left{$name} } } if $left{$name};
    }

    return \@out;
}


END {
    if ($Dir && $$ == $Owner && !$ENV{TEST_NGINX_NO_CLEAN}) {
        local ($?, $!);
        File::Path::remove_tree($Dir);
    }
}


1;
