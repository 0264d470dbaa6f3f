"""Plays random scripts on the twin for a time, and makes those that fail smaller.

python -m tests.xmpp_im_host.cluster.long_run [--seconds 60] [--from SEED] [--length 60] [--smallest]
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter

from tests.xmpp_im_host.cluster.faulty_engine import Outcome
from tests.xmpp_im_host.cluster.scripts import play, random_script, smallest


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--from", dest="first", type=int, default=0, metavar="SEED")
    options.add_argument("--length", type=int, default=60)
    options.add_argument("--most", type=int, default=5, help="stop after so many failures")
    options.add_argument("--smallest", action="store_true", help="make the first script that fails smaller")
    chosen = options.parse_args()
    logging.disable(logging.CRITICAL)
    end = time.monotonic() + chosen.seconds
    seed, failed = chosen.first, 0
    calls = chats = asked = removed = 0
    faults: Counter[Outcome] = Counter()
    while time.monotonic() < end and failed < chosen.most:
        script = random_script(seed, chosen.length)
        try:
            world = play(script)
        except Exception as error:
            failed += 1
            what = (str(error) or repr(error)).splitlines()
            print(f"seed {seed}: {'; '.join(what[:3])[:600]}", flush=True)
            if chosen.smallest:
                print(smallest(script), flush=True)
        else:
            calls, chats = calls + world.weather.calls, chats + len(world.ledger.receipts)
            asked += sum(world.ledger.requests.kinds.values())
            removed += sum(world.ledger.generations.values())
            faults += world.weather.counts
        seed += 1
    print(
        f"{seed - chosen.first} runs, {failed} failed; {calls} calls, {chats} messages came,"
        f" {asked} requests answered, {removed} accounts removed, {faults.total()} faults:"
    )
    print(", ".join(f"{number} {outcome.name}" for outcome, number in sorted(faults.items(), key=str)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
