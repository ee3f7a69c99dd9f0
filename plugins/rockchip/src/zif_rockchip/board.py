"""A segment on the NPU of the board that this runs on, by rknn-toolkit-lite2.

Its API is the one of its documentation: RKNNLite, load_rknn, init_runtime, inference, release. It was never run here,
where no board is; the tests hold this module against a stand-in with that API.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zif import BackendUnavailable, StageFailed
from zif.plugin import private_folder, write_whole

from zif_rockchip.executable import RknnExecutable
from zif_rockchip.segment import BINARY, Segment, checked

if TYPE_CHECKING:
    from zif import Compiled
    from zif.plugin import Array

    from zif_rockchip.options import RknnOptions

#: The runtime's own names of the masks.
_MASKS = {
    "auto": "NPU_CORE_AUTO",
    "0": "NPU_CORE_0",
    "1": "NPU_CORE_1",
    "2": "NPU_CORE_2",
    "0_1": "NPU_CORE_0_1",
    "0_1_2": "NPU_CORE_0_1_2",
    "all": "NPU_CORE_ALL",
}
#: Chips with more than one core: for others the runtime takes no mask.
_CORED = ("rk3588", "rk3576")


def load(compiled: Compiled, segment: Segment, options: RknnOptions) -> RknnExecutable:
    """Open the .rknn file. Raises InvalidBundle for a damaged one, BackendUnavailable without a start."""
    from rknnlite.api import RKNNLite

    data = checked(compiled, segment, BINARY)
    runtime = RKNNLite(verbose=False)
    try:
        with private_folder("zif-rknn-") as folder:
            file = folder / BINARY
            write_whole(file, data)
            _zero("load_rknn", runtime.load_rknn(str(file)), segment)
            _zero("init_runtime", runtime.init_runtime(**_settings(RKNNLite, segment, options)), segment)
    except BaseException:
        runtime.release()
        raise
    return RknnExecutable(_Board(runtime), compiled, segment)


def _settings(api: Any, segment: Segment, options: RknnOptions) -> dict[str, Any]:
    if segment.platform not in _CORED:
        return {}
    return {"core_mask": getattr(api, _MASKS[options.core_mask])}


def _zero(step: str, answer: int, segment: Segment) -> None:
    if answer != 0:
        raise BackendUnavailable(
            f"rknn-toolkit-lite2: {step} answered {answer}; the file is for {segment.platform}, compiled with"
            f" rknn-toolkit2 {segment.toolkit}: librknnrt.so and the driver must be of the same version or newer"
        )


class _Board:
    """An engine; see `zif_rockchip.executable.Engine`."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime

    def compute(self, arrays: list[Array]) -> Sequence[Array]:
        made = self._runtime.inference(inputs=arrays, data_format=["nchw"] * len(arrays))
        if made is None:
            raise StageFailed("rknn-toolkit-lite2: inference gave nothing; its log says why")
        return list(made)

    def close(self) -> None:
        self._runtime.release()
