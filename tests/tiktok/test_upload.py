"""The upload against a strict host that breaks in every way a real one was seen to."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from upload_host import Fault, Host, answer, deaf, early, read, reset, say, stored_but_unanswered, take

from airdate.errors import NeedsPerson, Refused, Transient
from airdate.files import SealedFile, seal
from airdate.tiktok import wire
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.upload import MAX_ATTEMPTS, Progress, UploadUrlDead, upload

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SIZE = 1_000_003
PLAN = ChunkPlan(SIZE, 250_000, 4)
WHOLE = ChunkPlan(SIZE, SIZE, 1)


@dataclass
class Hooks:
    """Keeps everything it is told, in order; answers with the host's own count."""

    host: Host
    calls: list[tuple[str, int]] = field(default_factory=list)
    fence: Callable[[int], None] = lambda first: None
    progress: Callable[[], Progress] | None = None

    def before_send(self, first: int) -> None:
        self.calls.append(("send", first))
        self.fence(first)

    def before_last(self) -> None:
        self.calls.append(("last", len(self.host.puts)))

    def unrefused(self) -> None:
        self.calls.append(("out", len(self.host.puts)))

    def acknowledged(self, uploaded: int) -> None:
        self.calls.append(("has", uploaded))

    def ask_progress(self) -> Progress:
        self.calls.append(("ask", 0))
        if self.progress:
            return self.progress()
        return Progress(len(self.host.film), finished=len(self.host.film) == self.host.total)

    def told(self, name: str) -> list[int]:
        return [number for call, number in self.calls if call == name]


@pytest.fixture
def film(tmp_path: Path) -> SealedFile:
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(SIZE))
    return seal(path)


@dataclass
class Stage:
    """One upload to one host, on a clock that moves only when somebody waits."""

    film: SealedFile
    host: Host
    hooks: Hooks
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.waits))

    def upload(
        self, plan: ChunkPlan = PLAN, start: int = 0, minutes: float = 59, *, was_committed: bool = False
    ) -> None:
        upload(
            self.film,
            plan,
            self.host.url,
            start=start,
            deadline=NOW + timedelta(minutes=minutes),
            hooks=self.hooks,
            pause=self.waits.append,
            now=self.now,
            was_committed=was_committed,
        )

    @property
    def is_complete(self) -> bool:
        return bytes(self.host.film) == self.film.path.read_bytes()


@pytest.fixture
def stage(film: SealedFile) -> Stage:
    with Host(SIZE) as host:
        yield Stage(film, host, Hooks(host))


def test_every_chunk_is_sent_once_with_exactly_the_three_headers(stage: Stage) -> None:
    stage.upload()
    assert stage.is_complete
    assert [put.range for put in stage.host.puts] == [PLAN.range_of(index) for index in range(4)]
    assert {put.connection for put in stage.host.puts} == {1}
    for put in stage.host.puts:
        first, last = put.range
        assert put.line == "PUT /up%7Eload/../x?upload_id=75&upload_token=%2fcanary HTTP/1.1"
        assert put.headers == {
            "host": stage.host.url.split("/")[2],
            "content-type": "video/mp4",
            "content-length": str(last + 1 - first),
            "content-range": f"bytes {first}-{last}/{SIZE}",
        }
    assert stage.waits == []


def test_the_record_is_kept_in_order(stage: Stage) -> None:
    stage.upload()
    assert stage.hooks.calls == [
        ("send", 0), ("has", 250_000),
        ("send", 250_000), ("has", 500_000),
        ("send", 500_000), ("has", 750_000),
        ("last", 3), ("send", 750_000), ("send", 750_000), ("out", 4), ("has", SIZE),
    ]  # fmt: skip


@pytest.mark.parametrize("is_count", [True, False])
def test_the_header_may_be_a_count_or_an_index(stage: Stage, is_count: bool) -> None:
    stage.host.count_header = is_count
    stage.upload()
    assert stage.is_complete
    assert len(stage.host.puts) == 4


