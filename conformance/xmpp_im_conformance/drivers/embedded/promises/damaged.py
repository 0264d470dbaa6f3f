"""Records that are damaged, or in another order: the rest of an account is served, and no old version leads on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import check_same, promise
from xmpp_im_core.host import Stored
from xmpp_im_core.jid import address_of, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import Account, AccountLoaded, Kind, NoAccount, Put, SessionId, reduce
from xmpp_im_core.server.accounts.loading import unusable
from xmpp_im_core.server.effects import Damaged, wake_key
from xmpp_im_core.server.state import Session
from xmpp_im_core.server.subscriptions.resending import first_due
from xmpp_im_core.subscription import NONE, subscription_state

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UNREADABLE: Final = "\u2603 @"
"""What is no JID."""


def check_damaged(account: Account, stored: Stored, policy: Policy, at: datetime) -> None:
    """Load an account with damaged records, and see what becomes of it.

    :param account: as it is in memory.
    :param stored: what is stored of it: the same.
    """
    damaged = _Damaged(account, stored, policy, at)
    damaged.check_rest()
    damaged.check_wakes()
    damaged.check_head()
    damaged.check_contacts()


class _Damaged:
    """An account with its records, some of which are damaged."""

    def __init__(self, account: Account, stored: Stored, policy: Policy, at: datetime) -> None:
        self.account = account
        self.stored = stored
        self.policy = policy
        self.at = at
        self.start = NoAccount(account.jid)

    def _event(self) -> AccountLoaded:
        return self.stored.loaded(self.at, "loaded")

    def _account(self, event: AccountLoaded) -> Account:
        step = reduce(self.start, event, self.policy)
        promise(bool(step.effects), "each step names the rule that it obeys", event)
        promise(isinstance(step.state, Account), "an account with damaged records is there", event, step.state)
        assert isinstance(step.state, Account)
        return step.state

    def check_rest(self) -> None:
        """See that an account is served without the records that cannot be used, and that they are named."""
        bad = (
            Put(Kind.CONTACT, _UNREADABLE, Contact(_UNREADABLE, NONE)),
            Put(Kind.BLOCKED, _UNREADABLE, None),
            Put(Kind.WAKE, "never", None),
            Put(Kind.WAKE, "2026-01-01T00:00:00", None),
        )
        named = [(each.kind, each.key, bool(each.reason)) for each in unusable((*self.stored.records, *bad))]
        promise(named == [(each.kind, each.key, True) for each in bad], "records that are not used are named", named)
        stray = (
            Put(Kind.REPLACED, "1/x", None),
            Put(Kind.SESSION, "x", Session(SessionId("x", 1), address_of(parse_jid("other@other.example/x")))),
        )
        expected = self.account if self.policy.keep_sessions else evolve(self.account, sessions=(), replaced=())
        plain = self._account(self._event())
        for records in ((*bad, *stray, *self.stored.records), (*self.stored.records[::-1], *stray, *bad)):
            state = self._account(evolve(self._event(), records=records))
            check_same(self.account, state, expected)
            promise(state.wake_at == plain.wake_at, "a record that is no time wakes nobody", state.wake_at)

    def check_wakes(self) -> None:
        """See that a loaded account is woken at the stored time, or when something is due earlier."""
        others = tuple([each for each in self.stored.records if each.kind is not Kind.WAKE])
        asked = subscription_state("none", True, False)
        contact = Contact("asked@nowhere.example", asked, asked=self.at)
        others += (Put(Kind.CONTACT, contact.jid, contact), Put(Kind.PROCESSED, wake_key(_LONG_AGO), None))
        plain = self._account(evolve(self._event(), records=others))
        due = first_due(plain, self.policy)
        early, late = datetime(2001, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
        for stored in (None, early, late):
            wake = () if stored is None else (Put(Kind.WAKE, wake_key(stored), None),)
            state = self._account(evolve(self._event(), records=(*wake, *others)))
            expected = min([each for each in (stored, due) if each is not None], default=None)
            promise(state.wake_at == expected, "a loaded account is woken in time", state.wake_at, expected)

    def check_head(self) -> None:
        """See that an account is there without a readable head of its roster, and that no old version leads on."""
        others = tuple([each for each in self.stored.records if each.kind is not Kind.ROSTER])
        damaged = (Damaged(Kind.ROSTER, "", "it is damaged"),)
        event = evolve(self._event(), records=others, damaged=damaged)
        state = self._account(event)
        newest = max([0, *[each.version for each in state.roster.contacts.values()]])
        head = state.roster.head
        anew = (head.lineage, head.version, head.horizon) == (event.seq, newest, 0)
        promise(anew, "a roster that has lost its head begins anew", head)
        elsewhere = evolve(event, damaged=(Damaged(Kind.CONTACT, "x", "it is damaged"),))
        promise(reduce(self.start, elsewhere, self.policy).state == self.start, "without a head there is no account")
        negative = Put(Kind.ROSTER, "", RosterHead("old", -5, -5))
        state = self._account(AccountLoaded(self.at, "loaded", (negative,), 0, 100))
        head = state.roster.head
        promise((head.version, head.horizon) == (0, 0), "no version is negative", head)
        promise((state.offline, state.offline_bytes) == (0, 0), "where no message is stored none takes room", state)

    def check_contacts(self) -> None:
        """See that a stored contact is known by its prepared JID, and that its fields agree with its state."""
        asking = subscription_state("none", False, True)
        puts = (
            Put(Kind.ROSTER, "", RosterHead("l", 1, 0)),
            Put(Kind.CONTACT, "Mercutio@Remote.example", Contact("Mercutio@Remote.example", asking, version=-3)),
        )
        state = self._account(AccountLoaded(self.at, "loaded", puts))
        contact = state.roster.contacts.get("mercutio@remote.example")
        promise(contact is not None, "a contact is known by its prepared JID", state.roster)
        assert contact is not None
        promise(contact.jid == "mercutio@remote.example", "a contact is known by its prepared JID", contact)
        promise(contact.state == NONE, "without its request no request is pending", contact)
        promise(contact.version == 0, "no version is negative", contact)
        stored = (state.offline, state.offline_bytes)
        promise(stored == (0, 0), "nothing is stored of which the storage does not tell", stored)
