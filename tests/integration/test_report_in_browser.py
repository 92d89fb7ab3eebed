"""The page in a real browser: it loads, plays, switches, and asks nobody for anything."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import read_audio, write_wav

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulator,
    pytest.mark.skipif(BROWSER is None, reason="no browser: apt install chromium"),
]

#: Long enough for a machine that does much else.
WAIT_S = 120
FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions"),
    *("--disable-audio-output", "--autoplay-policy=no-user-gesture-required"),
    *("--window-size=1200,900", "--enable-logging=stderr", "--remote-debugging-port=0"),
)

#: Runs inside the page after its own script; what it found goes to the console.
PROBE = """
<script>
const found = { violations: [], errors: [] };
addEventListener("securitypolicyviolation", (event) => found.violations.push(event.blockedURI));
addEventListener("error", (event) => found.errors.push(String(event.message)), true);
const heard = (audio) => new Promise((resolve) => {
  const done = () => resolve({ duration: audio.duration, error: audio.error?.message ?? null });
  if (audio.readyState >= 3 || audio.error) return done();
  for (const name of ["canplaythrough", "error"]) audio.addEventListener(name, done);
  audio.preload = "auto";
  audio.load();
});
const moved = (audio) => new Promise((resolve) =>
  audio.addEventListener("seeked", () => resolve(audio.currentTime), { once: true }));
addEventListener("load", async () => {
  const players = [...document.querySelectorAll("audio")];
  found.audio = await Promise.all(players.map(heard));
  found.pictures = [...document.images].map((i) => [i.complete, i.naturalWidth, i.naturalHeight]);
  found.sections = [...document.querySelectorAll("section")].map((s) => [
    s.id, s.querySelector("h2").textContent, Math.round(s.getBoundingClientRect().height)]);
  found.width = [document.documentElement.scrollWidth, innerWidth];
  const wait = moved(players[0]);
  players[0].currentTime = 1.25;
  await wait;
  const buttons = [...document.querySelectorAll(".switch button")];
  found.buttons = buttons.map((b) => b.textContent);
  const carried = moved(players[2]);
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "3" }));
  found.carried = await carried;
  found.pressed = buttons.map((b) => b.getAttribute("aria-pressed"));
  found.playing = players.map((a) => !a.paused);
  found.loaded = performance.getEntriesByType("resource").map((e) => e.name)
    .filter((name) => !name.startsWith("data:"));
  console.log(`FOUND ${JSON.stringify(found)}`);
});
</script>
"""


def opened(page: Path, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Opens the page with the probe; returns what it found and the rest of the console."""
    copy = folder / "page.html"
    copy.write_text(page.read_text("utf-8").replace("</body>", PROBE + "</body>"), "utf-8")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    profile = f"--user-data-dir={folder / 'profile'}"
    log = folder / "browser.log"
    with log.open("wb") as sink:
        browser = subprocess.Popen(
            [str(BROWSER), *FLAGS, *sandbox, profile, copy.as_uri()],
            stdout=subprocess.DEVNULL,
            stderr=sink,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until and browser.poll() is None:
            console = [x for x in log.read_text("utf-8", "replace").splitlines() if "CONSOLE" in x]
            result = [x for x in console if '"FOUND ' in x]
            if result:
                text = result[0].partition('"FOUND ')[2].rpartition('", source:')[0]
                return json.loads(text), [x for x in console if x not in result]
            time.sleep(0.2)
        raise AssertionError(f"the page did not finish:\n{log.read_text('utf-8')[-3000:]}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def test_page_of_a_run_in_a_browser(build_copy: Path, examples: Path, tmp_path: Path) -> None:
    for name in ("noisy.wav", "clean.wav"):
        write_wav(tmp_path / name, read_audio(examples / name).pcm[: 5 * 8000])
    arguments = ["--input", str(tmp_path / "noisy.wav"), "--clean", str(tmp_path / "clean.wav")]
    assert main(["run", str(build_copy), *arguments]) == 0
    found, console = opened(build_copy / "report.html", tmp_path)
    assert console == []
    assert found["errors"] == []
    assert found["violations"] == []
    assert found["loaded"] == []
    ids = [section[0] for section in found["sections"]]
    assert ids == ["summary", "listen", "speed", "memory", "accuracy", "versions"]
    assert all(height > 100 for _, _, height in found["sections"])
    assert len(found["audio"]) == 4
    for audio in found["audio"]:
        assert audio["error"] is None
        assert audio["duration"] == pytest.approx(2.5, abs=0.01)
    assert np.array(found["pictures"]).shape == (4, 3)
    assert all(complete and width > 100 for complete, width, _ in found["pictures"])
    assert found["buttons"] == ["1  Noisy", "2  Float", "3  Int8", "4  Clean"]
    assert found["carried"] == pytest.approx(1.25, abs=0.1)
    assert found["pressed"] == ["false", "false", "true", "false"]
    assert found["playing"] == [False, False, True, False]
    width, window = found["width"]
    assert width <= window