@pytest.mark.parametrize(
    ("start", "first"), [(250_000, 250_000), (249_999, 250_000), (260_000, 250_000), (750_000, 750_000), (12, 0)]
)
def test_a_resume_begins_with_the_chunk_the_bytes_end_in(stage: Stage, start: int, first: int) -> None:
    stage.host.film += stage.film.path.read_bytes()[:first]
    stage.upload(start=start)
    assert stage.host.puts[0].range[0] == first
    assert stage.is_complete


@pytest.mark.parametrize("start", [SIZE, SIZE - 1, SIZE + 5])
def test_nothing_is_sent_when_tiktok_has_it_all(stage: Stage, start: int) -> None:
    stage.upload(start=start)
    assert stage.hooks.calls == []
    assert stage.host.puts == []


@pytest.mark.parametrize(
    "fault",
    [
        reset(0),
        reset(100_000),
        answer(502, b"<html>bad gateway</html>"),
        answer(500),
        answer(503),
        answer(429),
        answer(400, b"no idea"),
        stored_but_unanswered,
        early(502),
        answer(204),
        answer(206, Content_Range=f"bytes 0-0/{SIZE}"),
        answer(416),
        answer(416, Content_Range=f"bytes */{SIZE}"),
    ],
)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_one_fault_anywhere_costs_a_repetition_and_no_byte(stage: Stage, fault: Fault, place: int) -> None:
    stage.host.faults = [None] * place + [fault]
    stage.upload()
    assert stage.is_complete
    assert len(stage.hooks.told("last")) == 1
    assert len(stage.host.puts) <= 5


@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_206_for_a_body_that_was_not_read_is_found_out(stage: Stage, place: int) -> None:
    """The whole chunk was in the socket's buffer, so only the next answer, or the missing 201, tells."""
    stage.host.faults = [None] * place + [early(206)]
    stage.upload()
    assert stage.is_complete


def test_the_commit_mark_is_written_once_and_before_the_last_chunk(stage: Stage) -> None:
    stage.host.faults = [None, None, None, answer(502), answer(502)]
    stage.upload()
    assert stage.hooks.told("last") == [3]
    assert stage.is_complete


def test_a_chunk_whose_answer_was_lost_is_not_sent_again_when_tiktok_says_it_has_it(stage: Stage) -> None:
    stage.host.faults = [None, stored_but_unanswered]
    stage.upload()
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000, 500_000, 750_000]
    assert stage.hooks.told("has") == [250_000, 500_000, 750_000, SIZE]


def test_a_lost_last_answer_is_settled_by_asking(stage: Stage) -> None:
    stage.host.faults = [stored_but_unanswered]
    stage.upload(WHOLE)
    assert len(stage.host.puts) == 1
    assert stage.hooks.told("ask") == [0]


def test_when_nobody_knows_the_same_range_is_sent_again_and_its_416_is_read(stage: Stage) -> None:
    """status/fetch is down; the host's own 416 tells that it has the chunk."""

    def down() -> Progress:
        raise Transient("http_503", "down")

    stage.hooks.progress = down
    stage.host.faults = [None, stored_but_unanswered]
    stage.upload()
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000, 250_000, 500_000, 750_000]
    assert stage.is_complete


def test_a_host_that_lost_a_chunk_gets_it_again(stage: Stage) -> None:
    def forgets(host: Host, connection: object, put: object) -> bool:
        del host.film[250_000:]
        return take(host, connection, put)

    stage.host.faults = [None, None, forgets]
    stage.upload()
    assert stage.is_complete
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000, 500_000, 250_000, 500_000, 750_000]


def out_of_step(host: Host, connection: object, put: object) -> bool:
    read(connection, put)
    say(connection, 416, Content_Range=f"bytes 0-{put.range[0] + 1000}/{SIZE}")
    return True


def test_progress_inside_a_chunk_is_given_up_after_one_repetition_before_the_commit(stage: Stage) -> None:
    stage.host.faults = [None] + [out_of_step] * 9
    with pytest.raises(UploadUrlDead) as dead:
        stage.upload()
    assert dead.value.code == "upload_out_of_step"
    assert len(stage.host.puts) == 3


