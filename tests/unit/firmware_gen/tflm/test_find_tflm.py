"""What the generated build says when TFLM_DIR does not hold a TFLM that fits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_gen.backends.kernel_files import csrc

GCC = "arm-none-eabi-gcc"
M7 = ["-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mthumb"]
CLASS = (
    "void _ZN6tflite16MicroInterpreter6InvokeEv(void) {}\n"
    "void _ZN6tflite21Register_CONV_2D_INT8Ev(void) {}\n"
    "void arm_convolve_s8(void) {}\n"
)
RESOLVER = "TfLiteStatus AddConv2D(int);\nTfLiteStatus AddElu() {\n"

pytestmark = [
    pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed"),
    pytest.mark.skipif(shutil.which(GCC) is None, reason=f"{GCC} is not installed"),
]


class Tflm:
    """A folder with what the build looks for in a TFLM, and nothing of the interpreter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tflm"
        self.work = folder / "work"
        self.work.mkdir()
        micro = self.folder / "tensorflow/lite/micro"
        self.write("tensorflow/lite/micro/micro_interpreter.h", "")
        self.write("tensorflow/lite/micro/micro_mutable_op_resolver.h", RESOLVER)
        self.write("tensorflow/lite/micro/kernels/conv.h", "Register_CONV_2D_INT8();\n")
        for part in ("flatbuffers/include", "gemmlowp", "ruy"):
            (micro / "tools/make/downloads" / part).mkdir(parents=True)
        self.library("gen/m7/lib")

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def library(
        self, where: str, code: str = CLASS, flags: tuple[str, ...] = ("-mfloat-abi=hard", *M7)
    ) -> Path:
        folder = self.folder / where
        folder.mkdir(parents=True, exist_ok=True)
        (self.work / "a.c").write_text(code)
        subprocess.run([GCC, *flags, "-c", "a.c", "-o", "a.o"], cwd=self.work, check=True)
        path = folder / "libtensorflow-microlite.a"
        path.unlink(missing_ok=True)
        subprocess.run(["arm-none-eabi-ar", "rc", str(path), "a.o"], cwd=self.work, check=True)
        return path

    def find(
        self,
        *,
        given: str | None = None,
        library: str = "",
        cpu: tuple[str, ...] = ("-mfloat-abi=hard", *M7),
        elu: str = "-",
    ) -> str:
        """What the checks say, on one line; ``found ...`` when they pass."""
        (self.work / "imse_tflm.cmake").write_bytes(
            csrc("network", "tflm", "imse_tflm.cmake").read_bytes()
        )
        (self.work / "imse_tflm_operators.cmake").write_text(
            f"set(IMSE_TFLM_OPERATORS AddConv2D:conv.h:Register_CONV_2D_INT8:- AddElu:-:-:{elu})\n"
        )
        (self.work / "main.cmake").write_text(
            "include(imse_tflm.cmake)\n"
            'message("found ${IMSE_TFLM_LIBRARY} with ${IMSE_TFLM_INCLUDES}")\n'
            'message("linked with ${IMSE_TFLM_LINK_OPTIONS}")\n'
        )
        done = subprocess.run(
            [
                "cmake",
                f"-DTFLM_DIR={self.folder if given is None else given}",
                f"-DTFLM_LIBRARY={library}",
                f"-DCMAKE_C_COMPILER={GCC}",
                "-DCMAKE_READELF=arm-none-eabi-readelf",
                "-DCMAKE_NM=arm-none-eabi-nm",
                f"-DIMSE_CPU_FLAGS={';'.join(cpu)}",
                "-P",
                "main.cmake",
            ],
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
        )
        text = " ".join((done.stdout + done.stderr).split())
        assert (done.returncode == 0) == ("found " in text.replace(", found ", "")), text
        return text.replace(str(self.folder), "TFLM")


@pytest.fixture
def tflm(tmp_path: Path) -> Tflm:
    return Tflm(tmp_path)


def test_a_tflm_that_fits_is_taken(tflm: Tflm) -> None:
    downloads = "TFLM/tensorflow/lite/micro/tools/make/downloads"
    assert tflm.find().removesuffix(" linked with") == (
        f"found TFLM/gen/m7/lib/libtensorflow-microlite.a with TFLM;{downloads}/"
        f"flatbuffers/include;{downloads}/gemmlowp;{downloads}/ruy"
    )


def test_project_tree_with_third_party_folder(tflm: Tflm) -> None:
    downloads = tflm.folder / "tensorflow/lite/micro/tools/make/downloads"
    downloads.rename(tflm.folder / "third_party")
    assert "TFLM/third_party/gemmlowp;" in tflm.find()


def test_missing_folder(tflm: Tflm) -> None:
    assert "TFLM_DIR is not set: give the folder" in tflm.find(given="")
    assert "'/nonexistent' is not TensorFlow Lite Micro" in tflm.find(given="/nonexistent")


def test_missing_third_party_headers(tflm: Tflm) -> None:
    (tflm.folder / "tensorflow/lite/micro/tools/make/downloads/gemmlowp").rmdir()
    assert "has no gemmlowp" in tflm.find()


