// The reviewer's page. Text from outside reaches the page by textContent alone; nothing here writes HTML.
"use strict";

const find = (id) => document.getElementById(id);
const words = JSON.parse(find("words").textContent);
const names = JSON.parse(find("names").textContent);
const buttons = [...document.querySelectorAll("button.answer")];

/** What is shown: the comment, the answer that is in the store, and since when the text can be read. */
const now = { screen: null, category: null, note: "", shown: false, since: 0, spent: 0 };
/** A comment is on its way: keys that come now were meant for the last one. */
let isLoading = true;
/** Answers are sent one after the other, in the order of the keys. */
let sending = Promise.resolve(true);

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const say = (text) => { find("status").textContent = text; };

function alarm(text) {
  find("alarm").textContent = text;
  find("alarm").hidden = !text;
  if (text) say("");
}

/** Ask the command; null if it could not be done, and then the page says why. */
async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      credentials: "same-origin", cache: "no-store", redirect: "error",
    });
  } catch {
    alarm(words.gone);
    return null;
  }
  if (answer.status === 403) {
    alarm(words.session_over);
    return null;
  }
  let found = {};
  try {
    found = await answer.json();
  } catch {
    found = { detail: String(answer.status) };
  }
  if (answer.ok) {
    alarm("");
    return found;
  }
  const failed = path === "/next" ? words.not_loaded : words.not_saved;
  alarm(fill(answer.status === 503 ? failed : words.defect, { detail: found.detail ?? found.error ?? "" }));
  return null;
}

/** Pieces of text and marks, see shown_text.py. */
function show(place, pieces) {
  place.replaceChildren(...pieces.map(([text, isMark]) => {
    if (!isMark) return document.createTextNode(text);
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.textContent = text;
    return mark;
  }));
}

function showProgress(screen) {
  const parts = [fill(words.left, { n: screen.left })];
  if (screen.disputes) parts.push(fill(words.disputes, { n: screen.disputes }));
  parts.push(fill(words.today, { n: screen.answered }));
  if (screen.unsure) parts.push(fill(words.unsure_today, { n: screen.unsure }));
  find("progress").textContent = parts.join(" · ");
}

function choose(category) {
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.category === category));
    button.removeAttribute("aria-busy");
  }
}

/** Show the guideline's part for a category; with "" the part for all. A phone has it between buttons and note. */
function beside(category) {
  for (const part of document.querySelectorAll("[data-part]")) {
    part.hidden = part.dataset.part !== category;
    if (!part.hidden) find("part").textContent = part.querySelector("p").textContent;
  }
  find("part").hidden = category === "";
}

function reveal(isShown) {
  now.shown = isShown;
  if (isShown) now.since = performance.now();
  find("comment").classList.toggle("is-hidden", !isShown);
  find("text").setAttribute("aria-hidden", String(!isShown));
  find("comment").setAttribute("aria-label", isShown ? words.comment : words.hidden);
  find("show").hidden = isShown;
}

function showOpinions(opinions) {
  find("dispute").hidden = opinions.length === 0;
  find("opinions").replaceChildren(...opinions.map((opinion, place) => {
    const line = document.createElement("li");
    const says = place === 0 ? words.one_says : words.other_says;
    line.append(fill(says, { answer: names[opinion.category] ?? opinion.category }));
    if (opinion.note.length) {
      const note = document.createElement("bdi");
      show(note, opinion.note);
      line.append(" – ", note);
    }
    return line;
  }));
}

/** Put a screen on the page; `takenBack` is the answer that was removed to get here. */
function put(screen, takenBack) {
  now.screen = screen;
  find("loading").hidden = true;
  for (const kind of ["work", "break", "done"]) find(kind).hidden = (screen.kind === "item" ? "work" : screen.kind) !== kind;
  showProgress(screen);
  say("");
  now.category = null;
  now.note = "";
  now.spent = 0;
  choose(null);
  if (screen.kind !== "item") {
    beside("");
    show(find("text"), []);
    find("note").value = "";
    find("break-lead").textContent = fill(words.break_lead, { n: screen.in_a_row });
    find(screen.kind).focus();
    return;
  }
  beside(takenBack ?? "");
  find("note").value = screen.note;
  showOpinions(screen.item.opinions);
  find("text").lang = /^[a-z]{2}$/.test(screen.item.language) && screen.item.language !== "un" ? screen.item.language : "";
  show(find("text"), screen.item.text);
  find("comment").scrollTop = 0;
  window.scrollTo(0, 0);
  reveal(!find("hide-texts").checked || takenBack !== undefined);
  if (takenBack !== undefined) say(fill(words.taken_back, { answer: names[takenBack] ?? takenBack }));
  find("comment").focus({ preventScroll: true });
}