def test_after_the_commit_it_is_left_until_the_url_lapsed(stage: Stage) -> None:
    stage.host.faults = [out_of_step] * 9
    with pytest.raises(Transient) as failed:
        stage.upload(WHOLE)
    assert type(failed.value) is Transient
    assert len(stage.host.puts) == 2


@pytest.mark.parametrize("fault", [answer(502, b"<html>"), reset(10)])
def test_the_attempts_are_bounded_with_growing_waits(stage: Stage, fault: Fault) -> None:
    stage.host.faults = [fault] * 99
    with pytest.raises(Transient) as failed:
        stage.upload()
    assert failed.value.code == "upload_unfinished"
    assert len(stage.host.puts) == MAX_ATTEMPTS
    assert len(stage.waits) == MAX_ATTEMPTS - 1
    assert all(wait <= min(30, 2**number) for number, wait in enumerate(stage.waits))


def test_a_host_that_is_not_there_is_temporary_and_tiktok_is_not_asked(film: SealedFile) -> None:
    with Host(SIZE) as host:
        stage = Stage(film, host, Hooks(host))
        url = host.url
    with pytest.raises(Transient):
        upload(
            film,
            PLAN,
            url,
            start=0,
            deadline=NOW + timedelta(hours=1),
            hooks=stage.hooks,
            pause=stage.waits.append,
            now=stage.now,
        )
    assert stage.hooks.told("ask") == []


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("make", [answer, early])
def test_a_dead_url_is_not_tried_again(stage: Stage, status: int, make: Callable[..., Fault]) -> None:
    stage.host.faults = [None, make(status, x_tt_logid="2026U")]
    with pytest.raises(UploadUrlDead) as dead:
        stage.upload()
    assert (dead.value.code, dead.value.log_id) == (f"http_{status}", "2026U")
    assert len(stage.host.puts) == 2


