// The views, and who may see them.

import { AccessView } from "./access.js";
import { LedgerView } from "./ledger.js";
import { canMeasure, canRun, canSeeSessions, isAdmin } from "./rights.js";
import { ServerView } from "./server.js";
import { UsageView } from "./usage.js";

export const VIEWS = [
  { route: "", name: "Sessions", icon: "list", allowed: canSeeSessions },
  { route: "usage", name: "Usage", icon: "chart", allowed: () => canRun() || isAdmin(), make: () => new UsageView() },
  { route: "ledger", name: "Ledger", icon: "book", allowed: () => canRun() || isAdmin(), make: () => new LedgerView() },
  { route: "access", name: "Apps", icon: "key", allowed: isAdmin, make: () => new AccessView() },
  { route: "server", name: "Server", icon: "server", allowed: () => canMeasure() || canRun(), make: () => new ServerView() },
];
