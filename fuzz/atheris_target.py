"""Run one target that reads bytes, guided by the coverage of the core, with atheris, which wraps libFuzzer.

python -m fuzz.atheris_target TARGET FOLDER -max_total_time=60 -print_final_stats=1
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # installed by make fuzz only

with atheris.instrument_imports(
    include=["xmpp_im_core", "xmpp_im_host.streams", "precis_i18n", "idna"], enable_loader_override=False
):
    from fuzz.byte_targets import TARGETS


def main() -> None:
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
