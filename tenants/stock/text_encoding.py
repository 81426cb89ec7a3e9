"""Which encoding a text file has, when it does not say so itself.

Mainland programs write GB18030 without a mark, those of Taiwan and Hong Kong Big5, others UTF-8.
Big5 looks much like GB18030, and a wrong guess would sell garbled codes: a file that could be
either is refused by name.
"""

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_SAMPLE_LINES = 20_000
_SAMPLE_BYTES = 4 * 1024 * 1024
_START_BYTES = 4_096
# Characters that card files are full of, simplified and traditional: they settle ties.
_KNOWN = frozenset(
    "卡号密码面值元充账户点券会员激活有效期邮箱游戏平台月年天日张个用名使手机话费流量金币银石"
    "號碼儲帳戶點數會員啟郵箱遊戲臺張個話費鑽銀幣禮購實體線上"
)
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff\ufffd]")


class UndecidableEncoding(Exception):
    """The bytes could be text in more than one encoding, or in none: save the file as UTF-8."""


def is_garbled(text: str) -> bool:
    """Whether decoding gave characters that no text has: private use, or the replacement sign."""
    return _PRIVATE_USE.search(text) is not None


def marked_encoding(data: bytes) -> tuple[str, int] | None:
    """The encoding that a byte order mark names, and the mark's length; None without a mark.

    Raises UndecidableEncoding for UTF-32, which nobody writes on purpose.
    """
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise UndecidableEncoding("UTF-32")
    marks = (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    )
    return next(((name, len(mark)) for mark, name in marks if data.startswith(mark)), None)


@dataclass
class Sample:
    """What a file's bytes are judged by: its start, and its lines beyond ASCII up to a bound."""

    start: bytes = b""
    suspects: list[bytes] = field(default_factory=list)
    filled: int = 0
    _size: int = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Takes notice of the next lines."""
        if len(self.start) >= _START_BYTES and b"".join(lines).isascii():
            self.filled += sum(1 for line in lines if line and not line.isspace())
            return
        for line in lines:
            self._add(line)

    def _add(self, line: bytes) -> None:
        if len(self.start) < _START_BYTES:
            self.start += line[:_START_BYTES]
        if line and not line.isspace():
            self.filled += 1
            if not line.isascii() and len(self.suspects) < _SAMPLE_LINES:
                self._size += len(line)
                if self._size <= _SAMPLE_BYTES:
                    self.suspects.append(line)


def guess_encoding(sample: Sample) -> str:
    """ "utf-8", "gb18030" or "big5" for lines without a mark. Raises UndecidableEncoding.

    A few lines may be broken: the encoding is the one that the others are in. The first 20,000
    lines beyond ASCII, or 4 MiB of them, decide.
    """
    _refuse_unmarked_utf16(sample.start)
    suspects = sample.suspects
    as_utf8 = _readable(suspects, "utf-8")
    as_gb = _readable(suspects, "gb18030")
    if len(as_utf8) == len(suspects):
        return "gb18030" if suspects and _is_accidental_utf8(as_utf8, as_gb) else "utf-8"
    if len(as_utf8) >= len(as_gb) and not (not as_utf8 and _is_surely_big5(suspects, as_gb)):
        return _utf8_with_broken_lines(sample, as_utf8)
    if _explains(suspects, as_gb) and _is_gb_rather_than_big5(suspects, as_gb):
        return "gb18030"
    if _is_surely_big5(suspects, as_gb):
        return "big5"
    raise UndecidableEncoding("neither UTF-8 nor surely GB18030 or Big5")


def _explains(suspects: Sequence[bytes], readable: Sequence[str]) -> bool:
    return len(readable) * 10 >= len(suspects) * 9


def _readable(lines: Iterable[bytes], encoding: str) -> list[str]:
    """The lines that decode, as text."""
    texts = []
    for line in lines:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or not is_garbled(text):
            texts.append(text)
    return texts


def _refuse_unmarked_utf16(start: bytes) -> None:
    if start.count(0) * 5 > len(start):
        raise UndecidableEncoding("UTF-16 without a byte order mark, or no text")


def _utf8_with_broken_lines(sample: Sample, as_utf8: Sequence[str]) -> str:
    # Nothing is lost when lines that no encoding explains are few: they are reported one by one.
    if not as_utf8 and len(sample.suspects) * 2 >= sample.filled:
        raise UndecidableEncoding("neither UTF-8 nor GB18030")
    return "utf-8"


def _is_accidental_utf8(as_utf8: Sequence[str], as_gb: Sequence[str]) -> bool:
    """GB18030 "100元" is also valid UTF-8, "100Ԫ": when every character says so, it is GB18030."""
    if len(as_gb) != len(as_utf8) or any(c >= "\u0800" for text in as_utf8 for c in text):
        return False
    return {c for text in as_gb for c in text if not c.isascii()} <= _KNOWN


def _is_gb_rather_than_big5(suspects: Sequence[bytes], as_gb: Sequence[str]) -> bool:
    gb = _likeness(as_gb, "gb2312", (0xA1, 0xA3), (0xB0, 0xD7))
    as_big5 = _readable(suspects, "big5")
    if len(as_big5) < len(as_gb):
        return gb[0] >= 0.7
    return gb[0] >= 0.7 and gb > _likeness(as_big5, "big5", (0xA1, 0xA3), (0xA4, 0xC6))


def _is_surely_big5(suspects: Sequence[bytes], as_gb: Sequence[str]) -> bool:
    as_big5 = _readable(suspects, "big5")
    if not _explains(suspects, as_big5):
        return False
    share, known = _likeness(as_big5, "big5", (0xA1, 0xA3), (0xA4, 0xC6))
    gb_share, gb_known = _likeness(as_gb, "gb2312", (0xA1, 0xA3), (0xB0, 0xD7))
    characters = sum(not c.isascii() for text in as_big5 for c in text)
    # Words of the trade in plenty: mere chance does not spell them.
    return share >= 0.9 and known * 3 >= characters and share >= gb_share and known > gb_known


def _likeness(
    texts: Iterable[str], charset: str, signs: tuple[int, int], common: tuple[int, int]
) -> tuple[float, int]:
    """Share of characters in the charset's first level and its signs, then how many are known."""
    characters = [c for text in texts for c in text if not c.isascii()]
    usual = {c for c in set(characters) if _lead_within(c, charset, signs, common)}
    share = sum(c in usual for c in characters) / max(1, len(characters))
    return round(share, 2), sum(c in _KNOWN for c in characters)


def _lead_within(c: str, charset: str, signs: tuple[int, int], common: tuple[int, int]) -> bool:
    try:
        lead = c.encode(charset)[0]
    except UnicodeEncodeError:
        return False
    return signs[0] <= lead <= signs[1] or common[0] <= lead <= common[1]
