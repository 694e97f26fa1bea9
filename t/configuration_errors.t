# What is wrong in nginx.conf stops nginx at the start, and names the place
# or the value.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Registry = registry()->{path};
my $Dir = fixture_dir();
my @faults;

write_fixture('open.cedar', 'permit(principal, action, resource);');
write_fixture('empty.cedar', '');
write_fixture('syntax.cedar', <<'EOF_CEDAR');
permit(principal, action, resource);
forbid(principal, action, resource)
when { principal.level < };
EOF_CEDAR
write_fixture('twice.cedar', <<'EOF_CEDAR');
@id("same") permit(principal, action, resource);
@id("same") forbid(principal, action, resource);
EOF_CEDAR
write_fixture('latin1.cedar', "// caf\xe9\npermit(principal,action,resource);");
truncate write_fixture('large.cedar', ''), 16 * 1024 * 1024 + 1;

my $Use = "tenant_registry $Registry; tenant_policy_file $Dir/open.cedar;";
my $On = 'tenant_auth on; tenant_agent support;';


# Where nginx was told to start and did not: its complaint, else ''.
sub complaint
{
    my (%conf) = @_;
    my ($started, $log) = start(%conf);

    return $started ? '' : $log;
}


sub start
{
    my (%conf) = @_;
    my $server = Tenant::Server->new(%conf, may_fail => 1);
    my $started = $server->start;
    my $log = $server->error_log . $server->log_text('stderr.log');

    $server->quit if $server->pid;
    push @faults, $server->faults;
    $server->remove;
    return ($started, $log);
}


sub location { return "location /t { $_[0] }" }
sub upstream { return "upstream agents { $_[0] }" }


