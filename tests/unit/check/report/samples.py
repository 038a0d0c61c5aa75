"""Realistic sample reports, one for each verdict, with pictures drawn on the spot (or cut from a given photograph)."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFilter

from haechi.core.records import (
    Abstention,
    ArtistMatch,
    Box,
    Change,
    Curve,
    Edit,
    Finding,
    Kind,
    Picture,
    Probe,
    Region,
    ReleaseMatch,
    Report,
    Segment,
    Span,
    Verdict,
)

SHA256 = "sha256:" + "5f1c0a9b7d3e4426" * 4
SOFTWARE = {
    "haechi": "0.1.0",
    "python": "3.11.2",
    "methods": {"comparison": 1, "video_fingerprint": 1},
    "models": {"face_landmark": "sha256:" + "1055cb9d4a9ca8b8" * 4, "short_range": "sha256:" + "3bc182eb9f33925d" * 4},
}


@dataclass(frozen=True)
class Scene:
    """A picture of a person, and where mouth and face are in it, in pixels."""

    image: Image.Image
    mouth: Box
    face: Box


def drawn_scene(width: int = 640, height: int = 360) -> Scene:
    """A drawn person on a stage."""
    image = Image.new("RGB", (width, height), (38, 44, 62))
    draw = ImageDraw.Draw(image)
    for x in range(0, width, 80):
        draw.polygon([(x, 0), (x + 30, 0), (x + 90, height), (x - 40, height)], fill=(52, 58, 86))
    cx, cy = width // 2, height // 2
    draw.ellipse((cx - 74, cy - 110, cx + 74, cy + 92), fill=(30, 24, 26))
    draw.rectangle((cx - 24, cy + 50, cx + 24, cy + 120), fill=(214, 170, 146))
    draw.polygon([(cx - 130, height), (cx - 40, cy + 95), (cx + 40, cy + 95), (cx + 130, height)], fill=(116, 52, 84))
    draw.ellipse((cx - 56, cy - 84, cx + 56, cy + 72), fill=(232, 190, 164))
    for side in (-1, 1):
        draw.ellipse((cx + side * 24 - 10, cy - 22, cx + side * 24 + 10, cy - 10), fill=(250, 248, 244))
        draw.ellipse((cx + side * 24 - 5, cy - 21, cx + side * 24 + 5, cy - 11), fill=(42, 28, 22))
    draw.polygon([(cx - 5, cy + 16), (cx + 5, cy + 16), (cx, cy - 2)], fill=(214, 164, 138))
    draw.ellipse((cx - 20, cy + 32, cx + 20, cy + 44), fill=(176, 74, 78))
    return Scene(
        image.filter(ImageFilter.GaussianBlur(0.7)), Box(cx - 30, cy + 22, 60, 34), Box(cx - 60, cy - 88, 120, 164)
    )


def altered(scene: Scene) -> Image.Image:
    """The same picture with its mouth drawn out of its own pixels: stretched and darkened."""
    box = scene.mouth
    patch = scene.image.crop((box.x, box.y, box.x + box.w, box.y + box.h))
    inner = patch.crop((box.w // 6, box.h // 4, box.w - box.w // 6, box.h - box.h // 5))
    inner = inner.resize((inner.width, box.h)).point(lambda value: int(value * 0.8))
    mask = Image.new("L", inner.size, 0)
    ImageDraw.Draw(mask).ellipse((2, 2, inner.width - 2, inner.height - 2), fill=255)
    image = scene.image.copy()
    image.paste(inner, (box.x + box.w // 6, box.y), mask.filter(ImageFilter.GaussianBlur(2)))
    return image


def heat(image: Image.Image, box: Box | None) -> Image.Image:
    """A heat map over the grey picture, hot in the box."""
    grey = image.convert("L").point(lambda value: 40 + value // 2).convert("RGB")
    glow = Image.new("L", image.size, 0)
    if box is not None:
        ImageDraw.Draw(glow).ellipse((box.x, box.y, box.x + box.w, box.y + box.h), fill=255)
    glow = glow.filter(ImageFilter.GaussianBlur(7))
    grey.paste(Image.new("RGB", image.size, (222, 60, 36)), (0, 0), glow)
    core = glow.point(lambda value: max(0, (value - 130) * 2))
    grey.paste(Image.new("RGB", image.size, (255, 214, 70)), (0, 0), core)
    return grey


def picture(name: str, image: Image.Image, time_s: float, change: int | None) -> Picture:
    """A picture of the report."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88)
    return Picture(name, data.getvalue(), image.width, image.height, time_s, change)


