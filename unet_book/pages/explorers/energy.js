// log(1 + e^-m): the largest part is taken out first, so that no exponential overflows.
const cost = margin => Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
const sure = margin => 1 / (1 + Math.exp(-margin));
const NAMES = ["background", "cell"], COLORS = ["var(--gray)", "var(--cell)"];

function pixel() {
  const truth = Number(choice("truth")), w = value("weight");
  const logits = ["background", "cell"].map(key => value(key) + value("both"));
  const margin = logits[truth] - logits[1 - truth], p = sure(margin);
  const gradient = [0, 1].map(k => k === truth ? -w * (1 - p) : w * (1 - p));
  return { truth, w, logits, margin, p, loss: w * cost(margin), gradient };
}

let curve;  // its axes
function draw() {
  const now = pixel(), pen = drawing(250, "svg.loss"), x = [-6, 6];
  curve = axes(pen, { x, y: [0, 18], xLabel: "margin: true class's logit minus the other's", yLabel: "loss", left: 34 });
  const margins = Array.from({ length: 97 }, (_, i) => x[0] + i / 8);
  curve.line(margins.map(m => [m, now.w * cost(m)]), "currentColor");
  const slope = -now.w * (1 - now.p), tangent = m => now.loss + slope * (m - now.margin);
  curve.line([now.margin - 3, now.margin + 3].map(m => [m, tangent(m)]), "var(--orange)", { "stroke-width": 3 });
  legend(pen, [["its slope", "var(--orange)"]]);
  pull(now);
  const percent = share => (100 * share).toFixed(1) + " %";
  const p = now.truth === 1 ? [1 - now.p, now.p] : [now.p, 1 - now.p];
  say(`background ${percent(p[0])}, cell ${percent(p[1])}; loss ${now.loss.toFixed(3)}\n`
    + `gradient: background ${signed(now.gradient[0], 3)}, cell ${signed(now.gradient[1], 3)}`);
}

// The two logits on their own lines, and where a step of learning rate 1 moves them.
const lane = k => 18 + 34 * k;
const spans = () => [96, (part("svg.pulls").clientWidth || 320) - 12];
const across = a => { const [left, right] = spans(); return left + (right - left) * (a + 9) / 18; };
function pull({ logits, gradient }) {
  const pen = drawing(112, "svg.pulls"), [left, right] = spans();
  for (const a of [-8, -4, 0, 4, 8])
    pen("text", { x: across(a), y: 88, "text-anchor": "middle" }, minus(a));
  pen("text", { x: (left + right) / 2, y: 106, "text-anchor": "middle" }, "logit, and its step downhill");
  logits.forEach((a, k) => {
    const y = lane(k), to = across(a - gradient[k]), color = COLORS[k];
    const head = Math.sign(to - across(a)) * Math.min(9, Math.abs(to - across(a)));
    pen("text", { x: 0, y: y + 4 }, NAMES[k]);
    pen("line", { x1: left, x2: right, y1: y, y2: y, stroke: "var(--faint)" });
    pen("line", { x1: across(a), x2: to - head, y1: y, y2: y, stroke: color, "stroke-width": 4 });
    pen("polygon", { fill: color, points: `${to},${y} ${to - head},${y - 7} ${to - head},${y + 7}` });
  });
}

NAMES.forEach((name, k) => grip("svg.pulls", `${name}'s logit`, { right: name },
  () => [across(pixel().logits[k]), lane(k)],
  ([x]) => { const [left, right] = spans(); return { [name]: 18 * (x - left) / (right - left) - 9 - value("both") }; }));
// On the curve the true class's logit is moved, whichever that is.
grip("svg.loss", "margin", { get right() { return NAMES[Number(choice("truth"))]; } },
  () => curve.place(pixel().margin, pixel().loss),
  at => { const { truth, logits } = pixel(); return { [NAMES[truth]]: curve.at(at)[0] + logits[1 - truth] - value("both") }; },
  () => fixed(pixel().margin, 2));
reserve("background 100.0 %, cell 100.0 %; loss 18.000\ngradient: background +0.000, cell +0.000");
draws(draw);
