const { width, height, column, row } = data, size = width * height;
const pixels = [...Array(size).keys()];
const at = (x, y) => x >= 0 && x < width && y >= 0 && y < height ? x + width * y : -1;
const ring = [[0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1]];  // clockwise
const around = pixels.map(p => ring.map(([dx, dy]) => at(p % width + dx, Math.floor(p / width) + dy)));
const sides = [0, 6, 2, 4];  // of the ring: north, west, east, south
const beside = pixels.map(p => sides.map(k => around[p][k]).filter(q => q >= 0));

// The connected parts of a mask, numbered in reading order; 0 outside.
function parts(mask, near = beside) {
  const label = new Int32Array(size);
  let count = 0;
  for (const seed of pixels) {
    if (!mask[seed] || label[seed]) continue;
    label[seed] = ++count;
    for (const queue = [seed]; queue.length;) for (const q of near[queue.pop()])
      if (mask[q] && !label[q]) { label[q] = count; queue.push(q); }
  }
  return label;
}

// Cells grow in rings until dams of one pixel part them.
function thin(mask) {
  const label = parts(mask), met = mask.slice();
  const queue = pixels.filter(p => !mask[p] && beside[p].some(q => mask[q]));
  for (const p of queue) met[p] = true;
  for (const p of queue) {  // it grows while we go
    const near = new Set(beside[p].map(q => label[q]).filter(n => n));
    if (near.size !== 1) continue;
    [label[p]] = near;
    for (const q of beside[p]) if (!met[q]) { met[q] = true; queue.push(q); }
  }
  return label;
}

// How many pixels each pair of segments shares, within true cells; predicted background apart.
function table(truth, found) {
  const shared = new Map(), a = new Map(), b = new Map();
  const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
  let alone = 0, n = 0;
  for (const p of pixels) {
    if (!truth[p]) continue;
    n++; add(a, truth[p]);
    if (!found[p]) { alone++; continue; }
    add(b, found[p]); add(shared, `${truth[p]} ${found[p]}`);
  }
  return { shared, a, b, alone, n };
}
const sum = (map, f) => [...map.values()].reduce((total, size) => total + f(size), 0);

function randError(t) {
  const [both, true_, found] = [t.shared, t.a, t.b].map(map => sum(map, n => n * (n - 1) / 2));
  return 1 - 2 * both / (true_ + found);
}
function vRand(t) {
  const [both, true_, found] = [t.shared, t.a, t.b].map(map => sum(map, n => n * n));
  return 2 * (both + t.alone) / (true_ + found + t.alone);
}
function vInfo(t) {
  const [both, true_, found] = [t.shared, t.a, t.b].map(map => sum(map, n => n / t.n * Math.log(t.n / n)));
  const alone = t.alone / t.n * Math.log(t.n);
  return 2 * (true_ + found - both) / (true_ + found + alone);
}
function segScore(truth, found) {
  const { shared } = table(truth, found), sizes = labels => {
    const count = new Map();
    for (const p of pixels) count.set(labels[p], (count.get(labels[p]) ?? 0) + 1);
    return count;
  };
  const a = sizes(truth), b = sizes(found);
  let total = 0;
  for (const [key, n] of shared) {
    const [i, j] = key.split(" ").map(Number);
    if (2 * n > a.get(i)) total += n / (a.get(i) + b.get(j) - n);
  }
  return total / (a.size - a.has(0));
}

// Parts of cell around a pixel that touch its side: one makes it simple.
function partsAround(mask, p) {
  const cell = around[p].map(q => q >= 0 && mask[q]);
  return [0, 2, 4, 6].filter(k => cell[k] && !(cell[k + 1] && cell[(k + 2) % 8])).length;
}
function splitsAndMerges(truth, found) {
  const warped = Array.from(truth, n => n > 0);
  const byColumn = [...pixels].sort((p, q) => p % width - q % width || p - q);
  for (let changed = true; changed;) {
    changed = false;
    for (const p of byColumn) if (warped[p] !== found[p] && partsAround(warped, p) === 1) {
      warped[p] = found[p]; changed = true;
    }
  }
  const label = parts(warped);
  return pixels.filter(p => {
    if (warped[p] === found[p]) return false;
    const ids = new Set(around[p].map(q => q < 0 ? 0 : label[q]));
    if (ids.size > 2) return true;
    if (!warped[p] || ids.size === 1) return false;
    const without = warped.slice();
    without[p] = false;
    const anew = parts(without);
    return new Set(around[p].map(q => q < 0 ? 0 : anew[q])).size > 2;
  }).length;
}

