// The knobs: a slider and a number for each, with the fitted range and the optimum marked.
import { $, make, number } from "./parts.js";

const PLACES = 1000;
const CHOSEN = ["peak", "decay", "replay"]; // by the optimum
const HELP = { power: 3, replay: 3 };

function place(dial, value) {
  const share = dial.is_log ? Math.log(value / dial.low) / Math.log(dial.high / dial.low) : (value - dial.low) / (dial.high - dial.low);
  return Math.min(Math.max(share, 0), 1);
}

function valueAt(dial, share) {
  const value = dial.is_log ? dial.low * (dial.high / dial.low) ** share : dial.low + share * (dial.high - dial.low);
  return dial.is_whole ? Math.round(Number(value.toPrecision(3))) : Number(value.toPrecision(3));
}

export class Dials {
  // opened: what the server said of the fit; turned(choice changes, whether it is done).
  constructor(opened, turned) {
    this.opened = opened;
    this.turned = turned;
    this.rows = new Map();
    const box = $("dials");
    box.replaceChildren();
    this.startRow(box);
    for (const dial of opened.dials) {
      if (dial.name === "warmup") this.formRow(box);
      this.numberRow(box, dial);
    }
  }

  show(choice, best = null) {
    this.choice = choice;
    this.showStart(choice);
    this.form.value = choice.family;
    const shapes = this.opened.shapes[choice.family] || [];
    this.shapeBox.hidden = !shapes.length;
    this.shape.value = choice.decay_shape;
    for (const { dial, box, slider, field, mark } of this.rows.values()) {
      const value = choice[dial.name];
      const own = (!dial.families.length || dial.families.includes(choice.family))
        || (dial.shapes.includes(choice.decay_shape) && choice.family === "wsd");
      box.hidden = !own;
      if (value === null || value === undefined) continue;
      slider.value = String(Math.round(place(dial, value) * PLACES));
      slider.setAttribute("aria-valuetext", number(value, 4));
      if (document.activeElement !== field) field.value = number(value, HELP[dial.name] || 4);
      const out = dial.fitted && (value < dial.fitted[0] * 0.99 - 1e-12 || value > dial.fitted[1] * 1.01 + 1e-12);
      box.classList.toggle("beyond", Boolean(out));
      mark.hidden = !(best && CHOSEN.includes(dial.name) && (dial.name !== "decay" || best.family === "wsd"));
      if (!mark.hidden) {
        mark.style.left = `calc(8px + ${place(dial, best[dial.name])} * (100% - 16px))`;
        mark.title = `optimum: ${number(best[dial.name], 3)}`;
      }
    }
  }

  numberRow(parent, dial) {
    const id = `dial-${dial.name}`;
    const slider = make("input", { type: "range", min: "0", max: String(PLACES), step: "1", id: `${id}-slider`, "aria-label": dial.words, "data-name": dial.name });
    const field = make("input", { type: "text", inputmode: "decimal", id, autocomplete: "off" });
    const track = make("div", { class: "track" });
    if (dial.fitted) {
      const [low, high] = dial.fitted.map((each) => place(dial, Math.max(each, dial.low)));
      const known = make("div", { class: "known", title: `fitted: ${number(dial.fitted[0])} to ${number(dial.fitted[1])}` });
      known.style.left = `calc(8px + ${low} * (100% - 16px) - 2px)`;
      known.style.width = `calc(${high - low} * (100% - 16px) + 4px)`;
      track.append(known);
    }
    const mark = make("div", { class: "mark", hidden: true });
    track.append(mark, slider);
    slider.addEventListener("input", () => this.turned({ [dial.name]: valueAt(dial, slider.value / PLACES) }, false));
    slider.addEventListener("change", () => this.turned({ [dial.name]: valueAt(dial, slider.value / PLACES) }, true));
    field.addEventListener("change", () => {
      const value = Number(field.value.replace(/[, _]/g, ""));
      if (Number.isFinite(value) && field.value.trim()) this.turned({ [dial.name]: this.allowed(dial, value) }, true);
      else field.value = number(this.choice[dial.name], 4);
    });
    const box = make("div", { class: "dial" }, make("div", { class: "dial-head" }, make("label", { for: id }, dial.words), field), track);
    parent.append(box);
    this.rows.set(dial.name, { dial, box, slider, field, mark });
  }

  // Typed numbers may leave the slider's range, not what can be.
  allowed(dial, value) {
    if (dial.is_whole) return Math.min(Math.max(Math.round(value), 2), this.opened.most_steps);
    if (dial.name === "peak") return Math.min(Math.max(value, 1e-9), 1);
    if (dial.name === "model_size") return Math.max(value, 1);
    return Math.min(Math.max(value, dial.is_log ? dial.low : 0), dial.name === "power" ? 20 : dial.name === "warmup" ? 0.9 : 1);
  }

