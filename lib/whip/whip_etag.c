#include "whip/whip_etag.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum whip_match
whip_etag_match(const char *field, const char *tag)
{
	size_t size = strlen(tag);

	field += strspn(field, " \t");
	if (field[0] == '*' && field[1 + strspn(field + 1, " \t")] == '\0')
		return WHIP_MATCH_ANY;
	while (*field != '\0') {
		bool weak = strncmp(field, "W/", 2) == 0;
		const char *at = field + (weak ? 2 : 0), *end;

		end = at[0] == '"' ? strchr(at + 1, '"') : NULL;
		if (end == NULL)
			return WHIP_MATCH_NONE;
		if (!weak && end == at + 2 && at[1] == '*')
			return WHIP_MATCH_ANY;
		if (!weak && (size_t)(end - at) == size + 1 && memcmp(at + 1, tag, size) == 0)
			return WHIP_MATCH_TAG;
		field = end + 1 + strspn(end + 1, " \t,");
	}
	return WHIP_MATCH_NONE;
}
