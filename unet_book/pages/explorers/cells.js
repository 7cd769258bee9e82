// Maps have a margin of one pixel that is never taken, so that no neighbor need be checked.
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const fields = data.images.map(({ width, height, gray, answer, truth }) => {
  const wide = width + 2, size = wide * (height + 2), flat = bytes(answer);
  const heights = new Uint8Array(size), truths = new Int32Array(size).fill(-1);
  for (let y = 0; y < height; y++)
    heights.set(flat.subarray(y * width, (y + 1) * width), (y + 1) * wide + 1);
  for (let k = 0, at = 0; k < truth.length; k += 2)
    for (const end = at + truth[k + 1]; at < end; at++)
      truths[(Math.floor(at / width) + 1) * wide + at % width + 1] = truth[k];
  const near = [-wide, -1, 1, wide];  // up, left, right, down
  const most = truths.reduce((largest, n) => Math.max(largest, n), 0);
  return { width, height, wide, size, gray, heights, truth: truths, most, near };
});

// ---- from probabilities to cells, as `instances.find_cells` does it

// The 4-connected parts of a mask, numbered in reading order.
function parts({ size, near }, mask) {
  const cells = new Int32Array(size), queue = new Int32Array(size);
  let count = 0;
  for (let seed = 0; seed < size; seed++) {
    if (!mask[seed] || cells[seed]) continue;
    cells[seed] = ++count;
    queue[0] = seed;
    for (let from = 0, to = 1; from < to; from++) for (const step of near) {
      const q = queue[from] + step;
      if (mask[q] && !cells[q]) { cells[q] = count; queue[to++] = q; }
    }
  }
  return { cells, count };
}

// A watershed: the highest pixel beside the cells is taken next, of equals the one that waits
// longest. A probability is one of 256, so the pixels wait in 256 lines.
function flood({ size, near, heights }, cells, above) {
  const lines = Array.from({ length: 256 }, () => []), served = new Int32Array(256), first = [];
  let top = -1;
  const reach = p => {
    for (const step of near) {
      const q = p + step;
      if (!above[q] || cells[q]) continue;
      cells[q] = cells[p];
      lines[heights[q]].push(q);
      top = Math.max(top, heights[q]);
    }
  };
  for (let p = 0; p < size; p++) if (cells[p]) first.push(p);
  first.forEach(reach);
  while (top >= 0)
    if (served[top] < lines[top].length) reach(lines[top][served[top]++]); else top--;
}

// Each cell in turn gets the background that can't reach the rim of its box.
function fillHoles({ size, wide }, cells, count) {
  const boxes = Array.from({ length: count + 1 }, () => [Infinity, 0, Infinity, 0]);
  for (let p = 0; p < size; p++) if (cells[p]) {
    const box = boxes[cells[p]], x = p % wide, y = (p - x) / wide;
    box[0] = Math.min(box[0], y); box[1] = Math.max(box[1], y);
    box[2] = Math.min(box[2], x); box[3] = Math.max(box[3], x);
  }
  const outside = new Int32Array(size), queue = new Int32Array(size);
  for (let n = 1; n <= count; n++) {
    const [top, bottom, left, right] = boxes[n];
    queue[0] = (top - 1) * wide + left - 1;
    outside[queue[0]] = n;
    const take = (q, to) => {
      if (outside[q] === n || cells[q] === n) return to;
      outside[q] = n;
      queue[to] = q;
      return to + 1;
    };
    for (let from = 0, to = 1; from < to; from++) {
      const p = queue[from], x = p % wide, y = (p - x) / wide;
      if (y >= top) to = take(p - wide, to);
      if (y <= bottom) to = take(p + wide, to);
      if (x >= left) to = take(p - 1, to);
      if (x <= right) to = take(p + 1, to);
    }
    for (let y = top; y <= bottom; y++) for (let p = y * wide + left; p <= y * wide + right; p++)
      if (outside[p] !== n && !cells[p]) cells[p] = n;
  }
}