def pictures(scene: Scene, time_s: float, change: int | None, box: Box | None) -> tuple[Picture, ...]:
    """Probe, master and heat map of one moment."""
    probe = altered(scene) if box is not None else scene.image
    return (
        picture("probe", probe, time_s, change),
        picture("master", scene.image, 43.2 + 1.05 * time_s, change),
        picture("heat", heat(scene.image, box), time_s, change),
    )


def curve(region: Region, peaks: tuple[tuple[float, float, float], ...], threshold: float = 6.0) -> Curve:
    """A curve over ten seconds with plateaus (start, end, height)."""
    times = tuple(i / 5 for i in range(50))
    strength = []
    for t in times:
        value = 1.6 + 0.7 * math.sin(5.1 * t) + 0.4 * math.sin(13.7 * t + 1)
        for start, end, height in peaks:
            rise = 1 / (1 + math.exp(-8 * (t - start))) - 1 / (1 + math.exp(-8 * (t - end)))
            value += rise * (height + 1.2 * math.sin(9 * t))
        strength.append(value)
    return Curve(region, times, tuple(strength), threshold)


def _probe(scene: Scene, path: str = "clips/stage_repost_final.mp4") -> Probe:
    return Probe(path, SHA256, Kind.VIDEO, 9.8, scene.image.width, scene.image.height)


def _release(release_id: str | None = "rel_7f3a", title: str = "별빛 무대 2026") -> ReleaseMatch:
    segment = Segment(Span(0.0, 9.8), 43.2, 1.05, mirrored=False)
    return ReleaseMatch(release_id, title, (segment,), 412.0, "video_fingerprint_v1")


ARTIST = ArtistMatch("art_1", "하늘 Haneul", 0.97, Span(0.0, 9.8))
NO_C2PA = Finding("c2pa", 1, 1, "The file carries no C2PA manifest.", "c2pa.absent")
NO_DETECTORS = Abstention("detectors", "No blind detector is installed.", "detectors.none_installed")
FACE = Finding(
    "face_identity", 1, 4, "Haneul seems to be shown.", "face_identity.found", 0.97, data={"name": "하늘 Haneul"}
)
FOUND = Finding(
    "release_match", 1, 3, "It matches a release.", "release_match.found", 412.0, data={"title": "별빛 무대 2026"}
)


def altered_report(scene: Scene) -> Report:
    """Mouth and voice altered from 0:03 to 0:07, the eyes later."""
    eyes = Box(
        scene.face.x + scene.face.w // 8, scene.face.y + scene.face.h // 3, scene.face.w * 3 // 4, scene.face.h // 6
    )
    changes = (
        Change(Region.MOUTH, Span(3.1, 7.0), scene.mouth, 19.4, {"threshold": 6.0}),
        Change(Region.VOICE, Span(2.9, 7.2), None, 9.6, {"kind": "replaced"}),
        Change(Region.EYES, Span(8.1, 9.3), eyes, 8.2, {"threshold": 6.0}),
    )
    return Report(
        probe=_probe(scene),
        verdict=Verdict.ALTERED,
        decided_by="comparison.changed",
        llr_log10=None,
        artists=(ARTIST,),
        release=_release(),
        changes=changes,
        edits=(
            Edit("reencode"),
            Edit("crop", {"hidden_share": 0.08}),
            Edit("speed", {"factor": 1.05}),
            Edit("caption", span=Span(1.0, 6.0), box=Box(20, 300, 400, 40)),
        ),
        findings=(
            NO_C2PA,
            FOUND,
            Finding(
                "comparison",
                1,
                3,
                "Three places differ.",
                "comparison.changed",
                19.4,
                spans=(Span(3.1, 7.0), Span(8.1, 9.3)),
                data={"count": 3},
            ),
            FACE,
        ),
        abstentions=(NO_DETECTORS,),
        would_change=("Another original, which shows this very content, is registered.",),
        software=SOFTWARE,
        pictures=(*pictures(scene, 5.0, 0, scene.mouth), *pictures(scene, 8.6, 2, eyes)),
        curves=(
            curve(Region.MOUTH, ((3.1, 7.0, 13.0),)),
            curve(Region.EYES, ((8.1, 9.3, 6.0),)),
            curve(Region.FACE, ()),
            curve(Region.VOICE, ((2.9, 7.2, 7.0),), 5.0),
            curve(Region.BACKGROUND, ()),
        ),
    )


