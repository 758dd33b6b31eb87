// What a terminal shows, with its colours: escape sequences become spans, other control is left out.

import { el } from "./dom.js";

const INK = [214, 217, 214];
const PAPER = [22, 24, 26];
const BASE = ["8a9099", "ff8f86", "7fd09a", "f2b45c", "84b3ff", "d6a1f0", "62c4b2", "d6d9d6", "a3a9b0", "ffada6", "a0e0b5", "ffd08a", "a9caff", "e6c2f8", "8fdccd", "ffffff"].map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const STEPS = [0, 95, 135, 175, 215, 255];
const DARK = 95; // darker ink than that could not be read on our paper
// eslint-disable-next-line no-control-regex
const PARTS = /\x1b\[([\d;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[\d;?]*[@-~]|\x1b[()].|[\x00-\x08\x0b-\x1f\x7f]/;

/** A screen as nodes. */
export function screen(text) {
  const all = document.createDocumentFragment();
  const style = {};
  const parts = text.split(PARTS); // text, parameters or undefined, text …
  parts.forEach((part, at) => {
    if (at % 2) return part === undefined || change(style, part);
    return part && all.append(span(part, style));
  });
  return all;
}

function span(text, { fg, bg, ...marks }) {
  const names = Object.keys(marks).filter((name) => marks[name] && name !== "inverse");
  const [ink, paper] = marks.inverse ? [bg ?? PAPER, fg ?? INK] : [fg, bg];
  if (!ink && !paper && !names.length) return text;
  const node = el("span", { class: names.join(" ") || null }, text);
  if (ink) node.style.color = css(paper ? ink : readable(ink));
  if (paper) node.style.backgroundColor = css(paper);
  return node;
}

const css = (colour) => `rgb(${colour.join(" ")})`;

/** Programs that think the terminal is light write in dark ink. */
function readable([red, green, blue]) {
  const light = 0.3 * red + 0.59 * green + 0.11 * blue;
  const add = light < DARK ? 0.5 : 0;
  return [red, green, blue].map((one) => Math.round(one + (255 - one) * add));
}

const MARKS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"], 39: ["fg"], 49: ["bg"] };

function change(style, parameters) {
  const codes = parameters.replaceAll("::", ":").split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) for (const name of Object.keys(style)) delete style[name];
    else if (MARKS[code]) style[MARKS[code]] = true;
    else if (ENDS[code]) for (const name of ENDS[code]) delete style[name];
    else if (code === 38 || code === 48) {
      const isWhole = codes[at + 1] === 2;
      const colour = isWhole ? codes.slice(at + 2, at + 5) : indexed(codes[at + 2]);
      style[code === 38 ? "fg" : "bg"] = colour;
      at += isWhole ? 4 : 2;
    } else if (code >= 30 && code <= 37) style.fg = BASE[code - 30];
    else if (code >= 40 && code <= 47) style.bg = BASE[code - 40];
    else if (code >= 90 && code <= 97) style.fg = BASE[code - 82];
    else if (code >= 100 && code <= 107) style.bg = BASE[code - 92];
  }
}

function indexed(number) {
  if (number < 16) return BASE[number];
  if (number >= 232) return Array(3).fill(8 + 10 * (number - 232));
  const at = number - 16;
  return [STEPS[Math.floor(at / 36)], STEPS[Math.floor(at / 6) % 6], STEPS[at % 6]];
}
