"""What is declared `async` is refused where it is given: called and not awaited it would do nothing, without a word."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from axon import AxonSettings, Confidence, DecodeSettings, MaskedDiffusionModel, decode
from axon.decoders.base import METHODS

SETTINGS = DecodeSettings(gen_length=4, block_length=4, axon=AxonSettings(gate="never"))


async def coroutine(*_: Any) -> None: ...


async def generator(*_: Any) -> Any:
    yield


class Called:
    async def __call__(self, *_: Any) -> None: ...


class Bound:
    async def told(self, *_: Any) -> None: ...


class Watching:
    def asked(self, *_: Any) -> None: ...

    async def chose(self, *_: Any) -> None: ...

    def stepped(self, *_: Any) -> None: ...


ASYNC = [coroutine, generator, partial(coroutine), Called(), Bound().told]


@pytest.mark.parametrize("key", ["on_finish", "timer"])
@pytest.mark.parametrize("given", ASYNC)
def test_an_async_callback_is_named(given: Callable[..., Any], key: str, model: MaskedDiffusionModel) -> None:
    with pytest.raises(
        ValueError, match=rf"^{key}=.*: is async, and nothing here awaits it; give a function "
    ):
        decode(model, [[1]], SETTINGS, **{key: given})  # type: ignore[arg-type]


def test_an_async_method_of_a_watcher_is_named(model: MaskedDiffusionModel) -> None:
    with pytest.raises(ValueError, match=r"^watcher.chose=.*: is async, and nothing here awaits it; "):
        decode(model, [[1]], SETTINGS, watcher=Watching())  # type: ignore[arg-type]


def test_plain_ones_are_called(model: MaskedDiffusionModel) -> None:
    """Also where something of theirs is async that is not called."""

    class Plain(Bound):
        def __call__(self, *_: Any) -> None:
            seen.append(1)

    seen: list[int] = []
    decode(model, [[1]], SETTINGS, on_finish=Plain())
    assert seen == [1]


def test_the_methods_of_a_decoder_are_all_that_are_called() -> None:
    assert {*METHODS} == {"check", "identity", "most_steps", "new_state", "boosted", "propose"}


@pytest.mark.parametrize("name", METHODS)
def test_an_async_method_of_a_decoder_is_named(name: str) -> None:
    kind = type("Mine", (Confidence,), {name: coroutine})
    with pytest.raises(ValueError, match=rf"^decoder\.{name}=.*: is async, and nothing here awaits it; "):
        DecodeSettings(decoder=kind())


def test_an_async_timer_of_contextlib_is_named(model: MaskedDiffusionModel) -> None:
    """Calling it does something; what it returns is no context manager to `with`."""
    with pytest.raises(ValueError, match=r"^timer\('model'\): returns .*: must return a context manager; "):
        decode(model, [[1]], SETTINGS, timer=asynccontextmanager(generator))  # type: ignore[arg-type]
