// A page that nobody looks at gives its connections back: browsers have six for a server, shared
// by all their tabs. One hidden tab goes on listening, for the number in its title.

const PATIENCE_MS = 20_000;

const streams = new Map();
let timer = 0;
let release = () => {};

/** Let a stream rest while the page is hidden; `stays`: it goes on in one hidden tab. */
export function restWhenHidden(stream, { stays = false } = {}) {
  streams.set(stream, stays);
  if (document.hidden) wait();
  return stream;
}

/** A stream has ended. */
export function forget(stream) {
  streams.delete(stream);
}

document.addEventListener("visibilitychange", () => (document.hidden ? wait() : back()));

function wait() {
  clearTimeout(timer);
  timer = setTimeout(rest, PATIENCE_MS);
}

function back() {
  clearTimeout(timer);
  release();
  for (const stream of streams.keys()) stream.resume();
}

function rest() {
  if (!navigator.locks) return pause(true); // only with https, or on this machine
  const options = { ifAvailable: true };
  navigator.locks.request("clawdforge-listens", options, (lock) => {
    if (!document.hidden) return null;
    pause(lock === null);
    return lock && new Promise((resolve) => (release = resolve));
  });
  return null;
}

function pause(all) {
  for (const [stream, stays] of streams) if (all || !stays) stream.pause();
}