# [title, http block, server block, message]
my @refused = (
    ['tenant_registry twice', "$Use tenant_registry $Registry;", '',
     '"tenant_registry" directive is duplicate'],
    ['tenant_registry in a server', '', "tenant_registry $Registry;",
     '"tenant_registry" directive is not allowed here'],
    ['tenant_registry without path', 'tenant_registry;', '',
     'invalid number of arguments in "tenant_registry" directive'],

    ['tenant_zone twice', "$Use tenant_zone 1m; tenant_zone 2m;", '',
     '"tenant_zone" directive is duplicate'],
    ['tenant_zone of no size', "$Use tenant_zone big;", '',
     '"tenant_zone" directive invalid value'],
    ['tenant_zone that is too small', "$Use tenant_zone 16k;", '',
     'tenant_zone of 16384 bytes is too small'],
    ['tenant_zone in a server', $Use, 'tenant_zone 1m;',
     '"tenant_zone" directive is not allowed here'],

    ['tenant_token_cache twice',
     "$Use tenant_token_cache 1m; tenant_token_cache 1m;", '',
     '"tenant_token_cache" directive is duplicate'],
    ['tenant_token_cache of no size', "$Use tenant_token_cache -1;", '',
     '"tenant_token_cache" directive invalid value'],

    ['tenant_fetch_allow of no address', "$Use tenant_fetch_allow 10.0.0.0/8 a;",
     '', 'tenant_fetch_allow: invalid address "a"'],
    ['tenant_fetch_allow of a prefix that is too long',
     "$Use tenant_fetch_allow 10.0.0.0/33;", '',
     'tenant_fetch_allow: invalid address "10.0.0.0/33"'],
    ['tenant_fetch_allow of nothing', "$Use tenant_fetch_allow;", '',
     'invalid number of arguments in "tenant_fetch_allow" directive'],

    ['tenant_auth with a value nobody knows', $Use,
     location('tenant_auth yes;'), 'invalid value "yes"'],
    ['tenant_auth twice', $Use, location("$On tenant_auth on;"),
     '"tenant_auth" directive is duplicate'],
    ['tenant_auth without registry', '',
     location('tenant_auth on; tenant_policy off;'),
     'tenant_auth needs "tenant_registry"'],
    ['tenant_auth without policies', "tenant_registry $Registry;",
     location($On), 'tenant_auth without policies in location "/t": needs '
     . '"tenant_policy_file" or "tenant_policy off"'],
    ['tenant_auth optional without policies', "tenant_registry $Registry;",
     location('tenant_auth optional; tenant_agent support;'),
     'tenant_auth without policies in location "/t"'],
    ['tenant_auth inherited without policies',
     "tenant_registry $Registry; tenant_auth on; tenant_agent support;",
     location(''), 'tenant_auth without policies in location "/t"'],
    ['tenant_auth with policies but no agent', $Use,
     location('tenant_auth on;'), 'tenant_auth with policies in location '
     . '"/t" needs "tenant_agent"'],
    ['shadow mode without policies', "tenant_registry $Registry;",
     location("$On tenant_policy shadow;"),
     'tenant_auth without policies in location "/t"'],

    ['tenant_realm with a quote', $Use,
     location("$On tenant_realm 'a\"b';"),
     'tenant_realm: "a"b" has a quote in it'],
    ['tenant_realm with a backslash', $Use,
     location(qq{$On tenant_realm 'a\\\\b';}),
     'tenant_realm: "a\b" has a backslash in it'],
    ['tenant_realm with a line break', $Use,
     location(qq{$On tenant_realm 'a\\nb';}),
     qq{tenant_realm: "a\nb" has a control character in it}],
    ['tenant_realm with a DEL', $Use,
     location("$On tenant_realm 'a\x7f';"),
     qq{tenant_realm: "a\x7f" has a control character in it}],
    ['tenant_realm twice', $Use,
     location("$On tenant_realm a; tenant_realm b;"),
     '"tenant_realm" directive is duplicate'],

    ['tenant_agent that the registry does not have', $Use,
     location('tenant_auth on; tenant_agent nobody;'),
     'tenant_agent: the registry has no agent "nobody"'],
    ['tenant_agent with a variable that is not there', $Use,
     location('tenant_auth on; tenant_agent $nothing;'),
     'unknown "nothing" variable'],
    ['tenant_agent twice', $Use,
     location("$On tenant_agent support;"),
     '"tenant_agent" directive is duplicate'],
    ['tenant_action twice', $Use,
     location("$On tenant_action a; tenant_action b;"),
     '"tenant_action" directive is duplicate'],

    ['tenant_policy with a value nobody knows', $Use,
     location("$On tenant_policy on;"), 'invalid value "on"'],
    ['tenant_policy twice', $Use,
     location("$On tenant_policy off; tenant_policy off;"),
     '"tenant_policy" directive is duplicate'],

    ['a policy file that is not there', "$Use tenant_policy_file no.cedar;",
     '', qr{tenant_policy_file: cannot open "/.*/no\.cedar" \(2: No such}],
    ['a directory as policy file', "$Use tenant_policy_file $Dir;", '',
     "tenant_policy_file: \"$Dir\" is not a file"],
    ['a pattern that matches nothing',
     "$Use tenant_policy_file $Dir/*.policy;", '',
     "tenant_policy_file: no file matches \"$Dir/*.policy\""],
    ['a policy with a syntax error',
     "$Use tenant_policy_file $Dir/syntax.cedar;", '',
     "tenant_policy_file: $Dir/syntax.cedar:3:26: "],
    ['... in a file of a pattern',
     "$Use tenant_policy_file $Dir/synta?.cedar;", '',
     "tenant_policy_file: $Dir/syntax.cedar:3:26: "],
    ['... in a location', $Use,
     location("$On tenant_policy_file $Dir/syntax.cedar;"),
     "tenant_policy_file: $Dir/syntax.cedar:3:26: "],
    ['... where nothing uses it',
     "$Use", location("tenant_policy_file $Dir/syntax.cedar;"),
     "tenant_policy_file: $Dir/syntax.cedar:3:26: "],
    ['a policy id twice', "$Use tenant_policy_file $Dir/twice.cedar;", '',
     qr{tenant_policy_file: \Q$Dir\E/twice\.cedar:2:\d+: .*same}],
    ['a policy file twice', "$Use tenant_policy_file $Dir/twice.cedar;", '',
     qr{tenant_policy_file: \Q$Dir\E/twice\.cedar:2:\d+: }],
    ['a policy file that is no UTF-8',
     "$Use tenant_policy_file $Dir/latin1.cedar;", '',
     "tenant_policy_file: $Dir/latin1.cedar:1:7: "],
    ['a policy file above the limit',
     "$Use tenant_policy_file $Dir/large.cedar;", '',
     "tenant_policy_file: \"$Dir/large.cedar\" is larger than 16777216 "
     . 'bytes'],

    ['a decision log with a word nobody knows',
     "$Use tenant_decision_log logs/d.log denied;", '',
     'tenant_decision_log: invalid parameter "denied"'],
    ['a decision log with a small buffer',
     "$Use tenant_decision_log logs/d.log buffer=4k;", '',
     'tenant_decision_log: invalid parameter "buffer=4k"'],
    ['a decision log with a buffer of no size',
     "$Use tenant_decision_log logs/d.log buffer=;", '',
     'tenant_decision_log: invalid parameter "buffer="'],
    ['a decision log that is never written',
     "$Use tenant_decision_log logs/d.log flush=0;", '',
     'tenant_decision_log: invalid parameter "flush=0"'],
    ['a decision log with a time that is none',
     "$Use tenant_decision_log logs/d.log flush=soon;", '',
     'tenant_decision_log: invalid parameter "flush=soon"'],
    ['a decision log off, with parameters',
     "$Use tenant_decision_log off deny;", '',
     '"tenant_decision_log" directive has parameters for off'],
    ['a decision log twice',
     "$Use tenant_decision_log logs/d.log; tenant_decision_log off;", '',
     '"tenant_decision_log" directive is duplicate'],
    ['... also when it was off first',
     "$Use tenant_decision_log off; tenant_decision_log logs/d.log;", '',
     '"tenant_decision_log" directive is duplicate'],
    ['one decision log with two sets of parameters',
     "$Use tenant_decision_log logs/d.log;",
     location("$On tenant_decision_log logs/d.log deny;"),
     'tenant_decision_log: "logs/d.log" was given other parameters before'],
    ['a decision log in the file of a buffered access log',
     "$Use access_log logs/d.log combined buffer=32k;"
     . 'tenant_decision_log logs/d.log;', '',
     'tenant_decision_log: "logs/d.log" is another log\'s file'],
    ['a decision log in a directory that is not there',
     "$Use tenant_decision_log $Dir/none/d.log;", '',
     qr{open\(\) "\Q$Dir\E/none/d\.log" failed}],

    ['tenant_headers with a set nobody knows', $Use,
     location("$On tenant_headers all;"), 'invalid value "all"'],
    ['tenant_headers twice', $Use,
     location("$On tenant_headers none; tenant_headers none;"),
     '"tenant_headers" directive is duplicate'],
    ['tenant_header without value', $Use,
     location("$On tenant_header X-A;"),
     'invalid number of arguments in "tenant_header" directive'],
    (map { ["tenant_header with the name '$_'", $Use,
            location("$On tenant_header '$_' v;"),
            "tenant_header: invalid name \"$_\": only letters, digits "
            . 'and "-"'] } '', 'X_Tenant', 'X Tenant', 'X-Tenant:', 'X-é'),
    (map { ["tenant_header for $_", $Use,
            location("$On tenant_header $_ v;"),
            "tenant_header: \"$_\" is nginx's own to set"] }
         qw(Host connection Content-Length TE transfer-encoding Upgrade)),

    ['tenant_route with a word nobody knows',
     upstream('tenant_route keepalive; server 127.0.0.1:1;'), '',
     'tenant_route: invalid parameter "keepalive"'],
    ['tenant_route twice',
     upstream('tenant_route; tenant_route; server 127.0.0.1:1;'), '',
     '"tenant_route" directive is duplicate'],
    ['tenant_route in a location', '', location('tenant_route;'),
     '"tenant_route" directive is not allowed here'],
    (map { ["tenant_route before $_",
            upstream("tenant_route; $_; server 127.0.0.1:1;"), '',
            '"tenant_route" is overridden by another balancing method in '
            . 'upstream "agents" in '] }
         'least_conn', 'ip_hash', 'hash $uri', 'random'),

    ['tenant_metrics in a server', $Use, 'tenant_metrics;',
     '"tenant_metrics" directive is not allowed here'],
    ['tenant_metrics with a value', $Use, location('tenant_metrics on;'),
     'invalid number of arguments in "tenant_metrics" directive'],
    ['tenant_metrics twice', $Use,
     location('tenant_metrics; tenant_metrics;'),
     '"tenant_metrics" directive is duplicate'],
    ['tenant_metrics without registry', '', location('tenant_metrics;'),
     'tenant_metrics needs "tenant_registry"'],
);

# from 1.29.7 keepalive finds its own place
push @refused, ['tenant_route after keepalive',
    upstream('server 127.0.0.1:1; keepalive 4; tenant_route;'), '',
    '"tenant_route" directive must come before "keepalive"']
    if Tenant::Server::nginx_version_text($ENV{TEST_NGINX_BINARY} || 'nginx')
       =~ m{nginx/1\.(\d+)} && $1 < 29;

for my $case (@refused) {
    my ($title, $http, $server, $message) = @$case;

    like(complaint(http => $http, server => $server),
         ref $message ? qr/\[emerg\].*$message/ : qr/\[emerg\].*\Q$message\E/,
         "$title is refused");
}


# [title, http block, server block]
my @accepted = (
    ['nothing of the module', '', ''],
    ['a registry that nothing uses', "tenant_registry $Registry;", ''],
    ['a path beside nginx.conf', $Use, location($On)],
    ['policies off in place of policies', "tenant_registry $Registry;",
     location('tenant_auth on; tenant_policy off;')],
    ['tenant_auth off beneath tenant_auth on',
     "tenant_registry $Registry; tenant_auth on;",
     location('tenant_auth off;') . 'location / { tenant_auth off; }'],
    ['a decision log shared by two levels',
     "$Use tenant_decision_log logs/d.log deny buffer=16k flush=2s;",
     location("$On tenant_decision_log logs/d.log deny buffer=16k "
              . 'flush=2s;')],
    ['a file named twice by patterns of two levels',
     "$Use", location("$On tenant_policy_file $Dir/open*;")],
    ['tenant_route after a method and before keepalive',
     $Use . upstream('least_conn; tenant_route keepalive=shared; '
                     . 'server 127.0.0.1:1; keepalive 4;'), ''],
    ['tenant_route in an upstream with a zone',
     $Use . upstream('zone agents 64k; tenant_route keepalive=tenant; '
                     . 'server 127.0.0.1:1; keepalive 4;'), ''],
);

for my $case (@accepted) {
    my ($title, $http, $server) = @$case;

    is(complaint(http => $http, server => $server), '',
       "$title is accepted");
}

{
    my ($started, $log) = start(
        http => "tenant_registry $Registry; "
                . "tenant_policy_file $Dir/empty.cedar;");

    ok($started, 'a policy file without policies is accepted');
    like($log, qr/\[warn\].*empty\.cedar": no policy in it, everything is/,
         '... with a warning');
}

is_deeply(\@faults, [], 'no sanitizer has found anything');

done_testing();
