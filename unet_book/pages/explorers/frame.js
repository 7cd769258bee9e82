// What every live figure may use. `root` is the figure, `data` what Python gave it.
const part = css => root.querySelector(css);
const control = key => part(`[name="${key}"]`);
const value = key => Number(control(key).value);
const choice = key => control(key).value;
const say = text => { part(".says").textContent = text; };

// What is read beside a slider, and spoken.
function show(key, text) {
  const slider = control(key), beside = slider.closest(".control")?.querySelector("output");
  slider.setAttribute("aria-valuetext", text);
  if (beside) beside.textContent = text;
}

// The longest that `say` may say: there is room for it, so that nothing below ever moves.
function reserve(...texts) {
  part(".room").replaceChildren(...texts.map(text => Object.assign(document.createElement("span"), { textContent: text })));
}

// ---- numbers as a reader writes them

const minus = text => String(text).replace(/-/g, "\u2212");
const group = n => minus(n.toLocaleString("en-US"));
const fixed = (x, places) => minus(x.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places })
  .replace(/^-(0\.?0*)$/, "$1"));
const signed = (x, places) => (x < 0 ? "" : "+") + fixed(x, places);
const power = n => "10" + minus(n).replace(/./g, c => c === "\u2212" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]);
// Some significant digits; what is very large or very small in powers of ten.
function digits(x, count = 3) {
  if (x === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(Number(x.toPrecision(count)))));
  if (size >= -3 && size < 6) return minus(Number(x.toPrecision(count)).toLocaleString("en-US", { maximumSignificantDigits: count }));
  const head = (x / 10 ** size).toPrecision(count);
  return `${minus(head)} \u00d7 ${power(size)}`;
}

// ---- controls

// Draw now, after every change of a control, and when the page gets wider or narrower.
const grips = [];
function draws(draw) {
  const sliders = [...root.querySelectorAll("input[type=range]")];
  const all = () => {
    for (const slider of sliders) {
      const share = (slider.value - slider.min) / (slider.max - slider.min || 1);
      slider.style.setProperty("--share", `calc(10px + ${share} * (100% - 20px))`);
      show(slider.name, digits(Number(slider.value), 6) + slider.dataset.unit);
    }
    draw();
    for (const place of grips) place();
  };
  root.addEventListener("input", all);
  part("[name=reset]").addEventListener("click", () => {
    for (const slider of sliders) slider.value = slider.defaultValue;
    for (const select of root.querySelectorAll("select"))
      select.value = (select.querySelector("[selected]") ?? select.options[0]).value;
    root.dispatchEvent(new Event("input"));
  });
  let width = root.clientWidth;
  new ResizeObserver(() => { if (root.clientWidth !== width) { width = root.clientWidth; all(); } }).observe(root);
  all();
}

// Set some controls at once. A slider keeps to its own range and steps.
function set(values) {
  for (const [key, v] of Object.entries(values)) control(key).value = v;
  root.dispatchEvent(new Event("input"));
}

// A thing in a drawing that mouse, finger and arrow keys move, by one slider or two: `keys` says
// which of them grows to the right, down or up. at() is its place in the drawing, px, and
// to([x, y]) the sliders' values that would put it there. `words` is what a screen reader says.
function grip(css, label, keys, at, to, words = () => Object.values(keys).map(key => control(key).getAttribute("aria-valuetext")).join(", ")) {
  const svg = part(css), [first] = Object.values(keys);
  const add = (parent, tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, x] of Object.entries(attributes)) element.setAttribute(name, x);
    return parent.appendChild(element);
  };
  const layer = svg.querySelector(".grips") ?? add(svg, "g", { class: "grips" });
  const thing = add(layer, "g", { class: "grip", tabindex: 0, role: "slider", "aria-label": label });
  for (const [name, r] of [["rim", 10], ["knob", 8], ["area", 22]]) add(thing, "circle", { class: name, r });
  svg.setAttribute("role", "group");  // the parts of an "img" are not read out

  let held;  // where the finger holds it, from its middle
  const pointer = event => {
    const box = svg.getBoundingClientRect(), [, , width] = svg.getAttribute("viewBox").split(" ").map(Number);
    const scale = width / box.width;
    return [scale * (event.clientX - box.left), scale * (event.clientY - box.top)];
  };
  const follow = event => {
    const [x, y] = pointer(event);
    set(to([x - held[0], y - held[1]]));
  };
  const release = () => {
    thing.classList.remove("held");
    removeEventListener("pointermove", follow);
    for (const end of ["pointerup", "pointercancel"]) removeEventListener(end, release);
    set({});
  };
  thing.addEventListener("pointerdown", event => {
    if (event.button || thing.classList.contains("held")) return;
    const [x, y] = pointer(event), [mx, my] = at();
    held = [x - mx, y - my];
    thing.classList.add("held");
    thing.setPointerCapture(event.pointerId);  // so that it follows beyond the frame that it is in
    thing.focus({ preventScroll: true, focusVisible: false });
    addEventListener("pointermove", follow);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, release);
  });
  thing.addEventListener("touchstart", event => event.preventDefault(), { passive: false });
  thing.addEventListener("keydown", event => {
    const [ahead, back] = { ArrowRight: ["right", "left"], ArrowUp: ["up", "down"],
      ArrowLeft: ["left", "right"], ArrowDown: ["down", "up"] }[event.key] ?? [];
    if (!ahead) return;
    event.preventDefault();
    const grows = keys[ahead] || !keys[back] && ["right", "up"].includes(ahead);
    const key = keys[ahead] ?? keys[back] ?? first, slider = control(key);
    set({ [key]: Number(slider.value) + (grows ? 1 : -1) * (event.shiftKey ? 10 : 1) * slider.step });
  });
  grips.push(() => {
    const [x, y] = at(), slider = control(first);
    thing.setAttribute("transform", `translate(${x} ${y})`);
    for (const [name, v] of [["min", slider.min], ["max", slider.max], ["now", slider.value], ["text", words()]])
      thing.setAttribute(`aria-value${name}`, v);
  });
  return thing;
}

