"""The words of the report: one table per vocabulary, keyed by the code that a step emits.

To add a sentence: one line here, one entry in each `haechi.po` (see `haechi.core.language`). A code may
have several sentences, richest first; the first whose fields are all present in the data is spoken, so that
a step may say less than another without losing the translation. A code that is not here is shown as the
step worded it, in English. A state in the data refines a code: `c2pa.present` with `state: invalid` looks
for `c2pa.present.invalid` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from haechi.core.language import mark
from haechi.core.records import Kind, Region, Verdict


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """How one verdict looks and sounds: its word, its general sentence, what to do now, and its default way
    out.
    """

    word: str
    sentence: str
    next_step: str
    would_change: str


VERDICTS: Mapping[Verdict, VerdictWords] = {
    Verdict.AUTHENTIC: VerdictWords(
        mark("Authentic"),
        mark("This is your original, unmodified."),
        mark("Nothing needs to be done. The file can be shared as it is."),
        mark("Any change to the file, even of one byte, ends this verdict."),
    ),
    Verdict.AUTHENTIC_COPY: VerdictWords(
        mark("Unaltered copy"),
        mark("Made from your original. No change to a person or a voice was found."),
        mark("This is not a fake. Whether the copy may be shared is a matter of rights, not of truth."),
        mark("A copy in better quality could show a change that is too faint to see in this one."),
    ),
    Verdict.ALTERED: VerdictWords(
        mark("Altered"),
        mark("It differs from your original in more than its quality or its frame."),
        mark("Look at the marked places yourself. Keep the file and this report unchanged: both are evidence."),
        mark("If the company itself published this version, register it as a release and check again."),
    ),
    Verdict.KNOWN_FAKE: VerdictWords(
        mark("Known fake"),
        mark("A reviewer has already confirmed this as fake."),
        mark("It can join the existing case. Note where and when you found it."),
        mark("Only the reviewer who confirmed the fake can withdraw it from the list."),
    ),
    Verdict.LIKELY_FAKE: VerdictWords(
        mark("Probably fake"),
        mark("The signs point to a fake, but there was no original to compare it with."),
        mark("Do not call it fake in public yet: a person must confirm it. Finding the original would settle it."),
        mark("The original footage: comparing with it turns an estimate into a fact."),
    ),
    Verdict.INCONCLUSIVE: VerdictWords(
        mark("Undecided"),
        mark("There is not enough evidence to call it real or fake."),
        mark("Treat it as neither real nor fake. A better copy, or the original, may decide it."),
        mark("A longer or clearer copy, or the original footage to compare with."),
    ),
    Verdict.NOT_OURS: VerdictWords(
        mark("Not one of yours"),
        mark("None of your enrolled artists and none of your releases was found in it."),
        mark(
            "This says nothing about whether it is real. If it should be yours, register the original and check again."
        ),
        mark("Registering the release or enrolling the artist whom you expected to find."),
    ),
}

REGIONS: Mapping[Region, tuple[str, str]] = {
    Region.MOUTH: (mark("Mouth"), mark("the mouth")),
    Region.EYES: (mark("Eyes"), mark("the eyes")),
    Region.FACE: (mark("Face"), mark("the face")),
    Region.HAIR: (mark("Hair"), mark("the hair")),
    Region.NECK: (mark("Neck"), mark("the neck")),
    Region.BODY: (mark("Body"), mark("the body")),
    Region.BACKGROUND: (mark("Background"), mark("the background")),
    Region.VOICE: (mark("Voice"), mark("the voice")),
}
"""Title of a region, and the region inside a sentence."""

PLURAL_REGIONS = frozenset({Region.EYES})

MANNERS: Mapping[str, str] = {
    "inserted": mark("put in"),
    "removed": mark("taken out"),
    "replaced": mark("replaced"),
    "moved": mark("taken from another moment of the original"),
}
"""How a place was changed, by `Change.detail["kind"]`; `moved_in_time` is the last."""

STEPS: Mapping[str, str] = {
    "same_bytes": mark("same bytes"),
    "c2pa": mark("Content Credentials (C2PA)"),
    "watermark": mark("watermark"),
    "release_match": mark("search among your releases"),
    "bank_match": mark("search among confirmed fakes"),
    "comparison": mark("comparison with the original"),
    "audio": mark("comparison of the sound"),
    "media": mark("reading the file"),
    "face_identity": mark("face recognition"),
    "voice_identity": mark("voice recognition"),
    "detectors": mark("blind detectors"),
    "none": mark("absence of evidence"),
}

RANKS: Mapping[int, str] = {
    1: mark("proof of origin"),
    2: mark("confirmed by a person"),
    3: mark("measured against the original"),
    4: mark("who is shown"),
    5: mark("estimate"),
}

FINDINGS: Mapping[str, tuple[str, ...]] = {
    "same_bytes.release": (
        mark("The file is identical, byte for byte, to your release ‘{title}’."),
        mark("The file is identical, byte for byte, to one of your releases."),
    ),
    "same_bytes.master": (mark("The two files are identical, byte for byte."),),
    "same_bytes.bank": (
        mark("The file is identical, byte for byte, to a confirmed fake ({because})."),
        mark("The file is identical, byte for byte, to the confirmed fake {id}."),
        mark("The file is identical, byte for byte, to a confirmed fake."),
    ),
    "same_bytes.none": (mark("No registered file has the same bytes."),),
    "c2pa.present.trusted": (
        mark("It carries intact Content Credentials, signed by {issuer}, who is trusted."),
        mark("It carries intact Content Credentials from a trusted signer."),
    ),
    "c2pa.present.valid": (
        mark("It carries intact Content Credentials that name {issuer}; nobody here vouches for that signer."),
        mark("It carries intact Content Credentials; nobody here vouches for the signer."),
    ),
    "c2pa.present.expired": (
        mark(
            "It carries Content Credentials that have run out with the certificate of {issuer}; they prove nothing now."
        ),
        mark("It carries Content Credentials that have run out with the signer's certificate; they prove nothing now."),
    ),
    "c2pa.present.invalid": (
        mark("It carries Content Credentials that do not fit the file: it was changed after signing."),
    ),
    "c2pa.present": (
        mark("It carries Content Credentials (C2PA) that name {issuer}."),
        mark("It carries Content Credentials (C2PA)."),
    ),
    "c2pa.damaged": (mark("It carries Content Credentials, but they are damaged and cannot be read."),),
    "c2pa.elsewhere": (mark("Its Content Credentials lie on a server, at {remote_url}; they were not fetched."),),
    "c2pa.unfetched": (
        mark("Its Content Credentials lie on a server, at {remote_url}, and could not be fetched: {reason}"),
        mark("Its Content Credentials lie on a server, at {remote_url}, and could not be fetched."),
    ),
    "c2pa.fetched": (mark("Its Content Credentials were fetched from {fetched_from}."),),
    "c2pa.absent": (mark("It carries no Content Credentials (C2PA). Most files on the web carry none."),),
    "watermark.found.recipient": (
        mark(
            "It carries the invisible mark of your release ‘{title}’, in the copy for {recipient}, "
            "and shows that release."
        ),
    ),
    "watermark.found": (mark("It carries the invisible mark of your release ‘{title}’, and shows that release."),),
    "watermark.differs": (
        mark(
            "It carries the invisible mark of your release ‘{title}’, but shows something else: "
            "the mark was moved here from another picture."
        ),
    ),
    "watermark.differs.video": (
        mark(
            "It carries the invisible mark of your release ‘{title}’, but shows something else: "
            "the mark was moved here from another film."
        ),
    ),
    "watermark.differs.audio": (
        mark(
            "It carries the invisible mark of your release ‘{title}’, but holds something else: "
            "the mark was moved here from another recording."
        ),
    ),
    "watermark.unconfirmed": (
        mark(
            "It carries the invisible mark of your release ‘{title}’; "
            "there is too little in it to tell whether it shows that release."
        ),
    ),
    "watermark.unknown": (mark("It carries an invisible mark of yours whose number is not known here."),),
    "watermark.gone": (
        mark("The invisible mark is missing in places: something was laid over the picture there, or replaced it."),
    ),
    "release_match.found": (
        mark("It was made from your release ‘{title}’."),
        mark("It was made from one of your releases."),
    ),
    "release_match.none": (
        mark("None of your releases was found in it; {searched} were searched."),
        mark("None of your releases was found in it."),
    ),
    "bank_match.found": (
        mark("It shows the same content as a confirmed fake ({because})."),
        mark("It shows the same content as the confirmed fake {id}."),
        mark("It shows the same content as a confirmed fake."),
    ),
    "bank_match.none": (mark("It is none of the confirmed fakes."),),
    "comparison.plain_copy": (mark("Moment by moment it agrees with the original, apart from harmless edits."),),
    "comparison.changed": (
        mark("It differs from the original in {count} places, more than any harmless copy would."),
        mark("It differs from the original, more than any harmless copy would."),
    ),
    "comparison.voice_same": (mark("The sound agrees with the sound of the original."),),
    "comparison.voice_changed": (mark("The voice differs from the original in the marked places."),),
    "comparison.audio_same": (mark("The sound agrees with the sound of the original."),),
    "comparison.audio_replaced": (mark("The sound is not the sound of the original: another one was put under it."),),
    "comparison.sound_alone": (mark("Only the sound is the original's: none of its pictures were found."),),
    "comparison.audio_changed": (mark("The sound differs from the original in places."),),
    "face_identity.found": (
        mark("It seems to show {name}."),
        mark("It seems to show {artist}."),
        mark("It seems to show one of your enrolled artists."),
    ),
    "face_identity.none": (mark("It shows none of your enrolled artists, as far as the faces can be told."),),
}

ABSTENTIONS: Mapping[str, tuple[str, ...]] = {
    "watermark.absent": (mark("No invisible mark of yours was read in it; heavy editing can remove one."),),
    "comparison.too_small": (mark("The faces are too small in this copy for a comparison."),),
    "comparison.not_aligned": (mark("The file could not be lined up with the original."),),
    "comparison.nothing_common": (mark("One file has only sound and the other has none: nothing can be compared."),),
    "comparison.still_master": (mark("The original is a still picture: moving pictures cannot be compared with it."),),
    "comparison.time_unclear": (mark("The picture hardly moves, so that differences in time may have been missed."),),
    "comparison.undecoded": (
        mark("Damage has taken {seconds} s of the pictures; nothing can be said of them."),
        mark("Damage has taken a part of the pictures; nothing can be said of it."),
    ),
    "comparison.no_sound": (mark("Neither file has any sound."),),
    "comparison.audio_removed": (mark("The file has no sound, so that the voice could not be compared."),),
    "comparison.master_has_no_audio": (mark("The original has no sound, so that the voice could not be compared."),),
    "comparison.no_master": (mark("There is no original to compare it with."),),
    "comparison.too_short": (mark("The file is too short for a comparison."),),
    "comparison.failed": (mark("The comparison did not come to an end."),),
    "audio.missing": (mark("One of the two files has no sound, so that the voice could not be compared."),),
    "audio.too_short": (mark("The sound is too short to be compared."),),
    "audio.not_aligned": (mark("The sound could not be lined up with the sound of the original."),),
    "face_identity.no_artist_enrolled": (mark("No artist is enrolled, so that nobody could be recognised."),),
    "face_identity.low_quality": (mark("The faces are too small or too blurred to be recognised."),),
    "face_identity.no_face": (mark("No face was found in it."),),
    "face_identity.no_models": (mark("Face recognition is not installed."),),
    "detectors.none_installed": (mark("No blind detector is installed: only facts were used, no estimates."),),
    "release_match.no_release": (mark("No release is registered yet, so that there was nothing to search."),),
    "c2pa.unsupported": (mark("Content Credentials cannot be read from this type of file."),),
}

MOVED_MARK: Mapping[Kind, str] = {
    Kind.IMAGE: mark("It carries an invisible mark of yours that belongs to another picture: the mark was moved here."),
    Kind.VIDEO: mark("It carries an invisible mark of yours that belongs to another film: the mark was moved here."),
    Kind.AUDIO: mark(
        "It carries an invisible mark of yours that belongs to another recording: the mark was moved here."
    ),
}

EDITS: Mapping[str, tuple[str, ...]] = {
    "reencode": (mark("saved again, with some loss of quality"),),
    "scale": (mark("resized to {percent} %"), mark("resized")),
    "crop": (mark("cropped by {percent} %"), mark("cropped")),
    "letterbox": (mark("bars added around the picture"),),
    "blurred_fill": (mark("blurred background added around the picture"),),
    "caption": (mark("text or subtitles added"),),
    "overlay": (mark("something laid over the picture"),),
    "sticker": (mark("sticker added"),),
    "logo": (mark("logo added"),),
    "border": (mark("border added"),),
    "mirror": (mark("mirrored"),),
    "rotation": (mark("rotated by {degrees}°"), mark("rotated")),
    "speed": (mark("speed changed"),),
    "speed.faster": (mark("faster by {percent} %"),),
    "speed.slower": (mark("slower by {percent} %"),),
    "trim": (mark("{shown_s} of the original’s {master_s} seconds"), mark("only a part of the original")),
    "joined": (
        mark("joined from {pieces} pieces"),
        mark("{foreign_s} seconds of other material joined in"),
        mark("joined from several pieces"),
    ),
    "frame_rate": (mark("number of pictures per second changed"),),
    "filter": (mark("colours changed by a filter"),),
    "beauty_filter": (mark("skin smoothed by a beauty filter"),),
    "blur": (mark("blurred"),),
    "sharpen": (mark("sharpened"),),
    "grey": (mark("turned to black and white"),),
    "picture_in_picture": (mark("shown inside another picture"),),
    "audio_replaced": (mark("another sound put under the picture"),),
    "pictures_replaced": (mark("other pictures shown with the sound"),),
    "audio_removed": (mark("sound removed"),),
    "music_bed": (mark("music laid under the sound"),),
    "audio_filter": (mark("sound filtered"),),
    "audio_added": (mark("sound added to a silent original"),),
    "audio_speed": (mark("sound played at another speed"),),
    "audio_delay": (mark("sound shifted by {delay_s} s"), mark("sound shifted")),
    "audio_dynamics": (mark("loudness evened out"),),
    "pitch": (mark("sound {semitones} semitones higher or lower"), mark("pitch of the sound changed")),
    "volume": (mark("volume changed by {gain_db} dB"), mark("volume changed")),
    "noise": (mark("noise in the sound"),),
    "aspect": (mark("stretched or squeezed"),),
}

NOTES: tuple[str, ...] = (
    mark("the file breaks off or is damaged; only the part before that was read"),
    mark("{count} time stamps were missing or went back and were replaced"),
    mark("interlaced frames were deinterlaced"),
    mark("only the first page was read"),
    mark("CMYK was converted to RGB without a colour profile"),
    mark("more than 8 bits were reduced to 8"),
    mark("a sound track is named but nothing in it could be decoded"),
    mark("stored mirrored; shown as its display matrix asks"),
    mark("HDR ({hdr}) was converted to SDR by a fixed tone curve"),
    mark("interlaced; it is deinterlaced before it is compared"),
    mark("pixels are not square; shown at {size}"),
    mark("a transparency layer is ignored"),
    mark("the header claims {claimed} s, but only {measured} s are there"),
)
"""What the media reader assumed or converted, told as it words it; recognised by their shape."""

STRENGTHS: tuple[tuple[float, str], ...] = (
    (3.0, mark("far beyond what any harmless copy shows")),
    (1.5, mark("clearly beyond what a harmless copy shows")),
    (0.0, mark("just beyond what a harmless copy shows")),
)
"""Strength over its threshold, at least, and its words."""

AGREEING = frozenset({"comparison.plain_copy", "comparison.voice_same", "comparison.audio_same"})
"""Codes of a comparison that speak against an alteration."""

LLR_SCALE: tuple[tuple[float, str, str], ...] = (
    (4.0, mark("very strong evidence that it is fake"), mark("very strong evidence that it is real")),
    (3.0, mark("strong evidence that it is fake"), mark("strong evidence that it is real")),
    (
        2.0,
        mark("moderately strong evidence that it is fake"),
        mark("moderately strong evidence that it is real"),
    ),
    (1.0, mark("moderate evidence that it is fake"), mark("moderate evidence that it is real")),
    (0.3, mark("weak evidence that it is fake"), mark("weak evidence that it is real")),
    (0.0, mark("no evidence either way"), mark("no evidence either way")),
)
"""|log10 LR| at least, words for a fake, words for the contrary; the steps of ENFSI's 2015 guideline on
reporting."""
