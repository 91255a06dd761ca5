"""AWS's registries: who is asked for what, and what becomes of each answer. Nothing is reached."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.stub import Stubber  # type: ignore[import-untyped]

from dockerutils.aws.ecr import Ecr
from dockerutils.aws.ecr_host import EcrHost, NewRepository, domain, ecr_host, private_host
from dockerutils.aws.session import Aws, AwsError, AwsLogin

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "very-secret-key"}
POLICY = '{"rules": []}' + " " * 100  # AWS wants a hundred characters
OWN = {"registryId": "123456789012"}
NAMED = {"repositoryName": "team/app", **OWN}


class Cloud:
    """A registry of AWS whose answers are listed; each question has to come as it is listed."""

    def __init__(self, host: str = HOST, role: str = "") -> None:
        """Take a host of AWS."""
        place = ecr_host(host)
        assert place
        self.aws = Aws(AwsLogin(role=role), {})
        self.ecr = Ecr(place, self.aws)
        self.stub = Stubber(self.aws.client(place.service, place.region))
        self.stub.activate()

    def gives(self, method: str, answer: dict[str, Any], **values: Any) -> None:
        """List an answer."""
        self.stub.add_response(method, answer, values)

    def refuses(self, method: str, code: str, message: str = "no such luck", **values: Any) -> None:
        """List a refusal."""
        self.stub.add_client_error(method, code, message, expected_params=values or None)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody, whatever the developer's own settings are."""
    for name, value in {**KEYS, "AWS_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.stub.assert_no_pending_responses()


def token(text: str) -> dict[str, Any]:
    """Write a login as AWS does."""
    return {
        "authorizationToken": base64.b64encode(text.encode()).decode(),
        "expiresAt": datetime(2015, 1, 1, tzinfo=timezone.utc),
    }


def described(uri: str = f"{HOST}/team/app") -> dict[str, Any]:
    """Describe a repository as AWS does."""
    return {"repositories": [{"repositoryName": "team/app", "repositoryUri": uri}]}


def failure(ecr: Ecr, repository: str = "team/app", **new: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        ecr.ensure(repository, NewRepository(**new))
    return caught.value


# Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (HOST, EcrHost(HOST, "eu-west-1", "123456789012")),
        ("public.ecr.aws", EcrHost("public.ecr.aws", "us-east-1")),
        ("ghcr.io", None),
        ("12345.dkr.ecr.eu-west-1.amazonaws.com", None),
        (f"{HOST}.example.org", None),
        (f"evil-{HOST}", None),
    ],
)
def test_a_registry_of_aws_is_known_by_its_host(host: str, expected: EcrHost | None) -> None:
    assert expected == ecr_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        "123456789012.dkr-ecr.eu-west-1.on.aws",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
    ],
)
def test_all_kinds_of_hosts_have_account_and_region(host: str) -> None:
    found = ecr_host(host)

    assert found
    assert "123456789012" == found.account
    assert found.region in host


def test_only_a_private_registry_wants_a_login_to_pull() -> None:
    assert EcrHost(HOST, "eu-west-1", "123456789012") == private_host(f"{HOST}/python:3")
    assert private_host("public.ecr.aws/docker/library/python:3") is None
    assert private_host("python:3") is None


def test_china_has_a_domain_of_its_own() -> None:
    assert "amazonaws.com.cn" == domain("cn-north-1")
    assert "amazonaws.com" == domain("eu-west-1")


# Logins -------------------------------------------------------------------------------------


def test_each_login_is_a_new_one(cloud: Cloud) -> None:
    for text in ("AWS:first", "AWS:sec:ond"):
        cloud.gives("get_authorization_token", {"authorizationData": [token(text)]})

    first, second = cloud.ecr.credential(), cloud.ecr.credential()

    assert ("AWS", "first") == (first.user, first.secret.value)
    assert "sec:ond" == second.secret.value
    assert "first" not in repr(first)


def test_the_public_registry_has_its_own_service() -> None:
    cloud = Cloud("public.ecr.aws")
    cloud.gives("get_authorization_token", {"authorizationData": token("AWS:public")})

    assert "public" == cloud.ecr.credential().secret.value


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ExpiredTokenException", "the login at AWS has expired."),
        ("UnrecognizedClientException", "AWS refuses the keys that there are."),
        ("AccessDeniedException", "AWS does not let you give a login for its registry: no such"),
        ("ServerException", "AWS does not give a login for its registry: no such luck."),
    ],
)
def test_a_refusal_is_a_sentence_with_what_to_do(cloud: Cloud, code: str, expected: str) -> None:
    cloud.refuses("get_authorization_token", code)

    with pytest.raises(AwsError) as caught:
        cloud.ecr.credential()

    assert caught.value.message.startswith(expected)
    assert caught.value.hint
    assert "very-secret-key" not in caught.value.message + caught.value.hint


def test_a_page_for_a_browser_is_not_repeated(cloud: Cloud) -> None:
    cloud.refuses("get_authorization_token", "500", "<!doctype html>\n<p>sorry</p>")

    with pytest.raises(AwsError, match=r"AWS does not give a login for its registry: 500\."):
        cloud.ecr.credential()


def test_a_login_that_is_no_login_is_told(cloud: Cloud) -> None:
    broken = {**token(""), "authorizationToken": "%%%"}
    cloud.gives("get_authorization_token", {"authorizationData": [broken]})

    with pytest.raises(AwsError, match="that cannot be read"):
        cloud.ecr.credential()


