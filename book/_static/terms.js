// Words of the glossary: what they mean, where a reader points at one or comes to it by keyboard. A
// first tap shows it, a second one follows the link; Escape closes it.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.createElement("div");
  box.id = "term-says";
  box.role = "tooltip";
  box.hidden = true;
  document.body.append(box);
  let shown = null, touched = false;

  function show(term) {
    if (shown === term) return;
    shown?.removeAttribute("aria-describedby");
    shown = term;
    box.hidden = !term;
    if (!term) return;
    box.textContent = term.dataset.says;
    term.setAttribute("aria-describedby", box.id);
    place();
  }

  function place() {
    const line = shown.getClientRects()[0], edge = 12; // px
    const left = Math.min(line.left, innerWidth - box.offsetWidth - edge);
    const above = line.top - box.offsetHeight - 6;
    box.style.left = `${Math.max(edge, left)}px`;
    box.style.top = `${above > edge ? above : line.bottom + 6}px`;
  }

  for (const term of document.querySelectorAll("a.term[title]")) {
    term.dataset.says = term.title;
    term.removeAttribute("title");
    term.addEventListener("mouseenter", () => show(term));
    term.addEventListener("mouseleave", () => setTimeout(() => {
      if (shown === term && !box.matches(":hover") && document.activeElement !== term) show(null);
    }, 150));
    term.addEventListener("focus", () => show(term));
    term.addEventListener("blur", () => show(null));
    term.addEventListener("pointerdown", event => {
      touched = event.pointerType === "touch" && shown !== term;
    });
    term.addEventListener("click", event => {
      if (!touched) return;
      event.preventDefault();
      touched = false;
      show(term);
    });
  }
  box.addEventListener("mouseleave", () => show(null));
  addEventListener("keydown", event => event.key === "Escape" && show(null));
  addEventListener("scroll", () => {
    if (shown && document.activeElement === shown) place();
    else show(null);
  }, {passive: true});
});
