"""What a request may look like: parameters, media types, sizes, addresses, headers (http-api.md 1)."""

import pytest

from gateway.api.routes import TABLE

pytestmark = pytest.mark.anyio
CANARY = "Zq7canary"
FORM = "application/x-www-form-urlencoded"


def is_outcome(reply, status, category):
    body = reply.json()
    assert reply.status_code == status, reply.text
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"][0]["details"]["coding"][0]["code"] == category
    assert CANARY not in reply.text
    assert not any(CANARY in value for value in reply.headers.values())
    return True


async def test_an_unknown_parameter_is_refused_by_name_of_what_is_allowed(standing):
    """A parameter that is not offered would silently widen the answer, so it is 400; its value is not told."""
    headers = await standing.headers()
    for address in (
        f"/fhir/Patient?identifier={standing.nhs}|1&active={CANARY}",
        f"/fhir/Patient?{CANARY}=1",
        f"/fhir/Patient/some-id/$everything?_since={CANARY}",
        f"/fhir/Patient/some-id/$summary?graph={CANARY}",
        f"/fhir/metadata?{CANARY}=x",
    ):
        assert is_outcome(await standing.http.get(address, headers=headers), 400, "unknown_parameter")


async def test_lenient_handling_is_not_offered(standing):
    """`Prefer: handling=lenient` does not make an unknown parameter disappear without a word."""
    headers = await standing.headers() | {"Prefer": "handling=lenient"}
    reply = await standing.http.get(f"/fhir/Patient?identifier=a|b&x={CANARY}", headers=headers)
    assert is_outcome(reply, 400, "unknown_parameter")
    assert "preference-applied" not in reply.headers


async def test_a_repeated_parameter_is_refused(standing):
    """Two values of one parameter, or one in address and body each, are two questions."""
    headers = await standing.headers()
    twice = await standing.http.get(f"/fhir/Patient?identifier=a|{CANARY}&identifier=a|2", headers=headers)
    both = await standing.http.post(
        f"/fhir/Patient/_search?identifier=a|{CANARY}", data={"identifier": "a|2"}, headers=headers
    )
    assert is_outcome(twice, 400, "invalid")
    assert is_outcome(both, 400, "invalid")
    assert twice.json()["issue"][0]["expression"] == ["identifier"]


async def test_an_identifier_needs_system_and_value(standing):
    """What is no `system|value`, or several of them, is 400 naming the parameter: never an empty answer."""
    headers = await standing.headers()
    for value in (
        CANARY, f"|{CANARY}", f"{CANARY}|", "|", "", f"a|{CANARY},a|2", f"a|b|{CANARY}", f"a| \t{CANARY}\x07",
        f"a|{CANARY}" + "9" * 600, "a| ", f"a|\u202e{CANARY}",
    ):  # fmt: skip
        reply = await standing.http.post("/fhir/Patient/_search", data={"identifier": value}, headers=headers)
        assert is_outcome(reply, 400, "invalid"), value


async def test_an_escaped_comma_belongs_to_the_value(standing):
    """FHIR escapes `,` and `|` in a token; such a value is one value, and nobody has it here."""
    headers = await standing.headers()
    reply = await standing.http.post(
        "/fhir/Patient/_search", data={"identifier": r"urn:x|a\,b\|c"}, headers=headers
    )
    assert reply.status_code == 200


async def test_a_search_without_its_identifier_is_too_costly(standing):
    """Nobody lists patients."""
    headers = await standing.headers()
    assert is_outcome(await standing.http.get("/fhir/Patient", headers=headers), 400, "too_costly")


async def test_format_and_accept_decide_the_type_of_the_reply(standing):
    """JSON in either spelling; `_format` wins, wherever it stands; XML and HTML are 406."""
    headers = await standing.headers()
    question = {"identifier": f"{standing.nhs}|{standing.number()}"}

    async def ask(accept, format=None, where="query"):
        data = question | ({"_format": format} if format and where == "body" else {})
        tail = f"?_format={format}" if format and where == "query" else ""
        return await standing.http.post(
            f"/fhir/Patient/_search{tail}", data=data, headers=headers | {"Accept": accept}
        )

    assert (await ask("application/json")).headers["content-type"] == "application/json; fhirVersion=4.0"
    for accept, format, where in (
        ("*/*", None, ""),
        ("text/html, application/fhir+json;q=0.8", None, ""),
        ("application/fhir+json; fhirVersion=4.0", None, ""),
        ("application/fhir+xml", "json", "query"),
        ("application/fhir+xml", "json", "body"),
    ):
        reply = await ask(accept, format, where)
        assert reply.headers["content-type"] == "application/fhir+json; fhirVersion=4.0", accept
    for accept, format, where in (
        ("application/fhir+xml", None, ""),
        ("text/html", None, ""),
        ("application/fhir+json; fhirVersion=3.0", None, ""),
        ("application/fhir+json; fhirVersion = 5.0", None, ""),
        ("application/fhir+json; q=0", None, ""),
        ("application/fhir+json", "xml", "query"),
        ("application/fhir+json", "application/fhir%2Bxml", "query"),
        ("application/fhir+json", "xml", "body"),
    ):
        assert is_outcome(await ask(accept, format, where), 406, "not_acceptable"), (accept, format)


