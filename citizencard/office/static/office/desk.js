// The desk by keyboard, and the chip's progress while it is written. Without this script every form still works.
"use strict";

const EVERY_MS = 400;
const focusFirst = () => document.querySelector("#desk [autofocus]")?.focus();
const hits = () => [...document.querySelectorAll("[data-hits] a")];

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  const box = document.querySelector("[data-search]");
  if (event.key === "/" && !typing && box) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && hits().length && (event.target === box || !typing)) {
    const found = hits();
    const next = found.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    (found[next] ?? (next < 0 ? box : found.at(-1)))?.focus();
  }
});

async function follow(form, panel) {
  while (form.dataset.busy) {
    try {
      const answer = await fetch(form.dataset.write, { redirect: "error" });
      if (answer.ok && form.dataset.busy) {
        panel.innerHTML = await answer.text();
      }
    } catch {
      // The server is away for a moment; the writing itself says what became of it.
    }
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("write" in form.dataset)) {
    return;
  }
  event.preventDefault();
  const panel = form.querySelector("[data-progress]");
  const body = new FormData(form);
  form.dataset.busy = "1";
  panel.hidden = false;
  form.querySelectorAll("[role=alert]").forEach((told) => told.remove());
  form.querySelector("button").disabled = true;
  follow(form, panel);
  try {
    const answer = await fetch(location.href, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    delete form.dataset.busy;
    const fresh = page.querySelector("#desk");
    if (fresh) {
      document.querySelector("#desk").replaceWith(fresh);
      focusFirst();
      return;
    }
  } catch {
    // The answer was lost. Where the application stands is in the row, and the page shows it.
  }
  delete form.dataset.busy;
  location.reload();
});

// The theme's own scripts take the focus from a field that has it by its attribute alone.
addEventListener("load", focusFirst);
