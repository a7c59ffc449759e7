/* stage_tls.c - the certificate and the handshake of an https address. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "stage_http.h"

enum {
	SOON_DAYS = 14,
	SPOKEN_US = 2000000,
	READ_SIZE = 4096,
	HANDSHAKE_MAX = 128 << 10 /* octets from the server; OpenSSL takes chains of 100 KB */
};

static int
connect_to(struct exam *x, const struct addr *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -errno;
	if ((connect(fd, &a->sa, addr_size(a)) < 0 && errno != EINPROGRESS) ||
	    exam_wait(x, &wait, 1, x->deadline_us) <= 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
		close(fd);
		return -ETIMEDOUT;
	}
	return fd;
}

/* The handshake goes on whatever the certificate is: the verdict is read afterwards. */
static int
accept_any(int good, X509_STORE_CTX *store)
{
	(void)good;
	(void)store;
	return 1;
}

/* What OpenSSL has to say leaves. 1, 0 no time left, -1 failed, -EINTR. */
static int
send_records(struct exam *x, int fd, BIO *out)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	char *data;
	size_t size = (size_t)BIO_get_mem_data(out, &data);

	for (size_t sent = 0; sent < size;) {
		ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
		int r = 1;

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN)
			return -1;
		else
			r = exam_wait(x, &wait, 1, x->deadline_us);
		if (r <= 0)
			return r;
	}
	(void)BIO_reset(out);
	return 1;
}

/*
 * 1 done, 0 no time left, -1 failed (OpenSSL's queue may have why), -EINTR. OpenSSL gets what came
 * in pieces: some messages it passes over for as long as there are more to read.
 */
static int
shake(struct exam *x, SSL *ssl, int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char buf[READ_SIZE];

	for (size_t taken = 0; taken < HANDSHAKE_MAX && clock_now_us() < x->deadline_us;) {
		int r = SSL_connect(ssl), error = SSL_get_error(ssl, r);
		int sent = send_records(x, fd, SSL_get_wbio(ssl));
		ssize_t n;

		if (r == 1 || sent <= 0)
			return sent;
		if (error != SSL_ERROR_WANT_READ)
			return -1;
		r = exam_wait(x, &wait, 1, x->deadline_us);
		if (r <= 0)
			return r;
		n = recv(fd, buf, sizeof(buf), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return -1;
		if (n > 0 && BIO_write(SSL_get_rbio(ssl), buf, (int)n) != n)
			return -1;
		taken += n > 0 ? (size_t)n : 0;
	}
	return clock_now_us() < x->deadline_us ? -1 : 0;
}

static enum doctor_cause
cause_of_failure(void)
{
	unsigned long error = ERR_peek_last_error();

	switch (ERR_GET_REASON(error)) {
	case SSL_R_WRONG_VERSION_NUMBER: /* something that is no TLS record */
	case SSL_R_HTTP_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return DOCTOR_TLS_PLAIN;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return DOCTOR_TLS_VERSION;
	default:
		return DOCTOR_TLS_HANDSHAKE;
	}
}

static enum doctor_cause
cause_of_verdict(long verdict, int chain_count)
{
	switch (verdict) {
	case X509_V_OK:
		return DOCTOR_NO_CAUSE;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return DOCTOR_TLS_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return DOCTOR_TLS_EARLY;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return DOCTOR_TLS_NAME;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return DOCTOR_TLS_SELF_SIGNED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return chain_count > 1 ? DOCTOR_TLS_UNTRUSTED : DOCTOR_TLS_CHAIN;
	default:
		return DOCTOR_TLS_UNTRUSTED;
	}
}

static void
say_certificate(struct doctor_finding *f, X509 *cert)
{
	char subject[128] = "", issuer[128] = "";
	int days = 0, seconds = 0;

	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, subject,
				  sizeof(subject));
	X509_NAME_get_text_by_NID(X509_get_issuer_name(cert), NID_commonName, issuer,
				  sizeof(issuer));
	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert));
	if (days < 0 || seconds < 0)
		doctor_say(f, "certificate of %s by %s, over since %d days", subject, issuer,
			   -days);
	else
		doctor_say(f, "certificate of %s by %s, %d days left", subject, issuer, days);
	if (days >= 0 && seconds >= 0 && days < SOON_DAYS)
		doctor_blame(f, DOCTOR_TLS_SOON);
}

