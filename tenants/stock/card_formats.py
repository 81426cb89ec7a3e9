"""What a file of codes is: lines, a table with headings, or numbers to pick; found from its head.

Nothing is taken for a table on suspicion. Only headings that name a column of codes make one, and
only lines of four parts between `║` are numbers to pick; anything else is a code a line, whatever
signs are in it.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

HEAD_LINES = 50
"""Lines that a format is found from."""

PICK_SEPARATOR = "║"
_PICK_PARTS = 4
_SEPARATORS = (",", ";", "\t", "|", PICK_SEPARATOR)
_BLANKS = re.compile(r"[\s_\-]+")


class Layout(StrEnum):
    """How a file's lines hold codes."""

    LINES = "lines"
    TABLE = "table"
    PICKS = "picks"


class Use(StrEnum):
    """What a column is taken for; UNUSED ones are left out, and the preview says so."""

    SECRET = "secret"  # noqa: S105  (the name of a column)
    PART = "part"
    NOTE = "note"
    EXPIRY = "expires_at"
    PREVIEW = "preview"
    PREMIUM = "premium"
    COST = "cost"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its heading. Where `name` is empty the place alone says what it is."""

    name: str
    use: Use


@dataclass(frozen=True, slots=True)
class CardFormat:
    """`kind` is txt, csv, xlsx or text (pasted); `separator` is empty for one code a line.

    `first` is the line (of a spreadsheet: the row) on which codes begin. Of a spreadsheet, every
    line of which is CSV whatever its layout, `sheet` is true.
    """

    kind: str
    encoding: str
    layout: Layout = Layout.LINES
    separator: str = ""
    columns: tuple[Column, ...] = ()
    first: int = 1
    sheet: bool = False

    def column(self, use: Use) -> int | None:
        """The first column of a use."""
        return next((at for at, one in enumerate(self.columns) if one.use is use), None)


_NAMES = {
    Use.SECRET: (
        "secret", "code", "codes", "key", "keys", "card", "cardcode", "cdkey", "giftcode", "serial",
        "serialnumber", "licence", "license", "licencekey", "licensekey", "secretkey", "password",
        "pin", "卡密", "密码", "密碼", "卡密内容", "激活码", "啟動碼", "兑换码", "兌換碼", "密钥",
        "密鑰", "序列号", "序號", "充值码", "卡号密码",
    ),
    Use.PART: (
        "account", "login", "username", "user", "cardnumber", "cardno", "账号", "帳號", "账户",
        "卡号", "卡號", "用户名",
    ),
    Use.NOTE: ("note", "notes", "remark", "remarks", "comment", "memo", "备注", "備註", "说明"),
    Use.EXPIRY: (
        "expiresat", "expires", "expiry", "expirydate", "expiration", "expireson", "validuntil",
        "有效期", "有效期至", "过期时间", "過期時間", "到期时间", "到期日", "到期日期", "失效时间",
    ),
    Use.PREVIEW: ("preview", "预览", "預覽", "展示"),
    Use.PREMIUM: ("premium", "markup", "加价", "加價", "溢价"),
    Use.COST: ("cost", "成本", "成本价", "进价", "進價"),
}  # fmt: skip
_USES = {name: use for use, names in _NAMES.items() for name in names}
_PICKS = (
    Column("", Use.SECRET), Column("", Use.PREVIEW), Column("", Use.PREMIUM), Column("", Use.COST),
)  # fmt: skip


def find_format(
    head: Sequence[str], encoding: str, *, kind: str = "txt", plain: bool = False
) -> CardFormat:
    """The format of a file that begins with the lines `head`, blank ones included.

    `kind` "xlsx" says that the lines are a spreadsheet's rows written as CSV. `plain` asks for one
    code a line whatever the head looks like.
    """
    sheet = kind == "xlsx"
    bare = CardFormat(kind, encoding, sheet=sheet, separator="," if sheet else "")
    filled = [(number, text) for number, text in enumerate(head, start=1) if text.strip(', "\t')]
    if plain or not filled:
        return bare
    number, heading = filled[0]
    separators = (",",) if sheet else _SEPARATORS
    for separator in separators:
        columns = _columns(heading, separator)
        if columns and (sheet or len(columns) > 1):
            shown = kind if sheet or separator == PICK_SEPARATOR else "csv"
            return CardFormat(
                shown, encoding, Layout.TABLE, separator, columns, first=number + 1, sheet=sheet
            )
    picks = sum(text.count(PICK_SEPARATOR) == _PICK_PARTS - 1 for _, text in filled)
    if not sheet and picks * 10 >= len(filled) * 6:
        return CardFormat(kind, encoding, Layout.PICKS, PICK_SEPARATOR, _PICKS)
    return bare


def _columns(heading: str, separator: str) -> tuple[Column, ...] | None:
    """The columns that a heading names; None where none of them would hold the codes."""
    try:
        names = next(csv.reader([heading.strip().lstrip("\ufeff")], delimiter=separator))
    except (csv.Error, StopIteration):
        return None
    taken: set[Use] = set()
    columns = []
    for name in names:
        use = _USES.get(_BLANKS.sub("", name).lower(), Use.UNUSED)
        if use in taken and use is not Use.PART:
            use = Use.UNUSED
        taken.add(use)
        columns.append(Column(name.strip(), use))
    return tuple(columns) if Use.SECRET in taken else None
