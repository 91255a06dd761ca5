"""What an image says of its containers: the settings of its base, and ours over them."""

from __future__ import annotations

from dockerutils.images.baked import PATH, Baked, Late

BASE = {"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"], "Cmd": ["python3"], "User": "app"}


def test_what_is_not_set_is_the_bases() -> None:
    assert {**BASE, "Labels": {"a": "1"}} == Baked().over({**BASE, "Labels": {"a": "1"}})


def test_paths_stand_before_those_of_the_base() -> None:
    settings = Baked(paths=("/app", "/opt/venv/bin"), python_paths=("/app",)).over(BASE)

    assert ["PATH=/app:/opt/venv/bin:/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONPATH=/app"] == settings[
        "Env"
    ]


def test_a_base_without_a_path_has_the_engines() -> None:
    assert [f"PATH=/opt/venv/bin:{PATH}"] == Baked(paths=("/opt/venv/bin",)).over({})["Env"]


def test_a_variable_of_ones_own_wins() -> None:
    own = (("PATH", "/mine"), ("LANG", "C"))

    assert ["PATH=/mine", "LANG=C"] == Baked(paths=("/opt",), variables=own).over(BASE)["Env"]


def test_an_entrypoint_takes_the_command_of_the_base_away() -> None:
    settings = Baked(entrypoint=("gunicorn",)).over(BASE)

    assert (["gunicorn"], None) == (settings["Entrypoint"], settings.get("Cmd"))


def test_a_command_of_ones_own_stays_with_an_entrypoint() -> None:
    settings = Baked(entrypoint=("python",), cmd=("-m", "shop")).over(BASE)

    assert (["python"], ["-m", "shop"]) == (settings["Entrypoint"], settings["Cmd"])


def test_an_empty_entrypoint_takes_that_of_the_base_away() -> None:
    assert "Entrypoint" not in Baked(entrypoint=()).over({"Entrypoint": ["/entry"]})


def test_ports_and_labels_are_added() -> None:
    base = {"ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "1", "b": "1"}}
    settings = Baked(expose=("8000/tcp",), labels=(("b", "2"),)).over(base)

    assert {"80/tcp": {}, "8000/tcp": {}} == settings["ExposedPorts"]
    assert {"a": "1", "b": "2"} == settings["Labels"]


def test_triggers_of_the_base_are_not_handed_on() -> None:
    assert {} == Baked().over({"OnBuild": ["RUN make"]})


def test_a_dockerfile_says_the_same() -> None:
    baked = Baked(
        paths=("/opt/venv/bin",),
        variables=(("PRICE", "5 $"),),
        cmd=("python", "-m", "shop"),
        user="1000",
        workdir="/app",
        expose=("8000/tcp",),
    )

    assert [
        'ENV PATH="/opt/venv/bin:$PATH"',
        r'ENV PRICE="5 \$"',
        "EXPOSE 8000/tcp",
        "WORKDIR /app",
        "USER 1000",
        'CMD ["python", "-m", "shop"]',
    ] == baked.instructions()


def test_a_value_of_the_environment_is_an_argument_of_the_dockerfile() -> None:
    baked = Baked(variables=(("KEY", Late("$TOKEN-${TAG} $$5")),), labels=(("v", Late("$TAG")),))

    assert ["TOKEN", "TAG"] == baked.arguments
    assert [
        "ARG TOKEN",
        "ARG TAG",
        r'ENV KEY="$TOKEN-${TAG} \$5"',
        'LABEL "v"="$TAG"',
    ] == baked.instructions()
