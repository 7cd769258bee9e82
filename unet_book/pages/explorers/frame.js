// What every moving figure may use. `root` is the figure, `data` what Python gave it.
const part = css => root.querySelector(css);
const control = key => part(`[name="${key}"]`);
const value = key => Number(control(key).value);
const choice = key => control(key).value;
const say = text => { part(".says").textContent = text; };
const show = (key, text) => { control(key).closest(".control").querySelector("output").textContent = text; };

// Draw now, after every change of a control, and when the page gets wider or narrower.
function draws(draw) {
  const all = () => {
    for (const slider of root.querySelectorAll("input[type=range]")) {
      const beside = slider.closest(".control")?.querySelector("output");
      if (beside) beside.textContent = slider.value + beside.dataset.unit;
    }
    draw();
  };
  root.addEventListener("input", all);
  let width = root.clientWidth;
  new ResizeObserver(() => { if (root.clientWidth !== width) { width = root.clientWidth; draw(); } }).observe(root);
  all();
}

// An empty drawing as wide as the page allows, `height` px high; SVG units are px, so that text
// is as large on a phone as on a wide screen. Returns a pen: pen(tag, attributes, text).
function drawing(height, css = "svg.drawing") {
  const svg = part(css), width = svg.clientWidth || 320;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const pen = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, x] of Object.entries(attributes)) element.setAttribute(name, x);
    if (text !== undefined) element.textContent = text;
    return svg.appendChild(element);
  };
  return Object.assign(pen, { width, height });
}

// Axes over the whole drawing. x and y are [from, to]; log makes y logarithmic (powers of ten).
// Returns places(x, y) -> [px, px] and line(points, color, attributes).
function axes(pen, { x, y, log = false, xTicks, yTicks, xLabel = "", yLabel = "", left = 52 }) {
  const [right, top, bottom] = [pen.width - 12, 24, pen.height - 40];
  const up = v => log ? Math.log10(v) : v;
  const share = (v, [a, b]) => (v - a) / (b - a);
  const place = (h, v) => [left + (right - left) * share(h, x),
    bottom - (bottom - top) * share(up(v), y.map(up))];
  const inside = v => Math.min(Math.max(v, y[0]), y[1]);
  const name = (v, powers) => powers && (v < 0.001 || v >= 1e4) ? v.toExponential(0) : String(+v.toPrecision(6));
  for (const v of yTicks ?? (log ? decades(y) : steps(y))) {
    const [, h] = place(x[0], v);
    pen("line", { x1: left, x2: right, y1: h, y2: h, stroke: "var(--faint)" });
    pen("text", { x: left - 6, y: h + 4, "text-anchor": "end" }, name(v, log));
  }
  for (const v of xTicks ?? steps(x)) {
    const [h] = place(v, y[0]);
    pen("text", { x: h, y: bottom + 17, "text-anchor": "middle" }, name(v));
  }
  pen("text", { x: (left + right) / 2, y: pen.height - 6, "text-anchor": "middle" }, xLabel);
  pen("text", { x: 0, y: 12 }, yLabel);
  const line = (points, color, more = {}) => pen("polyline", { fill: "none", stroke: color,
    "stroke-width": 2, points: points.map(([h, v]) => place(h, inside(v)).join()).join(" "), ...more });
  return { place, line };
}

// Round numbers within [low, high], about five of them; and powers of ten.
function steps([low, high]) {
  const rough = (high - low) / 5, ten = 10 ** Math.floor(Math.log10(rough));
  const step = ten * [1, 2, 5, 10].find(m => m * ten >= rough);
  const count = Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => (Math.ceil(low / step - 1e-9) + i) * step);
}
function decades([low, high]) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const by = Math.max(1, Math.ceil((last - first) / 6));
  return Array.from({ length: Math.floor((last - first) / by) + 1 }, (_, i) => 10 ** (first + i * by));
}
