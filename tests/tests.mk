# How the tests are built and run.  `make unit/NAME` runs one unit test.

unit/%: $(B)/tests/unit/%.t
	CMOCKA_MESSAGE_OUTPUT=TAP prove -v $<
sim/%: $(B)/tests/sim/%.t
	CMOCKA_MESSAGE_OUTPUT=TAP prove -v $<
replay/%: $(B)/tests/fuzz/fuzz_%.t
	prove -v $<
