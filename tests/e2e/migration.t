#!/usr/bin/perl
# runs beside others, from the beginning
# A player behind a NAT that gives it another port: the relay follows once the new address has
# answered a check; one that does not answer gets at most three octets for each that came; and media
# stops when checks stop.
use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IPC::Open2;
use Test::More;
use Time::HiRes qw(time);

my $bin = $ENV{RTC_BIN};
my $build = $ENV{RTC_BUILD};
my $dir = tempdir(CLEANUP => 1);
my $patience = $ENV{RTC_SANITIZER} ? 60 : 20;	# seconds
$ENV{RTC_RUN} = "$dir/run";
mkdir $ENV{RTC_RUN}, 0700;
delete $ENV{CANDIDATE};
my @pids;

sub start {
	my ($log, @argv) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDOUT, '>', "$dir/$log.out");
		open(STDERR, '>', "$dir/$log.err");
		exec(@argv) or exit 127;
	}
	push @pids, $pid;
	return $pid;
}

END {
	my $status = $?;
	kill 'CONT', @pids;
	kill 'TERM', @pids;
	waitpid $_, 0 for @pids;
	$? = $status;
}

# Of UDP and of TCP, and not of those that the kernel deals out: nobody gets it by chance.
sub free_port {
	open my $f, '<', '/proc/sys/net/ipv4/ip_local_port_range' or die;
	my ($top) = split ' ', <$f>;

	for (1 .. 1000) {
		my $tcp = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
		    LocalPort => $top > 11000 ? 10000 + int rand($top - 10000) : 0) or next;
		my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1',
		    LocalPort => $tcp->sockport);
		return $tcp->sockport if $udp;
	}
	die 'no free port';
}

# Poll until the condition holds or patience ends: for want of an event to wait on.
sub until_true {
	my ($condition, $seconds) = @_;
	my $end = time + ($seconds // $patience);
	while (!$condition->()) {
		return 0 if time > $end;
		select(undef, undef, undef, 0.1);
	}
	return 1;
}

sub listens {
	my $port = shift;
	return until_true(sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") });
}

my $media = free_port();
start('relay', "$bin/rtc-relay", '-u', "127.0.0.1:$media", '-t', '15', '-w', '2');
ok(until_true(sub { -S "$ENV{RTC_RUN}/relay/signal.sock" }), 'the relay is up');

my $nat = open2(my $from_nat, my $to_nat, "$build/tests/e2e/udp_nat", "127.0.0.1:$media");
my $outer = <$from_nat>;
chomp $outer;
sub nat {
	print $to_nat "$_[0]\n";
	$to_nat->flush;
	my $line = <$from_nat>;
	chomp $line;
	return $line;
}
sub stats {
	my @n = split ' ', nat('stats');
	return { up => $n[0], up_octets => $n[1], down => $n[2], down_octets => $n[3] };
}

my ($whip, $whep) = (free_port(), free_port());
my @plain = ('--no-detect', '--no-api-candidate');
start('whip', "$bin/rtc-whip", '-l', "127.0.0.1:$whip", '-c', "127.0.0.1:$media", @plain);
start('whep', "$bin/rtc-whep", '-l', "127.0.0.1:$whep", '-c', "127.0.0.1:$outer", @plain);
ok(listens($whip) && listens($whep), 'the endpoints are up') or die `cat $dir/*.err`;

start('publish', "$bin/rtc-publish", '-q', '--test=320x180@15',
    "http://127.0.0.1:$whip/rtc/v1/whip/?app=live&stream=nat");
my $player = start('play', "$bin/rtc-play", '-q', '--duration', '300',
    "http://127.0.0.1:$whep/rtc/v1/whep/?app=live&stream=nat");

ok(until_true(sub { stats()->{down} > 100 }), 'media reaches the player through the NAT') or
    die `cat $dir/*.err`;

is(nat('rebind'), 'ok', 'the NAT takes another port');
ok(until_true(sub { stats()->{down} > 100 }), 'the relay follows');

is(nat('mute'), 'ok', 'another port, from where nothing is answered');
ok(until_true(sub { stats()->{up_octets} > 1000 && stats()->{down} > 1 }), 'it is tried');
my $end = time + 4;
my $worst = 0;
until_true(sub {
	my $s = stats();
	my $ratio = $s->{up_octets} > 0 ? $s->{down_octets} / $s->{up_octets} : 0;
	$worst = $ratio if $ratio > $worst;
	return time > $end;
}, 10);
cmp_ok($worst, '<=', 3, sprintf('it gets %.2f octets for each that came, never over 3', $worst));

is(nat('rebind'), 'ok', 'a port that works again');
ok(until_true(sub { stats()->{down} > 100 }), 'the relay follows again');

kill 'STOP', $player;
my ($last, $since) = (-1, time);
ok(until_true(sub {
	my $now = stats()->{down};
	$since = time if $now != $last;
	$last = $now;
	return time - $since > 2;
}, 60), 'media stops when checks stop');
kill 'CONT', $player;

close $to_nat;
waitpid $nat, 0;
is($?, 0, 'the NAT ends well');
done_testing();
