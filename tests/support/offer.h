/* offer.h - the beginning of an offer, under names as short as rows of a table want them. */
#ifndef RTCKIT_TESTS_OFFER_H
#define RTCKIT_TESTS_OFFER_H

#define PRINT                                                                                      \
	"C6:24:52:ED:C7:A5:DC:F0:45:8D:C2:E4:45:BD:68:59:BF:3C:E5:1A:CB:83:AC:DC:2F:07:C7:BE:95:"  \
	"FF:A5:85"
/* The session's lines, for two sections of one bundle, and its transport. */
#define HEAD                                                                                       \
	"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"                  \
	"a=fingerprint:sha-256 " PRINT                                                             \
	"\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n"

#endif
