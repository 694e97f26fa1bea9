# The documentation and the source name the same things, and what the
# documentation shows works.

use strict;
use warnings;

use lib 't/lib';

use Cwd ();
use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Root = Tenant::Server::project_root();
my @Pages = map { s{^\Q$Root\E/}{}r }
                "$Root/README.md", glob("$Root/docs/*.md");
my $Source = join "\n", map { slurp($_) }
    glob("$Root/ngx_tenant_module/*.c $Root/ngx_tenant_module/*/*.c");


sub slurp
{
    my ($path) = @_;

    $path = "$Root/$path" unless $path =~ m{^/};
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}


# The strings of a table of the source: names of members, reasons, keys.
sub table
{
    my ($name) = @_;
    my ($body) = $Source =~ /\b\Q$name\E\[\]\s*=\s*\{(.*?)\};/s
        or die "no table $name in the source\n";

    return $body =~ /"([^"]*)"/g;
}


# What stands in backquotes at the start of the rows of a page's tables;
# with a heading, only those below it.  One row may name several.
sub rows
{
    my ($page, $heading) = @_;
    my $text = slurp($page);

    if (defined $heading) {
        ($text) = $text =~ /^##+ \Q$heading\E\n(.*?)(?=^##? |\z)/ms
            or die "$page has no $heading\n";
    }

    return map { /`([^`]+)`/g } $text =~ /^\| (`[^|]*?) \|/mg;
}


# The fenced blocks of a page in a language, '' for none.
sub blocks
{
    my ($page, $language) = @_;

    return slurp($page) =~ /^```\Q$language\E\n(.*?)^```$/msg;
}


sub same
{
    my ($documented, $existing, $what) = @_;
    my %doc = map { $_ => 1 } @$documented;
    my %src = map { $_ => 1 } @$existing;

    cmp_ok(scalar keys %src, '>', 0, "$what: found in the source");
    is_deeply([grep { !$doc{$_} } sort keys %src], [],
              "$what: all that exist are documented");
    is_deeply([grep { !$src{$_} } sort keys %doc], [],
              "$what: all that are documented exist");
}


# Directives

my %Directive;      # name => contexts, in the order of the documentation

