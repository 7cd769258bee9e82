// The list of contents beside a page (book/_ext/contents.py).
document.addEventListener("DOMContentLoaded", () => {
  const list = document.getElementById("page-contents"), sidebar = list?.closest(".bd-sidebar-secondary");
  if (!sidebar) return;
  const links = [...list.querySelectorAll("a")], entries = list.querySelectorAll(".toc-entry");
  const parts = links.map(link => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const quotations = [...document.querySelectorAll("blockquote.paper-says")];

  // Read is the last part that begins above a line: a third down the window, and at the page's end
  // further down, since the last parts don't come up so far.
  const mark = () => {
    const page = document.documentElement, left = page.scrollHeight - scrollY - innerHeight;
    const line = Math.max(innerHeight / 3, innerHeight - left);
    const now = links[parts.findLastIndex(part => part?.getBoundingClientRect().top < line)];
    for (const link of links) {
      link.classList.toggle("active", link === now);
      if (link === now) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
    for (const entry of entries) entry.classList.toggle("active", entry.contains(now ?? null));
  };

  // Where a quotation stands in the margin, or soon will, the list leaves only its title.
  const makeRoom = () => {
    const { left, top } = sidebar.getBoundingClientRect(), below = top + sidebar.scrollHeight + 80;
    const meets = quotation => {
      const box = quotation.getBoundingClientRect();
      return box.right > left && box.bottom > 0 && box.top < Math.min(below, innerHeight + 80);
    };
    sidebar.classList.toggle("hide", quotations.some(meets) && !sidebar.contains(document.activeElement));
  };

  let waits = false;
  const look = () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => { waits = false; mark(); makeRoom(); });
  };
  for (const event of ["scroll", "resize", "hashchange", "focusin"]) addEventListener(event, look, { passive: true });
  new ResizeObserver(look).observe(document.body);
});
