// A cell is its pixels; all distances are from pixel center to pixel center, as in the package.
function disc([cx, cy]) {
  const pixels = [], r = data.radius, whole = Math.floor(r);
  for (let y = cy - whole; y <= cy + whole; y++)
    for (let x = cx - whole; x <= cx + whole; x++)
      if ((x - cx) ** 2 + (y - cy) ** 2 <= r * r) pixels.push([x, y]);
  return pixels;
}
const distance = (pixels, x, y) =>
  Math.sqrt(Math.min(...pixels.map(([u, v]) => (u - x) ** 2 + (v - y) ** 2)));
const LOOKS_AT = { sum: (a, b) => a + b, second: (a, b) => 2 * Math.max(a, b),
  product: (a, b) => 2 * Math.sqrt(a * b) };

function draw() {
  const { width, height, first } = data, w0 = value("w0"), sigma = value("sigma");
  const second = [first[0] + value("right"), first[1] + value("down")];
  const cells = [disc(first), disc(second)];
  // The nearest pixel of a disc is on its rim: the inner ones need not be asked.
  const rims = cells.map((pixels, k) => pixels.filter(([x, y]) => {
    const [cx, cy] = [first, second][k];
    return (Math.abs(x - cx) + 1) ** 2 + (y - cy) ** 2 > data.radius ** 2
      || (x - cx) ** 2 + (Math.abs(y - cy) + 1) ** 2 > data.radius ** 2;
  }));
  const inside = new Uint8Array(width * height);
  for (const [x, y] of cells.flat()) inside[x + width * y] = 1;
  const term = new Float64Array(width * height), looks = LOOKS_AT[choice("of")];
  let nearest = Infinity, largest = 0, above = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const at = x + width * y;
    if (inside[at]) continue;
    const d = rims.map(pixels => distance(pixels, x, y));
    nearest = Math.min(nearest, d[0] + d[1]);
    term[at] = w0 * Math.exp(-(looks(...d) ** 2) / (2 * sigma ** 2));
    largest = Math.max(largest, term[at]);
    above += term[at] > 1;
  }
  paint(term, inside);
  profile(term, first, second, w0);
  say(`smallest d\u2081 + d\u2082: ${nearest.toFixed(2)} px; largest term: ${largest.toFixed(3)}\n`
    + `more than 1 on ${above} pixels`);
}

// Cells gray; the term orange, opaque at 10 and more.
function paint(term, inside) {
  const pen = part("canvas.map").getContext("2d"), { width, height } = data;
  const image = pen.createImageData(width, height);
  term.forEach((w, at) => image.data.set(
    inside[at] ? [128, 128, 128, 150] : [213, 94, 0, 255 * Math.min(w / 10, 1)], 4 * at));
  pen.putImageData(image, 0, 0);
}

function profile(term, [x1, y1], [x2, y2], w0) {
  const pen = drawing(190), steps = x2 - x1;
  const points = Array.from({ length: steps + 1 }, (_, k) =>
    [k, term[x1 + k + data.width * Math.round(y1 + (y2 - y1) * k / steps)]]);
  const top = Math.max(12, w0 + 2);
  const { place, line } = axes(pen, { x: [0, steps], y: [0, top], left: 34,
    xLabel: "px to the right of the first cell's center", yLabel: "term along the centers' line" });
  line(points, "var(--orange)");
  for (const [k, w] of points) if (w > 0) {
    const [cx, cy] = place(k, w);
    pen("circle", { cx, cy, r: 2.5, fill: "var(--orange)" });
  }
}
draws(draw);
