# Providers change their keys: new ones are found when a token names them,
# old ones verify nothing any more.  What anybody can send costs the provider
# no more than one request in an interval.

use strict;
use warnings;

use lib 't/lib';

use Test::More;
use Time::HiRes qw(sleep);

use Tenant::Fixtures;
use Tenant::Server ();
use Tenant::Upstream ();

my @Kinds = qw(rs256 es256 ed25519);


# A provider whose keys are in a file, and its issuer for a registry.
sub provider
{
    my ($owner, $max_age, @kinds) = @_;
    my $file = publish($owner, @kinds);

    my $provider = Tenant::Upstream->new(respond => sub {
        open my $in, '<:raw', $file or die "$file: $!\n";
        local $/;
        return [200, ['Cache-Control', "public, max-age=$max_age"], <$in>];
    });

    return ($provider, "https://$owner.idp.test" => {
        tenant_claim => 'custom:tenantId', subject_namespace => $owner,
        jwks_uri => 'http://127.0.0.1:' . $provider->port . '/jwks' });
}


# The keys of an owner at once, as another file: never half of them.
sub publish
{
    my ($owner, @kinds) = @_;
    my $path = fixture_dir() . "/$owner.published";

    write_fixture("$path.new", jwks(map { "${owner}_$_" } @kinds));
    rename "$path.new", $path or die "$path: $!\n";

    return $path;
}


my ($Rotating, %rotating) = provider('rotating', 3600, 'rs256');
my ($Flooded, %flooded) = provider('flooded', 3600, 'rs256');
my ($Brief, %brief) = provider('brief', 0, 'rs256', 'es256');
my ($Lasting, %lasting) = provider('lasting', 86400, 'rs256');

my $Registry = registry(
    issuer => { %rotating, %flooded, %brief, %lasting },
    tenant => { globex => { issuers => [
        map { "https://$_.idp.test" } qw(rotating flooded brief lasting)] } },
);


sub server
{
    my ($keys) = @_;
    my $server = Tenant::Server->new(
        workers => 2,
        http => <<"CONF",
tenant_registry $Registry->{path};
tenant_policy off;
tenant_fetch_plain_http on;
tenant_fetch_allow 127.0.0.0/8;
tenant_keys $keys;
CONF
        server => <<'CONF',
location /t { tenant_auth on; try_files /none @ok; }
location @ok { return 204; }
location = /metrics { tenant_metrics; }
CONF
    );

    $server->start or die $server->error_log;
    return $server;
}


sub finish
{
    my ($server) = @_;

    ok($server->quit, '... nginx quits');
    is_deeply([$server->faults], [], '... no sanitizer has found anything');
    unlike($server->error_log, qr/\[(?:alert|emerg)\]/, '... no alert');
    $server->remove;
}


my $Asked = 0;

sub ask
{
    my ($server, $key, %opt) = @_;
    my $token = $opt{token}
                // token(key => $key, tenant => 'globex',
                         sub => 'user-' . ++$Asked, %opt);

    return $server->request(GET => '/t', Authorization => "Bearer $token");
}


# A token that names a key we do not have

{
    my $server = server('interval=1s');

    is(ask($server, 'rotating_rs256')->status, 204, 'the first key verifies');
    is($Rotating->requests, 1, '... fetched once');

    for my $i (1 .. $#Kinds) {
        publish('rotating', @Kinds[$i - 1, $i]);
        # the interval is over when a second has begun anew
        sleep 2.1;

        my @status = map { ask($server, "rotating_$Kinds[$i]")->status }
                         1 .. 8;
        is("@status", join(' ', (204) x 8),
           "a token with the new $Kinds[$i] key waits for it and passes");
        is(ask($server, "rotating_$Kinds[$i - 1]")->status, 204,
           '... the one before still verifies');
        is($Rotating->requests, 1 + $i, '... one fetch for both workers');
    }

    like(ask($server, 'rotating_rs256')->header('WWW-Authenticate'),
         qr/error="invalid_token", error_description="[^"]*key/,
         'the key that was withdrawn first verifies nothing');
    finish($server);
}

# Anybody can make up a kid

{
    my $server = server('interval=1h');

    is(ask($server, 'flooded_rs256')->status, 204, 'there are keys');
    my @status = map { ask($server, 'flooded_rs256', kid => "k$_")->status }
                     1 .. 200;

    is("@status", join(' ', (401) x 200), 'unknown keys are refused');
    is($Flooded->requests, 1, '... without any fetch within the interval');
    is(ask($server, 'flooded_rs256')->status, 204, '... known ones verify');
    finish($server);

    $server = server('interval=1s');
    is(ask($server, 'flooded_rs256')->status, 204, 'again there are keys');
    my $before = $Flooded->requests;
    my $begun = time;
    ask($server, 'flooded_rs256', kid => "k$_") for 1 .. 200;
    until (time >= $begun + 3) {
        ask($server, 'flooded_rs256', kid => "l$_") for 1 .. 50;
    }
    my $fetches = $Flooded->requests - $before;
    cmp_ok($fetches, '>=', 1, 'after the interval there is one');
    cmp_ok($fetches, '<=', 2 + time - $begun, '... and one in each');
    is(() = $server->error_log =~ /flooded.*fetched and changed/g, 1,
       '... which changed nothing');
    finish($server);
}

# Cache-Control between bounds, and what a refresh takes away

{
    my $server = server('min=1s max=1s interval=1h');
    my $token = token(key => 'brief_es256', tenant => 'globex');

    is(ask($server, undef, token => $token)->status, 204, 'a verified token')
        for 1 .. 4;
    is(ask($server, 'lasting_rs256')->status, 204, 'and another issuer');

    publish('brief', 'rs256');
    ok($server->wait_until(sub {
        ask($server, undef, token => $token)->status == 401 }),
       'is refused in one worker once its key is gone');
    my @status = map { ask($server, undef, token => $token)->status } 1 .. 20;
    is("@status", join(' ', (401) x 20), '... and in all');
    is(ask($server, 'brief_rs256')->status, 204, '... the rest verifies');

    my $n = $Lasting->requests;
    $Lasting->requests($n + 2, 8);
    cmp_ok(scalar $Lasting->requests, '>=', $n + 2,
           'a day is too long if max= is a second');

    my ($brief) = $server->request(GET => '/metrics')->body
        =~ m{^tenant_issuer_keys_expire_\w+\{issuer="https://brief[^"]*"\}
             \s(\d+)$}mx;
    cmp_ok($brief, '>=', time - 1, '... and max-age=0 too short for min=');
    finish($server);
}

{
    my $server = server('min=1h max=1d');

    ask($server, 'brief_rs256');
    ask($server, 'lasting_rs256');
    my $text = $server->request(GET => '/metrics')->body;
    my %left = $text =~ m{^tenant_issuer_keys_expire_\w+\{issuer="https://
                          (brief|lasting)[^"]*"\}\s(\d+)$}mgx;

    ok(abs($left{brief} - time - 3600) < 10, 'max-age=0 becomes min=');
    ok(abs($left{lasting} - time - 86400) < 10, 'a day stays a day');
    finish($server);
}

done_testing();
