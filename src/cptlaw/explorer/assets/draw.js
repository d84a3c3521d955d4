// The figure: learning rate above, losses below; the dragged run, its pins, data and fits.
import { $, ask, latest } from "./parts.js";
import { choiceQuery, runQuery } from "./state.js";

const CONFIG = { displayModeBar: false, responsive: true };
const PADDING = 0.06;

export class Stage {
  // got(reply, done): what is told of the dragged run as soon as it is drawn.
  constructor(isDark, got, failed) {
    Object.assign(this, { isDark, got, failed });
    this.kept = new Map();
    this.ranges = null;
    this.draw = latest((state, done, began) => this.work(state, done, began));
  }

  forget() {
    this.kept.clear();
    this.ranges = null;
    this.live = null;
  }

  async fetched(key, path) {
    if (!this.kept.has(key)) {
      const reply = await ask(path);
      if (reply.error) return reply;
      if (this.kept.size > 40) this.kept.delete(this.kept.keys().next().value);
      this.kept.set(key, reply);
    }
    return this.kept.get(key);
  }

  async work(state, done, began) {
    const dark = this.isDark();
    const main = await ask(`/api/curves?${runQuery(state, state.choice, 0, dark)}`);
    if (main.error) { this.failed(main.error); return; }
    const pins = await Promise.all(state.pins.map((pin, i) => {
      const path = `/api/curves?${runQuery(state, pin, i + 1, dark)}`;
      return this.fetched(path, path);
    }));
    const layers = await this.layers(state, dark);
    const good = pins.filter((pin) => !pin.error);
    const traces = [...layers, ...good.flatMap((pin) => pin.traces), ...main.traces, ...(this.live || [])];
    const layout = { ...main.layout, shapes: [...main.peaks, ...main.shapes] };
    this.setRanges(layout, [main, ...good], [...layers, ...(this.live || [])], done);
    if (window.innerWidth <= 700) this.small(layout);
    await window.Plotly.react($("figure"), traces, layout, CONFIG);
    this.got(main, good, done);
    requestAnimationFrame(() => {
      document.documentElement.dataset.drawn = choiceQuery(state.choice);
      if (began) performance.measure("cptlaw-slide", { start: began, end: performance.now() });
    });
  }

  async layers(state, dark) {
    if (!state.layers.includes("data") && !state.layers.includes("fits")) return [];
    const given = new URLSearchParams({ layers: state.layers.join(","), show: state.shown.join(","), unit: state.unit, fit: state.fit, dark: dark ? "dark" : "" });
    const reply = await this.fetched(`layers ${given}`, `/api/layers?${given}`);
    return reply.error ? [] : reply.traces;
  }

  // All that is drawn is seen; while one drags an axis may grow but not shrink.
  setRanges(layout, runs, layers, done) {
    const count = runs[0].ranges.length;
    const found = [];
    for (let i = 0; i < count; i += 1) {
      let [low, high] = [Infinity, -Infinity];
      for (const run of runs) if (run.ranges[i]) { low = Math.min(low, run.ranges[i][0]); high = Math.max(high, run.ranges[i][1]); }
      const axis = i ? `y${i + 1}` : "y";
      for (const trace of layers) if (trace.yaxis === axis) for (const y of trace.y) if (y !== null) { low = Math.min(low, y); high = Math.max(high, y); }
      const room = PADDING * (high - low || Math.abs(high) || 1);
      found.push([i ? low - room : 0, high + room]);
    }
    if (!done && this.ranges && this.ranges.length === count) {
      found.forEach((range, i) => {
        range[0] = Math.min(range[0], this.ranges[i][0]);
        range[1] = Math.max(range[1], this.ranges[i][1]);
      });
    }
    this.ranges = found;
    layout.xaxis.range = [0, Math.max(...runs.map((run) => run.traces[0].x.at(-1)))];
    layout.xaxis.autorange = false;
    found.forEach((range, i) => {
      const axis = layout[i ? `yaxis${i + 1}` : "yaxis"];
      axis.range = range;
      axis.autorange = false;
    });
  }

  small(layout) {
    layout.margin = { l: 44, r: 6, t: 16, b: 30 };
    layout.font.size = 10;
    layout.xaxis.title = { text: "" };
    layout.annotations.forEach((each) => { each.font.size = 10; });
  }
}
