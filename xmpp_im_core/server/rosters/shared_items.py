"""Shared items: the service shows them in the roster, for example for shared groups (RFC 6121 §2.1.6, §2.6, §3).

A shared item hides the contact's own item. Neither the user nor the contact can change it, and it is not stored. The
host states the shared items after each loading of the account, and whenever they change.
"""

from __future__ import annotations

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, Roster
from xmpp_im_core.rules import administration as rules
from xmpp_im_core.server.contact_changes import push_item
from xmpp_im_core.server.contact_presence import without_directed_to
from xmpp_im_core.server.effects import Effect, FanOut, Kind, Put, Transition, silence
from xmpp_im_core.server.events import SharedItemsChanged
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.subscriptions.resending import first_due
from xmpp_im_core.server.visibility import is_blocked, is_withheld
from xmpp_im_core.stanza import Presence


def changed(account: Account, event: SharedItemsChanged, policy: Policy) -> Transition[Account]:
    """Show exactly these items. Each item that differs is a modification and is pushed (§2.6.3).

    Contacts who may now see the user's presence get it. Contacts who may no longer see it get unavailable presence.
    Contacts whose presence the user may now see are probed.
    """
    before = account.roster
    shared = FrozenMap((item.jid, item) for item in event.items if item.jid != account.jid.bare)
    differing = [jid for jid in sorted({*before.shared, *shared}) if before.shared.get(jid) != shared.get(jid)]
    if not differing:
        return silence(account, rules.SHARED_UNCHANGED)
    roster = before.showing(shared, len(differing))
    after = account.with_roster(roster)
    pushes = [
        _push(after, jid, before.version + n, f"{event.seq}-push-{n}", policy) for n, jid in enumerate(differing, 1)
    ]
    effects = (*pushes, *_presence(account, after, differing, event.seq))
    for jid in differing:
        if _from(before, jid) and not _from(roster, jid):
            after = without_directed_to(after, jid)
    after = after.waking(first_due(after, policy))
    return Transition(after, effects, (Put(Kind.ROSTER, "", roster.head),))


def _push(account: Account, jid: str, version: int, id: str, policy: Policy) -> Effect:
    roster = account.roster
    item = roster.shared.get(jid)
    if item is not None:
        return push_item(account, item.as_contact(), version, id, policy, rules.SHARED_PUSHED)
    own = roster.contacts.get(jid) or Contact(jid, listed=False)
    return push_item(account, own, version, id, policy, rules.SHARED_GONE_PUSHED)


def _presence(before: Account, after: Account, differing: list[str], seq: str) -> list[Effect]:
    """Return the presence and the probes for the contacts whose state differs."""
    seen = [jid for jid in differing if not is_withheld(after, prepared_jid(jid))]
    gained = tuple([jid for jid in seen if _from(after.roster, jid) and not _from(before.roster, jid)])
    lost = tuple([jid for jid in seen if _from(before.roster, jid) and not _from(after.roster, jid)])
    probed = [jid for jid in differing if _to(after.roster, jid) and not _to(before.roster, jid)]
    probed = [jid for jid in probed if not is_blocked(after, prepared_jid(jid))]
    effects: list[Effect] = []
    for session in after.sessions:
        if session.presence is None:
            continue
        if gained:
            effects.append(FanOut(session.presence, gained, rules.SHARED_PRESENCE))
        if lost:
            gone = Presence(None, session.address, f"{seq}-unavailable-{session.id.resource}", "unavailable")
            effects.append(FanOut(gone, lost, rules.SHARED_UNAVAILABLE))
    if probed and after.available():
        effects.append(
            FanOut(Presence(None, after.address, f"{seq}-probe", "probe"), tuple(probed), rules.SHARED_PROBE)
        )
    return effects


def _from(roster: Roster, jid: str) -> bool:
    return roster.state_of(jid).from_


def _to(roster: Roster, jid: str) -> bool:
    return roster.state_of(jid).to
