// A page prints in light colors, with its long scripts loaded (book/_static/print.css, near.js).
let shown = null;
addEventListener("beforeprint", () => {
  shown ??= document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  if (shown) document.documentElement.dataset.theme = shown;
  shown = null;
});