// Cells, cut where they narrow: a cell for each summit of the smoothed distance to their edge that
// stands high enough above the pass to a higher one.
function cut(field, cells, waist) {
  const { size } = field, heights = smoothed(field, distances(field, cells));
  const inside = [];
  for (let p = 0; p < size; p++) if (cells[p]) inside.push(p);
  inside.sort((a, b) => heights[b] - heights[a] || a - b);
  const land = new Int32Array(size), parent = [0], tops = [0];
  const root = n => { while (parent[n] !== n) n = parent[n]; return n; };
  for (const p of inside) {
    const beside = field.near.map(step => p + step).filter(q => land[q]);
    if (!beside.length) {
      land[p] = parent.length;
      parent.push(land[p]);
      tops.push(heights[p]);
      continue;
    }
    land[p] = land[beside.reduce((best, q) => heights[q] > heights[best] ? q : best)];
    for (const q of beside) {
      let [one, other] = [root(land[p]), root(land[q])];
      if (tops[one] < tops[other]) [one, other] = [other, one];
      if (one !== other && tops[other] - heights[p] < waist) parent[other] = one;
    }
  }
  const numbers = new Int32Array(parent.length);
  let count = 0;
  for (let p = 0; p < size; p++) if (land[p]) {
    const n = root(land[p]);
    cells[p] = numbers[n] ||= ++count;
  }
  return count;
}

// How far each pixel is from the nearest one outside of all cells.
function distances({ height, wide, size }, cells) {
  const up = new Float64Array(size), far = new Float64Array(size);
  for (let p = wide; p < size; p++) up[p] = cells[p] ? up[p - wide] + 1 : 0;
  for (let p = size - wide - 1; p >= 0; p--) up[p] = Math.min(up[p], up[p + wide] + 1);
  for (let p = 0; p < size; p++) {
    const x = p % wide;
    let best = up[p] ** 2;
    for (let k = 1; k * k < best; k++) {
      if (x >= k) best = Math.min(best, k * k + up[p - k] ** 2);
      if (x + k < wide) best = Math.min(best, k * k + up[p + k] ** 2);
    }
    far[p] = Math.sqrt(best);
  }
  return far;
}

// A Gaussian along columns, then along rows; what is summed in which order is as in scipy, so that
// equals stay equals. Beyond its edge the map is mirrored.
function smoothed({ height, wide, size }, map) {
  const along = (from, step, length, stride) => {
    const to = new Float64Array(size), reach = data.gaussian.length - 1;
    for (let start = 0, lines = size / length; lines > 0; lines--, start += step)
      for (let k = 0; k < length; k++) {
        const at = j => from[start + stride * (j < 0 ? -1 - j : j < length ? j : 2 * length - 1 - j)];
        let total = at(k) * data.gaussian[0];
        for (let j = reach; j > 0; j--) total += (at(k - j) + at(k + j)) * data.gaussian[j];
        to[start + stride * k] = total;
      }
    return to;
  };
  return along(along(map, 1, height + 2, wide), wide, wide, 1);
}

// Cells of that many pixels, numbered anew.
function withoutSmall({ size }, cells, count, smallest) {
  const sizes = new Int32Array(count + 1), numbers = new Int32Array(count + 1);
  for (let p = 0; p < size; p++) sizes[cells[p]]++;
  let kept = 0;
  for (let n = 1; n <= count; n++) if (sizes[n] >= smallest) numbers[n] = ++kept;
  for (let p = 0; p < size; p++) cells[p] = numbers[cells[p]];
  return kept;
}

// Free pixels go to the nearest cell; of equally near pixels the left one's, then the upper one's.
function grown({ width, height, wide }, cells, pixels) {
  if (!pixels) return cells;
  const reach = Array.from({ length: 2 * pixels + 1 }, (_, k) => k - pixels);
  const places = reach.flatMap(x => reach.map(y => [x * x + y * y, x, y]))
    .filter(([far]) => far && far <= pixels * pixels)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  const larger = cells.slice();
  for (let y = 1; y <= height; y++) for (let x = 1; x <= width; x++) if (!cells[y * wide + x]) {
    const at = places.find(([, right, down]) => x + right > 0 && x + right <= width
      && y + down > 0 && y + down <= height && cells[(y + down) * wide + x + right]);
    if (at) larger[y * wide + x] = cells[(y + at[2]) * wide + x + at[1]];
  }
  return larger;
}

function over({ size, heights }, level) {
  const mask = new Uint8Array(size);
  for (let p = 0; p < size; p++) mask[p] = heights[p] / 255 > level;
  return mask;
}