def copy_report(scene: Scene) -> Report:
    """A mirrored, cropped copy."""
    return replace(
        altered_report(scene),
        verdict=Verdict.AUTHENTIC_COPY,
        decided_by="comparison.plain_copy",
        changes=(),
        edits=(Edit("reencode"), Edit("mirror"), Edit("scale", {"factor": 0.6}), Edit("logo"), Edit("filter")),
        findings=(
            NO_C2PA,
            FOUND,
            Finding("comparison", 1, 3, "A plain copy.", "comparison.plain_copy", 1.4),
            FACE,
        ),
        abstentions=(Abstention("audio", "The probe has no sound.", "audio.missing"), NO_DETECTORS),
        would_change=("A copy of better quality shows a difference that this one is too coarse to show.",),
        pictures=pictures(scene, 5.0, None, None),
        curves=tuple(curve(region, ()) for region in (Region.MOUTH, Region.EYES, Region.FACE, Region.BACKGROUND)),
    )


def _bare(scene: Scene, verdict: Verdict, decided_by: str, **fields: object) -> Report:
    bare = replace(
        copy_report(scene),
        verdict=verdict,
        decided_by=decided_by,
        edits=(),
        pictures=(),
        curves=(),
        would_change=(),
        abstentions=(NO_DETECTORS,),
        artists=(),
        release=None,
    )
    return replace(bare, **fields)  # type: ignore[arg-type]


def sample_reports(scene: Scene | None = None) -> Mapping[str, Report]:
    """One report for each verdict, and an altered photograph, altered sound, and a comparison without registration."""
    scene = scene or drawn_scene()
    no_release = Finding("release_match", 1, 3, "No release matches.", "release_match.none")
    same = Finding("same_bytes", 1, 1, "Same bytes.", "same_bytes.release", 1.0, data={"title": "별빛 무대 2026"})
    bank = Finding(
        "bank_match", 1, 2, "Known.", "bank_match.found", 57.0, data={"because": "confirmed by counsel, 2026-09-02"}
    )
    one_voice = replace(
        altered_report(scene),
        probe=Probe("voice_memo.m4a", SHA256, Kind.AUDIO, 9.8, None, None),
        changes=(Change(Region.VOICE, Span(2.9, 7.2), None, 9.6, {"kind": "replaced"}),),
        curves=(curve(Region.VOICE, ((2.9, 7.2, 7.0),), 5.0),),
        pictures=(),
        edits=(Edit("music_bed"),),
        artists=(),
    )
    still = replace(
        altered_report(scene),
        probe=Probe("photo.jpg", SHA256, Kind.IMAGE, None, scene.image.width, scene.image.height),
        changes=(Change(Region.MOUTH, Span(0, 0), scene.mouth, 22.0, {"threshold": 6.0}),),
        pictures=pictures(scene, 0.0, 0, scene.mouth),
        curves=(),
        edits=(Edit("scale", {"factor": 0.5}),),
        release=ReleaseMatch("rel_9", "포토북 3쪽", (Segment(Span(0, 0), 0, 1, mirrored=False),), 88, "pdq"),
    )
    return {
        "authentic": _bare(
            scene, Verdict.AUTHENTIC, "same_bytes.release", release=_release(), findings=(same,), abstentions=()
        ),
        "authentic_copy": copy_report(scene),
        "altered": altered_report(scene),
        "altered_image": still,
        "altered_audio": one_voice,
        "compare": replace(altered_report(scene), release=_release(None, "master 최종.mov"), artists=()),
        "known_fake": _bare(scene, Verdict.KNOWN_FAKE, "bank_match.found", findings=(NO_C2PA, bank)),
        "likely_fake": _bare(
            scene,
            Verdict.LIKELY_FAKE,
            "detectors",
            llr_log10=1.7,
            artists=(ARTIST,),
            abstentions=(),
            findings=(
                NO_C2PA,
                no_release,
                FACE,
                Finding("detectors", 1, 5, "Signs of blending.", "detectors.signs", 0.9, 1.7),
            ),
        ),
        "inconclusive": _bare(
            scene, Verdict.INCONCLUSIVE, "none", artists=(ARTIST,), findings=(NO_C2PA, no_release, FACE)
        ),
        "not_ours": _bare(
            scene,
            Verdict.NOT_OURS,
            "none",
            findings=(NO_C2PA, no_release, Finding("face_identity", 1, 4, "Nobody.", "face_identity.none")),
        ),
    }
