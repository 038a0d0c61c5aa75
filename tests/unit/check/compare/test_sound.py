"""The whole comparison of two sounds, on arrays and on files."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter, resample_poly

from haechi.check.compare.sound import compare_sound, compare_tracks
from haechi.core.errors import UnreadableMediaError
from haechi.core.records import Comparison, Region, Segment, Span
from haechi.core.settings import Limits

RATE = 16_000
Sound = NDArray[np.float32]
Voice = Callable[..., Sound]


def kinds(result: Comparison) -> list[str]:
    return [edit.kind for edit in result.edits]


def codes(result: Comparison) -> list[str]:
    return [finding.code for finding in result.findings]


def pasted(sound: Sound, start_s: float, patch: Sound) -> Sound:
    result = sound.copy()
    first = int(start_s * RATE)
    result[first : first + len(patch)] = patch
    return result


def overlap(result: Comparison, start_s: float, end_s: float) -> float:
    changes = result.changes
    inside = sum(max(0.0, min(c.span.end_s, end_s) - max(c.span.start_s, start_s)) for c in changes)
    return inside / (end_s - start_s + sum(c.span.duration_s for c in changes) - inside)


def bed(count: int, level: float, seed: int = 3) -> Sound:
    """A chord that swells with a beat: music-like, there all the time."""
    time = np.arange(count) / RATE
    chord = sum(np.sin(2 * np.pi * hz * time + seed) / n for n, hz in enumerate((220, 277, 330, 440, 660), 1))
    return (level * chord * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * time) ** 2)).astype(np.float32)


def test_the_same_sound_is_the_same(voice: Voice) -> None:
    master = voice(8.0)
    result = compare_tracks(master, master)
    assert result.changes == ()
    assert codes(result) == ["comparison.voice_same"]
    assert result.segments[0].offset_s == pytest.approx(0.0, abs=1e-4)
    assert max(result.curves[0].strength) < result.curves[0].threshold


def test_sound_tells_the_speed_that_pictures_which_hardly_move_do_not(voice: Voice) -> None:
    master = voice(8.0)
    probe = np.asarray(resample_poly(master[int(0.76 * RATE) : int(5.2 * RATE)], 79, 75), np.float32)
    result = compare_tracks(probe, master, [Segment(Span(0.0, len(probe) / RATE), 0.651, 1.0, False)])
    assert result.changes == ()
    assert [edit.detail["speed"] for edit in result.edits if edit.kind == "audio_speed"] == [
        pytest.approx(75 / 79, abs=1e-3)
    ]


@pytest.mark.parametrize("seconds", [0.3, 1.0])
@pytest.mark.parametrize("hinted", [True, False])
def test_replaced_words_are_found_with_their_exact_span(voice: Voice, seconds: float, hinted: bool) -> None:
    master = voice(9.0)
    probe = pasted(master, 4.0, voice(seconds, 7))
    hint = [Segment(Span(0.0, 9.0), 0.15, 1.0002, False)] if hinted else []
    result = compare_tracks(probe, master, hint)
    assert overlap(result, 4.0, 4.0 + seconds) > 0.85
    change = max(result.changes, key=lambda c: c.span.duration_s)
    assert change.region is Region.VOICE
    assert change.detail["kind"] == "replaced"
    assert change.strength > result.curves[0].threshold
    assert codes(result) == ["comparison.voice_changed"]


def test_a_voice_replaced_under_music_that_stays_is_found(voice: Voice) -> None:
    music = bed(9 * RATE, 0.03)
    master = voice(9.0) + music
    probe = pasted(voice(9.0), 3.0, voice(1.0, 5)) + music
    assert overlap(compare_tracks(probe, master), 3.0, 4.0) > 0.7


def test_a_music_bed_is_an_edit_and_no_change(voice: Voice) -> None:
    master = voice(9.0)
    result = compare_tracks(master + bed(len(master), 0.06), master)
    assert result.changes == ()
    assert "music_bed" in kinds(result) or "noise" in kinds(result)


def test_noise_is_an_edit_and_no_change(voice: Voice) -> None:
    master = voice(9.0)
    noise = 0.02 * np.random.default_rng(1).standard_normal(len(master)).astype(np.float32)
    result = compare_tracks(master + noise, master)
    assert result.changes == ()
    assert "noise" in kinds(result)


def test_volume_and_equaliser_are_edits(voice: Voice) -> None:
    master = voice(9.0)
    dull = lfilter([0.15], [1, -0.85], master).astype(np.float32)
    result = compare_tracks(dull, master)
    assert result.changes == ()
    assert "audio_filter" in kinds(result)
    assert "volume" in kinds(compare_tracks(0.25 * master, master))


def test_a_silenced_word_is_removed(voice: Voice) -> None:
    master = voice(9.0)
    loudest = int(np.argmax(np.convolve(master**2, np.ones(8000), "valid")))
    probe = pasted(master, loudest / RATE, np.zeros(8000, np.float32))
    result = compare_tracks(probe, master)
    assert [c.detail["kind"] for c in result.changes] == ["removed"]


def test_speech_put_into_a_pause_is_inserted(voice: Voice) -> None:
    master = np.concatenate([voice(4.0), np.zeros(2 * RATE, np.float32), voice(4.0, 2)])
    master += 1e-4 * np.random.default_rng(0).standard_normal(len(master)).astype(np.float32)
    probe = pasted(master, 4.6, voice(0.8, 9))
    result = compare_tracks(probe, master)
    assert "inserted" in [c.detail["kind"] for c in result.changes]
    assert overlap(result, 4.6, 5.4) > 0.7


def test_faster_sound_is_aligned_and_named(voice: Voice) -> None:
    master = voice(12.0)
    result = compare_tracks(resample_poly(master, 20, 21).astype(np.float32), master)
    assert result.changes == ()
    assert result.segments[0].speed == pytest.approx(1.05, abs=1e-4)
    assert {"audio_speed", "pitch"} <= set(kinds(result))


def test_joined_pieces_are_found_without_a_hint(voice: Voice) -> None:
    master = voice(30.0)
    probe = np.concatenate([master[20 * RATE : 28 * RATE], master[2 * RATE : 11 * RATE]])
    result = compare_tracks(probe, master)
    assert result.changes == ()
    offsets = [(segment.offset_s, segment.span.start_s) for segment in result.segments]
    assert offsets == [(pytest.approx(20, abs=0.02), 0.0), (pytest.approx(2, abs=0.05), pytest.approx(8, abs=0.05))]


def test_foreign_sound_is_named_and_is_no_voice_change(voice: Voice) -> None:
    hint = [Segment(Span(0.0, 8.0), 0.0, 1.0, False)]
    for segments in ([], hint):
        result = compare_tracks(voice(8.0, 5), voice(8.0), segments)
        assert codes(result) == ["comparison.audio_replaced"]
        assert kinds(result) == ["audio_replaced"]
        assert result.changes == ()
        assert result.findings[0].rank == 3
        assert 0.0 <= result.findings[0].data["speech_like"] <= 1.0


def test_sound_from_elsewhere_in_the_master_is_moved(voice: Voice) -> None:
    master = voice(24.0)
    hint = [Segment(Span(0.0, 8.0), 0.0, 1.0, False)]
    result = compare_tracks(master[12 * RATE : 20 * RATE], master, hint)
    assert [c.detail["kind"] for c in result.changes] == ["moved"]
    assert result.changes[0].detail["source_start_s"] == pytest.approx(12.0, abs=0.05)


def test_a_small_delay_against_the_pictures_is_an_edit(voice: Voice) -> None:
    master = voice(9.0)
    hint = [Segment(Span(0.0, 8.0), 0.15, 1.0, False)]
    result = compare_tracks(master[: 8 * RATE], master, hint)
    assert result.changes == ()
    assert "audio_delay" in kinds(result)


@pytest.mark.parametrize(
    ("probe", "master", "code", "edit"),
    [
        (0, 0, "comparison.no_sound", []),
        (0, 1, "comparison.audio_removed", ["audio_removed"]),
        (1, 0, "comparison.master_has_no_audio", ["audio_added"]),
    ],
)
def test_missing_sound_is_said(voice: Voice, probe: int, master: int, code: str, edit: list[str]) -> None:
    sounds = [np.zeros(0, np.float32), voice(3.0)]
    result = compare_tracks(sounds[probe], sounds[master])
    assert [a.code for a in result.abstentions] == [code]
    assert kinds(result) == edit
    assert result.changes == ()


def test_very_short_and_silent_sounds_do_not_fail(voice: Voice) -> None:
    for length in (1, 100, 2000, 8000):
        assert compare_tracks(voice(1.0)[:length], voice(5.0)).changes == ()
    assert compare_tracks(np.zeros(RATE, np.float32), voice(5.0)).abstentions


def write_wave(path: Path, sound: Sound) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def test_files_are_compared(tmp_path: Path, voice: Voice) -> None:
    master = voice(6.0)
    write_wave(tmp_path / "원본 master.wav", master)
    write_wave(tmp_path / "probe.wav", pasted(master, 2.0, voice(0.6, 4)))
    result = compare_sound(tmp_path / "probe.wav", tmp_path / "원본 master.wav", [], Limits())
    assert overlap(result, 2.0, 2.6) > 0.8


def test_a_damaged_file_is_an_error_of_ours(tmp_path: Path, voice: Voice) -> None:
    write_wave(tmp_path / "master.wav", voice(3.0))
    (tmp_path / "probe.wav").write_bytes(b"RIFF....WAVE not really")
    with pytest.raises(UnreadableMediaError):
        compare_sound(tmp_path / "probe.wav", tmp_path / "master.wav", [], Limits())


def test_a_fade_is_no_removed_word(voice: Voice) -> None:
    master = voice(9.0)
    fade = np.clip((len(master) - np.arange(len(master))) / (3 * RATE), 0, 1).astype(np.float32) ** 2
    assert compare_tracks(master * fade, master).changes == ()


def test_a_limiter_is_no_change(voice: Voice) -> None:
    master = voice(9.0)
    assert compare_tracks(0.2 * np.tanh(20 * master).astype(np.float32), master).changes == ()


@pytest.mark.parametrize(("start_s", "source_s"), [(1.0, 0.1), (0.9, 1.4), (0.0, 1.2)])
def test_half_a_clip_from_another_moment_does_not_become_its_line(
    voice: Voice, start_s: float, source_s: float
) -> None:
    master = voice(4.0, 3)
    length = int(1.5 * RATE)
    patch = master[int(source_s * RATE) :][:length]
    probe = pasted(master[: 3 * RATE], start_s, patch)
    result = compare_tracks(probe, master, [Segment(Span(0.0, 3.0), 0.03, 1.0, False)])
    assert result.segments[0].offset_s == pytest.approx(0.0, abs=2e-3)
    assert overlap(result, start_s, start_s + 1.5) > 0.85


def spliced(sound: Sound, start_s: float, patch: Sound) -> Sound:
    first = int(start_s * RATE)
    return np.concatenate([sound[:first], patch, sound[first:]])


@pytest.mark.parametrize("hinted", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_words_put_between_two_moments_are_inserted_and_the_rest_only_later(
    voice: Voice, hinted: bool, own: bool
) -> None:
    master = voice(10.0, 6)
    patch = master[int(7.2 * RATE) :][: RATE // 2] if own else voice(0.5, 11)
    hint = [Segment(Span(0.0, 10.5), 0.05, 1.0, False)] if hinted else []
    result = compare_tracks(spliced(master, 4.0, patch), master, hint)
    assert [c.detail["kind"] for c in result.changes] == ["inserted"]
    assert overlap(result, 4.0, 4.5) > 0.75
    change = result.changes[0]
    assert change.strength > change.detail["null_threshold"]
    if own:
        assert change.detail["source_start_s"] == pytest.approx(7.2 + change.span.start_s - 4.0, abs=0.01)
    delays = [edit.detail["delay_s"] for edit in result.edits if edit.kind == "audio_delay"]
    assert delays == ([pytest.approx(0.55, abs=0.02)] if hinted else [])


def test_a_longer_pause_is_no_inserted_word(voice: Voice) -> None:
    master = voice(10.0, 6)
    silence = 1e-4 * np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32)
    hint = [Segment(Span(0.0, 10.5), 0.0, 1.0, False)]
    result = compare_tracks(spliced(master, 4.0, silence), master, hint)
    assert [c.detail["kind"] for c in result.changes if c.detail["kind"] == "inserted"] == []


def test_without_pictures_the_line_before_and_after_is_the_host(voice: Voice) -> None:
    master = voice(6.0, 4)
    probe = pasted(master, 0.5, master[int(2.9 * RATE) :][: int(2.6 * RATE)])[: int(4.2 * RATE)]
    result = compare_tracks(probe, master)
    assert result.segments[0].offset_s == pytest.approx(0.0, abs=2e-3)
    assert overlap(result, 0.5, 3.1) > 0.85


def test_words_of_the_master_are_heard_in_a_pause_under_a_louder_bed(voice: Voice) -> None:
    master = np.concatenate([voice(4.0), np.zeros(RATE, np.float32), voice(4.0, 2)])
    time = np.arange(len(master)) / RATE
    rng = np.random.default_rng(5)
    beats = np.repeat(rng.uniform(0.02, 1.0, 73), RATE // 8)[: len(master)]
    music = (0.05 * beats * np.sign(np.sin(2 * np.pi * 233 * time))).astype(np.float32)
    probe = pasted(master, 4.2, master[int(1.0 * RATE) :][: int(0.6 * RATE)]) + music
    result = compare_tracks(probe, master)
    assert [c.detail["kind"] for c in result.changes] == ["inserted"]
    assert overlap(result, 4.2, 4.8) > 0.6
    assert compare_tracks(master + music, master).changes == ()


def test_every_strength_is_a_z_that_names_its_null(voice: Voice) -> None:
    master = voice(24.0)
    hint = [Segment(Span(0.0, 8.0), 0.0, 1.0, False)]
    result = compare_tracks(master[12 * RATE : 20 * RATE], master, hint)
    change = result.changes[0]
    assert change.detail["null"]["rows"] > 100
    assert change.detail["null"]["spread"] > 0
    assert change.detail["null_threshold"] < change.strength < 50
    assert change.detail["shift_s"] == pytest.approx(12.0, abs=0.05)
    curve = result.curves[0]
    assert max(curve.strength) == pytest.approx(change.strength, rel=0.01)


def test_of_a_long_master_only_the_stretch_around_the_pictures_is_needed(tmp_path: Path, voice: Voice) -> None:
    part = voice(6.0)
    master = np.concatenate([voice(60.0, 8), part, voice(50.0, 9)])
    write_wave(tmp_path / "master.wav", master)
    write_wave(tmp_path / "probe.wav", part)
    hint = [Segment(Span(0.0, 6.0), 60.05, 1.0, False)]
    near = compare_sound(tmp_path / "probe.wav", tmp_path / "master.wav", hint, Limits())
    assert near.changes == ()
    assert near.segments[0].offset_s == pytest.approx(60.0, abs=2e-3)
    write_wave(tmp_path / "probe.wav", master[: 6 * RATE])
    far = compare_sound(tmp_path / "probe.wav", tmp_path / "master.wav", hint, Limits())
    assert [c.detail["kind"] for c in far.changes] == ["moved"]
    assert far.changes[0].detail["source_start_s"] == pytest.approx(0.0, abs=0.05)
