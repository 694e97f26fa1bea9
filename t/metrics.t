# The exposition: what Prometheus' text format 0.0.4 asks for, and counters
# that are what happened.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Policy = write_fixture('policy.cedar', <<'EOF_CEDAR');
permit(principal, action, resource);
forbid(principal, action, resource)
when { context.path like "*secret*" };
forbid(principal, action, resource)
when { context.path like "*careless*" && principal.clearance < 3 };
EOF_CEDAR

my $Agent = free_port();
my $Many = 200;


sub server
{
    my (%opt) = @_;
    my $zone = $opt{zone} ? "tenant_zone $opt{zone};" : '';

    return Tenant::Server->new(
        http => <<"EOF_HTTP",
    tenant_registry $opt{registry}{path};
    tenant_policy_file $Policy;
    $zone

    server {
        listen 127.0.0.1:$Agent;
        location / { return 200 ok; }
        location /fail { return 500 fail; }
    }
EOF_HTTP
        server => <<"EOF_SERVER");
        location = /metrics { tenant_metrics; }
        location = /closed { deny all; tenant_metrics; }

        location /agent/ {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://127.0.0.1:$Agent/;
        }
        location /shadow/ {
            tenant_auth on;
            tenant_policy shadow;
            tenant_agent support;
            proxy_pass http://127.0.0.1:$Agent/;
        }
        location /unknown/ {
            tenant_auth on;
            tenant_agent \$arg_agent;
            proxy_pass http://127.0.0.1:$Agent/;
        }
EOF_SERVER
}


