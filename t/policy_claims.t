# Claims in policies: as attributes that the issuer's map names, and as tags;
# of every kind, nested, repeated, absent.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Iss = 'https://acme.idp.test';
my %Mapped = (
    department => 'department', level => 'custom:level',
    verified => 'email_verified', ratio => 'ratio', fine => 'fine',
    nothing => 'nothing', groups => 'groups', address => 'address',
    city => '/address/city', deep => 'deep', deeper => 'deeper',
    mixed => 'mixed', empty => 'empty', none => 'none', who => 'sub',
    app => 'client_id', from => 'iss', absent => 'not_there',
    unused => 'department',
);

my $Registry = registry(issuer => {
    $Iss => { claims => { roles => 'groups', attributes => \%Mapped } },
});


# Nested that many times.
sub nested
{
    my ($times) = @_;

    return $times ? [nested($times - 1)] : 1;
}


my %Claims = (
    department => 'hr', 'custom:level' => 7, email_verified => \1,
    ratio => 0.57, fine => 0.12345, nothing => undef,
    groups => ['staff', 'admin', 'staff', '', 'a "quoted" ü'],
    address => { city => 'Bern', zip => undef, lines => [{ n => 1 }, undef],
                 more => { a => [2, 'x', 2, { b => [] }], 'ü' => \0 } },
    deep => nested(8), deeper => nested(9), mixed => [{ a => 'b' }, undef],
    empty => '', none => [], pointer => 'department', hr => 1,
);

my %Token = (
    rich => token(sub => 'auth0|ü "1"', client_id => 'app-1',
                  scope => 'b  a b ', claims => \%Claims),
    poor => token(sub => 'poor'),
    many => token(sub => 'many',
                  scope => join(' ', map { "scope-$_" } 1 .. 40, 1 .. 40),
                  claims => { groups => [map { "role-$_" } 1 .. 40, 1 .. 40],
                              department => 'many' }),
    one => token(sub => 'same', client_id => 'same',
                 claims => { groups => 'a b', department => 'same' }),
);

my $Address = '{city: "Bern", more: {a: [2, "x", {b: []}], "ü": false}}';

# Whose request and what must hold.
my @attributes = (
    ['rich', 'principal.department == "hr" && principal.level == 7'],
    ['rich', 'principal.verified && principal.ratio == decimal("0.57")'],
    ['rich', '!(principal has fine) && !(principal has nothing)'],
    ['rich', 'principal.groups == ["", "a \"quoted\" ü", "admin", "staff"]'],
    ['rich', 'principal.roles == principal.groups'],
    ['rich', 'principal in Role::"staff" && principal in Role::"admin" && '
             . 'principal in Role::"" && principal in Role::"a \"quoted\" ü"'],
    ['rich', '!(principal in Role::"a")'],
    ['rich', "principal.address == $Address"],
    ['rich', 'principal.city == "Bern"'],
    ['rich', 'principal.deep == [[[[[[[[1]]]]]]]]'],
    ['rich', '!(principal has deeper) && !(principal has mixed)'],
    ['rich', 'principal.empty == "" && principal.none == []'],
    ['rich', "principal.from == \"$Iss\" && principal.iss == \"$Iss\""],
    ['rich', 'principal.who == "auth0|ü \"1\"" && '
             . 'principal.sub == principal.who'],
    ['rich', "principal == User::\"$Iss#auth0|ü \\\"1\\\"\""],
    ['rich', 'principal.app == "app-1" && principal.client_id == "app-1"'],
    ['rich', 'principal.scopes == ["a", "b"]'],
    ['rich', '!(principal has absent) && !(principal has other)'],

    ['poor', 'principal.scopes == [] && principal.roles == []'],
    ['poor', '!(principal has department) && !(principal has groups)'],
    ['poor', 'principal in Tenant::"acme" && principal in Tier::"premium"'],
    ['poor', 'principal.who == "poor" && !(principal has app)'],

    ['many', 'principal.scopes.containsAll(["scope-1", "scope-40"])'],
    ['many', '!principal.scopes.contains("scope-41")'],
    ['many', 'principal in Role::"role-1" && principal in Role::"role-40"'],
    ['many', '!(principal in Role::"role-41") && '
             . 'principal.roles == principal.groups'],
    ['many', 'principal in Tier::"premium" && principal.department == "many"'],

    ['one', 'principal in Role::"a" && principal in Role::"b"'],
    ['one', 'principal.roles == ["b", "a"] && principal.groups == "a b"'],
    ['one', 'principal.sub == principal.client_id && '
            . 'principal.department == principal.who'],
);

