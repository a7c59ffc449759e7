/*
 * Makes and judges single STUN messages for the tests that speak through nc.
 *
 *	stun_check make UFRAG REMOTE PWD	a Binding request to standard output
 *	stun_check read PWD			what one message on standard input says, a line each
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "stun/stun.h"

enum { INPUT_MAX = 4096 };

static int
make(const char *ufrag, const char *remote, const char *pwd)
{
	struct stun_writer w;
	uint8_t buf[STUN_MESSAGE_MAX], txid[STUN_TXID_SIZE];
	int size;

	random_bytes(txid, sizeof(txid));
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, txid);
	stun_add_username(&w, ufrag, remote);
	stun_add_u32(&w, STUN_PRIORITY, 0x6e7f1eff);
	stun_add_u64(&w, STUN_ICE_CONTROLLING, random_u64());
	size = stun_finish(&w, pwd, true);
	return size > 0 && fwrite(buf, 1, (size_t)size, stdout) == (size_t)size ? 0 : 1;
}

static const char *
word_of(int rc)
{
	return rc == 0 ? "right" : rc == -ENOENT ? "absent" : "wrong";
}

static int
read_one(const char *pwd)
{
	static const char *const classes[] = {[STUN_REQUEST] = "request",
					      [STUN_INDICATION] = "indication",
					      [STUN_SUCCESS] = "success",
					      [STUN_ERROR] = "error"};
	uint8_t buf[INPUT_MAX];
	char text[ADDR_TEXT_SIZE], txid[2 * STUN_TXID_SIZE + 1];
	size_t size = fread(buf, 1, sizeof(buf), stdin), n;
	struct stun_msg msg;
	struct addr a;
	int code;

	printf("size %zu\n", size);
	if (stun_parse(&msg, buf, size) < 0) {
		puts("class none");
		return 1;
	}
	printf("class %s\nmethod %u\ntxid %s\n", classes[msg.class], msg.method,
	       text_hex(txid, msg.txid, STUN_TXID_SIZE));
	printf("integrity %s\n", word_of(stun_verify_integrity(&msg, pwd)));
	printf("fingerprint %s\n", word_of(stun_verify_fingerprint(&msg)));
	printf("username %s\n", stun_attr(&msg, STUN_USERNAME, &n) != NULL ? "present" : "absent");
	printf("software %s\n", stun_attr(&msg, STUN_SOFTWARE, &n) != NULL ? "present" : "absent");
	if (stun_get_address(&msg, STUN_XOR_MAPPED_ADDRESS, &a) == 0)
		printf("mapped %s\n", addr_format(&a, text));
	if (stun_get_error(&msg, &code) == 0)
		printf("error %d\n", code);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "make") == 0)
		return make(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "read") == 0)
		return read_one(argv[2]);
	fputs("usage: stun_check make UFRAG REMOTE PWD | read PWD\n", stderr);
	return 64;
}
