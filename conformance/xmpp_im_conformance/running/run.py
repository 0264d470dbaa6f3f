"""Running a vector of whatever kind."""

from __future__ import annotations

from xmpp_im_conformance.format.vectors import ClientScenario, Malformed, MessageRow, Scenario, SubscriptionRow, Vector
from xmpp_im_conformance.format.worlds import ClientDriver, Driver, NotApplicable
from xmpp_im_conformance.running.client_scenario import run_client_scenario
from xmpp_im_conformance.running.outcome import Result, result_of
from xmpp_im_conformance.running.scenario import run_scenario
from xmpp_im_conformance.running.tables import run_message_row, run_subscription_row


def run(vector: Vector | Malformed, server: Driver, client: ClientDriver | None) -> Result:
    """Run a vector.

    :param server: what plays the server, for scenarios and tables.
    :param client: what plays the client, for client scenarios; None where the driver has no client.
    """

    def run_body(each: Vector) -> None:
        body = each.body
        if isinstance(body, Scenario):
            run_scenario(each, body, server)
        elif isinstance(body, SubscriptionRow):
            run_subscription_row(each, body, server)
        elif isinstance(body, MessageRow):
            run_message_row(each, body, server)
        elif client is not None:
            assert isinstance(body, ClientScenario)
            run_client_scenario(each, body, client)
        else:
            raise NotApplicable(f"the driver {server.name!r} plays no client")

    return result_of(vector, run_body)
