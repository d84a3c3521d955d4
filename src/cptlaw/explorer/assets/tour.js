// A tour: some runs one after the other, each with a sentence on what to see.
import { $, make } from "./parts.js";

function stops(opened) {
  const first = opened.first;
  const has = (name) => opened.dials.some((dial) => dial.name === name);
  const withData = opened.layers.includes("data") ? ["intervals", "data"] : ["intervals"];
  const found = [
    ["This run was never done. Above is its learning rate; below, the losses that are foreseen on each domain. The shaded stretch holds 90 % of such runs.", {}, ["intervals"]],
    ["Half the peak: less is forgotten on the old data, less is learnt of the new. Drag \"peak LR\" to see it move.", { peak: first.peak / 2 }, ["intervals"]],
    ["A constant rate with a decay at its end (wsd). Look at the end of each curve: the decay brings the loss down at once.", { family: "wsd", decay: 0.3, peak: first.peak / 2 }, ["intervals"]],
  ];
  if (withData.length > 1) found.splice(1, 0, ["In grey, runs that were really done. The law was fitted to them, and nothing else is known.", {}, withData]);
  if (has("replay")) found.push(["A fifth of the old data mixed in: nearly all that was forgotten comes back, at a small price on the new.", { family: "wsd", decay: 0.3, peak: first.peak / 2, replay: 0.2 }, ["intervals"]]);
  found.push(
    ["Four times as long as any run that was fitted. The orange band says so, intervals widen, and the verdict on the right tells what it rests on.", { steps: 4 * first.steps }, ["intervals"]],
    ["Say what counts by the weights on the right. The optimum for them is marked below its sliders; \"Use it\" takes it.", {}, ["intervals"], true],
    ["Now your own: open a log or a fit (above), or drop it anywhere on this page.", {}, withData],
  );
  return found;
}

export class Tour {
  // show(choice changes from the first run, layers, whether to look for the optimum)
  constructor(show) {
    this.show = show;
    $("tour").addEventListener("click", () => this.start());
  }

  start() {
    this.stops = stops(this.opened);
    this.at = 0;
    this.tell();
    $("tour-next").focus();
  }

  tell() {
    const [words, changes, layers, best] = this.stops[this.at];
    const last = this.at === this.stops.length - 1;
    const next = make("button", { type: "button", id: "tour-next", class: "main-button", onclick: () => this.next() }, last ? "Done" : "Next");
    const end = make("button", { type: "button", onclick: () => this.end() }, "End");
    $("tour-box").replaceChildren(make("p", {}, `${this.at + 1}/${this.stops.length}  ${words}`), make("div", { class: "row" }, next, last ? "" : end));
    $("tour-box").hidden = false;
    window.Plotly.Plots.resize($("figure"));
    this.show({ ...this.opened.first, ...changes }, layers, Boolean(best));
    $("tour-next").focus();
  }

  next() {
    this.at += 1;
    if (this.at < this.stops.length) this.tell(); else this.end();
  }

  end() {
    $("tour-box").hidden = true;
    window.Plotly.Plots.resize($("figure"));
    $("tour").focus();
  }
}
