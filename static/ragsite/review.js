// The review page by keyboard: one criterion is current, a digit chooses its label and goes on to the next. What is
// filled in is kept in this window until it is saved, so that a reload loses nothing. Without this it is a plain form.
"use strict";
(() => {
  const form = document.getElementById("review-form");
  if (!form) return;
  const all = (selector, within = form) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const help = byId("review-help");
  const chosen = (row) => row.querySelector("input:checked:not([value=''])");
  const rowsOf = (part) => all(".rv-row", part);
  // Turns with their part of the form, and the conversation at the end.
  const parts = [...all(".rv-turn"), ...all(".rv-conversation")];
  const verdict = (part) => part.querySelector(".rv-verdict");
  const say = (text) => { byId("review-status").textContent = text; };
  let current = null;
  // Whom c, h, j, a and r are about: the turn worked on last, also when its labels are all given and the conversation's come.
  let turn = form.querySelector(".rv-flagged") || form.querySelector(".rv-turn");

  // The row that digits go to

  function activate(row, { focus = true, scroll = true } = {}) {
    if (!row) return;
    current?.classList.remove("is-active");
    current = row;
    row.classList.add("is-active");
    const part = partOf(row);
    if (part.matches(".rv-turn")) turn = part;
    const now = part.querySelector(".rv-now");
    if (now) now.textContent = row.dataset.ask;
    if (focus) (chosen(row) || row.querySelector("input")).focus({ preventScroll: true });
    if (scroll) row.scrollIntoView({ block: "nearest" });
  }
  const partOf = (element) => element.closest(".rv-turn, .rv-conversation");
  const openRows = () => parts.flatMap((part) => (!verdict(part) || verdict(part).open ? rowsOf(part) : []));
  function step(by) {
    const rows = openRows();
    const at = rows.indexOf(current);
    activate(rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)]);
  }
  function stepTurn(by) {
    const at = current ? parts.indexOf(partOf(current)) : -1;
    const next = parts[Math.min(Math.max(at + by, 0), parts.length - 1)];
    if (!next || next === parts[at]) return;
    const left = verdict(parts[at] || next);
    if (left && !("flagged" in left.dataset) && isEmpty(left)) left.open = false;
    if (verdict(next)) verdict(next).open = true;
    next.scrollIntoView({ block: "start" });
    activate(rowsOf(next)[0], { scroll: false });
  }
  const isEmpty = (part) => !all("input:checked", part).some((input) => input.value) && !all("textarea", part).some((area) => area.value);
  function choose(number) {
    const inputs = all("input", current);
    const input = number === 0 ? inputs.at(-1) : inputs[number - 1];
    if (!input || (number && !input.value)) return;
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    if (number) step(1);
  }

  // Judges are heard when the reviewer has chosen

  function hearJudges(part) {
    const judges = part.querySelector(".rv-judges");
    if (judges && !judges.dataset.heard && rowsOf(part).every(chosen)) {
      judges.dataset.heard = "1";
      judges.open = true;
    }
  }

  // Drafts

  const draftKey = form.dataset.draft;
  const KEPT = (name) => name.startsWith("label-") || name.startsWith("correction-") || name.startsWith("hits-") || name.startsWith("unanswerable-") || name === "note";
  const filled = () => [...new FormData(form)].filter(([name, value]) => KEPT(name) && value);
  const keepDraft = () => sessionStorage.setItem(draftKey, JSON.stringify(filled()));
  function restoreDraft() {
    const draft = JSON.parse(sessionStorage.getItem(draftKey) || "[]");
    if (filled().length || !draft.length) return;
    for (const [name, value] of draft) {
      for (const control of form.elements) {
        if (control.name !== name) continue;
        if (control.type === "radio" || control.type === "checkbox") control.checked ||= control.value === value;
        else control.value = value;
        const part = control.closest(".rv-verdict");
        if (part) part.open = true;
      }
    }
    say("What you had filled in is here again.");
  }

  // The reservation is held while somebody works on the item

  const until = new Date(form.dataset.reservedUntil).getTime();
  const every = Math.max((until - Date.now()) / 4 || 0, 15000);
  let keptAt = Date.now();
  async function holdOn() {
    if (Date.now() - keptAt < every) return;
    keptAt = Date.now();
    const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
    const reply = await fetch(form.dataset.keep, { method: "POST", body }).catch(() => null);
    if (!reply) return;
    const answer = await reply.json().catch(() => ({}));
    if (reply.ok) say(`Reserved for you until ${new Date(answer.reserved_until).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
    else if (answer.error) say(`${answer.error} What you save still counts.`);
  }

  form.addEventListener("input", () => { keepDraft(); holdOn(); });
  form.addEventListener("change", (event) => {
    keepDraft();
    const part = partOf(event.target);
    if (part && event.target.type === "radio") hearJudges(part);
  });
  form.addEventListener("focusin", (event) => {
    const row = event.target.closest(".rv-row");
    if (row && row !== current) activate(row, { focus: false, scroll: false });
  });

  // One decision is sent once

  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  addEventListener("pageshow", () => { isSent = false; });

  // Keys

  const typing = (element) => element.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  const click = (selector) => { const button = typeof selector === "string" ? turn?.querySelector(selector) : selector; button?.click(); return Boolean(button); };
  const write = (area) => { if (!area) return false; const fold = area.closest("details"); if (fold) fold.open = true; area.focus(); return true; };
  const toggle = (selector) => { const fold = turn?.querySelector(selector); if (fold) fold.open = !fold.open; return Boolean(fold); };
  const KEYS = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    ArrowRight: () => stepTurn(1),
    ArrowLeft: () => stepTurn(-1),
    d: () => click(byId("review-dismiss")),
    s: () => click(byId("review-skip")),
    c: () => write(turn?.querySelector(".rv-verdict textarea")),
    n: () => write(byId("review-note")),
    h: () => toggle(".rv-hits"),
    j: () => toggle(".rv-judges"),
    a: () => click(".rv-add"),
    r: () => click(".rv-replay-button"),
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.metaKey || event.altKey || help.open) return;
    const target = event.target;
    if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); click(byId("review-save")); return; }
    if (event.ctrlKey) return;
    if (typing(target)) {
      if (event.key === "Escape" && form.contains(target)) { event.preventDefault(); activate(current); }
      return;
    }
    if (event.key === "Enter") {
      if (target.closest("button, a, summary")) return;
      event.preventDefault();
      click(byId("review-save"));
    } else if (/^\d$/.test(event.key) && current) {
      event.preventDefault();
      choose(Number(event.key));
    } else if (KEYS[event.key] && !(target.closest("summary, a, button") && event.key.startsWith("Arrow") && !form.contains(target))) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });

  const helpButton = byId("review-help-button");
  helpButton.hidden = false;
  helpButton.addEventListener("click", () => help.showModal());
  if (matchMedia("(max-width: 640px)").matches) all(".rv-hits").forEach((fold) => { fold.open = false; });
  restoreDraft();
  parts.forEach(hearJudges);
  const first = openRows().find((row) => !chosen(row)) || openRows()[0];
  const flagged = form.querySelector(".rv-flagged");
  if (flagged && flagged !== parts[0]) flagged.scrollIntoView({ block: "start" });
  activate(first, { scroll: false });
})();