while ($Source =~ /\{\s*ngx_string\("(tenant_\w+)"\),\s*
                   ((?:NGX_\w+(?:\s*\|\s*)?)+),/xg)
{
    my ($name, $flags) = ($1, $2);

    $Directive{$name} = join ', ', map { $flags =~ /NGX_HTTP_$_->[0]_CONF/
                                         ? $_->[1] : () }
        ['MAIN', 'http'], ['UPS', 'upstream'], ['SRV', 'server'],
        ['LOC', 'location'];
}

my %Documented = slurp('docs/directives.md')
                 =~ /^### (tenant_\w+)\n(.*?)(?=^##|\z)/msg;

same([keys %Documented], [keys %Directive], 'directives');

for my $name (sort keys %Documented) {
    my $text = $Documented{$name};
    my ($syntax) = $text =~ /^- Syntax: (.*?;)$/ms;
    my ($default) = $text =~ /^- Default: (.*)$/m;
    my ($context) = $text =~ /^- Context: (.*)$/m;

    like($syntax // '', qr/^\*\*\Q$name\E\*\*(?: |;)/,
         "$name has its syntax");
    like($default // '', qr/^(?:—|\Q$name\E .+;)$/,
         "$name has its default");
    is($context, $Directive{$name}, "$name has its contexts");
    cmp_ok(length($text =~ s/^- .*\n//mgr), '>', 20,
           "$name says what it does");
}


# Variables

my @Variables = $Source =~ /\{\s*ngx_string\("(tenant_\w+)"\),\s*NULL,/g;
my @DocumentedVariables =
    slurp('docs/variables.md') =~ /^(?:- `|### )\$(tenant_\w+)/mg;

same(\@DocumentedVariables, \@Variables, 'variables');


# Metrics

{
    my @types = $Source =~ /# TYPE (tenant_\w+ \w+)/g;
    my @documented =
        map { join ' ', @$_ }
        map { [/^\| `(tenant_\w+)` \| (\w+) \|/] }
        grep { /^\| `tenant_/ } split /\n/, slurp('docs/metrics.md');

    same(\@documented, \@types, 'metrics with their types');
}


# Reasons

same([grep { !/^[A-Z]/ } rows('docs/operations.md', 'Refusals')],
     [grep { $_ ne 'none' } table('ngx_http_tenant_reasons')], 'reasons');


# The registry

for my $kind (qw(tier agent tenant issuer price revocation)) {
    same([rows('docs/registry.md', "${kind}s")],
         [table("ngx_http_tenant_${kind}_members")], "members of ${kind}s");
}

{
    my $text = slurp('docs/registry.md');
    my @lists = map { /"(\w+)"/ }
                    (blocks('docs/registry.md', 'json'))[0] =~ /^  "\w+":/mg;

    same(\@lists, [table('ngx_http_tenant_document_members')],
         'members of the document');

    for my $kind (qw(route server)) {
        same([rows('docs/registry.md', "${kind}s")],
             [table("ngx_http_tenant_${kind}_members")],
             "members of ${kind}s");
    }

    same([rows('docs/registry.md', 'Introspection')],
         [table('ngx_http_tenant_introspection_members')],
         'members of introspections');

    for my $table (qw(models route_models statuses protocols client_auths)) {
        like($text, qr/`$_`/, "$_ of the $table is documented")
            for table("ngx_http_tenant_$table");
    }

    # operators and claims of the rules
    my $rules = slurp('ngx_tenant_module/identity/tenant_rules.c');
    my ($operators) = $rules =~ /\{\s*("equals",.*?)\s*\}/s;
    my @claims = $rules =~ /strcmp\(name, "(\w+)"\) == 0/g;

    like($text, qr/`$_`/, "the operator $_ is documented")
        for ($operators // die "no operators\n") =~ /"(\w+)"/g;
    like($text, qr/`$_`/, "$_ of the claims is documented")
        for grep { $_ ne 'claim' } @claims;
}


# What policies see

{
    my $text = slurp('docs/policy.md');

    same([rows('docs/policy.md', 'Context')],
         [table('ngx_http_tenant_context_keys')], 'keys of the context');

    my @attributes = (table('ngx_http_tenant_user_attrs'),
                      $Source =~ /ngx_http_tenant_entity_string\(
                                  &build,\s*"(\w+)"/xg);

    cmp_ok(scalar @attributes, '>', 10, 'attributes are found in the source');
    like($text, qr/`$_`/, "the attribute $_ is documented") for @attributes;
    like($text, qr/Action::"$_"/, "the action $_ is documented")
        for $Source =~ /ngx_str_set\(&ctx->action, "(\w+)"\)/g;
}


# Names and links on every page

my %Known = map { $_ => 1 } keys %Directive, @Variables,
                $Source =~ /# TYPE (tenant_\w+) /g;

for my $page (@Pages) {
    my $text = slurp($page);
    my @unknown = grep { !$Known{$_} && !/^tenant_claim_/ }
                  map { s/_(?:bucket|sum|count)$//r }
                  grep { $_ ne 'tenant_claim' }     # of the registry
                  $text =~ /(?<![\w\/.])\$?(tenant_[a-z_]+[a-z])\b(?![\/.])/g;

    is_deeply(\@unknown, [], "$page: every tenant_ name exists");

    my ($dir) = $page =~ m{^(.*/)?};
    $dir //= '';

    for my $link ($text =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ /^[a-z]+:/;
        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
        my $target = $file eq '' ? $page : "$dir$file";

        ok(-e "$Root/$target", "$page: $link is there") or next;
        next unless defined $anchor;

        my %anchors = map { lc(s/[^\w\s-]//gr =~ tr/ /-/r) => 1 }
                          slurp($target) =~ /^#+ (.+)$/mg;
        ok($anchors{$anchor}, "$page: $link has its heading");
    }
}


# Snippets.  A directory as the README describes it, with the registry and
# the policy that stand there.

my $Prefix = fixture_dir() . '/prefix';
my ($Policy) = grep { /^permit/ } blocks('README.md', '');

write_fixture("$Prefix/logs/.keep", '');
write_fixture("$Prefix/policies/readme.cedar", $Policy);
mkdir "$Prefix/modules" or die "$Prefix/modules: $!\n";
symlink Cwd::abs_path((split ' ', $ENV{TEST_NGINX_LOAD_MODULES})[0]),
        "$Prefix/modules/ngx_http_tenant_module.so" or die "symlink: $!\n";


# What nginx -t says of a configuration, '' if nothing is wrong with it.
sub check
{
    my ($conf, $registry) = @_;
    my $temp = Tenant::Server->new->temp_paths('')
               =~ s/%PREFIX%/$Prefix/gr;

    $conf =~ s/^http \{\n/http {\n$temp\n/m;
    write_fixture("$Prefix/tmp/.keep", '');
    write_fixture("$Prefix/nginx.conf", $conf);
    write_fixture("$Prefix/registry.json", $registry);
    write_fixture("$Prefix/$_", jwks('acme_rs256'))
        for $registry =~ /"jwks_file":\s*"([^"]+)"/g;

    local $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD}
        if $ENV{TEST_NGINX_PRELOAD};
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0';
    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $said = qx($nginx -t -p $Prefix/ -c $Prefix/nginx.conf 2>&1);

    return $? == 0 && $said !~ /\[(?:warn|emerg)\]/ ? '' : $said || "$?";
}


my @Registries = map { my $page = $_; map { [$page, $_] }
                       grep { /"tiers"/ } blocks($page, 'json') } @Pages;
my @Complete = map { my $page = $_; map { [$page, $_] }
                     grep { /^# complete\n/ } blocks($page, 'nginx') } @Pages;
my ($Readme) = map { $_->[1] } grep { $_->[0] eq 'README.md' } @Registries;

cmp_ok(scalar @Complete, '>', 0, 'there is a complete configuration');
is(check($_->[1], $Readme), '', "$_->[0]: its configuration loads")
    for @Complete;

isnt(check('nothing;', $Readme), '', 'what would not load is noticed');

for my $registry (@Registries) {
    my ($page, $text) = @$registry;

    is(check(<<"EOF_CONF", $text), '', "$page: its registry loads");
load_module modules/ngx_http_tenant_module.so;
events {}
http {
    tenant_registry registry.json;
}
EOF_CONF
}

for my $page (@Pages) {
    for my $block (blocks($page, 'json')) {
        next if $block =~ /"tiers"/;
        ok(eval { JSON::PP->new->decode($block); 1 }, "$page: JSON is JSON")
            or diag($block);
    }

    for my $block (blocks($page, 'nginx')) {
        my @words = $block =~ /^\s*(tenant_\w+)/mg;
        is_deeply([grep { !$Directive{$_} } @words], [],
                  "$page: a snippet's directives exist");
    }
}

done_testing();
