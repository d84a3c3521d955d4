"use strict";
// Draws every figure from the data beside it, in the colours of the page.
(() => {
  const NARROW = 560;
  const LINE = 14;
  // A finger on a figure scrolls the page.
  const touched = window.matchMedia("(pointer: coarse)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ground = () => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const line = style.getPropertyValue("--line").trim();
    return { ink, line };
  };
  const themed = (layout) => {
    const { ink, line } = ground();
    const found = {
      ...layout,
      autosize: true,
      dragmode: touched.matches ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 13, family: "system-ui, sans-serif" },
      margin: { l: 60, r: 16, t: 16, b: 44 },
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", ...layout.legend },
    };
    for (const name of Object.keys(found)) {
      if (/^[xy]axis/.test(name)) found[name] = { gridcolor: line, linecolor: line, ...found[name] };
    }
    return found;
  };
  // Where there is little room, letters are smaller, and a long legend has its own height.
  const fitted = (place, data, layout) => {
    const found = themed(layout);
    if (place.clientWidth >= NARROW) return found;
    const height = layout.height ?? place.clientHeight;
    const names = found.showlegend ? data.filter((trace) => trace.showlegend !== false).length : 0;
    found.height = height + LINE * Math.max(names - 3, 0);
    found.font = { ...found.font, size: 11 };
    found.legend = { ...found.legend, y: 0, yref: "container", yanchor: "bottom" };
    for (const name of Object.keys(found)) {
      if (!/^[xy]axis/.test(name)) continue;
      const title = { ...found[name].title, font: { size: 11 } };
      found[name] = { ...found[name], title, nticks: name[0] === "x" ? 3 : 4 };
    }
    place.style.height = `${found.height}px`;
    return found;
  };
  const settings = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  const draw = () => {
    for (const place of document.querySelectorAll(".chart")) {
      const { data, layout } = JSON.parse(place.nextElementSibling.textContent);
      window.Plotly.react(place, data, fitted(place, data, layout), settings);
    }
  };
  if (window.Plotly) {
    draw();
    dark.addEventListener("change", draw);
  }
})();
