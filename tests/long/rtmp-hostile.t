#!/bin/sh
# What is random in the hostile inputs, five times anew; the seeds are printed.
count=0
for round in 1 2 3 4 5; do
	seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
	out=$(HOSTILE_SEED=$seed "${0%/*}/../e2e/rtmp-hostile.t" 2>&1) && ok=ok || ok='not ok'
	count=$((count + 1))
	[ "$ok" = ok ] || echo "$out" | sed 's/^/# /'
	echo "$ok $count - seed $seed"
done
echo "1..$count"
