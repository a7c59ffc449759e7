#!/usr/bin/perl
# runs beside others
# The tests' own NAT: a packet that waits at the port that is given up must not stop it, since what it
# waited for then would never come.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IPC::Open2;
use POSIX qw(WUNTRACED);
use Test::More;

my $server = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die;
my $client = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die;
my $nat = open2(my $from_nat, my $to_nat, "$ENV{RTC_BUILD}/tests/e2e/udp_nat",
    '127.0.0.1:' . $server->sockport);
END {
	my $status = $?;
	kill 'KILL', $nat;
	waitpid $nat, 0;
	$? = $status;
}

sub arrives { return IO::Select->new($_[0])->can_read(10) }
sub answer { return arrives($from_nat) ? readline $from_nat : undef }

# What is sent to the outer port, and the command, are there when the NAT looks.
sub told_while_a_packet_waits {
	my ($outer, $command) = @_;
	kill 'STOP', $nat;
	waitpid $nat, WUNTRACED;
	$server->send('late', 0, $outer);
	print $to_nat "$command\n";
	$to_nat->flush;
	kill 'CONT', $nat;
	return answer();
}

sub through {
	my $inner = shift;
	$client->send('up', 0, $inner);
	return arrives($server) ? $server->recv(my $got, 16) : undef;
}

my $port = answer();
chomp $port;
my $inner = pack_sockaddr_in($port, INADDR_LOOPBACK);
for my $command (qw(rebind mute)) {
	my $outer = through($inner);
	ok($outer, "$command: a packet goes through");
	is(told_while_a_packet_waits($outer, $command), "ok\n", "$command is answered");
	my $other = through($inner);
	ok($other && $other ne $outer, "$command: another port");
	$server->send('down', 0, $other) if $other;
	print $to_nat "stats\n";
	$to_nat->flush;
	like(answer() // '', qr/^1 2 [01] /, "$command: what went through since is counted");
}
done_testing();
