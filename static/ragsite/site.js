// What the pages cannot do without JavaScript; everything else is htmx or plain forms. Events are heard on the document,
// so that parts that arrive later need no set-up.
"use strict";
const root = document.documentElement;
const find = (selector, within = document) => within.querySelector(selector);
root.classList.add("js");

// Theme: the system's, or the one chosen here.
const THEMES = ["system", "light", "dark"];
let theme = THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system";
const applyTheme = () => { theme === "system" ? delete root.dataset.theme : (root.dataset.theme = theme); };
applyTheme();

const announce = (text) => { const region = find("#announcer"); if (region && region.textContent !== text) region.textContent = text; };
const showError = (text) => { const line = find("#error"); if (line) { line.replaceChildren(Object.assign(document.createElement("p"), { className: "error-line", role: "alert", textContent: text })); } };
const grow = (area) => { area.style.height = "auto"; area.style.height = `${area.scrollHeight + 2}px`; };
const isRunning = () => Boolean(find(".turn.running"));

// A page that was scrolled to its end follows the answer; one that the reader scrolled up stays.
let follows = true;
const atEnd = () => root.scrollHeight - innerHeight - scrollY < 90;
addEventListener("scroll", () => { follows = atEnd(); }, { passive: true });
let endedAt = -Infinity; // what comes with the end of an answer, such as its sources, is followed too
const followEnd = () => { markTail(); if (follows && (isRunning() || performance.now() - endedAt < 400)) scrollTo(0, root.scrollHeight); };

// The tail of a running answer is plain text; what it is going to be decides how it looks, so that little moves when it
// is complete.
const TAILS = { "is-code": /^\s*(```|~~~)/, "is-table": /^\s*\|/, "is-item": /^\s*([-*+]|\d{1,9}[.)])\s/ };
function markTail() {
  const tail = find(".running .tail");
  if (tail) for (const [name, beginning] of Object.entries(TAILS)) tail.classList.toggle(name, beginning.test(tail.textContent));
}

function prepare(within) {
  within.querySelectorAll(".copy-answer, .theme-toggle").forEach((button) => { button.hidden = false; });
  within.querySelectorAll("textarea.grows").forEach(grow);
}

document.addEventListener("DOMContentLoaded", () => {
  prepare(document);
  const name = find(".theme-name");
  if (name) name.textContent = theme;
  const turns = find("#turns");
  if (turns && (!location.hash || location.hash === `#${turns.lastElementChild?.id}`)) { scrollTo(0, root.scrollHeight); follows = true; }
  const page = find("#page"); // its content changes: the first question brings the conversation
  if (page) new MutationObserver(followEnd).observe(page, { childList: true, subtree: true, characterData: true });
});

// The same conversation in another window, or on another device: what was asked there is added when this window is
// looked at, and at once where the browser is the same. Nothing polls.
const windows = new BroadcastChannel("ragsite");
let catchingUp = false;
async function catchUp() {
  const turns = find("#turns");
  if (!turns || catchingUp || document.hidden) return;
  catchingUp = true;
  const last = Math.max(0, ...[...turns.children].map((turn) => Number(turn.dataset.turn)));
  await htmx.ajax("GET", `${turns.dataset.newer}?after=${last}`, { source: turns, target: turns, swap: "beforeend" }).catch(() => {});
  catchingUp = false;
}
windows.addEventListener("message", (event) => { if (event.data === location.pathname) catchUp(); });
addEventListener("focus", catchUp);
document.addEventListener("visibilitychange", catchUp);
// Of each question its newest answer stays: a regenerated one takes the place of the one that this window showed, and
// the own question may have been found above before its reply came.
function keepNewest(turn) {
  const same = [...document.querySelectorAll(`#turns > [data-position="${turn.dataset.position}"]`)];
  const newest = Math.max(...same.map((one) => Number(one.dataset.turn)));
  const kept = same.find((one) => Number(one.dataset.turn) === newest);
  same.filter((one) => one !== kept).forEach((one) => one.remove());
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches("#question, .edit textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  } else if (event.key === "Escape" && find(MENUS)) {
    const summary = find(`:is(${MENUS}) > summary`);
    closeMenus();
    summary.focus();
  } else if (event.key === "Escape" && isRunning() && !find(":popover-open")) {
    find(".turn.running .stop-button").click();
  }
});
const MENUS = ".topbar-options[open], .row-menu[open]";
const closeMenus = (except) => document.querySelectorAll(MENUS).forEach((menu) => { if (!menu.contains(except)) menu.open = false; });
document.addEventListener("input", (event) => { if (event.target.matches("textarea.grows")) grow(event.target); });
document.addEventListener("toggle", (event) => { if (event.target.open) event.target.querySelectorAll("textarea.grows").forEach(grow); }, true);

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  const label = find(".label", button) || button;
  const before = label.textContent;
  label.textContent = "Copied";
  announce("Copied to the clipboard");
  setTimeout(() => { label.textContent = before; }, 1600);
}

