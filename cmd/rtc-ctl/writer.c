#include "writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

static void
print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT);
	putchar('\n');
}

/* Text of others goes to a terminal: nothing but printable characters. */
static void
clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void
octets_text(char *out, size_t size, double v)
{
	static const char units[] = " kMGTP";
	size_t i = 0;

	for (; v >= 10000 && units[i + 1] != '\0'; i++)
		v /= 1000;
	if (i == 0)
		snprintf(out, size, "%.0f", v);
	else
		snprintf(out, size, "%.1f%c", v, units[i]);
}

static void
ms_text(char *out, size_t size, double ms)
{
	unsigned long s = (unsigned long)(ms / 1000);

	if (s >= 3600)
		snprintf(out, size, "%luh%02lum", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(out, size, "%lum%02lus", s / 60, s % 60);
	else
		snprintf(out, size, "%.1fs", ms / 1000);
}

static void
codecs_text(char *out, size_t size, const json_t *tracks)
{
	size_t i, used = 0;
	json_t *track;

	out[0] = '\0';
	json_array_foreach(tracks, i, track)
	{
		json_t *codec = json_object_get(track, "codec");
		const char *name;
		int n;

		if (codec == NULL)
			codec = json_array_get(json_object_get(track, "codecs"), 0);
		name = json_is_string(codec) ? json_string_value(codec)
					     : json_string_value(json_object_get(codec, "name"));
		if (name == NULL)
			name = json_string_value(json_object_get(track, "kind"));
		n = snprintf(out + used, size - used, "%s%s", used > 0 ? "+" : "", name ?: "?");
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

static void
layers_text(char *out, size_t size, const json_t *layers)
{
	size_t i, used = 0;
	json_t *layer;

	out[0] = '\0';
	json_array_foreach(layers, i, layer)
	{
		const char *rid = json_string_value(json_object_get(layer, "rid"));
		bool active = json_is_true(json_object_get(layer, "active"));
		long long width = json_integer_value(json_object_get(layer, "width"));
		long long height = json_integer_value(json_object_get(layer, "height"));
		int n = snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", rid ?: "?");

		used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
		if (!active)
			n = snprintf(out + used, size - used, " off");
		else if (width > 0)
			n = snprintf(out + used, size - used, " %lldx%lld", width, height);
		else
			continue;
		used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
	}
}

static void
bps_text(char *out, size_t size, double bps)
{
	if (bps >= 999500)
		snprintf(out, size, "%.2fMbit/s", bps / 1000000);
	else
		snprintf(out, size, "%.0fkbit/s", bps / 1000);
}

/* The first picture of the list that comes now; "-" if none does. */
static void
picture_text(char *out, size_t size, const json_t *media)
{
	size_t i;
	json_t *m;

	out[0] = '\0';
	json_array_foreach(media, i, m)
	{
		const char *kind = json_string_value(json_object_get(m, "kind"));
		long long width = json_integer_value(json_object_get(m, "width"));
		double fps = json_number_value(json_object_get(m, "fps"));

		if (kind == NULL || strcmp(kind, "video") != 0 ||
		    !json_is_true(json_object_get(m, "active")))
			continue;
		if (width > 0)
			snprintf(out, size, "%lldx%lld@%.0f", width,
				 (long long)json_integer_value(json_object_get(m, "height")), fps);
		else
			snprintf(out, size, "?@%.0f", fps);
		return;
	}
}

/* What has an inside of its own, as JSON. */
static void
compact_text(char *out, size_t size, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	text_copy(out, size, text != NULL ? text : "?");
	free(text);
}

static void
plain_text(char *out, size_t size, const json_t *value)
{
	if (json_is_string(value))
		text_copy(out, size, json_string_value(value));
	else if (json_is_integer(value))
		snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(out, size, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
	else
		compact_text(out, size, value);
}

static void
cell_text(char out[static WRITER_CELL_SIZE], const json_t *value, enum writer_unit unit)
{
	double v = json_number_value(value);

	snprintf(out, WRITER_CELL_SIZE, "-");
	if (value == NULL || json_is_null(value))
		return;
	switch (unit) {
	case WRITER_PLAIN:
		plain_text(out, WRITER_CELL_SIZE, value);
		break;
	case WRITER_OCTETS:
		octets_text(out, WRITER_CELL_SIZE, v);
		break;
	case WRITER_MS:
		ms_text(out, WRITER_CELL_SIZE, v);
		break;
	case WRITER_US:
		snprintf(out, WRITER_CELL_SIZE, "%.1fms", v / 1000);
		break;
	case WRITER_COUNT:
		snprintf(out, WRITER_CELL_SIZE, "%zu", json_array_size(value));
		break;
	case WRITER_LAYERS:
		layers_text(out, WRITER_CELL_SIZE, value);
		break;
	case WRITER_BPS:
		bps_text(out, WRITER_CELL_SIZE, v);
		break;
	case WRITER_PICTURE:
		picture_text(out, WRITER_CELL_SIZE, value);
		break;
	case WRITER_CODECS:
		codecs_text(out, WRITER_CELL_SIZE, value);
		break;
	}
	if (out[0] == '\0')
		snprintf(out, WRITER_CELL_SIZE, "-");
	clean(out);
}

static void
column_text(char out[static WRITER_CELL_SIZE], const json_t *record, const struct writer_column *c)
{
	cell_text(out, json_object_get(record, c->member), c->unit);
}

static void
print_row(const json_t *record, const struct writer_column *columns, size_t count,
	  const size_t *widths)
{
	for (size_t i = 0; i < count; i++) {
		char text[WRITER_CELL_SIZE];

		if (record != NULL)
			column_text(text, record, &columns[i]);
		else
			text_copy(text, sizeof(text), columns[i].title);
		if (i + 1 < count)
			printf("%-*s  ", (int)widths[i], text);
		else
			printf("%s\n", text);
	}
}

void
writer_table(const json_t *records, const struct writer_column *columns, size_t count, bool json)
{
	size_t widths[WRITER_COLUMNS_MAX], i, k;
	json_t *record;

	assert(count <= WRITER_COLUMNS_MAX);
	if (json) {
		json_array_foreach(records, i, record) print_json(record);
		return;
	}
	for (k = 0; k < count; k++)
		widths[k] = strlen(columns[k].title);
	json_array_foreach(records, i, record)
	{
		for (k = 0; k < count; k++) {
			char text[WRITER_CELL_SIZE];

			column_text(text, record, &columns[k]);
			widths[k] = strlen(text) > widths[k] ? strlen(text) : widths[k];
		}
	}
	print_row(NULL, columns, count, widths);
	json_array_foreach(records, i, record) print_row(record, columns, count, widths);
}

void
writer_record(const json_t *record, bool json)
{
	const char *name;
	json_t *value;

	if (json) {
		print_json(record);
		return;
	}
	json_object_foreach((json_t *)record, name, value)
	{
		char text[WRITER_CELL_SIZE];

		cell_text(text, value, WRITER_PLAIN);
		printf("%-16s %s\n", name, text);
	}
}

static void
print_time(const json_t *ms)
{
	time_t s = (time_t)(json_number_value(ms) / 1000);
	struct tm tm;
	char text[32];

	if (localtime_r(&s, &tm) == NULL || strftime(text, sizeof(text), "%F %T", &tm) == 0)
		text_copy(text, sizeof(text), "?");
	printf("%s.%03d", text, (int)(json_integer_value(ms) % 1000));
}

void
writer_event(const json_t *event, bool json)
{
	const char *name;
	json_t *value;
	char text[WRITER_CELL_SIZE];

	if (json) {
		print_json(event);
		fflush(stdout);
		return;
	}
	print_time(json_object_get(event, "time"));
	cell_text(text, json_object_get(event, "event"), WRITER_PLAIN);
	printf(" %-17s", text);
	json_object_foreach((json_t *)event, name, value)
	{
		if (strcmp(name, "v") == 0 || strcmp(name, "time") == 0 ||
		    strcmp(name, "event") == 0)
			continue;
		cell_text(text, value, WRITER_PLAIN);
		printf(" %s=%s", name, text);
	}
	putchar('\n');
	fflush(stdout);
}
