"""How full a mailbox is, from a Dovecot that tells and one that does not."""

from __future__ import annotations

import pytest

from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.quota import Quota, quota
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from support.dovecot import PASSWORD, running

pytestmark = pytest.mark.servers
USER = "sales@contoso.example"
TELLING = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=20M:messages=100
}
"""


@pytest.mark.parametrize(("extra", "told"), [(TELLING, True), ("", False)])
def test_quota(extra: str, told: bool) -> None:
    with running(users={USER: PASSWORD}, extra=extra) as server:
        server.deliver(USER, b"Subject: x\r\n\r\n" + b"y" * 3_000_000)
        endpoint = Endpoint(host="localhost", port=server.imaps, tls="implicit", authority=server.authority)
        found = quota(endpoint, PasswordSignIn(USER, Secret(PASSWORD.encode())))
    if not told:
        assert found is None
        return
    assert found is not None
    by_name = {one.resource: one for one in found}
    assert by_name["MESSAGE"] == Quota("MESSAGE", 1, 100)
    assert by_name["STORAGE"].limit == 20 * 1024
    assert 2_900 < by_name["STORAGE"].used < 3_100
    assert str(by_name["STORAGE"]) == "14 % of 20 MB used"
    assert str(by_name["MESSAGE"]) == "1 % of 100 messages used"