function findCells(field, { threshold, core, smallest, grow, waist }) {
  const above = over(field, threshold);
  const { cells, count } = parts(field, core > threshold ? over(field, core) : above);
  if (core !== null) flood(field, cells, above);
  fillHoles(field, cells, count);
  const kept = withoutSmall(field, cells, waist === null ? count : cut(field, cells, waist), smallest);
  return { cells: grown(field, cells, grow), count: kept };
}

// ---- cells against the truth, as `metrics` does it

function compare({ size, truth, most }, { cells, count }) {
  const columns = count + 1, shared = new Int32Array((most + 1) * columns);
  const trueSizes = new Int32Array(most + 1), sizes = new Int32Array(columns);
  for (let p = 0; p < size; p++) if (truth[p] >= 0) {
    shared[truth[p] * columns + cells[p]]++;
    trueSizes[truth[p]]++;
    sizes[cells[p]]++;
  }
  const told = { cells: 0, predicted: 0, merged: 0, split: 0, missed: 0, invented: 0,
    found: [0, 0], overlap: 0, of: new Array(columns).fill("rough"), true: new Array(most + 1).fill("seen") };
  const holds = new Int32Array(columns), pieces = new Int32Array(most + 1);
  for (let t = 1; t <= most; t++) {
    told.cells += trueSizes[t] > 0;
    if (2 * shared[t * columns] > trueSizes[t]) { told.missed++; told.true[t] = "missed"; }
    for (let n = 1; n < columns; n++) {
      const both = shared[t * columns + n];
      if (!both) continue;
      const union = trueSizes[t] + sizes[n] - both;
      if (both > 0.5 * union) { told.found[0]++; told.of[n] = "found"; }
      if (both > 0.7 * union) told.found[1]++;
      if (2 * both > trueSizes[t]) { told.overlap += both / union; holds[n]++; }
      if (2 * both > sizes[n]) pieces[t]++;
    }
    told.split += pieces[t] > 1;
  }
  for (let n = 1; n < columns; n++) {
    told.predicted += sizes[n] > 0;
    if (2 * shared[n] > sizes[n]) { told.invented++; told.of[n] = "invented"; }
    for (let t = 1; t <= most; t++)
      if (pieces[t] > 1 && 2 * shared[t * columns + n] > sizes[n]) told.of[n] = "split";
    if (holds[n] > 1) { told.merged += holds[n]; told.of[n] = "merged"; }
  }
  return told;
}
const sum = (tables, what) => tables.reduce((total, table) => total + what(table), 0);
const f1 = (tables, level = 0) => {
  const all = sum(tables, table => table.cells + table.predicted);
  return all ? 2 * sum(tables, table => table.found[level]) / all : 1;
};
const score = tables =>
  (f1(tables, 0) + f1(tables, 1) + sum(tables, table => table.overlap) / sum(tables, table => table.cells)) / 3;

// ---- the picture

