r"""Paths are joined as the language of the server does it, on the system that it runs on.

What is expected is what Go's ``filepath.Join`` and ``filepath.Clean`` give there.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.stash import server_paths
from stash_pipeline.stash.server_paths import clean, folder_of, is_of_windows, join

ODD = ["/", "\\", ".", "..", "a", "é", "??", ":", "C:", "E:\\", "UNC", "x.mp4", "\\\\", "//", "\\\\?\\", " ", "b c"]
PATHS = st.lists(st.sampled_from(ODD), max_size=7).map("".join)
NAMES = st.from_regex(r"[a-zé .]{0,4}[a-z]", fullmatch=True)


@pytest.mark.parametrize(
    ("folder", "name", "on_linux", "on_windows"),
    [
        ("/media/films", "x.mp4", "/media/films/x.mp4", "\\media\\films\\x.mp4"),
        ("/", "x.mp4", "/x.mp4", "\\x.mp4"),
        ("E:\\content\\sorted", "x.mp4", "E:\\content\\sorted/x.mp4", "E:\\content\\sorted\\x.mp4"),
        ("E:\\", "x.mp4", "E:\\/x.mp4", "E:\\x.mp4"),
        ("E:/content", "x.mp4", "E:/content/x.mp4", "E:\\content\\x.mp4"),
        ("Y:Completed", "x.mp4", "Y:Completed/x.mp4", "Y:Completed\\x.mp4"),
        ("Y:", "x.mp4", "Y:/x.mp4", "Y:x.mp4"),
        ("\\\\nas\\share", "x.mp4", "\\\\nas\\share/x.mp4", "\\\\nas\\share\\x.mp4"),
        ("\\\\nas\\share\\", "x.mp4", "\\\\nas\\share\\/x.mp4", "\\\\nas\\share\\x.mp4"),
        ("//nas/share/a", "x.mp4", "/nas/share/a/x.mp4", "\\\\nas\\share\\a\\x.mp4"),
        ("\\\\?\\C:\\a", "x.mp4", "\\\\?\\C:\\a/x.mp4", "\\\\?\\C:\\a\\x.mp4"),
        ("\\\\.\\unc\\nas\\share\\a\\..\\b", "x", "\\\\.\\unc\\nas\\share\\a\\..\\b/x", "\\\\.\\unc\\nas\\share\\b\\x"),
        ("/data//x/./y", "x.mp4", "/data/x/y/x.mp4", "\\data\\x\\y\\x.mp4"),
        ("/a/../b", "x.mp4", "/b/x.mp4", "\\b\\x.mp4"),
        ("/..", "x.mp4", "/x.mp4", "\\x.mp4"),
        ("..", "x.mp4", "../x.mp4", "..\\x.mp4"),
        ("a/..", "c:", "c:", ".\\c:"),
        ("\\", "??\\x", "\\/??\\x", "\\.\\??\\x"),
        ("\\a\\..\\??\\c:", "x", "\\a\\..\\??\\c:/x", "\\.\\??\\c:x"),
        ("", "x.mp4", "x.mp4", "x.mp4"),
        ("", "", "", ""),
        ("/a", "", "/a", "\\a"),
        ("/a", "b/c", "/a/b/c", "\\a\\b\\c"),
        ("é:\\a", "x", "é:\\a/x", "é:\\a\\x"),
    ],
)
def test_folder_and_name_are_joined_as_on_the_server_s_system(
    folder: str, name: str, on_linux: str, on_windows: str
) -> None:
    assert join(folder, name, windows=False) == on_linux
    assert join(folder, name, windows=True) == on_windows


@given(PATHS, st.booleans())
def test_paths_that_skip_cleaning_are_clean(path: str, windows: bool) -> None:
    volume = server_paths._volume(path) if windows else 0
    assert clean(path, windows=windows) == server_paths._clean(path, volume, "\\/" if windows else "/")


@given(PATHS)
def test_a_clean_path_is_unchanged(path: str) -> None:
    once = clean(path, windows=False)
    assert clean(once, windows=False) == once
    assert "//" not in once and "/./" not in once and (once == "/" or not once.endswith("/"))


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/media/films/x.mp4", "/media/films"),
        ("/x.mp4", "/"),
        ("E:\\x.mp4", "E:\\"),
        ("E:\\content\\x.mp4", "E:\\content"),
        ("E:\\content/x.mp4", "E:\\content"),
        ("E:\\/x.mp4", "E:\\"),
        ("Y:x.mp4", "Y:"),
        ("\\x.mp4", "\\"),
        ("\\\\nas\\share\\x.mp4", "\\\\nas\\share"),
        ("x.mp4", ""),
        ("/media/films/y.mp4", None),
    ],
)
def test_the_folder_is_derived_from_a_file_s_path(path: str, folder: str | None) -> None:
    assert folder_of(path, "x.mp4") == folder


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("root", ["/", "E:\\", "/media", "E:\\media", "\\\\nas\\share", "Y:", "Y:films"])
@given(parts=st.lists(NAMES, max_size=3), name=NAMES)
def test_a_joined_path_can_be_split(root: str, windows: bool, parts: list[str], name: str) -> None:
    folder = root
    for part in parts:
        folder = join(folder, part, windows=windows)
    found = folder_of(join(folder, name, windows=windows), name)
    assert found is not None
    assert join(found, name, windows=windows) == join(folder, name, windows=windows)
    if windows == bool(is_of_windows(root)) and (parts or root not in ("Y:",)):
        assert found == folder


def test_an_absolute_path_identifies_the_operating_system() -> None:
    assert is_of_windows("C:\\stash\\stash-go.sqlite") is is_of_windows("c:/stash.sqlite") is True
    assert is_of_windows("\\\\nas\\stash\\stash-go.sqlite") is True
    assert is_of_windows("/root/.stash/stash-go.sqlite") is False
    assert is_of_windows("stash-go.sqlite") is None and is_of_windows("") is None
