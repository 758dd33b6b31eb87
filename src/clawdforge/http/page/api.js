// Asking the server. Every request carries the page's own key: the cookie alone opens nothing.

const KEY = "clawdforge.key";
const AGAIN_MS = 300;
const HEADER = "X-Clawdforge-Page";

/** What the server refused, in its words. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The headers of each request. */
export function headers(more = {}) {
  return { [HEADER]: localStorage.getItem(KEY) || "none", ...more };
}

/** Send a request; its JSON, or an ApiError. */
export async function call(method, path, body, { signal } = {}) {
  const more = body === undefined ? {} : { "Content-Type": "application/json" };
  const options = {
    method,
    signal,
    headers: headers({ Accept: "application/json", ...more }),
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  };
  const response = await fetch(path, options).catch((error) => reachAgain(path, options, error));
  const reply = await response.json().catch(() => null);
  if (response.ok) return reply;
  if (response.status === 401 && !path.startsWith("/login")) {
    window.dispatchEvent(new Event("loggedout"));
  }
  throw refusal(response, reply);
}

/** A network that changes breaks off what is under way: what changes nothing is asked once more. */
async function reachAgain(path, options, error) {
  if (error.name === "AbortError") throw error;
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  const again = options.method === "GET" ? fetch(path, options) : Promise.reject(error);
  return again.catch((failure) => {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0, "unreachable", "The server does not answer.");
  });
}

function refusal(response, reply) {
  const error = reply?.error;
  const message = typeof error === "string" ? error : error?.message;
  const retry = Number(response.headers.get("Retry-After")) || null;
  return new ApiError(response.status, error?.code || "", message || `Error ${response.status}`, retry);
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body = {}, options) => call("POST", path, body, options);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

/** Log in with a one-time code or a token; what this browser may do then. */
export async function login(proof) {
  const rights = await post("/login", proof);
  localStorage.setItem(KEY, rights.key);
  return rights;
}

/** End this browser's login. */
export async function logout() {
  try {
    await remove("/login");
  } finally {
    localStorage.removeItem(KEY);
    sessionStorage.clear();
  }
}

/** Whether a login may be there; the server knows better. */
export const mayBeLoggedIn = () => localStorage.getItem(KEY) !== null;

/** A query string out of what is set. */
export function query(path, values) {
  const set = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return set.length ? `${path}?${new URLSearchParams(set)}` : path;
}