my @tags = (
    ['rich', 'principal.getTag("department") == principal.department'],
    ['rich', "principal.getTag(\"address\") == $Address"],
    ['rich', 'principal.getTag("custom:level") == 7'],
    ['rich', 'principal.getTag("groups") == principal.groups'],
    ['rich', '!principal.hasTag("fine") && !principal.hasTag("nothing") && '
             . '!principal.hasTag("mixed") && !principal.hasTag("deeper")'],
    ['rich', 'principal.getTag("deep") == principal.deep'],
    ['rich', 'principal.getTag("sub") == principal.sub && '
             . 'principal.getTag("iss") == principal.iss && '
             . 'principal.getTag("client_id") == "app-1"'],
    ['rich', 'principal.getTag("scope") == "b  a b "'],
    ['rich', 'principal.getTag("empty") == "" && '
             . 'principal.getTag("none") == []'],
    ['poor', '!principal.hasTag("department") && !principal.hasTag("deep")'],
    ['poor', 'principal.getTag("sub") == "poor"'],
    ['many', 'principal.getTag("groups").contains("role-40")'],
    ['one', 'principal.getTag("groups") == "a b"'],
);

my @computed = (
    ['rich', 'principal.getTag(principal.getTag("pointer")) == "hr"'],
    ['rich', 'principal.hasTag(principal.department)'],
    ['poor', '!principal.hasTag(principal.sub)'],
);


# Each condition a location; all in one configuration, whose policies decide
# together what a principal needs.
sub server
{
    my ($name, @conditions) = @_;
    my $locations = '';

    for my $i (0 .. $#conditions) {
        my $file = write_fixture("$name$i.cedar", utf8(
            "permit(principal, action, resource)\n"
            . "when { $conditions[$i][1] };\n"));

        $locations .= <<"EOF_LOCATION";
        location = /$i {
            tenant_auth on;
            tenant_policy_file $file;
            tenant_agent support;
            tenant_header X-Subject \$tenant_subject;
            proxy_pass http://127.0.0.1:%AGENT%/;
        }
EOF_LOCATION
    }

    my $agent = free_port();
    $locations =~ s/%AGENT%/$agent/g;

    my $server = Tenant::Server->new(
        http => <<"EOF_HTTP", server => $locations);
    tenant_registry $Registry->{path};

    server {
        listen 127.0.0.1:$agent;
        location / { return 200 \$http_x_subject; }
    }
EOF_HTTP

    $server->start or die $server->error_log;
    return $server;
}


sub utf8
{
    my ($text) = @_;

    utf8::encode($text);
    return $text;
}


sub holds
{
    my ($name, @conditions) = @_;
    my $server = server($name, @conditions);

    for my $i (0 .. $#conditions) {
        my ($who, $condition) = @{ $conditions[$i] };

        # new, and from the cache
        for my $time ('', ', again') {
            my $res = $server->request(
                GET => "/$i", Authorization => "Bearer $Token{$who}");

            is($res->status, 200, utf8("$name: $who: $condition$time"));
        }
    }

    is($server->error_log =~ s/^.*\[notice\].*\n//mgr, '',
       "$name: nothing is wrong in the log");
    $server->stop;
}


holds('attributes', @attributes);
holds('tags', @attributes, @tags);
holds('computed', @attributes, @tags, @computed);

done_testing();
