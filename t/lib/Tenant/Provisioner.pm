package Tenant::Provisioner;

# A gateway with a control plane and somebody who is told of its tenants: a
# receiver of webhooks that accepts, refuses, hangs and breaks off as a test
# wants it, for each tenant apart.

use strict;
use warnings;

use DBI ();
use Digest::SHA ();
use File::Path ();
use JSON::PP ();
use MIME::Base64 ();
use Time::HiRes qw(sleep time);

use Tenant::Fixtures;
use Tenant::Server;
use Tenant::Upstream;

my $Json = JSON::PP->new->canonical;
my $Sequence = 0;

my %Seed = (
    tiers => [{ id => 'basic', model => 'pool' },
              { id => 'premium', model => 'silo' }],
    tenants => [], issuers => [],
    agents => [{ id => 'support' }],
);


# new(%opt): parameters => what stands behind the URL in tenant_provisioner,
# conf => a line in its place ('' for none), workers => 2
sub new
{
    my ($class, %opt) = @_;
    my $dir = fixture_dir() . '/provisioner.' . ++$Sequence;
    my $self = bless { dir => $dir, path => "$dir/store/registry.db" },
                     $class;

    File::Path::make_path("$dir/mood");
    $self->{receiver} = Tenant::Upstream->new(respond => sub {
        $self->respond(@_);
    });

    my $port = $self->{receiver}->port;
    my $parameters = $opt{parameters} // 'timeout=1s';
    my $seed = write_fixture("$dir/seed.json", $Json->encode(\%Seed));

    $self->{conf} = $opt{conf}
        // "tenant_provisioner http://127.0.0.1:$port/events $parameters;";
    $self->{server} = Tenant::Server->new(
        workers => $opt{workers} // 2,
        log_level => 'info',
        http => <<"EOF_HTTP",
    tenant_registry $self->{path} seed=$seed;
    $self->{conf}
EOF_HTTP
        server => <<'EOF_SERVER',
        location /admin/ { tenant_api; }
        location = /metrics { tenant_metrics; }
EOF_SERVER
    );

    $self->{server}->start or die $self->{server}->error_log;
    return $self;
}


sub server { return $_[0]{server} }
sub receiver { return $_[0]{receiver} }


# mood($tenant, $text): what becomes of its events from now on:
#
#   STATUS [NAME: VALUE]   that answer
#   hang                   none for 3 seconds
#   break                  the connection is closed without one
#   half                   ... or in the middle of one
#   slow                   202 after 0.4 seconds
#
# undef: 202 at once
sub mood
{
    my ($self, $tenant, $text) = @_;
    my $path = "$self->{dir}/mood/$tenant";

    return unlink $path if !defined $text;

    open my $out, '>', "$path.new" or die "$path: $!\n";
    print {$out} $text;
    close $out or die "$path: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
}


sub respond
{
    my ($self, $request, $connection) = @_;
    my $event = eval { $Json->decode($request->{body}) } // {};
    my $mood = '202';

    if (open my $in, '<', "$self->{dir}/mood/" . ($event->{subject} // '')) {
        $mood = <$in>;
    }

    if ($mood eq 'hang') {
        sleep 3;
        $connection->{close} = 1;
        return undef;
    }

    if ($mood eq 'break') {
        $connection->{close} = 1;
        return undef;
    }

    if ($mood eq 'half') {
        $connection->send("HTTP/1.1 202 Acc");
        $connection->{close} = 1;
        return undef;
    }

    if ($mood eq 'slow') {
        sleep 0.4;
        $mood = '202';
    }

    my ($status, $header) = $mood =~ /^(\d+)(?: (.*))?$/;
    return [$status, $header ? [split /: /, $header, 2] : [], ''];
}


# What has arrived: [tenant, last word of the type], in order; of one tenant
# if it is named.  With a number it is waited for that many.
sub arrived
{
    my ($self, $n, $tenant, $seconds) = @_;
    my $end = time + ($seconds // 10);
    my @events;

    while (1) {
        @events = grep { !defined $tenant || $_->[0] eq $tenant }
                  map { my $e = $Json->decode($_->{body});
                        [$e->{subject}, $e->{type} =~ /\.(\w+)$/] }
                  $self->{receiver}->requests;
        last if @events >= ($n // 0) || time > $end;
        sleep 0.02;
    }

    return @events;
}


# The same as text, to compare.
sub types
{
    my ($self, $n, $tenant, $seconds) = @_;

    return join ' ', map { $_->[1] } $self->arrived($n, $tenant, $seconds);
}


sub ask
{
    my ($self, $method, $path, $body) = @_;

    return $self->{server}->request($method => "/admin/v1/$path",
        defined $body ? ('Content-Type' => $method eq 'PATCH'
                                           ? 'application/merge-patch+json'
                                           : 'application/json',
                         ':body' => $Json->encode($body)) : ());
}


# Onboards a tenant of a silo tier.
sub onboard
{
    my ($self, $id) = @_;
    my $answer = $self->ask(PUT => "tenants/$id", { tier => 'premium' });

    die $answer->body if $answer->status != 201;
    return $answer;
}


sub state { return $_[0]->ask(GET => "tenants/$_[1]/state")->json }


# Rows of the database, as a program beside nginx sees them.
sub rows
{
    my ($self, $sql, @values) = @_;
    my $db = DBI->connect("dbi:SQLite:dbname=$self->{path}", '', '',
                          { RaiseError => 1, sqlite_busy_timeout => 5000 });
    my $rows = $db->selectall_arrayref($sql, undef, @values);

    $db->disconnect;
    return @$rows;
}


# Waits until no event is kept any more, of a tenant if it is named.
sub drained
{
    my ($self, $tenant) = @_;
    my $end = time + 10;

    until (time > $end) {
        my ($row) = defined $tenant
            ? $self->rows('SELECT count(*) FROM outbox WHERE tenant = ?',
                          $tenant)
            : $self->rows('SELECT count(*) FROM outbox');
        return 1 if $row->[0] == 0;
        sleep 0.02;
    }

    return 0;
}


sub metric
{
    my ($self, $name) = @_;
    my ($value) = $self->{server}->request(GET => '/metrics')->body
                  =~ /^\Q$name\E (\S+)$/m;

    return $value;
}


# The worker that has delivered the newest event.
sub deliverer
{
    my ($self) = @_;
    my @pids = $self->{server}->error_log
               =~ /\[(?:info|notice)\] (\d+)#\d+: tenant_provisioner: event/g;

    return $pids[-1];
}


# Of a request that arrived: the signatures a receiver would compute.
sub signature
{
    my ($request, $secret) = @_;
    my ($encoded) = $secret =~ /^whsec_(.*)$/;
    my ($id) = Tenant::Upstream::header($request, 'webhook-id');
    my ($time) = Tenant::Upstream::header($request, 'webhook-timestamp');

    return 'v1,' . MIME::Base64::encode_base64(
        Digest::SHA::hmac_sha256("$id.$time.$request->{body}",
                                 MIME::Base64::decode_base64($encoded)), '');
}


1;
