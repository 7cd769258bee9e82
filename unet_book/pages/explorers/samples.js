const group = n => n.toLocaleString("en-US"), longest = Number(control("step").max);

// The sum of a correlation over all offsets of a raster, up to where it first falls to 0.
function summed(curve, step) {
  const zero = curve.findIndex(rho => rho <= 0), end = zero < 0 ? curve.length : zero;
  const most = Math.ceil(end / step);
  let sum = 0;
  for (let i = -most; i <= most; i++) for (let j = -most; j <= most; j++) {
    const distance = Math.round(step * Math.hypot(i, j));
    if (distance < end) sum += curve[distance];
  }
  return sum;
}
const taken = (pixels, step) => Math.round(pixels / step ** 2);
// Two digits are all that such an estimate can carry; never more than were taken.
const worth = (pixels, curve, step) => Math.min(taken(pixels, step),
  Number((pixels / step ** 2 / summed(curve, step)).toPrecision(2)));

function correlations(step, curves) {
  const pen = drawing(200, "svg.correlation");
  const { place, line } = axes(pen, { x: [0, longest], y: [-0.2, 1], yTicks: [0, 0.5, 1],
    yLabel: "correlation of two pixels", xLabel: "distance, px" });
  const named = [["var(--blue)", "class", 34], ["var(--orange)", "gray value", 52]];
  curves.forEach((curve, i) => {
    const [color, text, y] = named[i];
    line(curve.map((rho, r) => [r, rho]), color);
    const [cx, cy] = place(step, curve[step]);
    pen("circle", { cx, cy, r: 5, fill: color });
    pen("text", { x: pen.width - 12, y, "text-anchor": "end", style: `fill: ${color}` }, text);
  });
}

function counts(step, pixels, curve) {
  const pen = drawing(200, "svg.counts"), all = Array.from({ length: longest }, (_, i) => i + 1);
  const top = 10 ** Math.ceil(Math.log10(pixels));
  const { place, line } = axes(pen, { x: [0, longest], y: [1, top], log: true,
    yLabel: "pixels", xLabel: "one pixel every … px" });
  for (const [color, text, y, count] of [
    ["var(--orange)", "taken", 34, s => taken(pixels, s)],
    ["var(--blue)", "what they are worth", 52, s => worth(pixels, curve, s)]]) {
    line(all.map(s => [s, count(s)]), color);
    const [cx, cy] = place(step, Math.max(1, count(step)));
    pen("circle", { cx, cy, r: 5, fill: color });
    pen("text", { x: pen.width - 12, y, "text-anchor": "end", style: `fill: ${color}` }, text);
  }
}

draws(() => {
  const [pixels, classes, grays] = data[choice("set")], step = value("step");
  correlations(step, [classes, grays]);
  counts(step, pixels, classes);
  const [n, independent] = [taken(pixels, step), worth(pixels, classes, step)];
  say(`${group(n)} of ${group(pixels)} pixels taken; over ${step} px the classes of two correlate `
    + `${classes[step].toFixed(2)}, their gray values ${grays[step].toFixed(2)}.\n`
    + `For an average of the class they are worth about ${group(independent)} independent pixels, `
    + "if the images were independent of each other.");
});