// While something is dragged, a picture should keep its scale.
const dragging = () => part(".grip.held") !== null;

// ---- drawings

// An empty drawing as wide as the page allows, `height` px high; SVG units are px, so that text
// is as large on a phone as on a wide screen. Returns a pen: pen(tag, attributes, text).
function drawing(height, css = "svg.drawing") {
  const svg = part(css), width = svg.clientWidth || 320, NS = "http://www.w3.org/2000/svg";
  const ink = svg.querySelector(".ink") ?? svg.insertBefore(document.createElementNS(NS, "g"), svg.firstChild);
  ink.setAttribute("class", "ink");
  ink.setAttribute("aria-hidden", "true");
  ink.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  const pen = (tag, attributes, text) => {
    const element = document.createElementNS(NS, tag);
    for (const [name, x] of Object.entries(attributes)) element.setAttribute(name, x);
    if (text !== undefined) element.textContent = text;
    return ink.appendChild(element);
  };
  return Object.assign(pen, { width, height });
}

// Axes over the whole drawing. x and y are [from, to]; log makes y logarithmic (powers of ten).
// Returns place(x, y) -> [px, px], its inverse at([px, px]) -> [x, y], line(points, color,
// attributes), which is cut at the edges, and dot(x, y, color), which marks what is off the scale by
// an arrow at the edge, with its value.
function axes(pen, { x, y, log = false, xTicks, yTicks, xLabel = "", yLabel = "", left = 52 }) {
  const [right, top, bottom] = [pen.width - 12, 30, pen.height - 40];
  const up = v => log ? Math.log10(v) : v;
  const share = (v, [a, b]) => (v - a) / (b - a);
  const place = (h, v) => [left + (right - left) * share(h, x),
    bottom - (bottom - top) * share(up(v), y.map(up))];
  const at = ([h, v]) => {
    const [low, high] = y.map(up), height = low + (high - low) * share(v, [bottom, top]);
    return [x[0] + (x[1] - x[0]) * share(h, [left, right]), log ? 10 ** height : height];
  };
  const inside = (v, [low, high]) => Math.min(Math.max(v, low), high);
  for (const v of yTicks ?? (log ? decades(y) : steps(y))) {
    const [, h] = place(x[0], v);
    pen("line", { x1: left, x2: right, y1: h, y2: h, stroke: "var(--faint)" });
    pen("text", { x: left - 6, y: h + 4, "text-anchor": "end" }, tick(v, log));
  }
  for (const v of xTicks ?? steps(x)) {
    const [h] = place(v, y[0]);
    pen("text", { x: h, y: bottom + 17, "text-anchor": "middle" }, tick(v));
  }
  pen("text", { x: (left + right) / 2, y: pen.height - 6, "text-anchor": "middle" }, xLabel);
  pen("text", { x: 0, y: 12 }, yLabel);
  const box = { left, right, top, bottom };
  const line = (points, color, more = {}) => {
    const places = points.map(([h, v]) => place(h, v)), parts = places.slice(1).map((b, k) => clipped(places[k], b, box));
    return pen("path", { fill: "none", stroke: color, "stroke-width": 2, "stroke-linecap": "round",
      d: parts.filter(ends => ends).map(([a, b]) => `M${a}L${b}`).join(""), ...more });
  };
  const dot = (h, v, color, name = digits(v)) => {
    const [cx, cy] = place(inside(h, x), inside(v, y)), off = v > y[1] ? -1 : v < y[0] ? 1 : 0;
    if (!off) return pen("circle", { cx, cy, r: 5, fill: color });
    pen("polygon", { class: "off", fill: color, points: [[0, off * 9], [-7, off * -3], [7, off * -3]].map(([a, b]) => [cx + a, cy + b].join()).join(" ") });
    const after = cx < (left + right) / 2;
    return pen("text", { x: cx + (after ? 12 : -12), y: cy + 4 - off * 2, "text-anchor": after ? "start" : "end", style: `fill: ${color}; font-weight: 600` }, name);
  };
  return { place, at, line, dot, ...box };
}
// The part of the way from a to b that lies within a box: its two ends, or nothing.
function clipped([x, y], [u, v], { left, right, top, bottom }) {
  if (![x, y, u, v].every(Number.isFinite)) return null;
  let [from, to] = [0, 1];
  for (const [start, way, low, high] of [[x, u - x, left - 0.5, right + 0.5], [y, v - y, top - 0.5, bottom + 0.5]]) {
    const [a, b] = [low, high].map(edge => (edge - start) / (way || 1e-9)).sort((a, b) => a - b);
    [from, to] = [Math.max(from, a), Math.min(to, b)];
  }
  return from < to && [from, to].map(share => [x + share * (u - x), y + share * (v - y)]);
}
// Names of lines above the picture, where nothing crosses them.
function legend(pen, names) {
  let x = pen.width - 12;
  for (const [name, color] of [...names].reverse()) {
    const text = pen("text", { x, y: 12, "text-anchor": "end", style: `fill: ${color}; font-weight: 600` }, name);
    x -= text.getComputedTextLength() + 14;
  }
}
const tick = (v, powers) => powers && v > 0 && (v < 0.01 || v >= 1e4) ? power(Math.round(Math.log10(v))) : digits(v, 6);

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
