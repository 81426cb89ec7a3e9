"""Addresses with which somebody might try to reach what is inside: 200 and more.

`{port}` stands for the port at which something inside listens; of what names no port it is the
default one. Names resolve as `NAMES` says, and to nothing where it does not.
"""

_FORMS_OF_LOOPBACK = (
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "127.000.000.001",
    "2130706433", "0x7f000001", "0x7F000001", "017700000001", "0177.0.0.1", "0177.0.0.01", "0x7f.1",
    "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0177.1", "127.0x1", "127.0.0x1", "127.0.00.1", "0",
    "0x0", "00", "0.0.0.0",
    "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1", "localhost", "LOCALHOST", "LocalHost", "localhost.", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ʟocalhost",
    "localhost.localdomain", "shop.localhost", "a.b.localhost", "localhost%00.example.com",
    "ip6-localhost", "127.0.0.1.nip.io", "inside.example.com",
)  # fmt: skip
_PRIVATE = (
    "0.1.2.3", "10.0.0.1", "10.255.255.255", "0xa.1", "012.1", "167772161", "100.64.0.1",
    "100.127.255.254", "169.254.0.1", "169.254.255.254", "172.16.0.1", "172.31.255.254",
    "192.168.0.1",
    "192.168.255.254", "3232235521", "0xc0a80001", "0300.0250.0.1", "192.0.0.1", "192.0.0.8",
    "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.254", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "224.0.1.1", "233.252.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.254", "255.255.255.255", "4294967295", "0xffffffff",
)  # fmt: skip
_METADATA = (
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
    "169.254.43518", "169.16689662", "169。254。169。254", "169.254.170.2", "169.254.169.123",
    "168.63.129.16", "2822734096", "0xa83f8110", "100.100.100.200", "1684301000", "192.0.0.192",
    "metadata.google.internal", "metadata.example.com", "169.254.169.254.nip.io",
    "instance-data.ec2.internal",
)  # fmt: skip
_IPV6 = (
    "::", "::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0.0.0.1",
    "::127.0.0.1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:7F00:0001",
    "0:0:0:0:0:ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe", "::ffff:168.63.129.16", "::ffff:192.168.1.1", "::ffff:224.0.0.1",
    "::ffff:100.64.0.1", "::ffff:0:127.0.0.1", "::ffff:0:7f00:1", "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::a83f:8110",
    "64:ff9b:1::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:7f00:0001::1", "2002:a00:1::1",
    "2002:a9fe:a9fe::1", "2002:c0a8:101::1", "2001::1", "2001:0:7f00:1::",
    "2001:0000:4136:e378:8000:63bf:80ff:fffe", "2001:10::1", "2001:20::1", "2001:2::1",
    "2001:db8::1", "3fff::1", "3ffe::7f00:1%lo", "fc00::1", "fd00::1", "fd00:ec2::254",
    "fd20:ce::254", "fe80::1", "fe80::1%lo", "fe80::1%25lo", "fe80::a9fe:a9fe", "fec0::1",
    "ff01::1",
    "ff02::1", "ff05::1", "ff0e::1", "100::1", "100:0:0:1::1", "5f00::1", "4000::1", "8000::1",
    "0100::", "::fffe:7f00:1", "0:0:0:0:0:fffe:7f00:1", "1::1", "fe80::5efe:7f00:1",
    "2001:4:112::1%1",
)  # fmt: skip
_TRICKS = (
    "https://example.com@127.0.0.1:{port}/", "https://example.com:443@127.0.0.1:{port}/",
    "https://example.com%40127.0.0.1:{port}/", "https://example.com%2f@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}#@example.com/", "https://127.0.0.1:{port}?@example.com/",
    "https://127.0.0.1:{port}\\@example.com/", "https://example.com\\@127.0.0.1:{port}/",
    "https:\\\\127.0.0.1:{port}\\", "https:127.0.0.1:{port}/", "https:/127.0.0.1:{port}/",
    "https:///127.0.0.1:{port}/", "https://@127.0.0.1:{port}/", "https://:@127.0.0.1:{port}/",
    "https://user:pass@[::1]:{port}/", "https://[::1]:{port}@example.com/",
    "https://[::1%25lo]:{port}/", "https://[127.0.0.1]:{port}/", "https://[localhost]:{port}/",
    "https://127.0.0.1:{port}:443/", "https://example.com:{port}:@127.0.0.1/",
    "https://127.0.0.1\t:{port}/", "https://127.0.0.1\n.example.com:{port}/", " https://127.0.0.1:{port}/",
    "https://127.0.0.1:{port} /", "https://127.0.0.1%00.example.com:{port}/",
    "https://example.com.127.0.0.1.nip.io:{port}/", "https://exa\u200bmple.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/", "http://example.com:{port}/", "HTTP://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/", "127.0.0.1:{port}", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_",
    "file://127.0.0.1/etc/passwd", "file:///etc/passwd", "dict://127.0.0.1:{port}/", "ws://127.0.0.1:{port}/",
    "jar:https://127.0.0.1:{port}!/", "unix:///run/postgresql/.s.PGSQL.5432", "", "https://", "https://:{port}/",
    "https://./", "https://../", "https://%/", "https://[/", "https://[]/", "https://mixed.example.com:{port}/",
    "https://both.example.com:{port}/", "https://six.example.com:{port}/", "https://last.example.com:{port}/",
    "https://mapped.example.com:{port}/", "https://scoped.example.com:{port}/",
    "https://unknown.example.com:{port}/", "https://空.example.com:{port}/",
)  # fmt: skip

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
    "shop.localhost": ["127.0.0.1"],
    "a.b.localhost": ["::1"],
    "ip6-localhost": ["::1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "example.com.127.0.0.1.nip.io": ["127.0.0.1"],
    "169.254.169.254.nip.io": ["169.254.169.254"],
    "inside.example.com": ["10.1.2.3"],
    "metadata.google.internal": ["169.254.169.254"],
    "metadata.example.com": ["fd00:ec2::254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    # One that is inside among others is enough to refuse all.
    "mixed.example.com": ["1.1.1.1", "127.0.0.1"],
    "both.example.com": ["2606:4700:4700::1111", "127.0.0.1"],
    "six.example.com": ["1.1.1.1", "::1"],
    "last.example.com": ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:127.0.0.1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "scoped.example.com": ["fe80::1%lo"],
    "xn--tfr.example.com": ["192.168.0.1"],
}

HOSTILE = (
    *(f"https://{host}:{{port}}/hook" for host in (*_FORMS_OF_LOOPBACK, *_PRIVATE, *_METADATA)),
    *(f"https://[{host}]:{{port}}/hook" for host in _IPV6),
    *_TRICKS,
)
