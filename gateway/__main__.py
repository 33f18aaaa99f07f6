"""`carepact`: the one way in for people. Errors become one line and an exit code; never a traceback."""

import sys


def main() -> None:
    """Entry point of the console command."""
    from gateway.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
