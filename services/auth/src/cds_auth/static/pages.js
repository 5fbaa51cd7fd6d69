// Adds comfort to pages that work without it: live counter, search and filter of the lists, one submit, a session that stays.
"use strict";

const shown = (item) => !item.hidden;

function enhanceList(list) {
  const items = [...list.querySelectorAll(".entries > li")];
  const boxes = items.map((item) => item.querySelector("input[type=checkbox]"));
  if (boxes.length === 0 || boxes[0] === null) return;
  const texts = items.map((item) => item.textContent.toLocaleLowerCase());
  const counter = list.querySelector("[data-count]");
  const search = list.querySelector("[data-search]");
  const only = list.querySelector("[data-only]");
  const none = list.querySelector("[data-no-results]");
  const pattern = document.body.dataset.counter;

  function count() {
    const selected = boxes.filter((box) => box.checked).length;
    counter.textContent = pattern.replace("%s", selected).replace("%t", boxes.length);
  }
  function filter() {
    const words = search ? search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean) : [];
    items.forEach((item, index) => {
      const found = words.every((word) => texts[index].includes(word));
      item.hidden = !found || (only !== null && only.checked && !boxes[index].checked);
    });
    if (none) none.hidden = items.some(shown);
  }
  function tickAll(event, value) {
    event.preventDefault();
    boxes.forEach((box) => { box.checked = value; });
    count();
    filter();
  }
  list.addEventListener("change", (event) => {
    if (event.target === only) filter();
    else if (boxes.includes(event.target)) count();
  });
  list.querySelector("[data-all]").addEventListener("click", (event) => tickAll(event, true));
  list.querySelector("[data-none]").addEventListener("click", (event) => tickAll(event, false));
  if (search) {
    search.addEventListener("input", filter);
    search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  }
  count();
  filter();
}

// A second press must not send a second decision; the server holds the same rule.
function submitOnce(form) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (!event.submitter || !event.submitter.hasAttribute("data-decide")) return;
    if (sent) { event.preventDefault(); return; }
    sent = true;
    for (const button of form.querySelectorAll("[data-decide]")) button.setAttribute("aria-disabled", "true");
    const status = form.querySelector("[data-status]");
    if (status) status.textContent = document.body.dataset.sending || "";
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    sent = false;
    for (const button of form.querySelectorAll("[data-decide]")) button.removeAttribute("aria-disabled");
  });
}

// The session lives as long as the customer is active on the form (CDS-WG3-01 §9.1.2).
function stayAlive(address) {
  let active = false;
  for (const kind of ["keydown", "pointerdown", "scroll", "input"]) {
    document.addEventListener(kind, () => { active = true; }, { passive: true, capture: true });
  }
  setInterval(() => {
    if (!active) return;
    active = false;
    fetch(address, { method: "POST", credentials: "same-origin", headers: { "X-Requested-With": "pages" } }).catch(() => {});
  }, 120000);
}

// A change to an editable request shows at once; the server says what the form is then (CDS-WG3-01 §9.2.1.5).
function refreshOnChange(form) {
  let latest = 0;
  async function refresh(verb) {
    const turn = ++latest;
    const data = new FormData(form);
    data.set("do", verb);
    const open = [...form.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = document.activeElement?.id;
    const answer = await fetch(form.action, { method: "POST", credentials: "same-origin", body: new URLSearchParams(data) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById(form.id);
    if (!answer.ok || next === null) { window.location.reload(); return; }
    if (turn !== latest) return;
    form.replaceWith(document.adoptNode(next));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    enhance(next);
    (document.getElementById(focused) ?? next.querySelector(".put-aside button, #reset") ?? document.getElementById("main")).focus();
    next.querySelector("[data-status]").textContent = document.body.dataset.updated;
  }
  form.addEventListener("change", (event) => { if (event.target.matches("[data-edit]")) refresh("edit"); });
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.matches("[data-refresh]")) return;
    event.preventDefault();
    refresh(event.submitter.value);
  });
}

function enhance(form) {
  for (const list of form.querySelectorAll("[data-list]")) enhanceList(list);
  for (const button of form.querySelectorAll("[data-script-hides]")) button.hidden = true;
  submitOnce(form);
  refreshOnChange(form);
}

for (const form of document.querySelectorAll("[data-consent]")) enhance(form);
for (const form of document.querySelectorAll("[data-once]")) submitOnce(form);
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
const place = document.querySelector("[data-focus]");
if (place) place.focus();
if (document.body.dataset.stay) stayAlive(document.body.dataset.stay);
