"""Options as dataclasses: a verb declares their types, the command line adds names and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, get_type_hints

import typer


def flag(*names: str, help: str, metavar: str | None = None, show: bool = True) -> Any:  # noqa: A002
    """Declare an option's names, its help and what its value is called."""
    return typer.Option(*names, help=help, metavar=metavar, hidden=not show, show_default=False)


def taking_options(
    options: type, flags: Mapping[str, Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a verb with a parameter `options` into one whose parameters are the options' fields.

    Typer reads a function's signature, and a verb has more options than a signature should hold.
    """

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(verb, eval_str=True).parameters
        plain = [one for name, one in own.items() if name != "options"]
        types = get_type_hints(options)
        added = [parameter(one, types[one.name], flags[one.name]) for one in fields(options)]

        def call(*_: object, **values: Any) -> Any:
            chosen = {one.name: frozen(values.pop(one.name)) for one in fields(options)}
            return verb(**values, options=options(**chosen))

        call.__doc__ = verb.__doc__
        call.__name__ = verb.__name__
        call.__signature__ = inspect.Signature([*plain, *added])  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in (*plain, *added)}
        return call

    return decorate


def parameter(item: Field[Any], annotation: Any, option: Any) -> inspect.Parameter:
    """Give a field as a parameter; Typer takes repeated options as lists."""
    repeated = annotation == tuple[str, ...]
    kind = list[str] if repeated else annotation
    default = item.default if item.default is not MISSING else None
    return inspect.Parameter(
        item.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=[] if repeated else default,
        annotation=Annotated[kind, option],
    )


def frozen(value: Any) -> Any:
    """Give a list as a tuple."""
    return tuple(value) if isinstance(value, list) else value
