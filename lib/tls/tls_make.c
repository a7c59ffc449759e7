/* tls_make.c - a self-signed pair, for a server that was given none. */
#include "tls/tls_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "base/bytes.h"

enum { ALT_NAMES_SIZE = 4096, PATH_SIZE = 512 };

/* Letters, digits, hyphens and dots: nothing that the text of an extension would read otherwise. */
static bool
is_host_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.";
	size_t size = strlen(name);

	return size > 0 && size <= 253 && strspn(name, allowed) == size;
}

/* "DNS:localhost,IP:127.0.0.1". 0 or -EINVAL. */
static int
alt_names(char out[static ALT_NAMES_SIZE], const char *const *names, size_t count)
{
	size_t used = 0;
	struct addr a;

	if (count == 0 || count > TLS_NAMES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		bool is_address = addr_parse(&a, names[i], 0) == 0;
		int size;

		if (!is_address && !is_host_name(names[i]))
			return -EINVAL;
		size = snprintf(out + used, ALT_NAMES_SIZE - used, "%s%s:%s", i > 0 ? "," : "",
				is_address ? "IP" : "DNS", names[i]);
		if (size < 0 || (size_t)size >= ALT_NAMES_SIZE - used)
			return -EINVAL;
		used += (size_t)size;
	}
	return 0;
}

static bool
add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool
fill(X509 *cert, EVP_PKEY *key, const char *alt)
{
	static const unsigned char common_name[] = "rtckit, self-signed";
	X509_NAME *name = X509_get_subject_name(cert);
	uint8_t serial[8];

	return RAND_bytes(serial, sizeof(serial)) == 1 &&
	       X509_set_version(cert, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), be64(serial) >> 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -86400) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(cert), TLS_SELF_DAYS - 1, 0, NULL) != NULL &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth") &&
	       add_extension(cert, NID_subject_alt_name, alt) &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

/* A file of this mode beside path, to be renamed over it. NULL with errno. */
static FILE *
open_aside(char aside[static PATH_SIZE], const char *path, mode_t mode)
{
	FILE *file;
	int fd, size = snprintf(aside, PATH_SIZE, "%s.new", path);

	if (size < 0 || size >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	(void)unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return NULL;
	file = fdopen(fd, "w");
	if (file == NULL)
		close(fd);
	return file;
}

/* Write one object aside. 0 or -errno. */
static int
write_pem(const char *path, mode_t mode, X509 *cert, EVP_PKEY *key)
{
	char aside[PATH_SIZE];
	FILE *file = open_aside(aside, path, mode);
	int ok;

	if (file == NULL)
		return -errno;
	ok = cert != NULL ? PEM_write_X509(file, cert)
			  : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	if (fclose(file) != 0 || ok != 1) {
		(void)unlink(aside);
		return -EIO;
	}
	return rename(aside, path) == 0 ? 0 : -errno;
}

int
tls_make_pair(const struct tls_pair *pair, const char *const *names, size_t count)
{
	char alt[ALT_NAMES_SIZE];
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int error = alt_names(alt, names, count);

	if (error != 0)
		return error;
	key = EVP_EC_gen("P-256");
	cert = X509_new();
	if (key == NULL || cert == NULL || !fill(cert, key, alt))
		error = -EIO;
	/* The key first: a certificate without its key would never fit anything. */
	if (error == 0)
		error = write_pem(pair->key, 0600, NULL, key);
	if (error == 0)
		error = write_pem(pair->cert, 0644, cert, NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
	return error;
}