async def test_metadata_is_negotiated_too(standing):
    """The CapabilityStatement is JSON or 406."""
    reply = await standing.http.get("/fhir/metadata", headers={"Accept": "application/fhir+xml"})
    assert is_outcome(reply, 406, "not_acceptable")
    reply = await standing.http.get("/fhir/metadata?_format=json", headers={"Accept": "text/html"})
    assert reply.status_code == 200


async def test_a_search_body_must_be_a_form(standing):
    """Other media types and charsets are 415 before the body is looked at."""
    headers = await standing.headers()
    for kind in ("application/json", "multipart/form-data; boundary=x", "", f"{FORM}; charset=utf-16"):
        reply = await standing.http.post(
            "/fhir/Patient/_search",
            content=f"identifier=a|{CANARY}".encode(),
            headers=headers | {"Content-Type": kind},
        )
        assert is_outcome(reply, 415, "unsupported_media"), kind
    reply = await standing.http.post(
        "/fhir/Patient/_search",
        content=b"identifier=a%7Cb",
        headers=headers | {"Content-Type": f"{FORM}; charset=UTF-8"},
    )
    assert reply.status_code == 200


async def test_an_encoded_body_is_not_decoded(standing):
    """`Content-Encoding` in a request is 415: no bomb is ever inflated."""
    headers = await standing.headers() | {"Content-Type": FORM, "Content-Encoding": "gzip"}
    reply = await standing.http.post("/fhir/Patient/_search", content=b"\x1f\x8b", headers=headers)
    assert is_outcome(reply, 415, "unsupported_media")


async def test_a_body_over_its_limit_is_413_declared_or_not(standing):
    """At the limit a body is read, one byte more is refused, also when it comes in chunks without a length."""
    headers = await standing.headers() | {"Content-Type": FORM}
    limit = standing.runtime.settings.limits.body_bytes
    start = b"identifier=a%7C"

    async def chunks(total):
        yield start
        left = total - len(start)
        while left > 0:
            yield b"1" * min(65_536, left)
            left -= 65_536

    for content in (b"1" * (limit + 1), chunks(limit + 1)):
        reply = await standing.http.post("/fhir/Patient/_search", content=content, headers=headers)
        assert is_outcome(reply, 413, "too_large")
    reply = await standing.http.post("/fhir/Patient/_search", content=chunks(limit), headers=headers)
    assert is_outcome(reply, 400, "invalid")


