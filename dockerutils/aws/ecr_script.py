"""What a script says to AWS in the place of what we ask there ourselves."""

from __future__ import annotations

from dockerutils.aws.ecr_host import EcrHost, NewRepository
from dockerutils.aws.session import AwsLogin
from dockerutils.command import Command, Expanded, Stdin, shown_word

# Runs a command in a role, given the role and a profile: AWS's answer becomes variables of a
# sub-shell, and no word of any process.
AS_ROLE = """\
as_role() (
  role="$1" profile="$2"; shift 2
  export $(printf 'AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_SESSION_TOKEN=%s' $(
    aws sts assume-role --role-arn "$role" --role-session-name dockerutils \\
      --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text \\
      ${profile:+--profile "$profile"}))
  unset AWS_PROFILE
  "$@"
)"""


def shell(text: str) -> Command:
    """Give a line of shell as a command."""
    return Command((Expanded(text, text),))


def aws_words(login: AwsLogin, *words: str) -> str:
    """Give a command of AWS's own program, as whom it has to run."""
    if login.role:
        words = ("as_role", login.role, login.profile, "aws", *words)
    else:
        words = ("aws", *words, *(("--profile", login.profile) if login.profile else ()))
    return " ".join(map(shown_word, words))


def role_lines(login: AwsLogin) -> list[Command]:
    """Define what takes a role on, where one is taken on."""
    return [shell(AS_ROLE)] if login.role else []


def account_line(login: AwsLogin) -> Command:
    """Ask for the account."""
    words = ("sts", "get-caller-identity", "--query", "Account", "--output", "text")
    return shell(f'account="$({aws_words(login, *words)})"')


def region_line(login: AwsLogin) -> Command:
    """Ask for the region."""
    profile = AwsLogin(login.profile)
    asked = aws_words(profile, "configure", "get", "region")
    return shell(f'region="${{AWS_REGION:-${{AWS_DEFAULT_REGION:-$({asked})}}}}"')


def login_line(place: EcrHost, login: AwsLogin) -> Command:
    """Log docker in."""
    asked = aws_words(login, place.service, "get-login-password", "--region", place.region)
    words = ("docker", "login", "--username", "AWS", "--password-stdin", place.host)
    return Command(words, stdin=Stdin("", asked))


def repository_line(
    place: EcrHost, login: AwsLogin, repository: str, new: NewRepository, policy: str
) -> Command:
    """Make a repository if there is none; `policy` is the file of its lifecycle, if it has one."""
    region = ("--region", place.region)
    name = place.named(repository)
    own = ("--repository-name", name)
    ask = (place.service, "describe-repositories", *region, "--repository-names", name)
    make = (place.service, "create-repository", *region, *own)
    scan = ("--image-scanning-configuration", "scanOnPush=true")
    fixed = ("--image-tag-mutability", "IMMUTABLE")
    private = not place.is_public
    make += (*(scan if new.scan_on_push and private else ()),)
    make += (*(fixed if new.immutable_tags and private else ()),)
    steps = f"{aws_words(login, *make)} >/dev/null"
    if policy and private:
        given = ("--lifecycle-policy-text", f"file://{policy}")
        put = (place.service, "put-lifecycle-policy", *region, *own, *given)
        steps = f"{{ {steps} && {aws_words(login, *put)} >/dev/null; }}"
    return shell(f"{aws_words(login, *ask)} >/dev/null 2>&1 || {steps}")
