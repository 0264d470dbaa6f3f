"""The sample session of RFC 6121 section 7, through clients and servers: its steps, its stanzas, its order.

The stanzas stand here as they stand in the RFC, each with its sender and recipient. ``stage.line`` says which
details of them are not compared. (The list of Romeo's contacts in the RFC has Benvolio at example.net, all of its
stanzas at example.org: this is where he is.) The preconditions, which the RFC does not reproduce, are brought about
by the users themselves.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from tests.both_halves.stage import available, line, lines, names, subscribes
from xmpp_im_core.client import (
    GetRoster,
    GoUnavailable,
    SendMessage,
    SetPresence,
    Show,
    Text,
    Thread,
)
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import State
from xmpp_im_core.testing.network import Network
from xmpp_im_core.testing.network_hosts import NetworkClient

ROMEO: Final = parse_jid("romeo@example.net")
JULIET: Final = parse_jid("juliet@example.com")
BENVOLIO: Final = parse_jid("benvolio@example.org")
MERCUTIO: Final = parse_jid("mercutio@example.org")
NURSE: Final = parse_jid("nurse@example.com")

NET: Final = "example.net"
COM: Final = "example.com"
ORG: Final = "example.org"
ORCHARD: Final = "romeo@example.net/orchard"
BALCONY: Final = "juliet@example.com/balcony"
CHAMBER: Final = "juliet@example.com/chamber"

THREAD: Final = "e0ffe42b28561960c6b12b944a092794b9683a38"


@frozen
class Cast:
    network: Network[State]
    romeo: NetworkClient
    balcony: NetworkClient
    chamber: NetworkClient
    benvolio: NetworkClient
    mercutio: NetworkClient
    nurse: NetworkClient

    def said(self) -> list[str]:
        """Let everything arrive, and return what was said since this was asked last."""
        self.network.settle()
        return lines(self.network.said())


def the_cast() -> Cast:
    """Begin where the RFC begins: Romeo has a roster, and his contacts are available."""
    network = Network(NET, COM, ORG, policy=Policy(roster_versioning=False))
    romeo = network.enter("romeo@example.net/study")
    balcony = network.enter(BALCONY)
    benvolio = network.enter("benvolio@example.org/pda")
    mercutio = network.enter("mercutio@example.org/square")
    subscribes(network, romeo, balcony)
    subscribes(network, balcony, romeo)
    subscribes(network, romeo, benvolio)
    subscribes(network, mercutio, romeo)
    names(network, romeo, JULIET, "Juliet", "Friends")
    names(network, romeo, BENVOLIO, "Benvolio")
    names(network, romeo, MERCUTIO, "Mercutio")
    romeo.close()
    chamber = network.enter(CHAMBER)
    nurse = network.enter("nurse@example.com/kitchen")
    balcony.wants(SetPresence, Show.AWAY, (Text("be right back"),), 0)
    chamber.wants(SetPresence, priority=1)
    benvolio.wants(SetPresence, Show.DND, (Text("gallivanting"),))
    network.settle()
    network.said()
    # "the preconditions (stream establishment, TLS and SASL negotiation, and resource binding)"
    return Cast(network, network.connect(ORCHARD), balcony, chamber, benvolio, mercutio, nurse)


def test_the_sample_session() -> None:
    cast = the_cast()
    network, romeo = cast.network, cast.romeo

    # Example 1: User requests current roster from server
    # Example 2: User receives roster from server
    romeo.wants(GetRoster)

    assert cast.said() == sorted(
        [
            line(
                ORCHARD,
                NET,
                """<iq from='romeo@example.net/orchard'
                       id='hf61v3n7'
                       type='get'>
                     <query xmlns='jabber:iq:roster'/>
                   </iq>""",
            ),
            line(
                NET,
                ORCHARD,
                """<iq id='hf61v3n7'
                       to='romeo@example.net/orchard'
                       type='result'>
                     <query xmlns='jabber:iq:roster'>
                       <item jid='juliet@example.com'
                             name='Juliet'
                             subscription='both'>
                         <group>Friends</group>
                       </item>
                       <item jid='benvolio@example.org'
                             name='Benvolio'
                             subscription='to'/>
                       <item jid='mercutio@example.org'
                             name='Mercutio'
                             subscription='from'/>
                     </query>
                   </iq>""",
            ),
        ]
    )

    # Example 3: User sends initial presence
    romeo.wants(SetPresence)

    assert lines(network.said()) == [line(ORCHARD, NET, "<presence/>")]

    # Example 4: User's server sends presence probes to contacts with subscription="to" and subscription="both"
    # on behalf of the user
    # Example 5: User's server sends initial presence to contacts with subscription="from" and
    # subscription="both" on behalf of the user's available resource, as well as to user
    network.move(romeo.out)

    assert lines(network.said()) == sorted(
        [
            line(
                NET,
                COM,
                """<presence
                       from='romeo@example.net'
                       to='juliet@example.com'
                       type='probe'/>""",
            ),
            line(
                NET,
                ORG,
                """<presence
                       from='romeo@example.net'
                       to='benvolio@example.org'
                       type='probe'/>""",
            ),
            line(
                NET,
                COM,
                """<presence
                       from='romeo@example.net/orchard'
                       to='juliet@example.com'/>""",
            ),
            line(
                NET,
                ORG,
                """<presence
                       from='romeo@example.net/orchard'
                       to='mercutio@example.org'/>""",
            ),
            line(
                NET,
                ORCHARD,
                """<presence
                       from='romeo@example.net/orchard'
                       to='romeo@example.net'/>""",
            ),
        ]
    )

    # Example 6: Contacts' servers reply to presence probe on behalf of all available resources
    # Example 7: Contacts' servers deliver user's initial presence to all available resources
    balcony_is_away = """<presence
                             from='juliet@example.com/balcony'
                             to='romeo@example.net'
                             xml:lang='en'>
                           <show>away</show>
                           <status>be right back</status>
                           <priority>0</priority>
                         </presence>"""
    chamber_is_there = """<presence
                              from='juliet@example.com/chamber'
                              to='romeo@example.net'>
                            <priority>1</priority>
                          </presence>"""
    benvolio_gallivants = """<presence
                                 from='benvolio@example.org/pda'
                                 to='romeo@example.net'
                                 xml:lang='en'>
                               <show>dnd</show>
                               <status>gallivanting</status>
                             </presence>"""
    romeo_to_juliet = """<presence
                             from='romeo@example.net/orchard'
                             to='juliet@example.com'/>"""
    romeo_to_mercutio = """<presence
                               from='romeo@example.net/orchard'
                               to='mercutio@example.org'/>"""

    assert cast.said() == sorted(
        [
            *[line(COM, NET, xml) for xml in (balcony_is_away, chamber_is_there)],
            line(ORG, NET, benvolio_gallivants),
            *[line(NET, ORCHARD, xml) for xml in (balcony_is_away, chamber_is_there, benvolio_gallivants)],
            line(COM, BALCONY, romeo_to_juliet),
            line(COM, CHAMBER, romeo_to_juliet),
            line(ORG, "mercutio@example.org/square", romeo_to_mercutio),
        ]
    )
    assert available(romeo, JULIET) == ["chamber", "balcony"]
    assert available(romeo, BENVOLIO) == ["pda"]
    assert available(romeo, MERCUTIO) == []
    assert [available(each, ROMEO) for each in (cast.balcony, cast.chamber, cast.mercutio)] == [["orchard"]] * 3
    assert available(cast.benvolio, ROMEO) == []

    # Example 8: User sends directed presence to another user not in his roster
    romeo.wants(SetPresence, Show.DND, (Text("courting Juliet"),), 0, to=NURSE)

    courting = """<presence
                      from='romeo@example.net/orchard'
                      to='nurse@example.com'
                      xml:lang='en'>
                    <show>dnd</show>
                    <status>courting Juliet</status>
                    <priority>0</priority>
                  </presence>"""
    assert cast.said() == sorted(
        [
            line(ORCHARD, NET, courting),
            line(NET, COM, courting),
            line(COM, "nurse@example.com/kitchen", courting),
        ]
    )
    assert available(cast.nurse, ROMEO) == ["orchard"]

    # "Now the user engages in a chat session with one of his contacts."
    # Example 9: A threaded conversation
    conversation(cast)

    # "The user can also send subsequent presence broadcast."
    # Example 10: User sends updated available presence for broadcast
    romeo.wants(SetPresence, Show.AWAY, (Text("I shall return!"),), 1)

    assert lines(network.said()) == [
        line(
            ORCHARD,
            NET,
            """<presence xml:lang='en'>
                 <show>away</show>
                 <status>I shall return!</status>
                 <priority>1</priority>
               </presence>""",
        )
    ]

    # Example 11: User's server broadcasts updated presence to the contacts who have a subscription of type "both"
    # or "from" (but not to the entity to which the user sent directed presence)
    # Example 12: Contacts' servers deliver updated presence
    updated = [
        f"""<presence
                from='romeo@example.net/orchard'
                to='{to}'
                xml:lang='en'>
              <show>away</show>
              <status>I shall return!</status>
              <priority>1</priority>
            </presence>"""
        for to in ("juliet@example.com", "mercutio@example.org", "romeo@example.net")
    ]
    assert cast.said() == sorted(
        [
            line(NET, COM, updated[0]),
            line(NET, ORG, updated[1]),
            line(NET, ORCHARD, updated[2]),  # "to all of the user's available resources", §4.4.2
            line(COM, BALCONY, updated[0]),
            line(COM, CHAMBER, updated[0]),
            line(ORG, "mercutio@example.org/square", updated[1]),
        ]
    )

    # Example 13: One of the contact's resources broadcasts unavailable notification
    cast.chamber.wants(GoUnavailable)

    assert lines(network.said()) == [
        line(CHAMBER, COM, "<presence from='juliet@example.com/chamber' type='unavailable'/>")
    ]

    # Example 14: Contact's server sends unavailable notification to user
    chamber_is_gone = """<presence
                             from='juliet@example.com/chamber'
                             to='{to}'
                             type='unavailable'/>"""
    to_romeo, to_juliet = [chamber_is_gone.format(to=jid) for jid in (ROMEO, JULIET)]
    assert cast.said() == sorted(
        [
            line(COM, NET, to_romeo),
            line(NET, ORCHARD, to_romeo),
            # "(as well as to the resource that generated the unavailable presence in the first place)", §4.5.2
            line(COM, BALCONY, to_juliet),
            line(COM, CHAMBER, to_juliet),
        ]
    )
    assert available(romeo, JULIET) == ["balcony"]

    # "Now the user ends his presence session."
    # Example 15: User sends unavailable notification
    romeo.wants(GoUnavailable, (Text("gone home"),))

    assert lines(network.said()) == [
        line(
            ORCHARD,
            NET,
            """<presence type='unavailable' xml:lang='en'>
                 <status>gone home</status>
               </presence>""",
        )
    ]

    # Example 16: User's server broadcasts unavailable notification to contacts as well as to the entity to whom
    # the user sent directed presence
    network.move(romeo.out)

    assert lines(network.said()) == sorted(
        line(
            NET,
            target,
            f"""<presence
                    from='romeo@example.net/orchard'
                    to='{to}'
                    type='unavailable'
                    xml:lang='en'>
                  <status>gone home</status>
                </presence>""",
        )
        for target, to in ((COM, JULIET), (ORG, MERCUTIO), (COM, NURSE), (ORCHARD, ROMEO))  # him too, §4.5.2
    )

    # "Finally the user closes his stream and the server responds in kind."
    # Example 17: User closes stream
    # Example 18: User's server closes stream
    romeo.close()
    network.settle()

    assert romeo.client.bound is None
    for each in (cast.balcony, cast.mercutio, cast.nurse):
        assert available(each, ROMEO) == []
    assert network.account("romeo@example.net").sessions == ()

    # THE END


def conversation(cast: Cast) -> None:
    """Say what is said in Example 9: Juliet begins, and each side locks in on the other's resource."""

    def juliet_says(to: str, words: str) -> None:
        cast.balcony.wants(SendMessage, ROMEO, (Text(words),), thread=Thread(THREAD))
        assert cast.said() == heard(BALCONY, COM, NET, ORCHARD, to, words)

    def romeo_says(to: str, words: str) -> None:
        cast.romeo.wants(SendMessage, JULIET, (Text(words),))
        assert cast.said() == heard(ORCHARD, NET, COM, BALCONY, to, words)

    def heard(sender: str, its_server: str, other_server: str, reader: str, to: str, words: str) -> list[str]:
        message = f"""<message
                          from='{sender}'
                          to='{to}'
                          type='chat'
                          xml:lang='en'>
                        <body>{words}</body>
                        <thread>{THREAD}</thread>
                      </message>"""
        return sorted(
            [
                line(sender, its_server, message),
                line(its_server, other_server, message),
                line(other_server, reader, message),
            ]
        )

    juliet_says("romeo@example.net", "My ears have not yet drunk a hundred words")
    juliet_says("romeo@example.net", "Of that tongue's utterance, yet I know the sound:")
    juliet_says("romeo@example.net", "Art thou not Romeo, and a Montague?")
    romeo_says("juliet@example.com/balcony", "Neither, fair saint, if either thee dislike.")
    juliet_says("romeo@example.net/orchard", "How cam'st thou hither, tell me, and wherefore?")
