// Keeps the state of the reader fresh. Asking keeps the session alive too, so it ends after ten minutes: a PC that
// nobody touches must be signed out in the end.
"use strict";

const EVERY_MS = 2000;
const UNTIL = Date.now() + 10 * 60 * 1000;

async function refresh(panel) {
  if (!document.hidden) {
    try {
      const answer = await fetch(panel.dataset.poll, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      const text = answer.ok ? await answer.text() : null;
      if (text !== null && text !== panel.dataset.shown) {
        panel.innerHTML = panel.dataset.shown = text;
        if (panel.querySelector("[data-reload]")) {
          location.assign(location.pathname);
          return;
        }
      }
    } catch {
      // The server is away for a moment, or the session has ended: the next page load will say so.
    }
  }
  if (Date.now() < UNTIL) {
    setTimeout(refresh, EVERY_MS, panel);
  }
}

for (const panel of document.querySelectorAll("[data-poll]")) {
  setTimeout(refresh, EVERY_MS, panel);
}