let side, left;  // of a pixel, and of the grid, px
const head = 24;  // room for the knobs
const place = (x, y) => [left + side * x, head + side * y];
const back = ([x, y]) => [(x - left) / side, (y - head) / side];
const first = () => column + value("shift") - Math.floor((value("thick") - 1) / 2);
const opens = () => Math.floor((height - value("gap")) / 2);

function draw() {
  const [gap, shift, thick, wall] = ["gap", "shift", "thick", "wall"].map(value);
  const begins = first(), top = opens();
  const mask = pixels.map(p => p % width !== column);
  const found = pixels.map(p => {
    const x = p % width, y = Math.floor(p / width);
    const inMembrane = x >= begins && x < begins + thick && (y < top || y >= top + gap);
    return !inMembrane && !(y === row && x < wall);
  });
  const truth = parts(mask), labels = parts(found), thinned = table(truth, thin(found));
  const wrong = pixels.filter(p => mask[p] !== found[p]);
  const both = pixels.filter(p => mask[p] && found[p]).length;
  const overlap = both / (both + wrong.length);
  const values = [
    ["wrong pixels", wrong.length / size], ["pixel error, 1 \u2212 F", wrong.length / (2 * both + wrong.length)],
    ["1 \u2212 IoU", 1 - overlap], ["Rand error", randError(table(truth, labels))],
    ["1 \u2212 V_Rand, thinned", 1 - vRand(thinned)], ["1 \u2212 V_Info, thinned", 1 - vInfo(thinned)],
    ["1 \u2212 SEG", 1 - segScore(truth, labels)], ["warping error", splitsAndMerges(truth, found) / size],
  ];
  const beside = (part("svg.drawing").clientWidth || 320) > 640, line = beside ? 30 : 21;  // the bars
  side = Math.min(20, Math.floor((part("svg.drawing").clientWidth || 320) / (width + 1)));
  const high = head + side * height + head, pen = drawing(beside ? high : high + line * values.length);
  left = beside ? 12 : Math.floor((pen.width - side * width) / 2);
  const colors = ["var(--faint)", "var(--blue)", "var(--green)", "var(--purple)", "var(--orange)"];
  for (const p of pixels) {
    const [x, y] = place(p % width, Math.floor(p / width));
    pen("rect", { x: x + .5, y: y + .5, width: side - 1, height: side - 1,
      fill: colors[Math.min(labels[p], 4)], "fill-opacity": labels[p] ? .55 : 1 });
  }
  for (const p of wrong) {
    const [cx, cy] = place(p % width + .5, Math.floor(p / width) + .5);
    pen("circle", { cx, cy, r: side / 6, fill: "currentColor" });
  }
  const start = beside ? left + side * width + 36 : 0, from = start + 158, wide = pen.width - from - 52;
  values.forEach(([name, share], k) => {
    const y = (beside ? head : high) + line * k;
    pen("text", { x: start, y: y + 14 }, name);
    pen("rect", { x: from, y: y + 3, width: wide, height: 13, fill: "var(--faint)", "fill-opacity": .5 });
    pen("rect", { x: from, y: y + 3, width: wide * Math.max(share, 0), height: 13, fill: "var(--orange)" });
    pen("text", { x: pen.width, y: y + 14, "text-anchor": "end" }, fixed(share, 4));
  });
  root.dataset.errors = JSON.stringify(values.map(([, share]) => share));
  const count = Math.max(...labels);
  say(`${wrong.length} of ${size} pixels wrong; ${count} predicted ${count === 1 ? "cell" : "cells"} for 2 true ones\n`
    + `Rand error ${(values[3][1]).toFixed(3)}, warping error ${splitsAndMerges(truth, found)} of ${size} pixels`);
}
grip("svg.drawing", "membrane", { right: "shift" },
  () => place(column + value("shift") + .5, -0.55), at => ({ shift: back(at)[0] - column - .5 }));
grip("svg.drawing", "right edge of the membrane", { right: "thick" },
  () => place(first() + value("thick"), height + .55), at => ({ thick: back(at)[0] - first() }));
grip("svg.drawing", "lower end of the gap", { down: "gap" },
  () => place(first() + value("thick") + .9, opens() + value("gap")), at => ({ gap: 2 * (back(at)[1] - height / 2) + 0.5 }));
grip("svg.drawing", "end of the wall", { right: "wall" },
  () => place(value("wall"), row + .5), at => ({ wall: back(at)[0] }));
reserve("100 of 204 pixels wrong; 3 predicted cells for 2 true ones\nRand error 0.000, warping error 100 of 204 pixels");
draws(draw);
