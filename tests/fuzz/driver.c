/*
 * driver.c - runs a fuzz target as a plain test: every file of tests/vectors/NAME (the target is
 * fuzz_NAME), every truncation of it, and seeded mutations. The same targets build with libFuzzer
 * under `make fuzz`.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/support.h"
#include "base/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { MUTATIONS = 20000, MUTANT_MAX = 65536 };

static void
feed(void *arg, const uint8_t *buf, size_t size)
{
	(void)arg;
	LLVMFuzzerTestOneInput(buf, size);
}

/* Flip, overwrite, cut, repeat: up to eight small changes in an exact-size copy. */
static void
mutate_and_feed(struct prng *rng, const uint8_t *seed, size_t seed_size)
{
	static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '\r', '\n', '"', ':', '{'};
	size_t size = seed_size, grow = prng_below(rng, 4) == 0 ? prng_below(rng, 64) : 0;
	uint8_t *buf = malloc(size + grow + 1);

	if (buf == NULL)
		abort();
	memcpy(buf, seed, size);
	for (size_t i = 0; i < grow; i++)
		buf[size + i] =
		    size > 0 ? seed[prng_below(rng, (uint32_t)size)] : (uint8_t)prng_next(rng);
	size += grow;
	for (uint32_t n = prng_below(rng, 8) + 1; n > 0 && size > 0; n--) {
		size_t at = prng_below(rng, (uint32_t)size);

		switch (prng_below(rng, 4)) {
		case 0:
			buf[at] ^= (uint8_t)(1u << prng_below(rng, 8));
			break;
		case 1:
			buf[at] = odd[prng_below(rng, sizeof(odd))];
			break;
		case 2:
			buf[at] = (uint8_t)prng_next(rng);
			break;
		default:
			size = prng_below(rng, 6) == 0 ? at : size;
			break;
		}
	}
	buf = realloc(buf, size > 0 ? size : 1);
	LLVMFuzzerTestOneInput(buf, size);
	free(buf);
}

static size_t
replay(const char *dir, struct prng *rng)
{
	char path[4096], name[2048];
	DIR *d;
	struct dirent *e;
	size_t count = 0, total = 0;

	snprintf(path, sizeof(path), "%s/%s", support_vectors(), dir);
	for (int pass = 0; pass < 2; pass++) {
		d = opendir(path);
		while (d != NULL && (e = readdir(d)) != NULL) {
			uint8_t *buf;
			size_t size;

			if (e->d_name[0] == '.')
				continue;
			if (pass == 0) {
				total++;
				continue;
			}
			snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
			buf = support_load(name, &size);
			if (size <= MUTANT_MAX) {
				support_truncations(buf, size < 4096 ? size : 4096, feed, NULL);
				for (size_t i = 0; i < MUTATIONS / total; i++)
					mutate_and_feed(rng, buf, size);
				count++;
			}
			free(buf);
		}
		if (d != NULL)
			closedir(d);
	}
	return count;
}

int
main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	const char *name = strstr(base != NULL ? base : argv[0], "fuzz_");
	char dir[256];
	struct prng rng = {support_seed()};
	size_t count;

	(void)argc;
	if (name == NULL)
		return 64;
	snprintf(dir, sizeof(dir), "%s", name + 5);
	dir[strcspn(dir, ".")] = '\0';
	printf("# seed %llu\n", (unsigned long long)rng.state);
	count = replay(dir, &rng);
	printf("1..1\n%s 1 - %s: %zu vectors, %d mutations\n", count > 0 ? "ok" : "not ok", dir,
	       count, MUTATIONS);
	return count > 0 ? 0 : 1;
}
