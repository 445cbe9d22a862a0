"""The command: `python -m api` serves the shop until Ctrl-C."""

import logging
import sys

import orderlib
from api.app import create_app
from api.guard import LOOPBACK, TOKEN
from api.server import listen, port_of, serve
from orderlib.config import Settings

log = logging.getLogger("api")


def main() -> None:
    """Check the settings, connect, listen, serve. What is wrong is a sentence, and exit code 1."""
    settings = Settings.load()
    port = _check(settings)
    _log_to_stdout()
    try:
        shop = orderlib.address()  # here, so that a wrong DATABASE_URL is not first met by a client
        sockets = listen(create_app(settings.api_token), settings.api_host, port)
    except orderlib.OrderlibError as error:
        sys.exit(str(error))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        place = f"{settings.api_host}, port {port}"
        sys.exit(f"Cannot listen at {place}: {reason}. See API_HOST and API_PORT.")
    host = "localhost" if settings.api_host in LOOPBACK else settings.api_host
    address = f"http://{host}:{port_of(sockets)}"
    log.info("%s serves %s. Read %s/docs; Ctrl-C ends it.", address, shop, address)
    serve(sockets)


def _check(settings: Settings) -> int:
    """Refuse settings that cannot be or would not be safe; returns the port."""
    if settings.api_host not in LOOPBACK and not settings.api_token:
        sys.exit(
            f"With API_HOST={settings.api_host} other computers could change the shop: "
            "set API_TOKEN too, or leave API_HOST empty."
        )
    if settings.api_token and not TOKEN.fullmatch(settings.api_token):
        sys.exit("API_TOKEN may have letters, digits and - . _ ~ + / = only.")
    port = settings.api_port
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65_535):
        sys.exit(f"API_PORT is {port!r}, and must be a number from 0 (any free port) to 65535.")
    return int(port)


def _log_to_stdout() -> None:
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    log.setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that somebody waits is no news


if __name__ == "__main__":
    main()
