"""Thunderbird without a window, with a profile for one test: an account of type `ews`, driven by Marionette.

What it does is in thunderbird.js beside this file. It reaches loopback only: everything else goes to a proxy that is not there, and
should it try to go elsewhere it ends itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support.marionette import Marionette
from support.servers import require

_STEPS: Final = Path(__file__).with_name("thunderbird.js").read_text("utf-8")
#: It ends after this time even if whoever started it was killed.
_LIFE_SECONDS: Final = 300
_START_SECONDS: Final = 60
#: What would open a window at the start, or look for something in the network.
_PREFERENCES: Final[Mapping[str, str | int | bool]] = {
    "marionette.port": 0,
    "app.donation.eoy.version.viewed": 999,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "mail.biff.show_alert": False,
    "mail.inappnotifications.enabled": False,
    "mail.rights.version": 1,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.trr.mode": 5,
    "security.OCSP.enabled": 0,
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thunderbird:
    """A running one."""

    marionette: Marionette

    def do(self, step: str, *given: Any) -> Any:
        """Run a step of thunderbird.js. Raises AssertionError with what Thunderbird said went wrong."""
        return self.marionette.run(_STEPS, step, *given)


@contextmanager
def thunderbird(folder: Path) -> Iterator[Thunderbird]:
    """Start it; it writes below `folder` only, and is gone afterwards with all its processes."""
    program = require("thunderbird")
    profile = folder / "profile"
    for made in (profile, folder / "tmp", folder / "run"):
        made.mkdir(mode=0o700)
    with socket.socket() as nobody:  # a port that is taken and answers nothing
        nobody.bind(("127.0.0.1", 0))
        (profile / "user.js").write_text(_preferences(nobody.getsockname()[1]))
        command = ["timeout", "--kill-after=5", str(_LIFE_SECONDS), str(program), "--headless", "--marionette"]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [*command, "--remote-allow-system-access", "--no-remote", "--profile", str(profile)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=_environment(folder),
                start_new_session=True,
            )
        try:
            marionette = Marionette(_port(profile / "MarionetteActivePort", process, folder / "output"))
            try:
                yield Thunderbird(marionette=marionette)
            finally:
                marionette.close()
        finally:
            _end(process)


def _preferences(nowhere: int) -> str:
    settings = {**_PREFERENCES, "network.proxy.type": 1}
    for protocol in ("http", "ssl"):
        settings |= {f"network.proxy.{protocol}": "127.0.0.1", f"network.proxy.{protocol}_port": nowhere}
    return "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items())


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's but the path: no session bus, no display, no home."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "LANG": "C.UTF-8",
        "MOZ_CRASHREPORTER_DISABLE": "1",
        "MOZ_DISABLE_NONLOCAL_CONNECTIONS": "1",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    }


def _port(file: Path, process: subprocess.Popen[bytes], output: Path) -> int:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if file.exists() and (text := file.read_text()):
            return int(text)
        time.sleep(0.1)
    raise AssertionError(f"Thunderbird did not start:\n{output.read_text('utf-8', 'replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program and its content processes: all are in one group of processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(15)
