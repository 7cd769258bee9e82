const longest = Number(control("step").max);

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

let correlation;  // its axes
function correlations(step, curves) {
  const pen = drawing(200, "svg.correlation");
  correlation = axes(pen, { x: [0, longest], y: [-0.2, 1], yTicks: [0, 0.5, 1],
    yLabel: "correlation of two pixels", xLabel: "distance, px" });
  const names = [["class", "var(--blue)"], ["gray value", "var(--orange)"]];
  curves.forEach((curve, i) => {
    correlation.line(curve.map((rho, r) => [r, rho]), names[i][1]);
    correlation.dot(step, curve[step], names[i][1]);
  });
  legend(pen, names);
}

function counts(step, pixels, curve) {
  const pen = drawing(200, "svg.counts"), all = Array.from({ length: longest }, (_, i) => i + 1);
  const top = 10 ** Math.ceil(Math.log10(pixels));
  const { line, dot } = axes(pen, { x: [0, longest], y: [1, top], log: true,
    yLabel: "pixels", xLabel: "one pixel every … px" });
  const names = [["taken", "var(--purple)"], ["what they are worth", "var(--blue)"]];
  [s => taken(pixels, s), s => worth(pixels, curve, s)].forEach((count, i) => {
    line(all.map(s => [s, count(s)]), names[i][1]);
    dot(step, count(step), names[i][1]);
  });
  legend(pen, names);
}

grip("svg.correlation", "one pixel every", { right: "step" },
  () => correlation.place(value("step"), data[choice("set")][1][value("step")]),
  at => ({ step: correlation.at(at)[0] }));
reserve("10,000,000 of 10,000,000 pixels taken; over 100 px the classes of two correlate \u22120.00, their gray values \u22120.00.\n"
  + "For an average of the class they are worth about 1,000,000 independent pixels, if the images were independent of each other.");
draws(() => {
  const [pixels, classes, grays] = data[choice("set")], step = value("step");
  correlations(step, [classes, grays]);
  counts(step, pixels, classes);
  const [n, independent] = [taken(pixels, step), worth(pixels, classes, step)];
  say(`${group(n)} of ${group(pixels)} pixels taken; over ${step} px the classes of two correlate `
    + `${fixed(classes[step], 2)}, their gray values ${fixed(grays[step], 2)}.\n`
    + `For an average of the class they are worth about ${group(independent)} independent pixels, `
    + "if the images were independent of each other.");
});
