"""The options of the verbs for images and containers as the command line shows them."""

from __future__ import annotations

from dockerutils.arguments import flag

BUILD_FLAGS = {
    "force_build_base": flag(
        "-f", "--force-build-base", help="Rebuild the images first that the named ones stand on."
    ),
    "pull_base": flag("-p", "--pull-base", help="Pull the images that the named ones stand on."),
    "image_name": flag("-i", "--image-name", metavar="NAME", help="Name the image otherwise."),
    "image_tag": flag("-t", "--image-tag", metavar="TAG", help="Tag the named images otherwise."),
    "no_cache": flag("--no-cache", help="Build every step anew."),
    "build_arg": flag(
        "--build-arg",
        metavar="NAME[=VALUE]",
        help="Set a build argument; a name alone takes the environment's value. Repeatable.",
    ),
    "target": flag("--target", metavar="STAGE", help="Build only up to this stage."),
    "quiet": flag("-q", "--quiet", help="Print nothing but the image's ID."),
    "verbose": flag("-v", "--verbose", help="Print every line of the build, and our questions."),
    "json": flag("--json", help="Tell on standard output what became of each image."),
    "rebuild": flag("--rebuild", help="Build also what has not changed."),
    "jobs": flag("-j", "--jobs", metavar="N", help="Build N images side by side; 1: in turn."),
    "output": flag(
        "--output", metavar="FILE.tar|oci:DIR", help="Write the image to a file or an OCI layout."
    ),
    "verify": flag(
        "--verify", metavar="import", help="Compare what can be imported with the virtualenv."
    ),
}
RUN_FLAGS = {
    "command": flag("-c", "--command", metavar="CMD", help="Run this instead of the configured."),
    "keep": flag("-k", "--keep", help="Keep the container after its end, and run it detached."),
    "detach": flag("--detach/--no-detach", "-d", help="Run in the background, or in front."),
    "network": flag("-n", "--network", metavar="NETWORK", help="Join this network instead."),
    "use_gpu": flag("-g", "--use-gpu", help="Let the container see all GPUs."),
    "env": flag(
        "-e",
        "--env",
        metavar="NAME[=VALUE]",
        help="Set a variable; a name alone passes yours on. Repeatable.",
    ),
    "env_file": flag("--env-file", metavar="FILE", help="Set variables from a file. Repeatable."),
    "args": flag("-a", "--args", metavar="OPTIONS", help="Other options of docker run, instead."),
    "volume": flag("-v", "--volume", metavar="HOST:CONTAINER", help="Mount, too. Repeatable."),
    "publish": flag("-p", "--publish", metavar="HOST:CONTAINER", help="Publish, too. Repeatable."),
    "user": flag("--user", metavar="host|image|UID", help="Run as you, as the image says, or UID."),
    "no_sync": flag("--no-sync", help="On a dock: do not bring the project there and back."),
    "aws": flag("--aws", help="Pass on the AWS variables that are set."),
}
PS_FLAGS = {
    "all": flag("-a", "--all", help="Show the ended ones as well."),
    "filter": flag("-f", "--filter", metavar="FILTER", help="As docker's. Repeatable."),
    "format": flag("--format", metavar="FORMAT", help="As docker's: table, json or a template."),
    "quiet": flag("-q", "--quiet", help="Print only IDs."),
    "no_trunc": flag("--no-trunc", help="Do not shorten."),
}
LOG_FLAGS = {
    "follow": flag("-f", "--follow", help="Go on as more is written."),
    "tail": flag("--tail", metavar="N", help="Begin N lines before the end."),
    "since": flag("--since", metavar="TIME", help="Begin at a time, or so long ago (10m)."),
    "timestamps": flag("-t", "--timestamps", help="Show when each line was written."),
}
