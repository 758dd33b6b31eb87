// Values as people read them.

const plain = new Intl.NumberFormat("en-US");
const oneDigit = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

/** Money, from millionths of a dollar. */
export function money(microusd) {
  if (microusd === null || microusd === undefined) return "–";
  const usd = microusd / 1e6;
  if (usd === 0) return "$0";
  if (usd < 0.01) return `$${usd.toFixed(4)}`;
  return usd < 1000 ? `$${usd.toFixed(2)}` : `$${plain.format(Math.round(usd))}`;
}

/** A count in at most four characters or so: 1.2k, 34k, 5.6M. */
export function count(number) {
  if (number === null || number === undefined) return "–";
  if (number < 1000) return plain.format(number);
  if (number < 1e6) return `${oneDigit.format(number / (number < 10_000 ? 1000 : 1000))}k`.replace(/(\d{3})\.\d/, "$1");
  return `${oneDigit.format(number / 1e6)}M`;
}

/** A count with its separators. */
export function whole(number) {
  return number === null || number === undefined ? "–" : plain.format(number);
}

/** How long something took. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${oneDigit.format(ms / 1000)} s`;
  return span(ms / 1000);
}

/** A span in its two largest units: 45s, 3m 20s, 2h 05m, 4d. */
export function span(secs) {
  const s = Math.max(0, Math.floor(secs));
  if (s < 60) return `${s}s`;
  if (s < 600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, "0")}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}m`;
  return `${Math.floor(s / 86_400)}d`;
}

/** How long ago, from UTC seconds. */
export function ago(at) {
  if (at === null || at === undefined) return "never";
  const secs = Date.now() / 1000 - at;
  return secs < 5 ? "now" : `${span(secs).replace(/ .*/, "")} ago`;
}

/** A moment as local date and time, from UTC seconds. */
export function moment(at) {
  if (at === null || at === undefined) return "–";
  return new Date(at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** UTC seconds of an RFC 3339 text, or null. */
export function seconds(text) {
  const ms = Date.parse(text || "");
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** The last part of a path. */
export function base(path) {
  return path ? path.replace(/\/+$/, "").split("/").pop() || path : "";
}

/** The beginning of a text. */
export function cut(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** Any JSON value as text: text as it is. */
export function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "";
}

/** 1 turn, 2 turns. */
export function many(number, one, more = `${one}s`) {
  return `${whole(number)} ${number === 1 ? one : more}`;
}
