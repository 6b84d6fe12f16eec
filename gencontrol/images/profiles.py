"""Colour profiles: a picture that brings one is brought to sRGB, which is what encoders were trained on."""

import io

from PIL import Image, ImageCms

# What a profile calls the colours that it is for, by the mode of the images that it fits.
_SPACES = {"L": "GRAY", "LA": "GRAY", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}


def to_srgb(image: Image.Image) -> Image.Image:
    """The image in sRGB, by the profile that is embedded in it; as it is if there is none, or one that does not fit.

    A broken profile counts as none, as in browsers. Alpha is left alone.

    Args:
        image: Of mode L, LA, RGB, RGBA or CMYK.

    Returns:
        Of the same mode; a CMYK image that has a profile becomes RGB.
    """
    profile = _embedded(image)
    if profile is None:
        return image
    if image.mode == "LA":
        grey, alpha = image.split()
        return Image.merge("LA", (_converted(grey, profile).getchannel("R"), alpha))
    converted = _converted(image, profile)
    return converted.getchannel("R") if image.mode == "L" else converted


def _embedded(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """The profile, if it is of the image's kind and says anything else than sRGB."""
    content = image.info.get("icc_profile")
    if not content:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        name = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError):
        return None
    # Programs that make a picture grey may leave the profile of its colours in it.
    fits = ImageCms.core.profile_frombytes(content).xcolor_space.strip() == _SPACES.get(image.mode)
    return profile if fits and "sRGB" not in name else None


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    except ImageCms.PyCMSError:
        return image.convert(mode)
    assert converted is not None
    return converted