# The samples of an exposition, {name{labels} => value}; every line that the
# format does not allow, or allows elsewhere, is a failure.
sub samples
{
    my ($text) = @_;
    my (%sample, %type, %help, %done, $family, @wrong);
    my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
    my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/;

    push @wrong, 'no line end at the end' unless $text =~ /\n\z/;

    for my $line (split /\n/, $text, -1) {
        next if $line eq '';

        if ($line =~ /^# HELP ($name) \S.*$/) {
            push @wrong, "HELP of $1 twice" if $help{$1}++;
            $done{$family} = 1 if defined $family;
            $family = $1;
            next;
        }

        if ($line =~ /^# TYPE ($name) (counter|histogram|gauge)$/) {
            push @wrong, "TYPE of $1 twice" if $type{$1};
            push @wrong, "TYPE of $1 without its HELP before"
                unless ($family // '') eq $1;
            $type{$1} = $2;
            next;
        }

        if ($line !~ /^($name)(?:\{($label(?:,$label)*)\})?
                       \ (\d+(?:\.\d+)?)$/x)
        {
            push @wrong, "neither comment nor sample: $line";
            next;
        }

        my ($n, $labels, $value) = ($1, $2 // '', $3);
        my $base = $n;
        $base =~ s/_(?:bucket|sum|count)$//
            if ($type{$family // ''} // '') eq 'histogram';

        push @wrong, "$n outside of its family"
            unless $base eq ($family // '') && $type{$base};
        push @wrong, "$n again after other families" if $done{$base};
        push @wrong, "$n\{$labels\} twice" if exists $sample{"$n\{$labels\}"};
        push @wrong, "counter $n without _total"
            if $type{$base} && $type{$base} eq 'counter' && $n !~ /_total$/;
        $sample{"$n\{$labels\}"} = $value;
    }

    push @wrong, histograms(\%sample);
    is_deeply(\@wrong, [], 'the exposition keeps to the format');
    return \%sample;
}


# Buckets rise, end in +Inf, and agree with the count.
sub histograms
{
    my ($sample) = @_;
    my (%bucket, @wrong);

    for my $key (keys %$sample) {
        my ($n, $rest, $le) = $key =~ /^(\w+)_bucket\{(.*?),?le="([^"]*)"\}$/
            or next;
        $bucket{"$n $rest"}{$le} = $sample->{$key};
    }

    for my $key (sort keys %bucket) {
        my ($n, $rest) = split / /, $key, 2;
        my $inf = delete $bucket{$key}{'+Inf'};
        my $last = 0;

        for my $le (sort { $a <=> $b } keys %{ $bucket{$key} }) {
            push @wrong, "$key falls at $le" if $bucket{$key}{$le} < $last;
            $last = $bucket{$key}{$le};
        }

        push @wrong, "$key without +Inf" unless defined $inf;
        push @wrong, "$key above +Inf" if $last > ($inf // 0);
        push @wrong, "$key: count is not +Inf"
            if $inf != ($sample->{"${n}_count{$rest}"} // -1);
        push @wrong, "$key without sum"
            unless defined $sample->{"${n}_sum{$rest}"};
    }

    push @wrong, 'no histogram' unless %bucket || !grep /_sum/, keys %$sample;
    return @wrong;
}


my $Server = server(registry => registry(
    tenant => { acme => { routes => { support => { model => 'pool' } } },
                initech => { status => 'suspended' } },
    issuer => { 'https://shared.idp.test' => {
        claims => { tier => 'tier' } } }));

$Server->start or die $Server->error_log;

is($Server->request(GET => '/metrics')->status, 200,
   'there are metrics before a tenant has asked for anything');
unlike($Server->error_log, qr/\[(?:crit|alert|emerg)\]/,
       '... and no alert of an empty buffer');

my %Token = map { $_ => token(key => 'shared_rs256', tenant => $_) }
                qw(globex initech nobody);
$Token{acme} = token();
$Token{gold} = token(key => 'shared_rs256', tenant => 'globex', sub => 'au',
                     claims => { tier => 'gold' });


sub ask
{
    my ($server, $who, $path, @more) = @_;

    return $server->request(GET => $path, @more, $who
        ? (Authorization => "Bearer $Token{$who}") : ())->status;
}


{
    my $res = $Server->request(GET => '/metrics');
    my $sample = samples($res->body);

    is($res->status, 200, 'counters are there before any request');
    is($res->header('Content-Type'),
       'text/plain; version=0.0.4; charset=utf-8', '... with their type');
    is($res->header('Content-Length'), length $res->body,
       '... and their length');
    is_deeply([grep { $sample->{$_} != 0 } keys %$sample], [], '... all zero');
    is_deeply([grep { /globex|acme/ } keys %$sample], [],
              'a tenant without requests takes no line');
}

is($Server->request(HEAD => '/metrics')->status, 200, 'HEAD is answered');
is($Server->request(POST => '/metrics', ':body' => 'x')->status, 405,
   'POST is not');
is($Server->request(GET => '/closed')->status, 403,
   'deny keeps strangers out');

# the traffic: who, path, status, how often
my @traffic = (
    ['acme', '/agent/', 200, 3], ['globex', '/agent/', 200, 2],
    ['gold', '/agent/', 200, 2],
    ['globex', '/agent/secret', 403, 2], ['acme', '/shadow/secret', 200, 1],
    ['acme', '/agent/fail', 500, 1], ['acme', '/agent/careless', 200, 2],
    ['initech', '/agent/', 403, 2], ['nobody', '/agent/', 403, 1],
    [undef, '/agent/', 401, 3], ['acme', '/unknown/?agent=x', 404, 1],
);

for my $kind (@traffic) {
    my ($who, $path, $status, $times) = @$kind;
    my @got = map { ask($Server, $who, $path) } 1 .. $times;

    is_deeply(\@got, [($status) x $times],
              ($who // 'nobody known') . " asks for $path: $status");
}

{
    my $sample = samples($Server->request(GET => '/metrics')->body);
    my %expected = (
        'tenant_requests_total{tenant="acme",code="2xx"}' => 6,
        'tenant_requests_total{tenant="acme",code="4xx"}' => 1,
        'tenant_requests_total{tenant="acme",code="5xx"}' => 1,
        'tenant_requests_total{tenant="globex",code="2xx"}' => 4,
        'tenant_requests_total{tenant="globex",code="4xx"}' => 2,
        'tenant_requests_total{tenant="initech",code="4xx"}' => 2,
        'tenant_decisions_total{tenant="acme",decision="allow"}' => 6,
        'tenant_decisions_total{tenant="acme",decision="deny"}' => 0,
        'tenant_decisions_total{tenant="acme",decision="shadow_deny"}' => 1,
        'tenant_decisions_total{tenant="globex",decision="allow"}' => 4,
        'tenant_decisions_total{tenant="globex",decision="deny"}' => 2,
        'tenant_decisions_total{tenant="initech",decision="allow"}' => 0,
        'tenant_request_duration_seconds_count{tenant="acme"}' => 8,
        'tenant_request_duration_seconds_count{tenant="globex"}' => 6,
        'tenant_refused_requests_total{reason="no-token"}' => 3,
        'tenant_refused_requests_total{reason="policy-denied"}' => 2,
        'tenant_refused_requests_total{reason="tenant-suspended"}' => 2,
        'tenant_refused_requests_total{reason="unknown-tenant"}' => 1,
        'tenant_refused_requests_total{reason="unknown-agent"}' => 1,
        'tenant_refused_requests_total{reason="fault"}' => 0,
        # 8 of acme, 4 + 2 of globex, 2 of initech, 1 of nobody
        'tenant_token_cache_hits_total{}' => 7 + 3 + 1 + 1,
        'tenant_token_cache_misses_total{}' => 5,
        'tenant_tier_mismatches_total{}' => 1,
        'tenant_policy_errors_total{}' => 2,
    );

    is($sample->{$_}, $expected{$_}, "$_ is $expected{$_}")
        for sort keys %expected;

    is_deeply([grep { /nobody|="-"|=""/ } keys %$sample], [],
              'no line for what is no registered tenant');
    cmp_ok($sample->{'tenant_received_bytes_total{tenant="acme"}'}, '>',
           8 * length $Token{acme}, 'bytes received include the headers');
    cmp_ok($sample->{'tenant_sent_bytes_total{tenant="acme"}'}, '>', 8 * 100,
           'bytes sent include the headers');
    is($sample->{'tenant_requests_total{tenant="_overflow",code="2xx"}'},
       undef, 'nothing has overflowed');
}

$Server->quit;
is_deeply([$Server->faults], [], 'no sanitizer has found anything');
$Server->remove;


# A full zone

{
    my @ids = map { "tenant-$_" } 1 .. $Many;
    my $small = server(zone => '32k', registry => registry(tenant => {
        map { $_ => { tier => 'basic',
                      issuers => ['https://shared.idp.test'] } } @ids }));

    $small->start or die $small->error_log;

    for my $id (@ids) {
        $Token{$id} = token(key => 'shared_rs256', tenant => $id);
        ask($small, $id, '/agent/') for 1 .. 2;
    }

    my $sample = samples($small->request(GET => '/metrics')->body);
    my %count = map { /^tenant_requests_total\{tenant="(.*?)"/
                      ? ($1 => $sample->{$_}) : () } keys %$sample;
    my $overflow = delete $count{_overflow} // 0;
    my $slots = keys %count;

    cmp_ok($slots, '>=', 20, 'a small zone has room for some tenants');
    cmp_ok($slots, '<', $Many, '... and not for all');
    is_deeply([grep { $_ != 2 } values %count], [],
              '... whose requests are all counted');
    is($overflow, 2 * ($Many - $slots),
       'those of the others are counted together');
    unlike($small->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
           'a full zone is no error');

    $small->quit;
    is_deeply([$small->faults], [], 'no sanitizer has found anything');
    $small->remove;
}

done_testing();