def test_the_region_is_that_of_the_environment_whatever_it_is_called() -> None:
    named = Aws(AwsLogin(), {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"})
    older = Aws(AwsLogin(), {"AWS_DEFAULT_REGION": "us-east-1"})

    assert ("eu-west-1", "us-east-1") == (named.region(), older.region())
    with pytest.raises(AwsError, match="no region of AWS is set"):
        Aws(AwsLogin(), {}).region()


class Role(Aws):
    """A role whose login ends: after `forget` another one is taken on, with other answers."""

    def __init__(self, *answers: str) -> None:
        """Give for each login a password, or the code of a refusal."""
        super().__init__(AwsLogin(role="arn:aws:iam::123456789012:role/x"), {})
        self.answers = list(answers)

    def client(self, service: str, region: str) -> Any:
        """Give the client of the login that holds now."""
        made = Aws(AwsLogin(), {}).client(service, region)
        stub = Stubber(made)
        if self.answers[0].startswith("Expired"):
            stub.add_client_error("get_authorization_token", self.answers[0])
        else:
            answer = {"authorizationData": [token(f"AWS:{self.answers[0]}")]}
            stub.add_response("get_authorization_token", answer)
        stub.activate()
        return made

    def forget(self) -> None:
        """Take the role on anew."""
        self.answers.pop(0)


def test_a_role_that_has_expired_is_taken_on_anew_once() -> None:
    place = ecr_host(HOST)
    assert place

    assert "new" == Ecr(place, Role("ExpiredToken", "new")).credential().secret.value
    with pytest.raises(AwsError, match="has expired"):
        Ecr(place, Role("ExpiredToken", "ExpiredToken", "new")).credential()


# Repositories -------------------------------------------------------------------------------


def test_a_repository_that_is_there_is_left_as_it_is(cloud: Cloud) -> None:
    cloud.gives("describe_repositories", described(), repositoryNames=["team/app"], **OWN)

    assert not cloud.ecr.ensure("team/app", NewRepository(immutable_tags=True))


def test_one_that_is_missing_is_made_as_configured(cloud: Cloud) -> None:
    cloud.refuses("describe_repositories", "RepositoryNotFoundException")
    cloud.gives(
        "create_repository",
        {},
        imageScanningConfiguration={"scanOnPush": True},
        imageTagMutability="IMMUTABLE",
        **NAMED,
    )
    cloud.gives("put_lifecycle_policy", {}, lifecyclePolicyText=POLICY, **NAMED)

    assert cloud.ecr.ensure("team/app", NewRepository(True, True, POLICY))


def test_one_that_somebody_makes_meanwhile_is_there(cloud: Cloud) -> None:
    cloud.refuses("describe_repositories", "RepositoryNotFoundException")
    cloud.refuses("create_repository", "RepositoryAlreadyExistsException")

    assert not cloud.ecr.ensure("team/app", NewRepository(lifecycle=POLICY))


def test_who_may_only_push_pushes(cloud: Cloud) -> None:
    cloud.refuses("describe_repositories", "AccessDeniedException")

    assert not cloud.ecr.ensure("team/app", NewRepository())


def test_who_may_not_make_it_is_told_which_right_is_missing(cloud: Cloud) -> None:
    cloud.refuses("describe_repositories", "RepositoryNotFoundException")
    cloud.refuses("create_repository", "AccessDeniedException", "not authorized: CreateRepository")

    found = failure(cloud.ecr)

    assert "AWS does not let you make the repository team/app: not auth" in found.message
    assert "Ask its administrator" in found.hint


def test_a_quota_of_repositories_is_told(cloud: Cloud) -> None:
    cloud.refuses("describe_repositories", "RepositoryNotFoundException")
    cloud.refuses("create_repository", "LimitExceededException", "10000 repositories")

    found = failure(cloud.ecr)

    assert "a quota is reached: 10000 repositories." in found.message
    assert "quota raised" in found.hint


def test_a_policy_that_is_refused_takes_the_new_repository_with_it(cloud: Cloud) -> None:
    cloud.refuses("describe_repositories", "RepositoryNotFoundException")
    cloud.gives("create_repository", {}, **NAMED)
    cloud.refuses("put_lifecycle_policy", "InvalidParameterException", "no rules")
    cloud.gives("delete_repository", {}, **NAMED)

    assert "no rules" in failure(cloud.ecr, lifecycle=POLICY).message


def test_in_the_public_registry_an_alias_stands_before_the_name() -> None:
    cloud = Cloud("public.ecr.aws")
    cloud.refuses("describe_repositories", "RepositoryNotFoundException", repositoryNames=["app"])
    cloud.gives("create_repository", {}, repositoryName="app")

    assert cloud.ecr.ensure("shop/app", NewRepository(True, True, POLICY))
    cloud.stub.assert_no_pending_responses()


def test_somebody_elses_alias_is_told(cloud: Cloud) -> None:
    del cloud
    public = Cloud("public.ecr.aws")
    public.gives(
        "describe_repositories", described("public.ecr.aws/a1b2/app"), repositoryNames=["app"]
    )

    found = failure(public.ecr, "shop/app")

    assert "public.ecr.aws/shop/app is not yours" in found.message
    assert "`public.ecr.aws/a1b2/app:{tag}`" in found.hint
