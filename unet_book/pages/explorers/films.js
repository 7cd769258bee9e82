const picture = part("img"), slider = control("frame"), button = control("play");
let timer = null;
function present() {
  picture.src = "data:image/jpeg;base64," + data.frames[slider.value];
  say(data.captions[slider.value]);
}
function stop() { clearInterval(timer); timer = null; button.textContent = "Play"; }
function next() {
  if (+slider.value === data.frames.length - 1) return stop();
  slider.value = +slider.value + 1;
  present();
}
button.addEventListener("click", () => {
  if (timer) return stop();
  if (+slider.value === data.frames.length - 1) { slider.value = 0; present(); }
  button.textContent = "Pause";
  timer = setInterval(next, 700);
});
slider.addEventListener("input", stop);
draws(present);