def test_missing_library(tflm: Tflm) -> None:
    shutil.rmtree(tflm.folder / "gen")
    assert "TFLM_DIR='TFLM' has no libtensorflow-microlite.a" in tflm.find()
    assert "TFLM_LIBRARY='/x.a' does not exist" in tflm.find(library="/x.a")


def test_operator_that_this_version_lacks(tflm: Tflm) -> None:
    tflm.write("tensorflow/lite/micro/micro_mutable_op_resolver.h", RESOLVER.replace("Elu", "No"))
    assert "lacks an operator of the model: " in tflm.find()
    assert "has no AddElu()" in tflm.find()


def test_registration_that_this_version_lacks(tflm: Tflm) -> None:
    tflm.write("tensorflow/lite/micro/kernels/conv.h", "")
    assert "kernels/conv.h in TFLM_DIR='TFLM' has no Register_CONV_2D_INT8()" in tflm.find()


def test_argument_that_this_version_lacks(tflm: Tflm) -> None:
    said = tflm.find(elu="registration")
    assert "lacks an argument that the model needs: AddElu() in" in said
    assert "takes no registration" in said
    text = RESOLVER.replace("AddElu()", "AddElu(const TFLMRegistration &r)")
    tflm.write("tensorflow/lite/micro/micro_mutable_op_resolver.h", text)
    assert "found TFLM/gen/m7/lib/" in tflm.find(elu="registration")


def test_software_float_abi(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", flags=("-mcpu=cortex-m7+nofp", "-mfloat-abi=soft", "-mthumb"))
    assert (
        "this firmware needs v7E-M, hardware floating-point ABI, found "
        "TFLM/gen/m7/lib/libtensorflow-microlite.a (v7E-M, software floating-point ABI)"
    ) in tflm.find()


def test_other_processor(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", flags=("-mcpu=cortex-m55", "-mfloat-abi=hard", "-mthumb"))
    assert "found TFLM/gen/m7/lib/libtensorflow-microlite.a (v8.1-M.mainline," in tflm.find()


def test_library_of_the_host(tflm: Tflm) -> None:
    (tflm.folder / "gen/m7/lib/libtensorflow-microlite.a").write_bytes(b"!<arch>\n")
    assert "(no Arm code)" in tflm.find()


def test_of_several_the_one_that_fits_is_taken(tflm: Tflm) -> None:
    tflm.library("gen/m55/lib", flags=("-mcpu=cortex-m55", "-mfloat-abi=hard", "-mthumb"))
    assert tflm.find().startswith("found TFLM/gen/m7/lib/")


def test_several_that_fit_must_be_chosen_from(tflm: Tflm) -> None:
    other = tflm.library("gen/m7_debug/lib")
    assert "choose one with TFLM_LIBRARY" in tflm.find()
    assert tflm.find(library=str(other)).startswith("found TFLM/gen/m7_debug/lib/")


def test_library_that_is_not_tflm(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", code="int other;\n")
    assert "it has no MicroInterpreter" in tflm.find()


def test_library_with_another_layout_of_structures(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", code=CLASS + "void TfLiteIntArrayCreate(void) {}\n")
    assert "built without TF_LITE_STATIC_MEMORY" in tflm.find()


def test_library_with_enumerations_of_another_size(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", flags=("-mfloat-abi=hard", "-fno-short-enums", *M7))
    assert "hardware floating-point ABI, enumerations as int (-fno-short-enums))" in tflm.find()


def test_library_of_another_version_than_the_headers(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", code=CLASS.replace("Register_CONV_2D", "Register_OTHER_2D"))
    assert "are of different versions: the library has no Register_CONV_2D;" in tflm.find()


def test_library_without_cmsis_nn_is_taken_with_a_warning(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", code=CLASS.replace("arm_convolve_s8", "other"))
    said = tflm.find()
    assert "was built without CMSIS-NN: its kernels are several times slower" in said
    assert "found TFLM/gen/m7/lib/" in said


M55 = ("-mcpu=cortex-m55", "-mfloat-abi=hard", "-mthumb")
WRAPPED = CLASS + "void arm_convolve_wrapper_s8(void) {}\n"


def test_helium_needs_the_headers_of_cmsis_nn(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", code=WRAPPED, flags=M55)
    said = tflm.find(cpu=M55)
    assert "has no cmsis_nn/Include, neither in third_party nor in" in said
    (tflm.folder / "third_party/cmsis_nn/Include").mkdir(parents=True)
    said = tflm.find(cpu=M55)
    assert ";TFLM/third_party/cmsis_nn/Include" in said
    assert "linked with -Wl,--wrap=arm_convolve_wrapper_s8;" in said
    tflm.library("gen/m7/lib", code=WRAPPED)
    assert tflm.find().endswith("linked with")


SCALES = "_ZN6tflite32GetQuantizedConvolutionMultiplerEP13TfLiteContextPK12TfLiteTensorS4_PS2_Pd"


def test_our_factor_of_a_matrix_product_takes_the_place_of_the_librarys(tflm: Tflm) -> None:
    tflm.library("gen/m7/lib", code=f"{CLASS}void {SCALES}(void) {{}}\n")
    assert tflm.find().endswith(f"linked with -Wl,--wrap={SCALES}")
