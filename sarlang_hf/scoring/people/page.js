
"use strict";

const sections = [...document.querySelectorAll("section")];
const rater = document.getElementById("rater");
const status = document.getElementById("status");
const prefix = `sarlang-sheet:${document.body.dataset.sheet}:`;
let current = "";

// Some browsers keep nothing for files, or forbid it altogether.
function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(prefix + name));
  } catch {
    return null;
  }
}

function keep(name, answers) {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(answers));
    return true;
  } catch {
    return false;
  }
}

function answerOf(section) {
  const field = section.querySelector("input:checked") ?? section.querySelector("input:not([type=radio])");
  return field.value.trim();
}

function show(section, answer) {
  const line = section.querySelector("input:not([type=radio])");
  if (line) line.value = answer;
  for (const button of section.querySelectorAll("input[type=radio]")) button.checked = button.value === answer;
}

function answers() {
  return Object.fromEntries(sections.map((section) => [section.dataset.id, answerOf(section)]));
}

function report(message) {
  const done = sections.filter(answerOf).length;
  for (const section of sections) section.classList.toggle("answered", answerOf(section) !== "");
  status.textContent = `${done} of ${sections.length} answered${message ? `. ${message}` : ""}`;
}

function changed() {
  report(keep(current, answers()) ? "" : "This browser keeps nothing: save the file before you close the page.");
}

// Each rater on this device has answers of their own; those given before there was a name belong to the first one named.
function switchRater() {
  const name = rater.value.trim();
  if (name === current) return;
  const known = stored(name);
  if (known || current) for (const section of sections) show(section, known?.[section.dataset.id] ?? "");
  else keep("", {});
  current = name;
  keep(":last", name);
  changed();
}

function table() {
  const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = sections.map((section, index) => [`${index + 1}`, section.dataset.id, answerOf(section), current]);
  const header = ["item", "question_id", document.body.dataset.column, "rater"];
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function save() {
  switchRater();
  if (!current) {
    rater.focus();
    report("Give your name or number first.");
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = `answers-${current.replace(/[^\p{L}\p{N}_-]+/gu, "_")}.csv`;
  link.click();
  report(`Saved as ${link.download}.`);
}

function goTo(section) {
  const field = section?.querySelector("input:checked") ?? section?.querySelector("input");
  (field ?? document.getElementById("save")).focus();
}

// Enter goes on to the next question; 1 and 0 choose right and wrong.
function key(event) {
  const section = event.target.closest("section");
  if (!section || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const choices = section.querySelectorAll("input[type=radio]");
  const chosen = choices.length ? { 1: choices[0], 0: choices[1] }[event.key] : undefined;
  if (chosen) {
    chosen.checked = true;
    changed();
  } else if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
  event.preventDefault();
  goTo(sections[sections.indexOf(section) + 1]);
}

rater.addEventListener("change", switchRater);
document.querySelector("main").addEventListener("input", changed);
document.addEventListener("keydown", key);
document.getElementById("save").addEventListener("click", save);

rater.value = stored(":last") ?? "";
current = rater.value;
const known = stored(current);
if (known) for (const section of sections) show(section, known[section.dataset.id] ?? "");
report("");
