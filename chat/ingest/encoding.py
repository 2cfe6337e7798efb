"""Bytes to text, strictly: a wrong guess would put broken words into every answer, so what is not clearly UTF-8 or
UTF-16 is refused with the place of the first bad byte."""

import codecs

from chat.exceptions import IngestError

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, *, declared: str = "") -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 with a byte order mark, or what the file itself declares (HTML).

    Raises IngestError that names the position of the first byte that does not fit.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), declared or "utf-8")
    if not encoding.startswith("utf-16") and not encoding.startswith("utf-32") and b"\x00" in data:
        raise IngestError(f"is not text: byte {data.index(0):,} is NUL, as in a binary file")
    try:
        return data.decode(encoding)
    except LookupError:
        raise IngestError(f"declares the encoding {encoding!r}, which is not known; save it as UTF-8") from None
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise IngestError(
            f"is not valid {encoding.upper()}: byte 0x{data[exc.start]:02x} at position {exc.start:,} (line {line}); "
            "save it as UTF-8, for instance with `iconv -f ISO-8859-1 -t UTF-8`"
        ) from exc
