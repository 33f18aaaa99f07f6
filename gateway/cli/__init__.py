"""The command line: one file a noun. Modules import what they need when a command runs: `--help` is fast."""
