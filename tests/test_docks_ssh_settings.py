"""Which user a dock has, by what ssh would do."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import RecordingRunner

from dockerutils.docks.registration.ssh_settings import NOBODY, login_of, settings_of
from dockerutils.errors import UsageError
from dockerutils.runner import Answer
from dockerutils.ssh.command import Address

USUAL = (
    "host {0}\nuser alice\nhostname {0}\nport 22\nidentityfile ~/.ssh/a\nidentityfile ~/.ssh/b\n"
)


def asked(host: str, own: str, others: str = USUAL) -> RecordingRunner:
    texts = {host: own, NOBODY: others}
    answers = {f"ssh -G -- {one}": Answer(0, text.format(one), "") for one, text in texts.items()}
    return RecordingRunner(answers=answers)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (USUAL, "ubuntu"),
        (USUAL.replace("user alice", "user bob"), "bob"),
        (USUAL.replace("hostname {0}", "hostname 10.1.2.3"), "alice"),
        (USUAL.replace("port 22", "port 2222"), "alice"),
        (USUAL.replace("identityfile ~/.ssh/b\n", ""), "alice"),
        (USUAL + "proxyjump gate\n", "alice"),
        (USUAL + "controlpath /run/{0}\n", "ubuntu"),
        (USUAL + "hostkeyalias {0}\n", "alice"),
    ],
)
def test_the_user_is_ssh_configs_where_that_describes_the_host(own: str, expected: str) -> None:
    assert expected == login_of(asked("gpu", own), "gpu", "alice").user


def test_a_user_for_all_hosts_is_ssh_configs_too() -> None:
    bobs = USUAL.replace("user alice", "user bob")

    login = login_of(asked("gpu", bobs, bobs), "gpu", "alice")

    assert ("bob", "as your ssh_config says") == (login.user, login.reason)


def test_a_setting_for_all_hosts_describes_none() -> None:
    for_all = USUAL + "proxycommand connect {0}\n"

    assert "ubuntu" == login_of(asked("gpu", for_all, for_all), "gpu", "alice").user


def test_the_case_of_a_name_is_no_description() -> None:
    own = USUAL.replace("hostname {0}", "hostname gpu")

    assert "ubuntu" == login_of(asked("GPU", own), "GPU", "alice").user


def test_a_setting_can_have_several_values() -> None:
    settings = settings_of(asked("gpu", USUAL), Address("gpu", "gpu"))

    assert ("~/.ssh/a", "~/.ssh/b") == settings["identityfile"]


def test_a_wrong_ssh_config_is_a_mistake_of_configuration() -> None:
    said = "/home/alice/.ssh/config: line 1: Bad configuration option: prot\n"
    runner = RecordingRunner(answers={"ssh -G -- gpu": Answer(255, "", said)})

    with pytest.raises(UsageError, match=r"ssh cannot say how gpu is reached: .*prot"):
        settings_of(runner, Address("gpu", "gpu"))


def test_the_options_of_an_address_go_with_the_question(tmp_path: Path) -> None:
    line = f"ssh -G -i {tmp_path} -J gate -p 22 -- gpu"
    runner = RecordingRunner(answers={line: Answer(0, "user x\n", "")})

    address = Address("gpu", "gpu", "22", str(tmp_path), "gate")

    assert ("x",) == settings_of(runner, address)["user"]
