"""Which registries of AWS docker pulls from, and as whom it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import fake_session
from projects import Projects

from dockerutils.aws.pull_logins import hosts_below, own_login, pulling
from dockerutils.aws.session import AwsLogin
from dockerutils.errors import ConfigError
from dockerutils.images.catalogue import Catalogue
from dockerutils.images.recipes import open_graph

ONE, TWO = (f"{number * 12}.dkr.ecr.eu-west-1.amazonaws.com" for number in "12")


def hosts(root: Path, there: tuple[str, ...] = (), pulls: bool = False) -> dict[str, AwsLogin]:
    session, _ = fake_session(root, {"WHO": "me"})
    graph = open_graph(Catalogue(session.project), session.environ)
    return hosts_below(session, graph.order(graph.catalogue.built), there, pulls)


@pytest.fixture
def shop(projects: Projects) -> Path:
    return projects.make(
        {
            "docker/app/Dockerfile": f"FROM {ONE}/python:3\nCOPY --from={TWO}/tools:1 / /\n",
            "docker/web/Dockerfile": "FROM shop-app\nCOPY --from=public.ecr.aws/x/y:1 / /\n",
            "docker/dockerutils.cfg": "[app]\naws_profile=$WHO\naws_role=arn:aws:iam::1:role/r\n",
        }
    )


def test_each_registry_is_asked_as_the_image_says(shop: Path) -> None:
    login = AwsLogin("me", "arn:aws:iam::1:role/r")

    assert {ONE: login, TWO: login} == hosts(shop)


def test_what_is_there_needs_no_login_unless_it_is_pulled(shop: Path) -> None:
    assert [TWO] == list(hosts(shop, (f"{ONE}/python:3",)))
    assert [ONE, TWO] == list(hosts(shop, (f"{ONE}/python:3",), pulls=True))


def test_a_substitute_is_what_is_pulled(projects: Projects) -> None:
    root = projects.make(
        {
            "docker/app/Dockerfile": f"FROM python:3\nCOPY --from={ONE}/tools:1 / /\n",
            "docker/dockerutils.cfg": "[dockerutils]\n"
            f"substitute = python:3={TWO}/python:3 {ONE}/tools:1=tools:1\n",
        }
    )

    assert [TWO] == list(hosts(root))


def test_a_profile_from_a_variable_that_is_not_set_is_told(projects: Projects) -> None:
    root = projects.make(
        {
            "docker/app/Dockerfile": f"FROM {ONE}/python:3\n",
            "docker/dockerutils.cfg": "[app]\naws_profile=$NOBODY\n",
        }
    )

    with pytest.raises(ConfigError, match=r"cfg:2: \[app\] aws_profile: .* NOBODY is not set"):
        hosts(root)


def test_without_registries_of_aws_nothing_changes(shop: Path) -> None:
    session, runner = fake_session(shop)

    with pulling(session, {}) as same:
        assert session is same

    assert {} == runner.given


def test_a_base_from_elsewhere_has_dockers_login(shop: Path) -> None:
    session, _ = fake_session(shop, {"WHO": "me"})
    node = open_graph(Catalogue(session.project), session.environ).node("app")

    assert own_login(session, node, "ghcr.io/python:3") is None
    assert own_login(session, node, "public.ecr.aws/x/python:3") is None
    assert own_login(session, node, f"{ONE}/python:3") is not None
