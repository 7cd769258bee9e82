const picture = part("img"), slider = control("frame"), button = control("play");
// For readers who asked for less motion there is no film that runs: the button goes one on.
const still = matchMedia("(prefers-reduced-motion: reduce)").matches, idle = still ? "Next" : "Play";
const last = data.frames.length - 1;
let timer = null;
function stop() { clearInterval(timer); timer = null; button.textContent = idle; }
function next() { if (+slider.value < last) set({ frame: +slider.value + 1 }); else stop(); }
button.addEventListener("click", () => {
  if (timer) return stop();
  if (+slider.value === last) set({ frame: 0 });
  else if (still) next();
  if (still) return;
  button.textContent = "Pause";
  timer = setInterval(next, 700);
});
slider.addEventListener("input", stop);
control("reset").addEventListener("click", stop);
stop();
reserve(...data.captions);
draws(() => {
  show("frame", `${+slider.value + 1} of ${last + 1}`);
  picture.src = "data:image/jpeg;base64," + data.frames[slider.value];
  say(data.captions[slider.value]);
});
