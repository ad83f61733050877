"""The command line `labelyard`."""

import sys

import click

from .commands import FAILED, Group
from .commands.account import login, password, session, token
from .commands.admin import admin
from .commands.exports import export, exports, share, unshare
from .commands.filters import filter_
from .commands.guidelines import guideline
from .commands.imports import import_
from .commands.overview import overview, watch
from .commands.people import invite, members, users
from .commands.projects import project
from .commands.raw_data import raw_data
from .commands.versions import versions
from .credentials import NotSignedIn
from .output import Output, duration, json_option
from .transport import ApiError, TransferError, Unreachable

INTERRUPTED = 130  # as a shell says it

_WHAT_TO_DO = {
    "bad_credentials": "Look at the address and the password; `make up` prints those of a local server.",
    "unauthenticated": "Run `labelyard login` again, or set another LABELYARD_TOKEN.",
    "forbidden": "Ask a manager of the project, or an owner of the team, for the right.",
    "rate_limited": "Where you have signed in before, you are not held up.",
    "name_taken": "`labelyard project list` shows the names in use.",
}


@click.group(cls=Group, params=[json_option()], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="labelyard")
def cli() -> None:
    """Labelyard from the command line.

    Sign in with `labelyard login`, or set LABELYARD_URL and LABELYARD_TOKEN, which go before it.

    \b
    Exit codes:
        0  done
        1  refused or failed
        2  wrong usage
        3  partly done: an import with errors in its report, an image that could not be stored
        4  what was verified is not as it should be
      130  interrupted (`watch` ends with 0)
    """


for command in (
    login, password, session, token, project, members, invite, users, guideline, import_, filter_, overview, watch,
    export, exports, share, unshare, versions, raw_data, admin,
):  # fmt: skip
    cli.add_command(command)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code."""
    output = Output()
    try:
        code = cli.main(arguments, prog_name="labelyard", standalone_mode=False, obj=output)
    except click.UsageError as error:
        if not output.as_json:
            error.show()
        else:
            output.error("usage", error.format_message())
        return error.exit_code
    except click.ClickException as error:
        output.error("failed", error.format_message())
    except ApiError as error:
        hint = _WHAT_TO_DO.get(error.code, "")
        if seconds := error.extra.get("retry_after"):
            hint = f"Try again in {duration(seconds)}. {hint}"
        output.error(error.code, f"{error.detail} {hint}".strip(), status=error.status, extra=error.extra)
    except Unreachable as error:
        output.error("unreachable", f"{error}. Is it running? `make up` starts a local server, `make status` looks.")
    except NotSignedIn as error:
        output.error("not_signed_in", str(error))
    except (TransferError, OSError) as error:
        output.error("failed", str(error))
    except click.Abort:
        return INTERRUPTED
    else:
        return code if isinstance(code, int) else 0
    return FAILED


def main() -> None:
    """The script `labelyard`."""
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal can't write must not end the command
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:]))
