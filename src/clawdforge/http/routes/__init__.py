"""The routes, a module a resource. Each translates, and asks the gateway."""
