/* The PROXY protocol's header. */
#include <assert.h>
#include <errno.h>

#include "http/http_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct http_proxy proxy;
	int result = http_proxy_parse(&proxy, buf, size);
	size_t wants = http_proxy_wants(buf, size);

	assert((wants > 0) == (result == -EAGAIN));
	assert(size + wants <= HTTP_PROXY_SIZE_MAX || wants == 0);
	if (result < 0)
		return 0;
	assert(result >= HTTP_PROXY_PREFIX_SIZE && (size_t)result <= size);
	if (proxy.known)
		assert(proxy.client.sa.sa_family != 0 && proxy.local.sa.sa_family != 0);
	/* The same of the header alone. */
	assert(http_proxy_parse(&proxy, buf, (size_t)result) == result);
	return 0;
}
