// Elements with text, never with markup of others.

/** An element with attributes; children are elements or texts. */
export function el(name, attributes = {}, ...children) {
	const element = document.createElement(name);

	for (const [key, value] of Object.entries(attributes))
		if (value !== null && value !== undefined && value !== false)
			element.setAttribute(key, value === true ? '' : value);
	element.append(...children);
	return element;
}

/**
 * Makes the children of a container those of items, in their order, keeping what is there: make(item)
 * gives a new one, update(element, item) brings it up to date. key(item) is unique.
 */
export function reconcile(container, items, { key, make, update }) {
	const old = new Map([...container.children].map((child) => [child.dataset.key, child]));

	items.forEach((item, i) => {
		let child = old.get(key(item));

		if (!child) {
			child = make(item);
			child.dataset.key = key(item);
		}
		old.delete(key(item));
		update(child, item);
		if (container.children[i] !== child)
			container.insertBefore(child, container.children[i] || null);
	});
	for (const child of old.values()) child.remove();
}

/** Sets the text of the cells of a row that differ, so that a selection in the others stays. */
export function setTexts(cells, texts) {
	texts.forEach((text, i) => {
		if (cells[i].textContent !== text) cells[i].textContent = text;
	});
}

/** Calls fn now and again after each end, while the page is seen. Returns a function that stops it. */
export function poll(fn, period_ms) {
	let timer = null;
	let stopped = false;
	const turn = async () => {
		clearTimeout(timer);
		if (!document.hidden) await fn();
		if (!stopped) timer = setTimeout(turn, period_ms);
	};

	document.addEventListener('visibilitychange', () => !document.hidden && !stopped && turn());
	turn();
	return () => {
		stopped = true;
		clearTimeout(timer);
	};
}
