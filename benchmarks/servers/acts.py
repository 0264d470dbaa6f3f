"""What clients do while a server is measured."""

from __future__ import annotations

from benchmarks.servers.client import ROSTER, Client


def befriend(one: Client, other: Client) -> None:
    """Let two users subscribe to each other."""
    one.send(f"<presence to='{other.jid}' type='subscribe'/>")
    other.until(r"<presence[^>]*type=['\"]subscribe['\"]")
    other.send(f"<presence to='{one.jid}' type='subscribed'/><presence to='{one.jid}' type='subscribe'/>")
    one.until(r"<presence[^>]*type=['\"]subscribe['\"]")
    one.send(f"<presence to='{other.jid}' type='subscribed'/>")
    other.until(r"<presence[^>]*type=['\"]subscribed['\"]")
    one.settle()


def befriend_all(one: Client, others: list[Client]) -> None:
    for other in others:
        befriend(one, other)


def get_rosters(client: Client, times: int) -> None:
    for _ in range(times):
        client.ask(f"<query xmlns='{ROSTER}'/>")


def put_items(client: Client, numbers: range) -> None:
    for number in numbers:
        item = f"<item jid='contact{number}@montague.example' name='Contact {number}'/>"
        client.ask(f"<query xmlns='{ROSTER}'>{item}</query>", "set")


def broadcast(sender: Client, friends: list[Client], times: int) -> None:
    for number in range(times):
        sender.send(f"<presence><show>away</show><status>status number {number};</status></presence>")
    for friend in friends:
        friend.until(f"number {times - 1};")
    sender.until(f"number {times - 1};")


def chat(sender: Client, reader: Client, times: int, together: int) -> None:
    for number in range(0, times, together):
        for n in range(number, number + together):
            sender.send(
                f"<message to='{reader.jid}' type='chat' id='m{n}'><body>Art thou not Romeo, and a Montague?</body>"
                f"<thread>t{n};</thread></message>"
            )
        reader.until(f"<thread>t{number + together - 1};")
