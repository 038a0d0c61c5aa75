from __future__ import annotations

import pytest

from haechi.core.errors import InputError, PolicyError, RemoteError
from haechi.core.fetch.addresses import PUBLIC, Guard, is_public

NOT_PUBLIC = [
    "127.0.0.1", "127.255.255.254", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1", "::7f00:1", "::a9fe:a9fe",
    "2001:0:53aa:64c:0:0:80ff:fffe", "64:ff9b:1::a00:1", "nonsense", "", "127.1", "0x7f.1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_private_link_local_metadata_and_carried_addresses(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(PolicyError, match="rule 6"):
        PUBLIC.need_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


SCHEMES = [
    "file:///etc/passwd", "ftp://example.org/x", "gopher://example.org:70/", "data:text/html,x", "javascript:alert(1)",
    "dict://example.org/", "ldap://example.org/", "ws://example.org/", "jar:http://example.org!/", "//example.org/",
]  # fmt: skip


@pytest.mark.parametrize("url", SCHEMES)
def test_other_schemes(url: str) -> None:
    with pytest.raises(PolicyError, match="http"):
        PUBLIC.check(url)


@pytest.mark.parametrize("url", ["http://a:b@example.org/", "http://admin@example.org/", "https://:x@example.org/"])
def test_credentials_in_the_address(url: str) -> None:
    with pytest.raises(PolicyError, match="sign-in"):
        PUBLIC.check(url)


@pytest.mark.parametrize("port", [22, 25, 110, 445, 6 * 100])
def test_ports_of_other_services(port: int) -> None:
    with pytest.raises(PolicyError, match="port"):
        PUBLIC.check(f"http://example.org:{port}/")


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "http://[::1", "http://a b/", "http://a\r\nHost: b/", "http://a:99999/", "x" * 9000]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises((InputError, PolicyError)):
        PUBLIC.check(url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
def test_numbers_and_names_of_this_machine(host: str) -> None:
    target = PUBLIC.check(f"http://{host}/")
    with pytest.raises((PolicyError, RemoteError)):
        PUBLIC.address(target.host, target.port)


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    guard = Guard(resolve=lambda *_: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(PolicyError, match=r"10\.0\.0\.1"):
        guard.address("rebind.example.org", 80)


def test_name_without_an_address() -> None:
    def fail(*_: object) -> list[str]:
        raise OSError("no such name")

    for guard in (Guard(resolve=lambda *_: []), Guard(resolve=fail)):
        with pytest.raises(RemoteError):
            guard.address("gone.example.org", 80)


def test_host_is_ascii_and_lower_case() -> None:
    target = PUBLIC.check("https://하늘.Example.ORG./a?b=c#d")
    assert (target.host, target.port, target.path) == (
        "xn--" + "하늘".encode("punycode").decode() + ".example.org",
        443,
        "/a?b=c",
    )
