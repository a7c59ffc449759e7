// Small live charts: the last minute of a few figures, each with its present value.

const HISTORY = 60; // samples, one a second
const HEIGHT = 44; // CSS pixels

class Chart {
	/** spec: {name, of(stats) -> number or null, text(number)}; floor: the least full scale. */
	constructor(spec) {
		this.spec = spec;
		this.values = [];
		this.canvas = document.createElement('canvas');
		this.canvas.setAttribute('aria-hidden', 'true');
		this.value = document.createElement('b');
		const name = document.createElement('span');
		const head = document.createElement('p');

		name.textContent = spec.name;
		head.append(name, this.value);
		this.element = document.createElement('div');
		this.element.className = 'chart';
		this.element.dataset.figure = spec.id;
		this.element.append(head, this.canvas);
	}

	push(stats) {
		const value = this.spec.of(stats);

		this.values.push(value);
		if (this.values.length > HISTORY) this.values.shift();
		this.value.textContent = value === null ? '–' : this.spec.text(value);
	}

	draw() {
		const ratio = window.devicePixelRatio || 1;
		const width = this.canvas.clientWidth || 120;
		const { canvas } = this;

		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(HEIGHT * ratio);
		const g = canvas.getContext('2d');

		g.scale(ratio, ratio);
		const known = this.values.filter((v) => v !== null);
		const top = Math.max(this.spec.floor, ...known) * 1.1;
		const style = getComputedStyle(this.element);
		const first = HISTORY - this.values.length;
		const at = (i) => ((first + i) / (HISTORY - 1)) * width;

		g.strokeStyle = style.getPropertyValue('--accent');
		g.fillStyle = g.strokeStyle;
		g.lineWidth = 1.5;
		g.lineJoin = 'round';
		this.area(g, at, (v) => HEIGHT - 1 - (v / top) * (HEIGHT - 3));
	}

	// A line with a faint ground below it; a gap where nothing is known.
	area(g, x, y) {
		let run = [];
		const flush = () => {
			if (run.length > 0) {
				g.beginPath();
				run.forEach(([px, py], i) =>
					i ? g.lineTo(px, py) : g.moveTo(px, py),
				);
				g.stroke();
				g.lineTo(run.at(-1)[0], HEIGHT);
				g.lineTo(run[0][0], HEIGHT);
				g.globalAlpha = 0.15;
				g.fill();
				g.globalAlpha = 1;
			}
			run = [];
		};

		this.values.forEach((v, i) => (v === null ? flush() : run.push([x(i), y(v)])));
		flush();
	}
}

export class Charts {
	constructor(container, specs) {
		this.container = container;
		this.charts = specs.map((spec) => new Chart(spec));
		container.replaceChildren(...this.charts.map((chart) => chart.element));
		new ResizeObserver(() => this.draw()).observe(container);
	}

	draw() {
		if (!this.container.hidden) this.charts.forEach((chart) => chart.draw());
	}

	push(stats) {
		this.charts.forEach((chart) => chart.push(stats));
		this.draw();
	}

	/** Begin anew. */
	clear() {
		this.charts.forEach((chart) => {
			chart.values = [];
			chart.value.textContent = '';
		});
	}
}
