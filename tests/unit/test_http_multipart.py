"""Uploads in any pieces: a form is read to the byte, or refused with nothing left."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clawdforge.errors import ClawdforgeError, InputError, StorageError, TooLargeError
from clawdforge.gateway.files import clean_name
from clawdforge.http.multipart import MAX_PARTS, UploadReader, ttl_of

CONTENT_TYPE = "multipart/form-data; boundary=b"
FILE = b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n'


def part(headers: bytes, data: bytes) -> bytes:
    return b"--b\r\n" + headers + b"\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def field(name: str, value: bytes) -> bytes:
    return part(b'Content-Disposition: form-data; name="' + name.encode() + b'"\r\n', value)


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


async def read(
    path: Path, body: bytes, *, size: int = 4096, kind: str = CONTENT_TYPE, cap: int = 10**9
) -> tuple[bytes, str, dict[str, str]]:
    """What is on disk, the file's name, the other fields."""
    reader = UploadReader(kind, path, cap)
    upload = await reader.read(pieces(body, size))
    data = content(path)
    assert data is not None
    assert upload.path == path
    assert upload.size_bytes == len(data)
    assert upload.sha256 == hashlib.sha256(data).hexdigest()
    return data, upload.original_name, reader.fields


TRICKY = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b"--b", b"\r\n--b", b"--", b"--b--", b"\0", b"x"])
    | st.binary(max_size=20)
).map(b"".join)


@given(data=TRICKY.filter(lambda data: b"\r\n--b" not in b"\r\n" + data), size=st.integers(1, 40))
@example(data=b"\r\n--", size=1)
@example(data=b"\r\n--c\r\n--c--\r\n", size=1)
@example(data=b"", size=1)
async def test_bytes_survive_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / os.urandom(8).hex()
    body = form(field("before", b"1"), part(FILE, data), field("after", b"2"))
    got, name, fields = await read(path, body, size=size)
    assert (got, name, fields) == (data, "a.txt", {"before": "1", "after": "2"})


@given(
    body=st.lists(st.sampled_from([b"--b", b"\r\n", b"\n", b"--", FILE, b";", b"x"])).map(b"".join)
)
async def test_nothing_but_errors_of_ours_and_nothing_left(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / os.urandom(8).hex()
    code = "fine"
    try:
        await read(path, body, size=7)
    except ClawdforgeError as error:
        code = error.code
    assert code in {"fine", "invalid_multipart", "file_missing"}
    assert (content(path) is not None) == (code == "fine")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_multipart"),
        (form(), "file_missing"),
        (part(FILE, b"x"), "invalid_multipart"),
        (form(part(FILE, b"x"))[:-4], "invalid_multipart"),
        (form(part(FILE, b"x")).replace(b"\r\n", b"\n"), "invalid_multipart"),
        (form(part(FILE, b"x"), part(FILE, b"y")), "invalid_multipart"),
        (form(field("other", b"x")), "file_missing"),
        (form(part(b"", b"x")), "invalid_multipart"),
        (form(part(b"Content-Disposition: attachment\r\n", b"x")), "invalid_multipart"),
        (form(part(b"Content-Disposition: form-data\r\n", b"x")), "invalid_multipart"),
        (form(part(b"no colon\r\n", b"x")), "invalid_multipart"),
        (form(part(b"X: " + b"y" * 20_000 + b"\r\n" + FILE, b"x")), "invalid_multipart"),
        (form(part(b"X: y\r\n" * 5000 + FILE, b"x")), "invalid_multipart"),
        (form(*[field(f"f{i}", b"x") for i in range(120)], part(FILE, b"x")), "invalid_multipart"),
        (form(field("ttl_secs", b"1" * 2000), part(FILE, b"x")), "invalid_multipart"),
        (form(part(FILE.replace(b"a.txt", b"n" * 300), b"x")), "invalid_file_name"),
        (form(part(FILE.replace(b"a.txt", b"n\0l"), b"x")), None),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000])
