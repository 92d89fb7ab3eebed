"""``imse-mcu doctor``: what is installed and what is missing."""

from __future__ import annotations

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.core.text import table


@click.command(
    "doctor", epilog="Examples:\n\n  imse-mcu doctor\n\n  imse-mcu doctor --json | jq .missing"
)
@common_options
def command(session: Session) -> int:
    """Say what is installed, what is missing, what for, and how to get it.

    The exit status is 3 when something is missing that building or emulating needs.
    """
    from imse_mcu.core.process import ToolNotFoundError
    from imse_mcu.doctor import examine

    findings = examine()
    missing = [f for f in findings if f.required and f.status != "ok"]
    rows = [
        (
            f.name,
            f.version or ("yes" if f.status == "ok" else "-"),
            f.status if f.status == "ok" or f.required else "optional",
            f.purpose,
            f.hint,
        )
        for f in findings
    ]
    lines = [table(("name", "version", "status", "for", "how to get it"), rows, left=range(5)), ""]
    if missing:
        lines.append(f"missing: {', '.join(f.name for f in missing)}")
    else:
        lines.append("everything is there to build and to run images on the emulator")
    data = {
        "findings": [f.to_json() for f in findings],
        "missing": [f.name for f in missing],
        "ready": not missing,
    }
    session.emit(data, "\n".join(lines))
    return ToolNotFoundError.exit_code if missing else 0
