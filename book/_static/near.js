// Scripts of moving figures that carry much data run when their figure comes near (book/_ext/near.py).
document.addEventListener("DOMContentLoaded", () => {
  const watch = new IntersectionObserver(entries => {
    for (const {isIntersecting, target} of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      for (const waiting of target.querySelectorAll("script[data-near]")) {
        const script = document.createElement("script");
        script.src = waiting.dataset.near;
        waiting.replaceWith(script);
      }
    }
  }, {rootMargin: "900px"});
  for (const waiting of document.querySelectorAll("script[data-near]")) {
    watch.observe(waiting.closest(".explorer"));
  }
});
