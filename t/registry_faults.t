# A disk that is full, that fails, or that cannot be written: writes say so,
# everything else goes on.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Tenant::Fixtures;
use Tenant::HTTP ();
use Tenant::Server;
use Tenant::Upstream;

# a sanitizer has to be loaded first, and answers the same calls
plan skip_all => 'not together with a sanitizer' if $ENV{TEST_NGINX_PRELOAD};

my $Dir = fixture_dir();
my $Api = free_port();
my $Shim = "$Dir/store_faults.so";
my $Fault = "$Dir/fault";
my $Agent = Tenant::Upstream->new(respond => sub { "served\n" });
my $Registry = registry(port => $Agent->port);
my $Policy = write_fixture('open.cedar',
                           "permit(principal, action, resource);\n");
my $Cc = $ENV{CC} || 'gcc';

system("$Cc -shared -fPIC -O1 -Wall -o $Shim t/tools/store_faults.c -ldl")
    == 0 or BAIL_OUT('the library of faults does not compile');

my $Server = Tenant::Server->new(
    workers => 2,
    preload => $Shim,
    env => { STORE_FAULTS => $Fault },
    main => 'env STORE_FAULTS;',
    http => <<"EOF_HTTP",
    tenant_registry $Dir/faults/registry.db seed=$Registry->{path};
    tenant_policy_file $Policy;

    upstream agents {
        tenant_route;
        server 127.0.0.1:${\ $Agent->port };
    }

    server {
        listen 127.0.0.1:$Api;
        location / { tenant_api; }
    }
EOF_HTTP
    server => <<'EOF_SERVER',
        location / {
            tenant_auth on;
            tenant_agent support;
            proxy_pass http://agents;
        }
EOF_SERVER
);

$Server->start or die $Server->error_log;


sub api
{
    my ($method, $path, $value) = @_;
    my @body = defined $value
        ? ('Content-Type' => 'application/json',
           ':body' => JSON::PP->new->encode($value)) : ();
    my $res = Tenant::HTTP::http($Api, $method, "/v1$path", @body);

    return $res->status if $res->status < 400;
    return $res->status . ' ' . ($res->header('Content-Type') =~ /problem/
                                 ? $res->json->{type} =~ s/.*://r : 'no problem');
}


my $Number = 0;

sub tenant
{
    return api(POST => '/tenants', { id => 'new-' . ++$Number,
                                     tier => 'basic' });
}


sub served
{
    return $Server->request(GET => '/', Authorization => 'Bearer '
        . token(key => 'shared_rs256', tenant => $_[0] // 'globex'))->status;
}


is(tenant(), 201, 'a tenant is written');

for my $case ([28, 'full', '507 registry-full'],
              [5, 'failing', '503 registry-unavailable'],
              [30, 'read-only', '503 registry-unavailable'])
{
    my ($errno, $name, $refusal) = @$case;

    write_fixture($Fault, "$errno\n");
    is(tenant(), $refusal, "on a disk that is $name a write is refused");
    is(tenant(), $refusal, '... again');
    is(api(GET => '/tenants/new-1'), 200, '... but what is there is read');
    is(api(GET => '/tenants'), 200, '... all of it');
    is(api(GET => '/tenants/new-' . $Number), '404 not-found',
       '... and nothing of what was refused');
    is(served(), 200, '... and requests are served');
    is(served('initech'), 200, '... also of tenants nobody asked for yet');
    unlink $Fault;
    is(tenant(), 201, '... and once it is not any more, it is written');
}

$Server->quit;

write_fixture($Fault, "open\n");
$Server->start or die $Server->error_log;
is(served(), 200, 'a registry that cannot be written from the start serves');
like(tenant(), qr/^503 /, '... and refuses writes');
is(api(GET => '/tenants/new-1'), 200, '... but no reads');
$Server->quit;

unlink $Fault;
$Server->start or die $Server->error_log;
is(tenant(), 201, 'later it is written');
is(api(GET => '/tenants/new-1'), 200, '... and what was there is there');
$Server->quit;

done_testing();
