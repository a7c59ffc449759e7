#!/usr/bin/perl
# rtc-stun-probe against a small server with faults: every verdict, exit status and JSON field.
# runs under: address thread
# runs beside others
use strict;
use warnings;
use IPC::Open2;
use IPC::Open3;
use JSON::PP;
use Socket;
use Test::More;

my $bin = $ENV{RTC_BIN} || 'build/bin';
my $build = $ENV{RTC_BUILD} || 'build';
my $probe = "$bin/rtc-stun-probe";
my @login = ('--ufrag', '6pk11386');
my $pwd = 'l91z529147ri9163933p51c4';
delete $ENV{RTC_STUN_PWD};

# Status, standard output, standard error. No shell between.
sub run {
	my @argv = @_;
	my $pid = open3(my $in, my $out, my $err = Symbol::gensym(), $probe, @argv);
	close $in;
	my $text = do { local $/; <$out> } // '';
	my $faults = do { local $/; <$err> } // '';
	waitpid $pid, 0;
	return ($? >> 8, $text, $faults);
}

sub run_json {
	my ($status, $out, $err) = run('-j', @_);
	my $json = eval { decode_json($out) };
	is($out =~ tr/\n//, 1, 'one line of JSON') if defined $json;
	diag("status $status, out '$out', err '$err'") unless defined $json;
	return ($status, $json // {}, $json->{addresses}[0] // {});
}

# A responder that ends when its handle is closed.
sub responder {
	my $pid = open2(my $out, my $in, "$build/tests/e2e/stun_responder", @_);
	my $port = <$out>;
	chomp $port;
	return { pid => $pid, in => $in, out => $out, port => $port };
}

sub stop {
	my $r = shift;
	close $r->{in};
	waitpid $r->{pid}, 0;
	is($? >> 8, 0, 'the responder ends well');
}

# A UDP port that was free a moment ago.
sub closed_port {
	socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
	bind($s, pack_sockaddr_in(0, INADDR_LOOPBACK)) or die;
	my ($port) = unpack_sockaddr_in(getsockname($s));
	close $s;
	return $port;
}

subtest 'plain STUN over IPv4' => sub {
	my $r = responder();
	my ($status, $j, $a) = run_json("127.0.0.1:$r->{port}");
	is($status, 0, 'exit 0');
	ok($j->{ok}, 'ok');
	is($j->{host}, '127.0.0.1', 'host');
	is($j->{port}, $r->{port}, 'port');
	is($j->{status}, 0, 'status');
	is($j->{verdict}, 'ok', 'verdict');
	is(scalar @{$j->{addresses}}, 1, 'one address');
	is($a->{address}, "127.0.0.1:$r->{port}", 'address');
	is($a->{family}, 'ipv4', 'family');
	is($a->{transport}, 'udp', 'transport');
	is($a->{sent}, 1, 'sent');
	is($a->{transmissions}, 1, 'transmissions');
	is($a->{answered}, 1, 'answered');
	is($a->{loss_percent}, 0, 'no loss');
	is($a->{mapped}, $a->{local}, 'mapped address is the local one');
	ok(!$a->{nat}, 'no NAT');
	ok($a->{fingerprint}, 'fingerprint');
	is($a->{integrity}, undef, 'integrity does not apply');
	is($a->{error}, undef, 'no error');
	cmp_ok($a->{rtt_ms}{min}, '>', 0, 'a round-trip time');
	my ($s2, $out) = run("127.0.0.1:$r->{port}");
	is($s2, 0, 'exit 0 as text');
	like($out, qr/^ok +udp 127\.0\.0\.1:$r->{port} answers in [\d.]+ ms; seen as \S+, no NAT$/, 'words');
	stop($r);
};

subtest 'IPv6' => sub {
	my $r = responder('-6');
	my ($status, $j, $a) = run_json('--ufrag', '6pk11386', '--pwd', $pwd, "[::1]:$r->{port}");
	is($status, 0, 'exit 0');
	is($a->{family}, 'ipv6', 'family');
	is($a->{address}, "[::1]:$r->{port}", 'address');
	like($a->{mapped}, qr/^\[::1\]:\d+$/, 'mapped');
	ok($a->{integrity}, 'authenticated');
	($status) = run('-4', "[::1]:$r->{port}");
	is($status, 10, '-4 refuses an IPv6 address');
	stop($r);
};

subtest 'both families of a name' => sub {
	my $r = responder();
	my ($status, $j) = run_json('-t', '0.5', "localhost:$r->{port}");
	is($status, 0, 'one good address is enough');
	my %ok = map { $_->{family} => $_->{ok} } @{$j->{addresses}};
	ok($ok{ipv4}, 'IPv4 answers');
	ok(!exists $ok{ipv6} || !$ok{ipv6}, 'IPv6, if the name has it, does not');
	($status, $j) = run_json('-4', "localhost:$r->{port}");
	is_deeply([map { $_->{family} } @{$j->{addresses}}], ['ipv4'], '-4 tries IPv4 only');
	stop($r);
};

subtest 'credentials, by each way' => sub {
	my $r = responder();
	my $at = "127.0.0.1:$r->{port}";
	my $file = "$build/tests/e2e/stun-probe.pwd";
	open(my $f, '>', $file) or die;
	print $f "$pwd\n";
	close $f;
	my ($status, $j, $a) = run_json(@login, '--pwd', $pwd, $at);
	is($status, 0, '--pwd');
	ok($a->{integrity}, 'the answer is authenticated');
	($status, $j, $a) = run_json(@login, '--pwd-file', $file, $at);
	is($status, 0, '--pwd-file');
	{
		local $ENV{RTC_STUN_PWD} = $pwd;
		($status, $j, $a) = run_json(@login, $at);
		is($status, 0, 'RTC_STUN_PWD');
	}
	($status, $j, $a) = run_json('--ufrag', '6pk11386:J8X7', '--pwd', $pwd, $at);
	is($status, 0, 'both halves of the user name');
	my ($s, $out) = run(@login, '--pwd', $pwd, $at);
	like($out, qr/; authenticated$/, 'said in words');
	unlink $file;
	($s) = run(@login, '--pwd-file', $file, $at);
	is($s, 66, 'no such file');
	stop($r);
};

subtest 'wrong credentials' => sub {
	my $r = responder();
	my $at = "127.0.0.1:$r->{port}";
	my ($status, $j, $a) = run_json(@login, '--pwd', 'wrongwrongwrongwrongwrong', $at);
	is($status, 21, 'wrong password');
	is($a->{verdict}, 'auth', 'verdict');
	is($a->{error}, 401, 'error code');
	($status, $j, $a) = run_json('--ufrag', 'someoneelse', '--pwd', $pwd, $at);
	is($status, 21, 'wrong user name');
	stop($r);
};

# Fault, credentials, exit status, verdict, words.
for my $case (
	['integrity', 1, 41, 'wrong-integrity', qr/MESSAGE-INTEGRITY is wrong/],
	['none', 1, 41, 'no-integrity', qr/without MESSAGE-INTEGRITY/],
	['fingerprint', 0, 41, 'wrong-fingerprint', qr/FINGERPRINT is wrong/],
	['address', 0, 41, 'no-address', qr/without a mapped address/],
	['error', 1, 41, 'error', qr/STUN error \(500\)/],
	['garbage', 0, 41, 'not-stun', qr/does not speak STUN/],
	['silent', 0, 41, 'silent', qr/no answer: a firewall/],
	['wants', 0, 0, 'wants-credentials', qr/only to known sessions/],
) {
	my ($fault, $known, $code, $verdict, $words) = @$case;
	subtest "fault: $fault" => sub {
		my $r = responder('-f', $fault);
		my @argv = ('-t', '1', ($known ? (@login, '--pwd', $pwd) : ()), "127.0.0.1:$r->{port}");
		my ($status, $j, $a) = run_json(@argv);
		is($status, $code, "exit $code");
		is($j->{status}, $code, 'status in JSON');
		is($a->{verdict}, $verdict, $verdict);
		like($a->{reason}, $words, 'words');
		my ($s, $out) = run(@argv);
		is($s, $code, 'the same as text');
		like($out, $words, 'the same words');
		stop($r);
	};
}

subtest 'closed port' => sub {
	my ($status, $j, $a) = run_json('-t', '3', '127.0.0.1:' . closed_port());
	is($status, 41, 'exit 41');
	is($a->{verdict}, 'closed', 'verdict');
	like($a->{reason}, qr/ICMP port unreachable/, 'words');
	($status, $j, $a) = run_json('-c', '5', '-t', '3', '127.0.0.1:' . closed_port());
	is($status, 41, 'exit 41 with -c');
};

subtest 'no such name' => sub {
	my ($status, $out) = run('no-such-host.invalid');
	is($status, 10, 'exit 10');
	like($out, qr/^FAIL dns no-such-host\.invalid the name does not resolve/, 'words');
	($status, my $j) = run_json('no-such-host.invalid:3478');
	is($status, 10, 'exit 10');
	is($j->{verdict}, 'dns', 'verdict');
	is($j->{port}, 3478, 'port');
	is_deeply($j->{addresses}, [], 'no addresses');
};

subtest 'no route' => sub {
	# A link-local address without its scope has no route on any machine.
	my ($status, $j, $a) = run_json('-t', '1', '[fe80::1]:8000');
	is($status, 40, 'exit 40');
	is($a->{verdict}, 'no-route', 'verdict');
	my ($s, $out) = run('-t', '1', '[fe80::1]:8000');
	like($out, qr/^FAIL udp \[fe80::1\]:8000 no route/, 'words');
};

subtest 'repetition' => sub {
	my $r = responder('-f', 'drop2');
	my ($status, $j, $a) = run_json("127.0.0.1:$r->{port}");
	is($status, 0, 'answered in the end');
	is($a->{sent}, 1, 'one request');
	is($a->{transmissions}, 3, 'sent thrice');
	stop($r);
};

subtest 'counting' => sub {
	my $r = responder();
	my @argv = ('-c', '20', '-i', '0.01', '-t', '1', "127.0.0.1:$r->{port}");
	my ($status, $j, $a) = run_json(@argv);
	is($status, 0, 'exit 0');
	is($a->{sent}, 20, 'sent');
	is($a->{answered}, 20, 'answered');
	is($a->{transmissions}, 20, 'none repeated');
	cmp_ok($a->{rtt_ms}{min}, '<=', $a->{rtt_ms}{median}, 'minimum below median');
	cmp_ok($a->{rtt_ms}{median}, '<=', $a->{rtt_ms}{p99}, 'median below p99');
	my ($s, $out) = run(@argv);
	like($out, qr/20 sent, 20 answered, 0\.0 % lost; RTT min [\d.]+ median [\d.]+ p99 [\d.]+ ms/, 'words');
	stop($r);
	$r = responder('-f', 'half');
	($status, $j, $a) = run_json('-c', '10', '-i', '0.01', '-t', '0.3', "127.0.0.1:$r->{port}");
	is($status, 0, 'loss is not failure');
	is($a->{answered}, 5, 'half answered');
	is($a->{loss_percent}, 50, '50 % lost');
	stop($r);
};

subtest 'NAT' => sub {
	my $r = responder('-f', 'nat');
	my ($status, $j, $a) = run_json("127.0.0.1:$r->{port}");
	is($a->{mapped}, '192.0.2.1:1', 'mapped');
	ok($a->{nat}, 'NAT');
	my ($s, $out) = run("127.0.0.1:$r->{port}");
	like($out, qr/seen as 192\.0\.2\.1:1, behind NAT \(here 127\.0\.0\.1:\d+\)/, 'words');
	stop($r);
};

subtest 'interrupted' => sub {
	my $r = responder('-f', 'silent');
	my $pid = open3(my $in, my $out, undef, $probe, "127.0.0.1:$r->{port}");
	my $hint = <$out>;	# standard error is on the same pipe: the hint after 3 s
	like($hint, qr/no answer yet/, 'it says that it waits');
	kill 'INT', $pid;
	my $text = <$out>;
	waitpid $pid, 0;
	is($? >> 8, 41, 'exit 41');
	like($text, qr/interrupted/, 'words');
	stop($r);
};

subtest 'the password does not stay in argv' => sub {
	my $r = responder('-f', 'silent');
	my $pid = open3(my $in, my $out, undef, $probe, '-t', '20', @login, '--pwd', $pwd,
	    "127.0.0.1:$r->{port}");
	<$out>;	# after 3 s the arguments have long been read
	open(my $f, '<', "/proc/$pid/cmdline") or die;
	my $argv = do { local $/; <$f> };
	close $f;
	unlike($argv, qr/\Q$pwd\E/, 'overwritten');
	like($argv, qr/6pk11386/, 'the rest is there');
	kill 'TERM', $pid;
	waitpid $pid, 0;
	is($? >> 8, 41, 'SIGTERM ends it with its verdict');
	stop($r);
};

subtest 'full disk' => sub {
	my $r = responder();
	system("$probe 127.0.0.1:$r->{port} > /dev/full");
	is($? >> 8, 74, 'a report that cannot be written is not success');
	stop($r);
};

subtest 'usage' => sub {
	for my $argv ([], ['a', 'b'], ['-c', '0', 'a'], ['-c', 'x', 'a'], ['-i', '0', 'a'],
	    ['-t', '-1', 'a'], ['-t', 'nan', 'a'], ['--nonsense', 'a'], ['a:0'], ['a:65536'],
	    ['a:b'], ['a b'], [':8000'], ['--ufrag', 'x', 'a'], ['--pwd', 'x', 'a'],
	    ['--ufrag', "a\nb", '--pwd', 'x', 'a'], ['1.2.3.4:0'], ['[::1'], ['-c']) {
		my ($status, $out, $err) = run(@$argv);
		is($status, 64, "'@$argv' is refused");
		is($out, '', 'nothing on standard output');
		like($err, qr/^usage: /m, 'usage on standard error');
	}
	for my $argv (['-h'], ['--help']) {
		my ($status, $out, $err) = run(@$argv);
		is($status, 0, "$argv->[0] exits 0");
		like($out, qr/^usage: /, 'on standard output');
		is($err, '', 'nothing on standard error');
	}
	my ($status, $out) = run('-V');
	is($status, 0, '-V exits 0');
	like($out, qr/^rtc-stun-probe \d/, 'version');
};

done_testing();
