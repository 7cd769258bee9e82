// The first of the lowest entries, without those that are no number.
const best = errors => errors.reduce((at, e, i) => e !== null && (at < 0 || e < errors[at]) ? i : at, -1);
const written = e => e === null ? "no number" : e < 0.01 ? e.toFixed(6) : e.toFixed(4);
const nearest = t => data.cuts.reduce((at, cut, i) => Math.abs(cut - t) < Math.abs(data.cuts[at] - t) ? i : at, 0);
let plot, here;  // the axes, and the place of the threshold in them

grip("svg.drawing", "threshold", { right: "cut" }, () => here, at => ({ cut: nearest(plot.at(at)[0]) }));
reserve("Held out: 0.000000 at 0.00, 0.000000 at 0.00, which is best on training slices. Its own best is 0.000000, at 0.00.",
  "Held out: no number at 0.00, 0.000000 at 0.00, which is best on training slices. Its own best is 0.000000, at 0.00.");
draws(() => {
  const errors = data.curves[choice("fold")][choice("way")], measure = choice("measure");
  const [train, test] = [errors.train[measure], errors.test[measure]], cut = value("cut");
  const chosen = best(train), own = best(test), cuts = data.cuts;
  show("cut", cuts[cut].toFixed(2));
  // As high as five times the best, so that what happens around it can be seen.
  const top = 1.05 * Math.min(5 * test[own], Math.max(...test.filter(e => e !== null)));
  const pen = drawing(300);
  plot = axes(pen, { x: [0, 1], y: [0, top], xTicks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    xLabel: "threshold", yLabel: "error", left: 66 });
  const upright = (at, color, dash) => {
    const [x] = plot.place(cuts[at], 0);
    pen("line", { x1: x, x2: x, y1: plot.top, y2: plot.bottom, stroke: color, "stroke-dasharray": dash, "stroke-width": 1.5 });
  };
  upright(chosen, "var(--training)", "5 4");
  upright(cut, "var(--held-out)", "none");
  for (const [curve, color] of [[train, "var(--training)"], [test, "var(--held-out)"]])
    plot.line(cuts.map((t, i) => [t, curve[i] ?? NaN]), color);
  legend(pen, [["held out", "var(--held-out)"], ["training (dashed: its best)", "var(--training)"]]);
  if (test[cut] !== null && test[cut] > top) plot.dot(cuts[cut], test[cut], "var(--held-out)", written(test[cut]));
  here = plot.place(cuts[cut], Math.min(test[cut] ?? 0, 0.93 * top));
  say(`Held out: ${written(test[cut])} at ${cuts[cut].toFixed(2)}, ${written(test[chosen])} at `
    + `${cuts[chosen].toFixed(2)}, which is best on training slices. Its own best is `
    + `${written(test[own])}, at ${cuts[own].toFixed(2)}.`);
});