async function load(path, body, isBack) {
  if (isLoading && now.screen) return;
  isLoading = true;
  try {
    const screen = await ask(path, body);
    if (screen === null) return;
    if (isBack && screen.category === null) {
      put(screen);
      say(words.nothing_to_take_back);
    } else {
      put(screen, isBack ? screen.category : undefined);
    }
  } finally {
    isLoading = false;
  }
}

/** Keep an answer, and show it as chosen once it is kept. */
function answer(category) {
  const item = now.screen?.item;
  if (!item || isLoading) return;
  if (!now.shown) {
    say(words.show_first);
    return;
  }
  const note = find("note").value;
  const seconds = now.spent + (performance.now() - now.since) / 1000;
  beside(category);
  buttons.find((button) => button.dataset.category === category)?.setAttribute("aria-busy", "true");
  say(words.saving);
  sending = sending.then(async () => {
    const screen = await ask("/answer", { key: item.key, category, note, seconds });
    if (now.screen?.item !== item) return screen !== null;
    if (screen === null) {
      choose(now.category);
      return false;
    }
    now.category = category;
    now.note = note;
    choose(category);
    showProgress(screen);
    say(fill(words.saved, { answer: names[category] ?? category }));
    return true;
  });
}

/** A note that was changed after the answer is kept with it. */
function keepNote() {
  if (now.category !== null && find("note").value !== now.note) answer(now.category);
}

async function next() {
  const kind = now.screen?.kind;
  if (kind === "break") return load("/next", { rested: true });
  if (kind !== "item") return load("/next", {});
  if (!now.shown) return reveal(true);
  keepNote();
  const item = now.screen.item;
  const isKept = await sending;
  if (now.screen?.item !== item || !isKept) {
    if (now.screen?.item === item) sending = Promise.resolve(true);
    return undefined;
  }
  if (now.category === null) return say(words.choose_first);
  return load("/next", {});
}

async function takeBack() {
  await sending;
  sending = Promise.resolve(true);
  return load("/take-back", {}, true);
}

/** The key that was meant: with an input method on, only its place on the keyboard is known. */
function meant(event) {
  if (event.key !== "Process" && !event.isComposing) return event.key;
  return event.code.replace(/^(Digit|Numpad|Key)/, "").replace("NumpadEnter", "Enter").toLowerCase();
}

/** What Enter works on when a keyboard has gone there; anywhere else it means "next". */
const TOOLS = "a:focus-visible, button:focus-visible, summary:focus-visible";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === find("note")) {
    if (event.key === "Escape" && !event.isComposing) {
      keepNote();
      find("comment").focus();
    }
    return;
  }
  const key = meant(event).normalize("NFKC").toLowerCase();
  if (key === "enter") {
    if (document.activeElement?.matches(TOOLS)) return;
    event.preventDefault();
    next();
  } else if (key === "z") {
    takeBack();
  } else if (key === "n" && now.screen?.kind === "item") {
    event.preventDefault();
    find("note").focus();
  } else if (key) {
    const button = buttons.find((each) => each.dataset.key === key);
    if (button) answer(button.dataset.category);
  }
});

document.addEventListener("click", (event) => {
  // After a click or a tap, Enter means "next" again.
  if (event.detail > 0) event.target.closest("button, summary, input[type=checkbox]")?.blur();
});
for (const button of buttons) button.addEventListener("click", () => answer(button.dataset.category));
for (const [id, act] of [["show", next], ["next", next], ["go-on", next], ["undo", takeBack], ["undo-last", takeBack]]) {
  find(id).addEventListener("click", () => {
    act();
  });
}
find("note").addEventListener("change", keepNote);
find("comment").addEventListener("click", () => {
  if (now.screen?.kind === "item" && !now.shown) next();
});
document.addEventListener("visibilitychange", () => {
  if (!now.shown) return;
  if (document.hidden) now.spent += (performance.now() - now.since) / 1000;
  now.since = performance.now();
});
find("hide-texts").addEventListener("change", (event) => {
  try {
    localStorage.setItem("show-texts", event.target.checked ? "" : "yes");
  } catch {
    // a browser that keeps nothing asks again next time
  }
  if (now.screen?.kind === "item" && now.category === null) reveal(!event.target.checked);
});

try {
  find("hide-texts").checked = localStorage.getItem("show-texts") !== "yes";
} catch {
  find("hide-texts").checked = true;
}
load("/next", {});
