"""How every noun of the command line is made: plain help that reads the same on a terminal and in a pipe."""

import typer


def noun(help: str, examples: str | None = None) -> typer.Typer:
    """The command group of one noun. `examples` stand below its help; `\\b` keeps lines as they are."""
    return typer.Typer(
        help=help,
        epilog=examples,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