@pytest.mark.parametrize("status", [403, 416, 502])
def test_a_refusal_in_the_middle_of_a_large_body_is_read_as_that(tmp_path: Path, status: int) -> None:
    """The body is larger than all socket buffers, so the reset comes while we still send."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    with Host(24_000_000, faults=[early(status, 200_000, Content_Range="bytes 0-0/24000000")]) as host:
        stage = Stage(seal(path), host, Hooks(host))
        if status == 403:
            with pytest.raises(UploadUrlDead):
                stage.upload(ChunkPlan.for_size(24_000_000))
        else:
            stage.upload(ChunkPlan.for_size(24_000_000))
            assert stage.is_complete
        assert stage.hooks.told("ask") == []


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS with a certificate of its own, which the upload is made to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upload host")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "host.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    monkeypatch.setattr(wire.httpx, "create_ssl_context", lambda **_: ssl.create_default_context(cafile=path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize("fault", [None, early(416, 200_000), reset(5_000_000), stored_but_unanswered])
def test_all_that_holds_under_tls(tmp_path: Path, tls: ssl.SSLContext, fault: Fault | None) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(24_000_000))
    with Host(24_000_000, faults=[fault], tls=tls) as host:
        stage = Stage(seal(path), host, Hooks(host))
        stage.upload(ChunkPlan(24_000_000, 12_000_000, 2))
        assert stage.is_complete


def test_a_403_in_mid_body_is_read_under_tls(tmp_path: Path, tls: ssl.SSLContext) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    # A host that closes on unread bytes resets the connection, and the reset may overtake its answer; then the
    # next attempt reads it.
    with Host(24_000_000, faults=[early(403, 200_000) for _ in range(5)], tls=tls) as host:
        stage = Stage(seal(path), host, Hooks(host))
        with pytest.raises(UploadUrlDead) as dead:
            stage.upload(ChunkPlan.for_size(24_000_000))
        assert dead.value.code == "http_403"


def test_a_certificate_nobody_vouches_for_gets_no_byte(
    tmp_path: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire.httpx, "create_ssl_context", lambda **_: ssl.create_default_context())
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(1000))
    with Host(1000, tls=tls) as host:
        stage = Stage(seal(path), host, Hooks(host))
        with pytest.raises(Transient, match="CERTIFICATE_VERIFY_FAILED"):
            stage.upload(ChunkPlan.for_size(1000))
        assert host.puts == []


def test_a_success_before_the_end_of_the_body_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    with Host(24_000_000, faults=[early(201, 200_000)]) as host:
        stage = Stage(seal(path), host, Hooks(host))
        stage.upload(ChunkPlan.for_size(24_000_000))
        assert stage.is_complete
        assert len(host.puts) == 2


def test_a_second_400_is_a_persons_and_its_words_are_kept(stage: Stage) -> None:
    stage.host.faults = [answer(400, b"bad range; see https://x.example/?sig=canary", x_tt_logid="2026U")] * 2
    with pytest.raises(NeedsPerson) as refused:
        stage.upload()
    assert (refused.value.code, refused.value.log_id) == ("http_400", "2026U")
    assert "bad range" in str(refused.value)
    assert "canary" not in str(refused.value)
    assert len(stage.host.puts) == 2


@pytest.mark.parametrize(
    ("fault", "is_told"), [(answer(502), True), (reset(10), True), (answer(429), True), (answer(400), False)]
)
def test_only_a_refused_last_chunk_is_known_not_to_arrive(stage: Stage, fault: Fault, is_told: bool) -> None:
    stage.host.faults = [fault, answer(401)]
    with pytest.raises(NeedsPerson):
        stage.upload(WHOLE)
    assert stage.hooks.told("out") == ([1] if is_told else [])


@pytest.mark.parametrize(("status", "code"), [(307, "tiktok_redirect"), (415, "http_415"), (401, "http_401")])
def test_other_refusals_stop_at_once(stage: Stage, status: int, code: str) -> None:
    stage.host.faults = [answer(status, Location="http://127.0.0.1:1/")]
    with pytest.raises(NeedsPerson) as refused:
        stage.upload()
    assert refused.value.code == code
    assert len(stage.host.puts) == 1


def test_no_wait_ends_after_the_deadline(stage: Stage) -> None:
    stage.host.faults = [answer(503)] * 99
    with pytest.raises(UploadUrlDead) as dead:
        stage.upload(minutes=0.001 / 60)
    assert dead.value.code == "upload_url_lapsed"
    assert sum(stage.waits) < 0.001


def test_nothing_is_sent_after_the_deadline(stage: Stage) -> None:
    with pytest.raises(UploadUrlDead):
        stage.upload(minutes=-1)
    assert stage.host.puts == []
    assert stage.hooks.calls == []


def test_a_host_that_does_not_read_is_given_up(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "NO_PROGRESS_S", 1.0)
    path = tmp_path / "large.mp4"
    path.write_bytes(bytes(24_000_000))
    with Host(24_000_000, faults=[deaf]) as host:
        stage = Stage(seal(path), host, Hooks(host))
        stage.upload(ChunkPlan.for_size(24_000_000))
        assert stage.is_complete


def test_a_host_that_never_answers_is_asked_about(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(host: Host, connection: object, put: object) -> bool:
        read(connection, put)
        host.film += put.body
        return deaf(host, connection, put)

    monkeypatch.setattr(wire, "NO_PROGRESS_S", 1.0)
    stage.host.faults = [silent]
    stage.upload(WHOLE)
    assert len(stage.host.puts) == 1
    assert stage.hooks.told("ask") == [0]


def test_an_attempt_that_drips_ends_by_its_whole_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def drips(host: Host, connection: object, put: object) -> bool:
        read(connection, put)
        while not host.closing.wait(0.02):
            connection.sendall(b"H")
        return False

    monkeypatch.setattr(wire, "NO_PROGRESS_S", 1.0)
    monkeypatch.setattr(wire, "SECONDS_PER_MB", 0.1)
    stage.host.faults = [drips]
    stage.upload(WHOLE)
    assert stage.is_complete
    assert len(stage.host.puts) == 2


def change(film: SealedFile) -> None:
    with film.path.open("r+b") as writing:
        writing.seek(10)
        writing.write(b"changed")


def test_a_film_changed_between_chunks_never_gets_its_last_block(stage: Stage) -> None:
    stage.hooks.fence = lambda first: change(stage.film) if first == 500_000 else None
    with pytest.raises(Refused) as refused:
        stage.upload()
    assert refused.value.code == "file_changed"
    assert stage.hooks.told("last") == []
    assert len(stage.host.film) == 500_000


def test_a_film_changed_in_mid_chunk_never_gets_its_last_block(tmp_path: Path) -> None:
    """The host reads half of the only chunk, the film changes, the host reads on: the end does not come."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(24_000_000))
    film = seal(path)

    def changes(host: Host, connection: object, put: object) -> bool:
        read(connection, put, 12_000_000)
        change(film)
        read(connection, put)
        assert len(put.body) < 24_000_000
        return False

    with Host(24_000_000, faults=[changes]) as host:
        stage = Stage(film, host, Hooks(host))
        with pytest.raises(Refused):
            stage.upload(ChunkPlan.for_size(24_000_000))
        assert not host.film
        assert len(host.puts) == 1


