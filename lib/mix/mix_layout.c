/* mix_layout.c - rectangles on a canvas. */
#include "mix/mix.h"

#include "base/bytes.h"

enum { CELL_MIN = 16, PIP_FEW = 3 /* side by side */, PIP_MARGIN_SHARE = 40 };

static unsigned
even(unsigned n)
{
	return n & ~1u;
}

static unsigned
columns_of(unsigned count)
{
	unsigned n = 1;

	while (n * n < count)
		n++;
	return n;
}

static void
place_grid(unsigned count, unsigned width, unsigned height, struct mix_rect *out)
{
	unsigned columns = columns_of(count), rows = (count + columns - 1) / columns;
	unsigned cell_width = even(width / columns), cell_height = even(height / rows);
	unsigned top = even((height - rows * cell_height) / 2);

	for (unsigned i = 0; i < count; i++) {
		unsigned row = i / columns;
		unsigned in_row = row + 1 < rows ? columns : count - row * columns;
		unsigned left = even((width - in_row * cell_width) / 2);

		out[i] = (struct mix_rect){left + i % columns * cell_width, top + row * cell_height,
					   cell_width, cell_height};
	}
}

/* How many of the pictures above the first lie side by side; each is one more part of the width. */
static unsigned
pip_row(unsigned count)
{
	return count - 1 <= PIP_FEW * PIP_FEW ? PIP_FEW : PIP_FEW + 1;
}

/* Over the first, from the lower right corner to the left, then a row higher. */
static void
place_pip(unsigned count, unsigned width, unsigned height, struct mix_rect *out)
{
	unsigned in_row = pip_row(count);
	unsigned w = even(width / (in_row + 1)), h = even(height / (in_row + 1));
	unsigned margin = even(MIN_OF(width, height) / PIP_MARGIN_SHARE);

	out[0] = (struct mix_rect){0, 0, even(width), even(height)};
	for (unsigned i = 1; i < count; i++) {
		unsigned column = (i - 1) % in_row + 1, row = (i - 1) / in_row + 1;

		out[i] = (struct mix_rect){even(width) - column * (w + margin),
					   even(height) - row * (h + margin), w, h};
	}
}

unsigned
mix_places(enum mix_layout layout, unsigned count, unsigned width, unsigned height,
	   struct mix_rect out[static MIX_MEMBERS_MAX])
{
	unsigned share;

	if (count == 0 || count > MIX_MEMBERS_MAX)
		return 0;
	share = layout == MIX_GRID ? columns_of(count) : count > 1 ? pip_row(count) + 1 : 1;
	if (width / share < CELL_MIN || height / share < CELL_MIN)
		return 0;
	if (layout == MIX_PIP)
		place_pip(count, width, height, out);
	else
		place_grid(count, width, height, out);
	return count;
}

struct mix_rect
mix_fit(const struct mix_rect *cell, unsigned width, unsigned height)
{
	struct mix_rect r = *cell;
	uint64_t by_width, by_height;

	if (width == 0 || height == 0)
		return r;
	by_width = (uint64_t)cell->width * height;
	by_height = (uint64_t)cell->height * width;
	if (by_width > by_height)
		r.width = MAX_OF(even((unsigned)(by_height / height)), 2u);
	else
		r.height = MAX_OF(even((unsigned)(by_width / width)), 2u);
	r.x += even((cell->width - r.width) / 2);
	r.y += even((cell->height - r.height) / 2);
	return r;
}
