// What becomes of one direction: the larger root of r^2 - (1 + m - rate * curvature) r + m.
function fate(rate, m, curvature) {
  const half = (1 + m - rate * curvature) / 2, inside = half * half - m;
  const swings = inside < 0;
  const size = swings ? Math.sqrt(m) : Math.abs(half) + Math.sqrt(inside);
  const word = size >= 1 ? "runs away" : swings ? "swings" : half < 0 ? "jumps from side to side" : "creeps";
  return { size, word };
}

// The ball's places, and the running mean of them, whose memory grows from the first step on.
function paths(rate, m, noise, decay) {
  let [x, y] = [value("x"), value("y")], [vx, vy] = [0, 0], [ax, ay] = [x, y];
  const ball = [[x, y]], mean = [[x, y]];
  for (let k = 0; k < data.steps; k++) {
    vx = m * vx + data.along * x + noise * data.noise[k][0];
    vy = m * vy + y + noise * data.noise[k][1];
    x -= rate * vx;
    y -= rate * vy;
    const kept = Math.min(decay, (1 + k) / (10 + k));
    ax = kept * ax + (1 - kept) * x;
    ay = kept * ay + (1 - kept) * y;
    ball.push([x, y]);
    mean.push([ax, ay]);
  }
  return { ball, mean };
}
const energy = ([x, y]) => (data.along * x * x + y * y) / 2;

// The mean energy of the last hundred places, in that of the start.
const rest = points => points.slice(-100).map(energy).reduce((a, b) => a + b) / 100 / energy(points[0]);

function told({ size, word }) {
  if (word === "runs away") return word;
  const halving = size < 1e-6 ? 0 : Math.log(0.5) / Math.log(size);
  return `${word}, halved every ${halving < 1 ? "step or faster" : `${digits(halving)} steps`}`;
}

// ---- pictures

const reach = 1.3, outside = ([x, y]) => Math.abs(x) > reach || Math.abs(y) > reach;
let valley;  // its axes

// A path, and an arrow where it leaves the picture for the first time.
function path(pen, points, color) {
  valley.line(points, color, { "stroke-width": 1.5 });
  for (const [x, y] of points.filter(point => !outside(point))) {
    const [cx, cy] = valley.place(x, y);
    pen("circle", { cx, cy, r: 2, fill: color });
  }
  const out = points.findIndex(outside);
  if (out < 1) return;
  const [[fromX, fromY], [x, y]] = clipped(...[out - 1, out].map(k => valley.place(...points[k])), valley);
  const turn = Math.atan2(y - fromY, x - fromX) * 180 / Math.PI, right = x > pen.width / 2;
  pen("polygon", { class: "off", points: "4,0 -10,-7 -10,7", fill: color, transform: `translate(${x} ${y}) rotate(${turn})` });
  const edge = Math.min(Math.max(y, valley.top + 14), valley.bottom - 6);
  pen("text", { x: x + (right ? -14 : 14), y: edge, "text-anchor": right ? "end" : "start",
    style: `fill: ${color}; font-weight: 600` }, `leaves at step ${out}`);
}

function hills(pen) {
  valley = axes(pen, { x: [-reach, reach], y: [-reach, reach], xTicks: [-1, 0, 1], yTicks: [-1, 0, 1], left: 30,
    xLabel: "along the valley (curvature 0.02)", yLabel: "across it (curvature 1)" });
  for (const height of [0.0005, 0.004, 0.03, 0.2]) for (const side of [1, -1]) {
    // An ellipse wider than the drawing has an upper and a lower part.
    const around = Array.from({ length: 181 }, (_, i) => [
      Math.sqrt(2 * height / data.along) * Math.cos(i * Math.PI / 180), side * Math.sqrt(2 * height) * Math.sin(i * Math.PI / 180)]);
    valley.line(around.filter(([x]) => Math.abs(x) <= reach), "var(--faint)", { "stroke-width": 1 });
  }
  const [cx, cy] = valley.place(0, 0);
  pen("circle", { cx, cy, r: 5, fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
}

function energies(both) {
  const pen = drawing(170, "svg.energy"), y = [1e-6, 100];
  const { line, dot } = axes(pen, { x: [0, data.steps], y, log: true, yTicks: [1e-6, 1e-4, 0.01, 1, 100],
    xLabel: "step", yLabel: "energy, in that of the start" });
  for (const [points, color] of both) {
    const shares = points.map(p => energy(p) / energy(points[0])), out = shares.findIndex(e => !(e <= y[1]));
    line(shares.slice(0, out < 0 ? undefined : out + 1).map((e, k) => [k, e]), color, { "stroke-width": 1.5 });
    if (out >= 0) dot(out, shares[out], color, "it runs away");
  }
}

grip("svg.valley", "where the ball starts", { right: "x", up: "y" },
  () => valley.place(value("x"), value("y")), at => { const [x, y] = valley.at(at); return { x, y }; },
  () => `${fixed(value("x"), 2)} along the valley, ${fixed(value("y"), 2)} across it`);
reserve("Across, it jumps from side to side, halved every 10,000 steps. The limit is 2 (1 + 0.99) / 1 = 3.98.\n"
  + "Along, it creeps, halved every 347,000 steps.\nIn the last 100 of 300 steps 0.00123 of the energy is left, in the mean of the weights 0.00123.");
draws(() => {
  const rate = 10 ** value("exponent"), m = value("momentum");
  show("exponent", digits(rate));
  const across = fate(rate, m, 1), along = fate(rate, m, data.along);
  const decay = value("average"), { ball, mean } = paths(rate, m, value("noise"), decay);
  const followed = points => {  // one that runs away is followed for a while
    const gone = points.findIndex(([x, y]) => !(Math.hypot(x, y) < 20));
    return gone < 0 ? points : points.slice(0, gone + 1).filter(p => p.every(Number.isFinite));
  };
  const both = [[followed(ball), "var(--blue)"], ...(decay ? [[followed(mean), "var(--orange)"]] : [])];
  const pen = drawing(280, "svg.valley");
  hills(pen);
  for (const [points, color] of both) path(pen, points, color);
  if (decay) legend(pen, [["ball", "var(--blue)"], ["mean of its places", "var(--orange)"]]);
  energies(both);
  const left = rest(ball), calm = rest(mean);
  Object.assign(root.dataset, { across: across.size, along: along.size, left, calm,
    end: JSON.stringify(ball.at(-1)), mean: JSON.stringify(mean.at(-1)) });
  say(`Across, it ${told(across)}. The limit is 2 (1 + ${m}) / 1 = ${digits(2 * (1 + m))}.\n`
    + `Along, it ${told(along)}.\nIn the last 100 of ${data.steps} steps `
    + (!(left <= 1) ? "there is more energy than before." : `${digits(left)} of the energy is left`
      + (decay ? `, in the mean of the weights ${digits(calm)}.` : ".")));
});
