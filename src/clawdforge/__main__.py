"""`python -m clawdforge` is the `clawdforge` command."""

from clawdforge.cli.main import main

if __name__ == "__main__":
    main()
