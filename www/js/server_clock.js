// The server's clock from the Date fields of its answers, which are whole seconds: each answer says
// that the offset lies within an interval, and the intervals' intersection grows small.

export class ServerClock {
	constructor() {
		this.low = -Infinity;
		this.high = Infinity;
	}

	/** An answer to a question of asked_ms that came at got_ms; field: its Date, or null. */
	take(asked_ms, got_ms, field) {
		const date_ms = Date.parse(field ?? '');

		if (Number.isNaN(date_ms)) return;
		const low = Math.max(this.low, date_ms - got_ms);
		const high = Math.min(this.high, date_ms + 1000 - asked_ms);

		// One of the clocks was set: begin anew.
		[this.low, this.high] =
			low <= high ? [low, high] : [date_ms - got_ms, date_ms + 1000 - asked_ms];
	}

	/** Milliseconds; without an answer that says more, the browser's own clock. */
	now() {
		const offset =
			this.low > -Infinity && !(this.low <= 0 && this.high >= 0)
				? (this.low + this.high) / 2
				: 0;

		return Date.now() + offset;
	}
}
