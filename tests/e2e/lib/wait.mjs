// Waiting for a condition, with a deadline; never for luck.

const POLL_MS = 25;

export const pause = (ms) =>
	new Promise((go) => {
		setTimeout(go, ms);
	});

export const now_ms = () => performance.timeOrigin + performance.now();

/** The first truthy value of fn(); throws after deadline_ms, telling what was awaited. */
export async function until(what, deadline_ms, fn) {
	const end = performance.now() + deadline_ms;
	let last = null;

	for (;;) {
		try {
			const value = await fn();

			if (value) return value;
			last = null;
		} catch (error) {
			last = error;
		}
		if (performance.now() > end)
			throw new Error(
				`${what}: not within ${deadline_ms} ms${last ? `; ${last}` : ''}`,
			);
		await pause(POLL_MS);
	}
}
