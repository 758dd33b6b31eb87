"""Which rows the dashboard has, and in which order."""

from typing import Any

from tui_world import DRIVEN, MINUTE, view, world

from clawdforge.core.observed.views import SessionView
from clawdforge.tui.tree import MAX_DEPTH, Row, build, project_name


def shape(rows: list[Row]) -> list[str]:
    """The rows as an indented list."""
    return [f"{'  ' * row.depth}{row.label or row.session_id}" for row in rows]


def project(name: str, root: str = "/src/web", **facts: Any) -> SessionView:
    return view(name, project_root=root, worktree_path=root, **facts)


def test_those_that_need_a_person_stand_first_and_who_has_waited_longest_before_all() -> None:
    rows = build(world())
    assert shape(rows)[:3] == [
        "needs you",
        "  91c3d0e4-cccc-4000-8000-00000000000c",
        f"  {DRIVEN}",
    ]


def test_projects_follow_by_name_then_apps_and_their_sessions_the_newest_first() -> None:
    rows = build(world())
    assert shape(rows)[3:] == [
        "handbook",
        "  a2b4c6d8-dddd-4000-8000-00000000000d",
        "infra",
        "  c0ffee00-eeee-4000-8000-00000000000e",
        "  d15c0000-ffff-4000-8000-00000000000f",
        "shop",
        "  main",
        "    5b0e1c2d-aaaa-4000-8000-00000000000a",
        "      7e11aa01-bbbb-4000-8000-00000000000b",
        "  checkout",
        "    91c3d0e4-cccc-4000-8000-00000000000c",
        "app ci",
        f"  {DRIVEN}",
        "  e0000000000000000000000000000002",
    ]


def test_worktrees_get_rows_of_their_own_only_when_there_are_several() -> None:
    one = project("a", worktree_branch="main")
    other = view("b", project_root="/src/web", worktree_path="/src/tree", worktree_branch="fix")
    nowhere = view("c", project_root="/src/web")
    assert shape(build([one])) == ["web", "  a"]
    assert shape(build([one, other])) == ["web", "  fix", "    b", "  main", "    a"]
    assert shape(build([one, nowhere])) == ["web", "  main", "    a", "  elsewhere", "    c"]


def test_sessions_without_a_project_stand_by_their_folder_and_those_without_any_come_last() -> None:
    rows = build([view("x"), view("y", cwd="/tmp/play"), project("z", root="/src/zoo")])
    assert shape(rows) == ["play", "  y", "zoo", "  z", "other", "  x"]


def test_namesakes_are_told_apart_by_the_folder_above() -> None:
    rows = build([project("a", "/work/api"), project("b", "/play/api")])
    assert shape(rows) == ["play/api", "  b", "work/api", "  a"]


def test_a_subagent_whose_parent_is_gone_stands_by_itself() -> None:
    rows = build([project("kid", parent_session_id="gone")])
    assert shape(rows) == ["web", "  kid"]


def test_a_parent_may_know_its_children_where_they_do_not_know_it() -> None:
    rows = build([project("mother", child_session_ids=["kid"]), project("kid")])
    assert shape(rows) == ["web", "  mother", "    kid"]


def test_no_session_is_hidden_by_being_its_own_ancestor() -> None:
    rows = build(
        [
            project("self", parent_session_id="self"),
            project("hen", parent_session_id="egg"),
            project("egg", parent_session_id="hen"),
        ]
    )
    assert {row.session_id for row in rows if row.session_id} == {"self", "hen", "egg"}


def test_a_chain_of_subagents_without_end_is_cut() -> None:
    views = [project(f"s{n}", parent_session_id=f"s{n - 1}") for n in range(500)]
    rows = build(views)
    assert sum(row.session_id is not None for row in rows) == 500
    assert max(row.depth for row in rows) <= MAX_DEPTH + 1


def test_what_is_folded_hides_its_inside_and_knows_who_is_in_it() -> None:
    folded = {("project", "/home/ana/src/shop")}
    rows = build(world(), folded=folded)
    row = next(row for row in rows if row.label == "shop")
    assert row.folded
    assert len(row.members) == 3
    assert "main" not in [row.label for row in rows]


def test_folding_an_agent_hides_its_subagents() -> None:
    agent = "5b0e1c2d-aaaa-4000-8000-00000000000a"
    rows = build(world(), folded={("session", agent)})
    row = next(row for row in rows if row.session_id == agent)
    assert row.folded
    assert row.members == ("7e11aa01-bbbb-4000-8000-00000000000b",)
    assert row.members[0] not in [row.session_id for row in rows]


def test_only_what_is_wanted_is_shown_also_without_its_parent() -> None:
    rows = build(world(), wanted=lambda one: one.agent_type == "explore")
    assert shape(rows) == ["shop", "  7e11aa01-bbbb-4000-8000-00000000000b"]


def test_where_a_session_works_is_said_in_short() -> None:
    first = world()[2]
    assert project_name(first) == "shop/checkout"
    assert project_name(view("a", app="ci")) == "app ci"
    assert project_name(view("a")) == "other"


def test_names_of_others_cannot_steer_the_terminal() -> None:
    evil = view("a", project_root="/x/\x1b[2Jevil\n", worktree_branch="\x07b", ago=MINUTE)
    rows = build([evil])
    texts = [rows[0].label, rows[0].place, project_name(evil)]
    assert all(text.isprintable() for text in texts)
