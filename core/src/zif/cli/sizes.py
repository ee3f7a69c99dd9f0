"""The options that have a dimension built in several sizes, beside --shape."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from zif.cli.options import Rows, Wishes, expanding
from zif.errors import UsageError

BucketsOption = Annotated[
    int | None,
    typer.Option("--buckets", metavar="N", min=1, help="With --from: so many sizes, which pad those inputs the least."),
]
FromOption = Annotated[
    Path | None, typer.Option("--from", metavar="DIR|NPZ|LIST", help="Real inputs of the sizes that there will be.")
]


class BucketOptions(NamedTuple):
    """The options that have a dimension built in several sizes, beside --shape."""

    buckets: int | None = None
    from_: Path | None = None

    def several(self, wanted: Wishes) -> bool:
        """Whether several sizes were asked for. Raises UsageError for one option without the other."""
        from zif.runtime.buckets.sizes import several

        if self.buckets is not None and self.from_ is None:
            raise UsageError("--buckets N fits N sizes to real inputs: give them with --from DIR|NPZ|LIST")
        asked = several(wanted.get("shapes"), self.buckets)
        if self.from_ is not None and not asked:
            raise UsageError("--from goes with --buckets N, or with several sizes: --shape 'x=1,{16,32}'")
        return asked

    def samples(self, model: Any, preprocess: str = "") -> Any:
        """The inputs of --from, for the model with open dimensions; None without."""
        from zif.cli.inputs import samples_at

        return None if self.from_ is None else samples_at(self.from_, model, preprocess)


_BUCKETS: Rows = (("buckets", BucketsOption, None), ("from_", FromOption, None))

#: For commands that build several sizes: their parameter `sizes` gets the options for it, as BucketOptions.
sized = expanding("sizes", _BUCKETS, BucketOptions)
