// A run that trains meanwhile: what was measured, how it will end, how sure that has become.
import { $, ask, make } from "./parts.js";

const EVERY = 4000;

export class Live {
  // query() is what the server is asked with; changed(traces) draws them.
  constructor(query, changed) {
    Object.assign(this, { query, changed });
    this.asked = 0;
  }

  start() {
    if (!this.timer) this.timer = setInterval(() => { if (!document.hidden) this.look(); }, EVERY);
    this.look();
  }

  async look() {
    const number = (this.asked += 1);
    const reply = await ask(`/api/live?${this.query()}`);
    if (number !== this.asked) return;
    $("live").hidden = false;
    if (reply.error) { $("live-said").textContent = reply.error; return; }
    this.show(reply);
    this.changed(reply);
  }

  show(reply) {
    $("live-title").textContent = `Training now: ${reply.run}`;
    const share = reply.steps ? reply.step / reply.steps : 0;
    $("live-progress").value = share;
    $("live-said").textContent = `step ${reply.step.toLocaleString("en")} of ${reply.steps.toLocaleString("en")} · ${reply.verdict}`;
    $("live-said").dataset.step = String(reply.step);
    const head = ["nats", "measured", "at end", "±", "± at first"].map((each) => make("th", { scope: "col" }, each));
    const digits = (value, count = 4) => (value === null ? "–" : value.toFixed(count));
    const rows = reply.rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.role),
      make("td", {}, digits(row.measured)), make("td", {}, digits(row.final)), make("td", {}, digits(row.reach, 3)), make("td", {}, digits(row.first, 3))));
    $("live-losses").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
    const words = [...reply.alarms.map((each) => make("p", { class: "warn" }, each)), make("p", { class: "lines" }, reply.basis)];
    if (reply.trouble) words.unshift(make("p", { class: "warn" }, `The log could not be read: ${reply.trouble}`));
    $("live-words").replaceChildren(...words);
  }
}
