// Keyboard, and buttons that are pressed once. Every page works without it.
"use strict";

const cases = [...document.querySelectorAll("[data-case]")]
  .map((each) => each.querySelector("a.title"))
  .filter(Boolean);
const keys = document.getElementById("keys");

function areOn() {
  return localStorage.getItem("keys") !== "off";
}

function showKeys() {
  keys.hidden = false;
  keys.textContent = areOn() ? keys.dataset.on : keys.dataset.off;
  keys.setAttribute("aria-pressed", String(areOn()));
}

function move(by) {
  const at = cases.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : cases.length - 1) : at + by;
  cases[Math.min(Math.max(next, 0), cases.length - 1)]?.focus();
}

const places = { i: "/", v: "/vendors", m: "/mappings" };
const deeds = { d: "decide", t: "try", r: "retry", i: "dismiss", a: "assign", s: "snooze", c: "comment" };

function focusOn(event, field) {
  if (!field) return;
  event.preventDefault();
  field.focus();
}

function tick() {
  document.activeElement.closest("[data-case]")?.querySelector("input[type=checkbox]")?.click();
}

function choose(number) {
  document.querySelectorAll('input[type=radio][name="exact"]')[number]?.click();
}

// A deed that needs words opens its fields; any other is done.
function press(event, deed) {
  const button = document.querySelector(`button[name="deed"][value="${deed}"]`);
  if (!button) return;
  const folded = button.closest("details");
  if (!folded) return button.click();
  folded.open = true;
  focusOn(event, folded.querySelector("textarea, input, select"));
}

if (keys) {
  showKeys();
  keys.addEventListener("click", () => {
    localStorage.setItem("keys", areOn() ? "off" : "on");
    showKeys();
  });
  let goes = false;
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !areOn()) return;
    if (goes) {
      goes = false;
      if (places[event.key]) location.assign(places[event.key]);
      return;
    }
    if (event.key === "g") goes = true;
    if (event.key === "?") focusOn(event, keys);
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
    if (event.key === "/") focusOn(event, document.getElementById("q"));
    if (event.key === "x") tick();
    if (/^[1-9]$/.test(event.key)) choose(Number(event.key) - 1);
    if (deeds[event.key]) press(event, deeds[event.key]);
  });
}

for (const form of document.forms) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button[data-busy]");
    if (!button) return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = button.dataset.busy;
    form.addEventListener("submit", (event) => event.preventDefault());
  });
}

// What acts a moment later is sent on by its own page; without it, the connector does so within a minute.
for (const form of document.querySelectorAll("form[data-after]")) {
  setTimeout(() => form.submit(), Number(form.dataset.after) * 1000);
}

// Back from the browser's memory, a page would still say that it is busy.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
