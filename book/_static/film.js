// The film of the first page: the probability maps of a training, laid over their image one after
// the other. It stands still, at its end, for readers who want no motion, and where nobody looks.
(() => {
  const film = document.querySelector(".film");
  const facts = JSON.parse(film.dataset.film), last = facts.steps.length - 1;
  const canvas = film.querySelector("canvas"), pen = canvas.getContext("2d");
  const gray = film.querySelector("img"), sheet = new Image();
  const button = film.querySelector("button"), line = film.querySelector(".film-says");
  const side = facts.side, FRAME = 260, HOLD = 3200; // ms
  const tint = getComputedStyle(film).getPropertyValue("--tint").split(" ").map(Number);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let playing = !calm, seen = true, time = 0, before = null, maps, picture;

  function pixels(image) {
    const sketch = document.createElement("canvas");
    sketch.width = image.naturalWidth;
    sketch.height = image.naturalHeight;
    const pen = sketch.getContext("2d", {willReadFrequently: true});
    pen.drawImage(image, 0, 0);
    return pen.getImageData(0, 0, sketch.width, sketch.height);
  }

  // Where in the sheet the map of a frame begins.
  const start = frame => (Math.floor(frame / facts.columns) * side * maps.width
    + (frame % facts.columns) * side) * 4;

  function draw(frame, share) {
    const now = start(frame), next = start(Math.min(frame + 1, last));
    const out = pen.createImageData(side, side);
    for (let row = 0, k = 0; row < side; row++) {
      for (let column = 0; column < side; column++, k += 4) {
        const place = (row * maps.width + column) * 4;
        const p = maps.data[now + place] * (1 - share) + maps.data[next + place] * share;
        const alpha = 0.78 * p / 255;
        for (let c = 0; c < 3; c++) out.data[k + c] = picture.data[k] * (1 - alpha) + tint[c] * alpha;
        out.data[k + 3] = 255;
      }
    }
    pen.putImageData(out, 0, 0);
    film.dataset.frame = frame;
    line.textContent = `A U-Net learns: step ${facts.steps[frame]}, `
      + `${(100 * facts.wrong[frame]).toFixed(1)} % of pixels wrong`;
  }

  function go(now) {
    if (!playing || !seen) { before = null; return; }
    time = (time + (before === null ? 0 : Math.min(now - before, 100))) % (last * FRAME + HOLD);
    before = now;
    const place = Math.min(time / FRAME, last), frame = Math.floor(place);
    draw(frame, place - frame);
    requestAnimationFrame(go);
  }

  function turn(on) {
    playing = on;
    film.dataset.playing = on;
    button.setAttribute("aria-label", on ? "Pause the film" : "Play the film");
    if (on) requestAnimationFrame(go);
  }

  sheet.onload = async () => {
    await gray.decode();
    picture = pixels(gray);
    maps = pixels(sheet);
    draw(last, 0);
    button.addEventListener("click", () => turn(!playing));
    new IntersectionObserver(entries => {
      seen = entries[0].isIntersecting;
      if (seen && playing && before === null) requestAnimationFrame(go);
    }).observe(film);
    turn(playing);
  };
  sheet.src = window.filmMaps;
})();
