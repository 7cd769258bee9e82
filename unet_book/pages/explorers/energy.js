// log(1 + e^-m): the largest part is taken out first, so that no exponential overflows.
const cost = margin => Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
const sure = margin => 1 / (1 + Math.exp(-margin));
const NAMES = ["background", "cell"], COLORS = ["var(--blue)", "var(--orange)"];

function pixel() {
  const truth = Number(choice("truth")), w = value("weight");
  const logits = ["background", "cell"].map(key => value(key) + value("both"));
  const margin = logits[truth] - logits[1 - truth], p = sure(margin);
  const gradient = [0, 1].map(k => k === truth ? -w * (1 - p) : w * (1 - p));
  return { truth, w, logits, margin, p, loss: w * cost(margin), gradient };
}

function draw() {
  const now = pixel(), pen = drawing(250, "svg.loss");
  const x = [-6, 6], y = [0, 18], { place, line } = axes(pen, {
    x, y, xLabel: "margin: true class's logit minus the other's", yLabel: "loss", left: 34 });
  const margins = Array.from({ length: 97 }, (_, i) => x[0] + i / 8);
  line(margins.map(m => [m, now.w * cost(m)]), "var(--blue)");
  const slope = -now.w * (1 - now.p), tangent = m => now.loss + slope * (m - now.margin);
  const zero = slope ? now.margin - now.loss / slope : x[1];  // where it leaves the drawing
  const ends = [Math.max(now.margin - 3, x[0]), Math.min(now.margin + 3, x[1], zero)];
  line(ends.map(m => [m, tangent(m)]), "var(--orange)", { "stroke-width": 3 });
  const [cx, cy] = place(now.margin, now.loss);
  pen("circle", { cx, cy, r: 6, fill: "var(--orange)" });
  pull(now);
  const percent = share => (100 * share).toFixed(1) + " %";
  const signed = v => (v < 0 ? "\u2212" : "+") + Math.abs(v).toFixed(3);
  const p = now.truth === 1 ? [1 - now.p, now.p] : [now.p, 1 - now.p];
  say(`background ${percent(p[0])}, cell ${percent(p[1])}; loss ${now.loss.toFixed(3)}\n`
    + `gradient: background ${signed(now.gradient[0])}, cell ${signed(now.gradient[1])}`);
}

// The two logits on their own lines, and where a step of learning rate 1 moves them.
function pull({ logits, gradient }) {
  const pen = drawing(96, "svg.pulls"), left = 92, right = pen.width - 12;
  const at = a => left + (right - left) * (a + 9) / 18;
  for (const a of [-8, -4, 0, 4, 8])
    pen("text", { x: at(a), y: 74, "text-anchor": "middle" }, String(a).replace("-", "\u2212"));
  pen("text", { x: (left + right) / 2, y: 92, "text-anchor": "middle" },
    "logit, and its step downhill");
  logits.forEach((a, k) => {
    const y = 16 + 26 * k, to = at(a - gradient[k]), color = COLORS[k];
    const head = Math.sign(to - at(a)) * Math.min(7, Math.abs(to - at(a)));
    pen("text", { x: 0, y: y + 4 }, NAMES[k]);
    pen("line", { x1: left, x2: right, y1: y, y2: y, stroke: "var(--faint)" });
    pen("line", { x1: at(a), x2: to - head, y1: y, y2: y, stroke: color, "stroke-width": 3 });
    pen("polygon", { fill: color,
      points: `${to},${y} ${to - head},${y - 5} ${to - head},${y + 5}` });
    pen("circle", { cx: at(a), cy: y, r: 5, fill: color });
  });
}
draws(draw);