async def test_a_length_that_is_no_number_is_malformed(standing):
    """Thousands of digits, signs and other digits in `Content-Length` end as 400, never as a traceback."""
    for value in (b"9" * 5000, b"-1", b"+1", b"1_0", "١".encode(), b"", b"0x10"):
        reply = await raw(standing, "POST", "/fhir/Patient/_search", [(b"content-length", value)])
        assert reply[0] == 400, value
    twice = [(b"content-length", b"1"), (b"content-length", b"2")]
    assert (await raw(standing, "POST", "/oauth/token", twice))[0] == 400
    smuggled = [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")]
    assert (await raw(standing, "POST", "/oauth/token", smuggled))[0] == 400


async def raw(standing, method, path, headers, query=b""):
    """One call below httpx; (status, headers, body)."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    given = headers if any(name == b"host" for name, _ in headers) else [(b"host", b"127.0.0.1"), *headers]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8"), "query_string": query, "headers": given,
        "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    await standing.app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])


async def test_only_a_listed_host_is_answered(standing):
    """The name must be on `serve.hosts`, whole; anything else is 400, and never stands in a reply."""
    for host in (b"127.0.0.1", b"127.0.0.1:8080", b"LOCALHOST:1"):
        assert (await raw(standing, "GET", "/fhir/metadata", [(b"host", host)]))[0] == 200, host
    for host in (
        b"evil.example", b"127.0.0.1:8080@evil.example", b"127.0.0.1:", b"127.0.0.1:abc", b"evil:127.0.0.1",
        b"127.0.0.1/admin?x=", b"", b"127.0.0.1.evil.example", b"[127.0.0.1", b"127.0.0.1:80:80", b" 127.0.0.1",
    ):  # fmt: skip
        status, headers, body = await raw(standing, "GET", "/fhir/metadata", [(b"host", host)])
        assert status == 400, host
        assert b"evil" not in body
    two = [(b"host", b"127.0.0.1"), (b"host", b"127.0.0.1")]
    assert (await raw(standing, "GET", "/fhir/metadata", two))[0] == 400


async def test_links_never_come_from_host(standing):
    """Addresses in replies derive from `public_url`, whatever listed name was used."""
    status, _, body = await raw(standing, "GET", "/fhir/metadata", [(b"host", b"localhost:9")])
    assert status == 200
    assert b"localhost" not in body
    assert b'"url":"http://127.0.0.1:8080/fhir"' in body


async def test_ambiguous_paths_are_not_found(standing):
    """Slashes, dots and encodings that routing and authorisation could see differently do not resolve."""
    for path in (
        "/fhir//metadata", "//fhir/metadata", "/fhir/./metadata", "/fhir/x/../metadata", "/fhir/%2e%2e/metadata",
        "/fhir/metadata;x=1", "/fhir%2fmetadata", "/fhir/metadata%00", "/fhir/%2Fmetadata", "/fhir\\metadata",
        "/fhir/metadata/", "/FHIR/metadata", "/fhir/%252e%252e/metadata", "/", "/fhir", "/health/live", "/metrics",
    ):  # fmt: skip
        status, _, body = await raw(standing, "GET", path, [])
        assert status == 404, path
        assert b"OperationOutcome" in body


async def test_an_id_that_is_none_is_not_found(standing):
    """An id of the wrong form is 404 before any look-up."""
    headers = await standing.headers()
    for id in ("a%20b", "a%0ab", "x" * 65, "%F0%9F%A6%80", "a'b", "_search", "a|b"):
        for tail in ("$everything", "$summary"):
            reply = await standing.http.get(f"/fhir/Patient/{id}/{tail}", headers=headers)
            assert reply.status_code == 404, id


NAMED_SEARCH = ("/fhir/Consent/_search", "/fhir/AuditEvent/_search")


async def test_an_unknown_path_is_404_and_a_wrong_method_405_with_allow(standing):
    """Also for HEAD and OPTIONS, which no route offers; `Allow` lists what does exist."""
    headers = await standing.headers()
    for path in ("/fhir/Nothing", "/fhir/Patient/x", "/fhir/Observation", "/oauth", f"/fhir/{CANARY}/1"):
        assert is_outcome(await standing.http.get(path, headers=headers), 404, "not_found")
    for path in {row.path for row in TABLE}:
        offered = {row.method for row in TABLE if row.path == path}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "FOO"} - offered:
            if path in NAMED_SEARCH and method in ("GET", "HEAD", "PUT"):
                continue  # the address of a resource called `_search`
            reply = await standing.http.request(method, path.replace("{id}", "x"), headers=headers)
            assert reply.status_code == 405, (method, path)
            assert set(reply.headers["allow"].split(", ")) == offered, (method, path)
            assert method == "HEAD" or is_outcome(reply, 405, "method_not_allowed")


async def test_too_long_addresses_and_headers_are_414_and_431(standing):
    """At the limit a request is read, above it is refused."""
    limits = standing.runtime.settings.limits
    room = limits.uri_bytes - len("/fhir/metadata")
    at = await raw(standing, "GET", "/fhir/metadata", [], b"m" * room)
    over = await raw(standing, "GET", "/fhir/metadata", [], b"m" * (room + 1))
    assert (at[0], over[0]) == (400, 414)
    many = [(f"x-{n}".encode(), b"1") for n in range(limits.header_count)]
    assert (await raw(standing, "GET", "/fhir/metadata", many[:-1]))[0] == 200
    assert (await raw(standing, "GET", "/fhir/metadata", many))[0] == 431
    size = limits.header_bytes - len("host127.0.0.1x-a")
    assert (await raw(standing, "GET", "/fhir/metadata", [(b"x-a", b"1" * size)]))[0] == 200
    assert (await raw(standing, "GET", "/fhir/metadata", [(b"x-a", b"1" * (size + 1))]))[0] == 431


async def test_more_parameters_than_the_limit_are_malformed(standing):
    """`limits.parameters` bounds the number of fields before any is looked at."""
    headers = await standing.headers() | {"Content-Type": FORM}
    body = "&".join(f"a{n}=1" for n in range(standing.runtime.settings.limits.parameters + 1)).encode()
    reply = await standing.http.post("/fhir/Patient/_search", content=body, headers=headers)
    assert is_outcome(reply, 400, "malformed")
    reply = await standing.http.post("/fhir/Patient/_search", content=b"identifier=\xff\xfe", headers=headers)
    assert is_outcome(reply, 400, "malformed")
    reply = await standing.http.post("/fhir/Patient/_search", content=b"identifier=%ff", headers=headers)
    assert is_outcome(reply, 400, "malformed")


async def test_credentials_given_twice_are_refused(standing):
    """Two `Authorization` or `Content-Type` headers could be read as either: 400."""
    for name in (b"authorization", b"content-type", b"carepact-nonce", b"if-match"):
        status, _, _ = await raw(standing, "GET", "/fhir/Patient", [(name, b"a"), (name, b"b")])
        assert status == 400, name


async def test_a_request_id_is_echoed_if_it_is_plain_else_replaced(standing):
    """Only `[A-Za-z0-9._-]{1,64}` comes back; correlation ids are echoed under the same rule."""
    reply = await standing.http.get("/fhir/metadata", headers={"X-Request-Id": "abc-1.2_3"})
    assert reply.headers["x-request-id"] == "abc-1.2_3"
    for given in (CANARY + " x", "a" * 65, "a\tb", "", "<script>"):
        reply = await standing.http.get(
            "/fhir/metadata", headers={"X-Request-Id": given, "X-Correlation-Id": given}
        )
        assert len(reply.headers["x-request-id"]) == 32
        assert "x-correlation-id" not in reply.headers
    reply = await standing.http.get("/fhir/metadata", headers={"X-Correlation-Id": "c-1"})
    assert reply.headers["x-correlation-id"] == "c-1"


async def test_every_reply_carries_the_security_headers(standing):
    """nosniff, a CSP that allows nothing, no-store unless public; no server name, no gzip on request."""
    headers = await standing.headers() | {"Accept-Encoding": "gzip"}
    for path, cached in (
        ("/fhir/metadata", True),
        ("/.well-known/smart-configuration", True),
        ("/fhir/Patient", False),
        ("/nothing", False),
        ("/fhir//x", False),
    ):
        reply = await standing.http.get(path, headers=headers)
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"] == "default-src 'none'"
        assert ("no-store" not in reply.headers["cache-control"]) == cached, path
        assert "server" not in reply.headers
        assert "content-encoding" not in reply.headers
        assert "strict-transport-security" not in reply.headers
    found = await standing.find()
    assert found.headers["cache-control"] == "no-store"


async def test_over_tls_the_browser_is_told_to_stay_there(standing):
    """`Strict-Transport-Security` where the connection is TLS, and only there."""
    import httpx

    transport = httpx.ASGITransport(app=standing.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1:8080") as http:
        assert "max-age" in (await http.get("/fhir/metadata")).headers["strict-transport-security"]


async def test_what_a_handler_did_not_foresee_is_an_outcome_without_any_of_it(standing):
    """A defect of ours is 500 with the request id; its text, which may quote a value, appears nowhere."""
    from structlog.testing import capture_logs

    async def broken(ask):
        raise ValueError(CANARY)

    object.__setattr__(standing.runtime.services, "exchange", broken)
    await standing.headers()
    with capture_logs() as lines:
        reply = await standing.find()
    assert is_outcome(reply, 500, "internal")
    (line,) = lines
    assert (line["event"], line["error"]) == ("request_failed", "ValueError")
    assert line["request_id"] == reply.headers["x-request-id"]
    assert CANARY not in repr(lines)


async def test_a_wait_is_a_small_number_of_seconds(standing):
    """`Prefer: wait=` takes whole seconds, at most `limits.deadline_max`; anything else is 400."""
    headers = await standing.headers()
    for value in ("wait=0", "wait=-1", "wait=1.5", f"wait={CANARY}", "wait=99999", "wait="):
        reply = await standing.http.get(
            "/fhir/Patient/some-id/$everything", headers=headers | {"Prefer": value}
        )
        assert is_outcome(reply, 400, "invalid"), value


async def test_unknown_or_unoffered_types_are_refused(standing):
    """`_type` names carried types only: an unknown one is 400 without being repeated."""
    headers = await standing.headers()
    for value in (CANARY, "Basic", "Patient,", "patient", f"Observation,{CANARY}"):
        reply = await standing.http.get(f"/fhir/Patient/some-id/$everything?_type={value}", headers=headers)
        assert is_outcome(reply, 400, "invalid"), value