document.addEventListener("click", (event) => {
  closeMenus(event.target);
  const button = event.target.closest("button, a");
  if (!button) return;
  if (button.matches(".copy-answer")) {
    copy(button, find(".answer-source", button.closest(".turn")).value);
    htmx.ajax("POST", button.dataset.signal, { values: { kind: "COPY" }, swap: "none", source: button });
  } else if (button.matches(".copy-code")) {
    copy(button, find("code", button.closest(".code")).textContent);
    const signal = button.closest(".turn")?.querySelector(".copy-answer")?.dataset.signal;
    if (signal) htmx.ajax("POST", signal, { values: { kind: "COPY" }, swap: "none", source: button });
  } else if (button.matches(".theme-toggle")) {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem("theme", theme);
    applyTheme();
    find(".theme-name").textContent = theme;
    announce(`Theme: ${theme}`);
  }
});

// Asking: not while an answer is written; once sent, the box is empty again and keeps the focus.
document.addEventListener("htmx:confirm", (event) => {
  const asks = event.detail.elt.id === "composer" && event.detail.verb === "post";
  if (!asks) return;
  find("#error").replaceChildren();
  const suggested = event.detail.triggeringEvent?.submitter?.name === "suggestion";
  if (isRunning()) { event.preventDefault(); showError("An answer is still being written: wait for it, or stop it with Esc."); }
  else if (!suggested && !find("#question").value.trim()) { event.preventDefault(); find("#question").focus(); }
});
document.addEventListener("htmx:afterRequest", (event) => {
  const sender = event.detail.requestConfig.elt; // not detail.elt, which is another one where the reply took its place
  const box = find("#question");
  if (!event.detail.successful || !box || !sender.matches("#composer, .edit form, .regenerate, .notice form")) return;
  windows.postMessage(location.pathname);
  if (sender.id !== "composer") { box.focus({ preventScroll: true }); return; }
  if (!find("#turns")) return;
  box.value = "";
  grow(box);
  box.focus();
  follows = true;
  followEnd();
});

// Screen readers hear when an answer begins and ends, not each word.
document.addEventListener("htmx:sseOpen", () => announce("Answering"));
document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type !== "message") return;
  const id = event.target.id;
  endedAt = performance.now();
  find("#error")?.replaceChildren(); // it may have said that an answer is being written
  setTimeout(() => {
    const status = document.getElementById(id)?.dataset.status;
    announce({ DONE: "Done. The answer is complete.", STOPPED: "Stopped.", FAILED: "The question could not be answered." }[status] || "The answer was interrupted.");
  }, 60);
});
document.addEventListener("htmx:load", (event) => {
  prepare(event.detail.elt.parentElement || event.detail.elt);
  if (event.detail.elt.matches(".turn")) keepNewest(event.detail.elt);
  find(".feedback-details[open]", event.detail.elt)?.scrollIntoView({ block: "nearest" });
});

// What went wrong on the way, in words. A page that was signed out meanwhile is loaded anew, which leads to signing in.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL || location.href).pathname.startsWith("/accounts/")) { event.detail.shouldSwap = false; location.reload(); }
});
document.addEventListener("htmx:sendError", (event) => event.detail.elt.id === "turns" || showError("The server cannot be reached. Check your connection and try again."));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status !== 422) showError(`The server answered with an error (${event.detail.xhr.status}). Reload the page and try again.`);
});
document.addEventListener("renamed", (event) => {
  document.querySelectorAll(`[data-title-of="${event.detail.id}"]`).forEach((element) => { element.textContent = event.detail.title; });
  closeMenus();
  announce(`Renamed to ${event.detail.title}`);
});
