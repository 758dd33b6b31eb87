"""What `clawdforge doctor` looks at. Each check gives findings, and mends nothing itself."""
