# The control plane: clients that write at once, to two workers.

use strict;
use warnings;

use lib 't/lib';

use DBI ();
use JSON::PP ();
use List::Util ();
use Test::More;

use Tenant::Fixtures;
use Tenant::Server;

my $Json = JSON::PP->new->canonical;
my $Path = fixture_dir() . '/store/registry.db';

my $server = Tenant::Server->new(
    workers => 2,
    http => "tenant_registry $Path seed=${\ registry()->{path} };",
    server => 'location / { tenant_api; }');

$server->start or die $server->error_log;


sub ask
{
    my ($method, $path, $body, %header) = @_;

    if (defined $body) {
        $header{'Content-Type'} = $method eq 'PATCH'
            ? 'application/merge-patch+json' : 'application/json';
        $header{':body'} = $Json->encode($body);
    }

    return $server->request($method => "/v1/$path", %header,
                            ':timeout' => 20);
}


# Runs code(number) in so many processes at once; what each returned.
sub at_once
{
    my ($count, $code) = @_;
    my @pipes;

    for my $n (1 .. $count) {
        pipe my $in, my $out or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            print {$out} $Json->encode([eval { $code->($n) }]);
            close $out;
            require POSIX;
            POSIX::_exit(0);
        }

        close $out;
        push @pipes, [$pid, $in];
    }

    return map {
        my ($pid, $in) = @$_;
        local $/;
        my $text = <$in>;
        waitpid $pid, 0;
        $Json->decode($text);
    } @pipes;
}


# Nobody's change is lost

ask(PUT => 'tenants/counter', { tier => 'basic', attributes => { n => 0 } });

for my $method ('PUT', 'PATCH', 'both') {
    my $before = ask(GET => 'tenants/counter')->json->{attributes}{n};
    my @turns = at_once(6, sub {
        my ($done, $lost) = (0, 0);

        while ($done < 10) {
            my $got = ask(GET => 'tenants/counter');
            my $tenant = $got->json;
            my $n = ++$tenant->{attributes}{n};
            my $put = $method eq 'both' ? $done % 2 : $method eq 'PUT';
            my $status = ask($put ? 'PUT' : 'PATCH', 'tenants/counter',
                             $put ? $tenant : { attributes => { n => $n } },
                             'If-Match' => $got->header('ETag'))->status;

            die "$status\n" if $status != 200 && $status != 412;
            $status == 200 ? $done++ : $lost++;
        }

        return $done, $lost;
    });

    is(join(' ', map { $_->[0] // 'died' } @turns), join(' ', (10) x 6),
       "$method: everybody who tries again gets his turn");
    cmp_ok(List::Util::sum(map { $_->[1] // 0 } @turns), '>', 0,
           '... which some had to');
    is(ask(GET => 'tenants/counter')->json->{attributes}{n}, $before + 60,
       '... and no change is lost');
}


# One id is made once

my @made = map { $_->[0] } at_once(8, sub {
    return ask(POST => 'tenants', { id => 'one', tier => 'basic' })->status;
});
is(join(' ', sort @made), join(' ', 201, (409) x 7),
   'one of those who make the same tenant does');


# One key is one request

my @same = map { $_->[0] } at_once(8, sub {
    return ask(POST => 'tenants', { id => 'keyed', tier => 'basic' },
               'Idempotency-Key' => 'k')->body;
});
is(scalar(keys %{ { map { $_ => 1 } @same } }), 1,
   'requests with one key have one answer');
like($same[0], qr/"id":"keyed"/, '... which is that of the first');


# Everything that was answered is there, once

my @many = at_once(8, sub {
    my ($n) = @_;
    return map { ask(POST => 'tenants', { id => "m$n-$_", tier => 'basic' })
                 ->status } 1 .. 25;
});
is_deeply([map { scalar grep { $_ == 201 } @$_ } @many], [(25) x 8],
          'writers of both workers all get through');
is(scalar @{ ask(GET => 'tenants?prefix=m&limit=1000')->json->{items} }, 200,
   '... and all that they made is there');

my $changes = ask(GET => 'changes?limit=1000')->json->{items};
is_deeply([map { $_->{seq} } @$changes], [1 .. @$changes],
          '... in one order, without a gap');


# In force everywhere

my %seen;
for my $turn (1 .. 20) {
    ask(PUT => 'tenants/counter', { tier => 'basic', name => "turn $turn" });
    $seen{ ask(GET => 'tenants/counter/state')->json->{version}
           == ask(GET => 'tenants/counter')->json->{version} }++;
}
is_deeply(\%seen, { 1 => 20 }, 'a change that is answered is in force');


# Somebody else has the lock

my $db = DBI->connect("dbi:SQLite:dbname=$Path", '', '',
                      { RaiseError => 1, AutoCommit => 1 });
$db->do('BEGIN IMMEDIATE');

my ($refused) = at_once(1, sub {
    my $answer = ask(PUT => 'tenants/locked', { tier => 'basic' });
    return $answer->status, $answer->json->{type},
           $answer->header('Retry-After');
});
is_deeply($refused, [503, 'urn:ngx-tenant:problem:registry-unavailable', '5'],
          'a database that stays locked is unavailable for a while');
is(ask(GET => 'tenants/counter')->status, 200, '... but can be read');

$db->do('ROLLBACK');
$db->disconnect;
is(ask(PUT => 'tenants/locked', { tier => 'basic' })->status, 201,
   '... and is written again when the lock is gone');

$server->quit;
is_deeply([$server->faults], [], 'no sanitizer has found anything');

done_testing();
