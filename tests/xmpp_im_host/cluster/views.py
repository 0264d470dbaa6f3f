"""What users see of each other when nothing is under way: their presence, and their rosters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tests.xmpp_im_host.cluster.talker import Talker


def false_presence(
    talkers: Sequence[Talker], present: Sequence[bool], directed: Collection[tuple[str, str]]
) -> list[str]:
    """Compare what each client sees with who is there, and with who allows it.

    :param present: whether each client is connected.
    :param directed: the sessions that have sent directed presence, and the users to whom.
    """
    there = [talker for talker, is_there in zip(talkers, present, strict=True) if is_there]
    return [fault for seer in there for fault in _false(seer, there, directed)]


def _false(seer: Talker, there: Collection[Talker], directed: Collection[tuple[str, str]]) -> Iterator[str]:
    names = {each.full for each in there}
    for full in seer.view:
        if full not in names:
            yield f"{seer.full} sees {full}, who is gone"
    for other in there:
        status = seer.view.get(other.full)
        was_directed = (other.session, seer.user) in directed
        if other.user == seer.user:
            continue
        if other.gives(seer.user):
            if status != str(other.status) and not (was_directed and status == "directed"):
                yield f"{seer.full} sees {other.full} as {status}, and not as {other.status}"
        elif status is not None and not was_directed:
            yield f"{seer.full} sees {other.full}, and is not authorised"


def wrong_rosters(talkers: Sequence[Talker]) -> list[str]:
    """Compare the rosters with the changes that were answered, and with each other.

    Every request is approved, so none is left, and both users agree about the subscription. Only a request that came
    while there was no account is left: the server ignores it silently (RFC 6121 §8.5.1).
    """
    found = []
    for talker in talkers:
        _, number = talker.roster.get(talker.contact, ("", None))
        found += talker.ledger.contact_faults(talker.user, talker.contact, number)
        for other in talkers:
            left = talker.state(other.user).endswith("+ask") and other.user not in talker.ledger.removed
            if other.user != talker.user and (talker.gets(other.user) != other.gives(talker.user) or left):
                found.append(
                    f"{talker.full} has {talker.state(other.user)} for {other.user}, and {other.full} has"
                    f" {other.state(talker.user)} for {talker.user}"
                )
    return found
