"""What keys mean."""

from clawdforge.tui.keys import MAX_COUNT, TERMINAL, KeyReader, Pressed, shown


def pressed(*keys: str, reader: KeyReader | None = None) -> list[Pressed]:
    reader = reader or KeyReader()
    return [found for key in keys if (found := reader.feed(key)) is not None]


def test_letters_and_arrows_move() -> None:
    assert pressed("j", "down", "k", "up") == [
        Pressed("down"),
        Pressed("down"),
        Pressed("up"),
        Pressed("up"),
    ]


def test_a_number_before_a_key_is_its_count() -> None:
    assert pressed(*"12", "j") == [Pressed("down", 12)]
    assert pressed(*"10", "G") == [Pressed("last", 10)]
    assert pressed(*"3", "g", "g") == [Pressed("first", 3)]
    assert pressed("j", "5", "j") == [Pressed("down"), Pressed("down", 5)]


def test_a_zero_alone_goes_to_the_first_row() -> None:
    assert pressed("0") == [Pressed("first")]


def test_counts_are_bounded() -> None:
    assert pressed(*"99999999", "j") == [Pressed("down", MAX_COUNT)]


def test_two_keys_after_each_other_are_one_command() -> None:
    assert pressed("g", "g", "z", "M", "z", "a") == [
        Pressed("first"),
        Pressed("fold_all"),
        Pressed("fold_toggle"),
    ]


def test_an_unknown_key_ends_what_was_begun() -> None:
    assert pressed("g", "x", "j") == [Pressed("down")]
    assert pressed("5", "g", "y", "j") == [Pressed("down")]


def test_what_was_begun_is_shown_and_can_be_given_up() -> None:
    reader = KeyReader()
    pressed("1", "2", "g", reader=reader)
    assert reader.begun == "12g"
    assert reader.reset()
    assert reader.begun == ""
    assert not reader.reset()


def test_keys_of_the_terminal_mean_something_only_where_there_is_one() -> None:
    assert pressed("o", "l") == [Pressed("fold_open")]
    reader = KeyReader(TERMINAL)
    assert pressed("d", "d", "x", "o", "l", reader=reader) == [
        Pressed("kill"),
        Pressed("kill"),
        Pressed("spawn_right"),
    ]


def test_keys_are_written_as_people_know_them() -> None:
    assert shown("question_mark") == "?"
    assert shown("ctrl+d") == "^d"
    assert shown("z M") == "zM"
