const n = data.side, last = n - 1, reach = data.reach, margin = 12;
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const source = { gray: bytes(data.gray), labels: bytes(data.labels) };
const palette = [[16, 16, 16], [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66],
  [0, 114, 178], [213, 94, 0], [204, 121, 167]];
const points = [0, 1, 2, 3, 4, 5, 6, 7, 8], keys = ["down", "right"];
let vectors;  // [down, right][point]

// How much of each of three values on a line a pixel gets: the spline that is flat at both ends.
const weights = Array.from({ length: n }, (_, i) => {
  const t = 2 * i / last, s = t < 1 ? t : t - 1;
  const rise = 3 * s ** 2 - 2 * s ** 3, out = s ** 3 - 2 * s ** 2 + s, into = s ** 3 - s ** 2;
  return t < 1 ? [1 - rise - 0.75 * into, rise, 0.75 * into]
    : [-0.75 * out, 1 - rise, rise + 0.75 * out];
});
function displacement() {
  return vectors.map(v => {
    const across = [0, 1, 2].map(a => weights.map(w => w[0] * v[3 * a] + w[1] * v[3 * a + 1] + w[2] * v[3 * a + 2]));
    return weights.map(w => across[0].map((_, c) => w[0] * across[0][c] + w[1] * across[1][c] + w[2] * across[2][c]));
  });
}
// The determinant of x -> x + d(x), from differences to both sides, at an edge to one.
function determinants([rows, columns]) {
  const down = (d, r, c) => { const a = Math.max(r - 1, 0), b = Math.min(r + 1, last); return (d[b][c] - d[a][c]) / (b - a); };
  const right = (d, r, c) => { const a = Math.max(c - 1, 0), b = Math.min(c + 1, last); return (d[r][b] - d[r][a]) / (b - a); };
  return rows.map((line, r) => line.map((_, c) =>
    (1 + down(rows, r, c)) * (1 + right(columns, r, c)) - right(rows, r, c) * down(columns, r, c)));
}
const mirrored = x => { const y = Math.abs(x) % (2 * last); return Math.min(y, 2 * last - y); };
function pixel(kind, y, x) {
  const at = source[kind], [v, u] = [mirrored(y), mirrored(x)];
  if (kind === "labels") return palette[at[Math.floor(v + 0.5) * n + Math.floor(u + 0.5)]];
  const i = Math.floor(v), j = Math.floor(u), k = Math.min(i + 1, last), l = Math.min(j + 1, last);
  const upper = at[i * n + j] + (u - j) * (at[i * n + l] - at[i * n + j]);
  const lower = at[k * n + j] + (u - j) * (at[k * n + l] - at[k * n + j]);
  const gray = upper + (v - i) * (lower - upper);
  return [gray, gray, gray];
}
// A picture of `size` pixels a side as an SVG image.
const canvas = document.createElement("canvas");
function picture(pen, size, color) {
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d"), all = context.createImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    const [r, g, b] = color(Math.floor(i / size), i % size);
    all.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(all, 0, 0);
  pen("image", { href: canvas.toDataURL(), width: pen.width, height: pen.width, style: "image-rendering: pixelated" });
}
const wide = () => part("svg.looks").clientWidth || 160;
const scale = () => wide() / (n + 2 * margin);

function looks(kind, [rows, columns], area) {
  const pen = drawing(wide(), "svg.looks"), s = scale();
  const at = (y, x) => [s * (x + margin + 0.5), s * (y + margin + 0.5)];
  picture(pen, n + 2 * margin, (r, c) => {
    const [y, x] = [r - margin, c - margin], color = pixel(kind, y, x);
    return y < 0 || x < 0 || y > last || x > last ? color.map(v => 128 + 0.4 * (v - 128)) : color;
  });
  const step = last / 8, lines = [];
  for (let k = 0; k <= 8; k++) {
    const i = Math.round(k * step), along = Array.from({ length: 33 }, (_, m) => Math.round(m * last / 32));
    lines.push(along.map(c => [i, c]), along.map(r => [r, i]));
  }
  for (const line of lines) pen("polyline", { fill: "none", stroke: "#56B4E9", "stroke-width": 1.2,
    points: line.map(([r, c]) => at(r + rows[r][c], c + columns[r][c]).join()).join(" ") });
  for (let r = 0; r < n; r += 2) for (let c = 0; c < n; c += 2) if (area[r][c] <= 0) {
    const [cx, cy] = at(r + rows[r][c], c + columns[r][c]);
    pen("circle", { cx, cy, r: 1.6, fill: "#FFF", stroke: "#000", "stroke-width": 0.7 });
  }
  for (const p of points) {
    const [y, x] = knot(p), [x1, y1] = at(y, x), [x2, y2] = at(y + vectors[0][p], x + vectors[1][p]);
    pen("line", { x1, y1, x2, y2, stroke: "#000", "stroke-width": 4, "stroke-opacity": 0.6 });
    pen("line", { x1, y1, x2, y2, stroke: "#F0E442", "stroke-width": 2 });
  }
}
const hatched = (r, c) => Math.floor((r + c) / 2) % 2 ? [255, 255, 255] : [0, 0, 0];
function sees(kind, [rows, columns], area) {
  const pen = drawing(wide(), "svg.sees");
  picture(pen, n, (r, c) => area[r][c] <= 0 ? hatched(r, c) : pixel(kind, r + rows[r][c], c + columns[r][c]));
}

function draw() {
  vectors = keys.map(key => points.map(p => value(key + p)));
  const field = displacement(), area = determinants(field), all = area.flat();
  looks(choice("shown"), field, area);
  sees(choice("shown"), field, area);
  const folded = all.filter(a => a <= 0).length, two = x => fixed(x, 2);
  const lengths = field[0].flatMap((line, r) => line.map((d, c) => Math.hypot(d, field[1][r][c])));
  say(`A pixel is pulled from between ${two(Math.min(...all))} and ${two(Math.max(...all))} pixels of area, `
    + `and from up to ${Math.max(...lengths).toFixed(1)} px away.\n`
    + (folded ? `The field folds at ${group(folded)} of ${group(n * n)} pixels.`
      : "It folds nowhere."));
}

// A knob that would leave the picture stays at its edge.
const knot = p => [Math.floor(p / 3) * last / 2, (p % 3) * last / 2];
const middle = (v, k) => scale() * (k + v + margin + 0.5);
const kept = v => Math.max(10, Math.min(wide() - 10, v));
for (const p of points) grip("svg.looks", data.places[p], { right: "right" + p, down: "down" + p },
  () => [kept(middle(value("right" + p), knot(p)[1])), kept(middle(value("down" + p), knot(p)[0]))],
  ([x, y]) => ({ ["right" + p]: x / scale() - margin - 0.5 - knot(p)[1], ["down" + p]: y / scale() - margin - 0.5 - knot(p)[0] }),
  () => `${minus(value("right" + p))} px to the right, ${minus(value("down" + p))} px down`);

const gaussian = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const all = f => set(Object.fromEntries(keys.flatMap(key => points.map(p => [key + p, f()]))));
part("[name=draw]").addEventListener("click", () => all(() => Math.round(10 * gaussian())));
part("[name=rest]").addEventListener("click", () => all(() => 0));
reserve("A pixel is pulled from between \u221210.00 and 10.00 pixels of area, and from up to 10.0 px away.\nThe field folds at 9,409 of 9,409 pixels.");
draws(draw);