const svg = part("svg.field");
const pen = (tag, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, x] of Object.entries(attributes)) element.setAttribute(name, x);
  if (text !== undefined) element.textContent = text;
  return svg.appendChild(element);
};
// For each kind of cell the rows of its pixels and the sides where the number changes, as paths.
function paths({ width, height, wide }, cells, kinds) {
  const areas = {}, lines = {};
  for (const kind of new Set(kinds)) { areas[kind] = []; lines[kind] = []; }
  // Along a row, the runs of one number whose neighbor in that direction has another.
  const rims = (y, step, edge) => {
    for (let x = 1; x <= width; x++) {
      const p = y * wide + x, n = cells[p], from = x;
      if (n <= 0 || cells[p + step] === n) continue;
      while (cells[y * wide + x + 1] === n && cells[y * wide + x + 1 + step] !== n) x++;
      lines[kinds[n]].push(`M${from - 1} ${edge}h${x - from + 1}`);
    }
  };
  for (let y = 1; y <= height; y++) {
    rims(y, -wide, y - 1);
    rims(y, wide, y);
    for (let x = 1; x <= width; x++) {
      const n = cells[y * wide + x], from = x;
      if (n <= 0) continue;
      while (cells[y * wide + x + 1] === n) x++;
      lines[kinds[n]].push(`M${from - 1} ${y - 1}v1M${x} ${y - 1}v1`);
      areas[kinds[n]].push(`M${from - 1} ${y - 1}h${x - from + 1}v1h${from - x - 1}z`);
    }
  }
  return { areas, lines };
}
// The middle of each cell of some numbers.
function middles({ wide, size }, cells, of) {
  const at = new Map();
  for (let p = 0; p < size; p++) if (cells[p] > 0 && of(cells[p])) {
    if (!at.has(cells[p])) at.set(cells[p], [0, 0, 0]);
    const place = at.get(cells[p]);
    place[0]++; place[1] += p % wide - 0.5; place[2] += Math.floor(p / wide) - 0.5;
  }
  return [...at].map(([n, [count, x, y]]) => [n, x / count, y / count]);
}
const shades = new Map();  // the probabilities as pictures
function under(field) {
  if (choice("under") === "gray") return field.gray;
  if (shades.has(field)) return shades.get(field);
  const canvas = document.createElement("canvas"), { width, height, wide } = field;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d"), pixels = context.createImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    const byte = field.heights[(Math.floor(k / width) + 1) * wide + k % width + 1];
    pixels.data.set([byte, byte, byte, 255], 4 * k);
  }
  context.putImageData(pixels, 0, 0);
  shades.set(field, canvas.toDataURL());
  return shades.get(field);
}
function paint(field, { cells }, told) {
  const { width, height } = field;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const scale = Math.min(svg.clientWidth / width, svg.clientHeight / height) || 1;
  pen("image", { href: under(field), width, height, style: "image-rendering: pixelated" });
  const put = (d, attributes) => { if (d) pen("path", { d: d.join(""), ...attributes }); };
  const thin = { fill: "none", "vector-effect": "non-scaling-stroke", "stroke-linecap": "square" };
  const found = paths(field, cells, told.of), truth = paths(field, field.truth, told.true);
  for (const [kind, [color]] of Object.entries(data.kinds)) {
    put(found.areas[kind], { fill: color, "fill-opacity": 0.4 });
    put(found.lines[kind], { ...thin, stroke: color, "stroke-width": 1.5 });
  }
  put(truth.lines.seen, { ...thin, stroke: "#fff", "stroke-opacity": 0.75 });
  put(truth.lines.missed, { ...thin, stroke: data.missed, "stroke-width": 2 });
  const within = (at, size) => Math.min(Math.max(at, 7 / scale), size - 7 / scale);
  // Where two marks would meet, the later one moves to the right.
  const written = [], meets = (x, y) => written.some(([u, v]) => Math.abs(u - x) < 11 / scale && Math.abs(v - y) < 12 / scale);
  const write = (text, cx, cy) => {
    let [x, y] = [within(cx, width), within(cy, height)];
    while (meets(x, y) && x < width) x += 2 / scale;
    written.push([x, y]);
    pen("text", { x, y: y + 4.5 / scale, "text-anchor": "middle",
      style: `font: bold ${13 / scale}px sans-serif; fill: #fff; stroke: #000; stroke-width: ${3 / scale}px; paint-order: stroke` }, text);
  };
  const marked = n => data.kinds[told.of[n]][1];
  for (const [n, x, y] of middles(field, cells, marked)) write(marked(n), x, y);
  for (const [, x, y] of middles(field, field.truth, n => told.true[n] === "missed")) write("\u2212", x, y);
}

// ---- the controls

const { thresholds, cores, waists, best } = data;
const named = (level, unit = "") => level === null ? "off" : +level.toFixed(2) + unit;
const at = { threshold: thresholds.indexOf(best.threshold), core: cores.indexOf(best.core),
  waist: waists.indexOf(best.waist), smallest: best.smallest };
const words = ({ threshold, core, smallest, grow, waist }) => `above ${threshold}`
  + (core === null ? "" : `, cores above ${core}`)
  + (waist === null ? "" : `, cut at waists of ${named(waist)} px`) + (smallest ? `, at least ${smallest} px` : "")
  + (grow ? `, grown by ${grow} px` : "");

// A mark below each slider where the best rule has it.
for (const [key, best] of Object.entries(at)) {
  const slider = control(key), mark = document.createElement("b");
  const share = (best - slider.min) / (slider.max - slider.min || 1);
  mark.style.left = `calc(10px + ${share} * (100% - 20px))`;
  mark.textContent = "\u25b2";
  mark.ariaHidden = "true";
  slider.closest(".control").append(mark);
}
part("[name=best]").addEventListener("click", () => set(at));

