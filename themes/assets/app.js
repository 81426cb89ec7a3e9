// Small comforts on pages that work without them: hide, copy, countdown, live blocks.
"use strict";

const $all = (selector, root) => [...(root || document).querySelectorAll(selector)];

function toast(text) {
  document.querySelector(".toast")?.remove();
  const box = document.createElement("div");
  box.className = "toast";
  box.setAttribute("role", "status");
  box.textContent = text;
  document.body.append(box);
  setTimeout(() => box.remove(), 2200);
}

async function copy(text, message) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http and the browsers inside chat apps have no clipboard API.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(message);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-all], [data-veil]");
  if (button?.dataset.veil !== undefined) {
    document.getElementById(button.dataset.veil).toggleAttribute("data-veiled");
    const text = button.querySelector("span");
    [text.textContent, button.dataset.other] = [button.dataset.other, text.textContent];
  } else if (button?.dataset.copyAll !== undefined) {
    const values = $all("[data-code]", document.getElementById(button.dataset.copyAll));
    copy(values.map((value) => value.textContent.trim()).join("\n"), button.dataset.done);
  } else if (button) {
    copy(document.getElementById(button.dataset.copy).textContent.trim(), button.dataset.done);
  }
});

// A sheet of more links closes by a tap beside it.
document.addEventListener("click", (event) => {
  for (const sheet of $all("details.more[open]")) {
    if (!sheet.contains(event.target)) sheet.open = false;
  }
});

// − and + beside a quantity: never past its limits.
document.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]");
  const input = step && document.getElementById(step.dataset.for);
  if (!input) return;
  const before = input.value;
  if (step.dataset.step > 0) input.stepUp();
  else input.stepDown();
  if (input.value !== before) input.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]") && event.target.value) {
    event.target.form.requestSubmit();
  }
});

function tick() {
  for (const clock of $all("time[data-countdown]")) {
    const left = Math.max(0, Math.round((Date.parse(clock.dateTime) - Date.now()) / 1000));
    const hours = Math.floor(left / 3600);
    const two = (number) => String(number).padStart(2, "0");
    const rest = `${two(Math.floor((left % 3600) / 60))}:${two(left % 60)}`;
    const shown = hours ? `${hours}:${rest}` : rest;
    // Writing the same text again would wake the observer below, for ever.
    if (clock.textContent !== shown) clock.textContent = shown;
    if (left === 0 && !clock.dataset.over) {
      clock.dataset.over = "1";
      clock.closest("[data-live]")?.dispatchEvent(new Event("live:changed"));
    }
  }
}

// A live block names its event stream; "changed" makes htmx fetch the block again. A stream that
// cannot be held (old proxies, in-app browsers) gives way to asking every few seconds.
const streams = new Map();

// A block that comes back as it was is left alone: whoever reads, tabs or types in it stays there.
const drawn = new Map();
document.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement: block, text } = event.detail.ctx;
  if (block?.dataset?.live === undefined) return;
  if (drawn.get(block.id) === text) event.preventDefault();
  drawn.set(block.id, text);
});

// What was unfolded stays so when its block is drawn anew.
const unfolded = new Set();
const summary = (details) => details.querySelector("summary")?.textContent;
document.addEventListener("toggle", (event) => {
  if (event.target.open) unfolded.add(summary(event.target));
  else unfolded.delete(summary(event.target));
}, true);

// A page that was out of sight for an hour holds no stream. Seen again it asks how things stand.
const OUT_OF_SIGHT_MS = 3600_000;
let asleep = false;
let falling;
document.addEventListener("visibilitychange", () => {
  clearTimeout(falling);
  asleep = false;
  if (document.hidden) falling = setTimeout(() => { asleep = true; follow(); }, OUT_OF_SIGHT_MS);
  else follow();
});

function follow() {
  const blocks = asleep ? [] : $all("[data-live]");
  const wanted = new Map(blocks.map((block) => [block.dataset.live, block]));
  for (const [address, stop] of streams) {
    if (!wanted.has(address)) {
      stop();
      streams.delete(address);
    }
  }
  for (const [address, block] of wanted) {
    if (!streams.has(address)) streams.set(address, open(address, block.id));
  }
}

function open(address, id) {
  const shown = () => document.getElementById(id);
  const look = () => shown()?.dispatchEvent(new Event("live:changed"));
  // News that come while a block is being drawn find an element that is on its way out. What is
  // fetched last counts (hx-sync), and a moment later it is looked at once more.
  let late;
  const changed = () => { look(); clearTimeout(late); late = setTimeout(look, 1000); };
  const source = new EventSource(address);
  let poll;
  // As often as the block asks for now: what is over is asked for more seldom.
  const ask = () => {
    const pause = 1000 * (shown()?.dataset.every || 4);
    poll ??= setTimeout(() => { poll = undefined; look(); ask(); }, pause);
  };
  source.addEventListener("changed", changed);
  source.addEventListener("message", changed);
  // What changed between the page and the stream, or while it was down, would be missed: ask once.
  source.addEventListener("open", () => { clearTimeout(poll); poll = undefined; changed(); });
  source.addEventListener("error", ask);
  const slow = setTimeout(() => { if (source.readyState !== EventSource.OPEN) ask(); }, 3000);
  return () => { source.close(); [poll, late, slow].forEach(clearTimeout); };
}

// A block that came by itself may say what the page is called by now: "Delivered · …". It is heard,
// too, from a place that stays, for a reader in a block that is replaced hears nothing of it.
const heard = document.createElement("p");
heard.className = "sr";
heard.setAttribute("role", "status");

let called;
function rename() {
  const title = document.querySelector("[data-title]")?.dataset.title;
  if (!title || title === called) return;
  // At first it is what the head says.
  if (called) heard.textContent = document.title = title;
  called = title;
}

function enhance() {
  for (const hidden of $all("[data-needs-script][hidden]")) hidden.hidden = false;
  for (const spare of $all("[data-spare]:not([hidden])")) spare.hidden = true;
  for (const time of $all("time[data-local]:not([title])")) {
    const local = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = local.toLocaleString(document.documentElement.lang, {
      dateStyle: "medium", timeStyle: time.dataset.local === "day" ? undefined : "short",
    });
  }
  for (const details of $all("[data-live] details:not([open])")) {
    if (unfolded.has(summary(details))) details.open = true;
  }
  tick();
  rename();
  follow();
}

// A form that reports a mistake puts the reader at it.
function focusFirstMistake() {
  document.querySelector('[aria-invalid="true"]')?.focus();
}

document.addEventListener("DOMContentLoaded", () => {
  document.body.append(heard);
  enhance();
  focusFirstMistake();
  setInterval(tick, 1000);
  new MutationObserver(enhance).observe(document.body, { childList: true, subtree: true });
});
