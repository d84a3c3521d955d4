// Small things that every part of the page needs. Text from anywhere becomes text, never markup.

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export async function ask(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) return { error: `the server says ${response.status} ${response.statusText}.` };
  return response.json();
}

export function post(path, given) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) });
}

export function toast(words) {
  const place = $("toast");
  place.textContent = words;
  place.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { place.hidden = true; }, 2600);
}

export function trouble(id, words) {
  $(id).textContent = words || "";
  $(id).hidden = !words;
}

export function number(value, digits = 3) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return Number(value).toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(Number(value).toPrecision(Math.max(digits, Math.ceil(Math.log10(size))))));
}

export function save(name, text, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// At most one call at a time; of those that come meanwhile only the last is made.
export function latest(work) {
  let busy = false;
  let next = null;
  return async function run(...given) {
    if (busy) { next = given; return; }
    busy = true;
    try { await work(...given); } finally {
      busy = false;
      if (next) { const last = next; next = null; run(...last); }
    }
  };
}

export function later(work, wait) {
  let timer = 0;
  return (...given) => { clearTimeout(timer); timer = setTimeout(() => work(...given), wait); };
}
