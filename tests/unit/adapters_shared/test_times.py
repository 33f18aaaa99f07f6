"""Times: precision survives, offsets stay as written, no zone is invented."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.times import as_timezone, fhir_time, instant, known_zone, offset_of, parse_compact, utc_key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014", "2014"),
        ("201402", "2014-02"),
        ("20140203", "2014-02-03"),
        ("201402030405+0100", "2014-02-03T04:05:00+01:00"),
        ("20140203040506-0530", "2014-02-03T04:05:06-05:30"),
        ("20140203040506.1200+00", "2014-02-03T04:05:06.1200+00:00"),
        ("20140203040506Z", "2014-02-03T04:05:06Z"),
        (" 20160229 ", "2016-02-29"),
    ],
)
def test_precision_and_offset_survive(text, expected):
    """As many parts as were stated, fractions to every digit, `+00` is `+00:00`."""
    found = parse_compact(text)
    assert (found.text, found.assumed, found.altered) == (expected, None, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000",
        "201",
        "20141",
        "201413",
        "20140230",
        "20150229",
        "2014010124",
        "201401012460",
        "nonsense",
        "201401010101+15",
        "201401010101+1460",
        "2014-01-01",
        "20140101010101.",
        "２０１４",
    ],
)
def test_an_impossible_date_is_none_never_moved(text):
    """No real date, hour, minute or offset: None, so that the caller rejects it."""
    assert parse_compact(text) is None


def test_an_hour_without_minutes_becomes_the_date():
    """With the remark that precision was altered."""
    assert (parse_compact("2014020304").text, parse_compact("2014020304").altered) == ("2014-02-03", True)


def test_without_offset_zone_first_then_header_then_the_date():
    """(a) the feed's zone (b) the header's offset (c) the date alone; a and b are assumed."""
    text = "201407010900"
    zoned = parse_compact(text, zone="Europe/London", default_offset="+05:00")
    assert (zoned.text, zoned.assumed) == ("2014-07-01T09:00:00+01:00", "zone")
    header = parse_compact(text, default_offset="+05:00")
    assert (header.text, header.assumed) == ("2014-07-01T09:00:00+05:00", "zone")
    bare = parse_compact(text)
    assert (bare.text, bare.altered, bare.is_instant) == ("2014-07-01", True, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("201410260130", "2014-10-26T01:30:00+01:00"),
        ("201403300130", "2014-03-30T01:30:00+00:00"),
        ("201401010900", "2014-01-01T09:00:00+00:00"),
    ],
)
def test_daylight_rules(text, expected):
    """A local time that occurs twice takes the first, one that never occurs the offset before the gap."""
    assert parse_compact(text, zone="Europe/London").text == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [("20140101010101-0500", "-05:00"), ("201401010101Z", "Z"), ("20140101", None), ("x", None)],
)
def test_offset_of_a_header(text, offset):
    """What it states, as `+HH:MM` or `Z`; None if it states none."""
    assert offset_of(text) == offset


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("2014", True),
        ("2014-02", True),
        ("2014-02-28", True),
        ("2014-02-28T10:00:00Z", True),
        ("2014-02-28T10:00:00.123+01:00", True),
        ("2014-02-30", False),
        ("2014-02-28T10:00", False),
        ("2014-02-28T10:00:00", False),
        ("2014-02-28T10:00:00+15:00", False),
        ("0000", False),
        ("2014-02-28T24:00:00Z", False),
    ],
)
def test_fhir_times_are_real(text, holds):
    """FHIR date, dateTime, instant: real calendar, a time of day only with its offset."""
    assert (fhir_time(text) == text) is holds


def test_sort_keys_are_utc_and_of_one_width():
    """Later sorts later whatever the offset; a partial date counts from its start; no time sorts first."""
    times = [None, "2013", "2014-02", "2014-02-03", "2014-02-03T01:00:00+02:00", "2014-02-03T00:00:00Z"]
    keys = [utc_key(t) for t in times]
    assert keys[0] == "" and {len(k) for k in keys[1:]} == {27}
    assert keys[4] == "2014-02-02T23:00:00.000000Z" < keys[5]
    assert utc_key("nonsense") == ""


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.000000Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"),
        ("2017-01-01T00:59:60.5+01:00", "2016-12-31T23:59:59.500000Z"),
    ],
)
def test_times_at_the_edges_sort_too(text, key):
    """The ends of the calendar under any offset, and leap seconds: a key, never an exception, never none."""
    assert utc_key(text) == key


def test_an_instant_is_utc_with_six_digits():
    """Whatever zone the clock reading has."""
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    assert instant(at) == "2026-01-02T01:04:05.000006Z"


def test_zones_and_offsets():
    """IANA names are known, others and paths are not; offsets become tzinfo."""
    assert known_zone("Europe/London") and not known_zone("Mars/Olympus") and not known_zone("../etc/passwd")
    assert as_timezone("Z") is UTC and as_timezone("-05:30").utcoffset(None) == -timedelta(
        hours=5, minutes=30
    )
