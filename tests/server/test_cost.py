"""What the common steps of an account do not do again, because it is known. Calls are counted, not timed."""

from __future__ import annotations

from functools import partial

from tests.client.counting import calls
from tests.rfc6121.conversation import JULIET, ROMEO, account, child, item, outbound, roster_set
from xmpp_im_core.jid import _parsed, parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import reduce
from xmpp_im_core.stanza import read_priority

HERE = account(JULIET, {ROMEO: "Both"}, available=("balcony",))


def test_a_roster_set_does_not_prepare_a_jid_that_was_prepared_before() -> None:
    parse_address(ROMEO)

    assert calls(partial(reduce, HERE, roster_set(item(ROMEO, name="R"), by="balcony")), _parsed) == 0


def test_a_presence_update_reads_the_priority_for_its_syntax_and_for_the_session() -> None:
    update = outbound(None, None, child("priority", "5"), by="balcony")

    assert calls(partial(reduce, HERE, update), read_priority) == 2
    for bounded in (Policy(highest_priority=126), Policy(lowest_priority=-127)):  # this needs another look
        assert calls(partial(reduce, HERE, update, bounded), read_priority) == 3
