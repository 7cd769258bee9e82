// The first of the lowest entries, without those that are no number.
const best = errors => errors.reduce((at, e, i) => e !== null && (at < 0 || e < errors[at]) ? i : at, -1);
const digits = e => e === null ? "no number" : e < 0.01 ? e.toFixed(6) : e.toFixed(4);

draws(() => {
  const errors = data.curves[choice("fold")][choice("way")], measure = choice("measure");
  const [train, test] = [errors.train[measure], errors.test[measure]], cut = value("cut");
  const chosen = best(train), own = best(test), cuts = data.cuts;
  show("cut", cuts[cut].toFixed(2));
  // As high as five times the best, so that what happens around it can be seen.
  const top = Math.min(5 * test[own], Math.max(...test.filter(e => e !== null)));
  const pen = drawing(300);
  const { place, line } = axes(pen, { x: [0, 1], y: [0, top * 1.05], xTicks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    xLabel: "threshold", yLabel: "error", left: 66 });
  const points = curve => cuts.map((t, i) => [t, curve[i]]).filter(([, e]) => e !== null && e <= top * 1.05);
  const upright = (at, color, dash) => {
    const [x] = place(cuts[at], 0);
    pen("line", { x1: x, x2: x, y1: 24, y2: 260, stroke: color, "stroke-dasharray": dash });
  };
  upright(chosen, "var(--orange)", "5 4");
  upright(cut, "var(--gray)", "2 3");
  line(points(train), "var(--orange)");
  line(points(test), "var(--blue)");
  for (const [name, color, up, curve] of [["held out", "var(--blue)", 14, test], ["training", "var(--orange)", 30, train]])
    pen("text", { x: pen.width - 14, y: 24 + up, "text-anchor": "end", style: `fill: ${color}` }, name);
  const [x, y] = place(cuts[cut], Math.min(test[cut] ?? 0, top * 1.05));
  pen("circle", { cx: x, cy: y, r: 5, fill: "var(--blue)" });
  say(`Held out: ${digits(test[cut])} at ${cuts[cut].toFixed(2)}, ${digits(test[chosen])} at `
    + `${cuts[chosen].toFixed(2)}, which is best on training slices. Its own best is `
    + `${digits(test[own])}, at ${cuts[own].toFixed(2)}.`);
});