def test_a_hard_link_made_meanwhile_stops_nothing(stage: Stage) -> None:
    link = stage.film.path.with_name("link.mp4")
    stage.hooks.fence = lambda first: link.hardlink_to(stage.film.path) if first == 500_000 else None
    stage.upload()
    assert stage.is_complete


class LostError(Exception):
    """The lease is another worker's."""


def lose(at_call: int) -> Callable[[int], None]:
    calls = iter(range(100))

    def fence(first: int) -> None:
        if next(calls) == at_call:
            raise LostError

    return fence


def test_who_lost_the_lease_sends_nothing_more(stage: Stage) -> None:
    stage.hooks.fence = lose(2)
    with pytest.raises(LostError):
        stage.upload()
    assert [put.range[0] for put in stage.host.puts] == [0, 250_000]


def test_who_lost_the_lease_during_the_last_chunk_does_not_finish_it(stage: Stage) -> None:
    stage.hooks.fence = lose(1)
    with pytest.raises(LostError):
        stage.upload(WHOLE)
    assert not stage.host.film


@pytest.mark.parametrize("finished", [True, False])
def test_a_status_beyond_the_upload_ends_it(stage: Stage, finished: bool) -> None:
    stage.hooks.progress = lambda: Progress(None, finished)
    stage.host.faults = [reset(10)]
    stage.upload(WHOLE)
    assert len(stage.host.puts) == (1 if finished else 2)


def test_a_plan_for_another_size_is_a_bug(stage: Stage) -> None:
    with pytest.raises(ValueError, match="plan"):
        stage.upload(ChunkPlan.for_size(5))


def beyond(host: Host, connection: object, put: object) -> bool:
    read(connection, put)
    say(connection, 416, Content_Range=f"bytes 0-{SIZE}/{SIZE}")
    return True


def test_a_host_that_says_it_has_what_nobody_sent_is_not_believed(stage: Stage) -> None:
    stage.host.faults = [None, beyond]
    stage.upload()
    assert stage.is_complete
    assert len(stage.host.puts) == 5


def test_one_that_may_have_been_sent_everything_before_is_believed(stage: Stage) -> None:
    stage.host.faults = [beyond]
    stage.upload(was_committed=True)
    assert len(stage.host.puts) == 1
    assert stage.hooks.told("has") == [SIZE]


@pytest.mark.parametrize("value", ["9" * 5000, str(SIZE + 1), "-5", "nan", "1e9", ""])
def test_a_progress_that_is_no_number_is_none(stage: Stage, value: str) -> None:
    def told(host: Host, connection: object, put: object) -> bool:
        read(connection, put)
        say(connection, 416, Content_Range=f"bytes 0-{value}/{SIZE}")
        return True

    stage.host.faults = [told]
    stage.upload()
    assert stage.is_complete
