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
  let [x, y] = data.start, [vx, vy] = [0, 0], [ax, ay] = data.start;
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

const digits = x => x >= 0.001 && x < 1e4 ? Number(x.toPrecision(3)).toString() : x.toExponential(1);
const energy = ([x, y]) => (data.along * x * x + y * y) / 2;

// The mean energy of the last hundred places, in that of the start.
const rest = points => points.slice(-100).map(energy).reduce((a, b) => a + b) / 100 / energy(data.start);

function told({ size, word }) {
  if (word === "runs away") return word;
  const halving = size < 1e-6 ? 0 : Math.log(0.5) / Math.log(size);
  return `${word}, halved every ${halving < 1 ? "step or faster" : `${digits(halving)} steps`}`;
}

draws(() => {
  const rate = 10 ** value("exponent"), m = value("momentum");
  show("exponent", digits(rate));
  const across = fate(rate, m, 1), along = fate(rate, m, data.along);
  const decay = value("average"), { ball, mean } = paths(rate, m, value("noise"), decay);
  const pen = drawing(300), reach = 1.3;
  const { place, line } = axes(pen, { x: [-reach, reach], y: [-reach, reach],
    xLabel: "along the valley (curvature 0.02)", yLabel: "across it (curvature 1)" });
  for (const height of [0.0005, 0.004, 0.03, 0.2]) {
    const around = Array.from({ length: 181 }, (_, i) => {
      const angle = i * Math.PI / 90;
      return [Math.sqrt(2 * height / data.along) * Math.cos(angle), Math.sqrt(2 * height) * Math.sin(angle)];
    });
    for (const side of [1, -1]) {  // an ellipse wider than the drawing has an upper and a lower part
      const part = around.filter(([x, y]) => Math.abs(x) <= reach && side * y >= -1e-9);
      line(part, "var(--faint)", { "stroke-width": 1 });
    }
  }
  for (const [points, color] of [[ball, "var(--blue)"], ...(decay ? [[mean, "var(--orange)"]] : [])]) {
    const out = points.findIndex(([x, y]) => Math.abs(x) > reach || Math.abs(y) > reach);
    const seen = out < 0 ? points : points.slice(0, out);
    line(seen, color, { "stroke-width": 1.5 });
    for (const [x, y] of seen) {
      const [cx, cy] = place(x, y);
      pen("circle", { cx, cy, r: 2, fill: color });
    }
  }
  const [cx, cy] = place(0, 0);
  pen("circle", { cx, cy, r: 5, fill: "none", stroke: "var(--orange)", "stroke-width": 2 });
  const left = rest(ball), calm = rest(mean);
  Object.assign(root.dataset, { across: across.size, along: along.size, left, calm,
    end: JSON.stringify(ball.at(-1)), mean: JSON.stringify(mean.at(-1)) });
  const limit = 2 * (1 + m);
  say(`Across, it ${told(across)}. Along, it ${told(along)}.\n`
    + `The limit is 2 (1 + ${m}) / 1 = ${digits(limit)}. In the last 100 of ${data.steps} steps `
    + (left > 1 ? "there is more energy than before." : `${digits(left)} of the energy is left`
      + (decay ? `, in the mean of the weights ${digits(calm)}.` : ".")));
});
