"""Which feed a message is of: by who connects, then by what MSH says; never two, never a guess."""

from ipaddress import ip_network

import pytest

from adapters.hospital.feed import Feed, Peer, chosen


def body(application="PAS", facility="RXX"):
    return f"MSH|^~\\&|{application}^9.9^ISO|{facility}|EXCH|RXX|20260101||ADT^A01|M-1|P|2.5\rPID|1".encode()


def feed(id, *, clients=(), allow=(), senders=()):
    return Feed(id, frozenset(clients), tuple(ip_network(one) for one in allow), tuple(senders))


def name_of(*feeds, peer=None, message=None):
    found = chosen(feeds, peer or Peer("127.0.0.1"), message or body())
    return found.source if found else None


def test_a_feed_alone_on_its_port_takes_everything():
    """The port decides; also for what is no message."""
    assert name_of(feed("adt")) == name_of(feed("adt"), message=b"nonsense") == "adt"


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fd00::5", True),
        ("fd00::5%eth0", True),
        ("fe80::5", False),
        ("local", False),
        ("", False),
    ],
)
def test_the_allow_list_admits_addresses_of_its_networks_only(address, admitted):
    """IPv4 over an IPv6 socket counts as IPv4; an address that cannot be read is not on any list."""
    known = feed("adt", allow=("10.1.0.0/16", "fd00::/8"))
    assert (name_of(known, peer=Peer(address)) == "adt") is admitted


def test_a_certificate_must_bear_a_name_of_the_feed():
    """No certificate, or another name: not admitted."""
    known = feed("adt", clients=("pas.st-brides.example",))
    assert name_of(known, peer=Peer("10.0.0.1", frozenset({"pas.st-brides.example", "x"}))) == "adt"
    assert name_of(known, peer=Peer("10.0.0.1", frozenset({"lab.st-brides.example"}))) is None
    assert name_of(known, peer=Peer("10.0.0.1")) is None


def test_certificate_and_address_must_both_hold_where_both_are_named():
    """The right name from the wrong network is not admitted."""
    known = feed("adt", clients=("pas",), allow=("10.0.0.0/8",))
    assert name_of(known, peer=Peer("10.0.0.1", frozenset({"pas"}))) == "adt"
    assert name_of(known, peer=Peer("11.0.0.1", frozenset({"pas"}))) is None
    assert name_of(known, peer=Peer("10.0.0.1")) is None


def test_who_is_named_comes_before_anybody():
    """A peer that a feed names is that feed's, whatever MSH says; others go to the feed for anybody."""
    known = feed("adt", allow=("10.0.0.0/8",))
    rest = feed("rest", senders=(("PAS", "RXX"),))
    for order in ((known, rest), (rest, known)):
        assert name_of(*order, peer=Peer("10.0.0.1")) == "adt"
        assert name_of(*order, peer=Peer("127.0.0.1")) == "rest"


@pytest.mark.parametrize(
    ("application", "facility", "expected"),
    [
        ("PAS", "RXX", "adt"),
        ("LAB", "RXX", "lab"),
        ("LAB", "RYY", "lab"),
        ("PAS", "RYY", None),
        ("", "", None),
    ],
)
def test_senders_tell_feeds_of_one_port_apart(application, facility, expected):
    """MSH-3 and MSH-4, first components; an empty half of a sender is any; nobody's message is nobody's."""
    feeds = (feed("adt", senders=(("PAS", "RXX"),)), feed("lab", senders=(("LAB", ""),)))
    for order in (feeds, feeds[::-1]):
        assert name_of(*order, message=body(application, facility)) == expected


def test_a_feed_without_senders_takes_what_no_other_names():
    """The named sender first, the rest to the feed that names none."""
    feeds = (feed("adt", senders=(("PAS", "RXX"),)), feed("rest"))
    assert name_of(*feeds) == "adt"
    assert name_of(*feeds, message=body("LAB")) == name_of(*feeds, message=b"junk") == "rest"


def test_two_that_fit_are_none():
    """Ambiguity is never decided by order."""
    assert name_of(feed("a"), feed("b")) is None
    assert name_of(feed("a", senders=(("PAS", ""),)), feed("b", senders=(("", "RXX"),))) is None


def test_a_feed_that_names_the_peer_but_not_the_sender_takes_nothing():
    """Fail closed: no falling back to the feed for anybody once a peer is known."""
    feeds = (feed("adt", allow=("10.0.0.0/8",), senders=(("PAS", "RXX"),)), feed("rest"))
    assert name_of(*feeds, peer=Peer("10.0.0.1"), message=body("LAB")) is None
