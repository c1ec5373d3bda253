"""Settings: flags over environment over defaults; what is wrong is one line that names it."""

import typing
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.encoders.encoder import Encoder
from models.errors import SettingsError
from streams.settings import Settings
from streams.settings.engine import state_folder


def test_flags_win_over_the_environment_and_that_over_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings.load().partitions == 4
    monkeypatch.setenv("JOURNEYS_PARTITIONS", "7")
    assert Settings.load().partitions == 7
    assert Settings.load(partitions="9").partitions == 9
    assert Settings.load(partitions=None).partitions == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partitions", "0"),
        ("partitions", "many"),
        ("store", "disk"),
        ("broker_timeout", "-1"),
        ("web_port", "65536"),
        ("log_level", "loud"),
        ("history_windows", "65"),
        ("broker", ""),
        ("broker", "localhost"),
        ("broker", "localhost:port"),
        ("broker", "a:b:c"),
        ("broker", "a:9092,"),
        ("broker", "kafka://a:9092"),
        ("group", ""),
        ("group", " "),
        ("group", "a b"),
        ("group", "a/b"),
        ("group", ".."),
        ("topic_prefix", "a/"),
        ("match", "-3"),
        ("match", "0"),
        ("match", "nan"),
        ("window_days", "inf"),
        ("window_days", "1e300"),
        ("lateness_days", "-1"),
        ("future_skew_seconds", "inf"),
        ("cached_users", "0"),
        ("security_protocol", "TLS"),
        ("sasl_mechanism", "GSSAPI"),
        ("oauth_token_url", "ftp://x"),
        ("ssl_check_hostname", "perhaps"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"JOURNEYS_{name.upper()}"
    with pytest.raises(SettingsError, match=variable) as by_flag:
        Settings.load(**{name: value})
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as by_environment:
        Settings.load()
    assert str(by_flag.value) == str(by_environment.value)
    assert "\n" not in str(by_flag.value)


@pytest.mark.parametrize("address", ["localhost:9092", "10.0.0.1:1,b.example:2", "[::1]:9092"])
def test_brokers_are_hosts_and_ports(address: str) -> None:
    assert Settings.load(broker=address).broker == address


def test_every_number_has_bounds() -> None:
    for name, field in Settings.model_fields.items():
        if {int, float} & {field.annotation, *typing.get_args(field.annotation)}:
            for value in ("-1e308", "1e308", "nan"):
                with pytest.raises(SettingsError, match=f"JOURNEYS_{name.upper()}: "):
                    Settings.load(**{name: value})


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("JOURNEYS_BROKKER", "JOURNEYS_BROKER"),
        ("JOURNEYS_VLLM_KEY", "JOURNEYS_VLLM_API_KEY"),
        ("JOURNEYS_SASL_PASSWORD_FLIE", "JOURNEYS_SASL_PASSWORD_FILE"),
        ("journeys_windowdays", "JOURNEYS_WINDOW_DAYS"),
    ],
)
def test_a_mistyped_variable_is_told_with_the_nearest_one(
    wrong: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wrong, "1")
    with pytest.raises(SettingsError, match=f"^{wrong} is no setting.*{nearest}$"):
        Settings.load()


def test_secrets_may_stand_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("hush \r\n")
    monkeypatch.setenv("JOURNEYS_SASL_PASSWORD_FILE", str(file))
    settings = Settings.load()
    assert settings.sasl_password == SecretStr("hush ")
    assert "hush" not in repr(settings)
    monkeypatch.setenv("JOURNEYS_SASL_PASSWORD", "other")
    with pytest.raises(SettingsError, match=r"JOURNEYS_SASL_PASSWORD_FILE: .* which one"):
        Settings.load()
    monkeypatch.delenv("JOURNEYS_SASL_PASSWORD")
    monkeypatch.setenv("JOURNEYS_SASL_PASSWORD_FILE", "/gone")
    with pytest.raises(SettingsError, match="JOURNEYS_SASL_PASSWORD_FILE: /gone: No such file"):
        Settings.load()


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"JOURNEYS_PARTITIONS.*JOURNEYS_STORE"):
        Settings.load(partitions=0, store="disk")


def test_a_group_that_would_make_a_topics_name_too_long_is_refused() -> None:
    assert Settings.load(group="g" * 200).group
    with pytest.raises(SettingsError, match="too long"):
        Settings.load(group="g" * 200, topic_prefix="p" * 60)


def test_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingsError, match="promote_windows cannot be more"):
        Settings.load(promote_windows=7, history_windows=6)
    with pytest.raises(SettingsError, match="ended_windows must be more"):
        Settings.load(dormant_windows=5, ended_windows=5)


def test_settings_cannot_be_changed_and_hide_their_secret() -> None:
    settings = Settings.load(vllm_api_key="hush")
    with pytest.raises(ValueError, match="frozen"):
        settings.partitions = 5
    assert "hush" not in repr(settings)
    assert settings.vllm_api_key == SecretStr("hush")


def test_the_engine_gets_its_part_in_milliseconds() -> None:
    engine = Settings.load(window_days=2, lateness_days=0.5).engine(Encoder.open("fast"))
    assert engine.window_ms == 2 * 86_400_000
    assert engine.lateness_ms == 43_200_000


def test_state_lies_with_its_user_and_not_where_all_may_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/ada/.state")
    assert state_folder() == Path("/home/ada/.state/journeys")
    monkeypatch.setattr(
        "platformdirs.user_state_path", lambda *_, **__: Path("~/.local/state/journeys")
    )
    assert state_folder() == Path("/var/lib/journeys"), "a user without a home"
