"""What a test needs and the installed packages lack, in words: the ranges of zif are wider than a test's.

    @pytest.mark.needs("onnxruntime>=1.32")     # a distribution of these versions
    @pytest.mark.needs(opset=25)                # an onnx that reads models of this opset
    @pytest.mark.needs(dtype="uint2")           # packages that have the element type
    @pytest.mark.needs(arithmetic="bfloat16")   # an onnx whose evaluator and tools compute in it
    @pytest.mark.needs(module="onnx.parser")    # a module

conftest.py skips a test that lacks something, and says what.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from packaging.requirements import Requirement


def lacking(*requirements: str, opset: int = 0, dtype: str = "", arithmetic: str = "", module: str = "") -> list[str]:
    """A sentence for each thing that is not there; none where the test can run."""
    said = [f"needs {text}" for text in requirements if not _installed(Requirement(text))]
    said += [_opset(opset)] if opset else []
    said += [_dtype(name) for name in (dtype, arithmetic) if name]
    said += [_arithmetic(arithmetic)] if arithmetic else []
    said += [f"no module {module} is installed"] if module and not _found(module) else []
    return [sentence for sentence in said if sentence]


def _installed(wanted: Requirement) -> bool:
    try:
        return wanted.specifier.contains(version(wanted.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _opset(wanted: int) -> str:
    from zif.model import installed_onnx

    newest = installed_onnx.NEWEST_OPSET
    return f"{_onnx()} reads opsets up to {newest}, not {wanted}" if newest < wanted else ""


def _dtype(name: str) -> str:
    from zif.model.dtypes import element_type, numpy_dtype

    try:
        numpy_dtype(name)
    except KeyError:
        return f"ml_dtypes {version('ml_dtypes')} has no {name}"
    try:
        element_type(name)
    except KeyError:
        return f"{_onnx()} has no {name}"
    return ""


def _arithmetic(name: str) -> str:
    from zif.model import installed_onnx

    return "" if installed_onnx.holds(name) else f"{_onnx()} does not compute in {name}"


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _onnx() -> str:
    return f"onnx {version('onnx')}"
