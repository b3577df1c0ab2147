"""A Kerberos realm of our own on loopback (MIT krb5-kdc): principals, a keytab for the servers, a ticket for a person."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.dovecot import free_port
from support.servers import require

REALM = "CONTOSO.EXAMPLE"
_KRB5 = """
[libdefaults]
  default_realm = {realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""
_KDC = """
[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {base}/principal
    key_stash_file = {base}/stash
    acl_file = {base}/acl
    max_life = 1h
  }}
"""


@dataclass(frozen=True)
class Realm:
    """`environment` is what clients and servers of the realm need."""

    base: Path
    environment: Mapping[str, str]

    @property
    def keytab(self) -> Path:
        return self.base / "keytab"

    def kinit(self, principal: str) -> None:
        """A ticket for `principal`, into the cache of `environment`."""
        self.run("kinit", "-k", "-t", str(self.base / "people"), principal)

    def kdestroy(self) -> None:
        self.run("kdestroy", "-A")

    def run(self, program: str, *words: str) -> None:
        path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert path is not None, program
        subprocess.run([path, *words], env={**os.environ, **self.environment}, check=True, capture_output=True, timeout=30)


@contextmanager
def realm(*people: str, services: tuple[str, ...] = ("imap/localhost", "pop/localhost", "smtp/localhost")) -> Iterator[Realm]:
    program = require("krb5kdc")
    base, port = Path(tempfile.mkdtemp(prefix="reconcile-krb5-")), free_port()
    base.chmod(0o755)
    (base / "krb5.conf").write_text(_KRB5.format(realm=REALM, port=port))
    (base / "kdc.conf").write_text(_KDC.format(realm=REALM, port=port, base=base))
    made = Realm(
        base, {"KRB5_CONFIG": str(base / "krb5.conf"), "KRB5_KDC_PROFILE": str(base / "kdc.conf"), "KRB5CCNAME": f"FILE:{base}/tickets"}
    )
    process = None
    try:
        made.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "test master")
        for principal in (*services, *people):
            made.run("kadmin.local", "-q", f"addprinc -randkey {principal}")
            made.run("kadmin.local", "-q", f"ktadd -k {base}/{'keytab' if principal in services else 'people'} {principal}")
        made.keytab.chmod(0o644)
        process = subprocess.Popen(
            [program, "-n"], env={**os.environ, **made.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 15
        while True:
            try:
                made.kinit(people[0])
                break
            except subprocess.CalledProcessError:
                assert time.monotonic() < deadline, "the key distribution centre did not start"
                time.sleep(0.1)
        yield made
    finally:
        if process is not None:
            process.terminate()
            process.wait(10)
        shutil.rmtree(base, ignore_errors=True)
