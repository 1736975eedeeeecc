"""`python -m app [serve | migrate]`."""

import sys

from app import telemetry
from app.settings import Settings, SettingsError


def main(arguments: list[str]) -> int:
    """Runs a command; returns its exit code."""
    command = arguments[0] if arguments else "serve"
    if command not in ("serve", "migrate") or len(arguments) > 1:
        sys.stderr.write(f"{' '.join(arguments)}: there are serve and migrate\n")
        return 2
    try:
        settings = Settings.load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    telemetry.start_logging(settings)
    if command == "migrate":
        from app import migrate

        return migrate.run(settings)
    from app import server

    server.serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
