// Moments of a map: mean of x(a)^2, and of x(a) x(b) over two different pixels; as in
// unet_book.initialization, of which every function here has its twin.
const correlation = m => m.square > 0 ? Math.max(-1, Math.min(1, m.product / m.square)) : 0;

function rectified(before) {
  const rho = correlation(before);
  const kernel = (Math.sqrt(1 - rho ** 2) + (Math.PI - Math.acos(rho)) * rho) / Math.PI;
  return { square: before.square / 2, product: before.square / 2 * kernel };
}

// The shared Gaussian z and the largest of four e, on a grid.
const z = Array.from({ length: 801 }, (_, i) => -8 + 0.02 * i);
const normal = z.map(v => Math.exp(-v * v / 2)), largest = [];
normal.reduce((sum, density) => { largest.push(density * (sum + density / 2) ** 3); return sum + density; }, 0);
for (const weights of [normal, largest]) {
  const total = weights.reduce((sum, w) => sum + w, 0);
  weights.forEach((w, i) => { weights[i] = w / total; });
}

function maxPooled(before) {
  const rho = Math.max(0, correlation(before)), [shared, own] = [Math.sqrt(rho), Math.sqrt(1 - rho)];
  let square = 0, product = 0;
  for (let i = 0; i < z.length; i++) {
    let first = 0, second = 0;
    for (let j = 0; j < z.length; j++) {
      const x = Math.max(0, shared * z[i] + own * z[j]);
      first += largest[j] * x;
      second += largest[j] * x * x;
    }
    square += normal[i] * second;
    product += normal[i] * first ** 2;
  }
  return { square: before.square * square, product: before.square * product };
}

// The layers in the order in which the network computes: `n` incoming connections, `theirs` and
// `out` as PyTorch counts the incoming and the outgoing ones.
function network(depth, base) {
  const width = level => base * 2 ** level;
  const conv = (a, b, taps = 9) => ({ n: taps * a, theirs: taps * a, out: taps * b });
  const layers = [];
  for (let level = 0; level <= depth; level++)
    layers.push(conv(level ? width(level - 1) : 1, width(level)), conv(width(level), width(level)));
  for (let level = depth - 1; level >= 0; level--)
    layers.push({ n: width(level + 1), theirs: 4 * width(level), out: 4 * width(level + 1), up: true },
      conv(width(level + 1), width(level)), conv(width(level), width(level)));
  return [...layers, conv(base, 2, 1)];
}

function follow(layers, depth, image, step) {
  let next = 0, reads = image;
  const skips = [], one = () => step(layers[next++], reads);
  for (let level = 0; level <= depth; level++) {
    reads = rectified(one());
    const before = one();
    if (level < depth) skips.push(rectified(before));
    reads = level < depth ? maxPooled(before) : rectified(before);
  }
  for (let level = 0; level < depth; level++) {
    const upsampled = one(), skip = skips.pop();
    reads = { square: (skip.square + upsampled.square) / 2, product: 0 };  // not needed any more
    reads = rectified(one());
    reads = rectified(one());
  }
  one();
}

function predicted(depth, base, rule, gain, alike) {
  const layers = network(depth, base), squares = [], unit = new Map();
  follow(layers, depth, { square: 1, product: 0 }, (layer, reads) => {
    unit.set(layer, 1 / (layer.n * reads.square));
    return { square: 1, product: correlation(reads) };
  });
  const variance = { paper: l => 2 / l.n, miscounted: l => 2 / l.theirs, unit: l => unit.get(l),
    xavier: l => 2 / (l.theirs + l.out), default: l => 1 / (3 * l.theirs) }[rule];
  follow(layers, depth, { square: 1, product: alike }, (layer, reads) => {
    const grows = layer.n * variance(layer) * gain ** 2, bias = rule === "default" ? 1 / (3 * layer.theirs) : 0;
    squares.push(grows * reads.square + bias);
    return { square: squares.at(-1), product: grows * reads.product + bias };
  });
  return { layers, squares };
}

reserve("33 layers: 1.23 \u00d7 10\u207b\u00b9\u2070 in the first, 1.23 \u00d7 10\u207b\u00b9\u2070 at the bottom, 1.23 \u00d7 10\u207b\u00b9\u2070 at the logits.");
draws(() => {
  const [depth, gain, alike] = [value("depth"), value("gain"), value("alike")];
  const { layers, squares } = predicted(depth, data.base, choice("rule"), gain, alike);
  const count = squares.length, low = Math.min(...squares), high = Math.max(...squares);
  const pen = drawing(280);
  const y = [10 ** Math.min(-1, Math.floor(Math.log10(low) - 0.05)), 10 ** Math.max(2, Math.ceil(Math.log10(high) + 0.05))];
  const ticks = Array.from({ length: count }, (_, i) => i + 1).filter(i => i === 1 || i % (count > 16 ? 4 : 2) === 0);
  const { place, line } = axes(pen, { x: [0.5, count + 0.5], y, log: true, xTicks: ticks,
    xLabel: "layer", yLabel: "mean square put out" });
  line([[0.5, 1], [count + 0.5, 1]], "currentColor", { "stroke-dasharray": "5 4", "stroke-width": 1 });
  line(squares.map((square, i) => [i + 1, square]), "var(--blue)");
  const [bottom] = place(2 * depth + 2.5, 1);
  pen("line", { x1: bottom, x2: bottom, y1: 30, y2: 240, stroke: "var(--faint)", "stroke-dasharray": "2 3" });
  pen("text", { x: bottom - 6, y: 44, "text-anchor": "end" }, "down");
  pen("text", { x: bottom + 6, y: 44 }, "up");
  squares.forEach((square, i) => {
    const [x, h] = place(i + 1, square);
    pen("circle", { cx: x, cy: h, r: layers[i].up ? 5 : 4, fill: layers[i].up ? "var(--orange)" : "var(--blue)" });
  });
  legend(pen, [["up-convolutions", "var(--orange)"]]);
  root.dataset.squares = JSON.stringify(squares);
  say(`${count} layers: ${digits(squares[0])} in the first, ${digits(squares[2 * depth + 1])} at the bottom, `
    + `${digits(squares[count - 1])} at the logits.`);
});