  pick(id, words, options, turned) {
    const select = make("select", { id }, ...options.map((each) => make("option", { value: each }, each)));
    select.addEventListener("change", () => turned(select.value));
    return [select, make("div", { class: "dial" }, make("div", { class: "dial-head" }, make("label", { for: id }, words), select))];
  }

  formRow(parent) {
    const [form, box] = this.pick("dial-family", "schedule", this.opened.forms, (value) => this.turned({ family: value }, true));
    const shapes = this.opened.shapes.wsd || [];
    const [shape, shapeBox] = this.pick("dial-shape", "decay shape", shapes, (value) => {
      const end = value === "exponential" && !this.choice.end ? { end: 0.01 } : {};
      this.turned({ decay_shape: value, ...end }, true);
    });
    Object.assign(this, { form, shape, shapeBox });
    parent.append(box, shapeBox);
  }

  startRow(parent) {
    const { origins } = this.opened;
    if (!origins.length) {
      if (this.opened.phase !== "cpt") return;
      const base = make("input", { id: "dial-base", type: "text", autocomplete: "off", spellcheck: "false" });
      base.addEventListener("change", () => this.turned({ base: base.value, start: "" }, true));
      this.base = base;
      parent.append(make("div", { class: "dial" }, make("label", { for: "dial-base" }, "pre-training, as a schedule"), base));
      base.style.cssText = "width: 100%; text-align: left";
      this.potentialRow(parent);
      return;
    }
    const [run, box] = this.pick("dial-start", "starts from", origins.map((each) => each.name), (name) => {
      const origin = origins.find((each) => each.name === name);
      this.turned({ start: this.startText(origin, origin.branch), potential: null }, true);
    });
    this.run = run;
    parent.append(box);
    if (!origins.some((each) => each.steps)) return;
    const dial = { name: "start-step", words: "at step", low: 1, high: 2, is_whole: true, families: [], shapes: [] };
    const slider = make("input", { type: "range", min: "0", max: String(PLACES), step: "1", "aria-label": "step that it starts from" });
    const field = make("input", { type: "text", inputmode: "numeric", id: "dial-start-step", autocomplete: "off" });
    const known = make("div", {});
    const track = make("div", { class: "track" }, known, slider);
    const turn = (value, done) => {
      const origin = this.origin();
      const step = Math.min(Math.max(Math.round(value), 1), origin.steps);
      this.turned({ start: this.startText(origin, step) }, done);
    };
    const at = () => Math.max(1, (slider.value / PLACES) * this.origin().steps);
    slider.addEventListener("input", () => turn(at(), false));
    slider.addEventListener("change", () => turn(at(), true));
    field.addEventListener("change", () => turn(Number(field.value.replace(/[, _]/g, "")) || 1, true));
    this.step = { dial, slider, field };
    parent.append(make("div", { class: "dial" }, make("div", { class: "dial-head" }, make("label", { for: "dial-start-step" }, "at step"), field), track));
    this.potentialRow(parent);
  }

  potentialRow(parent) {
    const slider = make("input", { type: "range", min: "0", max: "100", step: "1", id: "dial-potential", "aria-label": "loss potential of the start" });
    const said = make("output", { for: "dial-potential" });
    const send = (done) => this.turned({ potential: slider.value === "100" ? null : slider.value / 100 }, done);
    slider.addEventListener("input", () => send(false));
    slider.addEventListener("change", () => send(true));
    this.potential = { slider, said };
    parent.append(make("div", { class: "dial" }, make("div", { class: "dial-head" }, make("label", { for: "dial-potential" }, "loss potential of the start"), said), make("div", { class: "track" }, slider)));
  }

  startText(origin, step) {
    return origin.steps && step < origin.steps ? `${origin.name}@${step}` : origin.name;
  }

  origin() {
    const { origins } = this.opened;
    const named = (each) => each.name === this.choice.start || this.choice.start.startsWith(`${each.name}@`);
    return origins.find((each) => each.name === this.choice.start) || origins.find(named) || origins[0];
  }

  showStart(choice) {
    if (this.base && document.activeElement !== this.base) this.base.value = choice.base;
    if (this.potential) this.potential.slider.value = String(Math.round(100 * (choice.potential ?? 1)));
    if (!this.run) return;
    const origin = this.origin();
    this.run.value = origin.name;
    if (!this.step) return;
    const text = choice.start.slice(origin.name.length + 1);
    const step = Number(text) || origin.steps;
    this.step.slider.value = String(Math.round((PLACES * step) / origin.steps));
    if (document.activeElement !== this.step.field) this.step.field.value = String(step);
  }

  // What the server says of the start that was asked for.
  showPotential(start) {
    if (!this.potential) return;
    const share = start.potential === null ? "unknown" : `${Math.round(100 * start.potential)} %`;
    this.potential.said.textContent = share;
    this.potential.slider.setAttribute("aria-valuetext", share);
    if (this.choice.potential === null && start.potential !== null) this.potential.slider.value = String(Math.round(100 * start.potential));
  }
}
