/* Templates of paths and paths: a line each. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf_mount.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char text[2 * CONF_MOUNT_MAX + 1], name[TEXT_STREAM_SIZE], *path;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, buf, size);
	text[size] = '\0';
	path = strchr(text, '\n');
	if (path == NULL)
		return 0;
	*path++ = '\0';
	if (conf_mount_fault(text) == NULL && conf_mount_match(text, path, name, sizeof(name)) == 0)
		assert(strchr(name, '/') != NULL);
	return 0;
}
