"""Throws mutated streams at a running server, and looks at what has become of the server.

    python -m tests.xmpp_im_host.fuzzing [--seconds 120] [--seed 1] [--first N] [--attacks N]

Peers log in or try to, over TCP, TLS and WebSocket and as components; conversations that would be good are changed by
bytes and by stanzas, cut, repeated and interleaved. Meanwhile a client that does nothing wrong gets the answer to each
of its pings. Now and then nobody attacks for a moment: then no connection, session, task or file of a peer may be left,
nor any object. The exit status is 1 if the log has an error or one of these is not so. An attack depends on the seed
and its number only, so ``--seed S --first N --attacks 1`` repeats it.
"""

from __future__ import annotations

import argparse
import logging
import sys

from tests.xmpp_im_host.fuzzing.running import Run


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first attack")
    parser.add_argument("--attacks", type=int, default=sys.maxsize, help="how many attacks, at most")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    run = Run(arguments.seed)
    run.go_on(arguments.seconds, arguments.first, arguments.attacks)
    print(run.table())
    for finding in run.findings[:20]:
        print(f"\n{finding}")
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main())
