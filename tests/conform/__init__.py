"""What rtc-conformance is made of: rows (tap), requests (ask), offers, ICE checks (stun), and the rules."""
