"""Events as AWS streams them: a prelude with its checksum, headers, a payload, a checksum of all.

Source: AWS, "Event stream encoding" (Smithy, application/vnd.amazon.eventstream); botocore.eventstream reads it.
"""

import binascii
import struct

EVENT_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7


def encode_event(name: str, payload: bytes) -> bytes:
    """One event with a JSON payload."""
    headers = b"".join(
        _header(key, value)
        for key, value in ((":message-type", "event"), (":event-type", name), (":content-type", "application/json"))
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", binascii.crc32(message))


def _header(key: str, value: str) -> bytes:
    return struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", _STRING, len(value)) + value.encode()