static void
judge(struct exam *x, struct doctor_finding *f, SSL *ssl)
{
	long verdict = SSL_get_verify_result(ssl);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	int count = chain != NULL ? sk_X509_num(chain) : 0;
	X509 *cert = SSL_get0_peer_certificate(ssl);

	doctor_say(f, "%s, %s, chain of %d", SSL_get_version(ssl), SSL_get_cipher_name(ssl), count);
	if (verdict != X509_V_OK)
		doctor_say(f, "%s", X509_verify_cert_error_string(verdict));
	if (cert != NULL)
		say_certificate(f, cert);
	if (verdict != X509_V_OK)
		doctor_blame(f, x->o.client.whip.insecure ? DOCTOR_TLS_IGNORED
							  : cause_of_verdict(verdict, count));
	if (verdict == X509_V_OK || x->o.client.whip.insecure)
		x->have |= EXAM_TLS;
}

static SSL *
make_ssl(struct exam *x, SSL_CTX *ctx)
{
	BIO *in, *out;
	const char *ca = x->o.client.whip.ca_file;
	struct addr a;
	SSL *ssl;

	if (ca != NULL ? SSL_CTX_load_verify_file(ctx, ca) != 1
		       : SSL_CTX_set_default_verify_paths(ctx) != 1)
		ERR_clear_error(); /* then nothing is trusted, and the verdict says so */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
	ssl = SSL_new(ctx);
	in = BIO_new(BIO_s_mem());
	out = BIO_new(BIO_s_mem());
	if (ssl == NULL || in == NULL || out == NULL) {
		BIO_free(in);
		BIO_free(out);
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_bio(ssl, in, out); /* takes both */
	if (addr_parse(&a, x->host, 0) == 0) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), x->host);
	} else {
		SSL_set1_host(ssl, x->host);
		SSL_set_tlsext_host_name(ssl, x->host);
	}
	return ssl;
}

static void
examine(struct exam *x, struct doctor_finding *f, SSL *ssl, int fd)
{
	int r = shake(x, ssl, fd);
	enum doctor_cause cause;

	if (r == 1) {
		judge(x, f, ssl);
	} else if (r == 0) {
		doctor_say(f, "no answer to the TLS handshake");
		doctor_blame(f, DOCTOR_TLS_SILENT);
	} else if (r == -1) {
		const char *words = ERR_reason_error_string(ERR_peek_last_error());

		cause = cause_of_failure();
		doctor_say(f, "%s", words != NULL ? words : "the connection was closed");
		doctor_blame(f, cause);
	}
}

static void
say_plain(struct exam *x, struct doctor_finding *f)
{
	doctor_say(f, "not used (http://)");
	x->have |= EXAM_TLS;
	if (x->o.action == WHIP_PUBLISH && !addr_is_loopback(&x->reached))
		doctor_blame(f, DOCTOR_HTTP_INSECURE);
}

void
stage_tls(struct exam *x, struct doctor_finding *f)
{
	SSL_CTX *ctx;
	SSL *ssl = NULL;
	int fd;

	if (!x->https) {
		say_plain(x, f);
		return;
	}
	ctx = SSL_CTX_new(TLS_client_method());
	fd = connect_to(x, &x->reached);
	if (ctx != NULL && fd >= 0)
		ssl = make_ssl(x, ctx);
	ERR_clear_error();
	if (ssl != NULL) {
		examine(x, f, ssl, fd);
	} else {
		doctor_say(f, "no connection for it");
		doctor_blame(f, fd < 0 ? DOCTOR_TLS_SILENT : DOCTOR_INTERNAL);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
}

bool
tls_spoken(struct exam *x)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd;
	SSL *ssl;
	bool spoken;

	/* Asked when the stage failed, which may have taken its time. */
	x->deadline_us = MAX_OF(x->deadline_us, clock_now_us() + SPOKEN_US);
	fd = connect_to(x, &x->reached);
	ssl = ctx != NULL && fd >= 0 ? make_ssl(x, ctx) : NULL;
	spoken = ssl != NULL && shake(x, ssl, fd) == 1;

	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	return spoken;
}
