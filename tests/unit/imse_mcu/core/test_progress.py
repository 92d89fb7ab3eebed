from __future__ import annotations

import io
import os
import sys
import time

import pytest

from imse_mcu.core import progress
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter, Stage
from imse_mcu.core.quiet import native_chatter_hidden
from imse_mcu.core.text import count, short_name, size, table


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_QUIET_S", 0.05)
    monkeypatch.setattr(progress, "_PLAIN_INTERVAL_S", 0.05)


def test_short_stages_are_silent() -> None:
    stream = io.StringIO()
    with Reporter(stream).stage("quick"):
        pass
    assert stream.getvalue() == ""


def test_long_stages_say_how_far_they_are(quick: None) -> None:
    stream = io.StringIO()
    with Reporter(stream).stage("counting") as stage:
        stage.update(3, 4, "sheep")
        time.sleep(0.3)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("counting: 75 % (3/4) sheep, ")
    assert lines[-1].startswith("counting: done in ")


def test_failed_stage_is_not_done(quick: None) -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="no"), Reporter(stream).stage("failing"):
        time.sleep(0.2)
        raise ValueError("no")
    assert "failing: working" in stream.getvalue()
    assert "done" not in stream.getvalue()


def test_disabled_reporter_prints_nothing(quick: None) -> None:
    stream = io.StringIO()
    reporter = Reporter(stream, enabled=False)
    reporter.note("note")
    with reporter.stage("x"):
        time.sleep(0.2)
    assert stream.getvalue() == ""


def test_stage_without_a_total() -> None:
    stage = Stage("x")
    assert stage.describe() == ""
    stage.update(5)
    assert stage.describe() == "5"


def test_reporter_knows_where_the_time_went() -> None:
    reporter = Reporter(io.StringIO())
    assert reporter.describe_times() == ""
    with reporter.stage("quantizing") as stage:
        stage.update(0, 1, "convert")
        time.sleep(0.05)
        stage.update(1, 2, "calibrate")
        sum(range(3_000_000))
        stage.update(2, 2, "calibrate")
    with reporter.stage("compiling"):
        pass
    whole, convert, calibrate, compiling = reporter.times
    titles = ("quantizing", "  convert", "  calibrate", "compiling")
    assert tuple(each.title for each in reporter.times) == titles
    assert convert.elapsed_s >= 0.05 > convert.processor_s
    assert calibrate.processor_s > 0
    assert whole.elapsed_s >= convert.elapsed_s + calibrate.elapsed_s > compiling.elapsed_s
    assert "quantizing" in reporter.describe_times()


def test_native_chatter_is_hidden_and_python_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    with native_chatter_hidden():
        os.write(2, b"native noise\n")
        print("python note", file=sys.stderr)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "python note\nafter\n"


def test_native_chatter_is_shown_when_the_body_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), native_chatter_hidden():
        os.write(2, b"the reason\n")
        raise RuntimeError
    assert "the reason" in capfd.readouterr().err


def test_native_chatter_is_no_part_of_an_error_that_says_what_failed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ImseMcuError), native_chatter_hidden():
        os.write(2, b"registering factory\n")
        raise ImseMcuError("it failed")
    assert capfd.readouterr().err == ""


def test_chatter_without_a_file_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with native_chatter_hidden():
        print("x", file=sys.stderr)
    assert sys.stderr.getvalue() == "x\n"  # type: ignore[attr-defined]


def test_table_aligns_columns() -> None:
    assert table(("name", "n"), [("a", "1"), ("bcdef", "22")]) == (
        "name    n\n-----  --\na       1\nbcdef  22"
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2 << 20, "2.00 MiB")]
)
def test_size(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(12, "12"), (1570, "1.57 k"), (1_662_080, "1.66 M"), (2.5e9, "2.5 G")]
)
def test_count(value: float, text: str) -> None:
    assert count(value) == text


def test_short_name() -> None:
    assert short_name("net_frame/step/a/conv/BiasAdd;net_frame/step/a/b") == "a/conv/BiasAdd"
    assert short_name("StatefulPartitionedCall:1") == "StatefulPartitionedCall:1"
