"""Secrets come from files as well as from variables, and errors do not repeat them."""

from pathlib import Path

import pytest

from stash_pipeline.error_report import without_secrets
from stash_pipeline.errors import UserError
from stash_pipeline.instance_access import key_from_variable
from stash_pipeline.secrets import decrypt, encrypt
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline.unknown_variables import unknown_variables

URL = "postgresql://stash:s3cret-word@127.0.0.1:5432/stash"


def test_a_secret_setting_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "url"
    file.write_text(URL + "\n")
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL_FILE", str(file))
    assert load_settings().database() == URL
    assert unknown_variables() == []
    assert "s3cret-word" not in without_secrets("cannot connect with s3cret-word")
    # the variable itself comes first
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", "postgresql://other@127.0.0.1/stash")
    assert load_settings().database() == "postgresql://other@127.0.0.1/stash"


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ("", "is empty"), ("nonsense", "Postgres address")]
)
def test_a_file_without_a_usable_secret_is_reported_by_the_name_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, words: str
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL_FILE", str(file))
    with pytest.raises(UserError, match=words) as error:
        load_settings()
    assert "STASH_PIPELINE_DATABASE_URL" in str(error.value)
    assert content is None or not content or content not in str(error.value)


def test_the_key_of_a_server_is_read_from_the_file_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("of-a-server\n")
    monkeypatch.setenv("STASH_KEY_FILE", str(file))
    assert key_from_variable("STASH_KEY") == "of-a-server"
    assert "of-a-server" not in without_secrets("refused: of-a-server")
    file.unlink()
    with pytest.raises(UserError, match="STASH_KEY_FILE cannot be read"):
        key_from_variable("STASH_KEY")


def test_a_given_key_file_is_made_once_and_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys" / "key"
    file.parent.mkdir()
    monkeypatch.setenv("STASH_PIPELINE_KEY_FILE", str(file))
    with settings_in_use(load_settings()):
        token = encrypt(tmp_path / "one", "secret")
        assert decrypt(tmp_path / "other", token) == "secret"
        file.write_text("not a key")
        with pytest.raises(UserError, match="openssl rand"):
            encrypt(tmp_path / "one", "secret")
    assert file.read_text() == "not a key"
