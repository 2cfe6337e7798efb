// The dashboard: what a point says, arrow keys from point to point, and when the figures are not asked for anew.
(() => {
  htmx.config.refreshOnHistoryMiss = true; // back loads the page: figures are of now, and none are kept in the browser
  const tip = document.createElement("div");
  tip.className = "db-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.addEventListener("DOMContentLoaded", () => document.body.append(tip));
  let busyUntil = 0; // somebody points at a chart

  const point = (event) => event.target.closest?.(".db-point, .db-part");
  // Bars lie over their step's column, which has the words.
  function columnOf(place, clientX) {
    if (place.matches(".db-point")) return place;
    const columns = [...place.closest("svg").querySelectorAll(".db-point")];
    return columns.find((column) => { const box = column.getBoundingClientRect(); return clientX >= box.left && clientX < box.right; });
  }
  function show(column) {
    const title = column.querySelector("title");
    if (title) { // the browser's own tip would come on top
      column.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    column.closest("svg").querySelectorAll(".is-shown").forEach((other) => other.classList.remove("is-shown"));
    column.classList.add("is-shown");
    tip.textContent = column.getAttribute("aria-label");
    tip.hidden = false;
    const box = column.getBoundingClientRect();
    const left = box.left + box.width / 2 - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, box.top - tip.offsetHeight - 6)}px`;
  }
  function hide() {
    tip.hidden = true;
    document.querySelectorAll(".db-point.is-shown").forEach((column) => column.classList.remove("is-shown"));
  }
  document.addEventListener("pointerover", (event) => {
    const place = point(event);
    if (!place) return hide();
    busyUntil = Date.now() + 5000;
    const column = columnOf(place, event.clientX);
    if (column) show(column);
  });
  document.addEventListener("focusin", (event) => { if (event.target.matches?.(".db-point")) show(event.target); });
  document.addEventListener("focusout", (event) => { if (event.target.matches?.(".db-point")) hide(); });
  document.addEventListener("scroll", hide, { passive: true, capture: true });

  const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    const here = event.target.closest?.(".db-point");
    if (!here || !(event.key in STEPS)) return;
    event.preventDefault();
    const points = [...here.closest("svg").querySelectorAll(".db-point")];
    const next = points[Math.max(0, Math.min(points.indexOf(here) + STEPS[event.key], points.length - 1))];
    points.forEach((other) => other.setAttribute("tabindex", other === next ? "0" : "-1"));
    next.focus();
  });

  // Figures are asked for every 30 seconds, but not under somebody's hands and not in a hidden tab.
  function busy() {
    const figures = document.getElementById("figures");
    return document.hidden || Date.now() < busyUntil || figures.contains(document.activeElement)
      || figures.querySelector("details[open], [aria-busy=true]") || document.querySelector("#own-range[open]")
      || !getSelection().isCollapsed;
  }
  // Before a swap the event's element is the place, not who asked.
  const isPoll = (event) => (event.detail.requestConfig?.elt ?? event.detail.elt).id === "dashboard-poll";
  const say = (words) => { const place = document.getElementById("dashboard-status"); if (place) place.dataset.note = words; };
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isPoll(event) || !busy()) return;
    event.preventDefault();
    say("not refreshed while in use");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isPoll(event)) return;
    if (event.detail.xhr.responseText.includes('id="figures"')) return say("");
    event.detail.shouldSwap = false;
    say("not refreshed: sign in again");
  });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => { if (isPoll(event)) say("not refreshed: the site does not answer"); });
  }
  document.addEventListener("htmx:afterSettle", () => {
    const figures = document.getElementById("figures"), place = document.getElementById("made-at");
    if (figures && place) place.textContent = figures.dataset.madeAt;
    hide();
  });
  document.addEventListener("htmx:configRequest", (event) => { // an address names only what is chosen
    const parameters = event.detail.parameters;
    if (!event.target.closest?.(".db-head")) return;
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && document.getElementById("dashboard-poll")) htmx.trigger("#dashboard-poll", "htmx:trigger"); });
})();