// Cells are parted by cores or at waists: one of the two is off.
for (const [one, other] of [["core", "waist"], ["waist", "core"]])
  control(one).addEventListener("input", () => { if (value(one)) control(other).value = 0; });

// How many pixels have each probability, and where threshold and core level cut them.
let plot;
function histogram({ heights, width, height, wide }, { threshold, core }) {
  const counts = new Array(64).fill(0), pen = drawing(root.clientWidth < 500 ? 120 : 150, "svg.chances");
  for (let y = 1; y <= height; y++) for (let x = 1; x <= width; x++) counts[heights[y * wide + x] >> 2]++;
  plot = axes(pen, { x: [0, 1.06], y: [1, 1e5], log: true, yTicks: [1, 100, 1e4], xTicks: [0, 0.25, 0.5, 0.75, 1],
    yLabel: "pixels", xLabel: "the network's probability of cell" });
  counts.forEach((count, k) => {
    const [[x, y], [to]] = [plot.place(k / 64, Math.max(count, 1)), plot.place((k + 1) / 64, 1)];
    pen("rect", { x, y, width: to - x - 1, height: plot.bottom - y, fill: "var(--gray)" });
  });
  for (const [level, color] of [[threshold, "var(--blue)"], [core, "var(--orange)"]]) if (level !== null) {
    const [x] = plot.place(level, 1);
    pen("line", { x1: x, x2: x, y1: plot.top, y2: plot.bottom, stroke: color, "stroke-width": 2 });
  }
  legend(pen, [["threshold", "var(--blue)"], [`core level${core === null ? ", off" : ""}`, "var(--orange)"]]);
}
const nearest = (levels, v) => levels.reduce((best, level, k) =>
  level !== null && Math.abs(level - v) < Math.abs(levels[best] - v) ? k : best, levels.findIndex(level => level !== null));
const upper = () => plot.top + 14, lower = () => plot.bottom - 14;
grip("svg.chances", "threshold", { right: "threshold" }, () => [plot.place(thresholds[value("threshold")], 1)[0], lower()],
  at => ({ threshold: nearest(thresholds, plot.at(at)[0]) }));
// Beyond 1 the core level is off.
grip("svg.chances", "core level", { right: "core" }, () => [plot.place(cores[value("core")] ?? 1.04, 1)[0], upper()],
  at => { const level = plot.at(at)[0]; return level > 1.01 ? { core: 0 } : { core: nearest(cores, level), waist: 0 }; });

function draw() {
  const rule = { threshold: thresholds[value("threshold")], core: cores[value("core")],
    waist: waists[value("waist")], smallest: value("smallest"), grow: best.grow };
  for (const [key, text] of [["threshold", rule.threshold.toFixed(2)], ["core", named(rule.core)],
    ["waist", named(rule.waist, " px")]]) show(key, text);
  const found = fields.map(field => findCells(field, rule));
  const told = fields.map((field, k) => compare(field, found[k]));
  const shown = Number(choice("image")), here = told[shown], all = score(told);
  histogram(fields[shown], rule);
  paint(fields[shown], found[shown], here);
  const { cells, predicted, merged, split, missed, invented } = here, sizes = new Array(found[shown].count).fill(0);
  found[shown].cells.forEach(n => { if (n) sizes[n - 1]++; });
  root.dataset.told = JSON.stringify({ cells, predicted, merged, split, missed, invented, f1: f1([here]), score: all, sizes, kinds: here.of.slice(1) });
  const images = fields.length > 1 ? `All ${fields.length} images: F1 ${f1(told).toFixed(3)}, score ${all.toFixed(3)}`
    : `Score ${all.toFixed(3)}`;
  say(`${predicted} cells for ${cells} true ones: ${merged} merged, ${split} split, ${missed} missed, ${invented} invented. `
    + `F1 ${f1([here]).toFixed(3)}.\n${images}; the best by score, ${words(best)}, has ${data.score.toFixed(3)}.`);
}
part("img.still").remove();
reserve("100 cells for 100 true ones: 100 merged, 100 split, 100 missed, 100 invented. F1 0.000.\n"
  + `All ${fields.length} images: F1 0.000, score 0.000; the best by score, ${words(best)}, has 0.000.`);
svg.style.cssText = `display: block; width: 100%; max-height: min(400px, 64vw); aspect-ratio:
  ${Math.max(...fields.map(field => field.width))} / ${Math.max(...fields.map(field => field.height))}`;
draws(draw);
