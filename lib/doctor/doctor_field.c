#include "doctor/doctor_field.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static void
copy_value(const char *value, size_t size, char *out, size_t cap)
{
	while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
		size--;
	size = MIN_OF(size, cap - 1);
	memcpy(out, value, size);
	out[size] = '\0';
}

bool
doctor_field(const char *head, const char *name, unsigned index, char *out, size_t cap, bool *space)
{
	size_t size = strlen(name);

	for (const char *p = head; *p != '\0'; p += strspn(p, "\r\n")) {
		size_t line = strcspn(p, "\r\n");

		if (line > size && p[size] == ':' && strncasecmp(p, name, size) == 0 &&
		    index-- == 0) {
			const char *value = p + size + 1, *end = p + line;

			if (space != NULL)
				*space = value < end && (*value == ' ' || *value == '\t');
			while (value < end && (*value == ' ' || *value == '\t'))
				value++;
			copy_value(value, (size_t)(end - value), out, cap);
			return true;
		}
		p += line;
	}
	return false;
}

bool
doctor_list_has(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (const char *p = list; *p != '\0'; p += *p == ',') {
		size_t item;

		p += strspn(p, " \t");
		item = strcspn(p, ", \t");
		if ((item == size && strncasecmp(p, word, size) == 0) || (item == 1 && *p == '*'))
			return true;
		p += strcspn(p, ",");
	}
	return false;
}
