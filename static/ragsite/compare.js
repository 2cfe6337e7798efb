// Keys of a blind comparison: each button says its own. One pick is sent once.
(() => {
  let isSent = false;
  addEventListener("pageshow", () => { isSent = false; });
  document.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const scrolls = event.target.closest("pre, .table"); // arrows move what is wider than its place
    if (scrolls && event.key.startsWith("Arrow")) return;
    const button = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
})();
