// A cell is its pixels; all distances are from pixel center to pixel center, as in the package.
const { width, height, radius, colors } = data, least = 2 * radius + 1;  // a gap of one pixel
const LOOKS_AT = { sum: (a, b) => a + b, second: (a, b) => 2 * Math.max(a, b),
  product: (a, b) => 2 * Math.sqrt(a * b) };
const centers = () => [1, 2].map(k => [value("x" + k), value("y" + k)]);
const between = ([[x, y], [u, v]]) => Math.hypot(u - x, v - y);
function disc([cx, cy]) {
  const pixels = [], whole = Math.floor(radius);
  for (let y = cy - whole; y <= cy + whole; y++)
    for (let x = cx - whole; x <= cx + whole; x++)
      if ((x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2) pixels.push([x, y]);
  return pixels;
}
// The nearest pixel of a disc is on its rim: the inner ones need not be asked.
const rim = ([cx, cy]) => disc([cx, cy]).filter(([x, y]) =>
  (Math.abs(x - cx) + 1) ** 2 + (y - cy) ** 2 > radius ** 2
  || (x - cx) ** 2 + (Math.abs(y - cy) + 1) ** 2 > radius ** 2);
const distance = (pixels, x, y) =>
  Math.sqrt(Math.min(...pixels.map(([u, v]) => (u - x) ** 2 + (v - y) ** 2)));

let held = centers();
function draw() {
  if (between(centers()) < least)  // cells do not overlap: such a move is not made
    held.forEach(([x, y], k) => { control(`x${k + 1}`).value = x; control(`y${k + 1}`).value = y; });
  held = centers();
  const w0 = value("w0"), sigma = value("sigma"), looks = LOOKS_AT[choice("of")];
  const rims = held.map(rim), inside = new Uint8Array(width * height);
  for (const [x, y] of held.flatMap(disc)) inside[x + width * y] = 1;
  const term = new Float64Array(width * height);
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
  profile(term, inside, w0);
  root.dataset.term = JSON.stringify({ nearest, largest, above });
  say(`Centers ${fixed(between(held), 1)} px apart; smallest d\u2081 + d\u2082: ${fixed(nearest, 2)} px.\n`
    + `Largest term: ${fixed(largest, 3)}; more than 1 on ${group(above)} pixels.`);
}

// Cells gray; the term from black to yellow, which stands for 10 and more.
const hue = share => colors[Math.round(Math.min(share, 1) * (colors.length - 1))];
const canvas = Object.assign(document.createElement("canvas"), { width, height });
const scale = () => (part("svg.map").clientWidth || 320) / width;
function paint(term, inside) {
  const brush = canvas.getContext("2d"), image = brush.createImageData(width, height);
  term.forEach((w, at) => image.data.set([...(inside[at] ? [115, 115, 115] : hue(w / 10)), 255], 4 * at));
  brush.putImageData(image, 0, 0);
  const pen = drawing(scale() * height + 34, "svg.map"), bar = 140, y = scale() * height + 8;
  pen("image", { href: canvas.toDataURL(), width: pen.width, height: scale() * height,
    preserveAspectRatio: "none", style: "image-rendering: pixelated" });
  pen("line", { x1: 0, x2: 10 * scale(), y1: y + 5, y2: y + 5, stroke: "currentColor", "stroke-width": 3 });
  pen("text", { x: 0, y: y + 23 }, "10 px");
  for (let k = 0; k < bar; k++) pen("rect", { x: pen.width - bar - 12 + k, y, width: 1.5, height: 10, fill: `rgb(${hue(k / bar)})` });
  for (const [w, text] of [[0, "0"], [5, "5"], [10, "10 +"]])
    pen("text", { x: pen.width - 12 - bar * (1 - w / 10), y: y + 23, "text-anchor": "middle" }, text);
  pen("text", { x: pen.width - bar - 20, y: y + 10, "text-anchor": "end" }, "border term");
}

// The term at the pixels along the line from center to center.
function profile(term, inside, w0) {
  const [[x1, y1], [x2, y2]] = held, pen = drawing(180, "svg.profile"), steps = Math.round(between(held));
  const along = Array.from({ length: steps + 1 }, (_, k) =>
    Math.round(x1 + (x2 - x1) * k / steps) + width * Math.round(y1 + (y2 - y1) * k / steps));
  const { place, line, top, bottom } = axes(pen, { x: [0, steps], y: [0, Math.max(12, w0 + 2)], left: 34,
    xLabel: "px from one center to the other", yLabel: "border term along that line" });
  along.forEach((at, k) => {
    const [[from], [to]] = [place(Math.max(0, k - 0.5), 0), place(Math.min(steps, k + 0.5), 0)];
    if (inside[at]) pen("rect", { x: from, y: top, width: to - from, height: bottom - top, fill: "var(--faint)", "fill-opacity": 0.6 });
  });
  line(along.map((at, k) => [k, term[at]]), "var(--border)");
  along.forEach((at, k) => {
    const [cx, cy] = place(k, term[at]);
    if (!inside[at]) pen("circle", { cx, cy, r: 2.5, fill: "var(--border)" });
  });
}

// A cell that is dragged into the other one slides along it.
for (const k of [1, 2]) grip("svg.map", `${k === 1 ? "first" : "second"} cell`, { right: "x" + k, down: "y" + k },
  () => held[k - 1].map(v => scale() * (v + 0.5)),
  at => {
    const [x, y] = at.map(v => v / scale() - 0.5), [u, v] = held[2 - k];
    const push = Math.max(1, (least + 1) / (Math.hypot(x - u, y - v) || 1));
    return { ["x" + k]: Math.round(u + push * (x - u)), ["y" + k]: Math.round(v + push * (y - v)) };
  },
  () => `${value("x" + k)} px from the left, ${value("y" + k)} px from the top`);
reserve("Centers 70.00 px apart; smallest d\u2081 + d\u2082: 46.00 px.\nLargest term: 50.000; more than 1 on 4,000 pixels.");
draws(draw);
