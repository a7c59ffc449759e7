// A worker's clock: a page in the background has its own timers slowed to one a second.
self.onmessage = ({ data }) => setInterval(() => self.postMessage(0), data);
