"""What a host asked ONNX Runtime for, as arguments of `zif.load`; what has no counterpart is said once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from zif.runtime.dropin.enums import ExecutionMode, GraphOptimizationLevel
from zif.runtime.dropin.providers import CPU, Offer, offers
from zif.runtime.dropin.warn import once

if TYPE_CHECKING:
    from zif.runtime.dropin.options import SessionOptions
    from zif.runtime.dropin.settings import Settings

#: Backends' words for the levels; the layout is part of all.
_LEVELS = {
    GraphOptimizationLevel.ORT_DISABLE_ALL: "disabled",
    GraphOptimizationLevel.ORT_ENABLE_BASIC: "basic",
    GraphOptimizationLevel.ORT_ENABLE_EXTENDED: "extended",
    GraphOptimizationLevel.ORT_ENABLE_LAYOUT: "all",
    GraphOptimizationLevel.ORT_ENABLE_ALL: "all",
}
#: Entries of a session's configuration that ask for what zif does anyway.
_AS_ASKED = {("session.load_model_format", "ONNX"), ("session.use_env_allocators", "0")}
_TARGET, _POLICY = "zif.target", "zif.policy"
#: What `get_provider_graph_assignment_info` wants.
RECORD = "session.record_ep_graph_assignment_info"


@define
class Wishes:
    """What a session is to be: the target and policy, whom to ask, and options by backend."""

    target: str
    policy: str
    taking_part: tuple[Offer, ...]
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    providers: list[str] = field(factory=list)
    config: dict[str, dict[str, Any]] = field(factory=dict)
    verify: str = "off"

    def arguments(self) -> dict[str, Any]:
        """As `zif.load` takes them."""
        return {
            **{"target": self.target, "policy": self.policy, "only": self.only or None},
            **{"exclude": self.exclude or None, "config": self.config or None, "verify": self.verify},
            **({} if self.verify == "off" else {"on_fault": "fallback"}),
        }

    def option(self, names: Iterable[str], value: Any, asked: str) -> None:
        """Set an option on every backend that has one of these names; say so when none has."""
        takers = [(offer, name) for offer in self.taking_part for name in names if name in offer.options]
        for offer, name in takers:
            self.config.setdefault(offer.backend, {})[name] = value
        if not takers:
            once(f"{asked} has no effect: no backend that takes part has such an option")


def wishes(
    options: SessionOptions, providers: Sequence[str], provider_options: Sequence[Mapping[str, str]], now: Settings
) -> Wishes:
    """Everything that was asked for, in zif's words."""
    target = options._entries.get(_TARGET, now.target)
    now = evolve(now, target=target)
    offered = offers(target)
    chosen = _chosen(offered, providers, now)
    made = Wishes(target, options._entries.get(_POLICY, now.policy), chosen, now.only, now.exclude)
    made.verify = now.verified
    if len(chosen) < len(offered) and not now.only:
        made.only = tuple(offer.backend for offer in chosen)
    made.providers = list(dict.fromkeys(offer.provider for offer in chosen if not offer.cpu))
    for name, provider in zip(providers, provider_options, strict=True):
        _provider(made, name, provider)
    _session(made, options)
    return made


def _chosen(offered: tuple[Offer, ...], providers: Sequence[str], now: Settings) -> tuple[Offer, ...]:
    """The backends that these providers are; all of them without any, or where the user named a target."""
    if not providers:
        return offered
    if now.target != "host" and not now.keep_providers:
        if list(providers) == [CPU]:
            once(
                f"providers={list(providers)} does not count: the target {now.target} was asked for "
                "(keep_providers=True, --keep-providers, makes it count)"
            )
        return offered
    return tuple(offer for offer in offered if offer.cpu or any(offer.meant(name) for name in providers))


def _provider(made: Wishes, name: str, options: Mapping[str, str]) -> None:
    for key, value in options.items():
        takers = [offer for offer in made.taking_part if offer.meant(name) and key in offer.options]
        for offer in takers:
            made.config.setdefault(offer.backend, {})[key] = _typed(value, offer.options[key])
        if not takers:
            once(f"option {key!r} of {name} has no effect: no backend that takes part has such an option")


def _typed(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "on")
    for kind in (int, float):
        if isinstance(default, kind):
            return kind(text)
    return text


def _session(made: Wishes, options: SessionOptions) -> None:
    """The fields and entries of a SessionOptions."""
    if options.intra_op_num_threads > 0:
        made.option(("num_threads", "threads"), options.intra_op_num_threads, "intra_op_num_threads")
    if options.inter_op_num_threads > 1:
        once(
            "inter_op_num_threads: operators of a segment run one after another; segments of several runs side by side"
        )
    if options.graph_optimization_level != GraphOptimizationLevel.ORT_ENABLE_ALL:
        level = _LEVELS[GraphOptimizationLevel(options.graph_optimization_level)]
        made.option(("graph_optimization_level",), level, "graph_optimization_level")
    if not options.enable_cpu_mem_arena:
        made.option(("enable_cpu_mem_arena",), False, "enable_cpu_mem_arena=False")
    if options.execution_mode == ExecutionMode.ORT_PARALLEL:
        once("ExecutionMode.ORT_PARALLEL has no effect: operators of a segment run one after another")
    if options.optimized_model_filepath:
        once("optimized_model_filepath: zif writes no optimized model; `zif compile` writes a bundle")
    for name, usual in (("enable_mem_pattern", True), ("enable_mem_reuse", True), ("use_per_session_threads", True)):
        if getattr(options, name) != usual:
            once(f"{name}={not usual} has no effect: zif's backends decide")
    if options.use_deterministic_compute:
        once("use_deterministic_compute has no effect: zif's backends have no such choice")
    for key, value in options._entries.items():
        _entry(made, key, value)


def _entry(made: Wishes, key: str, value: str) -> None:
    if key == "session.intra_op.allow_spinning":
        made.option(("spin",), "on" if value == "1" else "off", key)
    elif key not in (_TARGET, _POLICY, RECORD) and (key, value) not in _AS_ASKED:
        once(f"session configuration entry {key!r} has no effect: zif has no such setting")
