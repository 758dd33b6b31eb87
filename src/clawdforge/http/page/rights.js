// What this browser may do: as the server says, which checks each request by itself anyway.

let rights = { app: null, admin: false, version: "", monitor: "none" };

/** Take over what the server said at the login. */
export function setRights(given) {
  rights = given;
}

const has = (scope) => rights.app?.scopes.includes(scope) ?? false;

export const isAdmin = () => rights.admin;
export const appName = () => rights.app?.name ?? null;
export const scopes = () => rights.app?.scopes ?? [];
export const version = () => rights.version;
/** Own sessions: see, talk, answer. */
export const canRun = () => has("run");
/** All sessions on the machine: see. */
export const canWatch = () => rights.admin || has("monitor");
/** Sessions that were started by hand: answer. */
export const canApprove = () => rights.admin || has("approve");
/** Their terminals: look, type, end, begin. */
export const canControl = () => rights.admin || has("control");
export const canMeasure = () => rights.admin || has("metrics");
/** Whether there is anything to be seen at all. */
export const canSeeSessions = () => canRun() || canWatch();
