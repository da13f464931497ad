"""Options that several verbs share, declared once: a group of them is one parameter of a verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import Parameter, Signature, signature
from typing import Any, get_args


@dataclass(frozen=True, slots=True)
class Group:
    """Stands for several options where a verb has one parameter: ``Annotated[…, Group(gather)]``.

    Parameters
    ----------
    gather : callable
        Its parameters are the options, annotated as typer wants them; what it returns is what
        the verb gets.
    later : int
        How many of its first parameters are no options: the verb gets a function that takes
        these when it knows them.
    """

    gather: Callable[..., Any]
    later: int = 0

    def options(self) -> list[Parameter]:
        """Return the options, in their order."""
        return list(signature(self.gather, eval_str=True).parameters.values())[self.later :]

    def gathered(self, given: dict[str, Any]) -> Any:
        """Return what the verb gets, of what was typed; takes its options out of `given`."""
        own = {option.name: given.pop(option.name) for option in self.options()}
        return partial(self.gather, **own) if self.later else self.gather(**own)


def expanded(verb: Callable[..., None], **groups: Group) -> Callable[..., None]:
    """Return a verb with the options of its groups in place of them, as typer wants it.

    Parameters
    ----------
    verb : callable
    **groups : Group
        By name of a parameter, beside those that its annotations name.
    """
    found = dict(groups)
    parameters = []
    for parameter in signature(verb, eval_str=True).parameters.values():
        if parameter.name not in found:
            marks = [one for one in get_args(parameter.annotation) if isinstance(one, Group)]
            if not marks:
                parameters.append(parameter)
                continue
            found[parameter.name] = marks[0]
        parameters.extend(found[parameter.name].options())

    def command(**given: Any) -> None:
        for name, group in found.items():
            given[name] = group.gathered(given)
        verb(**given)

    ordered = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in parameters]
    command.__signature__ = Signature(ordered)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in ordered}
    return command