async def test_refused(path: Path, body: bytes, code: str | None, size: int) -> None:
    with pytest.raises(InputError) as caught:
        await read(path, body, size=size)
    assert code is None or caught.value.code == code
    assert content(path) is None


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/mixed; boundary=b",
        "multipart/form-data; boundary=" + "b" * 300,
        "multipart/form-data; boundary*=utf-8''b",
        "\xff\xfe; boundary=b",
    ],
)
async def test_content_types_that_are_no_form(path: Path, kind: str) -> None:
    with pytest.raises(InputError) as caught:
        await read(path, form(part(FILE, b"x")), kind=kind)
    assert caught.value.code == "invalid_multipart"
    assert content(path) is None


@pytest.mark.parametrize(
    "kind", ['multipart/form-data; boundary="b"', "Multipart/Form-Data;boundary=b"]
)
async def test_content_types_that_are(path: Path, kind: str) -> None:
    assert (await read(path, form(part(FILE, b"x")), kind=kind))[0] == b"x"


async def test_as_many_parts_as_allowed(path: Path) -> None:
    fields = [field(f"f{number}", b"x") for number in range(MAX_PARTS - 1)]
    assert (await read(path, form(*fields, part(FILE, b"x"))))[0] == b"x"


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (5_000_000, False)])
async def test_the_cap(path: Path, size: int, *, fits: bool) -> None:
    body = form(part(FILE, b"x" * size))
    if fits:
        assert len((await read(path, body, cap=1000))[0]) == size
        return
    with pytest.raises(TooLargeError) as caught:
        await read(path, body, cap=1000)
    assert caught.value.code == "file_too_large"
    assert content(path) is None


async def test_a_stream_that_breaks_leaves_nothing(path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield form(part(FILE, b"x" * 3_000_000))[:-100]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await UploadReader(CONTENT_TYPE, path, 10**9).read(broken())
    assert content(path) is None


async def test_a_path_that_is_taken_is_not_written_to(path: Path) -> None:
    await read(path, form(part(FILE, b"first")))
    with pytest.raises(StorageError):
        await read(path, form(part(FILE, b"second")))
    assert content(path) == b"first"


async def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        await read(tmp_path / "gone" / "upload", form(part(FILE, b"x")))
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\\b.txt", "b.txt"),
        ("C:\\Users\\me\\x.doc", "x.doc"),
        ("line\r\nbreak.txt", "linebreak.txt"),
        ("escape\x1b[31m.txt", "escape[31m.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("Grüße 你好 🎉.md", "Grüße 你好 🎉.md"),
        ('quote".csv', 'quote".csv'),
        ("-rf", "-rf"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        ("/", "file"),
        ("\n", "file"),
        (None, "file"),
        ("n" * 255, "n" * 255),
    ],
)
def test_file_names(given_name: str | None, kept: str) -> None:
    assert clean_name(given_name) == kept


@pytest.mark.parametrize("name", ["n" * 256, "é" * 128, "a\0b"])
def test_file_names_that_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        clean_name(name)


@given(st.text())
def test_no_file_name_is_a_path_or_controls_a_terminal(name: str) -> None:
    try:
        kept = clean_name(name)
    except InputError:
        return
    assert kept not in {"", ".", ".."}
    assert not set(kept) & {"/", "\\", "\0", "\n", "\r", "\x1b"}


@pytest.mark.parametrize(
    ("text", "secs"),
    [("60", 60), (" 61\r\n", 61), ("-5", -5), ("0" * 20 + "61", 61), ("9" * 1000, int("9" * 1000))],
)
def test_ttl(text: str, secs: int) -> None:
    assert ttl_of(text, None) == secs
    assert ttl_of(text, 7) == secs


def test_ttl_of_the_query() -> None:
    assert ttl_of(None, 7) == 7
    assert ttl_of(None, None) is None


@pytest.mark.parametrize(
    "text", ["", "-", "--5", "+5", "1.0", "1e3", "soon", "٦٠", "²", "1_000", "6 0"]
)
def test_ttl_that_is_no_number(text: str) -> None:
    with pytest.raises(InputError) as caught:
        ttl_of(text, 60)
    assert caught.value.code == "invalid_ttl"
