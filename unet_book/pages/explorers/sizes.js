const table = part("table"), mebi = 2 ** 20, deepest = 6;

// The side of every map, as triples (arrives, after one convolution, after two): down, bottom, up.
// Where a map is odd at a pooling, or gone, the path ends there and `problem` says why.
function sizes(tile, depth) {
  const path = [];
  let size = tile;
  for (let level = 0; level <= 2 * depth; level++) {
    path.push([size, size - 2, size - 4]);
    if (size <= 4) return { path, problem: `the maps run out of pixels at ${size} px` };
    if (level < depth) {
      if ((size - 4) % 2) return { path, problem: `pooling ${level + 1} meets an odd side of ${size - 4} px` };
      size = (size - 4) / 2;
    } else size = 2 * (size - 4);
  }
  return { path };
}
function nearest(tile, depth, by) {
  for (let size = tile; size > 0 && size < tile + 1000; size += by)
    if (!sizes(size, depth).problem) return size;
  return null;
}

// Parameters, multiply-adds (times two) and values of each level's two paths, as layer_costs counts.
function costs(path, depth, base) {
  const rows = [];
  const convolution = (row, from, to, side, taps) => {
    row.parameters += taps * from * to + to;
    row.flop += 2 * taps * from * to * side ** 2;
    row.values += to * side ** 2;
  };
  for (let level = 0; level <= depth; level++) {
    const width = base * 2 ** level, row = { width, parameters: 0, flop: 0, values: 0 };
    const [, first, second] = path[level];
    convolution(row, level ? width / 2 : 1, width, first, 9);
    convolution(row, width, width, second, 9);
    if (level) row.values += width / 2 * path[level][0] ** 2;  // the pooled map
    if (level < depth) {
      const [joined, one, two] = path[2 * depth - level];
      row.parameters += 4 * 2 * width * width + width;
      row.flop += 2 * 2 * width * width * joined ** 2;
      row.values += 3 * width * joined ** 2;  // the upsampled map, and the pair
      convolution(row, 2 * width, width, one, 9);
      convolution(row, width, width, two, 9);
      row.crop = (second - joined) / 2;
      if (level === 0) convolution(row, width, 2, two, 1);
    }
    rows.push(row);
  }
  return rows;
}

// As high at every depth, so that nothing below it moves.
function picture(path, depth, base, problem) {
  const pen = drawing(250), columns = 2 * depth + 1;
  const step = pen.width / columns, tallest = path[0][0], down = Math.min(48, 156 / depth);
  const middle = level => 62 + down * Math.min(level, 2 * depth - level);
  path.forEach((triple, level) => {
    const width = base * 2 ** Math.min(level, 2 * depth - level);
    const arrives = level === 0 ? 1 : level <= depth ? width / 2 : 2 * width;
    triple.forEach((side, i) => {
      const thick = Math.max(1.5, step * 0.24 * Math.sqrt((i ? width : arrives) / (base * 2 ** depth)));
      const high = 4 + 100 * Math.max(side, 0) / tallest, x = step * (level + 0.2 + 0.28 * i);
      const made = i ? "convolved" : level === 0 ? "tile" : level <= depth ? "pooled" : "up-convolved";
      const box = (x, width, color) => pen("rect",
        { x, y: middle(level) - high / 2, width, height: high, fill: data[color] });
      if (made !== "up-convolved") return box(x, thick, made);
      box(x, thick / 2, "copied");
      box(x + thick / 2, thick / 2, "up-convolved");
    });
    const skip = 2 * depth - level;
    if (level < depth && path[skip]) pen("line", { x1: step * (level + 1), x2: step * (skip + 0.1),
      y1: middle(level), y2: middle(level), stroke: "var(--faint)", "stroke-width": 2, "stroke-dasharray": "5 4" });
    const below = middle(level) + 2 + 50 * Math.max(triple[0], 0) / tallest + 15;
    if (step > 34 || level % depth === 0) pen("text", { x: step * (level + 0.5), y: below, "text-anchor": "middle" },
      Math.max(0, level < 2 * depth ? triple[0] : triple[2]));
    if (problem && level === path.length - 1) pen("text", { class: "impossible", x: step * (level + 1) + 4, y: middle(level) + 4,
      "text-anchor": step * (level + 1) > pen.width - 90 ? "end" : "start" }, "\u2715 ends here");
  });
}

// A row for each level there can be, so that nothing below moves; one that a depth does not reach is not seen.
const head = ["level", "channels", "down", "crop", "up", "parameters", "GFLOP", "MiB"];
const side = triple => {
  if (!triple) return "";
  const [first, middle, last] = triple.map(n => n > 0 ? n : "\u2715");  // gone
  return `${first} \u2192 <span class="wide">${middle} \u2192 </span>${last}`;
};
function row(path, rows, depth, base, level) {
  const reached = level <= depth && path[level], costs = rows?.[level], below = 2 * depth - level;
  return [level + 1, base * 2 ** level,
    reached ? side(path[level]) : "", costs?.crop ?? "", level < depth ? side(path[below]) : "",
    costs ? group(costs.parameters) : "", costs ? fixed(costs.flop / 1e9, 1) : "",
    costs ? fixed(4 * costs.values / mebi, 1) : ""];
}
function fill(lines, depth) {
  const cells = (line, tag) => line.map((text, i) => `<${tag}${i === 1 || i > 4 && i < 7 ? ' class="wide"' : ""}>${text}</${tag.split(" ")[0]}>`).join("");
  table.innerHTML = `<tr>${cells(head, 'th scope="col"')}</tr>` + lines.map((line, level) => `<tr${level > depth ? ' style="visibility: hidden"' : ""}>${cells(line, "td")}</tr>`).join("");
}

root.append(table);  // last, so that what is not seen of it leaves no gap
reserve("1100 px do not fit: pooling 4 meets an odd side of 1,037 px. Nearest that do: 1,036 and 1,052 px.",
  "1100 px fit: 1,000 x 1,000 pixels answered, 100 % of the tile. 100,000,000 parameters, 1000.0 GFLOP "
  + "(10000.00 MFLOP an answered pixel), 10000 MiB of maps.");
draws(() => {
  const [tile, depth, base] = [value("tile"), value("depth"), Number(choice("base"))];
  const { path, problem } = sizes(tile, depth);
  picture(path, depth, base, problem);
  root.dataset.sizes = JSON.stringify(path);
  const rows = problem ? null : costs(path, depth, base);
  fill(Array.from({ length: deepest + 1 }, (_, level) => row(path, rows, depth, base, level)), depth);
  if (problem) {
    const fits = [nearest(tile, depth, -1), nearest(tile, depth, 1)].filter(n => n !== null);
    return say(`${tile} px do not fit: ${problem}. Nearest that do: ${fits.join(" and ")} px.`);
  }
  const out = path[2 * depth][2], total = key => rows.reduce((sum, row) => sum + row[key], 0);
  say(`${tile} px fit: ${out} x ${out} pixels answered, ${+(100 * (out / tile) ** 2).toPrecision(2)} % of the tile. `
    + `${group(total("parameters"))} parameters, ${fixed(total("flop") / 1e9, 1)} GFLOP `
    + `(${fixed(total("flop") / 1e6 / out ** 2, 2)} MFLOP an answered pixel), `
    + `${fixed(4 * total("values") / mebi, 0)} MiB of maps.`);
});
