"""The driver for programs in any language: they answer, line by line, what the runner asks on their standard input.

``conformance/docs/stdio-protocol.md`` describes the protocol, ``conformance/schema/stdio.json`` its messages. This
package is both ends of it: ``program`` with ``server`` and ``client`` ask, ``serving`` answers for any driver.
"""
