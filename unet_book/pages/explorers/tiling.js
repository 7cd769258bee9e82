const percent = share => share > 0.99 && share < 1 ? "more than 99 %" : `${+(100 * share).toPrecision(2)} %`;

// The pixels that valid convolutions take off each side.
const border = depth => 6 * 2 ** depth - 4;

// The largest tile of at most that side that fits, and answers 28 or 36 pixels at the least.
const fitting = (tile, depth) => Math.max(tile - (tile + 4) % 2 ** depth, depth === 3 ? 116 : 220);

// What `overlap_tile.even_tiles` gives: the fewest tiles, all alike, none larger than `tile`.
function even(size, tile, depth) {
  const block = 2 ** depth, longest = Math.floor((tile - 2 * border(depth)) / block) * block;
  const count = Math.ceil(size / longest), step = Math.ceil(size / (count * block)) * block;
  let side = step + 2 * border(depth);
  while ((side + 4) % block) side++;  // a side that fits is 4 short of a multiple
  return { side, step };
}

let view;  // [low, high] in pixels of the image; kept while something is dragged
const side = () => Math.min(400, part("svg.drawing").clientWidth || 320);
const scale = () => side() / (view[1] - view[0]);
const place = (x, y) => [((part("svg.drawing").clientWidth || 320) - side()) / 2 + (x - view[0]) * scale(), (y - view[0]) * scale()];
const across = ([x]) => (x - place(0, 0)[0]) / scale();  // its inverse, to the right
function picture(size, tile, step, depth, phases) {
  const pen = drawing(side() + 22);
  const cut = border(depth), last = step * (phases.length - 1) + tile - cut;
  if (!dragging()) view = [-cut, Math.max(last, size + cut)];
  const [low, high] = view, x = v => place(v, 0)[0], y = v => place(0, v)[1];
  const box = (left, top, side, more) => pen("rect", { x: x(left), y: y(top),
    width: side * scale(), height: side * scale(), ...more });
  box(low, low, high - low, { fill: "none", stroke: "var(--faint)", "stroke-dasharray": "3 3" });
  // One path for all answers in phase and one for the others: a thousand squares are drawn at once.
  const squares = { orange: "", blue: "" };
  phases.forEach((down, i) => phases.forEach((right, j) => {
    const [wide, tall] = [j, i].map(k => Math.min(step, size - k * step) * scale());
    squares[down || right ? "orange" : "blue"] +=
      `M${x(j * step).toFixed(1)} ${y(i * step).toFixed(1)}h${wide.toFixed(1)}v${tall.toFixed(1)}h${(-wide).toFixed(1)}z`;
  }));
  for (const [color, d] of Object.entries(squares)) {
    pen("path", { d, class: color, fill: `var(--${color})`, "fill-opacity": 0.35, stroke: `var(--${color})` });
  }
  box(0, 0, size, { fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
  box(-cut, -cut, tile, { fill: "none", stroke: "currentColor", "stroke-width": 3 });
  pen("text", { x: x(size / 2), y: side() + 17, "text-anchor": "middle" }, `image ${group(size)} px, dashed: with its mirrored border`);
}

const shown = () => {  // after what does not fit is made smaller
  const tile = fitting(value("tile"), value("depth"));
  return { tile, step: Math.min(value("step"), tile - 2 * border(value("depth"))) };
};
grip("svg.drawing", "corner of the first tile", { right: "tile" },
  () => { const end = shown().tile - border(value("depth")); return place(end, end); },
  at => ({ tile: across(at) + border(value("depth")) }));
grip("svg.drawing", "where the second tile's answer begins", { right: "step" },
  () => place(shown().step, 0), at => ({ step: across(at) }));
grip("svg.drawing", "corner of the image", { right: "size" },
  () => place(value("size"), value("size")), at => ({ size: across(at) }));
reserve("10,000 tiles, which overlap by 1,000 px and read each pixel 10.2 times; more than 99 % of the answers are dropped.\n"
  + "The step is cut to 1,000, the answer of a tile. Phases 0, 10, 10, 10, 10, \u2026 (mod 16): more than 99 % of the image is pooled otherwise than in one pass.");

part("[name=even]").addEventListener("click", () => {
  const depth = value("depth");
  const { side, step } = even(value("size"), fitting(value("tile"), depth), depth);
  set({ tile: side, step });
});

draws(() => {
  const [size, most, depth] = ["size", "tile", "depth"].map(value);
  const tile = fitting(most, depth), asked = value("step");
  const answer = tile - 2 * border(depth), step = Math.min(asked, answer), block = 2 ** depth;
  const count = Math.ceil(size / step);
  const phases = Array.from({ length: count }, (_, k) => k * step % block);
  const inPhase = phases.reduce((sum, phase, k) => sum + (phase ? 0 : Math.min(step, size - k * step)), 0);
  show("tile", `${tile} px`);
  show("step", `${step} px`);
  picture(size, tile, step, depth, phases);
  Object.assign(root.dataset, { count, tile, step, phases: JSON.stringify(phases) });
  const read = (count * tile / size) ** 2, kept = (size / (count * answer)) ** 2;
  const named = phases.slice(0, 5).join(", ") + (count > 5 ? ", …" : "");
  const tiles = count === 1 ? "1 tile, which reads each pixel "
    : `${group(count ** 2)} tiles, which overlap by ${group(tile - step)} px and read each pixel `;
  say(tiles + `${+read.toPrecision(2)} times; ${percent(1 - kept)} of the answers are dropped.\n`
    + (asked > step ? `The step is cut to ${step}, the answer of a tile. ` : "")
    + (count === 1 ? "No seam: nothing to join." : step % block === 0 ? `${step} is a multiple of ${block}: no seam, as one pass.`
      : `Phases ${named} (mod ${block}): ${percent(1 - (inPhase / size) ** 2)} of the image is pooled otherwise than in one pass.`));
});
