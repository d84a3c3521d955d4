// The state of the page <-> the query of its address. The server reads it with the same names.

const NUMBERS = ["potential", "peak", "steps", "warmup", "decay", "power", "end", "replay", "model_size"];
const WORDS = ["start", "base", "family", "decay_shape"];

function short(value) {
  return Number(value).toPrecision(6).replace(/\.?0+(e|$)/, "$1");
}

function choicePairs(choice) {
  const pairs = [];
  for (const name of WORDS) if (choice[name]) pairs.push([name, choice[name]]);
  for (const name of NUMBERS) {
    const value = choice[name];
    if (value !== null && value !== undefined) pairs.push([name, name === "steps" ? String(value) : short(value)]);
  }
  return pairs;
}

export function choiceQuery(choice) {
  return new URLSearchParams(choicePairs(choice)).toString();
}

export function query(state) {
  const pairs = [["v", "1"]];
  if (state.fit) pairs.push(["fit", state.fit]);
  pairs.push(...choicePairs(state.choice));
  for (const pin of state.pins) pairs.push(["pin", choiceQuery(pin)]);
  for (const [role, weight] of Object.entries(state.weights)) pairs.push([`w.${role}`, short(weight)]);
  pairs.push(...view(state));
  if (state.theme !== "auto") pairs.push(["theme", state.theme]);
  return new URLSearchParams(pairs).toString();
}

function view(state) {
  const pairs = [["layers", state.layers.join(",") || "none"]];
  if (state.shown.length) pairs.push(["show", state.shown.join(",")]);
  if (state.unit !== "steps") pairs.push(["unit", state.unit]);
  return pairs;
}

// What the curves of one run depend on.
export function runQuery(state, choice, colour, dark) {
  const pairs = [...choicePairs(choice), ...view(state), ["colour", String(colour)], ["dark", dark ? "dark" : ""]];
  if (state.fit) pairs.push(["fit", state.fit]);
  return new URLSearchParams(pairs).toString();
}

export function sameChoice(one, other) {
  return choiceQuery(one) === choiceQuery(other);
}
